// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

/**
 * Says where the records of a trail end: what a format knows of framing, and nothing of decoding.
 *
 * <p>Every byte belongs to one frame: a whole record, or a piece that is none (junk, a part of
 * something longer than a record may be). Where frames end depends on the bytes alone, never on how
 * they were read.
 *
 * <p>Stateless and thread-safe.
 */
public interface Framing {
  /** Longest record in bytes; whoever holds twice as many can always tell where a frame ends. */
  int maxRecordBytes();

  /**
   * Where the frame at {@code start} ends.
   *
   * @param limit end of the bytes that are there
   * @param continued whether the frame before was a piece that {@link #continues} here
   * @return the position after a whole record; or, negative, the complement ({@code ~end}) of the
   *     position after a piece that is no whole record; 0 if more bytes are needed to tell
   */
  int frameEnd(byte[] bytes, int start, int limit, boolean continued);

  /**
   * Whether what follows this byte, the last of a piece that is no record, belongs to the same
   * broken thing: for text, everything up to the line end.
   */
  boolean continues(byte last);

  /**
   * Where the piece at {@code start} ends of which {@link #frameEnd} cannot tell, if the trail ends
   * at {@code limit}: it is no whole record, and what follows it is framed as usual.
   *
   * @return a position after {@code start}, at most {@code limit}
   */
  default int tornEnd(byte[] bytes, int start, int limit) {
    return limit;
  }

  /**
   * Why the piece {@code [start, end)} is no record, for a message: what was found, what was wanted
   * and at which byte of the piece.
   */
  String fault(byte[] bytes, int start, int end);
}
