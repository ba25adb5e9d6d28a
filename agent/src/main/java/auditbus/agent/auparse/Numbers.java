// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

/** Reads the numbers of audit fields without throwing: what is no number is absent. */
final class Numbers {
  /** Longest decimal text that cannot overflow a long. */
  private static final int MAX_DIGITS = 18;

  private Numbers() {}

  /** A number of digits only, at most 18 of them; else -1. */
  static long decimal(String text) {
    int length = text.length();
    if (length == 0 || length > MAX_DIGITS) {
      return -1;
    }
    long value = 0;
    for (int at = 0; at < length; at++) {
      int digit = text.charAt(at) - '0';
      if (digit < 0 || digit > 9) {
        return -1;
      }
      value = value * 10 + digit;
    }
    return value;
  }

  /** A number of digits only in a range of bytes, at most 18 of them; else -1. */
  static long decimal(byte[] bytes, int from, int to) {
    if (from >= to || to - from > MAX_DIGITS) {
      return -1;
    }
    long value = 0;
    for (int at = from; at < to; at++) {
      int digit = bytes[at] - '0';
      if (digit < 0 || digit > 9) {
        return -1;
      }
      value = value * 10 + digit;
    }
    return value;
  }

  /** A decimal with an optional minus sign; null if it is none. */
  static Long signed(byte[] bytes, int from, int to) {
    boolean minus = from < to && bytes[from] == '-';
    long value = decimal(bytes, minus ? from + 1 : from, to);
    return value < 0 ? null : Long.valueOf(minus ? -value : value);
  }

  /** A uid, session or pid; null if it is none or unset (4294967295, -1). */
  static Long id(byte[] bytes, int from, int to) {
    long value = decimal(bytes, from, to);
    return value < 0 || value == 4_294_967_295L ? null : Long.valueOf(value);
  }

  /** Up to 16 hex digits as a 64 bit pattern; null if it is none. */
  static Long hex(byte[] bytes, int from, int to) {
    if (from >= to || to - from > 16) {
      return null;
    }
    long value = 0;
    for (int at = from; at < to; at++) {
      int digit = digit(bytes[at]);
      if (digit < 0) {
        return null;
      }
      value = value << 4 | digit;
    }
    return value;
  }

  private static int digit(byte b) {
    if (b >= '0' && b <= '9') {
      return b - '0';
    }
    int letter = b | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
  }
}
