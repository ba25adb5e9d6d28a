// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import java.nio.charset.StandardCharsets;

/** Internet addresses in network byte order as text. Stateless. */
public final class InternetAddress {
  private InternetAddress() {}

  /** The 4 bytes at {@code from} as four decimals, dots between them. */
  public static String inet(byte[] bytes, int from) {
    byte[] text = new byte[15];
    int length = 0;
    for (int index = 0; index < 4; index++) {
      int part = bytes[from + index] & 0xff;
      if (index > 0) {
        text[length++] = '.';
      }
      if (part >= 100) {
        text[length++] = (byte) ('0' + part / 100);
      }
      if (part >= 10) {
        text[length++] = (byte) ('0' + part / 10 % 10);
      }
      text[length++] = (byte) ('0' + part % 10);
    }
    return new String(text, 0, length, StandardCharsets.ISO_8859_1);
  }

  /**
   * The 16 bytes at {@code from} by RFC 5952: the longest run of two or more zero groups, the first
   * of equals, becomes {@code ::}.
   */
  public static String inet6(byte[] bytes, int from) {
    int longestFrom = -1;
    int longest = 1;
    for (int first = 0; first < 8; first++) {
      int past = first;
      while (past < 8 && group(bytes, from, past) == 0) {
        past++;
      }
      if (past - first > longest) {
        longestFrom = first;
        longest = past - first;
      }
    }
    if (longestFrom == 0 && longest == 5 && group(bytes, from, 5) == 0xffff) {
      return "::ffff:" + inet(bytes, from + 12);
    }
    StringBuilder text = new StringBuilder(39);
    for (int group = 0; group < 8; group++) {
      if (group == longestFrom) {
        text.append("::");
        group += longest - 1;
      } else {
        if (!text.isEmpty() && text.charAt(text.length() - 1) != ':') {
          text.append(':');
        }
        text.append(Integer.toHexString(group(bytes, from, group)));
      }
    }
    return text.toString();
  }

  private static int group(byte[] bytes, int from, int index) {
    int at = from + 2 * index;
    return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
  }
}
