// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.nio.charset.StandardCharsets;

/** Says why a whole line is no record of audit text, for a message. */
final class LineFault {
  private static final int SHOWN = 40;

  private LineFault() {}

  static String of(byte[] line) {
    String text = new String(line, StandardCharsets.ISO_8859_1).stripTrailing();
    if (text.isEmpty()) {
      return "an empty line";
    }
    int zero = text.indexOf('\0');
    if (zero >= 0) {
      return "0x00 at byte " + zero + " of the line";
    }
    int at = 0;
    if (text.startsWith("node=")) {
      at = text.indexOf(' ') + 1;
      if (at == 0) {
        return "nothing behind node=";
      }
    }
    if (!text.startsWith("type=", at)) {
      return "'type=' wanted at byte " + at + " of the line, found " + excerpt(text, at);
    }
    int stamp = text.indexOf(' ', at) + 1;
    if (stamp == 0) {
      return "nothing behind type=";
    }
    if (!text.startsWith("msg=audit(", stamp) && !text.startsWith("msg=auditd(", stamp)) {
      return "'msg=audit(' wanted at byte " + stamp + " of the line, found " + excerpt(text, stamp);
    }
    return "a damaged stamp at byte "
        + stamp
        + " of the line, 'audit(SECONDS.MMM:SERIAL):' wanted, found "
        + excerpt(text, stamp + "msg=".length());
  }

  private static String excerpt(String text, int from) {
    StringBuilder out = new StringBuilder();
    byte[] bytes =
        text.substring(Math.min(from, text.length())).getBytes(StandardCharsets.ISO_8859_1);
    SafeText.bytes(out, bytes, SHOWN);
    return out.toString();
  }
}
