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
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
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
  void trailClosedWithoutItsEnd_isMissingFromThereOn() {
    // Fault run with seed 60: of files that went unread only the trail's state said so.
    TrailState.Builder lost =
        linux(A, B).setSize(70).setCause("the file is gone after 70 bytes were read");
    send(lost);
    Gap open = drive.results().getLast();
    assertThat(open.getKind()).isEqualTo(GapKind.TRAIL_COVERAGE);
    assertThat(open.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(open.getState()).isEqualTo(GapState.OPEN);
    assertThat(open.getTrail()).contains(A);
    assertThat(open.getPosition()).contains(70L);
    assertThat(open.getEnd()).isEmpty();
    assertThat(open.getHoles()).isEmpty();
    assertThat(open.getMissing()).isEmpty();
    assertThat(open.getUnit()).isEqualTo(GapUnit.BYTES);
    assertThat(open.getCause()).contains("the file is gone after 70 bytes were read");
    send(lost); // once more says nothing new
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void trailGivenUpAtAKnownSize_hasNoEndThatIsNotKnown() {
    send(
        linux(A, B)
            .setState(TrailStatus.DROPPED)
            .setSize(70)
            .setCause("dropped for want of space"));
    pass(11);
    assertThat(drive.results()).noneMatch(gap -> gap.getCertainty() == Certainty.SUSPECTED);
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

  // Left behind. Found by the fault run of seed 60: an agent announced trails, its checkpoint was
  // damaged, and when it began anew their files were rotated away. No state told of them again.

  private static TrailState.Builder opened(String trail, long epoch) {
    return linux(trail, B)
        .setState(TrailStatus.OPENED)
        .setName(trail + ".not_terminated")
        .setEpoch(epoch);
  }

  private static TrailState.Builder closedBy(long epoch, String trail) {
    return linux(trail, "20261120235959").setEpoch(epoch);
  }

  private static String numbered(int day, int number) {
    return "202611%02d%06d".formatted(day, number);
  }

  /** A run that knows nothing of what was before it. */
  private void beginsAnew(long epoch, String... trails) {
    for (String trail : trails) {
      send(opened(trail, epoch));
    }
    for (String trail : trails) {
      send(closedBy(epoch, trail));
    }
  }

  @Test
  void trailThatANewRunOfTheAgentNeverTellsOf_isMissingAfterTheGrace() {
    send(opened(A, 1));
    pass(60);
    beginsAnew(2, B);
    pass(9);
    none();
    pass(3);
    Gap gap = only();
    assertThat(gap.getKind()).isEqualTo(GapKind.TRAIL_MISSING);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    assertThat(gap.getSource()).contains("trails");
    assertThat(gap.getTrail()).contains(A);
    assertThat(gap.getUnit()).isEqualTo(GapUnit.BYTES);
    assertThat(gap.getMissing()).isEmpty();
    assertThat(gap.getCause().orElse(""))
        .contains("announced by agent run 1 and never closed, while run 2 closed trail " + B);
    // Said once: not for the same states again, nor for later ones.
    send(opened(A, 1), opened(B, 2), closedBy(2, B));
    beginsAnew(3, C);
    beginsAnew(4, D);
    pass(60);
    none();
  }

  @Test
  void trailThatIsKnownAgain_isMissingNoMore_untilItIsLeftBehindOnceMore() {
    send(opened(A, 1));
    beginsAnew(2, B);
    pass(11);
    Gap gap = only();
    send(opened(A, 1)); // an earlier run's word
    none();
    send(opened(A, 3));
    Gap known = only();
    assertThat(known.getId()).isEqualTo(gap.getId());
    assertThat(known.getState()).isEqualTo(GapState.CLOSED);
    assertThat(known.getMissing()).contains(0L);
    assertThat(known.getCause().orElse("")).contains("agent run 3");
    beginsAnew(3, C);
    pass(60);
    none();
    beginsAnew(4, D);
    pass(11);
    Gap again = only();
    assertThat(again.getId()).isEqualTo(gap.getId());
    assertThat(again.getState()).isEqualTo(GapState.OPEN);
    assertThat(again.getRevision()).isEqualTo(2);
    assertThat(again.getCause().orElse("")).contains("run 3").contains("run 4 closed trail " + D);
    send(closedBy(4, A));
    assertThat(only().getState()).isEqualTo(GapState.CLOSED);
    send(closedBy(5, A));
    pass(60);
    none();
  }

  @Test
  void agentThatClosesOutOfOrderInOneRun_leavesNothingBehind() {
    send(opened(A, 2), opened(B, 2), closedBy(2, B), opened(C, 2), closedBy(2, C));
    pass(60);
    none();
  }

  @Test
  void trailsThatStartEarlier_orRunsOfLowerNumber_leaveNothingBehind() {
    send(opened(B, 2), opened(B + "~3", 2));
    beginsAnew(3, A);
    beginsAnew(1, C);
    pass(60);
    none();
    beginsAnew(3, B + "~2"); // later than the first, earlier than the third
    pass(11);
    assertThat(only().getTrail()).contains(B);
    beginsAnew(3, B + "~10");
    pass(11);
    assertThat(only().getTrail()).contains(B + "~3");
  }

  @Test
  void whatCameBeforeTheAnnouncement_leavesNothingBehind() {
    beginsAnew(9, B);
    send(opened(A, 1));
    send(closedBy(9, B));
    pass(60);
    none();
  }

  @Test
  void intactAgentThatRestartsManyTimes_hasNoGap() {
    int trail = 0;
    send(opened(numbered(21, 0), 1));
    for (int epoch = 1; epoch <= 300; epoch++) {
      for (int i = 0; i < epoch % 4; i++) {
        send(closedBy(epoch, numbered(21, trail)));
        send(opened(numbered(21, ++trail), epoch));
      }
      pass(12);
    }
    none();
  }

  @Test
  void intactAgentThatHoldsAnOldTrailOpenOverRestarts_hasNoGap() {
    // Nobody renames A; by the trails it carries over each run shows that it has a checkpoint.
    String current = B;
    send(opened(A, 1), opened(current, 1));
    for (int epoch = 2; epoch <= 20; epoch++) {
      send(closedBy(epoch, current));
      beginsAnew(epoch, numbered(21, 2 * epoch));
      current = numbered(21, 2 * epoch + 1);
      send(opened(current, epoch));
      pass(12);
    }
    none();
    beginsAnew(21, D + "~2", numbered(22, 0));
    pass(11);
    assertThat(drive.results())
        .extracting(gap -> gap.getTrail().orElse(""))
        .containsExactly(A, current);
  }

  @Test
  void oldTrailThatIsHeldOpenWithoutASign_isSuspected_untilOneComes() {
    send(opened(A, 1), opened(D, 1));
    beginsAnew(2, B);
    pass(11);
    assertThat(only().getTrail()).contains(A);
    send(closedBy(2, D)); // it never announced that one: it goes on where the first run ended
    Gap closed = only();
    assertThat(closed.getTrail()).contains(A);
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getCause().orElse("")).contains("run 2 goes on with trail " + D);
    beginsAnew(2, C);
    pass(60);
    none();
  }

  @Test
  void anEarlierCheckpoint_excusesNothingThatWasAnnouncedAfterIt() {
    send(opened(A, 1), opened(B, 1)); // the checkpoint that is left knows A alone
    send(closedBy(2, A));
    beginsAnew(2, C);
    pass(11);
    assertThat(only().getTrail()).contains(B);
  }

  @Test
  void whatARunForgot_theOneThatGoesOnFromItDoesNotKnow() {
    send(opened(A, 1));
    send(opened(B, 2)); // it began anew
    send(closedBy(3, B)); // it goes on, and knows no more
    beginsAnew(3, C);
    pass(11);
    assertThat(only().getTrail()).contains(A);
  }

  @Test
  void trailThatWasClosedOnce_isNotLeftBehind() {
    send(opened(A, 1), closedBy(1, A), opened(A, 2));
    beginsAnew(3, B);
    pass(60);
    none();
  }

  @Test
  void trailsThatAreReadAnewAfterAllWasLost_showWhatIsGone() {
    send(opened(A, 1), opened(B, 1), closedBy(1, B));
    send(closedBy(2, B)); // sent again: says nothing of A
    pass(60);
    none();
    beginsAnew(3, B);
    pass(11);
    assertThat(only().getTrail()).contains(A);
  }

  @Test
  void bytesGivenUp_tellThatTheAgentKnowsTheTrail() {
    send(opened(A, 1));
    beginsAnew(2, B);
    pass(11);
    only();
    send(opened(A, 3).setState(TrailStatus.DROPPED));
    assertThat(only().getState()).isEqualTo(GapState.CLOSED);
    beginsAnew(3, C);
    pass(60);
    none();
  }

  @Test
  void allOfManyForgottenTrails_areSaid_whileAsManyAreAnnouncedAnew() {
    String[] gone = new String[80];
    String[] next = new String[80];
    for (int i = 0; i < 80; i++) {
      gone[i] = numbered(21, i);
      next[i] = numbered(22, i);
      send(opened(gone[i], 1));
    }
    beginsAnew(2, next);
    pass(11);
    assertThat(drive.results())
        .filteredOn(gap -> gap.getKind() == GapKind.TRAIL_MISSING)
        .extracting(gap -> gap.getTrail().orElse(""))
        .containsExactlyInAnyOrder(gone);
    beginsAnew(3, numbered(23, 0));
    pass(60);
    none();
  }

  @Test
  void forgottenTrails_areAllSaid_howeverManyRunsForget() {
    List<String> forgotten = new ArrayList<>();
    List<String> said = new ArrayList<>();
    for (int run = 1; run <= 20; run++) {
      for (int i = 0; i < 80; i++) {
        send(opened(numbered(run, i), run));
      }
      for (int i = 0; i < 40; i++) {
        send(closedBy(run, numbered(run, i)));
        forgotten.add(numbered(run, 40 + i));
      }
      for (Gap gap : drive.results()) {
        if (gap.getKind() == GapKind.TRAIL_MISSING) {
          assertThat(gap.getState()).isEqualTo(GapState.OPEN);
          said.add(gap.getTrail().orElse(""));
        }
      }
    }
    pass(11);
    drive.results().forEach(gap -> gap.getTrail().ifPresent(said::add));
    assertThat(said).containsExactlyInAnyOrderElementsOf(forgotten.subList(0, 19 * 40));
    // One that had to go for others, and is still known to be said.
    send(closedBy(21, numbered(15, 40)));
    assertThat(only().getState()).isEqualTo(GapState.CLOSED);
  }

  @Test
  void topicWhoseBeginningWasDeleted_hasNothingLeftBehindBeforeIt() {
    drive.sendBytes(Topics.TRAILS, new byte[] {9});
    send(opened("20261120080000", 1), opened(D, 1));
    beginsAnew(2, "20261120140000");
    pass(11);
    assertThat(only().getTrail()).contains(D);
  }

  @Test
  void stateOfVersion1_isRead_andAccusesNobody() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(1);
      out.writeUTF("");
      out.writeLong(5);
      out.writeShort(2);
      for (String trail : List.of(A, B)) {
        out.writeUTF(trail);
        out.writeByte(0); // open, and no run is known
        out.writeUTF("");
        out.writeUTF("");
        out.writeLong(7);
      }
      out.writeShort(0);
      out.writeInt(0);
    }
    TrailChain chain = TrailChain.decode("web1", "trails", bytes.toByteArray());
    assertThat(chain.touchedMs()).isEqualTo(5);
    List<Gap> said = new ArrayList<>();
    chain.state(closedBy(2, B).build(), 10, 10, _ -> false, said::add);
    chain.state(closedBy(2, C).build(), 10, 10, _ -> false, said::add);
    assertThat(chain.dueMs(5, 10)).isEmpty();
    chain.judge(20, 20, 5, _ -> false, said::add);
    assertThat(said).isEmpty();
    chain.state(opened(A, 2).build(), 20, 20, _ -> false, said::add);
    chain.state(opened(D, 3).build(), 30, 30, _ -> false, said::add);
    chain.state(closedBy(3, D).build(), 30, 30, _ -> false, said::add);
    chain = TrailChain.decode("web1", "trails", chain.encode());
    assertThat(chain.dueMs(5, 30)).contains(35L);
    chain.judge(34, 34, 5, _ -> false, said::add);
    assertThat(said).isEmpty();
    chain.judge(35, 35, 5, _ -> false, said::add);
    assertThat(said).extracting(gap -> gap.getTrail().orElse("")).containsExactly(A);
  }

  @Test
  void chainsState_isBounded_andSurvivesItsOwnEncoding() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    TrailChain chain = new TrailChain("web1", "trails");
    List<Gap> said = new ArrayList<>();
    int largest = 0;
    for (int i = 0; i < 3000; i++) {
      String trail = numbered(1 + random.nextInt(28), random.nextInt(100));
      TrailState.Builder state =
          random.nextInt(3) == 0
              ? closedBy(i / 100 + random.nextInt(2), trail)
                  .setSha256(random.nextBoolean() ? SHA_A : null)
                  .setCause(random.nextBoolean() ? "lost its end" : null)
              : opened(trail, i / 100);
      state.setPrevious(numbered(1 + random.nextInt(28), random.nextInt(100)));
      state.setPreviousSha256(SHA_B);
      chain.state(state.build(), i, i, _ -> false, said::add);
      chain.judge(i, i, 5, _ -> false, said::add);
      byte[] bytes = chain.encode();
      largest = Math.max(largest, bytes.length);
      chain = TrailChain.decode("web1", "trails", bytes);
      assertThat(chain.encode()).as("seed %s", seed).isEqualTo(bytes);
    }
    assertThat(largest).as("seed %s", seed).isLessThan(80_000);
    System.out.println("a source's trails with everything full: " + largest + " bytes");
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
