// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

/**
 * Writes text from a trail so that it can neither steer a terminal nor pass for something else.
 *
 * <pre>
 *  bare    what shows, and none of blank " \ ( )              comm=sshd
 *  quoted  all others; inside as in JSON: \" \\ \n \r \t,
 *          a backslash, u and four hex digits                name="a b"
 * </pre>
 *
 * <p>Escaped is whatever does not show: control characters, also those of C1; what changes the
 * direction of writing or has no width; line separators, foreign blanks, private and unassigned
 * characters. What holds a bracket is quoted, so that nobody can write a name behind a number.
 */
final class SafeText {
  private static final String HEX = "0123456789abcdef";

  private SafeText() {}

  /** Appends a value, quoted if it has to be. */
  static void value(StringBuilder out, String text) {
    if (isBare(text) || isLiteral(text)) {
      out.append(text);
    } else {
      quoted(out, text);
    }
  }

  /** Appends text between quotes. */
  static void quoted(StringBuilder out, String text) {
    out.append('"');
    for (int at = 0; at < text.length(); ) {
      int c = text.codePointAt(at);
      if (c == '"' || c == '\\') {
        out.append('\\').append((char) c);
      } else if (c == ' ' || isVisible(c)) {
        out.appendCodePoint(c);
      } else {
        escape(out, c);
      }
      at += Character.charCount(c);
    }
    out.append('"');
  }

  /** Appends a line for a person: escaped as between quotes, but without them. */
  static void line(StringBuilder out, String text) {
    for (int at = 0; at < text.length(); ) {
      int c = text.codePointAt(at);
      if (c == ' ' || isVisible(c)) {
        out.appendCodePoint(c);
      } else {
        escape(out, c);
      }
      at += Character.charCount(c);
    }
  }

  /** Text for a message: {@link #line}. */
  static String line(String text) {
    StringBuilder out = new StringBuilder(text.length() + 16);
    line(out, text);
    return out.toString();
  }

  /** Appends at most so many bytes between quotes, {@code \xNN} for all that is not ASCII. */
  static void bytes(StringBuilder out, byte[] bytes, int most) {
    out.append('"');
    int shown = Math.min(bytes.length, most);
    for (int at = 0; at < shown; at++) {
      int b = bytes[at] & 0xff;
      switch (b) {
        case '"', '\\' -> out.append('\\').append((char) b);
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (b >= ' ' && b <= '~') {
            out.append((char) b);
          } else {
            out.append("\\x").append(HEX.charAt(b >> 4)).append(HEX.charAt(b & 0xf));
          }
        }
      }
    }
    out.append('"');
    if (shown < bytes.length) {
      out.append("...");
    }
  }

  private static boolean isBare(String text) {
    int length = text.length();
    for (int at = 0; at < length; at++) {
      char c = text.charAt(at);
      if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '(' || c == ')') {
        return c > '~' && isBareBeyondAscii(text, at);
      }
    }
    return length > 0;
  }

  private static boolean isBareBeyondAscii(String text, int from) {
    for (int at = from; at < text.length(); ) {
      int c = text.codePointAt(at);
      if (c <= ' ' || c == '"' || c == '\\' || c == '(' || c == ')' || !isVisible(c)) {
        return false;
      }
      at += Character.charCount(c);
    }
    return true;
  }

  /** What the kernel writes for nothing. */
  private static boolean isLiteral(String text) {
    return text.equals("(null)") || text.equals("(none)");
  }

  private static boolean isVisible(int c) {
    if (c < 0x7f) {
      return c > ' ';
    }
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SPACE_SEPARATOR ->
          false;
      default -> true;
    };
  }

  private static void escape(StringBuilder out, int c) {
    switch (c) {
      case '\n' -> out.append("\\n");
      case '\r' -> out.append("\\r");
      case '\t' -> out.append("\\t");
      default -> {
        for (char unit : Character.toChars(c)) {
          out.append("\\u");
          for (int shift = 12; shift >= 0; shift -= 4) {
            out.append(HEX.charAt(unit >> shift & 0xf));
          }
        }
      }
    }
  }
}
