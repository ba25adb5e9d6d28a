// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.Utf8;
import auditbus.schemas.EncodedFields;
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

  /** True if the bytes last decoded from hex are characters of their own. */
  boolean isDecodedAscii() {
    return Utf8.isAscii(decoded, 0, decodedLength);
  }

  /** Puts the bytes last decoded from hex, which are ASCII. */
  void putDecoded(EncodedFields.Builder fields, EncodedFields.Name name) {
    fields.put(name, decoded, 0, decodedLength);
  }

  /**
   * In a path last decoded from hex: a leading 0x00 marks an abstract socket, written {@code @}.
   */
  void markAbstractSocket() {
    if (decodedLength > 1 && decoded[0] == 0) {
      decoded[0] = '@';
    }
  }

  /** In a command line last decoded from hex: separates its arguments by blanks. */
  void separateArguments() {
    int length = decodedLength;
    while (length > 0 && decoded[length - 1] == 0) {
      length--;
    }
    for (int at = 0; at < length; at++) {
      if (decoded[at] == 0) {
        decoded[at] = ' ';
      }
    }
    decodedLength = length;
  }

  /** The socket address last decoded from hex, or null if its family is none that is known. */
  String decodedSocketAddress() {
    return SocketAddress.describe(decoded, decodedLength, this);
  }

  /** A range of bytes that are all ASCII, none of them 0x00, as text. */
  String ascii(byte[] bytes, int from, int to) {
    escaped = false;
    return new String(bytes, from, to - from, StandardCharsets.ISO_8859_1);
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
    if (Utf8.isAscii(bytes, from, to)) {
      return new String(bytes, from, length, StandardCharsets.ISO_8859_1);
    }
    if (Utf8.isValid(bytes, from, to)) {
      return new String(bytes, from, length, StandardCharsets.UTF_8);
    }
    escaped = true;
    return Utf8.percentEscaped(bytes, from, to);
  }
}
