// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.streams.report.Screen.Size;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A screen is never scrolled: no more lines than it has, none to its last column. */
class ScreenTest {
  @Test
  void lines_areCutToTheScreen() throws IOException {
    assertThat(drawn(new Size(2, 6), "abcdef", "x", "below"))
        .isEqualTo("\u001b[Habcd…\u001b[K\r\nx\u001b[K\u001b[J");
    assertThat(drawn(new Size(5, 80), "one")).isEqualTo("\u001b[Hone\u001b[K\u001b[J");
  }

  private static String drawn(Size size, String... lines) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Screen screen = new Screen(() -> size);
    screen.draw(List.of(lines), screen.size(), out);
    return out.toString(StandardCharsets.UTF_8);
  }
}
