// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.Certainty;
import auditbus.schemas.ClosingState;
import auditbus.schemas.Coverage;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapUnit;
import auditbus.schemas.Range;
import auditbus.schemas.TrailState;
import auditbus.sinks.manifest.Verification;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * What became of every record, by what the topics and the collected tree say.
 *
 * @param generated records written
 * @param arrived of them in audit.events
 * @param duplicates places in audit.events that were said again
 * @param again records that came at further places, as of another incarnation of their trail
 * @param missing said to be missing, at their very bytes, and in a gap
 * @param unseen in a gap of serials alone: in files that came and went without the agent being able
 *     to tell of them
 * @param failures what must not be, a line each
 */
record Account(
    long generated,
    long arrived,
    long duplicates,
    long again,
    Set<Integer> missing,
    long unseen,
    List<String> failures) {
  private static final int MOST_NAMED = 500;
  private static final int MOST_MISPLACED = 20;
  private static final int MOST_TEXTS = 4;

  /** Which of the files that nobody told of the agent must have known. */
  interface Watch {
    boolean mustBeKnown(Ledger.Life life);
  }

  Account {
    failures = List.copyOf(failures);
  }

  /** Judges the records of the log. */
  static Account of(Ledger ledger, Topic topic, Watch watch) {
    List<Ledger.Life> lives = ledger.lives();
    Map<Integer, Set<String>> trails = trails(ledger, lives, topic);
    List<String> failures = new ArrayList<>();
    Set<Integer> missing = new TreeSet<>();
    Map<Integer, Boolean> mustBeKnown = new HashMap<>();
    long arrived = 0;
    long again = 0;
    long unseen = 0;
    long lost = 0;
    List<Gap> serialGaps = serialGaps(topic);
    int first = topic.arrived.first();
    Map<String, List<Gap>> trailGaps = trailGaps(topic);
    Map<Said, Coverage> saidOf = new HashMap<>();
    int generated = ledger.next();
    for (int number = 0; number < generated; number++) {
      Ledger.Entry entry = ledger.entry(number);
      List<ArrivedRecords.Place> places = topic.arrived.places(number);
      if (!places.isEmpty()) {
        arrived++;
        again += places.size() - 1;
        for (ArrivedRecords.Place place : places) {
          if (place.position() != entry.position() || place.length() != entry.length()) {
            failures.add(entry + " came as " + place);
          }
        }
        String own = lives.get(entry.file()).trail();
        if (entry.fate() == Ledger.Fate.KEPT
            && places.stream().noneMatch(place -> startOf(place.trail()).equals(own))) {
          failures.add(entry + " of trail " + own + " came only as " + places);
        }
        continue;
      }
      Ledger.Life life = lives.get(entry.file());
      Set<String> of = trails.getOrDefault(entry.file(), Set.of());
      boolean said =
          of.stream()
              .map(trail -> new Said(life, trail, entry.fate()))
              .map(one -> saidOf.computeIfAbsent(one, _ -> saidMissing(one, topic, trailGaps)))
              .anyMatch(missed -> missed.covers(entry.position(), entry.end()));
      long serial = number + 1L;
      boolean numbered = serialGaps.stream().anyMatch(gap -> has(gap, serial));
      if (said
          && !numbered
          && of.stream()
              .flatMap(trail -> trailGaps.getOrDefault(trail, List.of()).stream())
              .noneMatch(gap -> has(gap, entry))) {
        failures.add(entry + " is missing and no gap has it; its trail: " + of);
      } else if (said) {
        missing.add(number);
      } else if (entry.fate() == Ledger.Fate.DESTROYED
          && of.isEmpty()
          && (number < first || numbered)
          && !mustBeKnown.computeIfAbsent(life.file(), _ -> watch.mustBeKnown(life))) {
        unseen++;
      } else if (++lost <= MOST_NAMED) {
        failures.add(
            entry
                + " is missing and nothing says so; "
                + (of.isEmpty() ? "its trail " + life.trail() + " is in no topic" : "its trail: ")
                + of.stream().map(trail -> trail + " " + said(topic, trail)).toList());
      }
    }
    if (lost > 0) {
      failures.add("in all " + lost + " records lost unnoticed");
    }
    judgeGaps(topic, failures);
    judgeSerials(topic, first, serialGaps, failures);
    if (topic.deadLetters > 0) {
      failures.add(topic.deadLetters + " dead letters");
    }
    return new Account(generated, arrived, topic.duplicates, again, missing, unseen, failures);
  }

  // A file is known by the records of it that came, and by the time of its first record.
  private static Map<Integer, Set<String>> trails(
      Ledger ledger, List<Ledger.Life> lives, Topic topic) {
    Map<String, Set<String>> byStart = new HashMap<>();
    for (String trail : topic.states.keySet()) {
      byStart.computeIfAbsent(startOf(trail), _ -> new LinkedHashSet<>()).add(trail);
    }
    Map<Integer, Set<String>> trails = new HashMap<>();
    for (Ledger.Life life : lives) {
      Set<String> of = byStart.get(life.trail());
      if (of != null) {
        trails.computeIfAbsent(life.file(), _ -> new LinkedHashSet<>()).addAll(of);
      }
    }
    for (int number = 0; number < ledger.next(); number++) {
      if (topic.arrived.has(number)) {
        int file = ledger.entry(number).file();
        for (ArrivedRecords.Place place : topic.arrived.places(number)) {
          trails.computeIfAbsent(file, _ -> new LinkedHashSet<>()).add(place.trail());
        }
      }
    }
    return trails;
  }

  /** A trail's id without the number of its incarnation. */
  private static String startOf(String trail) {
    return trail.split("~", 2)[0];
  }

  private static String said(Topic topic, String trail) {
    return Optional.ofNullable(topic.states.get(trail))
        .map(
            state ->
                "%s size %d sha256 %s cause %s dropped %s"
                    .formatted(
                        state.getState(),
                        state.getSize(),
                        state.getSha256().isPresent() ? "given" : "none",
                        state.getCause().orElse("none"),
                        state.getDropped()))
        .orElse("without a state");
  }

  /** Of which records what is said missing is asked: of a file, as a trail. */
  private record Said(Ledger.Life life, String trail, Ledger.Fate fate) {}

  /**
   * The bytes that are in a hole of a gap or in what the state gives up. Those of a destroyed
   * record may also have come, or lie behind the end of a closed trail of which the state says that
   * it lost its end, or that the file ended where the generator cut it, or be of a trail that a gap
   * says was left open.
   */
  private static Coverage saidMissing(Said one, Topic topic, Map<String, List<Gap>> trailGaps) {
    boolean destroyed = one.fate() == Ledger.Fate.DESTROYED;
    Coverage said = new Coverage();
    // Part of a destroyed record may have been read. Where other bytes took the place of one that
    // was kept, they say nothing of it.
    if (destroyed && topic.coverage.containsKey(one.trail())) {
      for (Range came : topic.coverage.get(one.trail()).covered()) {
        said.add(came.getPosition(), endOf(came));
      }
    }
    for (Gap gap : trailGaps.getOrDefault(one.trail(), List.of())) {
      gap.getHoles().forEach(hole -> said.add(hole.getPosition(), endOf(hole)));
      if (destroyed && isLeftOpen(gap)) {
        said.add(0, Integer.MAX_VALUE);
      }
    }
    TrailState last = topic.states.get(one.trail());
    if (last != null) {
      last.getDropped().forEach(hole -> said.add(hole.getPosition(), endOf(hole)));
      boolean endsThere = last.getCause().isPresent() || one.life().endedAt(last.getSize());
      if (destroyed && ClosingState.isOne(last) && endsThere) {
        said.add(last.getSize(), Integer.MAX_VALUE);
      }
    }
    return said;
  }

  /** Whether a gap of its trail has its first byte: a hole, an end that is not known, or all. */
  private static boolean has(Gap gap, Ledger.Entry entry) {
    if (isLeftOpen(gap)) {
      return true;
    }
    return gap.getHoles().isEmpty()
        ? gap.getPosition().orElse(Long.MAX_VALUE) <= entry.position()
        : gap.getHoles().stream()
            .anyMatch(
                hole -> hole.getPosition() <= entry.position() && entry.position() < endOf(hole));
  }

  /** Nobody told of its trail to the end; in trails are counted those of which no state came. */
  private static boolean isLeftOpen(Gap gap) {
    return gap.getKind() == GapKind.TRAIL_MISSING && gap.getUnit() == GapUnit.BYTES;
  }

  /** The open gaps of bytes, by the trails they are of. */
  private static Map<String, List<Gap>> trailGaps(Topic topic) {
    return topic.openGaps.values().stream()
        .filter(
            gap ->
                gap.getTrail().isPresent()
                    && (gap.getKind() == GapKind.TRAIL_COVERAGE || isLeftOpen(gap)))
        .collect(
            Collectors.groupingBy(
                gap -> Topic.nameOf(gap.getHost(), gap.getTrail().orElseThrow())));
  }

  /** The records' serials are one more than their numbers. */
  private static List<Gap> serialGaps(Topic topic) {
    return topic.openGaps.values().stream()
        .filter(gap -> gap.getHost().equals(Rig.HOST) && gap.getKind() == GapKind.SERIAL)
        .toList();
  }

  private static boolean has(Gap gap, long serial) {
    return gap.getFirstSerial().orElse(Long.MAX_VALUE) <= serial
        && serial <= gap.getLastSerial().orElse(-1L);
  }

  /** What a boot's gap of serials counts is no less than did not come of its range. */
  private static void judgeSerials(
      Topic topic, int first, List<Gap> serialGaps, List<String> failures) {
    for (Gap gap : serialGaps) {
      if (gap.getBoot().isEmpty()) {
        continue; // of a time when the agent's clock was another: two such ranges may overlap
      }
      long from = Math.max(first, gap.getFirstSerial().orElseThrow() - 1);
      long absent = 0;
      for (long number = from; number < gap.getLastSerial().orElseThrow(); number++) {
        absent += topic.arrived.has((int) number) ? 0 : 1;
      }
      if (gap.getMissing().orElse(0L) < absent) {
        failures.add(absent + " records did not come of the range of " + gap);
      }
    }
  }

  private static void judgeGaps(Topic topic, List<String> failures) {
    for (Gap gap : topic.openGaps.values()) {
      if (gap.getKind() != GapKind.TRAIL_COVERAGE || gap.getCertainty() != Certainty.PROVEN) {
        continue;
      }
      Coverage came =
          topic.coverage.getOrDefault(
              Topic.nameOf(gap.getHost(), gap.getTrail().orElse("")), new Coverage());
      for (Range hole : gap.getHoles()) {
        if (came.touches(hole.getPosition(), endOf(hole))) {
          failures.add("a gap is proven of bytes that came: " + hole + " of " + gap);
        }
      }
    }
  }

  /**
   * Whether what was collected is what was published: every closed file by its digest, and where
   * there is none every record of the log by its place.
   */
  static List<String> ofTree(Ledger ledger, Topic topic, Path collected) throws IOException {
    List<String> failures = new ArrayList<>();
    for (TrailState state : topic.states.values()) {
      if (ClosingState.isOne(state) && state.getSha256().isPresent()) {
        Path file = file(state, collected);
        if ((!Files.exists(file) || Files.size(file) != state.getSize())
            && !isQuarantinedWithCause(ledger, topic, state, file)) {
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
    // Which records it is; and all of trails without a digest, which nothing proved up to here.
    List<String> misfits = List.copyOf(failures);
    Map<String, byte[]> texts = new HashMap<>();
    for (int number = 0; number < ledger.next(); number++) {
      Ledger.Entry entry = ledger.entry(number);
      for (ArrivedRecords.Place place : topic.arrived.places(number)) {
        TrailState state = topic.states.get(place.trail());
        if (state == null || failures.size() > MOST_MISPLACED) {
          continue;
        }
        Path file = file(state, collected);
        boolean suspect =
            (ClosingState.isOne(state)
                    && state.getSha256().isEmpty()
                    && place.position() + place.length() <= state.getSize())
                || misfits.stream().anyMatch(said -> said.contains(state.getName()));
        if (!suspect || !Files.exists(file)) {
          continue;
        }
        byte[] bytes = texts.get(place.trail());
        if (bytes == null) {
          if (texts.size() == MOST_TEXTS) {
            texts.clear(); // records of a trail come in a row, maybe in one of its incarnations too
          }
          bytes = Files.readAllBytes(file);
          texts.put(place.trail(), bytes);
        }
        int from = (int) Math.min(bytes.length, place.position());
        int to = Math.min(bytes.length, from + place.length());
        String there = new String(bytes, from, to - from, StandardCharsets.ISO_8859_1);
        if (!there.contains(" msg='n=" + number + " ") || !there.endsWith("\n")) {
          failures.add(entry + " is not at its place in " + file);
        }
      }
    }
    return failures;
  }

  /**
   * Bytes came that a torn file lost before the agent had word of their arrival: so the digest of
   * what is left is not that of what came, which the sink says aloud.
   */
  private static boolean isQuarantinedWithCause(
      Ledger ledger, Topic topic, TrailState state, Path file) {
    String trail = Topic.nameOf(state.getHost(), state.getTrail());
    return Files.exists(file.resolveSibling(file.getFileName() + ".quarantined"))
        && Files.exists(file.resolveSibling(file.getFileName() + ".quarantined.json"))
        && topic.coverage.getOrDefault(trail, new Coverage()).end() > state.getSize()
        && ledger.lives().stream()
            .anyMatch(life -> life.trail().equals(startOf(trail)) && life.endedAt(state.getSize()));
  }

  /** Where a closed trail is collected. */
  static Path file(TrailState state, Path collected) {
    return collected.resolve(state.getHost()).resolve(state.getSource()).resolve(state.getName());
  }

  /** Whether an agent says that all its sources run. */
  static List<String> ofAgent(Topic topic, String host) {
    AgentStatus status = topic.lastStatus.get(host);
    if (status == null) {
      return List.of("no heartbeat of " + host);
    }
    return status.getSources().stream()
        .filter(source -> !source.getState().equals("RUNNING"))
        .map(source -> "a source of " + host + " does not run: " + source)
        .toList();
  }

  /** Who reads what is not committed sees no less. */
  static List<String> ofReaders(int records, int messages, Topic committed, Topic all) {
    List<String> failures = new ArrayList<>();
    for (int number = 0; number < records && failures.size() < MOST_NAMED; number++) {
      for (ArrivedRecords.Place place : committed.arrived.places(number)) {
        if (!all.arrived.places(number).contains(place)) {
          failures.add("record " + number + ": read_uncommitted lacks " + place);
        }
      }
    }
    for (int number = 0; number < messages && failures.size() < MOST_NAMED; number++) {
      if (committed.messages.containsKey(number) && !all.messages.containsKey(number)) {
        failures.add("message " + number + ": read_uncommitted lacks it");
      }
    }
    return failures;
  }

  private static long endOf(Range range) {
    return range.getPosition() + range.getLength();
  }
}
