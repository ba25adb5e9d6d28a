// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static auditbus.agent.trail.TrailLines.buffer;
import static auditbus.agent.trail.TrailLines.content;
import static auditbus.agent.trail.TrailLines.line;
import static auditbus.agent.trail.TrailLines.names;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What others do to a trail while it is written. */
class TrailWriterLossTest {
  private static final String OPEN = "20261120104500.not_terminated";

  @TempDir Path temporary;

  private final FakeTime time = new FakeTime("2026-11-20T10:45:00Z");
  private final List<TrailWriter> opened = new ArrayList<>();
  private Path directory;

  private static List<FlushPolicy> policies() {
    return List.of(
        new FlushPolicy.None(),
        new FlushPolicy.Incremental(2, Duration.ofSeconds(1)),
        new FlushPolicy.Sync());
  }

  @BeforeEach
  void name() {
    directory = temporary.resolve("a/trails");
  }

  @AfterEach
  void close() throws Exception {
    for (TrailWriter writer : opened) {
      writer.close();
    }
  }

  @ParameterizedTest
  @MethodSource("policies")
  void removedFile_isWrittenAgainWhole(FlushPolicy policy) throws Exception {
    TrailWriter writer = open(policy);
    append(writer, line(1, 1));
    Files.delete(directory.resolve(OPEN));
    append(writer, line(1, 2)); // before it is noticed
    look(writer);
    append(writer, line(1, 3));
    assertThat(names(directory)).containsExactly(OPEN);
    assertThat(content(directory)).isEqualTo(line(1, 1) + line(1, 2) + line(1, 3));
    assertThat(writer.counters().vanished()).isEqualTo(1);
    assertThat(writer.counters().bytesDropped()).isZero();
    assertThat(writer.problem()).isEmpty();
    look(writer);
    assertThat(writer.counters().vanished()).isEqualTo(1);
  }

  @ParameterizedTest
  @MethodSource("policies")
  void removedDirectory_isMadeAgainAndLocked(FlushPolicy policy) throws Exception {
    TrailWriter writer = open(policy);
    append(writer, line(1, 1));
    remove(temporary.resolve("a"));
    append(writer, line(1, 2));
    look(writer);
    append(writer, line(1, 3));
    assertThat(content(directory)).isEqualTo(line(1, 1) + line(1, 2) + line(1, 3));
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
        .isEqualTo("rwx------");
    assertThat(directory.resolve(".lock")).exists();
    assertThat(writer.problem()).isEmpty();
    writer.close();
    assertThat(names(directory)).containsExactly("20261120104500.20261120104501");
  }

  @Test
  void movedDirectory_isMadeAgain() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Sync());
    append(writer, line(1, 1));
    Path moved = Files.move(directory, temporary.resolve("moved"));
    append(writer, line(1, 2));
    look(writer);
    append(writer, line(1, 3));
    assertThat(content(directory)).isEqualTo(line(1, 1) + line(1, 2) + line(1, 3));
    assertThat(content(moved)).isEqualTo(line(1, 1) + line(1, 2));
  }

  @Test
  void replacedFile_isSetAside() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Sync());
    append(writer, line(1, 1));
    Path other = Files.writeString(temporary.resolve("other"), "a stranger's\n");
    Files.move(other, directory.resolve(OPEN), StandardCopyOption.REPLACE_EXISTING);
    append(writer, line(1, 2));
    look(writer);
    append(writer, line(1, 3));
    assertThat(directory.resolve("20261120104500.crash_recovery")).hasContent("a stranger's");
    assertThat(Files.readString(directory.resolve(OPEN)))
        .isEqualTo(line(1, 1) + line(1, 2) + line(1, 3));
  }

  @Test
  void directoryInPlaceOfTheFile_isGoneRound() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Sync());
    append(writer, line(1, 1));
    Files.delete(directory.resolve(OPEN));
    Files.createDirectory(directory.resolve(OPEN));
    look(writer);
    append(writer, line(1, 2));
    assertThat(writer.trail()).isEqualTo("20261120104501");
    assertThat(Files.readString(writer.path())).isEqualTo(line(1, 1) + line(1, 2));
    Files.delete(directory.resolve(OPEN));
  }

  @Test
  void fileRemovedJustBeforeTheClose_isWrittenAgain() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None());
    append(writer, line(1, 1));
    Files.delete(directory.resolve(OPEN));
    writer.close();
    assertThat(names(directory)).containsExactly("20261120104500.20261120104500");
    assertThat(content(directory)).isEqualTo(line(1, 1));
  }

  @Test
  void fileRemovedBeforeItsRotation_isWrittenAgain() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None());
    append(writer, line(1, 1));
    Files.delete(directory.resolve(OPEN));
    writer.rotate();
    append(writer, line(1, 2));
    Await.until("finished", () -> writer.counters().trailsWritten() == 1);
    assertThat(names(directory))
        .containsExactly("20261120104500.20261120104501", "20261120104501.not_terminated");
    assertThat(content(directory)).isEqualTo(line(1, 1) + line(1, 2));
    assertThat(writer.counters().vanished()).isEqualTo(1);
  }

  @Test
  void fileThatSomeoneCut_endsThere() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Sync());
    append(writer, line(1, 1));
    try (FileChannel channel =
        FileChannel.open(directory.resolve(OPEN), StandardOpenOption.WRITE)) {
      channel.truncate(10);
    }
    append(writer, line(1, 2));
    assertThat(writer.trail()).isEqualTo("20261120104501");
    assertThat(Files.readString(writer.path())).isEqualTo(line(1, 2));
    Await.until("finished", () -> writer.counters().trailsWritten() == 1);
    assertThat(directory.resolve("20261120104500.20261120104501"))
        .hasContent(line(1, 1).substring(0, 10));
    assertThat(writer.counters().bytesDropped()).isEqualTo(line(1, 1).length() - 10);
    assertThat(writer.counters().vanished()).isEqualTo(1);
  }

  @Test
  void linkInPlaceOfTheDirectory_isRefusedAndNothingIsLost() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None());
    append(writer, line(1, 1));
    Files.move(directory, temporary.resolve("moved"));
    Files.createSymbolicLink(directory, Files.createDirectory(temporary.resolve("elsewhere")));
    look(writer);
    append(writer, line(1, 2));
    assertThat(writer.problem().orElseThrow()).contains("symbolic link");
    assertThat(temporary.resolve("elsewhere")).isEmptyDirectory();
    Files.delete(directory);
    look(writer);
    assertThat(content(directory)).isEqualTo(line(1, 1) + line(1, 2));
    assertThat(writer.problem()).isEmpty();
    assertThat(writer.counters().vanished()).isEqualTo(1);
  }

  @Test
  void directoryThatAnotherWriterTookMeanwhile_isSaidAndBothGoOn() throws Exception {
    TrailWriter first = open(new FlushPolicy.None());
    append(first, line(1, 1));
    Files.move(directory, temporary.resolve("moved"));
    TrailWriter second = open(new FlushPolicy.None());
    append(second, line(2, 1));
    look(first);
    append(first, line(1, 2));
    assertThat(first.problem().orElseThrow()).contains("two captures need two directories");
    look(second);
    append(second, line(2, 2));
    assertThat(content(directory)).contains(line(1, 1) + line(1, 2));
    assertThat(content(directory)).contains(line(2, 1) + line(2, 2));
    second.close();
    look(first);
    assertThat(first.problem()).isEmpty();
  }

  @Test
  void fullDiskWhileRestoring_isTriedAgain() throws Exception {
    Path on = Files.createDirectory(temporary.resolve("disk"));
    try (TemporaryMount mount = TemporaryMount.tmpfs(on, "1m")) {
      directory = on.resolve("trails");
      TrailWriter writer = open(new FlushPolicy.None());
      StringBuilder written = new StringBuilder();
      while (written.length() < 600 * 1024) {
        String lines = line(1, written.length());
        append(writer, lines);
        written.append(lines);
      }
      Files.delete(directory.resolve(OPEN)); // the nameless file needs its room still
      look(writer);
      assertThat(writer.problem().orElseThrow())
          .contains("cannot keep")
          .contains("No space left on device");
      assertThat(names(directory)).isEmpty();
      append(writer, line(1, 1));
      written.append(line(1, 1));
      mount.remount("size=4m");
      look(writer);
      assertThat(content(directory)).hasToString(written.toString());
      assertThat(writer.problem()).isEmpty();
      writer.close();
    }
  }

  private TrailWriter open(FlushPolicy flush) throws IOException {
    TrailSettings settings =
        new TrailSettings(
            directory,
            Optional.empty(),
            1 << 20,
            Duration.ofHours(1),
            flush,
            0,
            OnFull.BLOCK,
            Duration.ofDays(1));
    TrailWriter writer = new TrailWriter(settings, _ -> false, time, time::nanos);
    writer.open();
    opened.add(writer);
    return writer;
  }

  private static void append(TrailWriter writer, String lines) throws IOException {
    writer.append(buffer(lines), 1);
  }

  private void look(TrailWriter writer) {
    time.advance(Duration.ofSeconds(1));
    writer.tick();
  }

  private static void remove(Path tree) throws IOException {
    try (Stream<Path> files = Files.walk(tree)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
