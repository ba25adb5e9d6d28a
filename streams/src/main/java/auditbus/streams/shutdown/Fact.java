// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.EvidenceKind;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * Something an event says that a shutdown's story may need. What cannot become one is not
 * remembered.
 *
 * <p>A fact is known by {@code (when, serial, node)}, and by its bytes where there is no serial:
 * the same event from two sources, or sent twice, is one fact.
 *
 * <p>Design note: a further kind of evidence is a further record here, read by {@link FactReader}
 * or {@link BsmFacts}, kept by {@link HostFacts}, weighed by {@link Attribution}.
 */
sealed interface Fact {
  /** Where the fact was read. */
  Stamp stamp();

  /** The same fact, read there. */
  Fact at(Stamp place);

  /**
   * What every fact carries.
   *
   * @param time event time, in microseconds since 1970
   * @param serial the kernel's or, for DAEMON_*, the daemon's number
   * @param content digest of the record's bytes where the serial is 0, which numbers nothing; else
   *     null
   * @param node the node= name, or null
   * @param boot the boot id, or null
   * @param source the source it was first read from
   * @param trail the trail it stands in there
   * @param position its first record's position there
   * @param sources all sources it was read from; the first {@link #MAX_SOURCES} by name
   * @param arrivedMs broker time of the first reading
   */
  record Stamp(
      long time,
      long serial,
      String content,
      String node,
      String boot,
      String source,
      String trail,
      long position,
      Set<String> sources,
      long arrivedMs) {
    static final int MAX_SOURCES = 16;

    public Stamp {
      TreeSet<String> some = new TreeSet<>(sources);
      while (some.size() > MAX_SOURCES) {
        some.pollLast();
      }
      sources = some;
    }

    boolean sameAs(Stamp other) {
      return time == other.time
          && serial == other.serial
          && Objects.equals(content, other.content)
          && ofOneNode(other);
    }

    /** Whether both may be of the same system: what is not known is no objection. */
    boolean ofOneNode(Stamp other) {
      return compatible(node, other.node);
    }

    /** Whether both may be of the same system in the same boot. */
    boolean mayBelongTo(Stamp other) {
      return ofOneNode(other) && compatible(boot, other.boot);
    }

    boolean sharesSource(Stamp other) {
      return sources.stream().anyMatch(other.sources::contains);
    }

    /** The same place, also read from the other's sources; a name known to either is known. */
    Stamp and(Stamp other) {
      Set<String> all = new TreeSet<>(sources);
      all.addAll(other.sources);
      return new Stamp(
          time,
          serial,
          content,
          node == null ? other.node : node,
          boot == null ? other.boot : boot,
          source,
          trail,
          position,
          all,
          arrivedMs);
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
  record Actor(Long auid, Long uid, Long session, Long pid, String comm, String exe) {
    static final Actor UNKNOWN = new Actor(null, null, null, null, null, null);

    boolean isInit() {
      return pid != null && pid == 1;
    }
  }

  /**
   * A process a signal was sent to.
   *
   * @param pid its pid
   * @param uid its user id, or null
   * @param comm its command name, or null
   */
  record Target(long pid, Long uid, String comm) {}

  /**
   * A successful call that sent a signal which may end a process.
   *
   * @param kind KILL_EVENT: SYSCALL and OBJ_PID records; LEGACY_KILL: a KERNEL record; BSM
   */
  record Kill(Stamp stamp, EvidenceKind kind, int signal, Actor sender, List<Target> targets)
      implements Fact {
    public Kill {
      targets = List.copyOf(targets);
    }

    @Override
    public Kill at(Stamp place) {
      return new Kill(place, kind, signal, sender, targets);
    }

    /** The same call, with these targets only. */
    Kill at(List<Target> some) {
      return new Kill(stamp, kind, signal, sender, some);
    }

    /** The same call, with the targets another part of the event names. */
    Kill and(Kill other) {
      Set<Target> all = new LinkedHashSet<>(targets);
      all.addAll(other.targets);
      return at(List.copyOf(all));
    }
  }

  /**
   * A call that would have sent a signal and was refused, which the kernel remembers as it
   * remembers one that was not.
   */
  record Refusal(Stamp stamp, Actor sender, List<Target> targets) implements Fact {
    public Refusal {
      targets = List.copyOf(targets);
    }

    @Override
    public Refusal at(Stamp place) {
      return new Refusal(place, sender, targets);
    }

    /** The same call, with the targets another part of the event names. */
    Refusal and(Refusal other) {
      Set<Target> all = new LinkedHashSet<>(targets);
      all.addAll(other.targets);
      return new Refusal(stamp, sender, List.copyOf(all));
    }
  }

  /**
   * Somebody asked, successfully as far as the record goes, for what may end a daemon, without
   * signalling it himself: a command of the service manager, a shutdown of the system, a trigger.
   *
   * @param kind SERVICE_MANAGER or BSM
   * @param what the request in words
   * @param daemon the daemon it is about, or null: the system
   * @param command whether it is a command somebody gave, and not what came of one
   */
  record Request(
      Stamp stamp, EvidenceKind kind, String what, String daemon, boolean command, Actor actor)
      implements Fact {
    @Override
    public Request at(Stamp place) {
      return new Request(place, kind, what, daemon, command, actor);
    }
  }

  /** The service manager, as process 1, says that a daemon's service stopped: SERVICE_STOP. */
  record ServiceStop(Stamp stamp, String daemon, Actor actor) implements Fact {
    @Override
    public ServiceStop at(Stamp place) {
      return new ServiceStop(place, daemon, actor);
    }
  }

  /**
   * The system came up, or a trail whose writer had died was found.
   *
   * @param type SYSTEM_BOOT or AUE_audit_recovery
   */
  record Boot(Stamp stamp, String type) implements Fact {
    @Override
    public Boot at(Stamp place) {
      return new Boot(place, type);
    }
  }

  /**
   * An audit daemon started.
   *
   * @param marker the record's type: DAEMON_START, DAEMON or AUE_audit_startup
   * @param daemon which daemon
   * @param pid its pid, or null
   */
  record Start(Stamp stamp, String marker, String daemon, Long pid) implements Fact {
    @Override
    public Start at(Stamp place) {
      return new Start(place, marker, daemon, pid);
    }
  }

  /**
   * An audit daemon gave up before it was one: DAEMON_ABORT, or the kernel refused to register it.
   */
  record Abort(Stamp stamp, Long pid) implements Fact {
    @Override
    public Abort at(Stamp place) {
      return new Abort(place, pid);
    }
  }

  /** What a record says of a stop. */
  enum Mark {
    /** The daemon itself says that it ends. */
    END,
    /** The kernel says that the daemon left it. */
    UNREGISTERED,
    /** Auditing was switched off, whatever daemon runs. */
    SWITCHED_OFF
  }

  /**
   * A record marks that an audit daemon, or auditing, stopped.
   *
   * @param marker the record's type
   * @param mark what it says
   * @param daemon which daemon
   * @param pid the daemon's pid where the record says it, else null
   * @param actor END: what the kernel told the daemon about who sent the signal, or null where such
   *     records never say it; else who acted
   */
  record Stop(Stamp stamp, String marker, Mark mark, String daemon, Long pid, Actor actor)
      implements Fact {
    public Stop {
      Objects.requireNonNull(marker, "marker");
      Objects.requireNonNull(mark, "mark");
    }

    @Override
    public Stop at(Stamp place) {
      return new Stop(place, marker, mark, daemon, pid, actor);
    }
  }
}
