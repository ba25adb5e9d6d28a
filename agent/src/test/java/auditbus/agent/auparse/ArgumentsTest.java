// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ArgumentsTest {
  private final LineParser parser = new LineParser();

  private List<LinuxRecord> records(String... bodies) {
    List<LinuxRecord> records = new ArrayList<>();
    for (String body : bodies) {
      records.add(parser.parse(Samples.line("type=EXECVE msg=audit(1.002:3): " + body)));
    }
    return records;
  }

  private boolean addUp(String... bodies) {
    return Arguments.addUp(records(bodies));
  }

  private Optional<String> argument(int index, String... bodies) {
    return Arguments.of(records(bodies))
        .argument(index)
        .map(bytes -> new String(bytes, StandardCharsets.UTF_8));
  }

  @Test
  void argumentsOfOneRecord_areCounted() {
    assertThat(Arguments.addUp(List.of())).isTrue();
    assertThat(addUp("argc=2 a0=\"ls\" a1=2D6C")).isTrue();
    assertThat(addUp("argc=1 a0=\"ls\" a1=2D6C")).isFalse();
    assertThat(addUp("a0=\"ls\"")).isFalse();
    assertThat(addUp("argc=x a0=\"ls\"")).isFalse();
    assertThat(argument(1, "argc=2 a0=\"ls\" a1=2D6C")).contains("-l");
  }

  @Test
  void emptyArguments_mayBeLeftOutWhereNoRecordCanBeMissing() {
    assertThat(addUp("argc=3 a0=\"ls\" a2=\"x\"")).isTrue();
    assertThat(addUp("argc=3 a0=\"ls\"")).isTrue();
    assertThat(addUp("argc=1 ")).isTrue();
    String full = "argc=3 a0=\"" + "x".repeat(7_400) + "\"";
    assertThat(addUp(full)).isFalse();
    assertThat(addUp(full, "a2=\"y\"")).isFalse();
    assertThat(addUp(full, "a1=\"y\" a2=\"z\"")).isTrue();
  }

  @Test
  void splitArgument_isPutTogetherInAnyOrder() {
    String head = "argc=2 a0=\"sh\" a1_len=12 a1[0]=414243";
    String tail = "a1[1]=444546";
    assertThat(addUp(head, tail)).isTrue();
    assertThat(addUp(tail, head)).isTrue();
    assertThat(argument(1, head, tail)).contains("ABCDEF");
    assertThat(argument(1, tail, head)).contains("ABCDEF");
    assertThat(argument(1, "argc=2 a0=\"sh\" a1_len=4 a1[0]=\"ab\" a1[1]=\"cd\"")).contains("abcd");
  }

  @Test
  void missingPiece_doesNotAddUp() {
    assertThat(addUp("argc=2 a0=\"sh\" a1_len=12 a1[0]=414243")).isFalse();
    assertThat(addUp("argc=2 a0=\"sh\" a1_len=12 a1[1]=414243")).isFalse();
    assertThat(argument(1, "argc=2 a0=\"sh\" a1_len=12 a1[1]=414243")).isEmpty();
    assertThat(argument(5, "argc=2 a0=\"sh\"")).isEmpty();
  }

  @Test
  void declaredLength_doublesWithEveryFurtherFetch() {
    String piece = "41".repeat(3_700);
    String pieces = "a0[1]=" + piece + " a0[2]=" + piece;
    assertThat(addUp("argc=1 a0_len=22200 a0[0]=" + piece, pieces)).isTrue();
    assertThat(addUp("argc=1 a0_len=44400 a0[0]=" + piece, pieces)).isTrue();
    assertThat(addUp("argc=1 a0_len=44402 a0[0]=" + piece, pieces)).isFalse();
    assertThat(addUp("argc=1 a0_len=14800 a0[0]=" + piece)).isFalse();
  }

  @Test
  void unreadablePiece_isNotMissing() {
    assertThat(addUp("argc=2 a0=\"sh\" a1_len=12 a1[0]=(null)")).isTrue();
  }

  @Test
  void nonsense_isNoArgument() {
    assertThat(addUp("argc=1 a0=\"sh\" a=1 a1x=2 a1[=3 a1[x]=4 a99999999999=5 a[0]=6")).isTrue();
  }
}
