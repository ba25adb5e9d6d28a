// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.event.TypeNames;
import auditbus.agent.netlink.MessageBatch;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Kernel messages as lines of audit text: {@code type=NAME msg=PAYLOAD\n}, as auditd writes them.
 *
 * <p>A line feed or NUL inside a payload becomes a space, or else whoever may send user messages
 * could forge a line; NULs at its end are left away. Nothing else is changed. Messages that are no
 * records (replies, acknowledgements, {@code AUDIT_REPLACE}) make no line.
 *
 * <p>Not thread-safe: the capturing thread owns it.
 */
final class LineAssembler {
  private static final int USER = 1005;
  private static final int LOGIN = 1006;
  private static final int FIRST_USER = 1100;
  private static final int REPLACE = 1329;
  private static final int KNOWN_TYPES = 4096;
  private static final byte[] STAMP = "audit(".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] HEAD = "type=".getBytes(StandardCharsets.US_ASCII);

  private final byte[][] prefixes = new byte[KNOWN_TYPES][];
  private final byte[] bytes;
  private final ByteBuffer lines;
  private final CaptureCounters counters;
  private int end;
  private int records;
  private boolean retained;

  /**
   * Makes one with room for this many bytes of lines.
   *
   * @param capacity at least the longest message and its prefix
   */
  LineAssembler(int capacity, CaptureCounters counters) {
    this.bytes = new byte[capacity];
    this.lines = ByteBuffer.wrap(bytes);
    this.counters = counters;
  }

  /**
   * Takes messages of a batch from the given one on, as many as there is room for.
   *
   * @return the first one that was not taken, or the batch's count
   */
  int take(MessageBatch batch, int from) {
    int i = from;
    for (; i < batch.count(); i++) {
      if (batch.senderPortId(i) != 0) {
        counters.spoofed.incrementAndGet();
        continue;
      }
      if (batch.truncated(i)) {
        counters.truncated.incrementAndGet();
      }
      int type = batch.type(i);
      if (type < 0) {
        counters.malformed.incrementAndGet();
        counters.dropped(1);
        continue;
      }
      if (!isRecord(type)) {
        continue;
      }
      byte[] prefix = prefix(type);
      int length = batch.length(i);
      if (end + prefix.length + length + 1 > bytes.length) {
        return i;
      }
      System.arraycopy(prefix, 0, bytes, end, prefix.length);
      end += prefix.length;
      batch.buffer().get(batch.offset(i), bytes, end, length);
      payload(length);
    }
    return i;
  }

  /** Takes a line with its line feed, or a piece of one, as it is; false if there is no room. */
  boolean take(byte[] line, int length) {
    if (end + length > bytes.length) {
      return false;
    }
    System.arraycopy(line, 0, bytes, end, length);
    end += length;
    records++;
    return true;
  }

  /** Lines taken and not yet {@link #written}. */
  int records() {
    return records;
  }

  /**
   * The lines, from the first byte not yet written on: who writes them moves its position, and
   * after a failure goes on with the same buffer.
   */
  ByteBuffer lines() {
    if (!retained) {
      lines.clear().limit(end);
      retained = true;
    }
    return lines;
  }

  /** Lines that are not written to their end. */
  int recordsLeft() {
    int left = 0;
    for (int i = lines.position(); i < lines.limit(); i++) {
      left += bytes[i] == '\n' ? 1 : 0;
    }
    return left;
  }

  /** Whether lines wait that could not be written yet. */
  boolean isRetained() {
    return retained;
  }

  /** Everything was written: room again. */
  void written() {
    end = 0;
    records = 0;
    retained = false;
  }

  private void payload(int length) {
    int from = end;
    int to = end + length;
    while (to > from && bytes[to - 1] == 0) {
      to--;
    }
    for (int i = from; i < to; i++) {
      if (bytes[i] < ' ' && (bytes[i] == '\n' || bytes[i] == 0)) {
        bytes[i] = ' ';
        counters.replaced.incrementAndGet();
      }
    }
    if (!startsWithStamp(from, to)) {
      counters.unstamped.incrementAndGet();
    }
    bytes[to] = '\n';
    end = to + 1;
    records++;
  }

  private boolean startsWithStamp(int from, int to) {
    if (to - from < STAMP.length) {
      return false;
    }
    for (int i = 0; i < STAMP.length; i++) {
      if (bytes[from + i] != STAMP[i]) {
        return false;
      }
    }
    return true;
  }

  /** Whether messages of that type are records: the others are netlink's own, or replies. */
  private static boolean isRecord(int type) {
    return type == USER || type == LOGIN || (type >= FIRST_USER && type != REPLACE);
  }

  private byte[] prefix(int type) {
    if (type >= KNOWN_TYPES) {
      return makePrefix(type);
    }
    byte[] known = prefixes[type];
    if (known == null) {
      known = makePrefix(type);
      prefixes[type] = known;
    }
    return known;
  }

  private static byte[] makePrefix(int type) {
    byte[] name = TypeNames.of(type).getBytes(StandardCharsets.US_ASCII);
    byte[] tail = " msg=".getBytes(StandardCharsets.US_ASCII);
    ByteBuffer made = ByteBuffer.allocate(HEAD.length + name.length + tail.length);
    return made.put(HEAD).put(name).put(tail).array();
  }
}
