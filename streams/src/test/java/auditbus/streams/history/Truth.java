// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.history;

import auditbus.schemas.Coverage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * What truly happened on a host: kept by whoever made it happen, and known to nobody who judges.
 *
 * <p>Not thread-safe while a simulation fills it.
 */
public final class Truth {
  /** One trail: what was written, sent, kept back. */
  static final class Trail {
    final String source;
    final String id;
    final Coverage published = new Coverage();
    final Coverage everKeptBack = new Coverage();
    final Coverage dropped = new Coverage();
    long size;
    long acked;
    long saidAcked;
    boolean saidClosed;

    Trail(String source, String id) {
      this.source = source;
      this.id = id;
    }

    /** The bytes that the job can and must say are missing when all is told. */
    Coverage provablyMissing() {
      Coverage missing = new Coverage();
      published
          .missing(saidClosed ? size : saidAcked)
          .forEach(hole -> missing.add(hole.getPosition(), hole.getPosition() + hole.getLength()));
      dropped
          .covered()
          .forEach(
              drop -> {
                for (long at = drop.getPosition();
                    at < drop.getPosition() + drop.getLength();
                    at++) {
                  if (!published.covers(at, at + 1)) {
                    missing.add(at, at + 1);
                  }
                }
              });
      return missing;
    }
  }

  /** One stop of an audit daemon, and who truly made it. */
  static final class Stop {
    final long timeMillis;
    final long pid;
    final Long auid;
    // SIGKILL leaves no DAEMON_END: the next DAEMON_START tells.
    final boolean bySigkill;
    long nextStartMillis = -1;
    boolean nextStartTold;
    // Whether the kernel told the daemon of somebody else, who was refused.
    boolean poisoned;
    boolean killTold;
    // Whether the daemon's start was told before the first record that marks its end.
    boolean startTold;
    boolean endTold;

    Stop(long timeMillis, long pid, Long auid, boolean bySigkill) {
      this.timeMillis = timeMillis;
      this.pid = pid;
      this.auid = auid;
      this.bySigkill = bySigkill;
    }

    @Override
    public String toString() {
      return "stop of %d at %d by %s (SIGKILL: %s), told: start %s, kill %s, end %s, next start (%d) %s"
          .formatted(
              pid,
              timeMillis,
              auid,
              bySigkill,
              startTold,
              killTold,
              endTold,
              nextStartMillis,
              nextStartTold);
    }
  }

  /** One boot of the kernel. */
  static final class Boot {
    // Serials that some source brought.
    final TreeSet<Long> arrived = new TreeSet<>();
    // Serials the kernel gave to what no source will ever bring, or that were kept back for a
    // while.
    final TreeSet<Long> everAway = new TreeSet<>();
    // Lost records as heartbeats told of them.
    long lostTold;

    /** Serials that must be called missing in the end: those between what arrived. */
    long missing() {
      return arrived.isEmpty() ? 0 : arrived.last() - arrived.first() + 1 - arrived.size();
    }
  }

  /** Auditing was switched off by somebody, and on again. */
  static final class Off {
    final long timeMillis;
    final Long auid;
    boolean offTold;
    boolean onTold;

    Off(long timeMillis, Long auid) {
      this.timeMillis = timeMillis;
      this.auid = auid;
    }
  }

  final Map<String, Boot> boots = new LinkedHashMap<>();
  final List<Off> offs = new ArrayList<>();
  // Whether every event says of which boot it is.
  boolean tellsBoot;
  int agentRuns;
  final Map<String, Trail> trails = new LinkedHashMap<>();
  final List<Stop> stops = new ArrayList<>();

  static String key(String source, String trail) {
    return source + "/" + trail;
  }
}
