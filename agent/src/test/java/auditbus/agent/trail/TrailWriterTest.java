// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static auditbus.agent.trail.TrailLines.buffer;
import static auditbus.agent.trail.TrailLines.content;
import static auditbus.agent.trail.TrailLines.line;
import static auditbus.agent.trail.TrailLines.names;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrailWriterTest {
  private static final String START = "2026-11-20T10:45:00Z";

  @TempDir Path temporary;

  private final FakeTime time = new FakeTime(START);
  private final List<TrailWriter> opened = new ArrayList<>();

  private Path directory() {
    return temporary.resolve("trails");
  }

  @AfterEach
  void closeAll() throws Exception {
    for (TrailWriter writer : opened) {
      writer.close();
    }
  }

  // ---- names

  @Test
  void constructing_touchesNothing() {
    writer(new FlushPolicy.None());
    assertThat(directory()).doesNotExist();
  }

  @Test
  void openTrail_isNamedByItsStartAndClosedByItsEnd() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Sync());
    assertThat(names(directory())).containsExactly("20261120104500.not_terminated");
    assertThat(writer.trail()).isEqualTo("20261120104500");
    append(writer, line(1, 1));
    assertThat(writer.position()).isEqualTo(line(1, 1).length());
    assertThat(Files.readString(writer.path())).isEqualTo(line(1, 1));
    time.advance(Duration.ofMinutes(15));
    writer.close();
    writer.close();
    assertThat(names(directory())).containsExactly("20261120104500.20261120110000");
    assertThatThrownBy(() -> append(writer, line(1, 2))).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void closedInItsFirstSecond_endsWhereItStarts() throws Exception {
    open(new FlushPolicy.Sync()).close();
    assertThat(names(directory())).containsExactly("20261120104500.20261120104500");
  }

  @Test
  void rotation_endsATrailWhereTheNextOneStarts() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Sync());
    append(writer, line(1, 1));
    time.advance(Duration.ofSeconds(90));
    rotate(writer);
    append(writer, line(1, 2));
    assertThat(names(directory()))
        .containsExactly("20261120104500.20261120104630", "20261120104630.not_terminated");
    assertThat(content(directory())).isEqualTo(line(1, 1) + line(1, 2));
  }

  @Test
  void twoRotationsInASecond_keepNamesInWritingOrder() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None());
    StringBuilder written = new StringBuilder();
    for (int i = 0; i < 5; i++) {
      append(writer, line(1, i));
      written.append(line(1, i));
      rotate(writer);
    }
    assertThat(names(directory()))
        .containsExactly(
            "20261120104500.20261120104501",
            "20261120104501.20261120104502",
            "20261120104502.20261120104503",
            "20261120104503.20261120104504",
            "20261120104504.20261120104505",
            "20261120104505.not_terminated");
    assertThat(content(directory())).hasToString(written.toString());
  }

  @Test
  void clockSetBackAnHour_keepsNamesInWritingOrder() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None());
    append(writer, line(1, 1));
    time.set("2026-11-20T09:45:00Z");
    rotate(writer);
    append(writer, line(1, 2));
    writer.close();
    assertThat(names(directory()))
        .containsExactly("20261120104500.20261120104501", "20261120104501.20261120104501");
    TrailWriter next = open(new FlushPolicy.None());
    append(next, line(1, 3));
    assertThat(next.trail()).isEqualTo("20261120104502");
    assertThat(content(directory())).isEqualTo(line(1, 1) + line(1, 2) + line(1, 3));
  }

  @Test
  void sizeEndsATrail_neverALine() throws Exception {
    TrailWriter writer = open(settings(new FlushPolicy.None(), 4096, Optional.empty()));
    StringBuilder written = new StringBuilder();
    for (int i = 0; i < 200; i++) {
      append(writer, line(1, i));
      written.append(line(1, i));
      Await.until("finished", () -> finished(writer));
    }
    writer.close();
    assertThat(content(directory())).hasToString(written.toString());
    List<String> names = names(directory());
    assertThat(names).hasSizeGreaterThan(5);
    for (int i = 0; i < names.size(); i++) {
      TrailName name = TrailName.parse(names.get(i)).orElseThrow();
      String text = Files.readString(directory().resolve(names.get(i)));
      assertThat(text).endsWith("\n");
      if (i + 1 < names.size()) {
        assertThat(text.length()).isBetween(4096, 4096 + 400);
        assertThat(names.get(i + 1)).startsWith(name.ending() + ".");
      }
    }
    assertThat(writer.counters().trailsWritten()).isEqualTo(names.size());
    assertThat(writer.counters().bytesWritten()).isEqualTo(written.length());
  }

  @Test
  void ageEndsATrail_unlessItIsEmpty() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None());
    time.advance(Duration.ofHours(3));
    writer.tick();
    assertThat(names(directory())).containsExactly("20261120104500.not_terminated");
    append(writer, line(1, 1));
    time.advance(Duration.ofMinutes(59));
    writer.tick();
    assertThat(writer.trail()).isEqualTo("20261120104500");
    time.advance(Duration.ofMinutes(1));
    writer.tick();
    assertThat(writer.trail()).isEqualTo("20261120144500");
    Await.until("finished", () -> finished(writer));
    assertThat(names(directory()))
        .containsExactly("20261120104500.20261120144500", "20261120144500.not_terminated");
  }

  @Test
  void emptyTrail_rotatesOnDemand() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None());
    rotate(writer);
    assertThat(names(directory()))
        .containsExactly("20261120104500.20261120104501", "20261120104501.not_terminated");
  }

  @Test
  void closingNameThatExists_isNotTakenAway() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None());
    append(writer, line(1, 1));
    Files.writeString(directory().resolve("20261120104500.20261120104500"), "a stranger's");
    writer.close();
    assertThat(directory().resolve("20261120104500.20261120104500")).hasContent("a stranger's");
    assertThat(Files.readString(directory().resolve("20261120104500.20261120104501")))
        .isEqualTo(line(1, 1));
  }

  // ---- what a dead writer left

  @Test
  void leftOverTrails_becomeCrashRecoveriesAsTheyAre() throws Exception {
    Files.createDirectories(directory());
    String torn = line(1, 1) + "type=SYSCALL msg=au";
    Files.writeString(directory().resolve("20261120100000.not_terminated"), torn);
    Files.writeString(directory().resolve("20261120104500.not_terminated"), "");
    Files.writeString(directory().resolve("notes.not_terminated"), "a stranger's");
    TrailWriter writer = open(new FlushPolicy.None());
    assertThat(names(directory()))
        .containsExactly(
            "20261120100000.crash_recovery",
            "20261120104500.crash_recovery",
            "20261120104501.not_terminated",
            "notes.not_terminated");
    assertThat(directory().resolve("20261120100000.crash_recovery")).hasContent(torn);
    assertThat(writer.counters().trailsRecovered()).isEqualTo(2);
  }

  @Test
  void twoLeftOversOfOneStart_areBothKept() throws Exception {
    Files.createDirectories(directory());
    Files.writeString(directory().resolve("20261120100000.crash_recovery"), "first");
    Files.writeString(directory().resolve("20261120100000.not_terminated"), "second");
    open(new FlushPolicy.None());
    assertThat(directory().resolve("20261120100000.crash_recovery")).hasContent("first");
    assertThat(directory().resolve("20261120100000.20261120104500")).hasContent("second");
  }

  @ParameterizedTest
  @ValueSource(strings = {"20261120235959.crash_recovery", "20261120235959.20261121000000"})
  void trailsOfTheFuture_areFollowed(String name) throws Exception {
    Files.createDirectories(directory());
    Files.writeString(directory().resolve(name), "");
    assertThat(open(new FlushPolicy.None()).trail()).isEqualTo("20261121000000");
  }

  @Test
  void startThatIsNoDate_isFollowed() throws Exception {
    Files.createDirectories(directory());
    Files.writeString(directory().resolve("20269999999999.crash_recovery"), "");
    assertThat(open(new FlushPolicy.None()).trail()).isEqualTo("20270101000000");
  }

  @Test
  void startThatNothingFollows_isRefused() throws Exception {
    Files.createDirectories(directory());
    Files.writeString(directory().resolve("99991231235959.crash_recovery"), "");
    assertThatThrownBy(() -> open(new FlushPolicy.None()))
        .isInstanceOf(TrailException.class)
        .hasMessageContaining("99991231235959")
        .hasMessageContaining("move that file elsewhere");
    Files.delete(directory().resolve("99991231235959.crash_recovery"));
    assertThat(open(new FlushPolicy.None()).trail()).isEqualTo("20261120104500");
  }

  // ---- the directory

  @Test
  void directory_isItsOwnersAlone() throws Exception {
    TrailWriter writer =
        open(
            new TrailSettings(
                directory().resolve("a/b"),
                Optional.empty(),
                1 << 20,
                Duration.ofHours(1),
                new FlushPolicy.None(),
                0,
                OnFull.BLOCK,
                Duration.ofDays(1)));
    assertThat(permissions(directory())).isEqualTo("rwx------");
    assertThat(permissions(directory().resolve("a/b"))).isEqualTo("rwx------");
    assertThat(permissions(writer.path())).isEqualTo("rw-------");
    assertThat(permissions(directory().resolve("a/b/.lock"))).isEqualTo("rw-------");
  }

  @Test
  void group_mayRead() throws Exception {
    assumeTrue(isRoot(), "only root gives files to groups");
    TrailWriter writer = open(settings(new FlushPolicy.None(), 1 << 20, Optional.of("daemon")));
    assertThat(permissions(directory())).isEqualTo("rwxr-x---");
    assertThat(permissions(writer.path())).isEqualTo("rw-r-----");
    assertThat(Files.getAttribute(directory(), "posix:group")).hasToString("daemon");
    assertThat(Files.getAttribute(writer.path(), "posix:group")).hasToString("daemon");
  }

  @Test
  void unknownGroup_isRefused() {
    assertThatThrownBy(
            () -> open(settings(new FlushPolicy.None(), 1 << 20, Optional.of("no-such-group"))))
        .isInstanceOf(TrailException.class)
        .hasMessageContaining("no such group")
        .hasMessageContaining("groupadd --system no-such-group");
    assertThat(directory()).doesNotExist();
  }

  @Test
  void directoryThatWasThere_isClosedToOthers() throws Exception {
    Files.createDirectories(directory());
    Files.setPosixFilePermissions(directory(), PosixFilePermissions.fromString("rwxr-xr-x"));
    open(new FlushPolicy.None());
    assertThat(permissions(directory())).isEqualTo("rwx------");
  }

  @Test
  void link_isRefused() throws Exception {
    Path target = Files.createDirectories(temporary.resolve("elsewhere"));
    Files.createSymbolicLink(directory(), target);
    assertThatThrownBy(() -> open(new FlushPolicy.None()))
        .isInstanceOf(TrailException.class)
        .hasMessageContaining(directory().toString())
        .hasMessageContaining("symbolic link to " + target);
    assertThat(target).isEmptyDirectory();
  }

  @Test
  void directoryForEveryone_isRefused() throws Exception {
    Files.createDirectories(directory());
    // The JDK's own way to set it is not open: chmod knows the bit.
    assertThat(new ProcessBuilder("chmod", "1777", directory().toString()).start().waitFor())
        .isZero();
    assertThatThrownBy(() -> open(new FlushPolicy.None()))
        .isInstanceOf(TrailException.class)
        .hasMessageContaining("for everyone");
    assertThat(permissions(directory())).isEqualTo("rwxrwxrwx");
  }

  @Test
  void fileInItsPlace_isRefused() throws Exception {
    Files.writeString(directory(), "no directory");
    assertThatThrownBy(() -> open(new FlushPolicy.None()))
        .isInstanceOf(TrailException.class)
        .hasMessageContaining("Not a directory");
  }

  @Test
  void secondWriter_isRefusedAsLongAsTheFirstIsOpen() throws Exception {
    TrailWriter first = open(new FlushPolicy.None());
    append(first, line(1, 1));
    for (int i = 0; i < 2; i++) { // the refusal itself must not let the lock go
      assertThatThrownBy(() -> open(new FlushPolicy.None()))
          .isInstanceOf(TrailException.class)
          .hasMessageContaining("a writer of this process")
          .hasMessageContaining("two captures need two directories");
    }
    assertThat(names(directory())).containsExactly("20261120104500.not_terminated");
    first.close();
    assertThat(open(new FlushPolicy.None()).trail()).isEqualTo("20261120104501");
  }

  // ---- flushing

  @Test
  void none_forcesNothingButTheEnd() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None());
    for (int i = 0; i < 100; i++) {
      append(writer, line(1, i));
      time.advance(Duration.ofMillis(100));
      writer.tick();
    }
    assertThat(writer.counters().flushes()).isZero();
    writer.close();
    assertThat(writer.counters().flushes()).isEqualTo(1);
  }

  @Test
  void sync_forcesEachAppend() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Sync());
    for (int i = 0; i < 25; i++) {
      append(writer, line(1, i));
      assertThat(writer.counters().flushes()).isEqualTo(i + 1);
    }
  }

  @Test
  void incremental_forcesAfterSoManyRecords() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Incremental(10, Duration.ofSeconds(1)));
    for (int i = 0; i < 9; i++) {
      append(writer, line(1, i));
    }
    assertThat(writer.counters().flushes()).isZero();
    append(writer, line(1, 9));
    Await.until("a flush", () -> writer.counters().flushes() == 1);
  }

  @Test
  void incremental_forcesAfterSoLong() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Incremental(10, Duration.ofSeconds(1)));
    writer.tick();
    append(writer, line(1, 1));
    time.advance(Duration.ofMillis(900));
    writer.tick();
    assertThat(writer.counters().flushes()).isZero();
    time.advance(Duration.ofMillis(100));
    writer.tick();
    Await.until("a flush", () -> writer.counters().flushes() == 1);
    time.advance(Duration.ofSeconds(10));
    writer.tick(); // nothing new: nothing to force
    append(writer, line(1, 2));
    time.advance(Duration.ofSeconds(1));
    writer.tick();
    Await.until("a second flush", () -> writer.counters().flushes() == 2);
  }

  // ---- the thread

  private static List<FlushPolicy> policies() {
    return List.of(
        new FlushPolicy.None(),
        new FlushPolicy.Incremental(7, Duration.ofSeconds(1)),
        new FlushPolicy.Sync());
  }

  @ParameterizedTest
  @MethodSource("policies")
  void interrupts_loseAndRepeatNothing(FlushPolicy policy) throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    TrailWriter writer =
        open(
            settings(
                new FlushPolicy.Incremental(7, Duration.ofSeconds(1)),
                64 * 1024,
                Optional.empty()));
    Thread owner = Thread.currentThread();
    Thread interrupter =
        Thread.ofPlatform()
            .start(
                () -> {
                  for (int i = 0; i < 300; i++) {
                    java.util.concurrent.locks.LockSupport.parkNanos(random.nextInt(300_000));
                    owner.interrupt();
                  }
                });
    StringBuilder written = new StringBuilder();
    long interrupts = 0;
    for (int i = 0; interrupter.isAlive(); i++) {
      append(writer, line(1, i));
      written.append(line(1, i));
      if (i % 50 == 0) {
        writer.tick();
      }
      interrupts += Thread.interrupted() ? 1 : 0;
    }
    Thread.interrupted();
    interrupter.join();
    owner.interrupt();
    writer.close();
    assertThat(Thread.interrupted()).isTrue();
    assertThat(content(directory())).as("seed %d", seed).hasToString(written.toString());
    assertThat(interrupts).isPositive();
    assertThat(writer.counters().vanished()).isZero();
    assertThat(writer.problem()).isEmpty();
  }

  @Test
  void opensInterrupted() throws Exception {
    Thread.currentThread().interrupt();
    TrailWriter writer = open(new FlushPolicy.Sync());
    append(writer, line(1, 1));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(content(directory())).isEqualTo(line(1, 1));
  }

  @Test
  void emptyBuffer_isNothing() throws Exception {
    TrailWriter writer = open(new FlushPolicy.Sync());
    writer.append(ByteBuffer.allocateDirect(0), 0);
    assertThat(writer.position()).isZero();
    assertThatCode(writer::tick).doesNotThrowAnyException();
  }

  @Test
  void settings_areChecked() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> settings(new FlushPolicy.None(), 100, Optional.empty()));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new FlushPolicy.Incremental(0, Duration.ofSeconds(1)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new FlushPolicy.Incremental(1, Duration.ZERO));
  }

  // ---- parts

  private TrailSettings settings(FlushPolicy flush, long maxBytes, Optional<String> group) {
    return new TrailSettings(
        directory(),
        group,
        maxBytes,
        Duration.ofHours(1),
        flush,
        0,
        OnFull.BLOCK,
        Duration.ofDays(1));
  }

  private TrailWriter writer(FlushPolicy flush) {
    return new TrailWriter(
        settings(flush, 1 << 20, Optional.empty()), _ -> false, time, time::nanos);
  }

  private TrailWriter open(FlushPolicy flush) throws IOException {
    return open(settings(flush, 1 << 20, Optional.empty()));
  }

  private TrailWriter open(TrailSettings settings) throws IOException {
    TrailWriter writer = new TrailWriter(settings, _ -> false, time, time::nanos);
    writer.open();
    opened.add(writer);
    return writer;
  }

  private static void append(TrailWriter writer, String lines) throws IOException {
    ByteBuffer buffer = buffer(lines);
    writer.append(buffer, 1);
    assertThat(buffer.hasRemaining()).isFalse();
  }

  /** Rotates and waits until the trail before has its name. */
  private static void rotate(TrailWriter writer) throws Exception {
    String before = writer.trail();
    writer.rotate();
    Await.until(
        "rotated",
        () -> {
          writer.tick(); // the trail before may not be finished yet
          return !writer.trail().equals(before);
        });
    Await.until("finished", () -> finished(writer));
  }

  private static boolean finished(TrailWriter writer) {
    return !writer.isFinishing();
  }

  private static String permissions(Path file) throws IOException {
    return PosixFilePermissions.toString(
        Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS));
  }

  private static boolean isRoot() throws IOException {
    return Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
  }
}
