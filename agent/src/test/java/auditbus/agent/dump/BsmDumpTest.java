// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.Format;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is printed of BSM trails: the bytes are OpenBSM's own, the goldens real praudit's. */
class BsmDumpTest {
  private static final Path SAMPLES = Path.of("src/test/resources/samples/bsm");
  private static final byte[] ARGUMENT = {0x13, (byte) 0xb1, 0x05};

  @TempDir Path directory;

  static List<Path> records() throws IOException {
    try (Stream<Path> files = Files.list(SAMPLES)) {
      return files
          .filter(file -> file.getFileName().toString().contains("_record"))
          .filter(file -> !file.toString().endsWith(".raw"))
          .sorted()
          .toList();
    }
  }

  private static byte[] all() throws IOException {
    ByteArrayOutputStream trail = new ByteArrayOutputStream();
    for (Path record : records()) {
      trail.write(Files.readAllBytes(record));
    }
    return trail.toByteArray();
  }

  /** {@code praudit -rl}: the header's seven words, the tokens, the trailer's two. */
  @ParameterizedTest
  @MethodSource("records")
  void everyWordOfPraudit_isInTheBlock(Path record) throws Exception {
    Dumped dumped = Dumped.blocks(record);
    assertThat(dumped.exitCode()).as(dumped.err().toString()).isEqualTo(0);
    assertThat(dumped.blockCount()).isEqualTo(1);
    String name = record.getFileName().toString();
    String line = dumped.out().lines().skip(1).findFirst().orElseThrow();
    assertThat(line).startsWith("type=").contains(" msg=audit(20").contains("Z): ");
    String golden = Files.readString(Path.of(record + ".raw"), StandardCharsets.ISO_8859_1).strip();
    String[] words = golden.split(",", -1);
    for (String word : Arrays.copyOfRange(words, 8, words.length - 3)) {
      if (!word.isEmpty() && !name.startsWith("data")) {
        assertThat(List.of(word, unsigned(word), shortHex(word), errorName(name)))
            .as("%s in %s", word, line)
            .anyMatch(line::contains);
      }
    }
  }

  /** praudit's raw form has the error's number, ours its name, as the sample has. */
  private static String errorName(String sample) {
    return switch (sample) {
      case "return32_record" -> "errval=EINVAL";
      case "iport_record" -> "ip_port=20480"; // 0x5000
      default -> sample.startsWith("E") ? "errval=" + sample.replace("_record", "") : sample;
    };
  }

  private static String shortHex(String word) {
    return word.replace("0x0", "0x");
  }

  private static String unsigned(String word) {
    return word.startsWith("-") && word.substring(1).matches("\\d+")
        ? Integer.toUnsignedString(Integer.parseInt(word))
        : word;
  }

  @Test
  void aTrail_isKnownByItsFirstBytes_andWrittenInBothForms() throws Exception {
    Path trail = Files.write(directory.resolve("20081228151218.not_terminated"), all());
    Dumped blocks = Dumped.blocks(trail);
    Dumped json = Dumped.json(directory);
    int wanted = records().size();
    assertThat(blocks.exitCode()).isEqualTo(0);
    assertThat(blocks.blockCount()).isEqualTo(wanted);
    assertThat(json.events()).hasSize(wanted);
    assertThat(json.events()).allMatch(event -> event.get("format").textValue().equals("BSM"));
    assertThat(json.events()).anyMatch(event -> !event.get("subject").isNull());
  }

  @Test
  void damage_isToldOfAndPassedBy_wherePrauditStopsInSilence() throws Exception {
    byte[] trail = all();
    byte[] torn = Arrays.copyOf(trail, trail.length - 5);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write("junk\033[2J".getBytes(StandardCharsets.US_ASCII));
    bytes.write(trail);
    bytes.write(new byte[] {0x14, (byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff});
    bytes.write(ARGUMENT);
    bytes.write(torn);
    Path file = Files.write(directory.resolve("trail"), bytes.toByteArray());
    Dumped dumped = Dumped.json(file);
    assertThat(dumped.exitCode()).isEqualTo(Dump.DAMAGED);
    assertThat(dumped.err()).hasSize(3);
    assertThat(dumped.err().get(0)).contains("8 bytes at position 0 cannot be read: ");
    assertThat(dumped.err().get(1)).contains("8 bytes at position " + (8 + trail.length));
    assertThat(dumped.err().get(2)).contains("the file ends inside a record");
    long covered = 0;
    for (JsonNode record : dumped.records()) {
      covered += record.get("length").intValue();
    }
    assertThat(covered).isEqualTo(bytes.size());
    long whole = dumped.records().stream().filter(one -> one.get("type").intValue() != -1).count();
    assertThat(whole).isEqualTo(2L * records().size() - 1);
  }

  @Test
  void theWrongFormat_isOnlyUsedIfAskedFor() throws Exception {
    Path trail = Files.write(directory.resolve("trail"), all());
    DumpSettings text =
        new DumpSettings(
            List.of(trail.toString()),
            Optional.of(Format.LINUX),
            true,
            false,
            false,
            Set.of(),
            Optional.empty());
    Dumped dumped = Dumped.of(text, new byte[0]);
    assertThat(dumped.exitCode()).isEqualTo(Dump.DAMAGED);
    assertThat(dumped.records()).allMatch(record -> record.get("type").intValue() == -1);
  }

  @Test
  void textAndBsm_areToldApartInOneDirectory() throws Exception {
    Files.write(directory.resolve("20081228151218.20081228151300"), all());
    Files.writeString(
        directory.resolve("20081228151300.not_terminated"),
        "type=USER_LOGIN msg=audit(1795170528.001:1): pid=1 uid=0 auid=1000 ses=2 res=1\n");
    Dumped dumped = Dumped.json(directory);
    assertThat(dumped.exitCode()).isEqualTo(0);
    assertThat(dumped.events()).hasSize(records().size() + 1);
    assertThat(dumped.events().getLast().get("format").textValue()).isEqualTo("LINUX");
  }
}
