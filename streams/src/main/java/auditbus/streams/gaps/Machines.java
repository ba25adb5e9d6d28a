// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapUnit;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Which machines were heard under one host name, and when, by broker time.
 *
 * <p>Two that are heard by turns are two machines, proven. One that is heard no more from where
 * another begins may have been installed anew: suspected, and said so.
 *
 * <p>Bounded: {@value #MAX_MACHINES} machines, the one not heard for longest going first. Not
 * thread-safe.
 */
final class Machines {
  static final int MAX_MACHINES = 4;

  private static final int MAX_ID = 64;

  // Heard at least from firstMs to lastMs, never silent for longer than the limit between.
  private record Machine(String id, long firstMs, long lastMs, boolean said) {}

  private final List<Machine> machines = new ArrayList<>();

  /**
   * A machine was heard.
   *
   * @return whether that may be news: another one is known
   */
  boolean heard(String machineId, long brokerMs, long limitMs) {
    String id = Draft.cut(machineId, MAX_ID);
    Machine known = null;
    for (Machine one : machines) {
      known = one.id().equals(id) ? one : known;
    }
    Machine now;
    if (known == null || brokerMs > known.lastMs() + limitMs) {
      now = new Machine(id, brokerMs, brokerMs, false);
    } else if (brokerMs < known.firstMs() - limitMs) {
      return false; // what was before does not matter any more
    } else {
      now =
          new Machine(
              id,
              Math.min(brokerMs, known.firstMs()),
              Math.max(brokerMs, known.lastMs()),
              known.said());
    }
    machines.remove(known);
    machines.add(now);
    machines.sort(Comparator.comparingLong(Machine::lastMs).thenComparing(Machine::id));
    if (machines.size() > MAX_MACHINES) {
      machines.removeFirst();
    }
    return machines.size() > 1;
  }

  /** One gap for each machine that is not the one heard last, and that one. */
  List<Draft> drafts(String host, long limitMs) {
    List<Draft> drafts = new ArrayList<>();
    Machine last = machines.getLast();
    for (int i = 0; i < machines.size() - 1; i++) {
      Machine other = machines.get(i);
      boolean first = other.id().compareTo(last.id()) < 0;
      String one = first ? other.id() : last.id();
      String two = first ? last.id() : other.id();
      boolean both = last.firstMs() < other.lastMs();
      Gap.Builder gap =
          Draft.of(
                  host,
                  GapKind.HOST_CONFLICT,
                  both ? Certainty.PROVEN : Certainty.SUSPECTED,
                  GapId.of(GapKind.HOST_CONFLICT, host, one, two))
              .setUnit(GapUnit.UNKNOWN)
              .setFrom(Instant.ofEpochMilli(Math.max(other.firstMs(), last.firstMs())))
              .setCause(
                  both
                      ? "machines " + one + " and " + two + " publish under this name by turns"
                      : "the machine id changed from "
                          + other.id()
                          + " to "
                          + last.id()
                          + ": installed anew, or another machine under this name");
      if (last.lastMs() - other.lastMs() > limitMs) {
        Draft.close(gap).setTo(Instant.ofEpochMilli(other.lastMs()));
      }
      // A machine heard for the first time is said to be another, however long the one before it
      // was quiet; of those further back nothing is said again.
      drafts.add(new Draft(gap, !last.said() && i == machines.size() - 2));
    }
    machines.set(machines.size() - 1, new Machine(last.id(), last.firstMs(), last.lastMs(), true));
    return drafts;
  }

  void encode(DataOutputStream out) throws IOException {
    out.writeByte(machines.size());
    for (Machine one : machines) {
      out.writeUTF(one.id());
      out.writeLong(one.firstMs());
      out.writeLong(one.lastMs());
      out.writeBoolean(one.said());
    }
  }

  static Machines decode(DataInputStream in) throws IOException {
    Machines all = new Machines();
    for (int left = in.readByte(); left > 0; left--) {
      all.machines.add(new Machine(in.readUTF(), in.readLong(), in.readLong(), in.readBoolean()));
    }
    return all;
  }
}
