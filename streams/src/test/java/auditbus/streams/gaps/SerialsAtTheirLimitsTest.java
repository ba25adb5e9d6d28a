// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.CaptureStatus;
import auditbus.schemas.Format;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import auditbus.streams.Drive;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What goes on for very long, changes its name on the way or comes from a clock that was set: of
 * missing serials and lost records it is still told once, and of no other node's.
 */
@Timeout(120)
class SerialsAtTheirLimitsTest {
  private static final String BOOT = "11111111-2222-3333-4444-555555555555";
  private static final Instant START = Instant.parse("2026-11-20T10:45:00Z");

  private final Drive<Gap> drive = new Drive<>(new GapsJob(), Topics.GAPS, Map.of());
  private final Map<String, Gap> last = new LinkedHashMap<>();
  private int published;
  private long sequence;
  private long epoch = 1;
  private Instant started = START;
  private long position;
  private String trail = "20261120104500";
  private String boot = BOOT;
  private String host = "web1";

  @AfterEach
  void close() {
    drive.close();
  }

  private void event(long serial, Instant at, String node, int type, String raw) {
    AuditRecord record =
        AuditRecord.newBuilder()
            .setPosition(position)
            .setLength(100)
            .setType(type)
            .setName(type == 1305 ? "CONFIG_CHANGE" : "SYSCALL")
            .setRaw(ByteBuffer.wrap(raw.getBytes(StandardCharsets.ISO_8859_1)))
            .setFields(Map.of())
            .build();
    drive.send(
        Topics.EVENTS,
        AuditEvent.newBuilder()
            .setHost(host)
            .setSource("kernel")
            .setTrail(trail)
            .setBoot(boot)
            .setNode(node)
            .setEpoch(1)
            .setTime(at)
            .setObserved(at)
            .setSerial(serial)
            .setAcked(position)
            .setFormat(Format.LINUX)
            .setType("SYSCALL")
            .setComplete(true)
            .setRecords(List.of(record))
            .build());
    position += 100;
  }

  private void event(long serial, Instant at) {
    event(serial, at, null, 1300, "type=SYSCALL");
  }

  private void beat(Instant at, long lost, SourceStatus... sources) {
    drive.send(
        Topics.AGENTS,
        AgentStatus.newBuilder()
            .setHost(host)
            .setBoot(boot)
            .setEpoch(epoch)
            .setVersion("1")
            .setStarted(started)
            .setAt(at)
            .setSequence(sequence++)
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
            .setSources(List.of(sources))
            .build());
  }

  private List<Gap> gaps(GapKind kind) {
    for (int i = 0; i < 6; i++) {
      drive.wallPasses(Duration.ofSeconds(5));
      for (Gap gap : drive.results()) {
        published++;
        last.put(gap.getId(), gap);
      }
    }
    return last.values().stream().filter(gap -> gap.getKind() == kind).toList();
  }

  private long told(GapKind kind) {
    return gaps(kind).stream().mapToLong(gap -> gap.getMissing().orElse(0L)).sum();
  }

  @Test
  void steadyLoss_isCountedOnce() {
    for (int i = 0; i <= 60; i++) {
      beat(START.plusSeconds(5L * i), 10L * i);
      drive.brokerPasses(Duration.ofSeconds(5));
      drive.wallPasses(Duration.ofSeconds(5));
      for (Gap gap : drive.results()) {
        last.put(gap.getId(), gap);
      }
    }
    assertThat(last).hasSize(1);
    assertThat(told(GapKind.KERNEL_LOST)).isEqualTo(600);
    assertThat(gaps(GapKind.KERNEL_LOST)).hasSize(1);
  }

  @Test
  void agentUpgradedToTellBootIds_lossIsNotToldTwice() {
    boot = null;
    beat(START, 0);
    beat(START.plusSeconds(5), 500);
    beat(START.plusSeconds(10), 500);
    assertThat(told(GapKind.KERNEL_LOST)).isEqualTo(500);
    boot = BOOT;
    beat(START.plusSeconds(60), 500);
    beat(START.plusSeconds(65), 500);
    assertThat(told(GapKind.KERNEL_LOST)).isEqualTo(500);
  }

  @Test
  void agentThatForgetsAndLearnsBootIdsAgain_lossIsNotToldTwice() {
    beat(START, 100);
    for (int i = 1; i <= 6; i++) {
      boot = i % 2 == 0 ? BOOT : null;
      beat(START.plusSeconds(20L * i), 100L * i);
      beat(START.plusSeconds(20L * i + 5), 100L * i + 100);
      beat(START.plusSeconds(20L * i + 10), 100L * i + 100);
    }
    assertThat(told(GapKind.KERNEL_LOST)).isEqualTo(700);
  }

  @Test
  void eventsMissingOnBothSidesOfAnAgentsUpgrade_areMissing() {
    boot = null;
    for (int serial = 1; serial <= 20; serial++) {
      event(serial, START.plusSeconds(5L * serial));
    }
    boot = BOOT;
    event(20, START.plusSeconds(5 * 20));
    for (int serial = 26; serial <= 30; serial++) {
      event(serial, START.plusSeconds(5L * serial));
    }
    // Another boot's serials are no answer: they were made at another time.
    boot = null;
    for (int serial = 1; serial <= 40; serial++) {
      event(serial, START.plus(Duration.ofDays(1)).plusSeconds(serial));
    }
    assertThat(told(GapKind.SERIAL)).isEqualTo(5);
  }

  @Test
  void agentWhoseRunsAreCountedAnew_isHeard() {
    epoch = 7;
    beat(START, 0);
    epoch = 1;
    started = START.plusSeconds(100);
    beat(START.plusSeconds(105), 5);
    // Sent again, from before.
    sequence = 0;
    beat(START.plusSeconds(105), 1_000);
    assertThat(told(GapKind.KERNEL_LOST)).isEqualTo(5);
  }

  @Test
  void agentUpgradedToTellBootIds_eventsOfAQuietHostOnBothSides_areNotMissing() {
    boot = null;
    for (int serial = 1; serial <= 20; serial++) {
      if (serial != 19) {
        event(serial, START.plusSeconds(5L * serial));
      }
    }
    boot = BOOT; // resumes at the checkpoint: 19 had not been acknowledged
    event(19, START.plusSeconds(5 * 19));
    for (int serial = 21; serial <= 30; serial++) {
      event(serial, START.plusSeconds(5L * serial));
    }
    assertThat(gaps(GapKind.SERIAL)).isEmpty();
  }

  @Test
  void clockThatWasAheadOnce_doesNotHideLosses() {
    beat(START.plus(Duration.ofDays(365)), 0); // before NTP
    for (int i = 1; i <= 10; i++) {
      beat(START.plusSeconds(5L * i), 1000L * i);
    }
    assertThat(told(GapKind.KERNEL_LOST)).isEqualTo(10_000);
  }

  @Test
  void resetOnAnotherNode_isNoLossOfThisHost() {
    beat(START, 0);
    event(
        7,
        START.plusSeconds(2),
        "db9",
        1305,
        "type=CONFIG_CHANGE msg=audit(1.000:7): op=set lost=0 old=1000 auid=0 ses=1 res=1\n");
    beat(START.plusSeconds(5), 0);
    beat(START.plusSeconds(10), 0);
    assertThat(told(GapKind.KERNEL_LOST)).isZero();
  }

  @Test
  void eventWithAnOverlongTrailName_doesNotSilenceTheOtherHosts() {
    host = "evil";
    trail = "x".repeat(70_000);
    event(1, START);
    trail = "20261120104500";
    beat(START, 5);
    for (int i = 0; i < 40; i++) {
      host = "web" + i;
      beat(START.plusSeconds(5), 7);
    }
    for (int i = 0; i < 4; i++) {
      drive.wallPasses(Duration.ofSeconds(5));
    }
    var letters = drive.deadLetters();
    int dead = letters.size();
    List<Gap> gaps = drive.results();
    assertThat(gaps.stream().map(Gap::getHost).distinct().count()).isGreaterThanOrEqualTo(40);
    assertThat(dead).isLessThanOrEqualTo(2);
  }

  @Test
  void longestNames_fitTheState() {
    host = "h".repeat(128);
    for (int b = 0; b < 8; b++) {
      boot = b + "b".repeat(127);
      trail = b + "t".repeat(127);
      for (int i = 0; i < 17; i++) {
        event(2L * i + 1, START.plus(Duration.ofHours(b * 100L + i)), "n".repeat(128), 1300, "");
      }
    }
    assertThat(gaps(GapKind.SERIAL)).hasSize(8 * 16);
    assertThat(drive.deadLetters()).isEmpty();
    boot = "b".repeat(129);
    event(1, START);
    assertThat(drive.deadLetters()).isNotEmpty();
  }

  @Test
  void holesInManyHours_areToldOf() {
    for (int i = 0; i < 9_900; i++) {
      event(2L * i + 1, START.plus(Duration.ofHours(i)));
    }
    assertThat(gaps(GapKind.SERIAL))
        .filteredOn(gap -> gap.getState() == GapState.OPEN)
        .hasSize(Accounting.MAX_EPISODES + 1);
    assertThat(told(GapKind.SERIAL)).isEqualTo(9_899);
  }

  @Test
  void manyEpisodes_areNotPublishedAgainAndAgain() {
    for (int b = 0; b < 4; b++) {
      boot = "boot" + b;
      for (int i = 0; i < 24; i++) {
        SourceStatus[] sources = new SourceStatus[8];
        for (int s = 0; s < 8; s++) {
          sources[s] = HostsTest.source("s" + s, "readlog", 0);
          sources[s].setCapture(
              CaptureStatus.newBuilder()
                  .setAttached(true)
                  .setSocketDrops((i / 2) + 1L)
                  .setTrailsWritten(0)
                  .build());
        }
        beat(START.plusSeconds(5L * (b * 100 + i)), i / 2 + 1L, sources);
      }
    }
    // 4 boots, of each 9 counters that grew 12 times by one: also what is no longer kept was told.
    assertThat(told(GapKind.KERNEL_LOST)).isEqualTo(4 * 9 * 12);
    published = 0;
    event(1, START.plusSeconds(5000));
    event(5, START.plusSeconds(5000));
    gaps(GapKind.KERNEL_LOST);
    assertThat(published).isLessThan(10);
  }
}
