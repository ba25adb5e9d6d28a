// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.auparse.LineFraming;
import auditbus.agent.bsm.BsmFraming;
import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.agent.trail.Checkpoint.SourceMark;
import auditbus.schemas.Coverage;
import auditbus.schemas.Format;
import auditbus.schemas.TrailStatus;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** auditdistd's rules about trail files, and those it misses: a test or a table a rule. */
class TrailRulesTest {
  private static final Instant NOW = Instant.parse("2026-11-20T18:00:00Z");
  private static final String A = "20261120104500";
  private static final String B = "20261120110000";
  private static final String C = "20261120120000";

  @TempDir Path directory;

  private final List<TrailSource> opened = new ArrayList<>();
  private final List<TrailRecord> records = new ArrayList<>();
  private final List<TrailNotice> notices = new ArrayList<>();
  private final Map<String, byte[]> arrived = new TreeMap<>();
  private final Map<String, Coverage> coverage = new HashMap<>();

  @AfterEach
  void close() {
    opened.forEach(TrailSource::close);
  }

  // ---- names and renames

  /** {@code cp} or {@code scp} into the directory. */
  @Test
  void copyThatIsStillBeingMade_isOneTrailAndEndsWhenItIsQuiet() throws Exception {
    Path file = write(A + "." + B, line(1));
    Files.setLastModifiedTime(file, FileTime.from(NOW));
    TrailSource source = source();
    drain(source);
    assertThat(notices).noneMatch(TrailNotice::closes);
    Files.writeString(file, line(2) + line(3), StandardOpenOption.APPEND);
    Files.setLastModifiedTime(file, FileTime.from(NOW.minusMillis(1999)));
    drain(source);
    assertThat(notices).noneMatch(TrailNotice::closes);
    Files.setLastModifiedTime(file, FileTime.from(NOW.minusSeconds(2)));
    drain(source);
    assertThat(closing(A).sha256()).contains(sha256(line(1) + line(2) + line(3)));
    assertThat(arrived).containsOnlyKeys(A);
  }

  /** As auditdistd's W7: the same size, other bytes. */
  @Test
  void closedTrailThatIsWrittenOver_isAnotherIncarnation() throws Exception {
    String text = line(1).repeat(100);
    Path file = write(A + "." + B, text);
    Files.setLastModifiedTime(file, FileTime.from(NOW.minusSeconds(60)));
    TrailSource source = source();
    drain(source);
    drain(source);
    String other = text.substring(0, 3000) + "Z".repeat(10) + text.substring(3010);
    Files.writeString(file, other);
    Files.setLastModifiedTime(file, FileTime.from(NOW.minusSeconds(30)));
    drain(source);
    assertArrived(A, text);
    assertArrived(A + "~2", other);
  }

  @ParameterizedTest
  @CsvSource({
    "not_terminated,        20261120110000,        , 20261120110000, legal",
    "not_terminated,        crash_recovery,        , crash_recovery, legal",
    "not_terminated.myhost, 20261120110000.myhost, , 20261120110000, legal",
    "not_terminated.myhost, crash_recovery.myhost, , crash_recovery, legal",
    "20261120110000,        20261120110001,        , 20261120110000, flagged",
    "20261120110000,        crash_recovery,        , 20261120110000, flagged",
    "crash_recovery,        20261120110000,        , crash_recovery, flagged",
    "not_terminated,        20261120110000.other,  , 20261120110000, flagged",
    "20261120110000,        not_terminated,        20261120120000, 20261120120000, flagged",
  })
  void rename_losesNothingAndIsFlaggedOnceIfItIsNotLegal(
      String first, String second, String third, String closedAs, String verdict) throws Exception {
    String text = line(1) + line(2) + "type=EOE msg=audit(1.0";
    Path file = write(A + "." + first, text);
    TrailSource source = source();
    source.scan();
    List<TrailRecord> waiting = new ArrayList<>();
    source.read(waiting::add);
    notice(source);
    List<String> names = new ArrayList<>(List.of(second));
    Optional.ofNullable(third).ifPresent(names::add);
    for (String next : names) {
      file = Files.move(file, directory.resolve(A + "." + next));
      for (int i = 0; i < 3; i++) {
        source.scan();
      }
    }
    waiting.forEach(record -> arrive(source, record));
    drain(source);
    assertArrived(A, text);
    assertThat(arrived).containsOnlyKeys(A);
    TrailNotice closing = closing(A);
    assertThat(closing.name()).isEqualTo(A + "." + closedAs);
    assertThat(closing.sha256()).contains(sha256(text));
    if (verdict.equals("legal")) {
      assertThat(closing.cause()).isEmpty();
    } else {
      assertThat(closing.cause().orElseThrow()).containsOnlyOnce("no legal way").contains(second);
    }
  }

  @Test
  void otherStartForTheSameFile_isAnotherTrailAndLosesNothing() throws Exception {
    Path file = write(A + ".not_terminated", line(1) + line(2));
    TrailSource source = source();
    drain(source);
    Files.move(file, directory.resolve(B + ".not_terminated"));
    drain(source);
    assertArrived(A, line(1) + line(2));
    assertArrived(B, line(1) + line(2));
    assertThat(closing(A).sha256()).contains(sha256(line(1) + line(2)));
  }

  @Test
  void renamedBetweenListingAndOpening_isFollowedBeforeWhatComesAfterIt() throws Exception {
    Path file = write(A + ".not_terminated", line(1));
    write(B + ".not_terminated", line(2));
    TrailSource source = source();
    source.scan();
    Files.move(file, directory.resolve(A + "." + B));
    assertThat(source.read(records::add)).isZero();
    drain(source);
    assertThat(records).extracting(TrailRecord::trail).containsExactly(A, B);
    assertThat(closing(A).name()).isEqualTo(A + "." + B);
  }

  @Test
  void switchedTrail_isReadToItsEndBeforeTheNext() throws Exception {
    Path file = write(A + ".not_terminated", line(1));
    TrailSource source = source();
    drain(source);
    write(B + ".not_terminated", line(4));
    append(file, line(2)); // the kernel still writes to the old one
    source.scan();
    append(file, line(3));
    Files.move(file, directory.resolve(A + "." + B));
    drain(source);
    assertThat(records).extracting(TrailRecord::trail).containsExactly(A, A, A, B);
    assertArrived(A, line(1) + line(2) + line(3));
    assertThat(closing(A).sha256()).contains(sha256(line(1) + line(2) + line(3)));
  }

  @Test
  void oneFileAsSource_isFollowedWhenItIsRenamed() throws Exception {
    Path file = write(A + ".not_terminated", line(1));
    write(B + ".not_terminated", line(9));
    TrailSource source = source(file, TextTrails.FORMATS, Optional.empty());
    drain(source);
    append(file, line(2));
    Files.move(file, directory.resolve(A + "." + B));
    drain(source);
    assertArrived(A, line(1) + line(2));
    assertThat(arrived).containsOnlyKeys(A);
    assertThat(closing(A).name()).isEqualTo(A + "." + B);
  }

  @Test
  void oneFileAsSource_isFoundUnderItsNewNameAfterARestart() throws Exception {
    Path file = write(A + ".not_terminated", line(1));
    TrailSource first = source(file, TextTrails.FORMATS, Optional.empty());
    drain(first);
    append(file, line(2));
    Files.move(file, directory.resolve(A + ".crash_recovery"));
    drain(source(file, TextTrails.FORMATS, Optional.of(first.mark())));
    assertArrived(A, line(1) + line(2));
    assertThat(records).hasSize(2);
    assertThat(closing(A).state()).isEqualTo(TrailStatus.CRASH_RECOVERED);
  }

  // ---- positions

  @Test
  void anyAcknowledgedRecords_areNotReadAgainAndAllOthersAre() throws Exception {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 5; i++) {
      text.append(line(i).repeat(1 + i % 2));
    }
    write(A + "." + B, text.toString());
    TrailSource all = source();
    all.scan();
    List<TrailRecord> wanted = new ArrayList<>();
    all.read(wanted::add);
    for (int subset = 0; subset < 1 << wanted.size(); subset++) {
      TrailSource first = source();
      first.scan();
      first.read(_ -> {});
      List<Long> rest = new ArrayList<>();
      for (int i = 0; i < wanted.size(); i++) {
        TrailRecord record = wanted.get(i);
        if ((subset >> i & 1) != 0) {
          first.acked(List.of(new Span(A, record.position(), record.end())));
        } else {
          rest.add(record.position());
        }
      }
      SourceMark mark = first.mark();
      first.close();
      TrailSource second = source(Optional.of(mark));
      second.scan();
      List<TrailRecord> read = new ArrayList<>();
      while (second.read(read::add) > 0) {
        // to the end
      }
      assertThat(read)
          .as("acknowledged %s", Integer.toBinaryString(subset))
          .extracting(TrailRecord::position)
          .isEqualTo(rest);
      second.close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {B, "crash_recovery"})
  void emptyTrail_isOpenedAndClosedWithTheDigestOfNothing(String ending) throws Exception {
    write(A + "." + ending, "");
    TrailSource source = source(directory, anyFormat(), Optional.empty());
    drain(source);
    assertThat(notices).hasSize(2);
    assertThat(closing(A).size()).isZero();
    assertThat(closing(A).format()).isEqualTo(Format.UNKNOWN);
    assertThat(closing(A).sha256())
        .contains("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  }

  @Test
  void emptyTrailBeingWritten_staysOpenAndIsReadWhenBytesCome() throws Exception {
    Path file = write(A + ".not_terminated", "");
    TrailSource source = source(directory, anyFormat(), Optional.empty());
    drain(source);
    assertThat(notices).extracting(TrailNotice::state).containsExactly(TrailStatus.OPENED);
    append(file, line(1));
    drain(source);
    assertArrived(A, line(1));
  }

  // ---- incarnations

  @Test
  void shorterThanWhatWasSent_isClosedWhereItWasAckedAndComesAsAnotherIncarnation()
      throws Exception {
    Path file = write(A + ".not_terminated", line(1) + line(2) + line(3));
    TrailSource first = source();
    drain(first);
    first.close();
    Files.writeString(file, line(1)); // after a crash the last records never reached the disk
    Files.move(file, directory.resolve(A + ".crash_recovery"));
    drain(source(Optional.of(first.mark())));
    assertThat(closing(A).size()).isEqualTo((line(1) + line(2) + line(3)).length());
    assertThat(closing(A).sha256()).isEmpty();
    assertThat(closing(A).cause()).isPresent();
    assertArrived(A + "~2", line(1));
    assertThat(closing(A + "~2").state()).isEqualTo(TrailStatus.CRASH_RECOVERED);
    assertThat(closing(A + "~2").sha256()).contains(sha256(line(1)));
  }

  @Test
  void replacedAgainAndAgain_eachIsAnIncarnationThatKeepsItsNumberOverRestarts() throws Exception {
    Path file = write(A + ".not_terminated", line(1));
    Optional<SourceMark> mark = Optional.empty();
    for (int i = 1; i <= 4; i++) {
      if (i > 1) {
        Path other = write("other", line(i * 11));
        Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
      }
      for (int run = 0; run < 2; run++) {
        TrailSource source = source(mark);
        drain(source);
        mark = Optional.of(source.mark());
        source.close();
      }
    }
    assertThat(arrived).containsOnlyKeys(A, A + "~2", A + "~3", A + "~4");
    assertArrived(A, line(1));
    assertArrived(A + "~4", line(44));
    assertThat(records).hasSize(4);
  }

  @Test
  void twoTrailsOfOneSecond_areTwoIncarnationsThatStayApart() throws Exception {
    write(A + "." + B, line(1));
    Path second = write(A + ".not_terminated", line(2));
    TrailSource source = source();
    drain(source);
    SourceMark mark = source.mark();
    source.close();
    append(second, line(3));
    drain(source(Optional.of(mark)));
    assertArrived(A, line(1));
    assertArrived(A + "~2", line(2) + line(3));
    assertThat(records).hasSize(3);
  }

  @Test
  void inodeGivenToAnotherTrail_isNotMistakenForTheOldOne() throws Exception {
    Path file = write(A + "." + B, line(1));
    TrailSource source = source();
    drain(source);
    Object inode = Files.getAttribute(file, "unix:ino");
    Files.writeString(file, line(2)); // the same length, too
    Files.move(file, directory.resolve(B + ".not_terminated"));
    assertThat(Files.getAttribute(directory.resolve(B + ".not_terminated"), "unix:ino"))
        .isEqualTo(inode);
    drain(source);
    drain(source(Optional.of(source.mark())));
    assertArrived(A, line(1));
    assertArrived(B, line(2));
    assertThat(records).hasSize(2);
  }

  @Test
  void secondLinkToTheSameFile_isNotSentTwice() throws Exception {
    Path file = write(A + ".not_terminated", line(1));
    Files.createLink(directory.resolve(A + "." + B), file);
    TrailSource source = source();
    drain(source);
    Files.delete(file);
    drain(source);
    assertArrived(A, line(1));
    assertThat(records).hasSize(1);
    assertThat(notices).hasSize(2);
  }

  // ---- order

  @Test
  void clockSetBack_theNewerTrailThatSortsFirstIsSentAndFlagged() throws Exception {
    Path later = write(B + ".not_terminated", line(1));
    TrailSource source = source();
    drain(source);
    Files.move(later, directory.resolve(B + "." + A)); // ends before it starts
    write(A + ".not_terminated", line(2));
    drain(source);
    append(directory.resolve(A + ".not_terminated"), line(3));
    drain(source);
    assertArrived(A, line(2) + line(3));
    assertThat(closing(B).cause()).isEmpty();
    assertThat(opening(A).cause().orElseThrow()).contains("clock").contains(B);
    TrailSource again = source(Optional.of(source.mark()));
    Files.move(directory.resolve(A + ".not_terminated"), directory.resolve(A + "." + C));
    drain(again);
    assertThat(closing(A).cause().orElseThrow()).contains("clock");
    assertThat(closing(A).sha256()).isPresent();
  }

  @Test
  void clockSetBackWhileTheAgentWasDown_isFlaggedToo() throws Exception {
    write(B + "." + C, line(1));
    TrailSource first = source();
    drain(first);
    write(A + "." + B, line(2));
    drain(source(Optional.of(first.mark())));
    assertArrived(A, line(2));
    assertThat(closing(A).cause().orElseThrow()).contains("clock");
  }

  @Test
  void trailsFoundTogether_areNotFlagged() throws Exception {
    write(A + "." + B, line(1));
    write(B + "." + C, line(2));
    write(C + ".not_terminated", line(3));
    drain(source());
    assertThat(notices).allMatch(notice -> notice.cause().isEmpty());
  }

  // ---- what is left over

  @Test
  void leftOverNotTerminated_isClosedAsACrashRecoveryTornTailAndAll() throws Exception {
    Path file = write(A + ".not_terminated", line(1) + "torn");
    write(B + ".not_terminated", line(2));
    Files.setLastModifiedTime(file, FileTime.from(NOW.minus(Duration.ofHours(8))));
    drain(source());
    assertArrived(A, line(1) + "torn");
    assertThat(closing(A).state()).isEqualTo(TrailStatus.CRASH_RECOVERED);
    assertThat(closing(A).name()).isEqualTo(A + ".crash_recovery");
    assertThat(closing(A).cause().orElseThrow()).contains("left over");
    assertThat(opening(B).cause()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    // last written to, start of the trail after it
    "2026-11-20T17:30:00Z, 20261120174500", // an hour has not passed
    "2026-11-20T11:00:01Z, 20261120110000", // it was written to after the next one was started
    "2026-11-20T10:50:00Z, 20261120104501", // so it was here
  })
  void trailThatMayStillBeWrittenTo_isNotTakenForLeftOver(Instant written, String next)
      throws Exception {
    Path file = write(A + ".not_terminated", line(1) + "torn");
    write(next + "." + C, line(2));
    Files.setLastModifiedTime(file, FileTime.from(written));
    drain(source());
    assertArrived(A, line(1));
    assertThat(notices).filteredOn(TrailNotice::closes).noneMatch(one -> one.trail().equals(A));
  }

  @Test
  void newestTrail_isNeverTakenForLeftOver() throws Exception {
    write(A + "." + B, line(1));
    Path file = write(B + ".not_terminated", line(2));
    Files.setLastModifiedTime(file, FileTime.from(NOW.minus(Duration.ofDays(30))));
    drain(source());
    assertThat(notices).filteredOn(TrailNotice::closes).noneMatch(one -> one.trail().equals(B));
  }

  @Test
  void leftOverThatIsWrittenToAfterAll_comesAsAnotherIncarnation() throws Exception {
    Path file = write(A + ".not_terminated", line(1));
    write(B + ".not_terminated", line(2));
    Files.setLastModifiedTime(file, FileTime.from(NOW.minus(Duration.ofHours(8))));
    TrailSource source = source();
    drain(source);
    assertThat(closing(A).sha256()).contains(sha256(line(1)));
    append(file, line(3));
    drain(source);
    assertArrived(A + "~2", line(1) + line(3));
  }

  @Test
  void leftOverThatIsRenamedAfterAll_isNotSentAgain() throws Exception {
    Path file = write(A + ".not_terminated", line(1));
    write(B + ".not_terminated", line(2));
    Files.setLastModifiedTime(file, FileTime.from(NOW.minus(Duration.ofHours(8))));
    TrailSource source = source();
    drain(source);
    Files.move(file, directory.resolve(A + ".crash_recovery"));
    drain(source);
    assertThat(records).hasSize(2);
    assertThat(arrived).containsOnlyKeys(A, B);
  }

  // ---- what is no trail

  @Test
  void foreignEntries_areIgnoredAndCounted() throws Exception {
    write(A + "." + B, line(1));
    write("notes.txt", "no trail");
    write(A + "." + B + ".gz", "packed");
    write(".lock", "");
    Files.createDirectory(directory.resolve("dist"));
    Files.createDirectory(directory.resolve(B + "." + C));
    Files.createSymbolicLink(directory.resolve("current"), directory.resolve(A + "." + B));
    Files.createSymbolicLink(
        directory.resolve(C + ".not_terminated"), directory.resolve("notes.txt"));
    Path pipe = directory.resolve("20261120130000.not_terminated");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    TrailSource source = source();
    drain(source);
    assertThat(arrived).containsOnlyKeys(A);
    assertThat(source.standing().ignored()).isEqualTo(8);
  }

  // ---- formats

  @Test
  void bsmTrail_isCutIntoItsRecords() throws Exception {
    byte[] first = sample("path_record");
    byte[] second = sample("subject32_record");
    Files.write(directory.resolve(A + "." + B), join(first, second));
    drain(source(directory, anyFormat(), Optional.empty()));
    assertThat(records)
        .allMatch(TrailRecord::whole)
        .allMatch(record -> record.format() == Format.BSM)
        .extracting(TrailRecord::raw)
        .containsExactly(first, second);
    assertThat(closing(A).format()).isEqualTo(Format.BSM);
  }

  @Test
  void textAndBsmInOneDirectory_areEachCutTheirOwnWay() throws Exception {
    byte[] binary = sample("path_record");
    Files.write(directory.resolve(A + "." + B), binary);
    write(B + "." + C, line(1) + line(2));
    Files.write(directory.resolve(C + ".not_terminated"), binary);
    drain(source(directory, anyFormat(), Optional.empty()));
    assertThat(records)
        .extracting(TrailRecord::format)
        .containsExactly(Format.BSM, Format.LINUX, Format.LINUX, Format.BSM);
    assertThat(records).allMatch(TrailRecord::whole);
  }

  @Test
  void formatThatWasTold_staysOverRestarts() throws Exception {
    Path file = directory.resolve(A + ".not_terminated");
    Files.write(file, new byte[] {0x41}); // a letter: text
    TrailSource first = source(directory, anyFormat(), Optional.empty());
    first.scan();
    Files.write(file, sample("path_record"), StandardOpenOption.APPEND); // now a trailer is in it
    TrailSource second = source(directory, anyFormat(), Optional.of(first.mark()));
    second.scan();
    assertThat(second.mark().trails().getFirst().format()).isEqualTo("LINUX");
  }

  @Test
  void junkBetweenBsmRecords_comesAsItIsAndHidesNone() throws Exception {
    byte[] record = sample("path_record");
    byte[] junk = "junk".getBytes(StandardCharsets.US_ASCII);
    byte[] torn = Arrays.copyOf(record, record.length - 3);
    Files.write(directory.resolve(A + ".crash_recovery"), join(record, junk, record, torn));
    drain(source(directory, anyFormat(), Optional.empty()));
    assertThat(records).extracting(TrailRecord::whole).containsExactly(true, false, true, false);
    assertThat(arrived.get(A)).isEqualTo(join(record, junk, record, torn));
  }

  @Test
  void bsmResumedAnywhere_isCutTheSame() throws Exception {
    byte[] record = sample("path_record");
    byte[] fileToken = HexFormat.of().parseHex("1165000000000000000002" + "6100");
    byte[] junk = "junk".getBytes(StandardCharsets.US_ASCII);
    byte[] bytes = join(fileToken, record, junk, record, fileToken, junk, fileToken);
    Files.write(directory.resolve(A + "." + B), bytes);
    TrailSource all = source(directory, anyFormat(), Optional.empty());
    all.scan();
    List<TrailRecord> wanted = new ArrayList<>();
    all.read(wanted::add);
    for (int known = 0; known < wanted.size(); known++) {
      TrailSource first = source(directory, anyFormat(), Optional.empty());
      first.scan();
      first.read(_ -> {});
      for (TrailRecord record2 : wanted.subList(0, known)) {
        first.acked(List.of(new Span(A, record2.position(), record2.end())));
      }
      TrailSource second = source(directory, anyFormat(), Optional.of(first.mark()));
      first.close();
      second.scan();
      List<TrailRecord> read = new ArrayList<>();
      second.read(read::add);
      assertThat(read)
          .as("%s acknowledged", known)
          .extracting(one -> one.position() + " " + one.whole())
          .isEqualTo(
              wanted.subList(known, wanted.size()).stream()
                  .map(one -> one.position() + " " + one.whole())
                  .toList());
      second.close();
    }
  }

  // ---- many closed trails

  @Test
  void closedTrailReplacedAmongMany_isFoundOutAfterSomeLooks() throws Exception {
    for (int i = 0; i < 1000; i++) {
      write((20261120000000L + i) + "." + B, line(i));
    }
    TrailSource source = source();
    drain(source);
    assertThat(notices).filteredOn(TrailNotice::closes).hasSize(1000);
    Files.move(
        write("other", line(5000) + line(5001)),
        directory.resolve("20261120000777." + B),
        StandardCopyOption.REPLACE_EXISTING);
    write(C + ".not_terminated", line(6000));
    drain(source);
    drain(source);
    assertArrived("20261120000777~2", line(5000) + line(5001));
    assertArrived(C, line(6000));
    assertThat(records).hasSize(1003);
    drain(source(Optional.of(source.mark())));
    assertThat(records).hasSize(1003);
  }

  // ---- the broker's part

  private void drain(TrailSource source) throws IOException {
    for (int idle = 0; idle < 5; ) {
      source.scan();
      List<TrailRecord> read = new ArrayList<>();
      int moved = source.read(read::add);
      read.forEach(record -> arrive(source, record));
      idle = moved == 0 && !notice(source) ? idle + 1 : 0;
    }
  }

  private boolean notice(TrailSource source) {
    Optional<TrailNotice> due = source.notice();
    due.ifPresent(
        notice -> {
          notices.add(notice);
          source.acked(notice);
        });
    return due.isPresent();
  }

  private void arrive(TrailSource source, TrailRecord record) {
    records.add(record);
    int end = Math.toIntExact(record.end());
    byte[] bytes = arrived.getOrDefault(record.trail(), new byte[0]);
    bytes = bytes.length < end ? Arrays.copyOf(bytes, end) : bytes;
    System.arraycopy(
        record.raw(), 0, bytes, Math.toIntExact(record.position()), record.raw().length);
    arrived.put(record.trail(), bytes);
    coverage
        .computeIfAbsent(record.trail(), _ -> new Coverage())
        .add(record.position(), record.end());
    source.acked(List.of(new Span(record.trail(), record.position(), record.end())));
  }

  private void assertArrived(String trail, String text) {
    assertThat(new String(arrived.get(trail), StandardCharsets.UTF_8)).isEqualTo(text);
    assertThat(coverage.get(trail).missing(text.length())).isEmpty();
  }

  private TrailNotice closing(String trail) {
    return notices.stream()
        .filter(notice -> notice.closes() && notice.trail().equals(trail))
        .reduce(
            (_, _) -> {
              throw new AssertionError("trail " + trail + " was closed twice: " + notices);
            })
        .orElseThrow(() -> new AssertionError("trail " + trail + " is not closed: " + notices));
  }

  private TrailNotice opening(String trail) {
    return notices.stream()
        .filter(notice -> !notice.closes() && notice.trail().equals(trail))
        .findFirst()
        .orElseThrow();
  }

  private TrailSource source() {
    return source(Optional.empty());
  }

  private TrailSource source(Optional<SourceMark> mark) {
    return source(directory, TextTrails.FORMATS, mark);
  }

  private TrailSource source(Path path, TrailFormats formats, Optional<SourceMark> mark) {
    TrailSource source =
        TrailSource.directory("bsm", path, formats, false, InstantSource.fixed(NOW), mark);
    opened.add(source);
    return source;
  }

  private static TrailFormats anyFormat() {
    return TrailFormats.byFirstBytes(new LineFraming(), new BsmFraming());
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  private static void append(Path file, String text) throws IOException {
    Files.writeString(file, text, StandardOpenOption.APPEND);
  }

  private static String line(int serial) {
    return "type=SYSCALL msg=audit(1795170528.000:%05d): arch=c000003e syscall=62\n"
        .formatted(serial);
  }

  private static byte[] sample(String name) throws IOException {
    try (var in = TrailRulesTest.class.getResourceAsStream("/samples/bsm/" + name)) {
      return in.readAllBytes();
    }
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  private static String sha256(String text) throws Exception {
    return HexFormat.of()
        .formatHex(
            MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
  }
}
