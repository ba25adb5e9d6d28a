// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * When auditing was off on a host: what records of switching say, and what heartbeats saw.
 *
 * <p>Two topics tell of one fact. Where a record explains what a heartbeat saw there is one gap,
 * the record's; what no record explains is the heartbeats' own, after a grace in which the record
 * may still come.
 *
 * <p>A host's trails may tell of other nodes too. Each node is switched for itself, and heartbeats
 * tell of the host alone.
 *
 * <p>Bounded: {@value #MAX_SWITCHES} switches, the oldest of the node that has most going first,
 * and {@value #MAX_RUNS} runs of equal heartbeats, the oldest going first. Not thread-safe.
 */
final class AuditSwitches {
  static final int MAX_SWITCHES = 32;
  static final int MAX_RUNS = 16;

  private static final long OPEN = Draft.NEVER;
  private static final long UNKNOWN = Long.MIN_VALUE;
  private static final Comparator<AuditSwitch> ORDER =
      Comparator.comparingLong(AuditSwitch::atMicros)
          .thenComparingLong(AuditSwitch::serial)
          .thenComparing(AuditSwitch::on)
          .thenComparing(AuditSwitch::node);

  /** Heartbeats in a row that saw the same. */
  private record Run(
      boolean on, long epoch, long sequence, long firstMicros, long lastMicros, long arrivedMs) {
    /** Whether it is one heartbeat: the first of an agent that switches auditing on is off. */
    boolean isOne() {
      return lastMicros == firstMicros;
    }
  }

  private final List<AuditSwitch> switches = new ArrayList<>();
  private final List<Run> runs = new ArrayList<>();
  // How old what a heartbeat says of the kernel may be.
  private long staleMicros;

  /** Takes a record of switching; false if it is known. */
  boolean add(AuditSwitch one) {
    for (int i = 0; i < switches.size(); i++) {
      AuditSwitch other = switches.get(i);
      if (ORDER.compare(one, other) == 0) {
        if (other.boot().isEmpty() && !one.boot().isEmpty()) {
          switches.set(i, one);
          return true;
        }
        return false;
      }
    }
    switches.add(one);
    switches.sort(ORDER);
    if (switches.size() > MAX_SWITCHES) {
      AuditSwitch oldest = switches.getFirst();
      for (AuditSwitch other : switches) {
        oldest = count(other.node()) > count(oldest.node()) ? other : oldest;
      }
      switches.remove(oldest);
    }
    return true;
  }

  private long count(String node) {
    return switches.stream().filter(one -> one.node().equals(node)).count();
  }

  /** The host's own last switch. */
  private Optional<AuditSwitch> last() {
    return switches.reversed().stream().filter(one -> one.node().isEmpty()).findFirst();
  }

  /** Takes what a heartbeat saw; false if it is what the one before saw. */
  boolean seen(AgentStatus status, long wallMs) {
    if (status.getKernel().isEmpty()) {
      return false;
    }
    boolean on = status.getKernel().get().getEnabled() != 0;
    long at = Draft.micros(status.getAt());
    staleMicros = 1000 * HostWatch.threeIntervalsMs(status);
    Run last = runs.isEmpty() ? null : runs.getLast();
    if (last != null && last.on() == on) {
      runs.set(
          runs.size() - 1,
          new Run(
              on,
              last.epoch(),
              last.sequence(),
              last.firstMicros(),
              Math.max(at, last.lastMicros()),
              last.arrivedMs()));
      // What goes on may come to outlast what a record explains, or an answer that was old.
      return on ? isOffBy(last.lastMicros()) : last().map(AuditSwitch::on).orElse(false);
    }
    runs.add(new Run(on, status.getEpoch(), status.getSequence(), at, at, wallMs));
    if (runs.size() > MAX_RUNS) {
      runs.removeFirst();
    }
    return true;
  }

  /** Whether the last switch was off and heartbeats up to then might not have known of it. */
  private boolean isOffBy(long micros) {
    return last().filter(one -> !one.on() && micros < one.atMicros() + staleMicros).isPresent();
  }

  /** When by wall clock a run of heartbeats has had its grace, if one has not yet. */
  Optional<Long> dueMs(long graceMs, long wallMs) {
    return runs.stream()
        .filter(run -> !run.on())
        .map(run -> run.arrivedMs() + graceMs)
        .filter(due -> due > wallMs)
        .min(Comparator.naturalOrder());
  }

  /** Whether there is anything to say. */
  boolean isEmpty() {
    return switches.isEmpty() && runs.stream().allMatch(Run::on);
  }

  /** The gaps these facts come to. */
  List<Draft> drafts(String host, long wallMs, long graceMs) {
    List<Draft> drafts = new ArrayList<>();
    for (AuditSwitch one : switches) {
      if (!one.on()) {
        drafts.add(switchedOff(host, one));
      }
    }
    for (int i = 0; i < runs.size(); i++) {
      if (!runs.get(i).on()) {
        seenOff(host, i, wallMs, graceMs).ifPresent(drafts::add);
      }
    }
    return drafts;
  }

  private Draft switchedOff(String host, AuditSwitch off) {
    long end = end(off);
    List<String> about =
        new ArrayList<>(List.of(host, Long.toString(off.atMicros()), Long.toString(off.serial())));
    if (!off.node().isEmpty()) {
      about.add(off.node());
    }
    Gap.Builder gap =
        Draft.of(
                host,
                GapKind.AUDIT_OFF,
                Certainty.PROVEN,
                GapId.of(GapKind.AUDIT_OFF, about.toArray(String[]::new)))
            .setBoot(off.boot().isEmpty() ? null : off.boot())
            .setFrom(Draft.instant(off.atMicros()))
            .setCause(
                "auditing was switched off by "
                    + off.who()
                    + (off.node().isEmpty() ? "" : "; on node " + off.node()));
    if (end != OPEN) {
      Draft.close(gap).setTo(end == UNKNOWN ? null : Draft.instant(end));
    }
    return new Draft(gap, true);
  }

  /** When the switching off ended: a time, {@link #OPEN}, or {@link #UNKNOWN} where it did. */
  private long end(AuditSwitch off) {
    AuditSwitch next =
        switches.stream()
            .filter(one -> one.node().equals(off.node()) && ORDER.compare(one, off) > 0)
            .findFirst()
            .orElse(null);
    if (next != null && next.on()) {
      return next.atMicros();
    }
    for (Run run : off.node().isEmpty() ? runs : List.<Run>of()) {
      if (run.on() && run.lastMicros() >= off.atMicros() + staleMicros) {
        boolean after =
            run.firstMicros() > off.atMicros()
                && (next == null || run.firstMicros() < next.atMicros());
        return after ? run.firstMicros() : UNKNOWN;
      }
    }
    // Switched off again, so it was on again, and nobody knows since when.
    return next == null ? OPEN : UNKNOWN;
  }

  private Optional<Draft> seenOff(String host, int index, long wallMs, long graceMs) {
    Run off = runs.get(index);
    if (wallMs - off.arrivedMs() < graceMs || off.isOne()) {
      return Optional.empty();
    }
    Gap.Builder gap =
        Draft.of(
                host,
                GapKind.AUDIT_OFF,
                Certainty.PROVEN,
                GapId.of(
                    GapKind.AUDIT_OFF,
                    host,
                    "heartbeat",
                    Long.toString(off.epoch()),
                    Long.toString(off.sequence())))
            .setFrom(Draft.instant(off.firstMicros()));
    Optional<AuditSwitch> explanation = explanation(off);
    if (explanation.isPresent()) {
      Draft.close(gap)
          .setTo(null)
          .setCause(
              "the record of the switching came later, see the gap from "
                  + Draft.instant(explanation.get().atMicros()));
      return Optional.of(new Draft(gap, false));
    }
    gap.setCause("the kernel says so in the agent's heartbeats; no record tells who did it");
    long on = index + 1 < runs.size() ? runs.get(index + 1).firstMicros() : OPEN;
    for (AuditSwitch one : switches) {
      if (one.on() && one.node().isEmpty() && one.atMicros() > off.firstMicros()) {
        on = Math.min(on, one.atMicros());
      }
    }
    if (on != OPEN) {
      Draft.close(gap).setTo(Draft.instant(on));
    }
    return Optional.of(new Draft(gap, true));
  }

  private Optional<AuditSwitch> explanation(Run off) {
    for (AuditSwitch one : switches.reversed()) {
      if (!one.on() && one.node().isEmpty() && one.atMicros() <= off.lastMicros()) {
        long end = end(one);
        boolean reaches = end == OPEN || end == UNKNOWN || end >= off.firstMicros() - staleMicros;
        boolean lasts = end == OPEN || end == UNKNOWN || end >= off.lastMicros() - staleMicros;
        return reaches && lasts ? Optional.of(one) : Optional.empty();
      }
    }
    return Optional.empty();
  }

  void encode(DataOutputStream out) throws IOException {
    out.writeLong(staleMicros);
    out.writeByte(switches.size());
    for (AuditSwitch one : switches) {
      out.writeLong(one.atMicros());
      out.writeLong(one.serial());
      out.writeBoolean(one.on());
      out.writeUTF(one.who());
      out.writeUTF(one.boot());
      out.writeUTF(one.node());
    }
    out.writeByte(runs.size());
    for (Run run : runs) {
      out.writeBoolean(run.on());
      out.writeLong(run.epoch());
      out.writeLong(run.sequence());
      out.writeLong(run.firstMicros());
      out.writeLong(run.lastMicros());
      out.writeLong(run.arrivedMs());
    }
  }

  static AuditSwitches decode(DataInputStream in) throws IOException {
    AuditSwitches all = new AuditSwitches();
    all.staleMicros = in.readLong();
    for (int left = in.readByte(); left > 0; left--) {
      all.switches.add(
          new AuditSwitch(
              in.readLong(),
              in.readLong(),
              in.readBoolean(),
              in.readUTF(),
              in.readUTF(),
              in.readUTF()));
    }
    for (int left = in.readByte(); left > 0; left--) {
      all.runs.add(
          new Run(
              in.readBoolean(),
              in.readLong(),
              in.readLong(),
              in.readLong(),
              in.readLong(),
              in.readLong()));
    }
    return all;
  }
}
