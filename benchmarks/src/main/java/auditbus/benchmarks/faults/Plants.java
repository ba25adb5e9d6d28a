// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.schemas.Coverage;
import auditbus.schemas.Range;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Losses made on purpose, to see that the account finds each: it must name the very record. One
 * thread owns it.
 */
final class Plants {
  private static final long PATIENCE_SECONDS = 60;

  /** What is done. */
  enum Plant {
    /** A record is taken back from the log before the agent could read it, and nobody is told. */
    LOSE,
    /** A record that came is withheld from the account. */
    DROP,
    /** The bytes of a record are removed from the collected tree. */
    SINK,
    /** What says that a destroyed record is missing is suppressed. */
    GAP,
    /** A message of the kernel that came is withheld from the account. */
    MESSAGE;

    String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Set<Plant> wanted;
  private final Map<Plant, Integer> planted = new EnumMap<>(Plant.class);

  Plants(Set<Plant> wanted) {
    this.wanted = wanted.isEmpty() ? EnumSet.noneOf(Plant.class) : EnumSet.copyOf(wanted);
  }

  boolean isEmpty() {
    return wanted.isEmpty();
  }

  /** While the generator still writes: what has to happen to the log. */
  void inLog(Rig rig, Generator generator) throws IOException, InterruptedException {
    for (Plant plant : List.of(Plant.LOSE, Plant.GAP)) {
      if (wanted.contains(plant)) {
        inLog(plant, rig, generator);
      }
    }
  }

  // While the agent is stopped, so that it cannot have read the record; in a log it knows.
  private void inLog(Plant plant, Rig rig, Generator generator)
      throws IOException, InterruptedException {
    generator.rotate();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!rig.agent.isAwake() || !rig.agent.hasOpen(rig.log())) {
      if (System.nanoTime() > deadline) {
        throw new IOException("the agent did not open the log within " + PATIENCE_SECONDS + " s");
      }
      Thread.sleep(100);
    }
    rig.agent.signal("STOP");
    try {
      say(plant, plant == Plant.LOSE ? generator.lose() : generator.destroyUnread());
    } finally {
      rig.agent.signal("CONT");
    }
  }

  /** When all is well: what has to happen to the account and the collected tree. */
  void inAccount(Ledger ledger, Topic topic, Path collected) throws IOException {
    for (Plant plant : wanted) {
      switch (plant) {
        case LOSE -> {
          // done before
        }
        case DROP -> drop(ledger, topic);
        case SINK -> sink(ledger, topic, collected);
        case GAP -> suppress(ledger, topic);
        case MESSAGE -> {
          List<Integer> numbers = List.copyOf(topic.messages.keySet());
          int number = numbers.get(numbers.size() / 2);
          topic.messages.remove(number);
          say(plant, number);
        }
      }
    }
  }

  private void drop(Ledger ledger, Topic topic) throws IOException {
    int number = kept(ledger, topic, ledger.next() / 2);
    ArrivedRecords.Place place = topic.arrived.places(number).getFirst();
    topic.arrived.forget(number);
    Coverage less = new Coverage();
    long end = place.position() + place.length();
    for (Range range : topic.coverage.get(place.trail()).covered()) {
      long stop = range.getPosition() + range.getLength();
      long _ =
          less.add(
              range.getPosition(), Math.max(range.getPosition(), Math.min(stop, place.position())));
      long _ = less.add(Math.min(stop, Math.max(range.getPosition(), end)), stop);
    }
    topic.coverage.put(place.trail(), less);
    say(Plant.DROP, number);
  }

  private void sink(Ledger ledger, Topic topic, Path collected) throws IOException {
    for (int from = ledger.next() / 3; ; from++) {
      int number = kept(ledger, topic, from);
      ArrivedRecords.Place place = topic.arrived.places(number).getFirst();
      TrailState state = topic.states.get(place.trail());
      if (state == null
          || state.getState() != TrailStatus.TERMINATED
          || state.getSha256().isEmpty()) {
        continue;
      }
      Path file = Account.file(state, collected);
      byte[] bytes = Files.readAllBytes(file);
      int position = Math.toIntExact(place.position());
      ByteArrayOutputStream rest = new ByteArrayOutputStream();
      rest.write(bytes, 0, position);
      rest.write(bytes, position + place.length(), bytes.length - position - place.length());
      Files.write(file, rest.toByteArray());
      say(Plant.SINK, number);
      return;
    }
  }

  private void suppress(Ledger ledger, Topic topic) {
    String start = ledger.lives().get(ledger.entry(planted.get(Plant.GAP)).file()).trail();
    topic
        .openGaps
        .values()
        .removeIf(gap -> gap.getTrail().filter(trail -> trail.startsWith(start)).isPresent());
    topic.states.replaceAll(
        (trail, state) ->
            trail.startsWith(start)
                ? TrailState.newBuilder(state).setCause(null).setDropped(List.of()).build()
                : state);
  }

  private static int kept(Ledger ledger, Topic topic, int from) throws IOException {
    for (int number = from; number < ledger.next(); number++) {
      if (topic.arrived.has(number) && ledger.entry(number).fate() == Ledger.Fate.KEPT) {
        return number;
      }
    }
    throw new IOException("no record came that could be withheld");
  }

  private void say(Plant plant, int number) {
    planted.put(plant, number);
    System.out.println(Faults.clock() + " planted: " + plant.label() + ", " + name(plant));
  }

  private String name(Plant plant) {
    return (plant == Plant.MESSAGE ? "message " : "record ") + planted.get(plant);
  }

  /** Whether a failure is of what was planted. */
  boolean isOf(String failure) {
    return failure.startsWith("in all ")
        || planted.keySet().stream().anyMatch(plant -> names(failure, plant));
  }

  private boolean names(String failure, Plant plant) {
    return failure.matches("(?s)" + name(plant) + "[: ].*");
  }

  /** Says which were found; whether all were. */
  boolean found(List<String> failures) {
    boolean all = planted.keySet().containsAll(wanted);
    for (Plant plant : planted.keySet()) {
      boolean found = failures.stream().anyMatch(failure -> names(failure, plant));
      System.out.println(
          "planted " + plant.label() + ", " + name(plant) + ": " + (found ? "found" : "NOT FOUND"));
      all &= found;
    }
    return all;
  }
}
