// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.Outcome;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every record of OpenBSM's own test data says what {@code praudit -rl} says of it. */
class PrauditGoldenTest {
  static final Path SAMPLES = Path.of("src/test/resources/samples/bsm");

  static List<Path> records() throws IOException {
    try (Stream<Path> files = Files.list(SAMPLES)) {
      return files
          .filter(file -> file.toString().contains("_record") && !file.toString().endsWith(".raw"))
          .sorted()
          .toList();
    }
  }

  static byte[] bytes(Path file) throws IOException {
    return Files.readAllBytes(file);
  }

  private static String golden(String name) throws IOException {
    // praudit prints bytes as they are and ends with an empty line.
    return Files.readString(SAMPLES.resolve(name + ".raw"), StandardCharsets.ISO_8859_1).strip();
  }

  @Test
  void samples_areAllThere() throws IOException {
    assertThat(records()).hasSize(43);
  }

  @ParameterizedTest
  @MethodSource("records")
  void record_saysWhatPrauditSays(Path sample) throws IOException {
    assertThat(new PrauditText().line(bytes(sample)))
        .isEqualTo(golden(sample.getFileName().toString()));
  }

  @ParameterizedTest
  @MethodSource("records")
  void recordAsEvent_isComplete(Path sample) throws IOException {
    AuditEvent event = Decoded.record(bytes(sample));
    assertThat(event.getComplete()).isTrue();
    assertThat(event.getTime().orElseThrow().getEpochSecond()).isEqualTo(1230477138);
  }

  /** The test data's names are the oracle. */
  @ParameterizedTest
  @MethodSource("errors")
  void errorRecord_namesItsError(String name) throws IOException {
    AuditEvent event = Decoded.record(bytes(SAMPLES.resolve(name + "_record")));
    assertThat(event.getOutcome()).isEqualTo(Outcome.FAILURE);
    assertThat(Decoded.fields(event)).containsEntry("return.errval", name);
  }

  static List<String> errors() throws IOException {
    return records().stream()
        .map(file -> file.getFileName().toString().replace("_record", ""))
        .filter(name -> name.startsWith("E"))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("tokens")
  void bareToken_isReadInARecord(Path sample) throws IOException {
    AuditEvent event = Decoded.record(TokenBytes.record(1, bytes(sample)));
    assertThat(event.getComplete()).isTrue();
    if (sample.toString().endsWith("subject32ex_token-IPv6")) {
      assertThat(event.getSubject().orElseThrow().getAddress()).contains("fe80::1");
    }
  }

  static List<Path> tokens() throws IOException {
    try (Stream<Path> files = Files.list(SAMPLES)) {
      return files
          .filter(file -> file.toString().contains("_token"))
          .filter(file -> !file.toString().contains("trailer"))
          .sorted()
          .toList();
    }
  }

  @Test
  void longExecveAsEvent_hasSubjectAndArguments() throws IOException {
    AuditEvent event = Decoded.record(longExecve());
    assertThat(event.getType()).isEqualTo("AUE_EXECVE");
    assertThat(event.getComplete()).isTrue();
    assertThat(event.getSubject().orElseThrow().getAuid()).contains(1000L);
    assertThat(event.getSubject().orElseThrow().getAddress()).contains("131.111.204.168");
    assertThat(Decoded.fields(event))
        .containsEntry("exec_args.0", "grep")
        .containsEntry("exec_args.49", "libbsm.la")
        .containsEntry("path", "/usr/bin/grep")
        .containsEntry("record.version", "10");
  }

  /** The one real execve record of the test data is here as praudit's line: made again of it. */
  @Test
  void longExecve_saysWhatPrauditSays() throws IOException {
    String line = golden("execve-long-args.trail");
    byte[] record = longExecve(line);
    assertThat(record).hasSize(714);
    assertThat(new PrauditText().line(record)).isEqualTo(line);
  }

  static byte[] longExecve() throws IOException {
    return longExecve(golden("execve-long-args.trail"));
  }

  private static byte[] longExecve(String line) {
    String[] parts = line.split(",", -1);
    List<String> all = List.of(parts);
    int path = all.lastIndexOf("35");
    TokenBytes arguments = new TokenBytes().u8(0x3c).u32(path - 8);
    for (String argument : all.subList(8, path)) {
      arguments.text(argument).u8(0);
    }
    TokenBytes rest =
        new TokenBytes()
            .u8(0x23)
            .string("/usr/bin/grep")
            .u8(0x3e)
            .u32(0555)
            .u32(0)
            .u32(0)
            .u32(90)
            .u64(24222)
            .u32(112200)
            .u8(0x24)
            .u32(1000)
            .u32(1000)
            .u32(1000)
            .u32(1000)
            .u32(1000)
            .u32(50009)
            .u32(24722)
            .u32(64746)
            .hex("836fcca8")
            .u8(0x27)
            .u8(0)
            .u32(0);
    byte[] record = TokenBytes.record(23, 10, arguments.bytes(), rest.bytes());
    byte[] time = new TokenBytes().u32(1158613982).u32(608).bytes();
    System.arraycopy(time, 0, record, 10, time.length);
    return record;
  }
}
