// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * Tells whether a trail's bytes are UTF-8, and makes text of those that are not.
 *
 * <p>Stateless.
 */
public final class Utf8 {
  private static final HexFormat UPPER_CASE_HEX = HexFormat.of().withUpperCase();

  private Utf8() {}

  /** True if each byte of a range is a character of its own. */
  public static boolean isAscii(byte[] bytes, int from, int to) {
    int at = from;
    long high = 0;
    for (; at + Long.BYTES <= to; at += Long.BYTES) {
      high |= Words.at(bytes, at);
    }
    for (; at < to; at++) {
      high |= bytes[at]; // a negative byte sets the highest bit
    }
    return (high & Words.HIGH_BITS) == 0;
  }

  /** True if a range is well-formed UTF-8 (The Unicode Standard, table 3-7). */
  public static boolean isValid(byte[] bytes, int from, int to) {
    int at = from;
    while (at < to) {
      int lead = bytes[at++] & 0xff;
      if (lead < 0x80) {
        continue;
      }
      if (lead < 0xc2 || lead > 0xf4) {
        return false;
      }
      int following = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
      if (to - at < following) {
        return false;
      }
      int second = bytes[at] & 0xff;
      int lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
      int highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
      if (second < lowest || second > highest) {
        return false;
      }
      for (int index = 1; index < following; index++) {
        if ((bytes[at + index] & 0xc0) != 0x80) {
          return false;
        }
      }
      at += following;
    }
    return true;
  }

  /**
   * The text of a range that is not UTF-8: its bad bytes as {@code %XX} and each {@code %} as
   * {@code %25}, so that nothing is lost.
   */
  public static String percentEscaped(byte[] bytes, int from, int to) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes, from, to - from);
    StringBuilder escaped = new StringBuilder(in.remaining() * 2);
    CharBuffer chars = CharBuffer.allocate(in.remaining() + 1);
    while (in.hasRemaining()) {
      CoderResult result = decoder.decode(in, chars, true);
      chars.flip();
      for (int at = 0; at < chars.length(); at++) {
        char c = chars.charAt(at);
        if (c == '%') {
          escaped.append("%25");
        } else {
          escaped.append(c);
        }
      }
      chars.clear();
      for (int bad = result.isError() ? result.length() : 0; bad > 0; bad--) {
        escaped.append('%');
        UPPER_CASE_HEX.toHexDigits(escaped, in.get());
      }
      decoder.reset();
    }
    return escaped.toString();
  }
}
