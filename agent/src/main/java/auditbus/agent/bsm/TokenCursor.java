// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

/**
 * Walks the tokens of a record and reads their values, without making an object.
 *
 * <p>INVARIANT: no byte outside of the record is looked at, whatever lengths and counts its tokens
 * declare; a token that does not fit ends the walk before it.
 *
 * <p>Reused from record to record. Not thread-safe.
 */
final class TokenCursor {
  /** sun_path of the systems that have the longest. */
  private static final int MAX_TERMINATED_BYTES = 108;

  private final long[] values = new long[TokenLayout.MAX_FIELDS];

  private byte[] bytes = new byte[0];
  private int at;
  private int end;
  private int tokenStart;
  private TokenLayout layout;

  /** Stands before the header of a whole record, or before a file token. */
  void open(byte[] bytes, int start, int end) {
    this.bytes = bytes;
    this.at = start;
    this.end = bytes[start] == BsmFraming.FILE ? end : end - BsmFraming.TRAILER_BYTES;
    this.layout = null;
  }

  /** Reads the next token; false at the trailer or at what is no token that fits. */
  boolean next() {
    int from = at;
    if (from >= end) {
      return false;
    }
    TokenLayout next = TokenLayout.of(bytes[from]);
    if (next == null || end - from < next.fixedBytes()) {
      return false;
    }
    int to = read(next, from + 1);
    if (to < 0) {
      return false;
    }
    tokenStart = from;
    layout = next;
    at = to;
    return true;
  }

  /** The layout of the token read last. */
  TokenLayout layout() {
    return layout;
  }

  /** Where the token read last begins. */
  int tokenStart() {
    return tokenStart;
  }

  /** Where the next token begins, and the first that was not read. */
  int position() {
    return at;
  }

  /** Where the tokens end. */
  int end() {
    return end;
  }

  byte[] bytes() {
    return bytes;
  }

  /** A number, unsigned; 64 bit numbers as their pattern. */
  long number(int field) {
    return values[field];
  }

  /** Where the bytes of a field begin that is no number. */
  int from(int field) {
    return (int) (values[field] >>> 32);
  }

  /** Where the bytes of a field end that is no number. */
  int to(int field) {
    return (int) values[field];
  }

  /** Reads the fields of a token; the position after it, or -1 if it does not fit. */
  private int read(TokenLayout token, int start) {
    byte[] in = bytes;
    byte[] kinds = token.kinds();
    int limit = end;
    int p = start;
    int address = 0;
    for (int field = 0; field < kinds.length; field++) {
      long value;
      switch (kinds[field]) {
        case TokenLayout.U1 -> {
          if (limit - p < 1) {
            return -1;
          }
          value = in[p++] & 0xff;
        }
        case TokenLayout.U2 -> {
          if (limit - p < 2) {
            return -1;
          }
          value = u16(in, p);
          p += 2;
        }
        case TokenLayout.U4 -> {
          if (limit - p < 4) {
            return -1;
          }
          value = u32(in, p);
          p += 4;
        }
        case TokenLayout.U8 -> {
          if (limit - p < 8) {
            return -1;
          }
          value = u32(in, p) << 32 | u32(in, p + 4);
          p += 8;
        }
        case TokenLayout.ADDRESS_TYPE_2 -> {
          if (limit - p < 2) {
            return -1;
          }
          address = u16(in, p);
          if (address != 4 && address != 16) {
            return -1;
          }
          value = address;
          p += 2;
        }
        case TokenLayout.ADDRESS_TYPE_4, TokenLayout.ADDRESS_TYPE_4_OR_NONE -> {
          if (limit - p < 4) {
            return -1;
          }
          value = u32(in, p);
          address = value == 4 || value == 16 ? (int) value : 0;
          if (address == 0 && kinds[field] == TokenLayout.ADDRESS_TYPE_4) {
            return -1;
          }
          p += 4;
        }
        case TokenLayout.ADDRESS_4,
            TokenLayout.ADDRESS_16,
            TokenLayout.ADDRESS,
            TokenLayout.UUID -> {
          int length = length(kinds[field], address);
          if (limit - p < length) {
            return -1;
          }
          value = range(p, p + length);
          p += length;
        }
        case TokenLayout.COUNTED -> {
          if (limit - p < 2) {
            return -1;
          }
          int length = u16(in, p);
          p += 2;
          if (limit - p < length) {
            return -1;
          }
          value = range(p, p + length);
          p += length;
        }
        case TokenLayout.TERMINATED -> {
          int last = Math.min(limit, p + MAX_TERMINATED_BYTES + 1);
          int to = terminator(in, p, last);
          if (to == last) {
            return -1;
          }
          value = range(p, to);
          p = to + 1;
        }
        case TokenLayout.STRINGS -> {
          if (limit - p < 4) {
            return -1;
          }
          long count = u32(in, p);
          p += 4;
          int first = p;
          if (count > limit - p) {
            return -1; // each has at least its 0x00
          }
          for (; count > 0; count--) {
            p = terminator(in, p, limit) + 1;
            if (p > limit) {
              return -1;
            }
          }
          value = range(first, p);
        }
        case TokenLayout.GROUPS -> {
          if (limit - p < 2) {
            return -1;
          }
          int length = 4 * u16(in, p);
          p += 2;
          if (limit - p < length) {
            return -1;
          }
          value = range(p, p + length);
          p += length;
        }
        case TokenLayout.DATA -> {
          if (limit - p < 3) {
            return -1;
          }
          int unit = in[p + 1] & 0xff;
          if (unit > 3) {
            return -1;
          }
          int length = (in[p + 2] & 0xff) << unit;
          p += 3;
          if (limit - p < length) {
            return -1;
          }
          value = range(p, p + length);
          p += length;
        }
        default -> throw new AssertionError("kind " + kinds[field]);
      }
      values[field] = value;
    }
    return p;
  }

  private static int length(int kind, int address) {
    return kind == TokenLayout.ADDRESS ? address : kind == TokenLayout.ADDRESS_4 ? 4 : 16;
  }

  private static long range(int from, int to) {
    return (long) from << 32 | to;
  }

  /** Position of the first 0x00 in a range, or the range's end. */
  static int terminator(byte[] bytes, int from, int to) {
    int at = from;
    while (at < to && bytes[at] != 0) {
      at++;
    }
    return at;
  }

  static int u16(byte[] bytes, int at) {
    return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
  }

  static long u32(byte[] bytes, int at) {
    return (bytes[at] << 24
            | (bytes[at + 1] & 0xff) << 16
            | (bytes[at + 2] & 0xff) << 8
            | (bytes[at + 3] & 0xff))
        & 0xffff_ffffL;
  }
}
