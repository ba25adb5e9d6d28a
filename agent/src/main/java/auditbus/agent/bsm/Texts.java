// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import auditbus.agent.event.InternetAddress;
import auditbus.agent.event.Utf8;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** Turns the values of tokens into text. Not thread-safe. */
final class Texts {
  private static final int CACHED = 1024;
  private static final HexFormat HEX = HexFormat.of();

  // Texts made before: addresses come again and again.
  private final int[] addressKeys = new int[CACHED];
  private final String[] addressTexts = new String[CACHED];

  private static int slot(long key) {
    return (int) ((key * 0x9e3779b97f4a7c15L) >>> 54);
  }

  static String hex(byte[] bytes, int from, int to) {
    return HEX.formatHex(bytes, from, to);
  }

  /** A range of bytes as text; percent-escaped if they are not UTF-8. */
  static String text(byte[] bytes, int from, int to) {
    return Utf8.isValid(bytes, from, to)
        ? new String(bytes, from, to - from, StandardCharsets.UTF_8)
        : Utf8.percentEscaped(bytes, from, to);
  }

  /** An address of 4 or 16 bytes. */
  String address(byte[] bytes, int from, int to) {
    if (to - from == 16) {
      return InternetAddress.inet6(bytes, from);
    }
    int key = (int) TokenCursor.u32(bytes, from);
    int slot = slot(key);
    String text = addressTexts[slot];
    if (text == null || addressKeys[slot] != key) {
      text = InternetAddress.inet(bytes, from);
      addressKeys[slot] = key;
      addressTexts[slot] = text;
    }
    return text;
  }

  /** Eight, four, four, four and twelve hex digits. */
  static String uuid(byte[] bytes, int from) {
    String hex = hex(bytes, from, from + 16);
    return hex.substring(0, 8)
        + "-"
        + hex.substring(8, 12)
        + "-"
        + hex.substring(12, 16)
        + "-"
        + hex.substring(16, 20)
        + "-"
        + hex.substring(20);
  }
}
