// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.capture.AudispCapture;
import auditbus.agent.capture.Capture;
import auditbus.agent.capture.CaptureSettings;
import auditbus.agent.capture.CaptureSettings.Startup;
import auditbus.agent.capture.CaptureTotals;
import auditbus.agent.capture.KernelCapture;
import auditbus.agent.capture.KernelCapture.Mode;
import auditbus.agent.trail.FlushPolicy;
import auditbus.agent.trail.OnFull;
import auditbus.agent.trail.TrailSettings;
import auditbus.agent.trail.TrailWriter;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;

/** Makes the captures a configuration asks for. Thread-safe. */
final class CaptureFactory implements Captures.Factory {
  private static final int FIRST_INHERITED_FD = 3; // sd_listen_fds(3)

  private final Supplier<Optional<String>> first;

  /**
   * Makes a factory.
   *
   * @param first the record that a trail of the kernel's records begins with
   */
  CaptureFactory(Supplier<Optional<String>> first) {
    this.first = first;
  }

  @Override
  public Capture make(SourceConfig source, AgentConfig config, CaptureTotals totals) {
    CaptureConfig how = config.capture();
    TrailWriter writer =
        new TrailWriter(
            trails(source, how),
            new AcknowledgedTrails(config.stateDir().resolve("checkpoint"), source.name()),
            InstantSource.system(),
            System::nanoTime);
    return switch (source.type()) {
      case KERNEL ->
          new KernelCapture(
              source.name(),
              Mode.UNICAST,
              settings(how),
              OptionalInt.empty(),
              first,
              excluded(source),
              writer,
              totals);
      case READLOG ->
          new KernelCapture(
              source.name(),
              Mode.MULTICAST,
              settings(how),
              inheritedFd(System.getenv()),
              first,
              excluded(source),
              writer,
              totals);
      case AUDISP ->
          new AudispCapture(
              source.name(),
              Optional.of(source.input()).filter(path -> !path.equals(SourceConfig.STDIN)),
              writer,
              totals);
      case AUDITLOG, TRAILS ->
          throw new IllegalArgumentException(source.type().word() + " is not captured");
    };
  }

  /** The first socket that whoever started this process holds for it, as systemd says so. */
  static OptionalInt inheritedFd(Map<String, String> environment) {
    boolean ours =
        Long.toString(ProcessHandle.current().pid()).equals(environment.get("LISTEN_PID"));
    boolean any = !environment.getOrDefault("LISTEN_FDS", "0").equals("0");
    return ours && any ? OptionalInt.of(FIRST_INHERITED_FD) : OptionalInt.empty();
  }

  private static Path excluded(SourceConfig source) {
    return source.trails().resolve(".excluded");
  }

  private static TrailSettings trails(SourceConfig source, CaptureConfig how) {
    FlushPolicy flush =
        switch (how.flush()) {
          case "none" -> new FlushPolicy.None();
          case "sync" -> new FlushPolicy.Sync();
          default -> new FlushPolicy.Incremental(how.flushRecords(), how.flushInterval());
        };
    return new TrailSettings(
        source.trails(),
        how.group(),
        how.maxBytes(),
        how.maxAge(),
        flush,
        how.minFreeBytes(),
        how.dropOldest() ? OnFull.DROP_OLDEST : OnFull.BLOCK,
        how.keep());
  }

  private static CaptureSettings settings(CaptureConfig how) {
    return new CaptureSettings(
        how.receiveBufferBytes(),
        how.livenessInterval(),
        Startup.valueOf(how.startup().toUpperCase(Locale.ROOT)),
        how.backlogLimit(),
        how.backlogWaitTime(),
        how.failure(),
        how.rateLimit());
  }
}
