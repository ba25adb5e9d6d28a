// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * A terminal that is filled with lines, each time anew: cut where they are wider or more than it
 * has room for. Knows ANSI's (ECMA-48) cursor home and erase, and no colours.
 *
 * <p>Not thread-safe.
 */
public final class Screen {
  private static final String HOME = "\u001b[H";
  private static final String ERASE_LINE_END = "\u001b[K";
  private static final String ERASE_BELOW = "\u001b[J";
  private static final Size USUAL = new Size(24, 80);

  private final Supplier<Size> size;

  /**
   * How large a terminal is.
   *
   * @param rows at least 1
   * @param columns at least 1
   */
  public record Size(int rows, int columns) {
    /** Checks them. */
    public Size {
      if (rows < 1 || columns < 1) {
        throw new IllegalArgumentException(rows + " rows, " + columns + " columns: at least 1");
      }
    }
  }

  /** Makes it; nothing is drawn. */
  public Screen(Supplier<Size> size) {
    this.size = size;
  }

  /** The process's terminal, whose size is asked of stty(1) whenever it is drawn. */
  public static Screen ofProcess() {
    return new Screen(Screen::ask);
  }

  private static Size ask() {
    try {
      Process stty =
          new ProcessBuilder("stty", "size")
              .redirectInput(new File("/dev/tty"))
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String[] words =
          new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
              .strip()
              .split(" ", -1);
      boolean ended = stty.waitFor(1, TimeUnit.SECONDS);
      return ended && words.length == 2
          ? new Size(Integer.parseInt(words[0]), Integer.parseInt(words[1]))
          : USUAL;
    } catch (IOException | IllegalArgumentException e) {
      return USUAL; // no terminal any more, or one that does not tell
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return USUAL;
    }
  }

  Size size() {
    return size.get();
  }

  void draw(List<String> lines, Size on, OutputStream out) throws IOException {
    // Never up to the last column: what erasing does behind it differs among terminals.
    StringBuilder text = new StringBuilder(HOME);
    int count = Math.min(lines.size(), on.rows());
    for (int i = 0; i < count; i++) {
      text.append(i == 0 ? "" : "\r\n")
          .append(Table.cut(lines.get(i), Math.max(1, on.columns() - 1)))
          .append(ERASE_LINE_END);
    }
    text.append(ERASE_BELOW);
    out.write(text.toString().getBytes(StandardCharsets.UTF_8));
    out.flush();
  }
}
