// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.Certainty;
import auditbus.schemas.Evidence;
import auditbus.schemas.EvidenceKind;
import auditbus.schemas.ShutdownAttribution;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Weighs the facts of a host: who made one stop. A pure function of them.
 *
 * <p>The kernel tells a daemon who signalled it from one slot that a refused attempt overwrites,
 * that is never cleared, and that holds the plain uid where the loginuid is unset. So the kill's
 * own event decides wherever it was recorded, and what the slot says is evidence beside it.
 *
 * <p>Thread-safe: stateless.
 */
final class Attribution {
  /**
   * A call's time is its entry, in steps of 4 ms; the daemon stamps its own records by the clock.
   */
  static final long TOLERANCE_MICROS = 4000;

  static final int MAX_EVIDENCE = 20;

  private static final int ID_BYTES = 16;

  private final String host;
  private final Fact.Stop stop;
  private final Optional<Fact.Start> start;
  private final List<Fact.Kill> kills;

  private Attribution(String host, Fact.Stop stop, HostFacts facts, long windowMicros) {
    this.host = host;
    this.stop = stop;
    this.start = facts.startOf(stop);
    long notBefore = stop.stamp().time() - windowMicros;
    long from =
        start
            .map(started -> Math.max(notBefore, started.stamp().time() - TOLERANCE_MICROS))
            .or(
                () ->
                    facts
                        .stopBefore(stop)
                        .map(before -> Math.max(notBefore, before.stamp().time() + 1)))
            .orElse(notBefore);
    this.kills =
        facts.kills().stream()
            .filter(kill -> kill.stamp().mayBelongTo(stop.stamp()))
            .filter(kill -> kill.stamp().time() >= from)
            .filter(kill -> kill.stamp().time() <= stop.stamp().time() + TOLERANCE_MICROS)
            .filter(kill -> target(kill).isPresent())
            .sorted(
                Comparator.comparing((Fact.Kill kill) -> !asksToEnd(kill))
                    .thenComparing(kill -> kill.stamp().time(), Comparator.reverseOrder())
                    .thenComparing(kill -> kill.stamp().serial(), Comparator.reverseOrder()))
            .limit(MAX_EVIDENCE)
            .toList();
  }

  /** Who made the stop, as revision 0. */
  static ShutdownAttribution of(String host, Fact.Stop stop, HostFacts facts, long windowMicros) {
    return new Attribution(host, stop, facts, windowMicros).weigh();
  }

  /** Whether a kill's time lets it explain the stop. */
  static boolean inReach(Fact.Kill kill, Fact.Stop stop, long windowMicros) {
    long before = stop.stamp().time() - kill.stamp().time();
    return before >= -TOLERANCE_MICROS && before <= windowMicros;
  }

  /** The stop's id, the same in any interleaving: 32 hex digits. */
  static String id(String host, Fact.Stop stop) {
    String text =
        String.join(
            "\0",
            host,
            stop.marker(),
            Long.toString(stop.stamp().time()),
            Long.toString(stop.stamp().serial()));
    return digest(text).substring(0, 2 * ID_BYTES);
  }

  static String digest(String text) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** Whether a process is named like an audit daemon and runs as root, as all of them do. */
  static boolean namedLikeADaemon(Fact.Target target) {
    return (FactReader.AUDITD.equals(target.comm()) || FactReader.AUDITBUS.equals(target.comm()))
        && (target.uid() == null || target.uid() == 0);
  }

  private ShutdownAttribution weigh() {
    ShutdownAttribution.Builder result =
        ShutdownAttribution.newBuilder()
            .setId(id(host, stop))
            .setHost(host)
            .setNode(stop.stamp().node())
            .setBoot(stop.stamp().boot())
            .setDaemon(start.map(Fact.Start::daemon).orElse(stop.daemon()))
            .setDaemonPid(daemonPid())
            .setStopped(instant(stop.stamp().time()))
            .setMarker(stop.marker())
            .setDisagreement(disagreement());
    if (!kills.isEmpty()) {
      Fact.Actor sender = kills.getFirst().sender();
      name(result, sender);
      result
          .setAttribution(
              sender.auid() == null
                  ? auditbus.schemas.Attribution.UNSET
                  : auditbus.schemas.Attribution.USER)
          .setCertainty(Certainty.PROVEN);
    } else if (namesAUser(stop.signalInfo())) {
      name(result, stop.signalInfo());
      result.setAttribution(auditbus.schemas.Attribution.USER).setCertainty(Certainty.SUSPECTED);
    } else {
      result
          .setAttribution(auditbus.schemas.Attribution.UNATTRIBUTED)
          .setCertainty(Certainty.UNKNOWN);
    }
    return result.setEvidence(evidence()).build();
  }

  private static void name(ShutdownAttribution.Builder result, Fact.Actor actor) {
    result
        .setAuid(actor.auid())
        .setUid(actor.uid())
        .setSession(actor.session())
        .setPid(actor.pid())
        .setComm(actor.comm())
        .setExe(actor.exe());
  }

  private Long daemonPid() {
    return start
        .map(Fact.Start::pid)
        .or(() -> kills.stream().findFirst().flatMap(this::target).map(Fact.Target::pid))
        .orElse(null);
  }

  /** The daemon among those a kill hit. */
  private Optional<Fact.Target> target(Fact.Kill kill) {
    return kill.targets().stream().filter(this::isTheDaemon).findFirst();
  }

  private boolean isTheDaemon(Fact.Target target) {
    Long pid = start.map(Fact.Start::pid).orElse(null);
    return pid != null
        ? pid == target.pid()
        : namedLikeADaemon(target) && stop.daemon().equals(target.comm());
  }

  /** auditd ends at TERM and ignores the other ending signals but KILL; auditbus also at INT. */
  private boolean asksToEnd(Fact.Kill kill) {
    return kill.signal() == SignalCalls.SIGTERM
        || (kill.signal() == SignalCalls.SIGINT && stop.daemon().equals(FactReader.AUDITBUS));
  }

  private static boolean namesAUser(Fact.Actor info) {
    return info.auid() != null && info.auid() > 0;
  }

  private boolean disagreement() {
    return !kills.isEmpty()
        && (signalInfoDisagrees()
            || kills.stream().skip(1).anyMatch(kill -> differs(kill, kills.getFirst())));
  }

  private boolean differs(Fact.Kill kill, Fact.Kill strongest) {
    return asksToEnd(kill) == asksToEnd(strongest)
        && (!Objects.equals(kill.sender().pid(), strongest.sender().pid())
            || !Objects.equals(kill.sender().auid(), strongest.sender().auid()));
  }

  private boolean signalInfoDisagrees() {
    Fact.Actor sender = kills.getFirst().sender();
    Fact.Actor info = stop.signalInfo();
    // The kernel gives the uid where the loginuid is unset.
    Long told = sender.auid() != null ? sender.auid() : sender.uid();
    return (info.pid() != null && sender.pid() != null && !info.pid().equals(sender.pid()))
        || (namesAUser(info) && told != null && !info.auid().equals(told));
  }

  private List<Evidence> evidence() {
    List<Evidence> all = new ArrayList<>();
    for (Fact.Kill kill : kills) {
      all.add(
          evidence(EvidenceKind.KILL_EVENT, kill.stamp(), kill.sender())
              .setSignal(kill.signal())
              .setNote(note(kill))
              .build());
    }
    all.add(
        evidence(EvidenceKind.SIGNAL_INFO, stop.stamp(), stop.signalInfo())
            .setNote(signalInfoNote())
            .build());
    return all;
  }

  private String note(Fact.Kill kill) {
    Fact.Kill strongest = kills.getFirst();
    if (kill.equals(strongest)) {
      return start.isPresent()
          ? null
          : "no DAEMON_START of this daemon is known: it is taken for the daemon by its name";
    }
    if (!asksToEnd(kill)) {
      return "a signal that makes the daemon write no such record";
    }
    return differs(kill, strongest)
        ? "disagrees: another sender within the window; the newest is taken"
        : "the same sender, earlier";
  }

  private String signalInfoNote() {
    Fact.Actor info = stop.signalInfo();
    if (info.auid() == null && info.pid() == null) {
      return "says nothing: the daemon did not learn who sent the signal";
    }
    if (!kills.isEmpty() && signalInfoDisagrees()) {
      return "disagrees with the kill's own event: the kernel remembers the last who tried, not who"
          + " succeeded";
    }
    if (info.auid() == null) {
      return "names no login uid";
    }
    if (info.auid() == 0) {
      return "ambiguous: 0 is also what the kernel gives for a sender of uid 0 without login uid";
    }
    return kills.isEmpty()
        ? "not proven: the kernel remembers the last who tried, and gives the uid where the login"
            + " uid is unset"
        : null;
  }

  private static Evidence.Builder evidence(EvidenceKind kind, Fact.Stamp stamp, Fact.Actor actor) {
    return Evidence.newBuilder()
        .setKind(kind)
        .setSource(stamp.source())
        .setTrail(stamp.trail())
        .setPosition(stamp.position())
        .setTime(instant(stamp.time()))
        .setSerial(stamp.serial())
        .setAuid(actor.auid())
        .setUid(actor.uid())
        .setSession(actor.session())
        .setPid(actor.pid())
        .setComm(actor.comm())
        .setExe(actor.exe());
  }

  private static Instant instant(long micros) {
    return Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
  }
}
