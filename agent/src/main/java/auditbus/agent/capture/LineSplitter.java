// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

/**
 * Cuts a stream of text into lines, as they come: each is handed on whole when its line feed is
 * there.
 *
 * <p>A line that is longer than {@value #LONGEST_BYTES} bytes is handed on in pieces of that size,
 * which is where a reader of trails cuts it, too. No byte is changed, left away or added, but for
 * the line feed of {@link #finish}.
 *
 * <p>Not thread-safe: the capturing thread owns it.
 */
final class LineSplitter {
  /** Longest line, its line feed included. */
  static final int LONGEST_BYTES = 64 * 1024;

  private final LineAssembler lines;
  private final byte[] begun = new byte[LONGEST_BYTES];
  private int length;
  private boolean within; // a line, of which pieces may be gone already

  LineSplitter(LineAssembler lines) {
    this.lines = lines;
  }

  /**
   * Takes the stream's next bytes from the given one on, as many as there is room for.
   *
   * @return the first one that was not taken, or how many there are
   */
  int take(byte[] chunk, int from) {
    int at = from;
    while (at < chunk.length) {
      int most = Math.min(chunk.length - at, begun.length - length);
      int count = 0;
      boolean ends = false;
      while (count < most && !ends) {
        ends = chunk[at + count] == '\n';
        count++;
      }
      System.arraycopy(chunk, at, begun, length, count);
      if (ends || length + count == begun.length) {
        if (!lines.take(begun, length + count)) {
          return at;
        }
        length = 0;
      } else {
        length += count;
      }
      within = !ends;
      at += count;
    }
    return at;
  }

  /** Whether the stream stands within a line. */
  boolean isWithinLine() {
    return within;
  }

  /**
   * Ends the line the stream stands within, so that whatever comes next is a line of its own.
   *
   * @return false if there is no room
   */
  boolean finish() {
    if (!within) {
      return true;
    }
    begun[length] = '\n'; // INVARIANT: there is room for it, a full piece was handed on
    if (!lines.take(begun, length + 1)) {
      return false;
    }
    length = 0;
    within = false;
    return true;
  }
}
