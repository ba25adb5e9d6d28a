// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.nio.charset.StandardCharsets;

/**
 * Avro's binary form of the few types that are written without its encoder.
 *
 * <pre>
 *  long    zigzag (0, -1, 1, -2, ... as 0, 1, 2, 3, ...), seven bits a byte, lowest first;
 *          the highest bit of a byte says that another follows
 *  string  length in bytes as a long, UTF-8
 * </pre>
 */
final class AvroBinary {
  private AvroBinary() {}

  /** Writes a long, 1 to 10 bytes, and returns the position behind it. */
  static int putLong(byte[] bytes, int at, long value) {
    long zigzag = (value << 1) ^ (value >> 63);
    int position = at;
    while ((zigzag & ~0x7fL) != 0) {
      bytes[position++] = (byte) (zigzag | 0x80);
      zigzag >>>= 7;
    }
    bytes[position++] = (byte) zigzag;
    return position;
  }

  /** Bytes that a length takes: 1 to 5. */
  static int sizeOfLength(int length) {
    int size = 1;
    for (int rest = length >>> 6; rest != 0; rest >>>= 7) {
      size++;
    }
    return size;
  }

  /** A length that {@link #putLong} wrote. */
  static int lengthAt(byte[] bytes, int at) {
    int zigzag = bytes[at] & 0x7f;
    int position = at;
    for (int shift = 7; bytes[position] < 0; shift += 7) {
      zigzag |= (bytes[++position] & 0x7f) << shift;
    }
    return zigzag >>> 1;
  }

  static byte[] text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    byte[] encoded = new byte[sizeOfLength(utf8.length) + utf8.length];
    int at = putLong(encoded, 0, utf8.length);
    System.arraycopy(utf8, 0, encoded, at, utf8.length);
    return encoded;
  }

  /** True if none of the bytes has its highest bit set: each is a character of its own. */
  static boolean isAscii(byte[] bytes, int from, int to) {
    int high = 0;
    for (int at = from; at < to; at++) {
      high |= bytes[at];
    }
    return high >= 0;
  }

  static String text(byte[] bytes, int from, int to) {
    return isAscii(bytes, from, to)
        ? new String(bytes, from, to - from, StandardCharsets.ISO_8859_1)
        : new String(bytes, from, to - from, StandardCharsets.UTF_8);
  }
}
