// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * Something an event says that a shutdown's story may need. What cannot become one is not
 * remembered.
 *
 * <p>A fact is known by {@code (when, serial, node)}: the same event from two sources, or sent
 * twice, is one fact.
 *
 * <p>Design note: a further kind of evidence (a service manager's stop, audit_pid=0, BSM) is a
 * further record here, read by {@link FactReader}, kept by {@link HostFacts}, weighed by {@link
 * Attribution}.
 */
sealed interface Fact {
  /** Where the fact was read. */
  Stamp stamp();

  /**
   * What every fact carries.
   *
   * @param time event time, in microseconds since 1970
   * @param serial the kernel's or, for DAEMON_*, the daemon's number
   * @param node the node= name, or null
   * @param boot the boot id, or null
   * @param source the source it was first read from
   * @param trail the trail it stands in there
   * @param position its first record's position there
   * @param sources all sources it was read from
   * @param arrivedMs broker time of the first reading
   */
  record Stamp(
      long time,
      long serial,
      String node,
      String boot,
      String source,
      String trail,
      long position,
      Set<String> sources,
      long arrivedMs) {
    public Stamp {
      sources = new TreeSet<>(sources);
    }

    boolean sameAs(Stamp other) {
      return time == other.time && serial == other.serial && compatible(node, other.node);
    }

    /**
     * Whether both may be of the same system in the same boot: what is not known is no objection.
     */
    boolean mayBelongTo(Stamp other) {
      return compatible(node, other.node) && compatible(boot, other.boot);
    }

    boolean sharesSource(Stamp other) {
      return sources.stream().anyMatch(other.sources::contains);
    }

    Stamp alsoReadFrom(Set<String> more) {
      Set<String> all = new TreeSet<>(sources);
      all.addAll(more);
      return new Stamp(time, serial, node, boot, source, trail, position, all, arrivedMs);
    }

    private static boolean compatible(String one, String other) {
      return one == null || other == null || one.equals(other);
    }
  }

  /**
   * Who a record names as the one who acted; what is unset or unknown is null.
   *
   * @param auid login uid
   * @param uid user id
   * @param session login session
   * @param pid process id
   * @param comm command name
   * @param exe path of the executable
   */
  record Actor(Long auid, Long uid, Long session, Long pid, String comm, String exe) {}

  /**
   * A process a signal was sent to.
   *
   * @param pid its pid
   * @param uid its user id, or null
   * @param comm its command name, or null
   */
  record Target(long pid, Long uid, String comm) {}

  /** A successful call that sent a signal which may end a process: SYSCALL and OBJ_PID records. */
  record Kill(Stamp stamp, int signal, Actor sender, List<Target> targets) implements Fact {
    public Kill {
      targets = List.copyOf(targets);
    }

    /** The same call, with these targets only. */
    Kill at(List<Target> some) {
      return new Kill(stamp, signal, sender, some);
    }

    /** The same call, with the targets another part of the event names. */
    Kill and(Kill other) {
      Set<Target> all = new java.util.LinkedHashSet<>(targets);
      all.addAll(other.targets);
      return new Kill(stamp.alsoReadFrom(other.stamp.sources()), signal, sender, List.copyOf(all));
    }
  }

  /** An audit daemon started: DAEMON_START. */
  record Start(Stamp stamp, String daemon, Long pid) implements Fact {}

  /** An audit daemon gave up before it was one: DAEMON_ABORT. */
  record Abort(Stamp stamp, Long pid) implements Fact {}

  /**
   * A record marks that an audit daemon stopped.
   *
   * @param marker the record's type
   * @param daemon which daemon
   * @param signalInfo what the kernel told the daemon about who sent the signal
   */
  record Stop(Stamp stamp, String marker, String daemon, Actor signalInfo) implements Fact {
    public Stop {
      Objects.requireNonNull(marker, "marker");
    }
  }
}
