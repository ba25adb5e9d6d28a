// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong with files in life, each found by trying to lose bytes with it. */
class TrailSourceFaultTest {
  static final InstantSource CLOCK = InstantSource.fixed(Instant.parse("2030-01-01T00:00:00Z"));
  @TempDir Path directory;
  final List<TrailNotice> notices = new ArrayList<>();
  final List<TrailRecord> records = new ArrayList<>();
  final StringBuilder bytes = new StringBuilder();
  final List<TrailSource> opened = new ArrayList<>();
  final List<IOException> problems = new ArrayList<>();

  @Test
  void tornTailSeenLive_isSentWhenTheTrailEnds() throws Exception {
    Path open = write("20261120104500.not_terminated", line(1, 1) + "type=SYSCALL msg=au");
    TrailSource source = dir(false, Optional.empty());
    drain(source);
    Files.move(open, directory.resolve("20261120104500.crash_recovery"));
    drain(source);
    assertThat(notices).hasSize(2);
  }

  @Test
  void removedLogIsReadOn() throws Exception {
    Path log = write("audit.log", line(1, 1));
    TrailSource source = log(false, Optional.empty());
    drain(source);
    try (FileChannel writer = FileChannel.open(log, StandardOpenOption.APPEND)) {
      Files.delete(log);
      writer.write(StandardCharsets.UTF_8.encode(line(2, 2)));
    }
    drain(source);
    source.read(records::add);
    assertThat(records).hasSize(2);
  }

  @Test
  void removedLogIsReadOnWithRotatedOnes() throws Exception {
    write("audit.log.1", line(1795170000, 1));
    Path log = write("audit.log", line(1795171000, 2));
    TrailSource source = log(false, Optional.empty());
    drain(source);
    try (FileChannel writer = FileChannel.open(log, StandardOpenOption.APPEND)) {
      Files.delete(log);
      drain(source);
      writer.write(StandardCharsets.UTF_8.encode(line(1795171001, 3)));
    }
    drain(source);
    assertThat(records).hasSize(3);
  }

  @Test
  void onceWhileTheLogRotates() throws Exception {
    Path l2 = write("audit.log.2", line(1795170000, 1));
    Path l1 = write("audit.log.1", line(1795171000, 2));
    Path l0 = write("audit.log", line(1795172000, 3));
    TrailSource source = log(true, Optional.empty());
    source.scan();
    Files.move(l2, directory.resolve("audit.log.3"));
    Files.move(l1, l2);
    Files.move(l0, l1);
    write("audit.log", line(1795173000, 4));
    drain(source);
    drain(source);
    assertThat(source.isDone()).isTrue();
  }

  @Test
  void logShorterAfterPowerLossThenGrownPastWhatWasAcked() throws Exception {
    String old = "";
    for (int i = 0; i < 30; i++) {
      old += line(1795170000 + i, 100 + i);
    }
    Path log = write("audit.log", old);
    TrailSource first = log(false, Optional.empty());
    drain(first);
    Checkpoint.SourceMark mark = first.mark();
    first.close();
    // The last 10 records never reached the disk; after the boot auditd appends 15 others.
    int lineLength = line(1795170000, 100).length();
    String now = old.substring(0, 20 * lineLength);
    for (int i = 0; i < 15; i++) {
      now += line(1795180000 + i, 1 + 100 + i);
    }
    Files.writeString(log, now);
    records.clear();
    bytes.setLength(0);
    TrailSource second = log(false, Optional.of(mark));
    drain(second);
    for (int i = 0; i < 15; i++) {
      assertThat(bytes.toString()).contains(line(1795180000 + i, 1 + 100 + i));
    }
  }

  @Test
  void oneUnreadableFileStopsNoOther() throws Exception {
    Path bad = write("20261120104500.20261120110000", line(1, 1));
    write("20261120110000.20261120120000", line(2, 2));
    Files.setPosixFilePermissions(bad, PosixFilePermissions.fromString("---------"));
    assumeFalse(Files.isReadable(bad), "a user with CAP_DAC_OVERRIDE (root) can read everything");
    TrailSource source = dir(false, Optional.empty());
    for (int i = 0; i < 3; i++) {
      drain(source);
    }
    assertThat(records).hasSize(1);
  }

  // Else its bytes would be published before its identity is stored.
  @Test
  void trailFoundBesideOneThatCannotBeRead_isNews() throws Exception {
    Path bad = write("20261120104500.20261120110000", line(1, 1));
    write("20261120110000.20261120120000", line(2, 2));
    Files.setPosixFilePermissions(bad, PosixFilePermissions.fromString("---------"));
    assumeFalse(Files.isReadable(bad), "a user with CAP_DAC_OVERRIDE (root) can read everything");
    TrailSource source = dir(false, Optional.empty());
    assertThatThrownBy(source::scan).isInstanceOf(IOException.class);
    assertThat(source.read(records::add)).isPositive();
    assertThat(source.news()).isTrue();
    assertThat(source.news()).isFalse();
  }

  @Test
  void onceWithAnUnreadableLogIsNotDone() throws Exception {
    Path bad = write("audit.log", line(1, 1));
    Files.setPosixFilePermissions(bad, PosixFilePermissions.fromString("---------"));
    assumeFalse(Files.isReadable(bad), "a user with CAP_DAC_OVERRIDE (root) can read everything");
    TrailSource source = log(true, Optional.empty());
    drain(source);
    assertThat(source.isDone()).isFalse();
  }

  @Test
  void oneTrailThatCannotBeReadKeepsNoOtherFromClosing() throws Exception {
    Path bad = write("20261120104500.not_terminated", line(1, 1));
    write("20261120110000.not_terminated", line(2, 2));
    TrailSource source = dir(false, Optional.empty());
    source.scan();
    Files.setPosixFilePermissions(bad, PosixFilePermissions.fromString("---------"));
    assumeFalse(Files.isReadable(bad), "a user with CAP_DAC_OVERRIDE (root) can read everything");
    Files.move(
        directory.resolve("20261120110000.not_terminated"),
        directory.resolve("20261120110000.20261120120000"));
    for (int i = 0; i < 4; i++) {
      drain(source);
    }
    assertThat(notices).anyMatch(TrailNotice::closes);
  }

  @Test
  void oneListingThatMissesARename() throws Exception {
    Path open = write("20261120104500.not_terminated", line(1, 1) + line(2, 2));
    TrailSource first = dir(false, Optional.empty());
    drain(first);
    Checkpoint.SourceMark mark = first.mark();
    first.close();
    records.clear();
    notices.clear();
    TrailSource second = dir(false, Optional.of(mark));
    second.scan();
    Path aside = directory.resolve("aside"); // as a listing that met the rename halfway
    Files.move(open, aside);
    second.scan();
    Files.move(aside, directory.resolve("20261120104500.20261120110000"));
    drain(second);
    assertThat(records).isEmpty();
  }

  @Test
  void emptyTrailRemoved_isClosed() throws Exception {
    Path open = write("20261120104500.not_terminated", "");
    TrailSource source = dir(false, Optional.empty());
    drain(source);
    Files.delete(open);
    for (int i = 0; i < 3; i++) {
      drain(source);
    }
    assertThat(notices).hasSize(2);
  }

  void drain(TrailSource source) {
    for (int idle = 0; idle < 5; ) {
      try {
        source.scan();
      } catch (IOException e) {
        problems.add(e);
      }
      List<TrailRecord> read = new ArrayList<>();
      int moved = source.read(read::add);
      for (TrailRecord record : read) {
        records.add(record);
        bytes.append(new String(record.raw(), StandardCharsets.UTF_8));
        source.acked(List.of(new Span(record.trail(), record.position(), record.end())));
      }
      Optional<TrailNotice> notice = source.notice();
      notice.ifPresent(
          due -> {
            notices.add(due);
            source.acked(due);
          });
      idle = moved == 0 && notice.isEmpty() ? idle + 1 : 0;
    }
  }

  TrailSource dir(boolean once, Optional<Checkpoint.SourceMark> mark) {
    return track(TrailSource.directory("bsm", directory, TextTrails.FORMATS, once, CLOCK, mark));
  }

  TrailSource log(boolean once, Optional<Checkpoint.SourceMark> mark) {
    return track(
        TrailSource.rotatedLog(
            "auditd", directory.resolve("audit.log"), TextTrails.FORMATS, once, CLOCK, mark));
  }

  TrailSource track(TrailSource source) {
    opened.add(source);
    return source;
  }

  @AfterEach
  void close() {
    opened.forEach(TrailSource::close);
  }

  Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  static String line(long seconds, int serial) {
    return "type=SYSCALL msg=audit("
        + seconds
        + ".000:"
        + serial
        + "): arch=c000003e syscall=62 success=yes\n";
  }
}
