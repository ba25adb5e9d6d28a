// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateReportTest {
  private static final String TEXT =
      """
      audit version = auditbus-0.1.0
      time = 2026-11-20T10:45:00Z
      current log file = /var/audit/20261120 104500.not_terminated
      current log size = 4711
      space left on partition = yes
      logging suspended = no
      disk error detected = no
      records received = 12
      lost = 3
      """;

  @TempDir Path directory;

  private static StateReport report() {
    Map<String, Long> counters = new LinkedHashMap<>();
    counters.put("records received", 12L);
    counters.put("lost", 3L);
    return new StateReport(
        "0.1.0",
        Instant.parse("2026-11-20T10:45:00Z"),
        Path.of("/var/audit/20261120\n104500.not_terminated"),
        4711,
        true,
        false,
        false,
        counters);
  }

  @Test
  void report_hasOneLineForEachValue() {
    assertThat(report().text()).isEqualTo(TEXT);
  }

  @Test
  void file_isReplacedWholeAndNotForAllToRead() throws IOException {
    Path file = directory.resolve("auditbus.state");
    Files.writeString(file, "older");
    Files.writeString(directory.resolve("auditbus.state.tmp"), "left over");
    report().write(file);
    assertThat(file).hasContent(TEXT);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-r-----");
    assertThat(directory).isDirectoryNotContaining("glob:**.tmp");
  }

  @Test
  void link_isReplacedAndNotFollowed() throws IOException {
    Path target = Files.writeString(directory.resolve("target"), "precious");
    Path file = Files.createSymbolicLink(directory.resolve("auditbus.state"), target);
    Files.createSymbolicLink(directory.resolve("auditbus.state.tmp"), target);
    report().write(file);
    assertThat(target).hasContent("precious");
    assertThat(file).isRegularFile().hasContent(TEXT);
  }

  @Test
  void missingDirectory_isAnError() {
    assertThatThrownBy(() -> report().write(directory.resolve("none/auditbus.state")))
        .isInstanceOf(NoSuchFileException.class);
  }
}
