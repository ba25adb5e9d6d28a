// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Which stops a host's facts tell of, and which record marks each. A pure function of the facts, so
 * that the order in which they came cannot matter.
 *
 * <p>One stop may be marked by several records. The daemon's own word is strongest, then the
 * kernel's that it unregistered, then the next start of a daemon that had not ended. Every record
 * that may mark a stop has an id of its own; one that turns out to be the weaker is superseded by
 * the stronger's id.
 *
 * <p>Thread-safe: stateless.
 */
final class Endings {
  /**
   * A call's time is its entry, in steps of 4 ms; the daemon stamps its own records by the clock.
   */
  static final long TOLERANCE_MICROS = 4000;

  /** The daemons of 2005 stamp whole seconds. */
  static final long LEGACY_TOLERANCE_MICROS = 1_000_000;

  private static final long MICROS_A_SECOND = 1_000_000;

  /** How long a daemon may take to give up, or to leave the kernel after its last record. */
  private static final long NEAR_MICROS = 60 * MICROS_A_SECOND;

  private static final int ID_DIGITS = 32;

  /**
   * A stop and what marks it.
   *
   * @param id the same in any interleaving: 32 hex digits
   * @param marker a {@link Fact.Stop}, or the {@link Fact.Start} of the next run
   * @param run the start of the run that ended, where known
   * @param before when that daemon ended before, where known and the run is not
   * @param weaker other records that mark the same stop
   * @param supersededBy id of the ending whose marker is stronger
   * @param withdrawn why there was no stop after all
   */
  record Ending(
      String id,
      Fact marker,
      Optional<Fact.Start> run,
      Optional<Long> before,
      List<Fact.Stop> weaker,
      Optional<String> supersededBy,
      Optional<String> withdrawn) {
    boolean holds() {
      return supersededBy.isEmpty() && withdrawn.isEmpty();
    }

    long time() {
      return marker.stamp().time();
    }
  }

  private final HostFacts facts;
  private final List<Fact.Start> runs; // that were not given up
  // Asked for each pair of facts, so found once for each fact.
  private final Set<Fact.Start> lasting;
  private final IdentityHashMap<Fact.Stop, String> daemons = new IdentityHashMap<>();
  private final IdentityHashMap<Fact.Stop, Optional<Long>> leaving = new IdentityHashMap<>();
  private final IdentityHashMap<Fact.Stop, Optional<Fact.Stop>> endsBefore =
      new IdentityHashMap<>();
  private final IdentityHashMap<Fact.Stop, Optional<Fact.Start>> runsOf = new IdentityHashMap<>();
  private final IdentityHashMap<Fact.Stop, Optional<Fact.Stop>> ends = new IdentityHashMap<>();

  private Endings(HostFacts facts) {
    this.facts = facts;
    this.runs = facts.starts().stream().filter(start -> !givenUp(start)).toList();
    this.lasting = Collections.newSetFromMap(new IdentityHashMap<>());
    lasting.addAll(runs);
    // Each of these rests on those before it.
    for (Fact.Stop stop : facts.stops()) {
      daemons.put(stop, daemonOf(stop, facts));
      leaving.put(stop, whoLeaves(stop));
    }
    facts.stops().forEach(stop -> endsBefore.put(stop, findEndBefore(stop)));
    facts.stops().forEach(stop -> runsOf.put(stop, findRunOf(stop)));
    facts.stops().forEach(stop -> ends.put(stop, findEndOf(stop)));
  }

  /** All stops a host's facts tell of, those that no longer hold too. */
  static List<Ending> of(HostFacts facts) {
    Endings endings = new Endings(facts);
    List<Ending> all = new ArrayList<>();
    for (Fact.Stop stop : facts.stops()) {
      all.add(endings.ending(stop));
    }
    for (Fact.Start start : facts.starts()) {
      endings.ending(start).ifPresent(all::add);
    }
    return all;
  }

  /**
   * The id of what a record marks. Where two systems under one host's name, told apart by node=,
   * wrote records of the same type, time and serial, the name of all but the first is part of it.
   */
  static String id(Fact marker, HostFacts facts) {
    Fact.Stamp stamp = marker.stamp();
    List<String> text = new ArrayList<>();
    text.add(type(marker));
    text.add(Long.toString(stamp.time()));
    text.add(Long.toString(stamp.serial()));
    if (stamp.content() != null) {
      text.add(stamp.content());
    }
    if (marker instanceof Fact.Stop stop && stop.mark() == Fact.Mark.SWITCHED_OFF) {
      text.add(stop.mark().name());
    }
    boolean second =
        stamp.node() != null
            && (marker instanceof Fact.Stop ? facts.stops() : facts.starts())
                .stream()
                    .filter(other -> type(other).equals(type(marker)))
                    .map(Fact::stamp)
                    .filter(
                        other ->
                            other.time() == stamp.time()
                                && other.serial() == stamp.serial()
                                && Objects.equals(other.content(), stamp.content()))
                    .anyMatch(other -> other.node() != null && before(other, stamp));
    if (second) {
      text.add(stamp.node());
    }
    return String.join("\0", text);
  }

  private static boolean before(Fact.Stamp other, Fact.Stamp stamp) {
    return other.node().compareTo(stamp.node()) < 0;
  }

  /** The id as it is published. */
  static String published(String host, String id) {
    return Attribution.digest((host + "\0" + id).getBytes(StandardCharsets.UTF_8))
        .substring(0, ID_DIGITS);
  }

  /** The marking record's type. */
  static String type(Fact marker) {
    return marker instanceof Fact.Stop stop ? stop.marker() : ((Fact.Start) marker).marker();
  }

  private Ending ending(Fact.Stop stop) {
    String id = id(stop, facts);
    if (stop.mark() == Fact.Mark.END) {
      Optional<Fact.Start> run = runsOf.get(stop);
      return new Ending(
          id, stop, run, ended(stop), weakerThan(stop), Optional.empty(), Optional.empty());
    }
    if (stop.mark() == Fact.Mark.SWITCHED_OFF && byDaemonItself(stop).isEmpty()) {
      return new Ending(
          id,
          stop,
          Optional.empty(),
          Optional.empty(),
          List.of(),
          Optional.empty(),
          Optional.empty());
    }
    return new Ending(
        id,
        stop,
        runsOf.get(stop),
        ended(stop),
        List.of(),
        ends.get(stop).map(end -> id(end, facts)),
        Optional.empty());
  }

  /** A start marks the end of the run before it, if nothing else does. */
  private Optional<Ending> ending(Fact.Start start) {
    Optional<Fact.Start> before =
        runs.stream()
            .filter(run -> ofOneDaemon(run, start.daemon(), start.stamp()))
            .filter(run -> run.stamp().time() < start.stamp().time())
            .max(Comparator.comparingLong(run -> run.stamp().time()));
    if (before.isEmpty() && !wasRecovered(start)) {
      return Optional.empty();
    }
    Optional<String> withdrawn =
        !lasting.contains(start)
            ? Optional.of("the daemon whose start marked it gave up: the one before it went on")
            : Optional.empty();
    Optional<Fact.Stop> stronger =
        before.flatMap(
            run ->
                facts.stops().stream()
                    .filter(stop -> ends(stop, run, start))
                    .max(
                        Comparator.comparing((Fact.Stop stop) -> stop.mark() == Fact.Mark.END)
                            .thenComparingLong(stop -> stop.stamp().time())));
    return Optional.of(
        new Ending(
            id(start, facts),
            start,
            before,
            Optional.empty(),
            List.of(),
            withdrawn.isPresent()
                ? Optional.empty()
                : stronger.map(stop -> id(ends.get(stop).orElse(stop), facts)),
            withdrawn));
  }

  /** Whether that record ended the run before the next one started. */
  private boolean ends(Fact.Stop stop, Fact.Start run, Fact.Start next) {
    long time = stop.stamp().time();
    if (!stop.stamp().ofOneNode(run.stamp())
        || time < run.stamp().time() - toleranceOf(stop)
        || time > next.stamp().time() + toleranceOf(stop)) {
      return false;
    }
    if (stop.mark() == Fact.Mark.END) {
      return daemons.get(stop).equals(run.daemon())
          && time > run.stamp().time() - (stop.pid() == null ? 0 : toleranceOf(stop))
          && (stop.pid() == null || run.pid() == null || stop.pid().equals(run.pid()));
    }
    Long pid = leaving.get(stop).orElse(null);
    return pid != null && pid.equals(run.pid());
  }

  /** Whose end a record that is not the daemon's own marks. */
  private Optional<Long> whoLeaves(Fact.Stop stop) {
    return stop.mark() == Fact.Mark.UNREGISTERED
        ? Optional.ofNullable(stop.pid())
        : byDaemonItself(stop);
  }

  /** BSM's auditd switches auditing off itself when it ends: then that is no stop of its own. */
  private Optional<Long> byDaemonItself(Fact.Stop stop) {
    Long pid = stop.actor() == null ? null : stop.actor().pid();
    if (stop.mark() != Fact.Mark.SWITCHED_OFF
        || !stop.marker().equals(BsmFacts.SETCOND)
        || pid == null) {
      return Optional.empty();
    }
    boolean isDaemon =
        facts.starts().stream()
                .filter(run -> run.marker().equals(BsmFacts.STARTUP))
                .filter(run -> run.stamp().ofOneNode(stop.stamp()))
                .filter(run -> run.stamp().time() <= stop.stamp().time())
                .max(Comparator.comparingLong(run -> run.stamp().time()))
                .filter(run -> pid.equals(run.pid()))
                .isPresent()
            || facts.stops().stream()
                .filter(end -> end.marker().equals(BsmFacts.SHUTDOWN))
                .filter(end -> end.stamp().ofOneNode(stop.stamp()))
                .anyMatch(
                    end ->
                        pid.equals(end.pid())
                            && Math.abs(end.stamp().time() - stop.stamp().time()) <= NEAR_MICROS);
    return isDaemon ? Optional.of(pid) : Optional.empty();
  }

  /** The daemon's own word about the end which this record marks too. */
  private Optional<Fact.Stop> findEndOf(Fact.Stop stop) {
    if (stop.mark() == Fact.Mark.END) {
      return Optional.of(stop);
    }
    Optional<Long> pid = leaving.get(stop);
    return pid.isEmpty()
        ? Optional.empty()
        : facts.stops().stream()
            .filter(end -> end.mark() == Fact.Mark.END)
            .filter(end -> end.stamp().mayBelongTo(stop.stamp()))
            .filter(end -> Math.abs(end.stamp().time() - stop.stamp().time()) <= NEAR_MICROS)
            .filter(
                end ->
                    pidOf(end)
                        .map(pid.get()::equals)
                        .orElseGet(() -> runOf(pid.get(), stop).isEmpty()))
            .min(
                Comparator.comparingLong(
                    end -> Math.abs(end.stamp().time() - stop.stamp().time())));
  }

  private Optional<Long> pidOf(Fact.Stop end) {
    return Optional.ofNullable(end.pid()).or(() -> runsOf.get(end).map(Fact.Start::pid));
  }

  private List<Fact.Stop> weakerThan(Fact.Stop end) {
    return facts.stops().stream()
        .filter(stop -> stop.mark() != Fact.Mark.END)
        .filter(stop -> Math.abs(end.stamp().time() - stop.stamp().time()) <= NEAR_MICROS)
        .filter(stop -> ends.get(stop).filter(end::equals).isPresent())
        .sorted(Comparator.comparingLong(stop -> stop.stamp().time()))
        .limit(2)
        .toList();
  }

  /**
   * The start of the run that a record ended: the last one before it of that daemon that was not
   * given up and not ended in between.
   */
  private Optional<Fact.Start> findRunOf(Fact.Stop stop) {
    Optional<Long> pid = stop.mark() == Fact.Mark.END ? opt(stop.pid()) : leaving.get(stop);
    if (pid.isPresent()) {
      return runOf(pid.get(), stop);
    }
    long after = endsBefore.get(stop).map(end -> end.stamp().time()).orElse(Long.MIN_VALUE);
    return runs.stream()
        .filter(run -> ofOneDaemon(run, daemons.get(stop), stop.stamp()))
        .filter(run -> run.stamp().mayBelongTo(stop.stamp()))
        .filter(run -> run.stamp().time() <= stop.stamp().time())
        .filter(run -> run.stamp().time() > after)
        .max(Comparator.comparingLong(run -> run.stamp().time()));
  }

  private Optional<Fact.Start> runOf(long pid, Fact.Stop stop) {
    return runs.stream()
        .filter(run -> run.pid() != null && run.pid() == pid)
        .filter(run -> run.stamp().mayBelongTo(stop.stamp()))
        .filter(run -> run.stamp().time() <= stop.stamp().time() + toleranceOf(stop))
        .max(Comparator.comparingLong(run -> run.stamp().time()));
  }

  private Optional<Long> ended(Fact.Stop stop) {
    return endsBefore.get(stop).map(end -> end.stamp().time());
  }

  /** The last end of that daemon before this one. */
  private Optional<Fact.Stop> findEndBefore(Fact.Stop stop) {
    String daemon = daemons.get(stop);
    return facts.stops().stream()
        .filter(end -> end.mark() == Fact.Mark.END)
        .filter(end -> end.stamp().time() < stop.stamp().time())
        .filter(end -> daemons.get(end).equals(daemon))
        .filter(end -> end.stamp().mayBelongTo(stop.stamp()))
        .max(Comparator.comparingLong(end -> end.stamp().time()));
  }

  /**
   * Which daemon a record is of. A DAEMON_END does not say; the starts in its source do: each
   * daemon writes where it alone writes.
   */
  static String daemonOf(Fact.Stop stop, HostFacts facts) {
    if (stop.mark() == Fact.Mark.SWITCHED_OFF || !stop.daemon().equals(FactReader.AUDITD)) {
      return stop.daemon();
    }
    return facts.starts().stream()
        .filter(start -> start.stamp().ofOneNode(stop.stamp()))
        .filter(start -> start.stamp().time() <= stop.stamp().time())
        .filter(start -> start.stamp().sharesSource(stop.stamp()))
        .max(Comparator.comparingLong(start -> start.stamp().time()))
        .map(Fact.Start::daemon)
        .orElseGet(() -> facts.daemonOf(stop.stamp().sources()).orElse(stop.daemon()));
  }

  private static boolean ofOneDaemon(Fact.Start run, String daemon, Fact.Stamp stamp) {
    return run.daemon().equals(daemon) && run.stamp().ofOneNode(stamp);
  }

  /** BSM's auditd found a trail whose writer had died. */
  private boolean wasRecovered(Fact.Start start) {
    return start.marker().equals(BsmFacts.STARTUP)
        && facts.boots().stream()
            .filter(boot -> boot.type().equals(BsmFacts.RECOVERY))
            .filter(boot -> boot.stamp().ofOneNode(start.stamp()))
            .anyMatch(boot -> Math.abs(boot.stamp().time() - start.stamp().time()) <= NEAR_MICROS);
  }

  private boolean givenUp(Fact.Start start) {
    return facts.aborts().stream()
        .anyMatch(
            abort ->
                Objects.equals(abort.pid(), start.pid())
                    && abort.stamp().mayBelongTo(start.stamp())
                    && abort.stamp().time() >= start.stamp().time() - TOLERANCE_MICROS
                    && abort.stamp().time() <= start.stamp().time() + NEAR_MICROS
                    && facts.starts().stream()
                        .noneMatch(
                            later ->
                                Objects.equals(later.pid(), start.pid())
                                    && later.stamp().time() > start.stamp().time()
                                    && later.stamp().time() <= abort.stamp().time()));
  }

  /** How much later than the stop's own time its cause may be stamped. */
  static long toleranceOf(Fact marker) {
    return type(marker).equals(FactReader.LEGACY) ? LEGACY_TOLERANCE_MICROS : TOLERANCE_MICROS;
  }

  private static Optional<Long> opt(Long value) {
    return Optional.ofNullable(value);
  }
}
