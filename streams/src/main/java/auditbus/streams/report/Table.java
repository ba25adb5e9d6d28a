// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import java.util.Arrays;
import java.util.List;

/**
 * Lines of cells under headings, columns as wide as their widest cell, two blanks between them. The
 * last column is never cut; another's cell ends with {@code …} after {@value #MOST_WIDE}
 * characters. Empty cells are {@code -}. Columns of numbers stand right.
 *
 * <p>Every row is measured before the first is printed; the rows themselves are not kept. Cells are
 * printed as {@link Printable} makes them.
 *
 * <p>Not thread-safe.
 */
final class Table {
  private static final int MOST_WIDE = 64;
  private static final String GAP = "  ";

  private final List<String> headings;
  private final int[] widths;
  private final boolean[] numbers;

  /**
   * Makes an empty table.
   *
   * @param headings one a column; one that begins with {@code >} is of numbers
   */
  Table(String... headings) {
    this.numbers = new boolean[headings.length];
    this.widths = new int[headings.length];
    for (int i = 0; i < headings.length; i++) {
      numbers[i] = headings[i].startsWith(">");
    }
    this.headings =
        Arrays.stream(headings)
            .map(text -> text.startsWith(">") ? text.substring(1) : text)
            .toList();
    measure(this.headings);
  }

  /** Makes room for a row. */
  void measure(List<String> cells) {
    check(cells);
    for (int i = 0; i < widths.length; i++) {
      widths[i] = Math.max(widths[i], width(cell(cells, i)));
    }
  }

  String heading() {
    return line(headings);
  }

  /** The row's line, without line end. */
  String line(List<String> cells) {
    check(cells);
    StringBuilder line = new StringBuilder();
    int last = widths.length - 1;
    for (int i = 0; i <= last; i++) {
      String cell = cell(cells, i);
      String room = " ".repeat(Math.max(0, widths[i] - width(cell)));
      if (numbers[i]) {
        line.append(room).append(cell);
      } else {
        line.append(cell).append(i == last ? "" : room);
      }
      line.append(i == last ? "" : GAP);
    }
    return line.toString();
  }

  private void check(List<String> cells) {
    if (cells.size() != widths.length) {
      throw new IllegalArgumentException(
          cells.size() + " cells for " + widths.length + " columns: " + cells);
    }
  }

  private String cell(List<String> cells, int column) {
    String text = Printable.of(cells.get(column));
    if (text.isEmpty()) {
      return "-";
    }
    return column < widths.length - 1 ? cut(text, MOST_WIDE) : text;
  }

  /** At most so many characters, the last of them {@code …} where there were more. */
  static String cut(String text, int most) {
    if (width(text) <= most) {
      return text;
    }
    return text.substring(0, text.offsetByCodePoints(0, Math.max(0, most - 1))) + "…";
  }

  private static int width(String text) {
    return text.codePointCount(0, text.length());
  }
}
