// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/**
 * Variable-length numbers of the serials' state: 7 bits a byte, lowest first, the high bit set in
 * all but the last; a signed number n as 2n, or -2n-1 where it is negative. Thread-safe: stateless.
 */
final class Numbers {
  private Numbers() {}

  static void write(long number, DataOutputStream out) throws IOException {
    long rest = number;
    while ((rest & ~0x7FL) != 0) {
      out.writeByte((int) (rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    out.writeByte((int) rest);
  }

  static long read(DataInputStream in) throws IOException {
    long number = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      int one = in.readByte();
      number |= (one & 0x7FL) << shift;
      if (one >= 0) {
        return number;
      }
    }
    throw new IOException("a number of more than 64 bits");
  }

  static void writeSigned(long number, DataOutputStream out) throws IOException {
    write((number << 1) ^ (number >> (Long.SIZE - 1)), out);
  }

  static long readSigned(DataInputStream in) throws IOException {
    long number = read(in);
    return (number >>> 1) ^ -(number & 1);
  }
}
