// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapUnit;
import auditbus.schemas.SourceStatus;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * What is known of one host from its agent's heartbeats and from the records that tell of auditing
 * itself, and the gaps that comes to.
 *
 * <p>The present run of the agent is the one of the highest epoch, unless that is quiet and another
 * is heard. Heartbeats of other runs prove life, and nothing else.
 *
 * <p>Design note: gaps that follow from remembered facts are drafted anew at each look, so what was
 * published of them must be remembered exactly as long as the facts are. Hence a ledger of their
 * own: else a host's silences would push out a switching off that is still drafted, and it would be
 * told again. A DOWN needs none: it is said once, when the next run begins.
 *
 * <p>Bounded, see its parts; texts are cut. Not thread-safe: the processor owns it.
 */
final class HostWatch {
  private static final int VERSION = 1;
  private static final int MAX_TEXT = 128;
  private static final int MAX_CAPTURES = 8;
  private static final int RIVAL_TURNS = 2;
  private static final long MAX_INTERVAL_MS = 600_000;
  private static final Set<String> CAPTURED = Set.of("kernel", "readlog", "audisp");
  private static final long NONE = Long.MIN_VALUE;
  private static final long MICROS_A_SECOND = 1_000_000;

  /**
   * What to judge by.
   *
   * @param silentMs least silence that is a gap
   * @param graceMs wall clock in which what explains a fact may still come
   * @param dispatcherMs time for which a source must be dry
   * @param dispatcherEvents events that must have come from the kernel meanwhile
   */
  record Limits(long silentMs, long graceMs, long dispatcherMs, long dispatcherEvents) {}

  /** A captured source at the last heartbeat. */
  private record Captured(String name, String trail, long trailsWritten, long received) {}

  private final String host;
  private final Limits limits;
  private AuditSwitches switches = new AuditSwitches();
  private AuditdFeeds feeds = new AuditdFeeds();
  private Machines machines = new Machines();
  // Of switches and feeds: bounded by them, below what a ledger holds.
  private GapLedger factsLedger = new GapLedger();
  private GapLedger ledger = new GapLedger();

  // The present run, NONE before the first heartbeat, and its last heartbeat.
  private long epoch = NONE;
  private long startedMicros;
  private String boot = "";
  private String machine = "";
  private long atMicros;
  private long sequence;
  private boolean stopping;
  private long beatBrokerMs;
  private long limitMs;
  private List<Captured> captured = List.of();

  // How often another run was heard after the present one had been, and whether that was since.
  private int rivalTurns;
  private boolean heardSinceRival;
  private long rivalEpoch;
  private long rivalMicros;
  private long rivalBrokerMs;

  // The last heartbeat of any run.
  private long heardBrokerMs = NONE;
  private long touchedMs = NONE;

  // The silence that was published and is not over.
  private long silentEpoch = NONE;
  private long silentSequence;
  private long silentMicros;

  HostWatch(String host, Limits limits) {
    this.host = host;
    this.limits = limits;
  }

  /** Milliseconds without a heartbeat that are a silence. */
  long limitMs() {
    return Math.max(limits.silentMs(), limitMs);
  }

  /** Whether the next heartbeat is waited for: one came, and it was not a planned stop's. */
  boolean listening() {
    return epoch != NONE && !stopping && silentEpoch == NONE;
  }

  /** Broker time of the last heartbeat of any run. */
  long heardBrokerMs() {
    return heardBrokerMs;
  }

  /** Broker time of the last record that changed this. */
  long touchedMs() {
    return touchedMs;
  }

  /** When by wall clock {@link #judge} may have something to say without a new record. */
  Optional<Long> dueMs(long wallMs) {
    Optional<Long> one = switches.dueMs(limits.graceMs(), wallMs);
    Optional<Long> two = feeds.dueMs(limits.graceMs(), wallMs);
    return one.isPresent() && two.isPresent()
        ? Optional.of(Math.min(one.get(), two.get()))
        : one.or(() -> two);
  }

  /** Whether there are facts that a judgement may come of. */
  boolean hasFacts() {
    return !switches.isEmpty() || !feeds.isEmpty();
  }

  /** Takes a heartbeat. */
  void heartbeat(AgentStatus status, long brokerMs, long wallMs, Consumer<Gap> out) {
    long at = Draft.micros(status.getAt());
    long started = Draft.micros(status.getStarted());
    touchedMs = Math.max(touchedMs, brokerMs);
    heardBrokerMs = Math.max(heardBrokerMs, brokerMs);
    endSilence(at, brokerMs, out);
    status.getMachineId().ifPresent(id -> machine(id, brokerMs, out));
    if (status.getEpoch() == epoch && started == startedMicros) {
      if (status.getSequence() <= sequence) {
        return; // sent again
      }
    } else {
      boolean later = status.getEpoch() > epoch;
      if (!later && brokerMs - beatBrokerMs <= limitMs() && !stopping) {
        rival(status, at, brokerMs, out);
        return;
      }
      began(status, started, brokerMs, out);
    }
    rivalQuiet(brokerMs, out);
    atMicros = at;
    sequence = status.getSequence();
    stopping = status.getStopping();
    beatBrokerMs = brokerMs;
    limitMs = threeIntervalsMs(status);
    heardSinceRival = true;
    captured = captured(status);
    boolean news = switches.seen(status, wallMs);
    news |= feeds.seen(status, wallMs, limits.dispatcherMs(), limits.dispatcherEvents());
    if (news) {
      judge(brokerMs, wallMs, out);
    }
  }

  /** Three heartbeat intervals, for which none may come; the host says how long, up to a limit. */
  static long threeIntervalsMs(AgentStatus status) {
    return 3 * Math.clamp(status.getIntervalMs(), 0, MAX_INTERVAL_MS);
  }

  private void endSilence(long at, long brokerMs, Consumer<Gap> out) {
    if (silentEpoch != NONE) {
      Gap.Builder over = silence().setTo(Draft.instant(at));
      new Draft(Draft.close(over), false).say(ledger, brokerMs, out);
      silentEpoch = NONE;
    }
  }

  /** Nothing was heard for longer than the limit. */
  void silent(long nowMs, Consumer<Gap> out) {
    silentEpoch = epoch;
    silentSequence = sequence;
    silentMicros = atMicros;
    new Draft(silence(), false).say(ledger, nowMs, out);
  }

  private Gap.Builder silence() {
    return Draft.of(
            host,
            GapKind.SILENT_HOST,
            Certainty.SUSPECTED,
            GapId.of(
                GapKind.SILENT_HOST,
                host,
                Long.toString(silentEpoch),
                Long.toString(silentSequence)))
        .setFrom(Draft.instant(silentMicros))
        .setCause("no heartbeat for more than " + limitMs() + " ms");
  }

  private void machine(String id, long brokerMs, Consumer<Gap> out) {
    if (machines.heard(id, brokerMs, limitMs())) {
      machines.drafts(host, limitMs()).forEach(draft -> draft.say(ledger, brokerMs, out));
    }
  }

  /** A trail's state tells which machine it is from. */
  void trailOf(String machineId, long brokerMs, Consumer<Gap> out) {
    touchedMs = Math.max(touchedMs, brokerMs);
    machine(machineId, brokerMs, out);
  }

  /** A heartbeat of a run that is not the present one. */
  private void rival(AgentStatus status, long at, long brokerMs, Consumer<Gap> out) {
    boolean otherMachine =
        status.getMachineId().map(id -> !cut(id).equals(machine)).orElse(false)
            && !machine.isEmpty();
    if (at <= startedMicros || otherMachine) {
      return; // late, or told by the machine ids
    }
    rivalQuiet(brokerMs, out);
    if (rivalTurns > 0 && rivalEpoch != status.getEpoch()) {
      return; // a third one: two are said to be by turns
    }
    // A run of a lower epoch that goes on after the present one is its successor, not its rival.
    if (rivalTurns == 0 || heardSinceRival) {
      rivalTurns = Math.min(rivalTurns + 1, RIVAL_TURNS);
    }
    heardSinceRival = false;
    rivalEpoch = status.getEpoch();
    rivalMicros = at;
    rivalBrokerMs = brokerMs;
    if (rivalTurns >= RIVAL_TURNS) {
      new Draft(rivalry(), false).say(ledger, brokerMs, out);
    }
  }

  private void rivalQuiet(long brokerMs, Consumer<Gap> out) {
    if (brokerMs - rivalBrokerMs > limitMs()) {
      endRivalry(rivalMicros, brokerMs, out);
    }
  }

  /** One of the two is heard no more since then. */
  private void endRivalry(long lastMicros, long brokerMs, Consumer<Gap> out) {
    if (rivalTurns >= RIVAL_TURNS) {
      new Draft(Draft.close(rivalry()).setTo(Draft.instant(lastMicros)), false)
          .say(ledger, brokerMs, out);
    }
    rivalTurns = 0;
  }

  private Gap.Builder rivalry() {
    return Draft.of(
            host,
            GapKind.HOST_CONFLICT,
            Certainty.SUSPECTED,
            GapId.of(
                GapKind.HOST_CONFLICT,
                host,
                "epochs",
                Long.toString(Math.min(epoch, rivalEpoch)),
                Long.toString(Math.max(epoch, rivalEpoch))))
        .setUnit(GapUnit.UNKNOWN)
        .setFrom(Draft.instant(startedMicros))
        .setCause(
            "two agents publish under this name by turns, runs " + epoch + " and " + rivalEpoch);
  }

  /** Another run is the present one from now on. */
  private void began(AgentStatus status, long started, long brokerMs, Consumer<Gap> out) {
    String nowBoot = cut(status.getBoot().orElse(""));
    String nowMachine = cut(status.getMachineId().orElse(""));
    boolean sameMachine = machine.isEmpty() || nowMachine.isEmpty() || machine.equals(nowMachine);
    if (epoch != NONE
        && !stopping
        && sameMachine
        && started > atMicros
        && !captured.isEmpty()
        && !goesOn(status)) {
      down(status.getEpoch(), started, nowBoot, brokerMs, out);
    }
    endRivalry(atMicros, brokerMs, out);
    epoch = status.getEpoch();
    startedMicros = started;
    boot = nowBoot;
    machine = nowMachine;
  }

  private void down(
      long nextEpoch, long started, String nowBoot, long brokerMs, Consumer<Gap> out) {
    boolean rebooted = !boot.isEmpty() && !nowBoot.isEmpty() && !boot.equals(nowBoot);
    boolean sameBoot = !boot.isEmpty() && boot.equals(nowBoot);
    String sources =
        captured.stream().map(Captured::name).sorted().collect(Collectors.joining(", "));
    Gap.Builder gap =
        Draft.of(
                host,
                GapKind.DOWN,
                Certainty.SUSPECTED,
                GapId.of(GapKind.DOWN, host, Long.toString(epoch), Long.toString(nextEpoch)))
            .setBoot(sameBoot ? boot : null)
            .setFrom(Draft.instant(atMicros))
            .setTo(Draft.instant(started))
            .setMissing((started - atMicros + MICROS_A_SECOND - 1) / MICROS_A_SECOND)
            .setCause(
                (rebooted
                        ? "host restarted and the agent had not been stopped"
                        : "agent was down and had not been stopped")
                    + "; nobody listened for "
                    + sources);
    out.accept(gap.setOpened(Instant.ofEpochMilli(brokerMs)).setRevision(0).build());
  }

  /** Whether the capturing half is a process of its own that did not stop. */
  private boolean goesOn(AgentStatus status) {
    List<Captured> now = captured(status);
    return captured.stream()
        .allMatch(
            before ->
                now.stream()
                    .anyMatch(
                        after ->
                            after.name().equals(before.name())
                                && after.received() >= before.received()
                                && !after.trail().isEmpty()
                                && (after.trail().equals(before.trail())
                                    || after.trailsWritten() > before.trailsWritten())));
  }

  private static List<Captured> captured(AgentStatus status) {
    List<Captured> found = new ArrayList<>();
    for (SourceStatus source : status.getSources()) {
      if (CAPTURED.contains(source.getType()) && found.size() < MAX_CAPTURES) {
        found.add(
            new Captured(
                cut(source.getName()),
                cut(source.getCapture().flatMap(one -> one.getTrail()).orElse("")),
                source.getCapture().map(one -> one.getTrailsWritten()).orElse(0L),
                source.getReceived()));
      }
    }
    return List.copyOf(found);
  }

  /** A record says that auditing was switched. */
  void switched(AuditSwitch one, long brokerMs, long wallMs, Consumer<Gap> out) {
    touchedMs = Math.max(touchedMs, brokerMs);
    if (switches.add(one)) {
      judge(brokerMs, wallMs, out);
    }
  }

  /** auditd says something of itself: a DAEMON_ record. */
  void daemon(String type, long eventMicros, long brokerMs, long wallMs, Consumer<Gap> out) {
    touchedMs = Math.max(touchedMs, brokerMs);
    if (feeds.daemon(type, eventMicros)) {
      judge(brokerMs, wallMs, out);
    }
  }

  /** Hands on what the facts come to and was not said yet. */
  void judge(long brokerMs, long wallMs, Consumer<Gap> out) {
    drafts(wallMs).forEach(draft -> draft.say(factsLedger, brokerMs, out));
    // Whatever the facts may come to, also where the wall clock was set back.
    factsLedger.retain(
        drafts(Long.MAX_VALUE).stream()
            .map(draft -> draft.gap().getId())
            .collect(Collectors.toSet()));
  }

  private List<Draft> drafts(long wallMs) {
    List<Draft> drafts = new ArrayList<>(switches.drafts(host, wallMs, limits.graceMs()));
    drafts.addAll(feeds.drafts(host, wallMs, limits.graceMs()));
    return drafts;
  }

  private static String cut(String text) {
    return Draft.cut(text, MAX_TEXT);
  }

  byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(VERSION);
      out.writeLong(epoch);
      out.writeLong(startedMicros);
      out.writeUTF(boot);
      out.writeUTF(machine);
      out.writeLong(atMicros);
      out.writeLong(sequence);
      out.writeBoolean(stopping);
      out.writeLong(beatBrokerMs);
      out.writeLong(limitMs);
      out.writeByte(captured.size());
      for (Captured one : captured) {
        out.writeUTF(one.name());
        out.writeUTF(one.trail());
        out.writeLong(one.trailsWritten());
        out.writeLong(one.received());
      }
      out.writeByte(rivalTurns);
      out.writeBoolean(heardSinceRival);
      out.writeLong(rivalEpoch);
      out.writeLong(rivalMicros);
      out.writeLong(rivalBrokerMs);
      out.writeLong(heardBrokerMs);
      out.writeLong(touchedMs);
      out.writeLong(silentEpoch);
      out.writeLong(silentSequence);
      out.writeLong(silentMicros);
      switches.encode(out);
      feeds.encode(out);
      machines.encode(out);
      factsLedger.encode(out);
      ledger.encode(out);
    } catch (IOException e) {
      throw new UncheckedIOException("memory never fails", e);
    }
    return bytes.toByteArray();
  }

  static HostWatch decode(String host, byte[] bytes, Limits limits) {
    HostWatch watch = new HostWatch(host, limits);
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      int version = in.readByte();
      if (version != VERSION) {
        throw new StateVersionException(version, VERSION);
      }
      watch.epoch = in.readLong();
      watch.startedMicros = in.readLong();
      watch.boot = in.readUTF();
      watch.machine = in.readUTF();
      watch.atMicros = in.readLong();
      watch.sequence = in.readLong();
      watch.stopping = in.readBoolean();
      watch.beatBrokerMs = in.readLong();
      watch.limitMs = in.readLong();
      List<Captured> captured = new ArrayList<>();
      for (int left = in.readByte(); left > 0; left--) {
        captured.add(new Captured(in.readUTF(), in.readUTF(), in.readLong(), in.readLong()));
      }
      watch.captured = List.copyOf(captured);
      watch.rivalTurns = in.readByte();
      watch.heardSinceRival = in.readBoolean();
      watch.rivalEpoch = in.readLong();
      watch.rivalMicros = in.readLong();
      watch.rivalBrokerMs = in.readLong();
      watch.heardBrokerMs = in.readLong();
      watch.touchedMs = in.readLong();
      watch.silentEpoch = in.readLong();
      watch.silentSequence = in.readLong();
      watch.silentMicros = in.readLong();
      watch.switches = AuditSwitches.decode(in);
      watch.feeds = AuditdFeeds.decode(in);
      watch.machines = Machines.decode(in);
      watch.factsLedger = GapLedger.decode(in);
      watch.ledger = GapLedger.decode(in);
    } catch (IOException e) {
      throw new UncheckedIOException("a host's state of " + bytes.length + " bytes is cut", e);
    }
    return watch;
  }
}
