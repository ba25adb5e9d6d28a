// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.Framing;
import auditbus.agent.event.Words;

/**
 * Cuts Linux audit text: a record is a line with its line feed, at most {@value #MAX_RECORD_BYTES}
 * bytes.
 *
 * <pre>
 *   type=SYSCALL msg=audit(1795170528.123:7): arch=c000003e … \n      a record
 *   65536 bytes without \n | 65536 more | the rest \n                 three pieces, none a record
 * </pre>
 *
 * <p>The rest of a line that is too long is a piece too, whatever it looks like: else whoever may
 * write a long line could forge a record.
 *
 * <p>Stateless and thread-safe.
 */
public final class LineFraming implements Framing {
  /**
   * Longest record in bytes; the kernel's longest line is 8,970 and auditd's enrichment can double
   * it.
   */
  public static final int MAX_RECORD_BYTES = 64 * 1024;

  @Override
  public int maxRecordBytes() {
    return MAX_RECORD_BYTES;
  }

  @Override
  public int frameEnd(byte[] bytes, int start, int limit, boolean continued) {
    int longest = Math.min(limit, start + MAX_RECORD_BYTES);
    int feed = Words.find(bytes, start, longest, '\n');
    if (feed < longest) {
      return continued ? ~(feed + 1) : feed + 1;
    }
    return longest - start == MAX_RECORD_BYTES ? ~longest : 0;
  }

  @Override
  public boolean continues(byte last) {
    return last != '\n';
  }

  @Override
  public String fault(byte[] bytes, int start, int end) {
    int length = end - start;
    if (length > 0 && bytes[end - 1] == '\n') {
      return "the rest, "
          + length
          + " bytes, of a line longer than a record may be ("
          + MAX_RECORD_BYTES
          + " bytes)";
    }
    return "no line end in "
        + length
        + " bytes, wanted one within "
        + MAX_RECORD_BYTES
        + ", found none up to byte "
        + length;
  }
}
