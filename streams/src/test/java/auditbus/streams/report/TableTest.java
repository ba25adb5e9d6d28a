// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Rows line up, and nothing of a host reaches the terminal but characters one sees. */
class TableTest {
  private static final Instant NOW = Instant.parse("2026-11-20T10:00:00Z");

  @Test
  void columns_areAsWideAsTheirWidestCell() {
    assertThat(
            text(
                new Table("HOST", ">BYTES", "CAUSE"),
                List.of(
                    List.of("web1", "7", "disk full, and then some more that is never cut"),
                    List.of("a-longer-name", "123456", ""),
                    List.of("", "", "short"))))
        .isEqualTo(
            """
            HOST            BYTES  CAUSE
            web1                7  disk full, and then some more that is never cut
            a-longer-name  123456  -
            -                   -  short
            """);
  }

  @Test
  void hostileText_isEscapedAndKeepsItsColumn() {
    assertThat(
            text(
                new Table("HOST", "COMM", "CAUSE"),
                List.of(
                    List.of("web1\u001b[2J", "a\nb\tc\0", "\u202egnp.exe\u200b \u009b31m"),
                    List.of("ok", "bäcker\\x1b", "日本 \ud800 \ue000 \u00a0\u2028."))))
        .isEqualTo(
            """
            HOST         COMM             CAUSE
            web1\\x1b[2J  a\\x0ab\\x09c\\x00  \\u202egnp.exe\\u200b \\x9b31m
            ok           bäcker\\\\x1b      日本 \\ud800 \\ue000 \\xa0\\u2028.
            """);
  }

  @Test
  void noTextWhatever_putsAControlCharacterOnTheTerminal() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 2000; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(20); i >= 0; i--) {
        text.append((char) (random.nextBoolean() ? random.nextInt(256) : random.nextInt(65_536)));
      }
      String line = text(new Table("A", "B"), List.of(List.of(text.toString(), text.toString())));
      assertThat(line.substring(0, line.length() - 1).replaceFirst("\n", ""))
          .as("seed %s", seed)
          .matches(
              only ->
                  only.codePoints()
                      .noneMatch(
                          point ->
                              Character.isISOControl(point)
                                  || Character.getType(point) == Character.FORMAT
                                  || Character.getType(point) == Character.SURROGATE));
    }
  }

  @Test
  void longCell_isCutUnlessItIsTheLast() {
    String name = "x".repeat(300);
    assertThat(
            text(new Table("HOST", "CAUSE"), List.of(List.of(name, name))).lines().toList().get(1))
        .isEqualTo("x".repeat(63) + "…  " + name);
    assertThat(Table.cut("😀😀😀", 2)).isEqualTo("😀…");
  }

  @Test
  void rowOfAnotherWidth_isRefused() {
    assertThatThrownBy(() -> new Table("A", "B").line(List.of("1")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1 cells for 2 columns");
  }

  @Test
  void since_isAnAgeOrATime() {
    assertThat(Times.since("90s", NOW)).isEqualTo("2026-11-20T09:58:30Z");
    assertThat(Times.since("24h", NOW)).isEqualTo("2026-11-19T10:00:00Z");
    assertThat(Times.since("7d", NOW)).isEqualTo("2026-11-13T10:00:00Z");
    assertThat(Times.since("2w", NOW)).isEqualTo("2026-11-06T10:00:00Z");
    assertThat(Times.since("2026-11-20", NOW)).isEqualTo("2026-11-20T00:00:00Z");
    assertThat(Times.since("2026-11-20T10:28", NOW)).isEqualTo("2026-11-20T10:28:00Z");
    assertThat(Times.since("2026-11-20T10:28:48.499Z", NOW)).isEqualTo("2026-11-20T10:28:48.499Z");
    assertThat(Times.since("2026-11-20T10:28:48+01:00", NOW)).isEqualTo("2026-11-20T09:28:48Z");
    for (String wrong :
        List.of("", "7", "d", "-7d", "7 d", "2026", "2026-13-01", "T", "a\u001bT")) {
      assertThatThrownBy(() -> Times.since(wrong, NOW))
          .as("'%s'", wrong)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("no time: ");
    }
  }

  @Test
  void times_areEvenAndLengthsShort() {
    assertThat(Times.text(NOW)).isEqualTo("2026-11-20T10:00:00.000Z");
    assertThat(Times.text(NOW.plusNanos(1_500_000))).isEqualTo("2026-11-20T10:00:00.001Z");
    assertThat(Times.length(Duration.ofMillis(-5))).isEqualTo("0.0s");
    assertThat(Times.length(Duration.ofMillis(9_999))).isEqualTo("10.0s");
    assertThat(Times.length(Duration.ofSeconds(119))).isEqualTo("119s");
    assertThat(Times.length(Duration.ofMinutes(119))).isEqualTo("119m");
    assertThat(Times.length(Duration.ofHours(47))).isEqualTo("47h");
    assertThat(Times.length(Duration.ofHours(49))).isEqualTo("2d");
  }

  private static String text(Table table, List<List<String>> rows) {
    List<String> lines = new ArrayList<>();
    rows.forEach(table::measure);
    lines.add(table.heading());
    rows.forEach(row -> lines.add(table.line(row)));
    return String.join("\n", lines) + "\n";
  }
}
