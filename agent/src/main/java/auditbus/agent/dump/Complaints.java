// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.util.function.Consumer;

/**
 * Tells on standard error what could not be read: each place once, at most {@value #MOST} of them,
 * the rest as a number. Bytes that follow one another are one place.
 *
 * <p>Not thread-safe.
 */
final class Complaints {
  static final int MOST = 20;

  private static final long SETTLE_NANOS = 1_000_000_000;

  private final Consumer<String> err;
  private long places;
  private long bytes;
  private long untold;
  private long untoldBytes;
  private boolean unreadable;

  // The place that may go on.
  private String file = "";
  private long from;
  private long to;
  private String reason = "";
  private long grownNanos;

  Complaints(Consumer<String> err) {
    this.err = err;
  }

  /** Some bytes of a file are no record. */
  void damage(String where, long position, long length, String why) {
    bytes += length;
    grownNanos = System.nanoTime();
    if (position == to && from < to && file.equals(where)) {
      to = position + length;
      return;
    }
    tell();
    file = where;
    from = position;
    to = position + length;
    reason = why;
  }

  /** A file lost bytes while it was being read. */
  void loss(String where, String what) {
    tell();
    places++;
    say(where + ": " + what);
  }

  /** A place cannot be read, or not to its end. */
  void unreadable(String where, String why) {
    tell();
    unreadable = true;
    say(where + ": " + why);
  }

  /** Nothing comes at present: tells of the last place if it did not go on for a second. */
  void idle(long nowNanos) {
    if (nowNanos - grownNanos > SETTLE_NANOS) {
      tell();
    }
  }

  /** Tells of the last place; it does not go on. */
  void tell() {
    if (from == to) {
      return;
    }
    places++;
    if (places <= MOST) {
      say(file + ": " + (to - from) + " bytes at position " + from + " cannot be read: " + reason);
    } else {
      untold++;
      untoldBytes += to - from;
    }
    from = to;
  }

  /** Tells how many places were not told of. */
  void end() {
    tell();
    if (untold > 0) {
      say(
          untold
              + " more places of together "
              + untoldBytes
              + " bytes cannot be read ("
              + places
              + " places, "
              + bytes
              + " bytes in all)");
      untold = 0;
    }
  }

  /** 3 if something could not be read, 1 if something was no record, else 0. */
  int exitCode() {
    return unreadable ? Dump.UNREADABLE : places > 0 ? Dump.DAMAGED : 0;
  }

  private void say(String text) {
    err.accept("auditbus dump: " + SafeText.line(text));
  }
}
