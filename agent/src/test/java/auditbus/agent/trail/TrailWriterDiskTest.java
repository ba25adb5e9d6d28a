// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static auditbus.agent.trail.TrailLines.buffer;
import static auditbus.agent.trail.TrailLines.content;
import static auditbus.agent.trail.TrailLines.line;
import static auditbus.agent.trail.TrailLines.names;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Full, read-only and failing disks: small file systems that really are that. */
class TrailWriterDiskTest {
  private static final int KIB = 1024;

  @TempDir Path temporary;

  private final FakeTime time = new FakeTime("2026-11-20T10:45:00Z");
  private final Set<String> acked = ConcurrentHashMap.newKeySet();
  private Optional<TemporaryMount> mount = Optional.empty();
  private Optional<TrailWriter> writer = Optional.empty();
  private final StringBuilder written = new StringBuilder();
  private int number;

  @AfterEach
  void unmount() throws Exception {
    try {
      if (writer.isPresent()) {
        writer.get().close();
      }
    } finally {
      if (mount.isPresent()) {
        mount.get().close();
      }
    }
  }

  @Test
  void fullDisk_keepsTheRestInTheBufferUntilThereIsRoom() throws Exception {
    Path directory = tmpfs("1m");
    Path ballast = ballast(900 * KIB);
    open(directory, 0, OnFull.BLOCK, 8 << 20, new FlushPolicy.Sync());
    NoSpaceException full = null;
    ByteBuffer lines = null;
    while (full == null) {
      lines = buffer(next(40));
      full = tryAppend(lines);
    }
    assertThat(full)
        .hasMessageContaining(directory.toString())
        .hasMessageContaining("0 bytes are free")
        .hasMessageContaining(lines.remaining() + " are to be written")
        .hasMessageContaining("make room");
    assertThat(writer().problem()).contains(full.getMessage());
    // What stands there is exactly what the buffer says was written.
    String there = written.substring(0, written.length() - lines.remaining());
    assertThat(content(directory)).isEqualTo(there);
    for (int i = 0; i < 3; i++) {
      assertThat(tryAppend(lines)).isNotNull();
    }
    assertThat(content(directory)).isEqualTo(there);
    Files.delete(ballast);
    assertThat(tryAppend(lines)).isNull();
    assertThat(lines.hasRemaining()).isFalse();
    assertThat(writer().problem()).isEmpty();
    assertThat(content(directory)).hasToString(written.toString());
    assertThat(writer().counters().bytesWritten()).isEqualTo(written.length());
  }

  @Test
  void fullDisk_dropsTheOldestAndGoesOn() throws Exception {
    Path directory = tmpfs("1m");
    open(directory, 0, OnFull.DROP_OLDEST, 100 * KIB, new FlushPolicy.None());
    for (int i = 0; i < 400; i++) { // 400 x about 8 kB
      appendUntilTaken(next(40));
      Await.until("finished", this::finished);
    }
    String there = content(directory);
    assertThat(written.toString()).endsWith(there);
    assertThat(there.length()).isGreaterThan(700 * KIB);
    TrailCounters counters = writer().counters();
    assertThat(counters.bytesDropped()).isEqualTo(written.length() - there.length());
    assertThat(counters.trailsDropped()).isPositive();
    assertThat(counters.trailsRemoved()).isZero();
    assertThat(writer().problem()).isEmpty();
  }

  @Test
  void oneTrailThatFillsTheDisk_isEndedSoThatItCanGo() throws Exception {
    Path directory = tmpfs("1m");
    open(
        directory,
        0,
        OnFull.DROP_OLDEST,
        64 << 20,
        new FlushPolicy.Incremental(50, Duration.ofSeconds(1)));
    for (int i = 0; i < 400; i++) {
      appendUntilTaken(next(40));
    }
    writer().close();
    String there = content(directory);
    assertThat(written.toString()).endsWith(there);
    assertThat(there).startsWith("type=USER ").endsWith("\n");
    assertThat(writer().counters().bytesDropped()).isEqualTo(written.length() - there.length());
  }

  @Test
  void minFree_isLeftFree() throws Exception {
    Path directory = tmpfs("2m");
    long minFree = 700 * KIB;
    open(directory, minFree, OnFull.DROP_OLDEST, 100 * KIB, new FlushPolicy.None());
    for (int i = 0; i < 400; i++) {
      appendUntilTaken(next(40));
      Await.until("finished", this::finished);
      assertThat(Files.getFileStore(directory).getUsableSpace()).isGreaterThanOrEqualTo(minFree);
    }
    assertThat(written.toString()).endsWith(content(directory));
  }

  @Test
  void acknowledgedTrails_goFirst() throws Exception {
    Path directory = tmpfs("1m");
    open(directory, 300 * KIB, OnFull.DROP_OLDEST, 100 * KIB, new FlushPolicy.None());
    while (names(directory).size() < 5) {
      appendUntilTaken(next(40));
      Await.until("finished", this::finished);
    }
    String second = names(directory).get(1);
    acked.add(TrailName.parse(second).orElseThrow().start());
    while (names(directory).contains(second)) {
      appendUntilTaken(next(40));
      Await.until("finished", this::finished);
    }
    assertThat(names(directory)).contains("20261120104500.20261120104501");
    assertThat(writer().counters().trailsRemoved()).isEqualTo(1);
    assertThat(writer().counters().trailsDropped()).isZero();
    assertThat(writer().counters().bytesDropped()).isZero();
  }

  @Test
  void block_refusesBeforeTheReserveIsTouched_untilTrailsAreAcknowledged() throws Exception {
    Path directory = tmpfs("1m");
    open(directory, 500 * KIB, OnFull.BLOCK, 100 * KIB, new FlushPolicy.None());
    NoSpaceException full = null;
    while (full == null) {
      ByteBuffer lines = buffer(next(40));
      full = tryAppend(lines);
      if (full == null) {
        Await.until("finished", this::finished);
      } else {
        assertThat(lines.position()).isZero();
        written.setLength(written.length() - lines.remaining());
      }
    }
    assertThat(full)
        .hasMessageContaining(500 * KIB + " stay free")
        .hasMessageContaining("on.full = drop-oldest");
    assertThat(full.freeBytes()).isBetween(500L * KIB, 520L * KIB);
    assertThat(writer().counters().trailsDropped()).isZero();
    acked.add("20261120104500");
    time.advance(Duration.ofSeconds(1));
    ByteBuffer lines = buffer(next(40));
    assertThat(tryAppend(lines)).isNull();
    assertThat(names(directory)).doesNotContain("20261120104500.20261120104501");
    assertThat(writer().counters().trailsRemoved()).isEqualTo(1);
    assertThat(writer().counters().bytesDropped()).isZero();
  }

  @Test
  void block_endsTheTrailThatTakesTheRoom_soThatItCanBeAcknowledged() throws Exception {
    Path directory = tmpfs("2m");
    open(directory, 1 << 20, OnFull.BLOCK, 64 << 20, new FlushPolicy.Sync());
    ByteBuffer lines = buffer(next(40));
    while (tryAppend(lines) == null) {
      lines = buffer(next(40));
    }
    assertThat(lines.position()).isZero();
    Await.until("finished", this::finished);
    assertThat(names(directory))
        .containsExactly("20261120104500.20261120104501", "20261120104501.not_terminated");
    assertThat(tryAppend(lines)).isNotNull();
    acked.add("20261120104500");
    time.advance(Duration.ofSeconds(1));
    assertThat(tryAppend(lines)).isNull();
    assertThat(names(directory)).containsExactly("20261120104501.not_terminated");
    assertThat(writer().problem()).isEmpty();
    assertThat(writer().counters().bytesDropped()).isZero();
  }

  @Test
  void trailThatIsReadMeanwhile_givesItsRoomAllTheSame() throws Exception {
    Path directory = tmpfs("1m");
    open(directory, 0, OnFull.DROP_OLDEST, 100 * KIB, new FlushPolicy.None());
    Set<FileChannel> readers = ConcurrentHashMap.newKeySet();
    try {
      for (int i = 0; i < 300; i++) {
        appendUntilTaken(next(40));
        Await.until("finished", this::finished);
        if (i % 10 == 0) {
          for (String name : names(directory)) {
            readers.add(FileChannel.open(directory.resolve(name), StandardOpenOption.READ));
          }
        }
      }
    } finally {
      for (FileChannel reader : readers) {
        reader.close();
      }
    }
    assertThat(content(directory).length()).isGreaterThan(700 * KIB);
  }

  @Test
  void trailWithASecondName_isNotDroppedForNothing() throws Exception {
    Path directory = tmpfs("1m");
    open(directory, 0, OnFull.DROP_OLDEST, 100 * KIB, new FlushPolicy.None());
    while (names(directory).size() < 3) {
      appendUntilTaken(next(40));
      Await.until("finished", this::finished);
    }
    String first = names(directory).getFirst();
    Path backup = directory.resolveSibling("backup");
    Files.createLink(backup, directory.resolve(first));
    for (int i = 0; i < 200; i++) {
      appendUntilTaken(next(40));
      Await.until("finished", this::finished);
    }
    assertThat(names(directory)).contains(first);
    assertThat(Files.size(backup)).isGreaterThan(100 * KIB);
    assertThat(writer().counters().trailsDropped()).isPositive();
  }

  @Test
  void strangersFiles_areNeverRemoved() throws Exception {
    Path directory = tmpfs("1m");
    Files.createDirectories(directory.resolve("20200101000000.20200101000001"));
    Files.writeString(directory.resolve("notes.txt"), "x".repeat(100 * KIB));
    Files.writeString(directory.resolve("20200101000000.20200101000002.gz"), "x".repeat(KIB));
    Files.createSymbolicLink(
        directory.resolve("20200101000000.20200101000003"), directory.resolve("notes.txt"));
    acked.add("20200101000000");
    open(directory, 0, OnFull.DROP_OLDEST, 100 * KIB, new FlushPolicy.None());
    for (int i = 0; i < 200; i++) {
      appendUntilTaken(next(40));
      Await.until("finished", this::finished);
      time.advance(Duration.ofSeconds(10));
      writer().tick();
    }
    assertThat(names(directory))
        .contains(
            "20200101000000.20200101000001",
            "20200101000000.20200101000002.gz",
            "20200101000000.20200101000003",
            "notes.txt");
    assertThat(directory.resolve("notes.txt")).hasSize(100 * KIB);
  }

  @Test
  void acknowledgedTrails_areKeptAsLongAsConfigured() throws Exception {
    Path directory = temporary.resolve("trails");
    open(directory, 0, OnFull.BLOCK, 100 * KIB, new FlushPolicy.None());
    for (int i = 0; i < 60; i++) {
      appendUntilTaken(next(40));
      Await.until("finished", this::finished);
    }
    for (String name : names(directory)) {
      Files.setLastModifiedTime(directory.resolve(name), FileTime.from(time.instant()));
    }
    acked.add("20261120104500");
    acked.add("20261120104502");
    time.advance(Duration.ofHours(23));
    writer().tick();
    assertThat(names(directory)).contains("20261120104500.20261120104501");
    time.advance(Duration.ofHours(1));
    writer().tick();
    assertThat(names(directory))
        .doesNotContain("20261120104500.20261120104501", "20261120104502.20261120104503")
        .contains("20261120104501.20261120104502");
    assertThat(writer().counters().trailsRemoved()).isEqualTo(2);
  }

  @Test
  void readOnlyDisk_isRefusedAndTakenWhenItIsWritableAgain() throws Exception {
    Path directory = tmpfs("1m");
    Files.createDirectory(directory);
    Files.writeString(directory.resolve("20261120100000.not_terminated"), line(1, 1));
    mount.orElseThrow().remount("ro");
    TrailWriter refused = make(directory, 0, OnFull.BLOCK, 1 << 20, new FlushPolicy.Sync());
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(refused::open)
          .isInstanceOf(TrailException.class)
          .hasMessageContaining(directory.toString())
          .hasMessageContaining("Read-only file system")
          .hasMessageContaining("mount it writable");
    }
    mount.orElseThrow().remount("rw");
    refused.open();
    writer = Optional.of(refused);
    append(next(1));
    assertThat(names(directory))
        .containsExactly("20261120100000.crash_recovery", "20261120104500.not_terminated");
  }

  @Test
  void nextTrailThatCannotBeMade_leavesTheOneGoingOn() throws Exception {
    // A tmpfs of 5 inodes: root, directory, lock, one trail and one more.
    Path directory = tmpfs("1m,nr_inodes=5");
    open(directory, 0, OnFull.BLOCK, 100 * KIB, new FlushPolicy.Sync());
    Path last = Files.createFile(mount.orElseThrow().path().resolve("last"));
    for (int i = 0; i < 30; i++) {
      append(next(40));
    }
    assertThat(names(directory)).containsExactly("20261120104500.not_terminated");
    assertThat(writer().position()).isGreaterThan(200 * KIB);
    assertThat(writer().problem().orElseThrow())
        .contains("cannot start the next trail in")
        .contains("No space left on device")
        .contains("df -i");
    Files.delete(last);
    time.advance(Duration.ofSeconds(1));
    writer().tick();
    Await.until("finished", this::finished);
    assertThat(names(directory))
        .containsExactly("20261120104500.20261120104501", "20261120104501.not_terminated");
    assertThat(writer().problem()).isEmpty();
    assertThat(content(directory)).hasToString(written.toString());
  }

  @Test
  void ext4_fullAndGoneOn() throws Exception {
    Path directory = ext4("8m");
    open(
        directory,
        0,
        OnFull.DROP_OLDEST,
        512 * KIB,
        new FlushPolicy.Incremental(1000, Duration.ofSeconds(1)));
    for (int i = 0; i < 600; i++) {
      appendUntilTaken(next(160));
      writer().tick();
    }
    writer().close();
    String there = content(directory);
    assertThat(written.toString()).endsWith(there);
    assertThat(writer().counters().bytesDropped()).isEqualTo(written.length() - there.length());
    assertThat(there.length()).isGreaterThan(2 << 20);
  }

  /** What stands on the disk's own blocks at a moment is what a power cut at that moment leaves. */
  @Test
  void powerCut_keepsWhatSyncReturnedFrom() throws Exception {
    Path directory = ext4("8m");
    open(directory, 0, OnFull.BLOCK, 8 * KIB, new FlushPolicy.Sync());
    for (int cut = 0; cut < 8; cut++) {
      for (int i = 0; i < 7; i++) {
        append(next(10));
      }
      Await.until("finished", this::finished); // a copy is no moment while the disk is written
      assertThat(leftByPowerCut(cut)).hasToString(written.toString());
    }
  }

  @Test
  void powerCut_takesWhatWasNotForced() throws Exception {
    Path directory = ext4("8m");
    open(directory, 0, OnFull.BLOCK, 1 << 20, new FlushPolicy.None());
    append(next(10));
    assertThat(leftByPowerCut(0)).isEmpty(); // or the test above would prove nothing
  }

  private String leftByPowerCut(int cut) throws Exception {
    Path image = Files.copy(temporary.resolve("image"), temporary.resolve("image" + cut));
    Path on = Files.createDirectory(temporary.resolve("cut" + cut));
    try (TemporaryMount left = TemporaryMount.again(on, image)) {
      TrailWriter next =
          make(left.path().resolve("trails"), 0, OnFull.BLOCK, 1 << 20, new FlushPolicy.None());
      next.open();
      next.close();
      return content(left.path().resolve("trails"));
    } finally {
      Files.delete(image);
    }
  }

  // ---- parts

  private Path tmpfs(String size) throws Exception {
    Path on = Files.createDirectory(temporary.resolve("disk"));
    mount = Optional.of(TemporaryMount.tmpfs(on, size));
    return on.resolve("trails");
  }

  private Path ext4(String size) throws Exception {
    Path on = Files.createDirectory(temporary.resolve("disk"));
    mount = Optional.of(TemporaryMount.ext4(on, temporary.resolve("image"), size));
    return on.resolve("trails");
  }

  private Path ballast(int bytes) throws IOException {
    return Files.write(mount.orElseThrow().path().resolve("ballast"), new byte[bytes]);
  }

  private TrailWriter make(
      Path directory, long minFree, OnFull onFull, long maxBytes, FlushPolicy flush) {
    TrailSettings settings =
        new TrailSettings(
            directory,
            Optional.empty(),
            maxBytes,
            Duration.ofDays(100),
            flush,
            minFree,
            onFull,
            Duration.ofDays(1));
    return new TrailWriter(settings, acked::contains, time, time::nanos);
  }

  private void open(Path directory, long minFree, OnFull onFull, long maxBytes, FlushPolicy flush)
      throws IOException {
    TrailWriter opened = make(directory, minFree, onFull, maxBytes, flush);
    opened.open();
    writer = Optional.of(opened);
  }

  private TrailWriter writer() {
    return writer.orElseThrow();
  }

  private String next(int count) {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < count; i++) {
      lines.append(line(1, number++));
    }
    written.append(lines);
    return lines.toString();
  }

  private void append(String lines) throws IOException {
    writer().append(buffer(lines), 1);
  }

  private NoSpaceException tryAppend(ByteBuffer lines) {
    Throwable thrown = catchThrowable(() -> writer().append(lines, 1));
    assertThat(thrown == null || thrown instanceof NoSpaceException).as("%s", thrown).isTrue();
    return (NoSpaceException) thrown;
  }

  /** As capture does: again after a moment. */
  private void appendUntilTaken(String lines) throws Exception {
    ByteBuffer buffer = buffer(lines);
    Await.until(
        "taken",
        () -> {
          boolean taken = tryAppend(buffer) == null;
          if (!taken) {
            time.advance(Duration.ofMillis(100));
            writer().tick();
          }
          return taken;
        });
  }

  private boolean finished() {
    return !writer().isFinishing();
  }
}
