// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** Builds tokens and records byte by byte, so that a test does not build on what it tests. */
final class TokenBytes {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  TokenBytes u8(int value) {
    bytes.write(value);
    return this;
  }

  TokenBytes u16(int value) {
    return u8(value >>> 8).u8(value);
  }

  TokenBytes u32(long value) {
    return u16((int) (value >>> 16)).u16((int) value);
  }

  TokenBytes u64(long value) {
    return u32(value >>> 32).u32(value);
  }

  TokenBytes hex(String hex) {
    return raw(HexFormat.of().parseHex(hex.replace(" ", "")));
  }

  TokenBytes raw(byte[] more) {
    bytes.writeBytes(more);
    return this;
  }

  TokenBytes text(String text) {
    return raw(text.getBytes(StandardCharsets.UTF_8));
  }

  /** A string with its u16 length and its closing 0x00, as most tokens have it. */
  TokenBytes string(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return u16(utf8.length + 1).raw(utf8).u8(0);
  }

  byte[] bytes() {
    return bytes.toByteArray();
  }

  /** A record with a header32 of version 11 around some tokens: 2023-11-14T22:13:20.127Z. */
  static byte[] record(int event, byte[]... tokens) {
    return record(event, 11, tokens);
  }

  static byte[] record(int event, int version, byte[]... tokens) {
    int length = 18 + 7;
    for (byte[] token : tokens) {
      length += token.length;
    }
    TokenBytes record =
        new TokenBytes()
            .u8(0x14)
            .u32(length)
            .u8(version)
            .u16(event)
            .u16(0)
            .u32(1_700_000_000)
            .u32(127);
    for (byte[] token : tokens) {
      record.raw(token);
    }
    return record.trailer(length).bytes();
  }

  TokenBytes trailer(int length) {
    return u8(0x13).u16(0xb105).u32(length);
  }

  static byte[] join(byte[]... parts) {
    TokenBytes all = new TokenBytes();
    for (byte[] part : parts) {
      all.raw(part);
    }
    return all.bytes();
  }
}
