// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RotatingLogTest {
  @TempDir Path temporary;

  @Test
  void log_keepsTheNewestLinesAndABoundedNumberOfBytes() throws Exception {
    Path file = Files.writeString(temporary.resolve("auditbus.log"), "of the run before\n");
    PrintStream before = System.err;
    try {
      RotatingLog.install(file, 1000);
      assertThat(temporary.resolve("auditbus.log.1")).hasContent("of the run before\n");
      for (int line = 0; line < 1000; line++) {
        System.err.println("line " + line);
      }
      System.err.close();
    } finally {
      System.setErr(before);
    }
    assertThat(Files.readString(file)).endsWith("line 999\n");
    assertThat(Files.size(file)).isLessThanOrEqualTo(1000);
    assertThat(Files.size(temporary.resolve("auditbus.log.1"))).isLessThanOrEqualTo(1000);
  }
}
