// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafeTextTest {
  private static String value(String text) {
    StringBuilder out = new StringBuilder();
    SafeText.value(out, text);
    return out.toString();
  }

  /** Code points in hex on the left, since the compiler would take them for what they are. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "73 73 68 64            | sshd",
        "c3 a9 e4 bd a0         | é你",
        "28 6e 75 6c 6c 29      | (null)",
        "28 6e 6f 6e 65 29      | (none)",
        "31 28 72 6f 6f 74 29   | \"1(root)\"",
        "61 20 62               | \"a b\"",
        "61 22 5c               | \"a\\\"\\\\\"",
        "0a 0d 09               | \"\\n\\r\\t\"",
        "1b 5b 32 4a            | \"\\u001b[2J\"",
        "c2 9b 32 4a            | \"\\u009b2J\"",
        "7f                     | \"\\u007f\"",
        "00                     | \"\\u0000\"",
        "e2 80 ae 67 70         | \"\\u202egp\"",
        "e2 80 8b               | \"\\u200b\"",
        "e2 80 a8               | \"\\u2028\"",
        "c2 a0                  | \"\\u00a0\"",
        "ef bb bf               | \"\\ufeff\"",
        "f3 a0 80 81            | \"\\udb40\\udc01\"",
        "f0 9f 98 80            | 😀",
        "3f                     | ?"
      })
  void value_showsNothingButWhatItIs(String hex, String shown) {
    byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
    assertThat(value(new String(bytes, StandardCharsets.UTF_8))).isEqualTo(shown);
  }

  @Test
  void value_quotesNothing() {
    assertThat(value("")).isEqualTo("\"\"");
  }

  @Test
  void anyText_hasNoControlCharacterAndEndsWhereItEnds() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 20_000; round++) {
      String text =
          random
              .ints(random.nextInt(12), 0, 0x500)
              .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
              .toString();
      String shown = value(text);
      assertThat(shown.chars().noneMatch(Character::isISOControl)).as("seed %d", seed).isTrue();
      if (!shown.startsWith("\"")) {
        assertThat(shown).as("seed %d", seed).isEqualTo(text).doesNotContain(" ");
      } else {
        String inside = shown.substring(1, shown.length() - 1).replaceAll("\\\\[\"\\\\]", "");
        assertThat(inside).as("seed %d", seed).doesNotContain("\"");
      }
    }
  }

  @Test
  void bytes_areAsciiAndBounded() {
    StringBuilder out = new StringBuilder();
    SafeText.bytes(out, new byte[] {'a', 27, (byte) 0xff, '"', '\n', 'z'}, 5);
    assertThat(out.toString()).isEqualTo("\"a\\x1b\\xff\\\"\\n\"...");
  }
}
