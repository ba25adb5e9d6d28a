// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LauncherIT {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  @TempDir Path scratch;

  @BeforeEach
  void copyLauncher() throws Exception {
    Files.createDirectories(scratch.resolve(".mvn"));
    Files.copy(ROOT.resolve("auditbus"), scratch.resolve("auditbus"));
    // As on a host where none of the places it looks at has a JDK.
    Files.writeString(
        scratch.resolve(".mvn/jdk.sh"),
        Files.readString(ROOT.resolve(".mvn/jdk.sh"))
            .replaceAll("/(usr|opt|Library)/", "/nowhere/")
            .replace("command -v javac", "command -v no-javac"));
  }

  @Test
  void missingJdk_isNamedWithWhatToDo() throws Exception {
    ChildProcess.Ended ended = run("standalone");

    assertThat(ended.code()).isEqualTo(3);
    assertThat(ended.err()).contains("no JDK 25 found", "AUDITBUS_JAVA_HOME=");
  }

  @Test
  void unknownCommand_isRefusedBeforeAnythingIsBuilt() throws Exception {
    ChildProcess.Ended ended = run("stanalone");

    assertThat(ended.code()).isEqualTo(2);
    assertThat(ended.err().lines())
        .containsExactly("auditbus: unknown command 'stanalone': 'auditbus help' lists them");
  }

  @Test
  void help_needsNoJdk() throws Exception {
    assertThat(run("help").out()).startsWith("Usage: auditbus COMMAND").contains("standalone");
    assertThat(run().code()).isZero();
  }

  @Test
  void reports_areCommandsOfTheLauncher() throws Exception {
    for (String command : List.of("shutdowns", "gaps", "hosts", "verify")) {
      assertThat(run("help").out()).containsPattern("(?m)^  " + command + "  ");
      assertThat(run(command).err()).as(command).contains("no JDK 25 found");
    }
  }

  private ChildProcess.Ended run(String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "-u",
                "JAVA_HOME",
                "-u",
                "AUDITBUS_JAVA_HOME",
                "HOME=/nowhere",
                "./auditbus"));
    command.addAll(List.of(arguments));
    try (ChildProcess child = ChildProcess.exec(scratch, command)) {
      return child.await(Duration.ofSeconds(20));
    }
  }
}
