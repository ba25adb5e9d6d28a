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
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Weighs the facts of a host: who made one stop. A pure function of them.
 *
 * <p>The kernel tells a daemon who signalled it from one slot that a refused attempt overwrites,
 * that is never cleared, and that holds the plain uid where the loginuid is unset. So the kill's
 * own event decides wherever it was recorded, and what the slot says is evidence beside it. Where
 * the service manager sent the signal, and for BSM, which records no signal to auditd's trigger,
 * whoever asked is named if one alone did.
 *
 * <p>Thread-safe: stateless.
 */
final class Attribution {
  static final int MAX_EVIDENCE = 20;

  // Beyond it a start and an end are not taken for those of one run by their numbers.
  private static final int MAX_RECORDS_OF_A_RUN = 256;

  private static final Fact.Actor NOBODY = Fact.Actor.UNKNOWN;

  private final String host;
  private final Endings.Ending ending;
  private final HostFacts facts;
  private final Fact marker;
  private final Fact.Stamp stamp; // of the system that stopped, in its boot
  private final Fact.Actor signalInfo;
  private final String daemon;
  private final long windowMicros;
  private final long from;
  private final long until;
  private final List<Fact.Kill> kills;
  private final Optional<Fact.Kill> decisive;
  private final List<Fact.Request> requests;
  private final List<Fact.ServiceStop> services;
  private final boolean byManager;

  private Attribution(String host, Endings.Ending ending, HostFacts facts, long windowMicros) {
    this.host = host;
    this.ending = ending;
    this.facts = facts;
    this.marker = ending.marker();
    this.stamp =
        marker instanceof Fact.Start
            ? ending.run().map(Fact.Start::stamp).orElse(marker.stamp())
            : marker.stamp();
    this.signalInfo = signalInfo();
    this.daemon = daemon();
    this.windowMicros = windowMicros;
    this.from = from();
    this.until = marker.stamp().time() + Endings.toleranceOf(marker);
    this.kills = isSwitch() ? List.of() : kills();
    this.decisive = kills.stream().findFirst().filter(this::asksToEnd);
    boolean direct = decisive.filter(kill -> !kill.sender().isInit()).isPresent();
    this.services = isSwitch() || direct ? List.of() : services();
    this.requests = isSwitch() || direct ? List.of() : requests();
    this.byManager = !direct && !isSwitch() && byManager();
  }

  /** Who made the stop, as revision 0. */
  static ShutdownAttribution of(
      String host, Endings.Ending ending, HostFacts facts, long windowMicros) {
    return new Attribution(host, ending, facts, windowMicros).weigh();
  }

  static String digest(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  static String digest(String text) {
    return digest(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Whether a process is named like an audit daemon and runs as root, as all of them do. */
  static boolean namedLikeADaemon(Fact.Target target) {
    return (FactReader.AUDITD.equals(target.comm()) || FactReader.AUDITBUS.equals(target.comm()))
        && (target.uid() == null || target.uid() == 0);
  }

  private boolean isSwitch() {
    return ending.run().isEmpty()
        && marker instanceof Fact.Stop stop
        && stop.mark() == Fact.Mark.SWITCHED_OFF;
  }

  private boolean isBsm() {
    return Endings.type(marker).startsWith("AUE_");
  }

  private Fact.Actor signalInfo() {
    return marker instanceof Fact.Stop stop && stop.mark() == Fact.Mark.END && stop.actor() != null
        ? stop.actor()
        : NOBODY;
  }

  private String daemon() {
    return ending
        .run()
        .map(Fact.Start::daemon)
        .orElseGet(
            () ->
                marker instanceof Fact.Stop stop
                    ? Endings.daemonOf(stop, facts)
                    : ((Fact.Start) marker).daemon());
  }

  /** The earliest time of what may have caused the stop. */
  private long from() {
    Optional<Long> started = ending.run().map(run -> run.stamp().time() - Endings.toleranceOf(run));
    if (marker instanceof Fact.Start && started.isPresent()) {
      // Nobody knows when the run ended: at any time until the next start.
      return started.get();
    }
    long notBefore = marker.stamp().time() - windowMicros;
    return started
        .or(() -> ending.before().map(ended -> ended + 1))
        .map(time -> Math.max(notBefore, time))
        .orElse(notBefore);
  }

  private boolean isInReach(Fact fact) {
    return fact.stamp().mayBelongTo(stamp)
        && fact.stamp().time() >= from
        && fact.stamp().time() <= until;
  }

  /** Those that hit the daemon, the one that ended it first. */
  private List<Fact.Kill> kills() {
    List<Fact.Kill> hits =
        facts.kills().stream()
            .filter(this::isInReach)
            .filter(kill -> target(kill).isPresent())
            .toList();
    long gone = gone(hits);
    return hits.stream()
        .filter(kill -> kill.stamp().time() <= gone)
        .sorted(
            Comparator.comparing((Fact.Kill kill) -> !asksToEnd(kill))
                .thenComparing(kill -> kill.signal() != SignalCalls.SIGKILL)
                .thenComparing(kill -> kill.stamp().time(), Comparator.reverseOrder())
                .thenComparing(kill -> kill.stamp().serial(), Comparator.reverseOrder())
                .thenComparing(kill -> String.valueOf(kill.stamp().content())))
        .limit(MAX_EVIDENCE)
        .toList();
  }

  /**
   * Until when a signal at the daemon's pid can have hit it. Where only the next start marks the
   * end, that may be long after: what SIGKILL hit is gone, what TERM hit is soon, and a later
   * signal at that pid hit another process.
   */
  private long gone(List<Fact.Kill> hits) {
    if (marker instanceof Fact.Stop) {
      return Long.MAX_VALUE;
    }
    long gone = Long.MAX_VALUE;
    for (Fact.Kill kill : hits) {
      if (asksToEnd(kill)) {
        long left = kill.signal() == SignalCalls.SIGKILL ? 0 : windowMicros;
        gone = Math.min(gone, kill.stamp().time() + left);
      }
    }
    return gone;
  }

  /** Commands first, they say most; the newest of each first. */
  private List<Fact.Request> requests() {
    Optional<Long> at =
        marker instanceof Fact.Stop
            ? Optional.of(until)
            : decisive
                .map(kill -> kill.stamp().time())
                .or(() -> services.stream().findFirst().map(one -> one.stamp().time()))
                .map(time -> time + Endings.TOLERANCE_MICROS);
    return facts.requests().stream()
        .filter(this::isInReach)
        .filter(
            request ->
                at.filter(
                        time ->
                            request.stamp().time() <= time
                                && request.stamp().time() >= time - windowMicros)
                    .isPresent())
        .filter(request -> request.daemon() == null || request.daemon().equals(daemon))
        .sorted(
            Comparator.comparing((Fact.Request request) -> !request.command())
                .thenComparing(request -> request.stamp().time(), Comparator.reverseOrder())
                .thenComparing(request -> request.stamp().serial(), Comparator.reverseOrder())
                .thenComparing(request -> String.valueOf(request.stamp().content())))
        .toList();
  }

  /** Of each who asked one first, so that whoever asked most does not hide the others. */
  private List<Fact.Request> listedRequests() {
    Set<List<Optional<Long>>> seen = new HashSet<>();
    List<Fact.Request> listed = new ArrayList<>();
    requests.stream().filter(request -> seen.add(user(request))).forEach(listed::add);
    requests.stream().filter(request -> !listed.contains(request)).forEach(listed::add);
    return listed.subList(0, Math.min(MAX_EVIDENCE, listed.size()));
  }

  private static List<Optional<Long>> user(Fact.Request request) {
    return List.of(opt(request.actor().auid()), opt(request.actor().session()));
  }

  /** The service manager says so after the daemon ended, and before it starts it again. */
  private List<Fact.ServiceStop> services() {
    long ended = marker instanceof Fact.Stop ? marker.stamp().time() : from;
    long restarted =
        facts.starts().stream()
            .filter(start -> start.daemon().equals(daemon))
            .filter(start -> start.stamp().ofOneNode(stamp))
            .mapToLong(start -> start.stamp().time())
            .filter(time -> time > ended + Endings.TOLERANCE_MICROS)
            .min()
            .orElse(Long.MAX_VALUE);
    long last = marker instanceof Fact.Stop ? Math.min(restarted, ended + windowMicros) : restarted;
    return facts.services().stream()
        .filter(service -> service.stamp().mayBelongTo(stamp))
        .filter(service -> service.daemon().equals(daemon))
        .filter(service -> service.stamp().time() >= ended - Endings.TOLERANCE_MICROS)
        .filter(service -> service.stamp().time() <= last)
        .sorted(Comparator.comparingLong(service -> service.stamp().time()))
        .limit(1)
        .toList();
  }

  /** Whether whoever sent the signal did so for somebody else. */
  private boolean byManager() {
    return (isBsm() && marker instanceof Fact.Stop)
        || decisive.isPresent()
        || signalInfo.isInit()
        || (saysNothing(signalInfo) && !services.isEmpty());
  }

  private static boolean saysNothing(Fact.Actor actor) {
    return actor.auid() == null && actor.pid() == null;
  }

  private ShutdownAttribution weigh() {
    boolean disagreement = disagreement();
    ShutdownAttribution.Builder result =
        ShutdownAttribution.newBuilder()
            .setId(Endings.published(host, ending.id()))
            .setHost(host)
            .setNode(stamp.node())
            .setBoot(stamp.boot())
            .setDaemon(daemon)
            .setDaemonPid(daemonPid())
            .setStopped(instant(marker.stamp().time()))
            .setMarker(Endings.type(marker))
            .setDisagreement(disagreement)
            .setSupersededBy(
                ending.supersededBy().map(id -> Endings.published(host, id)).orElse(null))
            .setWithdrawn(ending.withdrawn().orElse(null));
    Optional<Fact.Request> asked = soleRequest();
    if (isSwitch()) {
      name(result, ((Fact.Stop) marker).actor(), Certainty.PROVEN);
    } else if (asked.isPresent()) {
      name(result, asked.get().actor(), Certainty.SUSPECTED);
    } else if (decisive.isPresent()) {
      name(
          result,
          decisive.get().sender(),
          disagreement || isDoubtfulRun() || byPidAlone(decisive.get())
              ? Certainty.SUSPECTED
              : Certainty.PROVEN);
    } else if (namesAUser(signalInfo) && !isRefuted()) {
      name(result, signalInfo, Certainty.SUSPECTED);
    } else {
      result
          .setAttribution(auditbus.schemas.Attribution.UNATTRIBUTED)
          .setCertainty(Certainty.UNKNOWN);
    }
    return result.setEvidence(evidence()).build();
  }

  /**
   * The request that names who asked: if the service manager did it, and all who asked are one user
   * in one session. Init's own calls are nobody's request.
   */
  private Optional<Fact.Request> soleRequest() {
    if (!byManager) {
      return Optional.empty();
    }
    List<Fact.Request> asked =
        requests.stream().filter(request -> !request.actor().isInit()).toList();
    long users = asked.stream().map(Attribution::user).distinct().count();
    // A request without login user says no more than the kill of process 1.
    return asked.stream()
        .findFirst()
        .filter(_ -> users == 1)
        .filter(request -> request.actor().auid() != null || decisive.isEmpty());
  }

  private static void name(
      ShutdownAttribution.Builder result, Fact.Actor actor, Certainty certainty) {
    result
        .setAttribution(
            actor.auid() == null
                ? auditbus.schemas.Attribution.UNSET
                : auditbus.schemas.Attribution.USER)
        .setCertainty(certainty)
        .setAuid(actor.auid())
        .setUid(actor.uid())
        .setSession(actor.session())
        .setPid(actor.pid())
        .setComm(actor.comm())
        .setExe(actor.exe());
  }

  private Optional<Long> knownPid() {
    return marker instanceof Fact.Stop stop && stop.pid() != null
        ? Optional.of(stop.pid())
        : ending.run().map(Fact.Start::pid);
  }

  private Long daemonPid() {
    return knownPid()
        .filter(_ -> !isDoubtfulRun() || decisive.isEmpty())
        .or(() -> kills.stream().findFirst().flatMap(this::target).map(Fact.Target::pid))
        .orElse(null);
  }

  /** The daemon among those a kill hit. */
  private Optional<Fact.Target> target(Fact.Kill kill) {
    return kill.targets().stream().filter(this::isTheDaemon).findFirst();
  }

  private boolean isTheDaemon(Fact.Target target) {
    return (isDoubtfulRun() && namedLikeADaemon(target) && daemon.equals(target.comm()))
        || isKnownAsTheDaemon(target);
  }

  private boolean isKnownAsTheDaemon(Fact.Target target) {
    return knownPid()
        .map(pid -> pid == target.pid() && mayBeNamedAsTheDaemon(target))
        .orElseGet(() -> namedLikeADaemon(target) && daemon.equals(target.comm()));
  }

  /**
   * Whether the process may be the daemon by what else is known of it: pids are reused, and a start
   * that was lost leaves an earlier run's pid. auditd never changes its name and runs as root;
   * auditbus is named as its Java is and runs as whoever it is told to.
   */
  private boolean mayBeNamedAsTheDaemon(Fact.Target target) {
    return !daemon.equals(FactReader.AUDITD)
        || ((target.comm() == null || target.comm().equals(FactReader.AUDITD))
            && (target.uid() == null || target.uid() == 0));
  }

  /**
   * Whether the last start known may be of an earlier run, whose end was lost as the start of the
   * run that ended was. A daemon numbers its records from a random number on: where the end's does
   * not follow the start's, its pid is another's. Nothing is known without a start.
   */
  private boolean isDoubtfulRun() {
    if (!(marker instanceof Fact.Stop stop) || stop.mark() != Fact.Mark.END || stop.pid() != null) {
      return false;
    }
    long end = stop.stamp().serial();
    return ending
        .run()
        .map(
            run -> end <= run.stamp().serial() || end - run.stamp().serial() > MAX_RECORDS_OF_A_RUN)
        .orElse(true);
  }

  /** Whether nothing but the pid says that a signal hit the daemon, at a time nobody knows. */
  private boolean byPidAlone(Fact.Kill kill) {
    return marker instanceof Fact.Start
        && target(kill).filter(hit -> daemon.equals(hit.comm())).isEmpty();
  }

  /**
   * auditd ends at TERM and ignores the other ending signals but KILL, after which it writes
   * nothing; auditbus ends at INT too.
   */
  private boolean asksToEnd(Fact.Kill kill) {
    return kill.signal() == SignalCalls.SIGTERM
        || (kill.signal() == SignalCalls.SIGINT && daemon.equals(FactReader.AUDITBUS))
        || (kill.signal() == SignalCalls.SIGKILL && marker instanceof Fact.Start);
  }

  private static boolean namesAUser(Fact.Actor info) {
    return info.auid() != null && info.auid() > 0;
  }

  /** Whether the call that the kernel remembers is recorded, and was refused. */
  private boolean isRefuted() {
    return signalInfo.pid() != null
        && facts.refusals().stream()
            .filter(this::isInReach)
            .filter(refusal -> signalInfo.pid().equals(refusal.sender().pid()))
            .anyMatch(refusal -> refusal.targets().stream().anyMatch(this::isTheDaemon));
  }

  private boolean disagreement() {
    return decisive.isPresent()
        && (signalInfoDisagrees()
            || kills.stream().anyMatch(kill -> differs(kill, decisive.get())));
  }

  private boolean differs(Fact.Kill kill, Fact.Kill strongest) {
    return asksToEnd(kill)
        && (kill.signal() == SignalCalls.SIGKILL || strongest.signal() != SignalCalls.SIGKILL)
        && (!Objects.equals(kill.sender().pid(), strongest.sender().pid())
            || !Objects.equals(kill.sender().auid(), strongest.sender().auid()));
  }

  private boolean signalInfoDisagrees() {
    Fact.Actor sender = decisive.map(Fact.Kill::sender).orElse(NOBODY);
    // The kernel gives the uid where the loginuid is unset.
    Long told = sender.auid() != null ? sender.auid() : sender.uid();
    return (signalInfo.pid() != null
            && sender.pid() != null
            && !signalInfo.pid().equals(sender.pid()))
        || (namesAUser(signalInfo) && told != null && !signalInfo.auid().equals(told));
  }

  private List<Evidence> evidence() {
    List<Evidence> all = new ArrayList<>();
    for (Fact.Kill kill : kills) {
      all.add(
          evidence(kill.kind(), kill.stamp(), kill.sender())
              .setSignal(kill.signal())
              .setNote(note(kill))
              .build());
    }
    if (marker instanceof Fact.Stop stop) {
      if (stop.mark() != Fact.Mark.END) {
        all.add(marked(stop));
      } else if (stop.actor() != null) {
        all.add(
            evidence(EvidenceKind.SIGNAL_INFO, stop.stamp(), signalInfo)
                .setNote(signalInfoNote())
                .build());
      }
    }
    if (byManager) {
      // Evidence only where something says that whoever sent the signal did so for another.
      for (Fact.Request request : listedRequests()) {
        all.add(
            evidence(request.kind(), request.stamp(), request.actor())
                .setNote(note(request))
                .build());
      }
    }
    for (Fact.ServiceStop service : services) {
      all.add(
          evidence(EvidenceKind.SERVICE_MANAGER, service.stamp(), service.actor())
              .setNote("the service manager says that the service stopped")
              .build());
    }
    ending.weaker().forEach(stop -> all.add(marked(stop)));
    if (marker instanceof Fact.Start start) {
      all.add(
          evidence(EvidenceKind.DAEMON_START, start.stamp(), NOBODY).setNote(note(start)).build());
    }
    return all;
  }

  /** A record of the kernel that marks the stop. */
  private Evidence marked(Fact.Stop stop) {
    EvidenceKind kind =
        stop.marker().startsWith("AUE_") ? EvidenceKind.BSM : EvidenceKind.CONFIG_CHANGE;
    return evidence(kind, stop.stamp(), stop.actor())
        .setNote(
            isSwitch()
                ? null
                : "the daemon itself leaves the kernel: names the daemon, not who asked")
        .build();
  }

  private String note(Fact.Kill kill) {
    if (!asksToEnd(kill)) {
      return "a signal that does not end the daemon this way";
    }
    if (decisive.filter(kill::equals).isPresent()) {
      if (isDoubtfulRun() && knownPid().isPresent()) {
        return "the DAEMON_END's number does not follow that of the last DAEMON_START known: it may be"
            + " of another run";
      }
      return knownPid().isPresent()
          ? (kill.sender().isInit() ? "sent by process 1: the service manager" : null)
          : "no DAEMON_START of this daemon is known: it is taken for the daemon by its name";
    }
    return differs(kill, decisive.orElseThrow())
        ? "disagrees: another sender within the window; the newest is taken"
        : "the same sender, earlier";
  }

  private String note(Fact.Request request) {
    String what = FactReader.bounded(request.what(), 140);
    if (request.actor().isInit()) {
      return what + ": by process 1, for whoever asked it";
    }
    return soleRequest().isPresent()
        ? what + ": nobody else is known to have asked within the window"
        : what + ": not the only one who may have asked, so nobody is named by it";
  }

  private String note(Fact.Start start) {
    boolean otherBoot =
        stamp.boot() != null
            && start.stamp().boot() != null
            && !stamp.boot().equals(start.stamp().boot());
    Optional<Fact.Boot> boot =
        facts.boots().stream()
            .filter(one -> one.stamp().ofOneNode(start.stamp()))
            .filter(
                one ->
                    ending.run().isEmpty()
                        || one.stamp().time()
                            > ending.run().map(run -> run.stamp().time()).orElseThrow())
            .filter(
                one ->
                    one.stamp().time()
                        <= start.stamp().time()
                            + (one.type().equals(BsmFacts.RECOVERY)
                                ? 60_000_000
                                : Endings.TOLERANCE_MICROS))
            .min(Comparator.comparing((Fact.Boot one) -> one.type()));
    if (boot.filter(one -> one.type().equals(BsmFacts.RECOVERY)).isPresent()) {
      return "the next start, and the trail of a writer that died was recovered (AUE_audit_recovery)";
    }
    return otherBoot || boot.isPresent()
        ? "the next start, after the system booted: it went down without stopping the daemon, or"
            + " lost power"
        : "the next start of a daemon that never said it ended: it died, or that record was lost";
  }

  private String signalInfoNote() {
    if (saysNothing(signalInfo)) {
      return "says nothing: the daemon did not learn who sent the signal";
    }
    if (decisive.isPresent() && signalInfoDisagrees()) {
      return "disagrees with the kill's own event: the kernel remembers the last who tried, not who"
          + " succeeded";
    }
    if (signalInfo.isInit()) {
      return "process 1: the service manager";
    }
    if (signalInfo.auid() == null) {
      return "names no login uid";
    }
    if (signalInfo.auid() == 0) {
      return "ambiguous: 0 is also what the kernel gives for a sender of uid 0 without login uid";
    }
    if (decisive.isEmpty() && isRefuted()) {
      return "refuted: his call is recorded, and it was refused; whose succeeded is not";
    }
    return decisive.isEmpty()
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

  private static Optional<Long> opt(Long value) {
    return Optional.ofNullable(value);
  }

  private static Instant instant(long micros) {
    return Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
  }
}
