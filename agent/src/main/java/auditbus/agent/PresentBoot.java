// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.event.Boot;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * The boot the host is in now: an event is of it whose time is not before the boot began and not
 * after the event was read.
 *
 * <p>When it began is {@code btime} of {@code /proc/stat} (proc_stat(5)), whole seconds of wall
 * clock, rounded down. That moves when the clock is set, so it is read again every 10 s at most.
 * There is no margin below it: a host does not go down, through its firmware and up to its first
 * event within the second that the rounding may cost, while its last events are often that young. A
 * clock that was set since an event leaves the event without a boot, except where the boot before
 * ran with a clock in the future: its events between the present boot's beginning and now look like
 * ours.
 *
 * <p>Not thread-safe: the distribution thread owns it.
 */
final class PresentBoot implements Boot {
  static final Path STAT = Path.of("/proc/stat");

  private static final long REREAD_NANOS = Duration.ofSeconds(10).toNanos();
  private static final String BEGAN = "btime ";

  private final Optional<String> id;
  private final Path stat;
  private final LongSupplier nanoClock;

  private Optional<Instant> began = Optional.empty();
  private long nextReadNanos;

  /**
   * Makes it; nothing is read.
   *
   * @param id the kernel's boot id, empty where it tells none: then no event has one
   * @param stat {@link #STAT}
   * @param nanoClock as {@link System#nanoTime}
   */
  PresentBoot(Optional<String> id, Path stat, LongSupplier nanoClock) {
    this.id = id;
    this.stat = stat;
    this.nanoClock = nanoClock;
    this.nextReadNanos = nanoClock.getAsLong();
  }

  @Override
  public Optional<String> of(Instant time, Instant observed) {
    if (id.isEmpty()) {
      return id;
    }
    long now = nanoClock.getAsLong();
    if (now - nextReadNanos >= 0) {
      nextReadNanos = now + REREAD_NANOS;
      began = read();
    }
    boolean ours = began.isPresent() && !time.isBefore(began.get()) && !time.isAfter(observed);
    return ours ? id : Optional.empty();
  }

  private Optional<Instant> read() {
    try {
      for (String line : Files.readAllLines(stat, StandardCharsets.US_ASCII)) {
        if (line.startsWith(BEGAN)) {
          return Optional.of(
              Instant.ofEpochSecond(Long.parseLong(line.substring(BEGAN.length()).strip())));
        }
      }
      return Optional.empty();
    } catch (IOException | NumberFormatException e) {
      return Optional.empty(); // not every system has it
    }
  }
}
