// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Turns the bytes of a field's value into text: hex, UTF-8, percent-escapes.
 *
 * <p>Bytes that are not UTF-8 become {@code %XX}; in such a value, and only there, {@code %}
 * becomes {@code %25}, so nothing is lost. Not thread-safe.
 */
final class FieldDecoder {
  private static final byte[] DIGITS = new byte[256];
  private static final String[] SINGLE = new String[128];
  private static final int SHORT_TEXTS = 1024;
  private static final String UPPER_CASE_HEX = "0123456789ABCDEF";

  static {
    Arrays.fill(DIGITS, (byte) -1);
    for (int digit = 0; digit < 16; digit++) {
      DIGITS[UPPER_CASE_HEX.charAt(digit)] = (byte) digit;
    }
    for (char c = 0; c < SINGLE.length; c++) {
      SINGLE[c] = String.valueOf(c);
    }
  }

  // Short texts made before: most values are "0", "root", "fe:00" and the like. A text's first
  // eight bytes are its place and its key.
  private final long[] shortKeys = new long[SHORT_TEXTS];
  private final String[] shortTexts = new String[SHORT_TEXTS];

  private byte[] decoded = new byte[1024];
  private int decodedLength;
  private boolean escaped;

  /** True if the last text made by this decoder is percent-escaped. */
  boolean isEscaped() {
    return escaped;
  }

  /**
   * Decodes a range as upper-case hex into a buffer that {@link #decoded} and its siblings read.
   *
   * @return false if it is none: the value is a literal such as {@code (null)}
   */
  boolean decodeHex(byte[] bytes, int from, int to) {
    escaped = false;
    int digits = to - from;
    if (digits == 0 || (digits & 1) != 0) {
      return false;
    }
    if (decoded.length < digits / 2) {
      decoded = new byte[digits];
    }
    int length = 0;
    for (int at = from; at < to; at += 2) {
      int high = DIGITS[bytes[at] & 0xff];
      int low = DIGITS[bytes[at + 1] & 0xff];
      if ((high | low) < 0) {
        return false;
      }
      decoded[length++] = (byte) (high << 4 | low);
    }
    decodedLength = length;
    return true;
  }

  /** The bytes last decoded from hex, as text. */
  String decoded() {
    return text(decoded, 0, decodedLength);
  }

  /** The path last decoded from hex: a leading 0x00 marks an abstract socket, written {@code @}. */
  String decodedPath() {
    if (decodedLength > 1 && decoded[0] == 0) {
      decoded[0] = '@';
    }
    return decoded();
  }

  /** The command line last decoded from hex, its arguments separated by blanks. */
  String decodedCommandLine() {
    int length = decodedLength;
    while (length > 0 && decoded[length - 1] == 0) {
      length--;
    }
    for (int at = 0; at < length; at++) {
      if (decoded[at] == 0) {
        decoded[at] = ' ';
      }
    }
    return text(decoded, 0, length);
  }

  /** The socket address last decoded from hex, or null if its family is none that is known. */
  String decodedSocketAddress() {
    return SocketAddress.describe(decoded, decodedLength, this);
  }

  /** A range of bytes that are all ASCII, none of them 0x00, as text. */
  String ascii(byte[] bytes, int from, int to) {
    escaped = false;
    int length = to - from;
    if (length > Long.BYTES) {
      return new String(bytes, from, length, StandardCharsets.ISO_8859_1);
    }
    if (length <= 1) {
      return length == 0 ? "" : SINGLE[bytes[from]];
    }
    long key = Words.head(bytes, from, to);
    int slot = (int) ((key * 0x9e3779b97f4a7c15L) >>> 54);
    if (shortKeys[slot] != key) {
      shortKeys[slot] = key;
      shortTexts[slot] = new String(bytes, from, length, StandardCharsets.ISO_8859_1);
    }
    return shortTexts[slot];
  }

  /** A range of bytes as text. */
  String text(byte[] bytes, int from, int to) {
    escaped = false;
    int length = to - from;
    if (length <= 1) {
      if (length == 0) {
        return "";
      }
      if (bytes[from] >= 0) {
        return SINGLE[bytes[from]];
      }
    }
    // INVARIANT: no early exit, so that the loop is vectorised.
    int high = 0;
    for (int at = from; at < to; at++) {
      high |= bytes[at];
    }
    if (high >= 0) {
      return new String(bytes, from, length, StandardCharsets.ISO_8859_1);
    }
    String text = new String(bytes, from, length, StandardCharsets.UTF_8);
    if (text.indexOf('\ufffd') < 0) {
      return text;
    }
    byte[] again = text.getBytes(StandardCharsets.UTF_8);
    if (Arrays.equals(again, 0, again.length, bytes, from, to)) {
      return text;
    }
    escaped = true;
    return escape(ByteBuffer.wrap(bytes, from, length));
  }

  private static String escape(ByteBuffer bytes) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    StringBuilder escaped = new StringBuilder(bytes.remaining() * 2);
    CharBuffer chars = CharBuffer.allocate(bytes.remaining() + 1);
    while (bytes.hasRemaining()) {
      CoderResult result = decoder.decode(bytes, chars, true);
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
        int value = bytes.get() & 0xff;
        escaped
            .append('%')
            .append(UPPER_CASE_HEX.charAt(value >> 4))
            .append(UPPER_CASE_HEX.charAt(value & 0xf));
      }
      decoder.reset();
    }
    return escaped.toString();
  }
}
