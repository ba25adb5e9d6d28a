// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class InputsTest {
  @TempDir Path temporary;

  @Test
  void directoryOfTrails_isOneSource() throws Exception {
    Path directory = Files.createDirectory(temporary.resolve("Trails of A"));
    file(directory, "20261120104500.20261120110000");
    file(directory, "20261120110000.not_terminated");
    file(directory, "current");

    Inputs inputs = inputs(directory);

    assertThat(inputs.sources())
        .containsExactly(new InputSource("trails-of-a", "trails", directory, 10));
    assertThat(inputs.notes()).singleElement().asString().contains("current");
  }

  @Test
  void directoryOfAuditd_isTheSourceAuditd() throws Exception {
    file(temporary, "audit.log");
    file(temporary, "audit.log.1");
    file(temporary, "other.log");

    Inputs inputs = inputs(temporary);

    assertThat(inputs.sources())
        .containsExactly(new InputSource("auditd", "auditlog", temporary.resolve("audit.log"), 10));
    assertThat(inputs.notes()).singleElement().asString().contains("other.log");
  }

  @Test
  void directoryOfOtherLogs_isASourceAFile() throws Exception {
    file(temporary, "20-HEAD 4.2.2.log");
    file(temporary, "b.log");
    Files.writeString(temporary.resolve("empty.log"), "");

    Inputs inputs = inputs(temporary);

    assertThat(inputs.sources())
        .extracting(InputSource::name)
        .containsExactly("20-head-4-2-2", "b");
    assertThat(inputs.notes())
        .containsExactly("left out " + temporary.resolve("empty.log") + ": empty");
  }

  @Test
  void files_areNamedAfterThemselves() throws Exception {
    assertThat(inputs(file(temporary, "audit.log")).sources())
        .extracting(InputSource::name, InputSource::type)
        .containsExactly(tuple("auditd", "auditlog"));
    assertThat(inputs(file(temporary, "20261120104500.crash_recovery")).sources())
        .extracting(InputSource::type)
        .containsExactly("trails");
    assertThat(inputs(file(temporary, "...")).sources())
        .extracting(InputSource::name)
        .containsExactly("input");
  }

  @Test
  void equalNames_areMadeUniqueAndStayTheSame() throws Exception {
    Path first = file(Files.createDirectory(temporary.resolve("a")), "audit.log");
    Path second = file(Files.createDirectory(temporary.resolve("b")), "audit.log");

    assertThat(inputs(first, second).sources())
        .extracting(InputSource::name)
        .containsExactly("auditd", "auditd-2");
    // Another start names them the other way round, and one of them twice.
    assertThat(inputs(second, first, second).sources())
        .extracting(InputSource::name)
        .containsExactly("auditd-2", "auditd");
  }

  @Test
  void whatCannotBeRead_isNamed() throws Exception {
    Path empty = Files.writeString(temporary.resolve("empty.log"), "");
    Path nothing = Files.createDirectory(temporary.resolve("nothing"));
    Path emptyOnes = Files.createDirectory(temporary.resolve("emptyOnes"));
    Files.writeString(emptyOnes.resolve("audit.log"), "");

    assertRefused(temporary.resolve("missing"), "does not exist");
    assertRefused(empty, "is empty");
    assertRefused(nothing, "holds nothing to read");
    assertRefused(emptyOnes, "holds only empty files");
    assertRefused(Path.of("/dev/null"), "is neither a file nor a directory");
  }

  @Test
  void samples_areBundled() throws Exception {
    Inputs.unpackSamples(temporary.resolve("samples"));

    assertThat(inputs(temporary.resolve("samples")).sources())
        .extracting(InputSource::name)
        .contains("02-term-auid1000-sender-exits", "20-head-4-2-2-signals");
    assertThat(Inputs.present(temporary.resolve("samples"))).isFalse();
  }

  private void assertRefused(Path path, String why) {
    assertThatThrownBy(() -> inputs(path))
        .isInstanceOf(StartException.class)
        .hasMessageStartingWith("input " + path + " " + why);
  }

  private Inputs inputs(Path... paths) throws IOException {
    return Inputs.of(List.of(paths), temporary.resolve("names"));
  }

  private static Path file(Path directory, String name) throws IOException {
    return Files.writeString(directory.resolve(name), "12345");
  }
}
