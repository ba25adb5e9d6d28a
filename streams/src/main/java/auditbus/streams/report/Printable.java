// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

/**
 * Makes text of hosts safe to print on a terminal: whatever is no visible character or a blank is
 * written as {@code \x1b} or {@code \u202e} (its code in hex), a backslash as two.
 *
 * <p>So no escape sequence, line end or change of direction gets through, and the text can be told
 * from any other. Thread-safe: stateless.
 */
final class Printable {
  private Printable() {}

  static String of(String text) {
    StringBuilder safe = new StringBuilder(text.length());
    text.codePoints().forEach(point -> append(safe, point));
    return safe.toString();
  }

  private static void append(StringBuilder safe, int point) {
    if (point == '\\') {
      safe.append("\\\\");
    } else if (isVisible(point)) {
      safe.appendCodePoint(point);
    } else if (point < 0x100) {
      safe.append(String.format("\\x%02x", point));
    } else {
      safe.append(String.format("\\u%04x", point));
    }
  }

  private static boolean isVisible(int point) {
    return switch (Character.getType(point)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      case Character.SPACE_SEPARATOR -> point == ' ';
      default -> true;
    };
  }
}
