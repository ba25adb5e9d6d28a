// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import auditbus.agent.capture.CaptureReport;
import auditbus.agent.trail.Readers;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.CaptureStatus;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.SourceStatus;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What another process, another user, left in capture.json: it may be anything. */
@Timeout(60)
class CaptureStatusFileTest {
  @TempDir Path directory;
  private Path file;
  private CaptureView view;

  @BeforeEach
  void write() {
    AgentConfig config =
        AgentConfig.of(
            Map.of("trail.dir", directory.toString(), "sources.kernel.type", "kernel"),
            Half.CAPTURE);
    file = CaptureStatusFile.file(config);
    view = CaptureStatusFile.reader(() -> config);
    new StatusFile(file, Readers.NONE).write(status(Instant.now()));
  }

  @Test
  void whole_isReadAsItWasWritten() {
    assertThat(view.kernel().orElseThrow().getPid()).isEqualTo(4711);
    CaptureReport report = view.report("kernel").orElseThrow();
    assertThat(report.running()).isTrue();
    assertThat(report.error()).isEmpty();
    assertThat(report.received()).isEqualTo(10);
    assertThat(report.written()).isEqualTo(8);
    assertThat(report.dropped()).isEqualTo(2);
    assertThat(report.overruns()).isEqualTo(3);
    assertThat(report.status().getReceiveBuffer()).isEqualTo(212_992);
    assertThat(report.status().getTrail()).contains("20261120104500");
    assertThat(view.report("other")).isEmpty();
  }

  @Test
  void old_isAProcessThatSaysNothing() {
    new StatusFile(file, Readers.NONE).write(status(Instant.now().minusSeconds(60)));
    CaptureReport report = view.report("kernel").orElseThrow();
    assertThat(report.running()).isFalse();
    assertThat(report.error().orElseThrow()).contains("has not said anything since");
  }

  @Test
  void cutAtEveryByte_isNothing() throws Exception {
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length < whole.length - 1; length++) { // the last is the line feed
      Files.write(file, Arrays.copyOf(whole, length));
      assertThat(view.kernel()).as("%s bytes", length).isEmpty();
      assertThat(view.report("kernel")).as("%s bytes", length).isEmpty();
    }
  }

  @Test
  void damagedAnywhere_doesNotEndItsReader() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    byte[] whole = Files.readAllBytes(file);
    for (int at = 0; at < whole.length; at++) {
      byte[] damaged = whole.clone();
      damaged[at] = (byte) random.nextInt(256);
      Files.write(file, damaged);
      assertThatCode(
              () -> {
                Optional<CaptureReport> _ = view.report("kernel");
                Optional<KernelStatus> _ = view.kernel();
              })
          .as("seed %s byte %s", seed, at)
          .doesNotThrowAnyException();
    }
    for (String odd :
        List.of(
            "[]",
            "1",
            "null",
            "{\"sources\":[{\"name\":\"kernel\"}]}",
            "{\"sources\":7}",
            "{\"kernel\":{\"pid\":\"x\"}}",
            "{\"at\":\"+1000000000-12-31T23:59:59Z\",\"intervalMs\":9223372036854775807,\"sources\":[{\"name\":\"kernel\"}]}")) {
      Files.writeString(file, odd);
      assertThatCode(
              () -> {
                Optional<CaptureReport> _ = view.report("kernel");
                Optional<KernelStatus> _ = view.kernel();
              })
          .as(odd)
          .doesNotThrowAnyException();
    }
  }

  @Test
  void whatIsNoFileOfOurs_isNotOpened() throws Exception {
    Files.write(file, new byte[2 << 20]);
    assertThat(view.report("kernel")).isEmpty();
    Files.delete(file);
    assertThat(view.report("kernel")).isEmpty();
    ConfinedAgent.run("mkfifo", file.toString()); // to open it would take for ever
    assertThat(view.report("kernel")).isEmpty();
    Files.delete(file);
    Files.createSymbolicLink(file, Path.of("/dev/zero"));
    assertThat(view.report("kernel")).isEmpty();
  }

  private static AgentStatus status(Instant at) {
    Instant micros = at.truncatedTo(ChronoUnit.MICROS);
    return AgentStatus.newBuilder()
        .setHost("web1")
        .setEpoch(1)
        .setVersion("1")
        .setStarted(micros)
        .setAt(micros)
        .setSequence(7)
        .setIntervalMs(5000)
        .setKernel(new KernelStatus(1L, 1L, 4711L, 0L, 8192L, 0L, 0L, 15_000L, 0L))
        .setSources(
            List.of(
                SourceStatus.newBuilder()
                    .setName("kernel")
                    .setType("kernel")
                    .setState("RUNNING")
                    .setHead(100)
                    .setAcked(0)
                    .setWaitingBytes(0)
                    .setReceived(10)
                    .setWritten(8)
                    .setDropped(2)
                    .setAckedRecords(0)
                    .setWaitingRecords(8)
                    .setEvents(0)
                    .setIncomplete(0)
                    .setUnparsed(0)
                    .setOverruns(3)
                    .setTrailsClosed(0)
                    .setCapture(
                        CaptureStatus.newBuilder()
                            .setAttached(true)
                            .setTrail("20261120104500")
                            .setPosition(100)
                            .setReceiveBuffer(212_992)
                            .build())
                    .build()))
        .build();
  }
}
