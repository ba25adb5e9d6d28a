// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.Format;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import auditbus.streams.Drive;
import auditbus.streams.Samples;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.apache.avro.specific.SpecificRecord;
import org.junit.jupiter.api.Test;

/** One host's story told by three topics, each in its order, in any order of the three. */
class HostsInterleavingTest {
  private record Sent(Topics topic, Instant broker, SpecificRecord value) {}

  private static final Instant START = Instant.parse("2026-11-20T10:00:00Z");

  private final List<Sent> agents = new ArrayList<>();
  private final List<Sent> trails = new ArrayList<>();
  private final List<Sent> events = new ArrayList<>();

  private static Instant at(long second) {
    return START.plusSeconds(second);
  }

  private void story() {
    long live = 0;
    long fed = 0;
    for (int second = 0; second <= 1200; second += 5) {
      boolean killed = second > 260 && second < 290;
      if (killed) {
        continue;
      }
      boolean off = (second > 100 && second <= 130) || (second >= 200 && second < 230);
      boolean dry = (second > 400 && second <= 600) || (second > 800 && second <= 1000);
      live += 10;
      fed += dry ? 0 : 10;
      agents.add(new Sent(Topics.AGENTS, at(second), beat(second, off, live, fed, "m1")));
      if (second >= 310 && second <= 340) {
        agents.add(new Sent(Topics.AGENTS, at(second), beat(second, off, live, fed, "m2")));
      }
    }
    // Switched off and on by a user; the second time nothing tells of it.
    event(101, "CONFIG_CHANGE", "op=set audit_enabled=0 old=1 auid=1000 ses=3 res=1");
    event(131, "CONFIG_CHANGE", "op=set audit_enabled=1 old=0 auid=1000 ses=3 res=1");
    // First auditd is stopped for a while, later its dispatcher dies.
    event(400, "DAEMON_END", "op=terminate auid=0 pid=1 res=success");
    event(601, "DAEMON_START", "op=start auid=0 pid=1 res=success");
    event(801, "DAEMON_CONFIG", "op=reconfigure state=changed auid=0 pid=1 res=success");
    // A chain with a trail that never comes, one sent twice, one from the other machine.
    trail(50, "20261120100000", null, "m1");
    trail(150, "20261120100230", "20261120100000", "m1");
    trail(155, "20261120100230", "20261120100000", "m1");
    trail(320, "20261120100500", "20261120100430", "m2");
    trail(330, "20261120100600", "20261120100500", "m1");
    // One that was announced, and the next run of the agent knows nothing of it.
    announced(340, "20261120100640", 1);
    announced(350, "20261120100700", 2);
    closed(360, "20261120100700", "20261120100600", "m1", 2);
  }

  private static AgentStatus beat(int second, boolean off, long live, long fed, String machine) {
    boolean first = second <= 260;
    List<SourceStatus> sources =
        List.of(
            HostsTest.source("auditd", "audisp", fed), HostsTest.source("kernel", "readlog", live));
    return AgentStatus.newBuilder()
        .setHost("web1")
        .setMachineId(machine)
        .setBoot("boot")
        .setEpoch(machine.equals("m2") ? 0 : first ? 1 : 2)
        .setVersion("1")
        .setStarted(first ? at(0) : at(285))
        .setAt(at(second))
        .setSequence(second)
        .setIntervalMs(5000)
        .setKernel(
            KernelStatus.newBuilder()
                .setEnabled(off ? 0 : 1)
                .setFailure(1)
                .setPid(1)
                .setRateLimit(0)
                .setBacklogLimit(64)
                .setLost(0)
                .setBacklog(0)
                .setBacklogWaitTime(0)
                .setBacklogWaitTimeActual(0)
                .build())
        .setSources(sources)
        .build();
  }

  private void event(long second, String type, String text) {
    String line =
        "type=%s msg=audit(%d.000:%d): %s\n"
            .formatted(type, at(second).getEpochSecond(), second, text);
    for (AuditEvent event : Samples.events(line)) {
      events.add(new Sent(Topics.EVENTS, at(second), event));
    }
  }

  private void trail(long second, String trail, String previous, String machine) {
    closed(second, trail, previous, machine, 1);
  }

  private void announced(long second, String trail, long epoch) {
    closed(second, trail, null, "m1", epoch);
    TrailState last = (TrailState) trails.getLast().value();
    last.setState(TrailStatus.OPENED);
    last.setName(trail + ".not_terminated");
  }

  private void closed(long second, String trail, String previous, String machine, long epoch) {
    trails.add(
        new Sent(
            Topics.TRAILS,
            at(second),
            TrailState.newBuilder()
                .setHost("web1")
                .setSource("auditd")
                .setTrail(trail)
                .setEpoch(epoch)
                .setMachineId(machine)
                .setFormat(Format.LINUX)
                .setState(TrailStatus.TERMINATED)
                .setName(trail + ".20261120235959")
                .setSize(0)
                .setPrevious(previous)
                .setAt(at(second))
                .build()));
  }

  /** What the job's other processors say of the story. */
  private static final Set<GapKind> OTHERS =
      EnumSet.of(GapKind.TRAIL_COVERAGE, GapKind.SERIAL, GapKind.KERNEL_LOST, GapKind.UNEXPLAINED);

  /** What is left of the topic when it is compacted, without what tells when it was published. */
  private static Map<String, String> compacted(List<Sent> all) {
    Map<String, String> left = new TreeMap<>();
    try (Drive<Gap> drive = new Drive<>(new GapsJob(), Topics.GAPS, Map.of())) {
      Instant broker = Drive.BROKER;
      for (Sent one : all) {
        drive.brokerPasses(Duration.between(broker, one.broker()));
        broker = one.broker();
        drive.send(one.topic(), one.value());
      }
      for (int i = 0; i < 100; i++) {
        drive.wallPasses(Duration.ofMillis(500));
      }
      for (Gap gap : drive.results()) {
        if (!OTHERS.contains(gap.getKind())) {
          gap.setOpened(Instant.EPOCH);
          gap.setClosed(null);
          gap.setRevision(0);
          left.put(gap.getId(), gap.toString());
        }
      }
    }
    return left;
  }

  @Test
  void anyInterleavingOfTheTopics_leavesTheSame() {
    story();
    List<Sent> inOrder = new ArrayList<>(agents);
    inOrder.addAll(trails);
    inOrder.addAll(events);
    inOrder.sort(java.util.Comparator.comparing(Sent::broker));
    Map<String, String> wanted = compacted(inOrder);
    assertThat(wanted.values())
        .extracting(
            gap -> gap.replaceAll(".*\"kind\": \"(\\w+)\".*\"state\": \"(\\w+)\".*", "$1 $2"))
        .containsExactlyInAnyOrder(
            "AUDIT_OFF CLOSED",
            "AUDIT_OFF CLOSED",
            "DOWN OPEN",
            "HOST_CONFLICT CLOSED",
            "DISPATCHER_DEAD CLOSED",
            "TRAIL_MISSING OPEN",
            "TRAIL_MISSING OPEN",
            "SILENT_HOST OPEN");
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 20; round++) {
      List<Deque<Sent>> left =
          List.of(new ArrayDeque<>(agents), new ArrayDeque<>(trails), new ArrayDeque<>(events));
      int[] weight = {1 + random.nextInt(100), 1 + random.nextInt(10), 1 + random.nextInt(10)};
      List<Sent> all = new ArrayList<>();
      while (left.stream().anyMatch(one -> !one.isEmpty())) {
        int pick = random.nextInt(weight[0] + weight[1] + weight[2]);
        Deque<Sent> from = left.get(pick < weight[0] ? 0 : pick < weight[0] + weight[1] ? 1 : 2);
        if (!from.isEmpty()) {
          all.add(from.remove());
        }
      }
      assertThat(compacted(all)).as("seed %s, round %s", seed, round).isEqualTo(wanted);
    }
  }
}
