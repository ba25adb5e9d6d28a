// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.CaptureStatus;
import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.GapUnit;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import auditbus.streams.Drive;
import auditbus.streams.Samples;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Kinds of gaps that heartbeats tell of: SILENT_HOST, DOWN, AUDIT_OFF, DISPATCHER_DEAD. */
class HostsTest {
  private static final Instant START = Instant.parse("2026-11-20T10:45:00Z");
  private static final String BOOT = "5a0d1f0e-0000-4000-8000-000000000001";
  private static final String REBOOT = "5a0d1f0e-0000-4000-8000-000000000002";

  private final Drive<Gap> drive = new Drive<>(new GapsJob(), Topics.GAPS, Map.of());
  private long second;
  private long epoch = 1;
  private long sequence;
  private Instant started = START;
  private String boot = BOOT;
  private String host = "web1";
  private long enabled = 1;
  private List<SourceStatus> sources = List.of(source("kernel", "readlog", 0));

  @AfterEach
  void close() {
    drive.close();
  }

  static SourceStatus source(String name, String type, long received) {
    return SourceStatus.newBuilder()
        .setName(name)
        .setType(type)
        .setState("RUNNING")
        .setHead(0)
        .setAcked(0)
        .setWaitingBytes(0)
        .setReceived(received)
        .setWritten(received)
        .setDropped(0)
        .setAckedRecords(received)
        .setWaitingRecords(0)
        .setEvents(received)
        .setIncomplete(0)
        .setUnparsed(0)
        .setTrailsClosed(0)
        .build();
  }

  private AgentStatus.Builder beat() {
    return AgentStatus.newBuilder()
        .setHost(host)
        .setMachineId("m1")
        .setBoot(boot)
        .setEpoch(epoch)
        .setVersion("1")
        .setStarted(started)
        .setAt(now())
        .setSequence(sequence++)
        .setIntervalMs(5000)
        .setKernel(
            KernelStatus.newBuilder()
                .setEnabled(enabled)
                .setFailure(1)
                .setPid(1)
                .setRateLimit(0)
                .setBacklogLimit(8192)
                .setLost(0)
                .setBacklog(0)
                .setBacklogWaitTime(0)
                .setBacklogWaitTimeActual(0)
                .build())
        .setSources(sources);
  }

  private Instant now() {
    return START.plusSeconds(second);
  }

  private void send(AgentStatus.Builder status) {
    drive.send(Topics.AGENTS, status.build());
  }

  private void send(String lines) {
    for (AuditEvent event : Samples.events(lines)) {
      drive.send(Topics.EVENTS, event);
    }
  }

  /** All clocks go on, as they do: in ticks. */
  private void pass(long seconds) {
    for (long i = 0; i < seconds; i++) {
      second++;
      drive.brokerPasses(Duration.ofSeconds(1));
      drive.wallPasses(Duration.ofMillis(500));
      drive.wallPasses(Duration.ofMillis(500));
    }
  }

  /** So many seconds with a heartbeat every five. */
  private void beats(long seconds) {
    for (long i = 0; i < seconds; i += 5) {
      pass(5);
      send(beat());
    }
  }

  private void restart(String newBoot) {
    epoch++;
    sequence = 0;
    started = now();
    boot = newBoot;
  }

  private static Gap only(List<Gap> gaps) {
    assertThat(gaps).hasSize(1);
    return gaps.getFirst();
  }

  // SILENT_HOST

  @Test
  void hostWithoutHeartbeats_isSilentWithinItsLimitAndFiveSeconds() {
    send(beat());
    beats(60);
    Instant last = now();
    pass(29);
    assertThat(drive.results()).isEmpty();
    pass(6);
    Gap gap = only(drive.results());
    assertThat(gap.getKind()).isEqualTo(GapKind.SILENT_HOST);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    assertThat(gap.getFrom()).contains(last);
    assertThat(gap.getTo()).isEmpty();
    assertThat(gap.getMissing()).isEmpty();
    assertThat(gap.getUnit()).isEqualTo(GapUnit.SECONDS);
    pass(600);
    assertThat(drive.results()).isEmpty();
    send(beat());
    Gap closed = only(drive.results());
    assertThat(closed.getId()).isEqualTo(gap.getId());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getTo()).contains(now());
    assertThat(closed.getMissing()).contains(0L);
    beats(60);
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void longHeartbeatInterval_makesTheLimitThreeOfIt() {
    send(beat().setIntervalMs(60_000));
    pass(179);
    assertThat(drive.results()).isEmpty();
    pass(6);
    assertThat(only(drive.results()).getKind()).isEqualTo(GapKind.SILENT_HOST);
  }

  @Test
  void hugeHeartbeatInterval_doesNotMakeAHostThatIsNeverSilent() {
    for (long interval : List.of(Long.MAX_VALUE, (long) Integer.MAX_VALUE)) {
      send(beat().setIntervalMs(interval));
      pass(3600);
      assertThat(only(drive.results()).getKind()).isEqualTo(GapKind.SILENT_HOST);
      send(beat().setIntervalMs(interval));
      assertThat(only(drive.results()).getState()).isEqualTo(GapState.CLOSED);
    }
  }

  @Test
  void plannedStop_isNoSilence() {
    beats(60);
    send(beat().setStopping(true));
    pass(3600);
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void heartbeatsThatArriveLate_areNoSilence_whileTheJobCatchesUp() {
    // Wall clock goes on, broker time does not: what arrives is old.
    send(beat());
    send(beat().setHost("web2"));
    for (int i = 0; i < 60; i++) {
      drive.wallPasses(Duration.ofMillis(500));
      drive.wallPasses(Duration.ofMillis(500));
      drive.brokerPasses(Duration.ofMillis(100));
      send(beat().setHost("web2"));
    }
    assertThat(drive.results()).isEmpty();
    // Now other hosts' records show that it is silent by broker time too.
    for (int i = 0; i < 40; i++) {
      drive.wallPasses(Duration.ofMillis(500));
      drive.brokerPasses(Duration.ofSeconds(1));
      send(beat().setHost("web2"));
    }
    assertThat(only(drive.results()).getHost()).isEqualTo("web1");
  }

  @Test
  void threadThatStoodStill_listensForAWholeLimitFirst() {
    beats(20);
    second += 120;
    drive.brokerPasses(Duration.ofMinutes(2));
    drive.standsStill(Duration.ofMinutes(2));
    pass(29);
    assertThat(drive.results()).isEmpty();
    pass(6);
    assertThat(only(drive.results()).getKind()).isEqualTo(GapKind.SILENT_HOST);
  }

  // DOWN

  @Test
  void killedAgent_wasDownFromItsLastHeartbeatToTheNextStart() {
    beats(30);
    Instant last = now();
    pass(12);
    restart(BOOT);
    pass(1);
    send(beat());
    Gap gap = only(drive.results());
    assertThat(gap.getKind()).isEqualTo(GapKind.DOWN);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    assertThat(gap.getFrom()).contains(last);
    assertThat(gap.getTo()).contains(last.plusSeconds(12));
    assertThat(gap.getMissing()).contains(12L);
    assertThat(gap.getBoot()).contains(BOOT);
    assertThat(gap.getCause().orElse("")).contains("agent was down").contains("kernel");
    beats(60);
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void hostThatCrashed_wasDownOverItsRestart() {
    beats(30);
    pass(20);
    restart(REBOOT);
    send(beat());
    Gap gap = only(drive.results());
    assertThat(gap.getCause().orElse("")).contains("host restarted");
    assertThat(gap.getBoot()).isEmpty();
  }

  @Test
  void plannedStopRebootAndStart_isNotDown() {
    beats(30);
    send(beat().setStopping(true));
    pass(300);
    restart(REBOOT);
    send(beat());
    beats(30);
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void agentThatOnlyReadsTrailsFromDisk_missesNothingWhileItIsDown() {
    sources = List.of(source("auditd", "auditlog", 0), source("bsm", "trails", 0));
    beats(30);
    pass(10);
    restart(BOOT);
    send(beat());
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void captureThatIsAProcessOfItsOwnAndWentOn_wasNotDown() {
    sources = List.of(captured(100));
    beats(30);
    pass(10);
    restart(BOOT);
    sources = List.of(captured(150));
    send(beat());
    assertThat(drive.results()).isEmpty();
  }

  private static SourceStatus captured(long received) {
    SourceStatus source = source("kernel", "readlog", received);
    source.setCapture(
        CaptureStatus.newBuilder().setAttached(true).setTrail("20261120104500").build());
    return source;
  }

  @Test
  void heartbeatsSentAgain_changeNothing() {
    beats(30);
    AgentStatus.Builder old = beat();
    AgentStatus.Builder older = beat().setSequence(2).setAt(START);
    send(old);
    pass(6);
    restart(BOOT);
    send(beat());
    assertThat(drive.results()).hasSize(1);
    send(old);
    send(older);
    send(old);
    pass(5);
    send(beat());
    assertThat(drive.results()).isEmpty();
  }

  // AUDIT_OFF

  private static String config(Instant at, int serial, int on, int old) {
    return ("type=CONFIG_CHANGE msg=audit(%d.000:%d): op=set audit_enabled=%d old=%d auid=1000 ses=3"
            + " subj=unconfined res=1\n")
        .formatted(at.getEpochSecond(), serial, on, old);
  }

  @Test
  void auditingSwitchedOffAndOn_isOneProvenGap() {
    beats(30);
    Instant off = now();
    send(config(off, 77, 0, 1));
    Gap gap = only(drive.results());
    assertThat(gap.getKind()).isEqualTo(GapKind.AUDIT_OFF);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    assertThat(gap.getFrom()).contains(off);
    assertThat(gap.getCause().orElse("")).contains("auid 1000").contains("session 3");
    enabled = 0;
    beats(60);
    assertThat(drive.results()).isEmpty();
    send(config(now(), 78, 1, 0));
    Gap closed = only(drive.results());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getTo()).contains(now());
    assertThat(closed.getId()).isEqualTo(gap.getId());
    enabled = 1;
    beats(60);
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void switchingThatTheHeartbeatShowsFirst_isStillOneGap() {
    beats(30);
    Instant off = now().plusSeconds(1);
    enabled = 0;
    beats(5);
    send(config(off, 77, 0, 1));
    assertThat(only(drive.results()).getFrom()).contains(off);
    beats(60);
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void auditingThatIsOffWithoutARecord_isAGapAfterTheGrace() {
    beats(30);
    enabled = 0;
    beats(5);
    Instant first = now();
    assertThat(drive.results()).isEmpty();
    beats(15);
    Gap gap = only(drive.results());
    assertThat(gap.getKind()).isEqualTo(GapKind.AUDIT_OFF);
    assertThat(gap.getFrom()).contains(first);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.PROVEN);
    enabled = 1;
    beats(5);
    Gap closed = only(drive.results());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getTo()).contains(now());
  }

  @Test
  void oneHeartbeatOfAnAgentThatThenSwitchesAuditingOn_isNoGap() {
    enabled = 0;
    send(beat());
    enabled = 1;
    beats(60);
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void recordThatComesAfterTheGrace_takesTheHeartbeatsGapOver() {
    beats(30);
    enabled = 0;
    beats(5);
    beats(20);
    Gap seen = only(drive.results());
    send(config(seen.getFrom().orElseThrow().minusSeconds(2), 77, 0, 1));
    List<Gap> gaps = drive.results();
    assertThat(gaps).hasSize(2);
    assertThat(gaps.getFirst().getCause().orElse("")).contains("auid 1000");
    assertThat(gaps.getFirst().getState()).isEqualTo(GapState.OPEN);
    assertThat(gaps.getLast().getId()).isEqualTo(seen.getId());
    assertThat(gaps.getLast().getState()).isEqualTo(GapState.CLOSED);
    assertThat(gaps.getLast().getCause().orElse("")).contains("record");
  }

  @Test
  void switchedOffOnAnotherNode_isThatNodes_andOnlyItsRecordsCloseIt() {
    beats(30);
    Instant off = now();
    send("node=db9 " + config(off, 77, 0, 1));
    Gap gap = only(drive.results());
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    assertThat(gap.getCause().orElse("")).contains("auid 1000").contains("node db9");
    beats(60);
    send(config(now(), 78, 1, 1));
    assertThat(drive.results()).isEmpty();
    enabled = 0;
    beats(30);
    Gap own = only(drive.results());
    assertThat(own.getId()).isNotEqualTo(gap.getId());
    assertThat(own.getCause().orElse("")).contains("heartbeats");
    Instant on = now();
    send("node=db9 " + config(on, 79, 1, 0));
    Gap closed = only(drive.results());
    assertThat(closed.getId()).isEqualTo(gap.getId());
    assertThat(closed.getTo()).contains(on);
  }

  @Test
  void switchingsOfAnotherNode_pushOutNoneOfTheHosts() {
    beats(30);
    send(config(now(), 77, 0, 1));
    Gap own = only(drive.results());
    for (int i = 0; i < 2 * AuditSwitches.MAX_SWITCHES; i++) {
      send("node=db9 " + config(now().plusSeconds(i), 100 + i, i % 2, 1 - i % 2));
    }
    assertThat(drive.results()).noneMatch(gap -> gap.getId().equals(own.getId()));
    Instant on = now().plusSeconds(1);
    send(config(on, 78, 1, 0));
    Gap closed = only(drive.results());
    assertThat(closed.getId()).isEqualTo(own.getId());
    assertThat(closed.getTo()).contains(on);
  }

  @Test
  void nodeThatIsTheHostItself_isTheHost() {
    beats(30);
    send("node=WEB1 " + config(now(), 77, 0, 1));
    Gap gap = only(drive.results());
    beats(60);
    Gap closed = only(drive.results());
    assertThat(closed.getId()).isEqualTo(gap.getId());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
  }

  @Test
  void switchingOffThatIsOver_isNotToldAnew_howeverOftenTheAgentWasDownOrSilentSince() {
    beats(30);
    send(config(now(), 77, 0, 1));
    send(config(now().plusSeconds(1), 78, 1, 0));
    assertThat(drive.results()).extracting(Gap::getState).last().isEqualTo(GapState.CLOSED);
    int downs = 0;
    int silences = 0;
    for (int i = 0; i < GapLedger.MAX_GAPS + 10; i++) {
      send(beat());
      pass(40);
      restart(BOOT);
      send(beat());
      for (Gap gap : drive.results()) {
        downs += gap.getKind() == GapKind.DOWN ? 1 : 0;
        silences += gap.getKind() == GapKind.SILENT_HOST ? 1 : 0;
        assertThat(gap.getKind()).isNotEqualTo(GapKind.AUDIT_OFF);
      }
    }
    assertThat(downs).isGreaterThan(GapLedger.MAX_GAPS);
    assertThat(silences).isGreaterThan(GapLedger.MAX_GAPS);
    send(config(now(), 99, 1, 1));
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void heartbeatIntervalOfYears_doesNotMakeEveryHeartbeatAnOldAnswer() {
    send(config(START, 77, 0, 1));
    Gap gap = only(drive.results());
    for (int i = 0; i < 400; i++) {
      pass(5);
      send(beat().setIntervalMs(Long.MAX_VALUE / 2000));
    }
    Gap closed = only(drive.results());
    assertThat(closed.getId()).isEqualTo(gap.getId());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
  }

  @Test
  void otherConfigurationsAndRefusedOnes_areNoSwitching() {
    beats(30);
    String stamp = "type=CONFIG_CHANGE msg=audit(" + now().getEpochSecond() + ".000:9): ";
    send(stamp + "op=set audit_enabled=0 old=1 auid=1000 ses=3 res=0\n");
    send(stamp + "auid=1000 ses=3 op=add_rule key=\"audit_enabled=0\" list=4 res=1\n");
    send(stamp + "op=set audit_pid=0 old=1 auid=1000 ses=3 res=1\n");
    send(stamp + "op=set audit_enabled=2 old=1 auid=1000 ses=3 res=1\n");
    send(stamp + "op=set audit_backlog_limit=64 old=8192 auid=1000 ses=3 res=1\n");
    beats(30);
    assertThat(drive.results()).isEmpty();
  }

  // DISPATCHER_DEAD

  private long live;
  private long fed;

  private void beatsOfTwo(long seconds, long perBeat, boolean flows) {
    for (long i = 0; i < seconds; i += 5) {
      live += perBeat;
      fed += flows ? perBeat : 0;
      sources = List.of(source("auditd", "audisp", fed), source("kernel", "readlog", live));
      beats(5);
    }
  }

  private static String daemon(String type, Instant at, int serial) {
    return "type=%s msg=audit(%d.000:%d): op=x auid=1000 pid=9 res=success\n"
        .formatted(type, at.getEpochSecond(), serial);
  }

  @Test
  void recordsThatFlowFromTheKernelButNotThroughAuditd_areADeadDispatcher() {
    beatsOfTwo(60, 10, true);
    Instant last = now();
    send(daemon("DAEMON_CONFIG", last.plusSeconds(1), 500));
    beatsOfTwo(30, 10, false);
    assertThat(drive.results()).isEmpty();
    beatsOfTwo(15, 10, false);
    Gap gap = only(drive.results());
    assertThat(gap.getKind()).isEqualTo(GapKind.DISPATCHER_DEAD);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gap.getSource()).contains("auditd");
    assertThat(gap.getFrom()).contains(last);
    assertThat(gap.getCause().orElse("")).contains("reconfiguration at");
    beatsOfTwo(60, 10, false);
    assertThat(drive.results()).isEmpty();
    beatsOfTwo(5, 10, true);
    Gap closed = only(drive.results());
    assertThat(closed.getId()).isEqualTo(gap.getId());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getTo()).contains(now());
  }

  @Test
  void quietHost_hasNoDeadDispatcher() {
    beatsOfTwo(60, 10, true);
    beatsOfTwo(600, 0, false);
    live += 19; // fewer than the setting asks for
    beatsOfTwo(60, 0, false);
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void auditdThatWasStopped_isNoDeadDispatcher_norIsItsStart() {
    beatsOfTwo(60, 10, true);
    send(daemon("DAEMON_END", now(), 500));
    beatsOfTwo(600, 10, false);
    assertThat(drive.results()).isEmpty();
    send(daemon("DAEMON_START", now(), 100));
    pass(15);
    beatsOfTwo(60, 10, true);
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void anotherNodesAuditdThatEnded_hidesNoDeadDispatcher() {
    beatsOfTwo(60, 10, true);
    send("node=db9 " + daemon("DAEMON_END", now(), 500));
    beatsOfTwo(60, 10, false);
    assertThat(only(drive.results()).getKind()).isEqualTo(GapKind.DISPATCHER_DEAD);
  }

  @Test
  void sourceThatLags_isNoDeadDispatcher() {
    beatsOfTwo(60, 10, true);
    for (int i = 0; i < 60; i++) {
      live += 10;
      SourceStatus lagging = source("auditd", "auditlog", fed);
      lagging.setWaitingBytes(1_000_000);
      sources = List.of(lagging, source("kernel", "readlog", live));
      beats(5);
    }
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void sourceThatFailed_isNamedSo_andClosedWhenConfiguredAway() {
    beatsOfTwo(60, 10, true);
    for (int i = 0; i < 12; i++) {
      live += 10;
      SourceStatus failed = source("auditd", "audisp", fed);
      failed.setState("FAILED");
      failed.setError("no such socket");
      sources = List.of(failed, source("kernel", "readlog", live));
      beats(5);
    }
    assertThat(only(drive.results()).getCause().orElse("")).contains("no such socket");
    sources = List.of(source("kernel", "readlog", live));
    beats(5);
    Gap closed = only(drive.results());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getCause().orElse("")).contains("not configured");
  }

  // HOST_CONFLICT

  @Test
  void twoMachinesByTurns_areAProvenConflict_untilOneIsQuiet() {
    for (int i = 0; i < 4; i++) {
      pass(5);
      send(beat());
      send(beat().setMachineId("m2").setEpoch(1000).setSequence(i));
    }
    List<Gap> gaps = drive.results();
    Gap gap = gaps.getLast();
    assertThat(gap.getKind()).isEqualTo(GapKind.HOST_CONFLICT);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    assertThat(gap.getCause().orElse("")).contains("m1").contains("m2");
    assertThat(gaps).allMatch(one -> one.getId().equals(gap.getId()));
    for (int i = 4; i < 12; i++) {
      pass(5);
      send(beat().setMachineId("m2").setEpoch(1000).setSequence(i));
    }
    Gap closed = only(drive.results());
    assertThat(closed.getId()).isEqualTo(gap.getId());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
  }

  @Test
  void machineInstalledAnew_isSaidToBeSoOnce() {
    beats(30);
    send(beat().setStopping(true));
    pass(3600);
    restart(REBOOT);
    List<Gap> gaps = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      pass(5);
      send(beat().setMachineId("m2"));
      gaps.addAll(drive.results());
    }
    assertThat(gaps).extracting(Gap::getState).containsExactly(GapState.OPEN, GapState.CLOSED);
    assertThat(gaps.getFirst().getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gaps.getFirst().getCause().orElse("")).contains("changed from m1 to m2");
  }

  @Test
  void twoAgentsOfOneMachineId_areSuspected() {
    AgentStatus.Builder other = beat();
    for (int i = 0; i < 4; i++) {
      pass(5);
      send(beat().setMachineId(null));
      send(
          AgentStatus.newBuilder(other.build())
              .setMachineId(null)
              .setEpoch(7)
              .setStarted(START)
              .setAt(now())
              .setSequence(i));
    }
    Gap gap = only(drive.results());
    assertThat(gap.getKind()).isEqualTo(GapKind.HOST_CONFLICT);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gap.getCause().orElse("")).contains("two agents");
  }

  private AgentStatus.Builder other(long otherEpoch, long otherSequence) {
    return beat()
        .setMachineId(null)
        .setEpoch(otherEpoch)
        .setStarted(START)
        .setSequence(otherSequence);
  }

  @Test
  void agentWhoseEpochBeganAnew_isNoConflict() {
    epoch = 10;
    beats(30);
    pass(7);
    restart(BOOT);
    epoch = 1; // its state was lost: installed anew, or a snapshot of the machine
    beats(300);
    assertThat(drive.results()).noneMatch(gap -> gap.getKind() == GapKind.HOST_CONFLICT);
  }

  @Test
  void conflictOfTwoAgents_closesWhicheverOfThemIsQuiet() {
    for (boolean higherGoesOn : List.of(true, false)) {
      long two = higherGoesOn ? 7 : 8;
      for (int i = 0; i < 4; i++) {
        pass(5);
        send(other(100, second));
        send(other(two, i));
      }
      Gap gap = only(drive.results());
      assertThat(gap.getKind()).isEqualTo(GapKind.HOST_CONFLICT);
      Instant last = now();
      for (int i = 4; i < 20; i++) {
        pass(5);
        send(higherGoesOn ? other(100, second) : other(two, i));
      }
      Gap closed = only(drive.results());
      assertThat(closed.getId()).isEqualTo(gap.getId());
      assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
      assertThat(closed.getTo()).contains(last);
    }
  }

  @Test
  void threeAgentsByTurns_areAConflictToo() {
    for (int i = 0; i < 4; i++) {
      pass(5);
      send(other(100, i));
      send(other(7, i));
      send(other(8, i));
    }
    assertThat(only(drive.results()).getKind()).isEqualTo(GapKind.HOST_CONFLICT);
  }

  @Test
  void eventOfAHostThatIsNoName_leavesNoHalfAState() {
    for (String name : List.of("", "web\0x")) {
      for (AuditEvent event : Samples.events(config(now(), 77, 0, 1))) {
        event.setHost(name);
        drive.send(Topics.EVENTS, event);
      }
    }
    assertThat(drive.results()).isEmpty();
    assertThat(drive.deadLetters()).hasSize(2);
    assertThat(drive.keys(HostsProcessor.STORE)).isEmpty();
  }
}
