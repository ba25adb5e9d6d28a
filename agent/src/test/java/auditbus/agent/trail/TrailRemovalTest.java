// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.trail.Checkpoint.ClosedMark;
import auditbus.agent.trail.Checkpoint.SourceMark;
import auditbus.agent.trail.Checkpoint.TrailMark;
import auditbus.schemas.Format;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrailRemovalTest {
  private static final String ID = "20261120104500";

  @TempDir Path place;
  private Path directory;
  private TrailRemoval removal;

  @BeforeEach
  void makeRemoval() throws IOException {
    directory = Files.createDirectory(place.resolve("trails"));
    removal = removal();
  }

  @Test
  void closedAndAcknowledged_isDeleted() throws IOException {
    Path terminated = write(ID + ".20261120110000", "one");
    Path crashed = write("20261120110000.crash_recovery", "two");
    Path empty = write("20261120120000.20261120130000", "");
    remove(
        mark(ID, terminated, true, 3),
        mark("20261120110000", crashed, true, 3),
        mark("20261120120000", empty, true, 0));
    assertThat(directory).isEmptyDirectory();
    assertThat(removal.removed()).isEqualTo(3);
  }

  @Test
  void aKillBetweenAcknowledgementAndDeletion_isMadeUpForAtTheNextStart() throws IOException {
    Path file = write(ID + ".20261120110000", "one");
    SourceMark stored = source(mark(ID, file, true, 3));
    removal = removal(); // the next start knows the checkpoint alone
    removal.remove(stored);
    removal.remove(stored); // and what is deleted already is nothing to speak of
    removal().remove(stored);
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void whatIsNotClosedOrNotAcknowledgedWhole_stays() throws IOException {
    Path file = write(ID + ".20261120110000", "one");
    remove(mark(ID, file, false, 3));
    remove(mark(ID, file, true, 2));
    Path open = write("20261120110000.not_terminated", "two");
    remove(mark("20261120110000", open, true, 3));
    assertThat(file).exists();
    assertThat(open).exists();
  }

  @Test
  void whatIsNotTheSameFile_stays() throws IOException {
    Path grown = write(ID + ".20261120110000", "one");
    SourceMark short3 = mark(ID, grown, true, 3);
    Files.writeString(grown, "one more");
    remove(short3);
    assertThat(grown).exists();

    Path replaced = write("20261120110000.20261120120000", "two");
    SourceMark other = mark("20261120110000", replaced, true, 3);
    Path copy = write("20261120110000.copy", "two");
    Files.move(copy, replaced, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    remove(other);
    assertThat(replaced).exists();

    Path rewritten = write("20261120120000.20261120130000", "six");
    SourceMark before = mark("20261120120000", rewritten, true, 3);
    Files.writeString(rewritten, "ten"); // the same inode and size
    remove(before);
    assertThat(rewritten).exists();

    Path renamed = write("20261120130000.20261120140000", "one");
    SourceMark underAnotherStart = mark("20261120150000", renamed, true, 3);
    remove(underAnotherStart);
    assertThat(renamed).exists();
  }

  @Test
  void whatWasChangedBehindItsFirstBytes_stays() throws IOException {
    Path file = write(ID + ".20261120110000", "x".repeat(5000));
    SourceMark before = mark(ID, file, true, 5000);
    Files.writeString(file, "x".repeat(4000) + "y".repeat(1000));
    remove(before);
    assertThat(file).exists();
  }

  @Test
  void whatWasJustWritten_staysUntilItIsQuiet() throws IOException {
    Path file = write(ID + ".20261120110000", "one");
    SourceMark stored = source(mark(ID, file, true, 3));
    TrailRemoval now = new TrailRemoval("bsd", directory, InstantSource.system());
    now.remove(stored);
    assertThat(file).exists();
    Files.setLastModifiedTime(
        file, FileTime.from(Instant.now().minusSeconds(TrailRemoval.QUIET_SECONDS + 1)));
    now.remove(stored);
    assertThat(file).doesNotExist();
  }

  @Test
  void laterIncarnationOnTheSameInode_keepsTheFile() throws IOException {
    Path file = write(ID + ".20261120110000", "one");
    remove(mark(ID, file, true, 3), mark(ID + "~2", file, false, 0));
    assertThat(file).exists();
  }

  @Test
  void symbolicLink_isNeverFollowedNorDeleted() throws IOException {
    Path elsewhere = Files.writeString(place.resolve("precious"), "one");
    Path link = Files.createSymbolicLink(directory.resolve(ID + ".20261120110000"), elsewhere);
    remove(mark(ID, elsewhere, true, 3));
    assertThat(elsewhere).exists();
    assertThat(link).isSymbolicLink();
  }

  @Test
  void readOnlyFileSystem_isAProblemUntilItIsWritable() throws IOException {
    try (TemporaryMount mount = TemporaryMount.tmpfs(directory, "1m")) {
      Path file = write(ID + ".20261120110000", "one");
      SourceMark stored = source(mark(ID, file, true, 3));
      mount.remount("ro");
      removal.remove(stored);
      removal.remove(stored);
      assertThat(removal.problem())
          .hasValueSatisfying(why -> assertThat(why).contains(file.toString(), "Read-only"));
      assertThat(file).exists();
      mount.remount("rw");
      removal.remove(stored);
      assertThat(removal.problem()).isEmpty();
      assertThat(file).doesNotExist();
    }
  }

  /** An hour after everything was written. */
  private TrailRemoval removal() {
    return new TrailRemoval(
        "bsd", directory, InstantSource.offset(InstantSource.system(), Duration.ofHours(1)));
  }

  private void remove(SourceMark... marks) {
    removal.remove(source(marks));
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  private static SourceMark source(SourceMark... marks) {
    return new SourceMark(
        "bsd",
        Stream.of(marks).flatMap(mark -> mark.trails().stream()).toList(),
        Stream.of(marks).flatMap(mark -> mark.closed().stream()).toList());
  }

  /** A source with one trail. */
  private static SourceMark mark(String id, Path file, boolean closed, long covered)
      throws IOException {
    FileIdentity identity = FileIdentity.of(file);
    if (closed) {
      ClosedMark mark =
          new ClosedMark(
              id,
              identity.inode(),
              identity.length(),
              identity.digest(),
              Files.size(file),
              covered,
              HexFormat.of()
                  .formatHex(FileIdentity.Digests.sha256().digest(Files.readAllBytes(file))));
      return new SourceMark("bsd", List.of(), List.of(mark));
    }
    TrailMark mark =
        new TrailMark(
            id,
            identity.inode(),
            identity.length(),
            identity.digest(),
            Format.LINUX.name(),
            covered == 0 ? List.of() : List.of(new long[] {0, covered}),
            false,
            0,
            "",
            true,
            null);
    return new SourceMark("bsd", List.of(mark), List.of());
  }
}
