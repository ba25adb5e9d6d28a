// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Certainty;
import auditbus.schemas.Format;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.GapUnit;
import auditbus.schemas.Outcome;
import auditbus.schemas.Range;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The account over made-up topics: that it can fail, and names what it fails of. */
final class AccountTest {
  private static final Instant BORN = Instant.parse("2026-11-20T10:45:00Z");
  private static final String TRAIL = "20261120104500";
  private static final int LENGTH = 100;
  private static final Account.Watch BLIND = _ -> false;

  private final Ledger ledger = new Ledger();
  private final Topic topic = new Topic();

  private void written(int records) {
    for (int i = 0; i < records; i++) {
      ledger.add(0, (long) i * LENGTH, LENGTH, BORN);
    }
  }

  private void came(int number) {
    came(number, (long) number * LENGTH);
  }

  private void came(int number, long position) {
    String raw = "type=USER_CMD msg=audit(1:1): pid=1 msg='n=" + number + " cmd=41 res=success'\n";
    topic.take(event(Rig.HOST, number + 1, position, raw));
  }

  private void message(int number, long serial) {
    topic.take(
        event(
            Rig.CAPTURE_HOST,
            serial,
            serial * LENGTH,
            "type=USER_AVC msg=audit(1:1): pid=1 msg='op=faults n=" + number + " res=success'\n"));
  }

  private static AuditEvent event(String host, long serial, long position, String raw) {
    return AuditEvent.newBuilder()
        .setHost(host)
        .setSource(Rig.SOURCE)
        .setTrail(TRAIL)
        .setEpoch(1)
        .setObserved(BORN)
        .setSerial(serial)
        .setAcked(0)
        .setPart(0)
        .setParts(1)
        .setFormat(Format.LINUX)
        .setType("USER_CMD")
        .setOutcome(Outcome.SUCCESS)
        .setComplete(true)
        .setRecords(
            List.of(
                AuditRecord.newBuilder()
                    .setPosition(position)
                    .setLength(LENGTH)
                    .setType(1123)
                    .setName("USER_CMD")
                    .setFields(Map.of())
                    .setRaw(ByteBuffer.wrap(raw.getBytes(StandardCharsets.US_ASCII)))
                    .build()))
        .build();
  }

  private void state(long size, Optional<String> cause, List<Range> dropped) {
    topic.take(
        TrailState.newBuilder()
            .setHost(Rig.HOST)
            .setSource(Rig.SOURCE)
            .setTrail(TRAIL)
            .setEpoch(1)
            .setState(TrailStatus.TERMINATED)
            .setName(TRAIL + ".20261120104600")
            .setSize(size)
            .setAt(BORN)
            .setCause(cause.orElse(null))
            .setDropped(dropped)
            .build());
  }

  private static Gap.Builder gap(String host, GapKind kind) {
    return Gap.newBuilder()
        .setId(kind + host)
        .setHost(host)
        .setKind(kind)
        .setCertainty(Certainty.PROVEN)
        .setState(GapState.OPEN)
        .setOpened(BORN);
  }

  private void serialsMissing(long first, long last, long missing) {
    topic.take(
        gap(Rig.HOST, GapKind.SERIAL)
            .setBoot("boot")
            .setFirstSerial(first)
            .setLastSerial(last)
            .setMissing(missing)
            .build());
  }

  private List<String> failures() {
    return Account.of(ledger, topic, BLIND).failures();
  }

  @Test
  void whatCameIsWell() {
    written(2);
    came(0);
    came(1);
    assertThat(failures()).isEmpty();
  }

  @Test
  void namesARecordThatDidNotCome() {
    written(2);
    came(0);
    state(200, Optional.empty(), List.of());
    assertThat(failures()).anyMatch(failure -> failure.startsWith("record 1: file 0 position 100"));
  }

  @Test
  void namesARecordThatCameElsewhere() {
    written(2);
    came(0);
    came(1, 150);
    assertThat(failures()).anyMatch(failure -> failure.startsWith("record 1: "));
  }

  @Test
  void namesARecordInWhosePlaceAnotherCame() {
    written(1);
    came(5, 0);
    assertThat(failures()).anyMatch(failure -> failure.startsWith("record 0: "));
  }

  @Test
  void namesARecordThatCameAsOfAnotherTrailAlone() {
    ledger.add(0, 0, LENGTH, BORN.minusSeconds(5));
    came(0);
    assertThat(failures()).singleElement().asString().contains("came only as");
  }

  @Test
  void whatIsCollectedWithoutADigestIsComparedRecordByRecord(@TempDir Path collected)
      throws Exception {
    String begin = "type=USER_CMD msg=audit(1:1): pid=1 msg='n=0 cmd=";
    String end = " res=success'\n";
    String text = begin + "4".repeat(LENGTH - begin.length() - end.length()) + end;
    written(1);
    topic.take(event(Rig.HOST, 1, 0, text));
    state(LENGTH, Optional.of("emptied"), List.of());
    Path file = Account.file(topic.states.get(TRAIL), collected);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    assertThat(Account.ofTree(ledger, topic, collected))
        .noneMatch(failure -> failure.startsWith("record 0: "));
    Files.writeString(file, text.replace("n=0", "n=7"));
    assertThat(Account.ofTree(ledger, topic, collected))
        .anyMatch(failure -> failure.startsWith("record 0: "));
  }

  @Test
  void aTrailWhoseWriterDiedMustBeCollectedToo(@TempDir Path collected) throws Exception {
    state(LENGTH, Optional.empty(), List.of());
    TrailState died =
        TrailState.newBuilder(topic.states.get(TRAIL))
            .setState(TrailStatus.CRASH_RECOVERED)
            .setSha256("00")
            .build();
    topic.take(died);
    Path file = Account.file(died, collected);
    Files.createDirectories(file.getParent());
    Files.createFile(file.resolveSibling(TRAIL + ".not_terminated"));
    assertThat(Account.ofTree(ledger, topic, collected))
        .anyMatch(failure -> failure.startsWith("not collected: "));
  }

  @Test
  void quarantineIsExcusedWhereTheFileLostWhatHadCome(@TempDir Path collected) throws Exception {
    written(1);
    came(0);
    state(LENGTH - 6, Optional.empty(), List.of());
    TrailState closed = TrailState.newBuilder(topic.states.get(TRAIL)).setSha256("00").build();
    topic.take(closed);
    Path file = Account.file(closed, collected);
    Files.createDirectories(file.getParent());
    Files.createFile(file.resolveSibling(closed.getName() + ".quarantined"));
    Files.createFile(file.resolveSibling(closed.getName() + ".quarantined.json"));
    assertThat(Account.ofTree(ledger, topic, collected))
        .anyMatch(failure -> failure.startsWith("not collected: "));
    ledger.destroy(0, LENGTH - 6);
    assertThat(Account.ofTree(ledger, topic, collected))
        .noneMatch(failure -> failure.startsWith("not collected: "));
  }

  @Test
  void aGapMustHoldEveryByte() {
    written(3);
    came(0);
    came(2);
    serialsMissing(2, 2, 1);
    Gap.Builder gap = gap(Rig.HOST, GapKind.TRAIL_COVERAGE).setTrail(TRAIL);
    topic.take(gap.setHoles(List.of(new Range(100L, 99L))).build());
    assertThat(failures()).anyMatch(failure -> failure.startsWith("record 1: "));
    topic.take(gap.setHoles(List.of(new Range(100L, 100L))).build());
    assertThat(failures()).isEmpty();
    topic.take(gap.setState(GapState.CLOSED).setHoles(List.of()).build());
    assertThat(failures()).anyMatch(failure -> failure.startsWith("record 1: "));
  }

  @Test
  void aGapOverWhatCameIsAFailure() {
    written(1);
    came(0);
    topic.take(
        gap(Rig.HOST, GapKind.TRAIL_COVERAGE)
            .setTrail(TRAIL)
            .setHoles(List.of(new Range(0L, 10L)))
            .build());
    assertThat(failures()).anyMatch(failure -> failure.contains("proven of bytes that came"));
  }

  @Test
  void whatWasDestroyedMustLieInWhatTheStateGivesUpOrBehindItsEnd() {
    written(3);
    came(0);
    ledger.destroy(0, 0);
    serialsMissing(2, 3, 2);
    state(200, Optional.of("emptied"), List.of());
    assertThat(failures())
        .anyMatch(failure -> failure.startsWith("record 1: "))
        .noneMatch(failure -> failure.startsWith("record 2: "));
    state(200, Optional.of("emptied"), List.of(new Range(100L, 100L)));
    assertThat(failures()).isEmpty();
    state(200, Optional.empty(), List.of(new Range(100L, 100L)));
    assertThat(failures()).anyMatch(failure -> failure.startsWith("record 2: "));
  }

  @Test
  void aFileNobodyToldOfIsAFailureWhereTheAgentMustHaveKnownIt() {
    ledger.add(0, 0, LENGTH, BORN.minusSeconds(10));
    ledger.add(1, 0, LENGTH, BORN);
    ledger.add(2, 0, LENGTH, BORN.plusSeconds(5));
    came(1, 0);
    assertThat(failures()).anyMatch(failure -> failure.startsWith("record 0: "));
    ledger.destroy(0, 0);
    ledger.destroy(2, 0);
    assertThat(failures())
        .noneMatch(failure -> failure.startsWith("record 0: ")) // no gap reaches before the first
        .anyMatch(failure -> failure.startsWith("record 2: "));
    serialsMissing(3, 3, 1);
    assertThat(failures()).isEmpty();
    assertThat(Account.of(ledger, topic, _ -> true).failures())
        .anyMatch(failure -> failure.startsWith("record 0: "))
        .anyMatch(failure -> failure.startsWith("record 2: "));
  }

  @Test
  void gapsOfSerialsMustCountAllThatDidNotCome() {
    written(4);
    came(0);
    came(3);
    ledger.destroy(0, 0);
    state(300, Optional.of("emptied"), List.of(new Range(100L, 200L)));
    serialsMissing(2, 3, 1);
    assertThat(failures()).singleElement().asString().contains("2 records did not come");
    serialsMissing(2, 3, 2);
    assertThat(failures()).isEmpty();
  }

  @Test
  void aTrailLeftOpenIsSaidMissingWhereItsRecordsWereDestroyed() {
    written(2);
    came(0);
    topic.take(
        gap(Rig.HOST, GapKind.TRAIL_MISSING)
            .setTrail(TRAIL)
            .setCertainty(Certainty.SUSPECTED)
            .setUnit(GapUnit.BYTES)
            .build());
    assertThat(failures()).anyMatch(failure -> failure.startsWith("record 1: "));
    ledger.destroy(0, 0);
    assertThat(failures()).isEmpty();
  }

  @Test
  void anEndThatIsNotKnownIsAGapFromThere() {
    written(2);
    came(0);
    ledger.destroy(0, 0);
    state(100, Optional.of("emptied"), List.of());
    Gap.Builder gap =
        gap(Rig.HOST, GapKind.TRAIL_COVERAGE).setTrail(TRAIL).setCertainty(Certainty.SUSPECTED);
    topic.take(gap.setPosition(150L).build());
    assertThat(failures()).anyMatch(failure -> failure.contains("no gap has it"));
    topic.take(gap.setPosition(100L).build());
    assertThat(failures()).isEmpty();
  }

  @Test
  void messagesMustBeInGapsOfSerials() {
    BitSet sent = new BitSet();
    sent.set(0, 4);
    message(0, 500);
    message(3, 503);
    assertThat(MessageAccount.of(sent, topic).failures())
        .anyMatch(failure -> failure.startsWith("message 1 and 1 after it"));
    Gap.Builder gap =
        gap(Rig.CAPTURE_HOST, GapKind.SERIAL).setFirstSerial(501L).setLastSerial(502L);
    topic.take(gap.setMissing(2L).build());
    assertThat(MessageAccount.of(sent, topic).failures()).isEmpty();
    topic.take(gap.setMissing(1L).build());
    assertThat(MessageAccount.of(sent, topic).failures())
        .anyMatch(failure -> failure.contains("2 messages did not come"));
  }

  @Test
  void messagesWithoutASerialMustBeInTheKernelsCount() {
    BitSet sent = new BitSet();
    sent.set(0, 3);
    message(0, 500);
    message(2, 501);
    assertThat(MessageAccount.of(sent, topic).failures())
        .anyMatch(failure -> failure.startsWith("message 1 and 0 after it"));
    topic.take(gap(Rig.CAPTURE_HOST, GapKind.KERNEL_LOST).setMissing(1L).build());
    assertThat(MessageAccount.of(sent, topic).failures()).isEmpty();
  }

  @Test
  void whoReadsUncommittedSeesNoLess() {
    written(1);
    came(0);
    assertThat(Account.ofReaders(1, 0, topic, new Topic()))
        .anyMatch(failure -> failure.startsWith("record 0: "));
    assertThat(Account.ofReaders(1, 0, new Topic(), topic)).isEmpty();
  }
}
