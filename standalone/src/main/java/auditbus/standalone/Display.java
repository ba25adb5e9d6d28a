// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/**
 * Shows a running standalone: on a terminal one line that is drawn anew while there is much to
 * send; else, and elsewhere, a plain line where something changed, at most every five seconds.
 *
 * <p>Not thread-safe: one thread owns a display.
 */
final class Display {
  private static final long PLAIN_NANOS = Duration.ofSeconds(5).toNanos();
  private static final long REDRAW_NANOS = Duration.ofMillis(500).toNanos();

  /** As much to send is worth a progress display. */
  private static final long LONG_BYTES = 16L << 20;

  private final PrintStream out;
  private final boolean terminal;
  private long shownNanos;
  private String shown = "";
  private boolean drawn;
  private long rateNanos;
  private long rateEvents;
  private long rateBytes;
  private double eventsPerSecond;
  private double bytesPerSecond;

  /**
   * A display that begins now.
   *
   * @param terminal whether a line can be drawn anew
   */
  Display(PrintStream out, boolean terminal, long nowNanos) {
    this.out = out;
    this.terminal = terminal;
    this.shownNanos = nowNanos;
    this.rateNanos = nowNanos;
  }

  /** Takes the latest counts, and shows them if it is time to. */
  void show(
      Tally.Counts counts,
      CollectedTrails.Found found,
      List<SourceProgress> sources,
      long nowNanos) {
    long interval = terminal ? REDRAW_NANOS : PLAIN_NANOS;
    if (nowNanos - shownNanos < interval) {
      return;
    }
    measure(counts, nowNanos);
    shownNanos = nowNanos;
    long known = sources.stream().mapToLong(SourceProgress::bytesKnown).sum();
    long acked = sources.stream().mapToLong(SourceProgress::bytesAcked).sum();
    if (terminal && known - acked > LONG_BYTES) {
      out.print("\r\u001b[K" + progress(known, acked));
      out.flush();
      drawn = true;
      return;
    }
    String line = Report.live(counts, found, eventsPerSecond);
    if (terminal && !line.equals(shown)) {
      out.print("\r\u001b[K" + line);
      out.flush();
      drawn = true;
    } else if (!terminal && !line.equals(shown)) {
      out.println(line);
    }
    shown = line;
  }

  /** Prints a line of its own, below what was drawn. */
  void line(String line) {
    if (drawn) {
      out.println();
      drawn = false;
    }
    out.println(line);
  }

  private void measure(Tally.Counts counts, long nowNanos) {
    double seconds = (nowNanos - rateNanos) / 1e9;
    eventsPerSecond = (counts.events() - rateEvents) / seconds;
    bytesPerSecond = (counts.bytes() - rateBytes) / seconds;
    rateNanos = nowNanos;
    rateEvents = counts.events();
    rateBytes = counts.bytes();
  }

  private String progress(long known, long acked) {
    StringBuilder line =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "sending %3d %%  %s of %s, %s/s, %,.0f events/s",
                100 * acked / Math.max(1, known),
                Amounts.bytes(acked),
                Amounts.bytes(known),
                Amounts.bytes((long) bytesPerSecond),
                eventsPerSecond));
    if (bytesPerSecond > 0) {
      line.append(
          String.format(
              Locale.ROOT, ", %,.0f s left", Math.ceil((known - acked) / bytesPerSecond)));
    }
    return line.toString();
  }
}
