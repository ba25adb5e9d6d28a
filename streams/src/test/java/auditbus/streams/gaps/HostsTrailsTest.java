// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

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
import auditbus.schemas.Subject;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import auditbus.streams.Drive;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What trails' states and BSM records tell: TRAIL_MISSING, and AUDIT_OFF of BSM. */
class HostsTrailsTest {
  private static final String A = "20261120100000";
  private static final String B = "20261120110000";
  private static final String C = "20261120120000";
  private static final String D = "20261120130000";
  private static final String SHA_A = "a".repeat(64);
  private static final String SHA_B = "b".repeat(64);

  private final Drive<Gap> drive = new Drive<>(new GapsJob(), Topics.GAPS, Map.of());

  @AfterEach
  void close() {
    drive.close();
  }

  private static TrailState.Builder closed(Format format, String trail, String ending) {
    return TrailState.newBuilder()
        .setHost("web1")
        .setSource("trails")
        .setTrail(trail)
        .setEpoch(1)
        .setFormat(format)
        .setState(
            ending.equals("crash_recovery") ? TrailStatus.CRASH_RECOVERED : TrailStatus.TERMINATED)
        .setName(trail + "." + ending)
        .setSize(0)
        .setAt(Instant.EPOCH);
  }

  private static TrailState.Builder linux(String trail, String ending) {
    return closed(Format.LINUX, trail, ending);
  }

  private static TrailState.Builder bsm(String trail, String ending) {
    return closed(Format.BSM, trail, ending);
  }

  private static AuditEvent record(String trail, int number, String name, String hex) {
    byte[] raw = HexFormat.of().parseHex(hex);
    return AuditEvent.newBuilder()
        .setHost("web1")
        .setSource("trails")
        .setTrail(trail)
        .setEpoch(1)
        .setTime(Instant.parse("2026-11-20T10:30:00Z"))
        .setObserved(Instant.EPOCH)
        .setSerial(0)
        .setAcked(0)
        .setFormat(Format.BSM)
        .setType(name)
        .setOutcome(Outcome.SUCCESS)
        .setSubject(Subject.newBuilder().setAuid(1001L).setSession(5L).build())
        .setComplete(true)
        .setRecords(
            List.of(
                AuditRecord.newBuilder()
                    .setPosition(0)
                    .setLength(Math.max(1, raw.length))
                    .setType(number)
                    .setName(name)
                    .setRaw(ByteBuffer.wrap(raw))
                    .setFields(Map.of())
                    .build()))
        .build();
  }

  private void send(TrailState.Builder... states) {
    for (TrailState.Builder state : states) {
      drive.send(Topics.TRAILS, state.build());
    }
  }

  private void pass(long seconds) {
    drive.brokerPasses(Duration.ofSeconds(seconds));
    for (long i = 0; i < 2 * seconds; i++) {
      drive.wallPasses(Duration.ofMillis(500));
    }
  }

  private Gap only() {
    List<Gap> gaps =
        drive.results().stream().filter(gap -> gap.getKind() != GapKind.TRAIL_COVERAGE).toList();
    assertThat(gaps).hasSize(1);
    return gaps.getFirst();
  }

  private void none() {
    assertThat(drive.results())
        .filteredOn(gap -> gap.getKind() != GapKind.TRAIL_COVERAGE)
        .isEmpty();
  }

  @Test
  void chainOfStates_withoutABreak_hasNoGap() {
    send(
        linux(A, B).setSha256(SHA_A),
        linux(B, C).setSha256(SHA_B).setPrevious(A).setPreviousSha256(SHA_A),
        linux(B, C).setSha256(SHA_B).setPrevious(A).setPreviousSha256(SHA_A),
        linux(C, D).setPrevious(B).setPreviousSha256(SHA_B));
    pass(60);
    none();
  }

  @Test
  void trailThatIsNamedAndNeverCame_isMissingAfterTheGrace_untilItComes() {
    send(linux(A, B).setSha256(SHA_A), linux(C, D).setPrevious(B).setPreviousSha256(SHA_B));
    pass(9);
    none();
    pass(3);
    Gap gap = only();
    assertThat(gap.getKind()).isEqualTo(GapKind.TRAIL_MISSING);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gap.getTrail()).contains(B);
    assertThat(gap.getSource()).contains("trails");
    assertThat(gap.getMissing()).contains(1L);
    assertThat(gap.getUnit()).isEqualTo(GapUnit.TRAILS);
    assertThat(gap.getCause().orElse("")).contains(C);
    send(linux(B, C).setSha256(SHA_B).setPrevious(A).setPreviousSha256(SHA_A));
    Gap closed = only();
    assertThat(closed.getId()).isEqualTo(gap.getId());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getMissing()).contains(0L);
    pass(60);
    none();
  }

  @Test
  void openedTrailIsNoClosedOne() {
    send(
        linux(A, B).setState(TrailStatus.OPENED).setName(A + ".not_terminated"),
        linux(B, C).setPrevious(A));
    pass(11);
    assertThat(only().getTrail()).contains(A);
  }

  @Test
  void digestsThatDiffer_areSaid() {
    send(
        linux(A, B).setSha256(SHA_A),
        linux(B, C).setSha256(SHA_B).setPrevious(A).setPreviousSha256(SHA_B));
    pass(11);
    Gap gap = only();
    assertThat(gap.getTrail()).contains(A);
    assertThat(gap.getCause().orElse("")).contains(SHA_A).contains(SHA_B);
  }

  @Test
  void thousandsOfTrailsOpenedAtOnce_doNotMakeTheOneBeforeThemForgotten() {
    send(linux(A, B).setSha256(SHA_A));
    for (int i = 0; i < 1000; i++) {
      send(
          linux("20261121" + String.format("%06d", i), "x")
              .setState(TrailStatus.OPENED)
              .setPrevious(A)
              .setPreviousSha256(SHA_A));
    }
    pass(60);
    none();
  }

  @Test
  void topicWhoseBeginningWasDeleted_hasNoMissingTrailBeforeIt() {
    // The driver counts offsets from 0: the first record is one the job never hears of.
    drive.sendBytes(Topics.TRAILS, new byte[] {9});
    send(linux("20261120090000", B).setPrevious("20261120080000"));
    pass(60);
    none();
    send(linux(D, "20261120140000").setPrevious("20261120125959"));
    pass(11);
    assertThat(only().getTrail()).contains("20261120125959");
  }

  @Test
  void namesThatDoNotMeet_areAMissingTrail_untilOneFillsTheSpace() {
    send(bsm(A, B), bsm(C, D));
    pass(9);
    none();
    pass(3);
    Gap gap = only();
    assertThat(gap.getKind()).isEqualTo(GapKind.TRAIL_MISSING);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gap.getFrom()).contains(Instant.parse("2026-11-20T11:00:00Z"));
    assertThat(gap.getTo()).contains(Instant.parse("2026-11-20T12:00:00Z"));
    assertThat(gap.getTrail()).isEmpty();
    send(bsm(B, C));
    pass(11);
    Gap closed = only();
    assertThat(closed.getId()).isEqualTo(gap.getId());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    pass(60);
    none();
  }

  @Test
  void namesThatMeetOrOverlap_areNoGap_norAreIncarnations() {
    send(bsm(A, B), bsm(B, C), bsm(B + "~2", C), bsm(C, "20261120123000"));
    send(bsm("20261120122000", "20261120140000"));
    pass(60);
    none();
  }

  @Test
  void daemonThatStoppedStartedOrDied_leavesNoGapBetweenNames() {
    send(bsm(A, "20261120101000"), bsm(B, "20261120111000"));
    drive.send(Topics.EVENTS, record(A, 45_001, "AUE_audit_shutdown", "00"));
    send(bsm(C, D));
    drive.send(Topics.EVENTS, record(C, 45_000, "AUE_audit_startup", "00"));
    send(bsm(D, "crash_recovery"), bsm("20261120150000", "20261120160000"));
    pass(60);
    none();
  }

  @Test
  void textTrails_areNotJudgedByTheirNames() {
    send(linux(A, B), linux(C, D));
    pass(60);
    none();
  }

  private static final String OFF = "2d 03 00000002 0008 736574636f6e6400".replace(" ", "");
  private static final String ON = "2d 03 00000001 0008 736574636f6e6400".replace(" ", "");

  @Test
  void bsmSwitchedOff_isAGapUntilItIsOnAgain() {
    drive.send(Topics.EVENTS, record(A, 230, "AUE_AUDITON_SETCOND", OFF));
    Gap gap = only();
    assertThat(gap.getKind()).isEqualTo(GapKind.AUDIT_OFF);
    assertThat(gap.getCause().orElse("")).contains("auid 1001");
    AuditEvent on = record(B, 230, "AUE_AUDITON_SETCOND", ON);
    on.setTime(Instant.parse("2026-11-20T10:31:00Z"));
    drive.send(Topics.EVENTS, on);
    assertThat(only().getState()).isEqualTo(GapState.CLOSED);
  }
}
