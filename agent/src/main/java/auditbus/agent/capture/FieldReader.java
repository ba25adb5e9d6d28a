// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

/**
 * Reads fields of one record in the order the kernel writes them, no further than {@code comm=}:
 * what stands there and after it is chosen by whoever is audited. One thread owns it.
 *
 * <p>A record ends at its line feed or at the 0x1D before enriched fields.
 */
final class FieldReader {
  /** No such field, or not a number. */
  static final long NONE = Long.MIN_VALUE;

  private static final byte[] COMM = "comm=".getBytes(ISO_8859_1);
  private static final int MOST_HEX_DIGITS = 16;
  private static final int MOST_DIGITS = 18;

  private byte[] bytes = {};
  private int at;
  private int limit;

  /** Starts at the first field of a record. */
  void start(byte[] source, int from, int to) {
    bytes = source;
    at = from;
    limit = to;
  }

  /** Goes on to the value of a field, over others; false if there is none before the end. */
  boolean find(byte[] nameAndEqualsSign) {
    while (at < limit && !isEnd(bytes[at]) && !startsWith(COMM)) {
      if (startsWith(nameAndEqualsSign)) {
        at += nameAndEqualsSign.length;
        return true;
      }
      skipWord();
    }
    return false;
  }

  /** As {@link #find}, but only the very next field is looked at. */
  boolean isNext(byte[] nameAndEqualsSign) {
    if (at < limit && startsWith(nameAndEqualsSign)) {
      at += nameAndEqualsSign.length;
      return true;
    }
    return false;
  }

  /** The decimal number of a field further on, {@link #NONE} if there is none. */
  long decimal(byte[] nameAndEqualsSign) {
    return find(nameAndEqualsSign) ? decimal() : NONE;
  }

  /** The hexadecimal number of a field further on, {@link #NONE} if there is none. */
  long hexadecimal(byte[] nameAndEqualsSign) {
    return find(nameAndEqualsSign) ? hexadecimal() : NONE;
  }

  /** The decimal number that stands here, and goes on to the next field. */
  long decimal() {
    boolean negative = at < limit && bytes[at] == '-';
    int from = negative ? at + 1 : at;
    int i = from;
    long value = 0;
    while (i < limit && bytes[i] >= '0' && bytes[i] <= '9' && i - from < MOST_DIGITS) {
      value = value * 10 + bytes[i] - '0';
      i++;
    }
    return end(from, i) ? negative ? -value : value : NONE;
  }

  /** The hexadecimal number that stands here, and goes on to the next field. */
  long hexadecimal() {
    int from = at;
    int i = from;
    long value = 0;
    while (i < limit && i - from < MOST_HEX_DIGITS) {
      int digit = Character.digit(bytes[i], 16);
      if (digit < 0) {
        break;
      }
      value = value << 4 | digit;
      i++;
    }
    return end(from, i) ? value : NONE;
  }

  /** The word that stands here, and goes on to the next field. */
  String word() {
    int from = at;
    int to = from;
    while (to < limit && bytes[to] != ' ' && !isEnd(bytes[to])) {
      to++;
    }
    skipWord();
    return new String(bytes, from, to - from, ISO_8859_1);
  }

  private boolean end(int from, int to) {
    at = to;
    boolean whole = to > from && (to == limit || bytes[to] == ' ' || isEnd(bytes[to]));
    skipWord();
    return whole;
  }

  private void skipWord() {
    while (at < limit && bytes[at] != ' ' && !isEnd(bytes[at])) {
      at++;
    }
    while (at < limit && bytes[at] == ' ') {
      at++;
    }
  }

  private boolean startsWith(byte[] text) {
    return KillFinder.startsWith(bytes, at, limit, text);
  }

  private static boolean isEnd(byte b) {
    return b == '\n' || b == 0x1D;
  }
}
