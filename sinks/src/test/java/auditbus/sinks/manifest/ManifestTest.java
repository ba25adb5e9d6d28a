// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.Format;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestTest {
  private static final Instant AT = Instant.parse("2026-11-20T11:00:03Z");
  private static final ManifestEntry.Finished FIRST =
      new ManifestEntry.Finished(
          "20261120104500.20261120110000",
          ManifestEntry.Proof.VERIFIED,
          Format.LINUX,
          9000,
          "ab".repeat(32),
          Optional.empty(),
          Optional.empty(),
          AT);
  private static final ManifestEntry.Finished SECOND =
      new ManifestEntry.Finished(
          "20261120110000~2.crash_recovery.quarantined",
          ManifestEntry.Proof.QUARANTINED,
          Format.BSM,
          0,
          "cd".repeat(32),
          Optional.of("20261120104500"),
          Optional.of("ab".repeat(32)),
          AT);
  private static final ManifestEntry.Expired THIRD =
      new ManifestEntry.Expired(FIRST.name(), "60d_AND_1G", AT);

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void write() throws IOException {
    file = directory.resolve("MANIFEST");
    Manifest manifest = open();
    manifest.append(List.of(FIRST));
    manifest.append(List.of(SECOND, THIRD));
  }

  private Manifest open() throws IOException {
    return Manifest.open(directory, "web1", "auditd", Manifest.read(directory));
  }

  @Test
  void manifest_readsBackAsWritten() throws IOException {
    Manifest.Contents contents = Manifest.read(directory);
    assertThat(contents.entries()).containsExactly(FIRST, SECOND, THIRD);
    assertThat(contents.faults()).isEmpty();
    assertThat(contents.host()).contains("web1");
    assertThat(contents.source()).contains("auditd");
    assertThat(contents.length()).isEqualTo(Files.size(file));
  }

  @Test
  void manifest_goesOnWhereItWasLeft() throws IOException {
    open().append(List.of(new ManifestEntry.Expired(SECOND.name(), "10G", AT)));
    assertThat(Manifest.read(directory).entries()).hasSize(4);
    assertThat(Manifest.read(directory).faults()).isEmpty();
  }

  @Test
  void manifest_thatACrashCutInItsLastLineLosesThatLineAlone() throws IOException {
    byte[] whole = Files.readAllBytes(file);
    int lastLine = new String(whole, 0, whole.length - 1, StandardCharsets.UTF_8).lastIndexOf('\n');
    for (int length = lastLine + 1; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThat(Manifest.read(directory).entries()).containsExactly(FIRST, SECOND);
      open().append(List.of(THIRD));
      assertThat(file).as("cut at %d", length).hasBinaryContent(whole);
    }
  }

  @Test
  void manifest_withAnyByteChangedIsFoundOut() throws IOException {
    byte[] whole = Files.readAllBytes(file);
    for (int i = 0; i < whole.length; i++) {
      byte[] changed = whole.clone();
      changed[i] ^= 1;
      Files.write(file, changed);
      // The last line end gone is a line that a crash cut: its entry is gone, not changed.
      Manifest.Contents contents = Manifest.read(directory);
      assertThat(contents.faults().isEmpty() && contents.entries().size() == 3)
          .as("changed at %d", i)
          .isFalse();
    }
  }

  @Test
  void manifest_withALineRemovedOrMovedIsFoundOut() throws IOException {
    List<String> lines = Files.readAllLines(file);
    for (int i = 0; i < lines.size() - 1; i++) {
      List<String> fewer = new ArrayList<>(lines);
      fewer.remove(i);
      Files.write(file, fewer);
      assertThat(Manifest.read(directory).faults()).as("line %d removed", i + 1).isNotEmpty();
      List<String> moved = new ArrayList<>(lines);
      Collections.swap(moved, i, i + 1);
      Files.write(file, moved);
      assertThat(Manifest.read(directory).faults()).as("line %d moved", i + 1).isNotEmpty();
      List<String> twice = new ArrayList<>(lines);
      twice.add(i, lines.get(i));
      Files.write(file, twice);
      assertThat(Manifest.read(directory).faults()).as("line %d twice", i + 1).isNotEmpty();
    }
  }

  @Test
  void manifest_namesTheFirstLineThatDoesNotFit() throws IOException {
    String text = Files.readString(file);
    Files.writeString(file, text.replace("size=9000", "size=9001"));
    assertThat(Manifest.read(directory).faults()).singleElement().asString().contains("line 2");
  }

  @Test
  void manifest_thatWasCutWhileItIsWrittenIsNotWrittenOver() throws IOException {
    Manifest manifest = open();
    Files.write(file, Arrays.copyOf(Files.readAllBytes(file), 100));
    assertThatThrownBy(() -> manifest.append(List.of(THIRD)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("was cut");
    assertThat(file).hasSize(100);
  }

  @Test
  void manifest_isNotWrittenThroughALink() throws IOException {
    Path elsewhere = Files.writeString(directory.resolve("elsewhere"), "");
    Files.delete(file);
    Files.createSymbolicLink(file, elsewhere);
    assertThatThrownBy(() -> Manifest.read(directory)).hasMessageContaining("remove it");
    Manifest manifest =
        Manifest.open(
            directory,
            "web1",
            "auditd",
            new Manifest.Contents(
                Optional.empty(), Optional.empty(), List.of(), List.of(), 0, 0, ""));
    assertThatThrownBy(() -> manifest.append(List.of(FIRST))).isInstanceOf(IOException.class);
    assertThat(elsewhere).isEmptyFile();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../20261120104500.x",
        "20261120104500",
        "20261120104500./etc",
        "20261120104500.a/b",
        "20261120104500.a b",
        "20261120104500.a\nb",
        ".lock",
        "MANIFEST",
        "x20261120104500.20261120110000"
      })
  void entry_takesNoNameThatCouldLeaveItsDirectory(String name) {
    assertThatThrownBy(() -> new ManifestEntry.Expired(name, "60d", AT))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> ManifestEntry.parse("expired " + name + " reason=60d at=" + AT))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void entry_thatIsNoneIsRefused() {
    for (String text :
        List.of(
            "",
            "finished",
            FIRST.text() + " more=1",
            FIRST.text().replace("verified", "believed"),
            FIRST.text().replace("LINUX", "SOLARIS"),
            FIRST.text().replace("at=2026", "at=soon"),
            FIRST.text().replace("size=9000", "size=-1"),
            FIRST.text().replace("abab", "ABAB"))) {
      assertThatThrownBy(() -> ManifestEntry.parse(text))
          .as(text)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
