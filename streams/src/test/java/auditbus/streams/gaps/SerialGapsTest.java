// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.CaptureStatus;
import auditbus.schemas.Certainty;
import auditbus.schemas.Format;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.GapUnit;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import auditbus.streams.Drive;
import auditbus.streams.Samples;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** SERIAL, KERNEL_LOST, INCOMPLETE_EVENT, UNEXPLAINED: what is told and what is not. */
class SerialGapsTest {
  private static final String BOOT = "11111111-2222-3333-4444-555555555555";
  private static final String NEXT_BOOT = "66666666-7777-8888-9999-000000000000";
  private static final String TRAIL = "20261120104500";
  private static final Instant START = Instant.parse("2026-11-20T10:45:00Z");

  private static final SourceStatus KERNEL = source("kernel", "kernel", _ -> {});

  private final Drive<Gap> drive = new Drive<>(new GapsJob(), Topics.GAPS, Map.of());
  private final Map<String, Long> positions = new HashMap<>();
  private String boot = BOOT;

  @AfterEach
  void close() {
    drive.close();
  }

  private static final int BYTES = 100;

  private AuditEvent.Builder event(String source, long serial, Instant time) {
    long position = positions.merge(source, (long) BYTES, Long::sum) - BYTES;
    return AuditEvent.newBuilder()
        .setHost("web1")
        .setSource(source)
        .setTrail(TRAIL)
        .setBoot(boot)
        .setEpoch(1)
        .setTime(time)
        .setObserved(time)
        .setSerial(serial)
        .setAcked(position)
        .setFormat(Format.LINUX)
        .setType("SYSCALL")
        .setComplete(true)
        .setRecords(List.of(record(position, 1300, "SYSCALL", "type=SYSCALL")));
  }

  private static AuditRecord record(long position, int type, String name, String raw) {
    return AuditRecord.newBuilder()
        .setPosition(position)
        .setLength(BYTES)
        .setType(type)
        .setName(name)
        .setRaw(ByteBuffer.wrap(raw.getBytes(StandardCharsets.ISO_8859_1)))
        .setFields(Map.of())
        .build();
  }

  private void send(String source, long serial) {
    send(source, serial, START.plusMillis(serial & 0xFFFFFF));
  }

  private void send(String source, long serial, Instant time) {
    drive.send(Topics.EVENTS, event(source, serial, time).build());
  }

  private void send(long from, long to) {
    for (long serial = from; serial <= to; serial++) {
      send("kernel", serial);
    }
  }

  private AgentStatus.Builder heartbeat(Duration at, long lost, SourceStatus... sources) {
    return AgentStatus.newBuilder()
        .setHost("web1")
        .setBoot(boot)
        .setEpoch(1)
        .setVersion("1")
        .setStarted(START)
        .setAt(START.plus(at))
        .setSequence(at.toMillis())
        .setIntervalMs(5000)
        .setKernel(
            KernelStatus.newBuilder()
                .setEnabled(1)
                .setFailure(1)
                .setPid(1)
                .setRateLimit(0)
                .setBacklogLimit(8192)
                .setLost(lost)
                .setBacklog(0)
                .setBacklogWaitTime(0)
                .setBacklogWaitTimeActual(0)
                .build())
        .setSources(List.of(sources));
  }

  private static SourceStatus source(String name, String type, Consumer<SourceStatus> more) {
    SourceStatus source =
        SourceStatus.newBuilder()
            .setName(name)
            .setType(type)
            .setState("RUNNING")
            .setHead(0)
            .setAcked(0)
            .setWaitingBytes(0)
            .setReceived(0)
            .setWritten(0)
            .setDropped(0)
            .setAckedRecords(0)
            .setWaitingRecords(0)
            .setEvents(0)
            .setIncomplete(0)
            .setUnparsed(0)
            .setTrailsClosed(0)
            .build();
    more.accept(source);
    return source;
  }

  private void beat(int seconds, long lost, SourceStatus... sources) {
    drive.send(Topics.AGENTS, heartbeat(Duration.ofSeconds(seconds), lost, sources).build());
  }

  private void reset(long serial, Duration at, long old) {
    AuditEvent.Builder event = event("kernel", serial, START.plus(at)).setType("CONFIG_CHANGE");
    String raw =
        "type=CONFIG_CHANGE msg=audit(1.000:%d): op=set lost=0 old=%d auid=0 ses=1 res=1\n"
            .formatted(serial, old);
    event.setRecords(
        List.of(record(event.getRecords().getFirst().getPosition(), 1305, "CONFIG_CHANGE", raw)));
    drive.send(Topics.EVENTS, event.build());
  }

  /** The last word about each gap of that kind. */
  private List<Gap> gaps(GapKind kind) {
    for (int i = 0; i < 6; i++) {
      drive.wallPasses(Duration.ofSeconds(5));
    }
    return now(kind);
  }

  private final Map<String, Gap> last = new LinkedHashMap<>();

  private List<Gap> now(GapKind kind) {
    for (Gap gap : drive.results()) {
      Gap before = last.put(gap.getId(), gap);
      assertThat(gap.getRevision()).isEqualTo(before == null ? 0 : before.getRevision() + 1);
    }
    return last.values().stream().filter(gap -> gap.getKind() == kind).toList();
  }

  private Gap only(GapKind kind) {
    List<Gap> gaps = gaps(kind);
    assertThat(gaps).hasSize(1);
    return gaps.getFirst();
  }

  private void nothing() {
    gaps(GapKind.SERIAL);
    // Waiting for what may come, nobody sends heartbeats.
    last.values().removeIf(gap -> gap.getKind() == GapKind.SILENT_HOST);
    assertThat(last.values()).isEmpty();
  }

  @Test
  void missingSerials_areSuspectedAfterTheGrace_withTheirTimes() {
    send(1, 10);
    send(14, 20);
    drive.wallPasses(Duration.ofSeconds(5));
    assertThat(drive.results()).isEmpty();
    Gap gap = only(GapKind.SERIAL);
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gap.getBoot()).contains(BOOT);
    assertThat(gap.getFirstSerial()).contains(11L);
    assertThat(gap.getLastSerial()).contains(13L);
    assertThat(gap.getMissing()).contains(3L);
    assertThat(gap.getUnit()).isEqualTo(GapUnit.EVENTS);
    assertThat(gap.getFrom()).contains(START.plusMillis(10));
    assertThat(gap.getTo()).contains(START.plusMillis(14));
    assertThat(gap.getCause()).contains("kernel serials 11-13 did not arrive");
  }

  @Test
  void missingSerials_areProvenOnceTheSourceIsAcknowledgedPastThem() {
    beat(0, 0, KERNEL);
    send(1, 10);
    send(14, 14 + 2 * BootSerials.STRETCH_SERIALS + 10);
    Gap gap = only(GapKind.SERIAL);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(gap.getMissing()).contains(3L);
  }

  @Test
  void sourceThatTheHeartbeatNames_andThatWasNotHeard_keepsTheHoleSuspected_untilItHasNothing() {
    SourceStatus behind = source("audisp", "audisp", s -> s.setWaitingBytes(7));
    beat(0, 0, KERNEL, behind);
    send(1, 10);
    send(14, 14 + 2 * BootSerials.STRETCH_SERIALS + 10);
    assertThat(only(GapKind.SERIAL).getCertainty()).isEqualTo(Certainty.SUSPECTED);
    for (int at = 5; at < 100; at += 5) {
      beat(at, 0, KERNEL, source("audisp", "audisp", _ -> {}));
    }
    assertThat(only(GapKind.SERIAL).getCertainty()).isEqualTo(Certainty.SUSPECTED);
    // Made after the heartbeat: what was acknowledged then stands before it.
    send("kernel", 16_409, START.plusSeconds(101));
    beat(101, 0, KERNEL, source("audisp", "audisp", _ -> {}));
    assertThat(gaps(GapKind.SERIAL).getFirst().getCertainty()).isEqualTo(Certainty.PROVEN);
  }

  @Test
  void missingSerialsThatCome_closeTheGap_alsoFromAnotherSource() {
    send(1, 10);
    send(14, 20);
    Gap open = only(GapKind.SERIAL);
    send("audisp", 12);
    Gap less = only(GapKind.SERIAL);
    assertThat(less.getId()).isEqualTo(open.getId());
    assertThat(less.getMissing()).contains(2L);
    assertThat(less.getCause()).contains("kernel serials 11, 13 did not arrive");
    send("audisp", 11);
    send("kernel", 13);
    Gap closed = only(GapKind.SERIAL);
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getMissing()).contains(0L);
    assertThat(closed.getId()).isEqualTo(open.getId());
  }

  @Test
  void daemonRecords_haveSerialsOfTheirOwn() {
    for (AuditEvent event : Samples.of("14-second-auditd-abort.log")) {
      event.setBoot(BOOT);
      drive.send(Topics.EVENTS, event);
    }
    nothing();
  }

  @Test
  void sampleWithLinesCutOut_lacksTheirSerials() {
    String log = Samples.text("17-other-signal-syscalls-and-injection.log");
    List<AuditEvent> whole = Samples.events(log);
    List<AuditEvent> kernel =
        whole.stream().filter(event -> !event.getType().startsWith("DAEMON_")).toList();
    long cut = kernel.get(kernel.size() / 2).getSerial();
    for (AuditEvent event : whole) {
      if (event.getSerial() != cut) {
        drive.send(Topics.EVENTS, event);
      }
    }
    Gap gap = only(GapKind.SERIAL);
    assertThat(gap.getFirstSerial()).contains(cut);
    assertThat(gap.getLastSerial()).contains(cut);
    assertThat(gap.getBoot()).isEmpty();
  }

  @Test
  void wholeSample_lacksNothing() {
    for (AuditEvent event : Samples.of("17-other-signal-syscalls-and-injection.log")) {
      drive.send(Topics.EVENTS, event);
    }
    nothing();
  }

  @Test
  void serialsOutOfOrder_asLateAsWasMeasured_lackNothing() {
    long seed = System.nanoTime();
    System.out.println("serialsOutOfOrder seed " + seed);
    Random random = new Random(seed);
    List<Long> serials = new ArrayList<>();
    for (long serial = 1; serial <= 12_000; serial++) {
      serials.add(serial);
    }
    for (int i = 0; i < serials.size(); i += 2_731) {
      Collections.shuffle(serials.subList(i, Math.min(serials.size(), i + 2_731)), random);
    }
    serials.forEach(serial -> send("kernel", serial));
    nothing();
  }

  @Test
  void serialsThatGoRound_lackNothing() {
    for (boolean known : new boolean[] {true, false}) {
      boot = known ? BOOT : null;
      for (long serial = BootSerials.ROUND - 50; serial < BootSerials.ROUND + 50; serial++) {
        send("kernel", serial & 0xFFFFFFFFL, START.plusMillis(serial));
      }
      // Late ones from before.
      send("kernel", BootSerials.ROUND - 20);
    }
    nothing();
  }

  @Test
  void serialsLostWhereTheyGoRound_areCountedAcross() {
    for (long serial = BootSerials.ROUND - 50; serial < BootSerials.ROUND + 50; serial++) {
      if (Math.abs(serial - BootSerials.ROUND) > 2) {
        send("kernel", serial & 0xFFFFFFFFL, START.plusMillis(serial & 0xFF));
      }
    }
    Gap gap = only(GapKind.SERIAL);
    assertThat(gap.getMissing()).contains(5L);
    assertThat(gap.getFirstSerial()).contains(0xFFFFFFFEL);
    assertThat(gap.getLastSerial()).contains(2L);
  }

  @Test
  void reboots_beginAnew_whetherTheBootIsKnownOrNot() {
    send(5_000, 5_100);
    boot = NEXT_BOOT;
    send(1, 100);
    boot = null;
    for (long serial = 5_000; serial <= 5_100; serial++) {
      send("auditd", serial, START.plusMillis(serial));
    }
    for (long serial = 1; serial <= 100; serial++) {
      send("auditd", serial, START.plusSeconds(60).plusMillis(serial));
    }
    // Longer than the boot before.
    for (long serial = 1; serial <= 6_000; serial++) {
      send("auditd", serial, START.plusSeconds(120).plusMillis(serial));
    }
    nothing();
  }

  @Test
  void resentRanges_ofThisBootAndTheLast_changeNothing() {
    boot = null;
    List<AuditEvent> sent = new ArrayList<>();
    for (int run = 0; run < 2; run++) {
      for (long serial = 1; serial <= 200; serial++) {
        sent.add(event("auditd", serial, START.plusSeconds(60L * run).plusMillis(serial)).build());
      }
    }
    sent.forEach(event -> drive.send(Topics.EVENTS, event));
    sent.subList(150, 250).forEach(event -> drive.send(Topics.EVENTS, event));
    sent.subList(10, 20).forEach(event -> drive.send(Topics.EVENTS, event));
    nothing();
  }

  @Test
  void lateLongSystemCall_withAnOldTimeAndANewSerial_isNothing() {
    send(1, 10);
    send("kernel", 11, START.minus(Duration.ofDays(3)));
    send(12, 20);
    nothing();
  }

  @Test
  void lateSerial_isNotFourBillionLost_andAGreatJumpCostsNothing() {
    send(1000, 1010);
    send("kernel", 999);
    nothing();
    send("kernel", 5_001_000);
    Gap gap = only(GapKind.SERIAL);
    assertThat(gap.getMissing()).contains(5_001_000L - 1_011);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
  }

  @Test
  void bogusHighSerial_isNeverProof() {
    beat(0, 0, KERNEL);
    send(1, 100);
    send("kernel", 3_000_000);
    send(101, 101 + 3 * BootSerials.STRETCH_SERIALS);
    Gap gap = only(GapKind.SERIAL);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
  }

  @Test
  void laggingSource_mayStillBringWhatTheOtherLacks() {
    for (long serial = 1; serial <= 50; serial++) {
      send("audisp", serial);
    }
    send(1, 100);
    send(111, 200);
    // Both go on, one behind: nothing is told while it may come.
    for (long serial = 51; serial <= 105; serial++) {
      drive.brokerPasses(Duration.ofSeconds(1));
      send("audisp", serial);
      drive.wallPasses(Duration.ofSeconds(1));
    }
    assertThat(now(GapKind.SERIAL)).isEmpty();
    for (long serial = 106; serial <= 120; serial++) {
      send("audisp", serial);
    }
    nothing();
  }

  @Test
  void sourceThatWasNotHeardPastTheHole_keepsItSuspected() {
    beat(0, 0, KERNEL, source("audisp", "audisp", _ -> {}));
    send("audisp", 1);
    send(1, 10);
    send(14, 14 + 2 * BootSerials.STRETCH_SERIALS + 10);
    assertThat(only(GapKind.SERIAL).getCertainty()).isEqualTo(Certainty.SUSPECTED);
    // It is no source of the agent any more.
    beat(100, 0, KERNEL);
    assertThat(only(GapKind.SERIAL).getCertainty()).isEqualTo(Certainty.PROVEN);
  }

  @Test
  void sourceThatDoesNotKnowTheBoot_isOfTheOneThatWasThen() {
    // Its own holes are filled by the other's, and the other's by its.
    for (long serial = 1; serial <= 100; serial++) {
      if (serial != 50) {
        send("kernel", serial);
      }
    }
    boot = null;
    for (long serial = 20; serial <= 80; serial++) {
      if (serial < 30 || serial > 40) {
        send("auditd", serial);
      }
    }
    nothing();
    // The same serials at another time are another boot's.
    send("auditd", 10, START.plusSeconds(3600));
    send("auditd", 90, START.plusSeconds(3601));
    Gap gap = only(GapKind.SERIAL);
    assertThat(gap.getFirstSerial()).contains(11L);
    assertThat(gap.getMissing()).contains(79L);
  }

  @Test
  void unparsedRecord_mayBeWhatIsMissing() {
    beat(0, 0, KERNEL);
    send(1, 10);
    AuditEvent.Builder junk = event("kernel", 0, START).setType("UNPARSED").setTime(null);
    junk.setRecords(
        List.of(record(junk.getRecords().getFirst().getPosition(), -1, "UNPARSED", "junk")));
    drive.send(Topics.EVENTS, junk.build());
    send(12, 12 + 2 * BootSerials.STRETCH_SERIALS + 10);
    Gap gap = only(GapKind.SERIAL);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(gap.getCause().orElseThrow()).contains("1 unparsed records arrived");
  }

  @Test
  void bsmEvents_haveNoSerials() {
    for (int i = 0; i < 3; i++) {
      drive.send(Topics.EVENTS, event("bsm", 0, START).setFormat(Format.BSM).build());
    }
    nothing();
  }

  @Test
  void agentRestartAndPlannedStop_areNothing() {
    send(1, 10);
    drive.send(Topics.AGENTS, heartbeat(Duration.ofSeconds(5), 0).setStopping(true).build());
    drive.send(Topics.AGENTS, heartbeat(Duration.ofSeconds(50), 0).setEpoch(2).build());
    for (long serial = 5; serial <= 20; serial++) {
      drive.send(
          Topics.EVENTS, event("kernel", serial, START.plusMillis(serial)).setEpoch(2).build());
    }
    nothing();
  }

  @Test
  void quietHost_isNothing() {
    send(1, 10);
    for (int i = 0; i < 100; i++) {
      beat(5 * i, 0);
      drive.wallPasses(Duration.ofSeconds(5));
    }
    nothing();
  }

  @Test
  void kernelLost_isAnEpisodeThatGrows() {
    beat(0, 0);
    beat(5, 0);
    beat(10, 7);
    Gap first = only(GapKind.KERNEL_LOST);
    assertThat(first.getMissing()).contains(7L);
    assertThat(first.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(first.getUnit()).isEqualTo(GapUnit.RECORDS);
    assertThat(first.getFrom()).contains(START.plusSeconds(5));
    assertThat(first.getTo()).contains(START.plusSeconds(10));
    beat(15, 9);
    Gap more = only(GapKind.KERNEL_LOST);
    assertThat(more.getId()).isEqualTo(first.getId());
    assertThat(more.getMissing()).contains(9L);
    beat(20, 9);
    beat(25, 10);
    assertThat(gaps(GapKind.KERNEL_LOST)).hasSize(2);
    // Another run of the agent goes on counting, another boot begins anew.
    drive.send(Topics.AGENTS, heartbeat(Duration.ofSeconds(30), 10).setEpoch(2).build());
    boot = NEXT_BOOT;
    beat(90, 0);
    assertThat(gaps(GapKind.KERNEL_LOST)).hasSize(2);
    assertThat(last.values()).allMatch(gap -> gap.getState() == GapState.OPEN);
  }

  @Test
  void lostBeforeTheFirstHeartbeat_isCounted() {
    beat(5, 45);
    Gap gap = only(GapKind.KERNEL_LOST);
    assertThat(gap.getMissing()).contains(45L);
    assertThat(gap.getFrom()).isEmpty();
    assertThat(gap.getCause().orElseThrow()).contains("before the first heartbeat");
  }

  @Test
  void lostCounterThatGoesRound_isContinued() {
    beat(0, 0xFFFFFFF0L);
    beat(5, 4);
    List<Gap> gaps = gaps(GapKind.KERNEL_LOST);
    assertThat(gaps).hasSize(1);
    assertThat(gaps.getFirst().getMissing()).contains(0xFFFFFFF0L + 20);
  }

  @Test
  void resetOfTheCounter_isNoLoss_andHidesNone() {
    beat(0, 0);
    beat(5, 7);
    // Whichever comes first.
    reset(1, Duration.ofSeconds(7), 7);
    beat(10, 0);
    assertThat(only(GapKind.KERNEL_LOST).getMissing()).contains(7L);
    beat(15, 5);
    beat(20, 5);
    // 20 were lost, then it was reset, then 6 more.
    beat(25, 6);
    assertThat(gaps(GapKind.KERNEL_LOST).getLast().getMissing()).contains(1L);
    reset(2, Duration.ofSeconds(12), 15);
    Gap gap =
        gaps(GapKind.KERNEL_LOST).stream()
            .filter(one -> one.getFrom().equals(java.util.Optional.of(START.plusSeconds(10))))
            .findFirst()
            .orElseThrow();
    assertThat(gap.getMissing()).contains(20L);
    assertThat(gap.getCause().orElseThrow()).contains("was reset 1 times");
  }

  @Test
  void resetBetweenReadingTheCounterAndTheHeartbeat_isCountedOnce() {
    beat(0, 0);
    beat(5, 7);
    reset(1, Duration.ofMillis(4_990), 7);
    beat(10, 0);
    beat(15, 0);
    assertThat(only(GapKind.KERNEL_LOST).getMissing()).contains(7L);
  }

  @Test
  void socketOverrunOfReadlog_isCountedOnceInTheAccounting() {
    send(1, 10);
    beat(1, 0, source("log", "readlog", s -> s.setCapture(capture(0))));
    send(21, 30);
    beat(6, 0, source("log", "readlog", s -> s.setCapture(capture(10))));
    Gap gap = only(GapKind.KERNEL_LOST);
    assertThat(gap.getMissing()).contains(10L);
    assertThat(gap.getSource()).contains("log");
    assertThat(gap.getCause().orElseThrow()).contains("socket overrun of source log");
    assertThat(now(GapKind.SERIAL)).hasSize(1);
    assertThat(now(GapKind.UNEXPLAINED)).isEmpty();
  }

  private static CaptureStatus capture(long drops) {
    return CaptureStatus.newBuilder().setAttached(true).setSocketDrops(drops).build();
  }

  @Test
  void missingSerialsThatNobodyCounted_areUnexplained() {
    beat(0, 0, KERNEL);
    send(1, 10);
    send(21, 21 + 2 * BootSerials.STRETCH_SERIALS + 10);
    beat(100, 4, KERNEL);
    Gap gap = only(GapKind.UNEXPLAINED);
    assertThat(gap.getMissing()).contains(6L);
    assertThat(gap.getUnit()).isEqualTo(GapUnit.EVENTS);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(gap.getCause())
        .contains(
            "serials 1 to 20: 20 events = 10 published + 10 missing; lost and counted: 4 records"
                + " by the kernel, 0 by sockets, 0 by the agent; nobody counted 6 of the missing"
                + " events");
    beat(105, 10, KERNEL);
    assertThat(only(GapKind.UNEXPLAINED).getState()).isEqualTo(GapState.CLOSED);
  }

  @Test
  void heartbeatBeforeTheHole_accountsForNothing() {
    beat(0, 0);
    send("kernel", 10, START.plusSeconds(10));
    send("kernel", 12, START.plusSeconds(11));
    assertThat(gaps(GapKind.UNEXPLAINED)).isEmpty();
    assertThat(now(GapKind.SERIAL)).hasSize(1);
  }

  private AuditEvent.Builder piece(String source, long serial, int... types) {
    AuditEvent.Builder event = event(source, serial, START.plusMillis(serial)).setComplete(false);
    List<AuditRecord> records = new ArrayList<>();
    long position = event.getRecords().getFirst().getPosition();
    for (int type : types) {
      String raw = type == 1300 ? "type=SYSCALL msg=x items=2 ppid=1" : "type=X";
      records.add(record(position++, type, "X", raw));
    }
    return event.setRecords(records);
  }

  @Test
  void incompleteEvent_isProvenByItsItems_andClosesWhenTheRestComes() {
    send(1, 3);
    drive.send(Topics.EVENTS, piece("kernel", 4, 1300, 1302, 1327).build());
    send(5, 6);
    Gap gap = only(GapKind.INCOMPLETE_EVENT);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(gap.getMissing()).contains(1L);
    assertThat(gap.getSource()).contains("kernel");
    assertThat(gap.getTrail()).contains(TRAIL);
    assertThat(gap.getFirstSerial()).contains(4L);
    assertThat(gap.getCause().orElseThrow())
        .isEqualTo("events lack records: " + START.getEpochSecond() + ".004:4");
    drive.send(Topics.EVENTS, piece("kernel", 4, 1302).build());
    assertThat(only(GapKind.INCOMPLETE_EVENT).getState()).isEqualTo(GapState.CLOSED);
    assertThat(now(GapKind.SERIAL)).isEmpty();
  }

  @Test
  void incompleteEventThatOnlyTimedOut_isSuspected_andOneWithoutItsSyscallProven() {
    drive.send(Topics.EVENTS, piece("kernel", 4, 1300, 1302, 1302).build());
    assertThat(only(GapKind.INCOMPLETE_EVENT).getCertainty()).isEqualTo(Certainty.SUSPECTED);
    boot = NEXT_BOOT;
    drive.send(Topics.EVENTS, piece("kernel", 4, 1302, 1327).build());
    assertThat(gaps(GapKind.INCOMPLETE_EVENT).getLast().getCertainty()).isEqualTo(Certainty.PROVEN);
  }

  @Test
  void incompleteEvent_thatIsCompleteFromAnotherSource_isNone() {
    send("audisp", 4);
    drive.send(Topics.EVENTS, piece("kernel", 4, 1300, 1302, 1327).build());
    drive.send(Topics.EVENTS, piece("kernel", 5, 1300, 1302, 1327).build());
    send("audisp", 5);
    nothing();
    drive.send(Topics.EVENTS, piece("kernel", 6, 1300, 1302, 1327).build());
    assertThat(only(GapKind.INCOMPLETE_EVENT).getState()).isEqualTo(GapState.OPEN);
    send("audisp", 6);
    assertThat(only(GapKind.INCOMPLETE_EVENT).getState()).isEqualTo(GapState.CLOSED);
  }

  @Test
  void resentPiece_doesNotCompleteAnEvent() {
    AuditEvent piece = piece("kernel", 4, 1300, 1302, 1327).build();
    drive.send(Topics.EVENTS, piece);
    drive.send(Topics.EVENTS, piece);
    assertThat(only(GapKind.INCOMPLETE_EVENT).getState()).isEqualTo(GapState.OPEN);
  }

  @Test
  void lateFragmentOfACompleteEvent_isNone() {
    send(1, 5);
    drive.send(Topics.EVENTS, piece("kernel", 4, 1320).build());
    nothing();
  }

  /** auditd was killed: the kill's own event never came, and the next lacks its first records. */
  @Test
  void killedDaemon_lacksAnEvent_andHasHalfOfTheNext() {
    for (AuditEvent event : Samples.of("12-sigkill-then-restart.log")) {
      // As the agent's decoder has it: no record that counts the others.
      drive.send(
          Topics.EVENTS,
          AuditEvent.newBuilder(event)
              .setBoot(BOOT)
              .setComplete(event.getSerial() != 150_867)
              .build());
    }
    Gap gap = only(GapKind.SERIAL);
    assertThat(gap.getFirstSerial()).contains(150_866L);
    assertThat(gap.getMissing()).contains(1L);
    assertThat(gap.getFrom()).contains(Instant.ofEpochMilli(1_795_170_966_920L));
    assertThat(gap.getTo()).contains(Instant.ofEpochMilli(1_795_170_968_484L));
    Gap half = only(GapKind.INCOMPLETE_EVENT);
    assertThat(half.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(half.getCause()).contains("events lack records: 1795170968.484:150867");
  }

  @Test
  void states_surviveTheirOwnEncoding_andAreSmall() {
    BootSerials serials = new BootSerials(10_000);
    serials.take("kernel", TRAIL, 0, 0, BootSerials.ROUND + 1, START.toEpochMilli(), 1, 10_000);
    int one = serials.encode().length;
    for (int i = 1; i <= 1_000; i++) {
      long timeMs = START.toEpochMilli() + 37L * i;
      serials.take(
          "kernel", TRAIL, 100L * i, 0, BootSerials.ROUND + 7L * i, timeMs, timeMs, 10_000);
    }
    byte[] bytes = serials.encode();
    assertThat(BootSerials.decode(bytes, 10_000).encode()).isEqualTo(bytes);
    BootSerials read = BootSerials.decode(bytes, 10_000);
    assertThat(read.ranges().hole(500)).isEqualTo(serials.ranges().hole(500));
    assertThat(read.encode()).isEqualTo(bytes);
    System.out.println("a boot's state: " + one + " bytes, of 1000 holes " + bytes.length);
    assertThat(one).isLessThan(140);
    assertThat(bytes.length - one).isLessThan(12_000);
  }

  @Test
  void moreHolesThanAreFollowed_areCountedForGood() {
    BootSerials serials = new BootSerials(10);
    for (int i = 0; i < 100; i++) {
      serials.take(
          "kernel", TRAIL, 100L * i, 0, BootSerials.ROUND + 2L * i, START.toEpochMilli(), 1, 0);
    }
    assertThat(serials.ranges().size()).isEqualTo(10);
    assertThat(serials.givenUp() + serials.ranges().missing()).isEqualTo(99);
    assertThat(BootSerials.decode(serials.encode(), 10).givenUp()).isEqualTo(serials.givenUp());
  }
}
