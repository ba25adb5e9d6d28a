// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.event.DecodedEvent;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every sample decodes to, one JSON object a line in {@code src/test/resources/golden}; {@code
 * -Dgolden.rewrite=true} writes them anew, to be reviewed as a diff.
 */
class GoldenTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  static List<Path> all() {
    return Samples.all();
  }

  static List<Path> linux() {
    return Samples.linux();
  }

  @ParameterizedTest
  @MethodSource("all")
  void sample_decodesToItsGolden(Path sample) throws IOException {
    StringBuilder found = new StringBuilder();
    for (DecodedEvent event : Samples.decode(Samples.bytes(sample))) {
      found.append(EventJson.line(event.event())).append('\n');
    }
    Path golden =
        GOLDEN.resolve(sample.getFileName().toString().replaceFirst("\\.[^.]*$", ".jsonl"));
    if (Boolean.getBoolean("golden.rewrite")) {
      Files.createDirectories(GOLDEN);
      Files.writeString(golden, found);
    }
    assertThat(found.toString().lines())
        .as("%s, rewritten by -Dgolden.rewrite=true", golden)
        .containsExactlyElementsOf(Files.readAllLines(golden, StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @MethodSource("linux")
  void everyEventOfAuditdsLogs_isCompleteAndNoneUnparsed(Path sample) {
    assertThat(Samples.decode(Samples.bytes(sample)))
        .isNotEmpty()
        .allSatisfy(
            event -> {
              assertThat(event.event().getType()).isNotEqualTo("UNPARSED");
              // Its SYSCALL never reached auditd: the kernel was just told of a new one.
              assertThat(event.event().getComplete())
                  .as("%d", event.event().getSerial())
                  .isEqualTo(event.event().getSerial() != 150_867);
            });
  }
}
