// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Looks at eight bytes at a time.
 *
 * <p>A word holds the first byte in its lowest bits. {@code (w - 0x01..01) & ~w & 0x80..80} marks
 * the zero bytes of a word; of its marks the lowest is always right, those above it may not be.
 *
 * <p>Stateless.
 */
public final class Words {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long LOW_BITS = 0x0101010101010101L;

  /** The highest bit of each byte. */
  public static final long HIGH_BITS = 0x8080808080808080L;

  private Words() {}

  /** The word at a position that has eight bytes from there on. */
  public static long at(byte[] bytes, int from) {
    return (long) LONG.get(bytes, from);
  }

  /** The first eight bytes of a range, or all of it and zeros. */
  public static long head(byte[] bytes, int from, int to) {
    int length = to - from;
    if (from + Long.BYTES <= bytes.length) {
      long word = at(bytes, from);
      return length >= Long.BYTES ? word : word & ((1L << (8 * length)) - 1);
    }
    long word = 0;
    for (int index = Math.min(to, from + Long.BYTES) - 1; index >= from; index--) {
      word = word << 8 | (bytes[index] & 0xff);
    }
    return word;
  }

  /** Eight times the same byte. */
  public static long repeat(int b) {
    return LOW_BITS * b;
  }

  /** Marks the zero bytes of a word. */
  public static long zeros(long word) {
    return (word - LOW_BITS) & ~word & HIGH_BITS;
  }

  /** Position of the first occurrence of a byte in a range, or the range's end. */
  public static int find(byte[] bytes, int from, int to, int wanted) {
    long pattern = repeat(wanted);
    int at = from;
    for (; at + Long.BYTES <= to; at += Long.BYTES) {
      long marks = zeros(at(bytes, at) ^ pattern);
      if (marks != 0) {
        return at + (Long.numberOfTrailingZeros(marks) >>> 3);
      }
    }
    while (at < to && bytes[at] != wanted) {
      at++;
    }
    return at;
  }
}
