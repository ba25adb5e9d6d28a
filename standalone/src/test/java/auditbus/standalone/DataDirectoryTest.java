// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DataDirectoryTest {
  @TempDir Path temporary;

  @Test
  void open_makesTheLayoutAndSaysItsVersion() throws Exception {
    Path path = temporary.resolve("a/b");
    try (DataDirectory data = DataDirectory.open(path)) {
      assertThat(data.path().resolve("format")).hasContent(DataDirectory.FORMAT);
      assertThat(data.collected()).isDirectory();
    }
    try (DataDirectory again = DataDirectory.open(path)) {
      assertThat(again.path()).isEqualTo(path);
    }
  }

  @Test
  void open_refusesADirectoryInUse() throws Exception {
    try (DataDirectory data = DataDirectory.open(temporary)) {
      assertThatThrownBy(() -> DataDirectory.open(temporary))
          .isInstanceOf(StartException.class)
          .hasMessageContaining(data.path() + " is in use by another auditbus process");
    }
  }

  @Test
  void open_refusesAnotherVersionAndLeavesItAlone() throws Exception {
    Files.writeString(temporary.resolve("format"), "7\n");

    assertThatThrownBy(() -> DataDirectory.open(temporary))
        .isInstanceOf(StartException.class)
        .hasMessageContaining("of version \"7\", this auditbus reads version \"1\"");
    assertThat(temporary.toFile().list()).containsExactly("format");
  }

  @Test
  void open_refusesSomebodyElsesDirectory() throws Exception {
    Files.writeString(temporary.resolve("thesis.tex"), "");

    assertThatThrownBy(() -> DataDirectory.open(temporary))
        .isInstanceOf(StartException.class)
        .hasMessageContaining("no auditbus data directory (found thesis.tex)");
    assertThat(temporary.toFile().list()).containsExactly("thesis.tex");
  }

  @Test
  void open_finishesAStartThatWasCutOff() throws Exception {
    Files.createDirectories(temporary.resolve("kafka"));
    Files.writeString(temporary.resolve("lock"), "");

    DataDirectory.open(temporary).close();

    assertThat(temporary.resolve("format")).exists();
  }

  @Test
  void open_refusesAFile() throws Exception {
    Path file = Files.writeString(temporary.resolve("file"), "");

    assertThatThrownBy(() -> DataDirectory.open(file))
        .isInstanceOf(StartException.class)
        .hasMessageContaining(file + " is not a directory");
    assertThatThrownBy(() -> DataDirectory.open(file.resolve("below")))
        .isInstanceOf(StartException.class)
        .hasMessageContaining(file.toString());
  }

  @Test
  void running_tellsWhereTheUserOfTheDirectoryListens() throws Exception {
    DataDirectory.Endpoints endpoints =
        new DataDirectory.Endpoints("127.0.0.1:9092", URI.create("http://127.0.0.1:8081"));
    try (DataDirectory data = DataDirectory.open(temporary)) {
      assertThatThrownBy(() -> DataDirectory.running(temporary))
          .hasMessageContaining("is starting or stopping");
      data.publish(endpoints);
      assertThat(DataDirectory.running(temporary)).contains(endpoints);
    }
    assertThat(DataDirectory.running(temporary)).isEmpty();
  }

  @Test
  void running_refusesWhatIsNoDataDirectory() {
    assertThatThrownBy(() -> DataDirectory.running(temporary.resolve("none")))
        .isInstanceOf(StartException.class)
        .hasMessageContaining("holds no auditbus data");
  }
}
