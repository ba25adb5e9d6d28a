// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.Certainty;
import auditbus.schemas.Coverage;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.Range;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import auditbus.sinks.manifest.Verification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What became of every record, by what the topics and the collected tree say.
 *
 * @param generated records written
 * @param arrived of them in audit.events
 * @param duplicates places in audit.events that were said again
 * @param again records that came at further places, as of another incarnation of their trail
 * @param missing destroyed before they were read; the topics say that something is missing there
 * @param unseen in files that came and went without a byte of them being read
 * @param failures what must not be, a line each
 */
record Account(
    long generated,
    long arrived,
    long duplicates,
    long again,
    long missing,
    long unseen,
    List<String> failures) {
  private static final int MOST_NAMED = 20;

  Account {
    failures = List.copyOf(failures);
  }

  /** Judges all there is to judge now. */
  static Account of(List<Ledger.Entry> entries, Topic topic, Path collected) throws IOException {
    Map<Integer, Set<String>> trails = trails(entries, topic);
    List<String> failures = new ArrayList<>();
    long arrived = 0;
    long again = 0;
    long missing = 0;
    long unseen = 0;
    long lost = 0;
    for (Ledger.Entry entry : entries) {
      List<Topic.Place> places = topic.arrived.getOrDefault(entry.number(), List.of());
      if (!places.isEmpty()) {
        arrived++;
        again += places.size() - 1;
        for (Topic.Place place : places) {
          if (place.position() != entry.position() || place.length() != entry.length()) {
            failures.add(entry + " came as " + place);
          }
        }
        continue;
      }
      boolean destroyed = entry.fate() == Ledger.Fate.DESTROYED;
      Set<String> of = trails.getOrDefault(entry.file(), Set.of());
      if (of.stream().anyMatch(trail -> isSaidMissing(entry, topic, trail, destroyed))) {
        missing++;
      } else if (destroyed && of.isEmpty()) {
        unseen++;
      } else if (++lost <= MOST_NAMED) {
        failures.add(entry + " is missing and nothing says so; its trail: " + of);
      }
    }
    if (lost > 0) {
      failures.add(lost + " records lost unnoticed");
    }
    judgeGaps(topic, failures);
    judgeTree(topic, collected, failures);
    judgeAgent(topic, failures);
    if (topic.deadLetters > 0) {
      failures.add(topic.deadLetters + " dead letters");
    }
    return new Account(entries.size(), arrived, topic.duplicates, again, missing, unseen, failures);
  }

  // A file is known by the records of it that came.
  private static Map<Integer, Set<String>> trails(List<Ledger.Entry> entries, Topic topic) {
    Map<Integer, Set<String>> trails = new HashMap<>();
    for (Ledger.Entry entry : entries) {
      for (Topic.Place place : topic.arrived.getOrDefault(entry.number(), List.of())) {
        trails.computeIfAbsent(entry.file(), _ -> new HashSet<>()).add(place.trail());
      }
    }
    return trails;
  }

  private static boolean isSaidMissing(
      Ledger.Entry entry, Topic topic, String trail, boolean destroyed) {
    long position = entry.position();
    long end = position + entry.length();
    boolean inGap =
        topic.openGaps.values().stream()
            .filter(gap -> isOf(gap, trail))
            .flatMap(gap -> gap.getHoles().stream())
            .anyMatch(hole -> position < endOf(hole) && hole.getPosition() < end);
    Optional<TrailState> state = Optional.ofNullable(topic.states.get(trail));
    boolean dropped =
        state.stream()
            .flatMap(said -> said.getDropped().stream())
            .anyMatch(hole -> position < endOf(hole) && hole.getPosition() < end);
    // Bytes nobody read are in no range; that the trail is not what its writer wrote is said.
    boolean caused = destroyed && state.flatMap(TrailState::getCause).isPresent();
    // What is left of a torn record came as bytes.
    boolean torn =
        destroyed && topic.coverage.getOrDefault(trail, new Coverage()).touches(position, end);
    return inGap || dropped || caused || torn;
  }

  private static void judgeGaps(Topic topic, List<String> failures) {
    for (Gap gap : topic.openGaps.values()) {
      if (gap.getKind() != GapKind.TRAIL_COVERAGE || gap.getCertainty() != Certainty.PROVEN) {
        continue;
      }
      Coverage came = topic.coverage.getOrDefault(gap.getTrail().orElse(""), new Coverage());
      for (Range hole : gap.getHoles()) {
        if (came.touches(hole.getPosition(), endOf(hole))) {
          failures.add("a gap is proven of bytes that came: " + hole + " of " + gap);
        }
      }
    }
  }

  private static void judgeTree(Topic topic, Path collected, List<String> failures)
      throws IOException {
    for (TrailState state : topic.states.values()) {
      if (state.getState() == TrailStatus.TERMINATED && state.getSha256().isPresent()) {
        Path file =
            collected.resolve(state.getHost()).resolve(state.getSource()).resolve(state.getName());
        if (!Files.exists(file) || Files.size(file) != state.getSize()) {
          failures.add("not collected: " + state);
        }
      }
    }
    Verification.Totals _ =
        new Verification(
                new Verification.Report() {
                  @Override
                  public void misfit(String file, String why) {
                    failures.add(file + " " + why);
                  }

                  @Override
                  public void remark(String file, String what) {}

                  @Override
                  public void source(String name, Verification.Totals of) {}
                },
                Optional.of(
                    new Verification.Against(topic.published, Optional.empty(), Optional.empty())))
            .verify(collected);
  }

  private static void judgeAgent(Topic topic, List<String> failures) {
    if (topic.lastStatus.isEmpty()) {
      failures.add("no heartbeat");
      return;
    }
    AgentStatus status = topic.lastStatus.get();
    status.getSources().stream()
        .filter(source -> !source.getState().equals("RUNNING"))
        .forEach(source -> failures.add("the agent's source does not run: " + source));
  }

  private static boolean isOf(Gap gap, String trail) {
    return gap.getKind() == GapKind.TRAIL_COVERAGE
        && gap.getTrail().filter(trail::equals).isPresent();
  }

  private static long endOf(Range range) {
    return range.getPosition() + range.getLength();
  }
}
