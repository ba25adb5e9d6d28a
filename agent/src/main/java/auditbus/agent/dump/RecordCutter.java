// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import auditbus.agent.event.Framing;
import auditbus.agent.event.TrailRecord;
import java.io.IOException;
import java.time.Instant;
import java.util.Arrays;

/**
 * Cuts the bytes of one file after the other into records.
 *
 * <p>Holds at most two records of the longest there may be and {@value #READ_BYTES} bytes. Not
 * thread-safe.
 */
final class RecordCutter {
  static final int READ_BYTES = 256 * 1024;

  /** Takes what was cut. */
  interface Sink {
    /**
     * Takes a record.
     *
     * @param torn whether it is the end of a file, where more bytes were wanted
     */
    void record(TrailRecord record, boolean torn) throws IOException;
  }

  private byte[] buffer = new byte[READ_BYTES];
  // INVARIANT: [start, limit) are bytes not handed on, the first of them at position of file.
  private int start;
  private int limit;
  private long position;
  private boolean continued;
  private String file = "";

  /** Begins with a file at its first byte; what is left of the one before is forgotten. */
  void begin(String newFile) {
    file = newFile;
    start = 0;
    limit = 0;
    position = 0;
    continued = false;
  }

  /** The bytes not handed on yet; for looking only. */
  byte[] pending() {
    return Arrays.copyOfRange(buffer, start, limit);
  }

  boolean isEmpty() {
    return start == limit;
  }

  /** Bytes of the file taken so far, handed on or not. */
  long taken() {
    return position + limit - start;
  }

  /** Makes room for a format's records. */
  void fit(Framing framing) {
    int wanted = 2 * framing.maxRecordBytes() + READ_BYTES;
    if (buffer.length < wanted) {
      buffer = Arrays.copyOf(buffer, wanted);
    }
  }

  /**
   * Takes more bytes.
   *
   * @return how many; -1 if the input has no more at present
   */
  int fill(TrailBytes in) throws IOException {
    if (start > 0) {
      System.arraycopy(buffer, start, buffer, 0, limit - start);
      limit -= start;
      start = 0;
    }
    int count = in.read(buffer, limit, Math.min(READ_BYTES, buffer.length - limit));
    limit += Math.max(0, count);
    return count;
  }

  /** Hands on every record whose end is there. */
  void cut(Framing framing, Sink sink) throws IOException {
    Instant observed = Instant.now();
    while (start < limit) {
      int end = framing.frameEnd(buffer, start, limit, continued);
      if (end == 0) {
        return;
      }
      boolean whole = end > 0;
      hand(whole ? end : ~end, whole, false, observed, sink);
      continued = !whole && framing.continues(buffer[start - 1]);
    }
  }

  /** Hands on what is left: the file ends here. */
  void end(Framing framing, Sink sink) throws IOException {
    while (start < limit) {
      hand(framing.tornEnd(buffer, start, limit), false, true, Instant.now(), sink);
      continued = framing.continues(buffer[start - 1]);
      cut(framing, sink);
    }
  }

  private void hand(int end, boolean whole, boolean torn, Instant observed, Sink sink)
      throws IOException {
    byte[] raw = Arrays.copyOfRange(buffer, start, end);
    long at = position;
    position += raw.length;
    start = end;
    sink.record(new TrailRecord(file, at, raw, whole, observed), torn);
  }
}
