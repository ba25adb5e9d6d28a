// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.history;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.Attribution;
import auditbus.schemas.Certainty;
import auditbus.schemas.Coverage;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.Range;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import auditbus.streams.Drive;
import auditbus.streams.gaps.GapsJob;
import auditbus.streams.job.Job;
import auditbus.streams.shutdown.ShutdownJob;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.avro.specific.SpecificRecord;
import org.junit.jupiter.api.Test;

/**
 * Random histories of hosts through both jobs, judged by who knows what truly happened.
 *
 * <p>{@code -Dhistories.seeds=N} plays so many hosts, {@code -Dhistories.seed=S} begins at that
 * seed: every failure names the host's and the timeline's. {@code -Dhistories.together=1} plays
 * each host alone.
 */
class HistoriesTest {
  private static final int SEEDS = Integer.getInteger("histories.seeds", 400);
  private static final long FIRST_SEED = Long.getLong("histories.seed", 1L);
  private static final int TOGETHER = Integer.getInteger("histories.together", 40);
  private static final boolean PRINTS = Boolean.getBoolean("histories.print");
  private static final int STEPS = Integer.getInteger("histories.steps", 120);

  // By how much one topic lags behind another; less than the grace.
  private static final long MAX_SHIFT_MS = 6000;
  private static final long TICK_MS = 500;

  private static final Set<Topics> GAPS_INPUT =
      EnumSet.of(Topics.EVENTS, Topics.TRAILS, Topics.AGENTS);

  @Test
  void everyHole_isReportedAndNothingElse() {
    for (List<HostHistory> hosts : plays()) {
      Map<String, List<Gap>> said = play(new GapsJob(), Topics.GAPS, hosts, 1, GAPS_INPUT);
      for (HostHistory host : hosts) {
        String where = where(host, 1);
        List<Gap> gaps = said.getOrDefault(host.host(), List.of());
        checkCoverage(where, host.truth(), gaps);
        checkSerials(where, host.truth(), gaps);
        checkHost(where, host.truth(), gaps);
      }
      Map<String, List<Gap>> again = play(new GapsJob(), Topics.GAPS, hosts, 2, GAPS_INPUT);
      for (HostHistory host : hosts) {
        checkCoverage(where(host, 2), host.truth(), again.getOrDefault(host.host(), List.of()));
        assertThat(
                differences(
                    compactedGaps(said.getOrDefault(host.host(), List.of())),
                    compactedGaps(again.getOrDefault(host.host(), List.of()))))
            .as("in another order, %s", where(host, 2))
            .isEmpty();
      }
    }
  }

  @Test
  void everyStop_isAttributedToWhoMadeItOrToNobody() {
    for (List<HostHistory> hosts : plays()) {
      Map<String, List<ShutdownAttribution>> said = stops(hosts, 1);
      for (HostHistory host : hosts) {
        checkStops(where(host, 1), host.truth(), said.getOrDefault(host.host(), List.of()));
      }
      Map<String, List<ShutdownAttribution>> again = stops(hosts, 2);
      for (HostHistory host : hosts) {
        checkStops(where(host, 2), host.truth(), again.getOrDefault(host.host(), List.of()));
        assertThat(
                differences(
                    compactedStops(said.getOrDefault(host.host(), List.of())),
                    compactedStops(again.getOrDefault(host.host(), List.of()))))
            .as("in another order, %s", where(host, 2))
            .isEmpty();
      }
    }
  }

  private static Map<String, List<ShutdownAttribution>> stops(List<HostHistory> hosts, long seed) {
    return play(new ShutdownJob(), Topics.SHUTDOWNS, hosts, seed, EnumSet.of(Topics.EVENTS));
  }

  private static String where(HostHistory host, long seed) {
    return "host of seed %d (-Dhistories.seed=%d -Dhistories.seeds=1), timeline of seed %d"
        .formatted(host.seed(), host.seed(), seed);
  }

  private static List<List<HostHistory>> plays() {
    List<List<HostHistory>> plays = new ArrayList<>();
    for (int i = 0; i < SEEDS; i += TOGETHER) {
      List<HostHistory> hosts = new ArrayList<>();
      for (int j = i; j < Math.min(SEEDS, i + TOGETHER); j++) {
        hosts.add(HostHistory.of(FIRST_SEED + j, STEPS));
      }
      plays.add(hosts);
    }
    return plays;
  }

  /** What the job says of each host, in order, when the hosts' records are read in that order. */
  private static <V extends SpecificRecord> Map<String, List<V>> play(
      Job job, Topics result, List<HostHistory> hosts, long seed, Set<Topics> input) {
    try (Drive<V> drive = new Drive<>(job, result, Map.of())) {
      Map<String, List<V>> said = new HashMap<>();
      long now = 0;
      for (Timeline.Arrival arrival : Timeline.of(hosts, seed, MAX_SHIFT_MS)) {
        long passed = arrival.arrivesMs() - now;
        while (passed >= TICK_MS) {
          drive.wallPasses(Duration.ofMillis(TICK_MS));
          drive.brokerPasses(Duration.ofMillis(TICK_MS));
          now += TICK_MS;
          passed -= TICK_MS;
        }
        if (input.contains(arrival.message().topic())) {
          if (PRINTS) {
            System.out.println(now + " " + arrival);
          }
          drive.send(arrival.message().topic(), arrival.message().value());
        }
      }
      for (int i = 0; i < 60; i++) {
        drive.wallPasses(Duration.ofMillis(TICK_MS));
      }
      drive
          .results()
          .forEach(one -> said.computeIfAbsent(host(one), _ -> new ArrayList<>()).add(one));
      if (PRINTS) {
        said.values().forEach(all -> all.forEach(System.out::println));
      }
      assertThat(drive.deadLetters()).as("timeline of seed %d", seed).isEmpty();
      return said;
    }
  }

  private static String host(SpecificRecord value) {
    return (String) value.get(value.getSchema().getField("host").pos());
  }

  private static void checkCoverage(String where, Truth truth, List<Gap> said) {
    Map<String, Gap> last = new LinkedHashMap<>();
    for (Gap gap : said) {
      if (gap.getKind() != GapKind.TRAIL_COVERAGE) {
        continue;
      }
      Truth.Trail trail =
          truth.trails.get(Truth.key(gap.getSource().orElse(""), gap.getTrail().orElse("")));
      assertThat(trail).as("%s: a trail there never was: %s", where, gap).isNotNull();
      assertThat(gap.getCertainty()).as("%s: %s", where, gap).isEqualTo(Certainty.PROVEN);
      for (Range hole : gap.getHoles()) {
        assertThat(
                trail.everKeptBack.covers(
                    hole.getPosition(), hole.getPosition() + hole.getLength()))
            .as("%s: false alarm: %s was never kept back in %s", where, hole, gap)
            .isTrue();
      }
      last.put(Truth.key(trail.source, trail.id), gap);
    }
    truth.trails.forEach(
        (key, trail) -> {
          Coverage missing = trail.provablyMissing();
          Gap gap = last.get(key);
          if (missing.bytes() > 0) {
            assertThat(gap)
                .as("%s: %s lacks %s, and nobody says so", where, key, missing)
                .isNotNull();
            assertThat(gap.getHoles()).as("%s: %s", where, key).isEqualTo(missing.covered());
            assertThat(gap.getMissing()).as("%s: %s", where, key).contains(missing.bytes());
          } else if (gap != null) {
            assertThat(gap.getState())
                .as("%s: %s has all its bytes", where, gap)
                .isEqualTo(GapState.CLOSED);
          }
        });
  }

  private static List<Gap> last(List<Gap> said, GapKind kind) {
    Map<String, Gap> last = new LinkedHashMap<>();
    said.stream().filter(gap -> gap.getKind() == kind).forEach(gap -> last.put(gap.getId(), gap));
    return List.copyOf(last.values());
  }

  private static void checkSerials(String where, Truth truth, List<Gap> said) {
    truth.boots.forEach(
        (id, boot) -> {
          Predicate<Gap> ofBoot = gap -> gap.getBoot().filter(id::equals).isPresent();
          List<Gap> lost = last(said, GapKind.KERNEL_LOST).stream().filter(ofBoot).toList();
          assertThat(lost.stream().mapToLong(gap -> gap.getMissing().orElse(0L)).sum())
              .as("%s: lost records of boot %s: %s", where, id, lost)
              .isEqualTo(boot.lostTold);
          if (truth.tellsBoot) {
            List<Gap> missing = last(said, GapKind.SERIAL).stream().filter(ofBoot).toList();
            assertThat(missing.stream().mapToLong(gap -> gap.getMissing().orElse(0L)).sum())
                .as("%s: missing serials of boot %s: %s", where, id, missing)
                .isEqualTo(boot.missing());
            long unexplained =
                last(said, GapKind.UNEXPLAINED).stream()
                    .filter(ofBoot)
                    .mapToLong(gap -> gap.getMissing().orElse(0L))
                    .sum();
            assertThat(unexplained)
                .as("%s: the remainder of boot %s", where, id)
                .isLessThanOrEqualTo(boot.missing());
          }
        });
    // Every revision: what is said to be proven is truly missing at that time.
    for (Gap gap : said) {
      if (gap.getKind() == GapKind.SERIAL && gap.getCertainty() == Certainty.PROVEN) {
        Truth.Boot boot = truth.boots.get(gap.getBoot().orElseThrow());
        assertThat(
                (long)
                    boot.everAway
                        .subSet(
                            gap.getFirstSerial().orElse(0L),
                            true,
                            gap.getLastSerial().orElse(0L),
                            true)
                        .size())
            .as("%s: a false alarm: %s", where, gap)
            .isGreaterThanOrEqualTo(
                gap.getState() == GapState.OPEN ? gap.getMissing().orElse(0L) : 0);
      }
    }
  }

  private static void checkHost(String where, Truth truth, List<Gap> said) {
    assertThat(last(said, GapKind.DOWN)).as("%s: agent runs", where).hasSize(truth.agentRuns - 1);
    for (Truth.Off off : truth.offs) {
      if (off.offTold) {
        assertThat(last(said, GapKind.AUDIT_OFF))
            .as("%s: switched off at %d", where, off.timeMillis)
            .anyMatch(gap -> gap.getFrom().orElseThrow().toEpochMilli() == off.timeMillis);
      }
    }
    if (truth.offs.stream().allMatch(off -> off.offTold && off.onTold)) {
      assertThat(last(said, GapKind.AUDIT_OFF))
          .as("%s: switched off and on", where)
          .hasSize(truth.offs.size())
          .allMatch(gap -> gap.getState() == GapState.CLOSED);
    }
    assertThat(last(said, GapKind.HOST_CONFLICT)).as(where).isEmpty();
    assertThat(last(said, GapKind.TRAIL_MISSING)).as(where).isEmpty();
    assertThat(last(said, GapKind.INCOMPLETE_EVENT)).as(where).isEmpty();
  }

  private static void checkStops(String where, Truth truth, List<ShutdownAttribution> said) {
    Map<Long, ShutdownAttribution> ends = new LinkedHashMap<>();
    Map<Long, ShutdownAttribution> starts = new LinkedHashMap<>();
    Map<Long, ShutdownAttribution> offs = new LinkedHashMap<>();
    for (ShutdownAttribution one : said) {
      switch (one.getMarker()) {
        case "DAEMON_END" -> ends.put(one.getStopped().toEpochMilli(), one);
        case "DAEMON_START" -> starts.put(one.getStopped().toEpochMilli(), one);
        default -> offs.put(one.getStopped().toEpochMilli(), one);
      }
    }
    int told = 0;
    for (Truth.Stop stop : truth.stops) {
      String about = where + ": " + stop;
      ShutdownAttribution found =
          stop.bySigkill ? starts.get(stop.nextStartMillis) : ends.get(stop.timeMillis);
      if (stop.endTold) {
        told++;
        ShutdownAttribution weaker = starts.get(stop.nextStartMillis);
        assertThat(weaker == null || !stop.startTold || !holds(weaker))
            .as("%s: one stop is told twice: %s", about, weaker)
            .isTrue();
      }
      if (stop.endTold || (stop.bySigkill && stop.nextStartTold && stop.startTold)) {
        assertThat(found).as("%s: nobody tells of it", about).isNotNull();
        assertThat(holds(found)).as("%s: %s", about, found).isTrue();
        if (stop.killTold && stop.startTold) {
          assertThat(found.getAttribution())
              .as("%s: %s", about, found)
              .isEqualTo(stop.auid == null ? Attribution.UNSET : Attribution.USER);
          assertThat(found.getCertainty())
              .as("%s: %s", about, found)
              .isIn(
                  Certainty.PROVEN,
                  found.getDisagreement() ? Certainty.SUSPECTED : Certainty.PROVEN);
        }
      }
    }
    for (Truth.Off off : truth.offs) {
      if (off.offTold) {
        ShutdownAttribution found = offs.remove(off.timeMillis);
        assertThat(found).as("%s: switched off at %d", where, off.timeMillis).isNotNull();
        assertThat(found.getAuid().orElse(null)).as("%s: %s", where, found).isEqualTo(off.auid);
      }
    }
    assertThat(offs).as("%s: switched off", where).isEmpty();
    assertThat(ends).as("%s: as many stops as there were", where).hasSize(told);
    // Every revision, not only the last: nobody else is ever named.
    for (ShutdownAttribution one : said) {
      long marked = one.getStopped().toEpochMilli();
      if (one.getMarker().equals("CONFIG_CHANGE")) {
        continue;
      }
      // Where the next start was lost, too, a later one marks it; and pids are used again.
      List<Truth.Stop> stops =
          truth.stops.stream()
              .filter(
                  of ->
                      one.getMarker().equals("DAEMON_END")
                          ? of.timeMillis == marked
                          : of.timeMillis <= marked
                              && one.getDaemonPid().filter(pid -> pid == of.pid).isPresent())
              .toList();
      assertThat(stops).as("%s: there was no such stop: %s", where, one).isNotEmpty();
      // Where nothing that arrived contradicts another's kill he may be suspected, never proven.
      boolean mayErr =
          one.getCertainty() == Certainty.SUSPECTED
              && stops.stream().anyMatch(stop -> !stop.startTold || stop.poisoned);
      if (one.getAuid().isPresent() && !mayErr) {
        assertThat(stops)
            .as("%s: somebody else is named: %s", where, one)
            .anyMatch(stop -> one.getAuid().equals(Optional.ofNullable(stop.auid)));
      }
    }
  }

  private static boolean holds(ShutdownAttribution stop) {
    return stop.getSupersededBy().isEmpty() && stop.getWithdrawn().isEmpty();
  }

  /** What one says and the other does not, each with both. */
  private static List<String> differences(Map<String, String> one, Map<String, String> other) {
    Set<String> keys = new TreeSet<>(one.keySet());
    keys.addAll(other.keySet());
    return keys.stream()
        .filter(key -> !Objects.equals(one.get(key), other.get(key)))
        .map(key -> "\n  " + one.get(key) + "\n  " + other.get(key))
        .toList();
  }

  private static Map<String, String> compactedGaps(List<Gap> gaps) {
    Map<String, Gap> last = new TreeMap<>();
    gaps.forEach(gap -> last.put(gap.getId(), gap));
    // Silence is told by the wall clock, and so is what is suspected for a while.
    last.values()
        .removeIf(
            gap ->
                gap.getKind() == GapKind.SILENT_HOST
                    || (gap.getCertainty() == Certainty.SUSPECTED
                        && gap.getState() == GapState.CLOSED));
    Map<String, String> essence = new TreeMap<>();
    last.forEach((id, gap) -> essence.put(id, essence(gap)));
    return essence;
  }

  /** A gap without what tells when, and how often, it was said. */
  private static String essence(Gap gap) {
    return Gap.newBuilder(gap)
        .setOpened(java.time.Instant.EPOCH)
        .setClosed(null)
        .setRevision(0)
        .build()
        .toString();
  }

  private static Map<String, String> compactedStops(List<ShutdownAttribution> stops) {
    return stops.stream()
        .collect(
            Collectors.toMap(
                ShutdownAttribution::getId,
                stop -> ShutdownAttribution.newBuilder(stop).setRevision(0).build().toString(),
                (_, later) -> later,
                TreeMap::new));
  }
}
