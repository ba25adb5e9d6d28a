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
import auditbus.schemas.Range;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import auditbus.streams.Drive;
import auditbus.streams.Samples;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GapsJobTest {
  private static final String TRAIL = "20261120104500";
  private static final String NEXT = "20261120110000";

  private Drive<Gap> drive = drive(Map.of());

  private static Drive<Gap> drive(Map<String, String> settings) {
    return new Drive<>(new GapsJob(), Topics.GAPS, settings);
  }

  @AfterEach
  void close() {
    drive.close();
  }

  private static AuditRecord record(long position, int length) {
    return AuditRecord.newBuilder()
        .setPosition(position)
        .setLength(length)
        .setType(1300)
        .setName("SYSCALL")
        .setRaw(ByteBuffer.allocate(0))
        .setFields(Map.of())
        .build();
  }

  private static AuditEvent event(String trail, long acked, AuditRecord... records) {
    return AuditEvent.newBuilder()
        .setHost("web1")
        .setSource("auditd")
        .setTrail(trail)
        .setEpoch(1)
        .setObserved(Instant.EPOCH)
        .setSerial(1)
        .setAcked(acked)
        .setFormat(Format.LINUX)
        .setType("SYSCALL")
        .setComplete(true)
        .setRecords(List.of(records))
        .build();
  }

  /** One record of 100 bytes: number 0, 1, 2, ... of the trail. */
  private static AuditEvent hundred(int number, long acked) {
    return event(TRAIL, acked, record(number * 100L, 100));
  }

  private static TrailState.Builder state(TrailStatus status, long size) {
    return TrailState.newBuilder()
        .setHost("web1")
        .setSource("auditd")
        .setTrail(TRAIL)
        .setEpoch(1)
        .setFormat(Format.LINUX)
        .setState(status)
        .setName(
            TRAIL
                + switch (status) {
                  case TERMINATED -> "." + NEXT;
                  case CRASH_RECOVERED -> ".crash_recovery";
                  default -> ".not_terminated";
                })
        .setSize(size)
        .setAt(Instant.EPOCH);
  }

  private void send(AuditEvent event) {
    drive.send(Topics.EVENTS, event);
  }

  private void send(TrailState state) {
    drive.send(Topics.TRAILS, state);
  }

  private Gap only() {
    List<Gap> gaps = drive.results();
    assertThat(gaps).hasSize(1);
    return gaps.getFirst();
  }

  @Test
  void sampleTrailInOrder_hasNoGap() {
    long size = 0;
    for (AuditEvent event : Samples.of("17-other-signal-syscalls-and-injection.log")) {
      event.setAcked(size);
      send(event);
      AuditRecord last = event.getRecords().getLast();
      size = last.getPosition() + last.getLength();
    }
    send(state(TrailStatus.TERMINATED, size).setTrail(Samples.TRAIL).build());
    drive.wallPasses(Duration.ofMinutes(1));
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void holeAboveAcked_isNoGapYet() {
    send(hundred(0, 0));
    send(hundred(2, 100));
    drive.wallPasses(Duration.ofHours(1));
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void holeBelowAcked_isProvenAtOnce() throws Exception {
    send(hundred(0, 0));
    drive.brokerPasses(Duration.ofSeconds(7));
    send(hundred(2, 200));
    TestRecord<String, Gap> record = drive.records().getFirst();
    Gap gap = record.value();
    assertThat(gap.getKind()).isEqualTo(GapKind.TRAIL_COVERAGE);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    assertThat(gap.getHost()).isEqualTo("web1");
    assertThat(gap.getSource()).contains("auditd");
    assertThat(gap.getTrail()).contains(TRAIL);
    assertThat(gap.getPosition()).contains(100L);
    assertThat(gap.getEnd()).contains(200L);
    assertThat(gap.getHoles()).containsExactly(new Range(100L, 100L));
    assertThat(gap.getMissing()).contains(100L);
    assertThat(gap.getUnit()).isEqualTo(GapUnit.BYTES);
    assertThat(gap.getRevision()).isZero();
    assertThat(gap.getOpened()).isEqualTo(Drive.BROKER.plusSeconds(7));
    assertThat(gap.getClosed()).isEmpty();
    assertThat(gap.getCause()).isEmpty();
    String content = "TRAIL_COVERAGE\0web1\0auditd\0" + TRAIL;
    assertThat(gap.getId())
        .isEqualTo(
            HexFormat.of()
                .formatHex(
                    MessageDigest.getInstance("SHA-256")
                        .digest(content.getBytes(StandardCharsets.UTF_8)))
                .substring(0, 32));
    assertThat(record.key()).isEqualTo(gap.getId());
  }

  @Test
  void filledGap_isClosedAtTheBrokerTimeOfTheRecordThatFilledIt() {
    send(hundred(0, 0));
    send(hundred(2, 200));
    Gap open = only();
    drive.brokerPasses(Duration.ofSeconds(5));
    send(hundred(1, 200));
    drive.brokerPasses(Duration.ofSeconds(5));
    send(hundred(3, 300));
    drive.wallPasses(Duration.ofSeconds(2));
    Gap closed = only();
    assertThat(closed.getId()).isEqualTo(open.getId());
    assertThat(closed.getState()).isEqualTo(GapState.CLOSED);
    assertThat(closed.getRevision()).isEqualTo(1);
    assertThat(closed.getHoles()).isEmpty();
    assertThat(closed.getMissing()).contains(0L);
    assertThat(closed.getPosition()).isEmpty();
    assertThat(closed.getOpened()).isEqualTo(open.getOpened());
    assertThat(closed.getClosed()).contains(Drive.BROKER.plusSeconds(5));
  }

  @Test
  void changesOfAGap_arePublishedAtABoundedRate() {
    send(hundred(0, 0));
    for (int number = 2; number < 200; number += 2) {
      send(hundred(number, number * 100L));
    }
    assertThat(drive.results()).hasSize(1);
    drive.wallPasses(Duration.ofSeconds(1));
    Gap gap = only();
    assertThat(gap.getRevision()).isEqualTo(1);
    assertThat(gap.getMissing()).contains(9900L);
    assertThat(gap.getHoles()).hasSize(99);
    assertThat(gap.getPosition()).contains(100L);
    assertThat(gap.getEnd()).contains(19800L);
    drive.wallPasses(Duration.ofMinutes(1));
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void holesListed_areAtMostAHundredAndAllAreCounted() {
    for (int number = 0; number <= 300; number += 2) {
      send(hundred(number, 0));
    }
    send(hundred(302, 30200));
    Gap gap = only();
    assertThat(gap.getHoles()).hasSize(100);
    assertThat(gap.getHoles().getFirst()).isEqualTo(new Range(100L, 100L));
    assertThat(gap.getMissing()).contains(15100L);
    assertThat(gap.getEnd()).contains(30200L);
  }

  @Test
  void terminatedTrail_isJudgedOnlyAfterTheGrace() {
    send(hundred(0, 0));
    drive.brokerPasses(Duration.ofSeconds(3));
    send(state(TrailStatus.TERMINATED, 300).build());
    drive.brokerPasses(Duration.ofSeconds(3));
    drive.wallPasses(Duration.ofSeconds(9));
    assertThat(drive.results()).isEmpty();
    send(hundred(1, 0));
    // More came: the grace begins anew.
    drive.wallPasses(Duration.ofSeconds(9));
    assertThat(drive.results()).isEmpty();
    drive.wallPasses(Duration.ofSeconds(4));
    Gap gap = only();
    assertThat(gap.getPosition()).contains(200L);
    assertThat(gap.getEnd()).contains(300L);
    assertThat(gap.getOpened()).isEqualTo(Drive.BROKER.plusSeconds(3));
  }

  @Test
  void crashRecoveredTrailOfWhichNothingCame_isOneGap() {
    send(state(TrailStatus.CRASH_RECOVERED, 500).build());
    drive.wallPasses(Duration.ofSeconds(12));
    assertThat(only().getMissing()).contains(500L);
  }

  @Test
  void openedTrail_isNotJudgedByItsSize() {
    send(state(TrailStatus.OPENED, 500).build());
    drive.wallPasses(Duration.ofHours(1));
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void emptyTrail_hasNoGap() {
    send(state(TrailStatus.TERMINATED, 0).build());
    drive.wallPasses(Duration.ofHours(1));
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void trailsClosingStateBeforeItsBytes_isNoGap() {
    send(state(TrailStatus.TERMINATED, 300).build());
    send(hundred(2, 0));
    send(hundred(0, 0));
    send(hundred(1, 0));
    drive.wallPasses(Duration.ofHours(1));
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void bytesGivenUp_areProvenAfterTheGraceWithTheCause() {
    send(hundred(0, 0));
    send(
        state(TrailStatus.DROPPED, 400)
            .setDropped(List.of(new Range(200L, 100L)))
            .setCause("disk full: 10 of 20 bytes free")
            .build());
    drive.wallPasses(Duration.ofSeconds(9));
    assertThat(drive.results()).isEmpty();
    drive.wallPasses(Duration.ofSeconds(3));
    Gap gap = only();
    assertThat(gap.getOpened()).isEqualTo(Drive.BROKER);
    assertThat(gap.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(gap.getHoles()).containsExactly(new Range(200L, 100L));
    assertThat(gap.getCause().orElse("")).contains("100 bytes").contains("disk full");
    // The name says it is still written: its size is not final.
    drive.wallPasses(Duration.ofHours(1));
    assertThat(drive.results()).isEmpty();
  }

  private static TrailState givenUp(int number) {
    return state(TrailStatus.DROPPED, 4000)
        .setDropped(List.of(new Range(number * 100L, 100L)))
        .build();
  }

  @Test
  void bytesSentBeforeTheyWereGivenUp_mayBeReadAfterThat() {
    send(hundred(0, 0));
    send(givenUp(1));
    drive.wallPasses(Duration.ofSeconds(9));
    send(hundred(1, 100));
    drive.wallPasses(Duration.ofHours(1));
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void eachOfManyGivenUpInABusyTrail_hasItsGrace_andNoneWaitsForever() {
    for (int second = 0; second < 40; second++) {
      send(hundred(2 * second, 0));
      send(givenUp(2 * second + 1));
      drive.wallPasses(Duration.ofSeconds(1));
      for (Gap gap : drive.results()) {
        assertThat(gap.getEnd().orElseThrow()).isLessThanOrEqualTo((2 * second - 18) * 100L);
      }
    }
    drive.wallPasses(Duration.ofSeconds(25));
    assertThat(drive.results().getLast().getMissing()).contains(4000L);
  }

  // What the job could not hear

  @Test
  void threadThatStoodStill_readsForAWholeGraceFirst() {
    send(hundred(0, 0));
    send(state(TrailStatus.TERMINATED, 200).build());
    send(
        state(TrailStatus.DROPPED, 400)
            .setTrail(NEXT)
            .setDropped(List.of(new Range(0L, 9L)))
            .build());
    drive.standsStill(Duration.ofMinutes(1));
    drive.wallPasses(Duration.ofSeconds(9));
    assertThat(drive.results()).isEmpty();
    drive.wallPasses(Duration.ofSeconds(3));
    assertThat(drive.results()).hasSize(2);
  }

  @Test
  void commitThatTookLong_isFollowedByAWholeGrace() {
    send(hundred(0, 0));
    send(state(TrailStatus.TERMINATED, 200).build());
    while (!keys().contains("\0probe")) {
      drive.wallPasses(Duration.ofMillis(500));
    }
    assertThat(drive.results()).isEmpty();
    // Kafka was away; what was sent meanwhile is read first.
    drive.standsStill(Duration.ofSeconds(20));
    assertThat(drive.results()).isEmpty();
    drive.wallPasses(Duration.ofSeconds(9));
    assertThat(drive.results()).isEmpty();
    send(hundred(1, 100));
    drive.wallPasses(Duration.ofHours(1));
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void recordInAnotherTrail_coversThere() {
    send(event(TRAIL, 0, record(0, 100), inTrail(NEXT, 0, 50)));
    send(state(TrailStatus.TERMINATED, 100).build());
    send(
        state(TrailStatus.TERMINATED, 50).setTrail(NEXT).setName(NEXT + ".20261120120000").build());
    drive.wallPasses(Duration.ofHours(1));
    assertThat(drive.results()).isEmpty();
  }

  private static AuditRecord inTrail(String trail, long position, int length) {
    AuditRecord record = record(position, length);
    record.setTrail(trail);
    return record;
  }

  @Test
  void partsAndInterleavedRecords_areCoveredEach() {
    send(AuditEvent.newBuilder(event(TRAIL, 0, record(0, 10), record(30, 10))).setParts(2).build());
    send(AuditEvent.newBuilder(event(TRAIL, 0, record(10, 10))).build());
    send(event(TRAIL, 40, record(40, 10)));
    Gap gap = only();
    assertThat(gap.getHoles()).containsExactly(new Range(20L, 10L));
    send(AuditEvent.newBuilder(event(TRAIL, 0, record(20, 10))).setParts(2).setPart(1).build());
    drive.wallPasses(Duration.ofSeconds(2));
    assertThat(only().getState()).isEqualTo(GapState.CLOSED);
  }

  @Test
  void sourcesHostsAndTrails_areApart() {
    send(hundred(0, 0));
    send(AuditEvent.newBuilder(hundred(1, 100)).setSource("kernel").build());
    send(AuditEvent.newBuilder(hundred(1, 100)).setHost("web2").build());
    assertThat(drive.results())
        .extracting(gap -> gap.getHost() + "/" + gap.getSource().orElse(""))
        .containsExactly("web1/kernel", "web2/auditd");
  }

  @Test
  void bytesSentAgainAfterTheEnd_raiseNoGap() {
    send(hundred(0, 0));
    send(hundred(1, 100));
    send(state(TrailStatus.TERMINATED, 200).build());
    drive.wallPasses(Duration.ofMinutes(1));
    drive.brokerPasses(Duration.ofDays(6));
    send(hundred(1, 100));
    send(state(TrailStatus.TERMINATED, 200).build());
    drive.wallPasses(Duration.ofMinutes(1));
    assertThat(drive.results()).isEmpty();
    assertThat(keys()).contains("web1\0auditd\0" + TRAIL);
  }

  @Test
  void completeTrail_isForgottenByBrokerTime_openOneIsNot() {
    send(hundred(0, 0));
    send(state(TrailStatus.TERMINATED, 100).build());
    send(event(NEXT, 0, record(0, 10)));
    drive.brokerPasses(Duration.ofDays(8));
    send(AuditEvent.newBuilder(hundred(0, 0)).setHost("web2").build());
    assertThat(keys()).contains("web1\0auditd\0" + NEXT).doesNotContain("web1\0auditd\0" + TRAIL);
  }

  private List<String> keys() {
    return drive.keys(GapsProcessor.STORE);
  }

  @Test
  void moreRangesThanAllowed_stayAGapForGood() {
    drive.close();
    drive = drive(Map.of("gaps.max.ranges", "10"));
    for (int number = 0; number < 40; number += 2) {
      send(hundred(number, 0));
    }
    Gap gap = drive.results().getFirst();
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    for (int number = 0; number < 40; number++) {
      send(hundred(number, 0));
    }
    drive.wallPasses(Duration.ofSeconds(2));
    gap = drive.results().getLast();
    assertThat(gap.getState()).isEqualTo(GapState.OPEN);
    assertThat(gap.getMissing()).contains(1000L);
    assertThat(gap.getCause().orElse("")).contains("more than 10 holes");
  }

  @Test
  void topicWhoseBeginningWasDeleted_raisesNoGapForWhatCameBefore() {
    // The driver counts offsets from 0: the first record is one the job never hears of.
    drive.sendBytes(Topics.EVENTS, new byte[] {9});
    send(event("20261119000000", 5000, record(5000, 100)));
    assertThat(drive.results()).isEmpty();
    send(event("20261119000000", 5300, record(5200, 100)));
    assertThat(only().getHoles()).containsExactly(new Range(5100L, 100L));
    // A trail that began later has no such excuse.
    send(event("20261120235959", 100, record(100, 100)));
    assertThat(only().getHoles()).containsExactly(new Range(0L, 100L));
  }

  @Test
  void poisonRecords_goToTheDeadLettersAndChangeNothing() {
    send(hundred(0, 0));
    drive.sendBytes(Topics.EVENTS, new byte[] {7, 7});
    send(event(TRAIL, 0, record(100, 100), record(300, -5)));
    send(AuditEvent.newBuilder(hundred(1, 0)).setHost("").build());
    send(state(TrailStatus.TERMINATED, -1).build());
    assertThat(drive.deadLetters()).hasSize(4);
    send(hundred(2, 200));
    assertThat(only().getHoles()).containsExactly(new Range(100L, 100L));
  }

  @Test
  void state_survivesItsOwnEncoding() {
    Random random = new Random(7);
    TrailCoverage trail = new TrailCoverage(10_000);
    for (int i = 0; i < 10_000; i++) {
      trail.add(random.nextLong(1L << 40), 1 + random.nextInt(5000));
    }
    trail.dropped(5, 1L << 33, 8, 100);
    trail.settle(100, 10);
    trail.dropped(1L << 40, 7, 9, 200);
    trail.dropped(1L << 41, 7, 9, 300);
    trail.acked(1L << 39);
    trail.cause("ü");
    trail.closed(1L << 41, 5);
    trail.judge(9);
    byte[] bytes = trail.encode();
    assertThat(TrailCoverage.decode(bytes, 10_000).encode()).isEqualTo(bytes);
    assertThat(bytes.length).isLessThan(100_000);
  }

  /** What arrived, whatever the order and how often: a bit a byte says what must be published. */
  @Test
  void anyInterleaving_agreesWithABitPerByte() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 25; round++) {
      drive.close();
      drive = drive(Map.of("gaps.publish.interval.ms", "0"));
      List<SpecificRecord> all = new ArrayList<>();
      Map<String, BitSet> arrived = new HashMap<>();
      Map<String, Integer> sizes = new HashMap<>();
      for (String trail : List.of(TRAIL, NEXT, "20261120120000")) {
        story(trail, random, all, arrived, sizes);
      }
      Collections.shuffle(all, random);
      for (SpecificRecord one : all) {
        switch (one) {
          case AuditEvent event -> send(event);
          case TrailState state -> send(state);
          default -> throw new AssertionError(one);
        }
        if (random.nextInt(10) == 0) {
          drive.wallPasses(Duration.ofMillis(random.nextInt(8000)));
        }
      }
      drive.wallPasses(Duration.ofSeconds(30));
      Map<String, Gap> last = new HashMap<>();
      Map<String, Integer> revisions = new HashMap<>();
      for (Gap gap : drive.results()) {
        assertThat(gap.getRevision())
            .as("seed %s", seed)
            .isEqualTo(revisions.merge(gap.getId(), 1, Integer::sum) - 1);
        last.put(gap.getTrail().orElseThrow(), gap);
      }
      arrived.forEach(
          (trail, bits) -> check(last.get(trail), bits, sizes.get(trail), "seed " + seed));
    }
  }

  private static void story(
      String trail,
      Random random,
      List<SpecificRecord> all,
      Map<String, BitSet> arrived,
      Map<String, Integer> sizes) {
    BitSet bits = arrived.computeIfAbsent(trail, _ -> new BitSet());
    int position = 0;
    for (int i = 0; i < 30; i++) {
      int length = 1 + random.nextInt(50);
      if (random.nextInt(8) > 0) {
        AuditEvent event = event(trail, 0, record(position, length));
        bits.set(position, position + length);
        for (int copies = 1 + random.nextInt(2); copies > 0; copies--) {
          all.add(event);
        }
      }
      position += length;
    }
    // Acknowledged is only what was sent: nothing more is proven by it than by the end.
    all.add(event(trail, bits.nextClearBit(0), record(0, 1)));
    bits.set(0);
    sizes.put(trail, position);
    all.add(state(TrailStatus.TERMINATED, position).setTrail(trail).setName(trail + ".1").build());
  }

  private static void check(Gap gap, BitSet bits, int size, String seed) {
    List<Range> holes = new ArrayList<>();
    for (int hole = bits.nextClearBit(0); hole < size; ) {
      int end = bits.nextSetBit(hole);
      end = end < 0 || end > size ? size : end;
      holes.add(new Range((long) hole, (long) end - hole));
      hole = bits.nextClearBit(end);
    }
    if (gap == null) {
      assertThat(holes).as(seed).isEmpty();
      return;
    }
    assertThat(gap.getHoles()).as(seed).isEqualTo(holes);
    assertThat(gap.getMissing().orElseThrow())
        .as(seed)
        .isEqualTo(holes.stream().mapToLong(Range::getLength).sum());
    assertThat(gap.getState())
        .as(seed)
        .isEqualTo(holes.isEmpty() ? GapState.CLOSED : GapState.OPEN);
  }
}
