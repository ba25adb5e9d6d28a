// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Certainty;
import auditbus.schemas.Format;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import auditbus.streams.Drive;
import auditbus.streams.gaps.SerialRanges.Hole;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Random histories against models that know the truth. */
class SerialHistoriesTest {
  private static final long LOW = BootSerials.ROUND - 1;
  private static final long MORE = Long.MAX_VALUE;
  private static final Instant START = Instant.parse("2026-11-20T10:45:00Z");

  @Test
  void ranges_agreeWithASetOfSerials() throws IOException {
    long seed = System.nanoTime();
    System.out.println("ranges_agreeWithASetOfSerials seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 3_000; round++) {
      SerialRanges ranges = new SerialRanges();
      TreeMap<Long, Long> model = new TreeMap<>();
      long base = random.nextLong(1L << 33);
      int width = 1 + random.nextInt(60);
      for (int i = random.nextInt(80); i >= 0; i--) {
        long serial = base + random.nextInt(width);
        long timeMs = random.nextInt(100_000);
        assertThat(ranges.add(serial, timeMs)).isEqualTo(!model.containsKey(serial));
        model.putIfAbsent(serial, timeMs);
        assertThat(ranges.contains(serial)).isTrue();
      }
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      ranges.encode(new DataOutputStream(bytes));
      ranges =
          SerialRanges.decode(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
      assertThat(ranges.first()).isEqualTo(model.firstKey());
      assertThat(ranges.last()).isEqualTo(model.lastKey());
      assertThat(ranges.serials()).isEqualTo(model.size());
      List<Hole> wanted = new ArrayList<>();
      Long before = null;
      for (long serial : model.keySet()) {
        if (before != null && serial > before + 1) {
          wanted.add(new Hole(before + 1, serial, model.get(before), model.get(serial)));
        }
        before = serial;
      }
      List<Hole> found = new ArrayList<>();
      for (int i = 1; i < ranges.size(); i++) {
        found.add(ranges.hole(i));
      }
      assertThat(found).isEqualTo(wanted);
      assertThat(ranges.missing()).isEqualTo(wanted.stream().mapToLong(Hole::count).sum());
    }
  }

  /**
   * The kernel's counter with resets, told in both orders: what is counted is what was lost,
   * however late the resets' records come.
   */
  @Test
  void lostCounter_agreesWithWhatWasLost() {
    long seed = System.nanoTime();
    System.out.println("lostCounter_agreesWithWhatWasLost seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 5_000; round++) {
      List<LostRecords.Reset> resets = new ArrayList<>();
      LostRecords lost = new LostRecords();
      long counter = 0;
      long truth = 0;
      for (int beat = 1; beat <= 20; beat++) {
        long from = beat * 20_000_000L;
        for (int i = random.nextInt(3); i > 0; i--) {
          long more = random.nextInt(4) == 0 ? random.nextInt(50) : 0;
          counter += more;
          truth += more;
          // Long before the next heartbeat: closer than its counter's age nobody can tell.
          if (random.nextInt(4) == 0) {
            resets.add(
                new LostRecords.Reset(
                    from - 19_000_000 + resets.size() * 1000L, resets.size(), counter));
            counter = 0;
          }
        }
        lost.add(from, counter);
      }
      assertThat(lost.total(resets)).isEqualTo(truth);
      assertThat(lost.episodes(resets).stream().mapToLong(LostRecords.Episode::lost).sum())
          .isEqualTo(truth);
    }
  }

  /** However long it goes on: what is handed out and what is kept are the truth, each by one id. */
  @Test
  void lostCounterOfManyHeartbeats_isToldOfOnce() {
    long seed = System.nanoTime();
    System.out.println("lostCounterOfManyHeartbeats_isToldOfOnce seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 500; round++) {
      LostRecords lost = new LostRecords();
      Map<Long, Long> told = new HashMap<>();
      long counter = 0;
      int grows = random.nextInt(5);
      for (int beat = 1; beat <= 300; beat++) {
        counter += random.nextInt(5) <= grows ? random.nextInt(50) : 0;
        lost.add(beat * 5_000_000L, counter);
        List<LostRecords.Episode> episodes = new ArrayList<>(lost.bound(List.of()));
        if (random.nextInt(20) == 0) {
          lost.forgetOldest(List.of()).ifPresent(episodes::add);
        }
        episodes.addAll(lost.episodes(List.of()));
        episodes.forEach(one -> told.put(one.afterMicros(), one.lost()));
        assertThat(told.values().stream().mapToLong(one -> one).sum()).isEqualTo(counter);
        assertThat(lost.total(List.of())).isEqualTo(counter);
      }
    }
  }

  /** One boot of one host, as the kernel knows it, and what the host's sources brought of it. */
  private static final class Truth {
    private final String host;
    private final long first;
    private final int count;
    private final Set<Long> lost = new HashSet<>();
    private final TreeSet<Long> arrived = new TreeSet<>();
    private final List<List<AuditEvent>> streams = new ArrayList<>();

    private Truth(String host, Random random) {
      this.host = host;
      first = random.nextInt(3) == 0 ? (1L << 32) - random.nextInt(200) : 1 + random.nextInt(9);
      count = 100 + random.nextInt(300);
      // What the kernel lost, in runs.
      for (int i = random.nextInt(4); i > 0; i--) {
        long at = first + 1 + random.nextInt(count - 40);
        for (long serial = at + random.nextInt(30); serial >= at; serial--) {
          lost.add(serial);
        }
      }
      int sources = 1 + random.nextInt(2);
      for (int source = 0; source < sources; source++) {
        streams.add(stream("s" + source, random));
      }
    }

    private Instant time(long serial) {
      return START.plusMillis((serial - first) * 300);
    }

    /** A source's own way of it: it begins late, loses some, is out of order, sends again. */
    private List<AuditEvent> stream(String source, Random random) {
      List<Long> serials = new ArrayList<>();
      Map<Long, Long> order = new HashMap<>();
      int from = random.nextInt(3) == 0 ? random.nextInt(50) : 0;
      for (long serial = first + from; serial < first + count; serial++) {
        if (!lost.contains(serial) && random.nextInt(60) != 0) {
          serials.add(serial);
          order.put(serial, serial + (random.nextInt(8) == 0 ? random.nextInt(20) : 0));
        }
      }
      serials.sort(Comparator.comparingLong(order::get));
      arrived.addAll(serials);
      List<AuditEvent> sent = new ArrayList<>();
      long position = 0;
      for (long serial : serials) {
        long acked = Math.max(0, position - 100L * random.nextInt(20));
        sent.add(event(source, serial, position, acked));
        position += 100;
      }
      for (int i = random.nextInt(3); i > 0; i--) {
        int at = random.nextInt(sent.size());
        int back = random.nextInt(Math.min(at + 1, 100));
        sent.addAll(at, List.copyOf(sent.subList(at - back, at)));
      }
      return sent;
    }

    private AuditEvent event(String source, long serial, long position, long acked) {
      return AuditEvent.newBuilder()
          .setHost(host)
          .setSource(source)
          .setTrail("20261120104500")
          .setBoot("boot")
          .setEpoch(1)
          .setTime(time(serial))
          .setObserved(time(serial))
          .setSerial(serial & LOW)
          .setAcked(acked)
          .setFormat(Format.LINUX)
          .setType("SYSCALL")
          .setComplete(true)
          .setRecords(
              List.of(
                  AuditRecord.newBuilder()
                      .setPosition(position)
                      .setLength(100)
                      .setType(1300)
                      .setName("SYSCALL")
                      .setRaw(ByteBuffer.allocate(0))
                      .setFields(Map.of())
                      .build()))
          .build();
    }

    /** Names the sources, all with something on the way: only what they bring says how far. */
    private AgentStatus heartbeat() {
      List<SourceStatus> sources = new ArrayList<>();
      for (int i = 0; i < streams.size(); i++) {
        sources.add(
            SourceStatus.newBuilder()
                .setName("s" + i)
                .setType("audisp")
                .setState("RUNNING")
                .setHead(0)
                .setAcked(0)
                .setWaitingBytes(1)
                .setReceived(0)
                .setWritten(0)
                .setDropped(0)
                .setAckedRecords(0)
                .setWaitingRecords(0)
                .setEvents(0)
                .setIncomplete(0)
                .setUnparsed(0)
                .setTrailsClosed(0)
                .build());
      }
      return AgentStatus.newBuilder()
          .setHost(host)
          .setBoot("boot")
          .setEpoch(1)
          .setVersion("1")
          .setStarted(START)
          .setAt(START)
          .setSequence(0)
          .setIntervalMs(5000)
          .setSources(sources)
          .build();
    }

    /** The serials that lie between the first and the last that arrived, and did not. */
    private NavigableSet<Long> missing() {
      TreeSet<Long> missing = new TreeSet<>();
      for (long serial = arrived.first(); serial < arrived.last(); serial++) {
        if (!arrived.contains(serial)) {
          missing.add(serial & LOW);
        }
      }
      return missing;
    }
  }

  /**
   * Losses at the kernel and at each source, lateness, resends, sources that lag, serials that go
   * round, in many hosts at once: in the end exactly what no source brought is told, whatever came
   * in between nothing is said to be proven that is not, and what is told in the end does not
   * depend on the interleaving.
   */
  @Test
  void whatNoSourceBrought_isTold_andNothingElseIsProven() {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("whatNoSourceBrought_isTold_andNothingElseIsProven seed " + seed);
    Random random = new Random(seed);
    Map<String, Truth> hosts = new TreeMap<>();
    for (int i = 0; i < Integer.getInteger("histories", 300); i++) {
      hosts.put("host" + i, new Truth("host" + i, random));
    }
    Map<String, String> one = run(hosts, interleave(hosts, random));
    Map<String, String> other = run(hosts, interleave(hosts, random));
    assertThat(other).isEqualTo(one);
  }

  private static List<AuditEvent> interleave(Map<String, Truth> hosts, Random random) {
    List<List<AuditEvent>> streams = new ArrayList<>();
    hosts.values().forEach(truth -> streams.addAll(truth.streams));
    List<AuditEvent> all = new ArrayList<>();
    List<Integer> left = new ArrayList<>();
    int[] at = new int[streams.size()];
    for (int i = 0; i < at.length; i++) {
      left.add(i);
    }
    while (!left.isEmpty()) {
      // Runs of one source: the others lag.
      int pick = random.nextInt(left.size());
      int stream = left.get(pick);
      int end = Math.min(streams.get(stream).size(), at[stream] + 1 + random.nextInt(40));
      all.addAll(streams.get(stream).subList(at[stream], end));
      at[stream] = end;
      if (end == streams.get(stream).size()) {
        left.set(pick, left.getLast());
        left.removeLast();
      }
    }
    return all;
  }

  /** The open gaps in the end by id: what they say is missing. */
  private static Map<String, String> run(Map<String, Truth> hosts, List<AuditEvent> events) {
    Map<String, Gap> last = new TreeMap<>();
    int proven = 0;
    try (Drive<Gap> drive = new Drive<>(new GapsJob(), Topics.GAPS, Map.of())) {
      hosts.values().forEach(truth -> drive.send(Topics.AGENTS, truth.heartbeat()));
      int count = 0;
      for (AuditEvent event : events) {
        drive.send(Topics.EVENTS, event);
        if (count++ % 2_000 == 0) {
          drive.brokerPasses(Duration.ofSeconds(1));
          drive.wallPasses(Duration.ofMillis(500));
          proven += check(drive, last, hosts);
        }
      }
      for (int i = 0; i < 30; i++) {
        drive.wallPasses(Duration.ofSeconds(2));
      }
      proven += check(drive, last, hosts);
      assertThat(drive.deadLetters()).isEmpty();
    }
    Map<String, TreeSet<Long>> told = new TreeMap<>();
    Map<String, String> open = new TreeMap<>();
    last.forEach(
        (id, gap) -> {
          if (gap.getState() == GapState.OPEN && gap.getKind() == GapKind.SERIAL) {
            told.computeIfAbsent(gap.getHost(), _ -> new TreeSet<>()).addAll(serials(gap));
            open.put(
                id,
                gap.getMissing() + " " + gap.getCause() + " " + gap.getFrom() + " " + gap.getTo());
          }
        });
    int lacking = 0;
    for (Truth truth : hosts.values()) {
      NavigableSet<Long> missing = truth.missing();
      lacking += missing.isEmpty() ? 0 : 1;
      TreeSet<Long> said = told.getOrDefault(truth.host, new TreeSet<>());
      if (said.contains(MORE)) {
        // Its cause names the first ten ranges alone: how much is missing must do.
        assertThat(missing).containsAll(said.headSet(MORE));
        assertThat(
                last.values().stream()
                    .filter(gap -> gap.getHost().equals(truth.host))
                    .filter(gap -> gap.getKind() == GapKind.SERIAL)
                    .mapToLong(gap -> gap.getMissing().orElseThrow())
                    .sum())
            .isEqualTo(missing.size());
      } else {
        assertThat(said).as(truth.host).isEqualTo(missing);
      }
    }
    System.out.println(
        events.size() + " events, hosts that lack some: " + lacking + ", PROVEN told: " + proven);
    assertThat(lacking).isPositive();
    assertThat(proven).isPositive();
    return open;
  }

  private static int check(Drive<Gap> drive, Map<String, Gap> last, Map<String, Truth> hosts) {
    int proven = 0;
    for (Gap gap : drive.results()) {
      Gap before = last.put(gap.getId(), gap);
      assertThat(gap.getRevision()).isEqualTo(before == null ? 0 : before.getRevision() + 1);
      if (gap.getKind() == GapKind.SERIAL
          && gap.getCertainty() == Certainty.PROVEN
          && gap.getState() == GapState.OPEN) {
        proven++;
        // INVARIANT: what is proven missing never comes.
        Set<Long> arrived = new HashSet<>();
        hosts.get(gap.getHost()).arrived.forEach(serial -> arrived.add(serial & LOW));
        assertThat(serials(gap)).as(gap.toString()).noneMatch(arrived::contains);
      }
    }
    return proven;
  }

  /** The serials a gap's cause names, and {@link #MORE} if there are more. */
  private static NavigableSet<Long> serials(Gap gap) {
    TreeSet<Long> serials = new TreeSet<>();
    String cause = gap.getCause().orElseThrow();
    if (cause.contains("ranges more")) {
      serials.add(MORE);
    }
    Matcher named = Pattern.compile("(?:^kernel serials |, )(\\d+)(?:-(\\d+))?").matcher(cause);
    while (named.find()) {
      long first = Long.parseLong(named.group(1));
      long end = named.group(2) == null ? first : Long.parseLong(named.group(2));
      for (long serial = first; serial != ((end + 1) & LOW); serial = (serial + 1) & LOW) {
        serials.add(serial);
      }
    }
    return serials;
  }
}
