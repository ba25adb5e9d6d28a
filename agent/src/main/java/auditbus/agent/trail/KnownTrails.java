// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.Checkpoint.ClosedMark;
import auditbus.agent.trail.Checkpoint.SourceMark;
import auditbus.agent.trail.Discovery.Found;
import auditbus.schemas.Format;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The trails of a source that are known: the open ones in reading order, and those that are closed.
 *
 * <p>Design note: a directory may hold thousands of closed trails and has a few open ones; whatever
 * is done often goes through the open ones only.
 *
 * <p>Not thread-safe.
 */
final class KnownTrails {
  /** How many closed trails are remembered whose files are gone. */
  private static final int KEEP_CLOSED = 1000;

  // INVARIANT: ids are unique over both.
  private final Map<String, Trail> open = new LinkedHashMap<>();
  private final Map<String, ClosedTrail> closed = new LinkedHashMap<>();
  // The one closed last holds an inode.
  private final Map<Long, ClosedTrail> closedByInode = new HashMap<>();
  private Optional<List<ClosedMark>> closedMarks = Optional.empty();
  private String latestStart = "";
  private int look;
  private int closedSeen;

  private long closedBytes;
  private long closedBytesAcked;
  private long closedRewound;
  private long dropped;
  private long unreadDropped;

  KnownTrails(Optional<SourceMark> mark, Optional<Format> onlyFormat) {
    for (SourceMark known : mark.stream().toList()) {
      known.closed().forEach(trail -> addClosed(new ClosedTrail(trail, false)));
      for (var trail : known.trails()) {
        if (!closed.containsKey(trail.id())) {
          add(new Trail(trail, onlyFormat), true); // as it was
        }
      }
    }
  }

  /** The open trails in reading order. */
  Collection<Trail> open() {
    return Collections.unmodifiableCollection(open.values());
  }

  Optional<Trail> open(String id) {
    return Optional.ofNullable(open.get(id));
  }

  boolean contains(String id) {
    return open.containsKey(id) || closed.containsKey(id);
  }

  /** The latest start of all trails ever known, "" if none is. */
  String latestStart() {
    return latestStart;
  }

  /**
   * A trail that was found, to be read after those with earlier starts. One that is late is read
   * last: its bytes were written after those of all the others. The order stays over restarts, for
   * an event may have records in two trails.
   */
  void add(Trail trail, boolean late) {
    if (late || trail.start().compareTo(latestStart) > 0) {
      open.put(trail.id(), trail);
    } else {
      List<Trail> order = new ArrayList<>(open.values());
      order.add(placeOf(trail, order), trail);
      open.clear();
      order.forEach(each -> open.put(each.id(), each));
    }
    if (trail.start().compareTo(latestStart) > 0) {
      latestStart = trail.start();
    }
  }

  private static int placeOf(Trail trail, List<Trail> order) {
    int at = order.size();
    for (int i = order.size() - 1; i >= 0; i--) {
      int sign = order.get(i).start().compareTo(trail.start());
      if (sign == 0) {
        return i + 1; // INVARIANT: behind the incarnation before it
      }
      at = sign > 0 ? i : at;
    }
    return at;
  }

  /** The trail's closing state is acknowledged. */
  void close(Trail trail, long size, Optional<String> sha256) {
    open.remove(trail.id());
    trail.close();
    boolean lost = trail.lost().isPresent();
    if (lost) {
      dropped += trail.rewound() + trail.unreadDropped();
      unreadDropped += trail.unreadDropped();
    } else {
      closedRewound += trail.rewound();
    }
    ClosedMark mark =
        new ClosedMark(
            trail.id(),
            lost ? ClosedMark.NO_INODE : trail.identity().inode(),
            trail.identity().length(),
            trail.identity().digest(),
            size,
            Math.min(trail.coverage().bytes(), size),
            sha256.orElse(null));
    addClosed(new ClosedTrail(mark, true));
  }

  private void addClosed(ClosedTrail trail) {
    ClosedMark mark = trail.mark();
    closed.put(mark.id(), trail);
    if (mark.inode() != ClosedMark.NO_INODE) {
      closedByInode.put(mark.inode(), trail);
    }
    closedBytes += mark.size();
    closedBytesAcked += mark.acked();
    closedMarks = Optional.empty();
    String start = mark.id().substring(0, TrailName.STAMP_LENGTH);
    if (start.compareTo(latestStart) > 0) {
      latestStart = start;
    }
  }

  /** The marks of the closed trails, in the order they were closed; the same list until one is. */
  List<ClosedMark> closedMarks() {
    if (closedMarks.isEmpty()) {
      closedMarks =
          Optional.of(List.copyOf(closed.values().stream().map(ClosedTrail::mark).toList()));
    }
    return closedMarks.get();
  }

  /** Id of the first closed trail that sorts after this one, its later incarnations included. */
  Optional<String> closedAfter(Trail trail) {
    return closed.keySet().stream()
        .filter(id -> id.compareTo(trail.id()) > 0)
        .min(Comparator.naturalOrder());
  }

  /** A listing is gone through from here on. */
  void startLook() {
    look++;
    closedSeen = 0;
  }

  /** The open trails by the inode of their file: of two incarnations the later one. */
  Map<Long, Trail> openByInode() {
    Map<Long, Trail> found = new HashMap<>();
    for (Trail trail : open.values()) {
      found.put(trail.identity().inode(), trail);
    }
    return found;
  }

  /** Id of the closed trail the file found is, empty if it is none. */
  Optional<String> closedIn(Found found) throws IOException {
    ClosedTrail trail = closedByInode.get(found.inode());
    if (trail == null || !trail.isIn(found)) {
      return Optional.empty();
    }
    if (!trail.wasSeenAt(look)) {
      trail.seenAt(look);
      closedSeen++;
    }
    return Optional.of(trail.mark().id());
  }

  /** Of the closed trails the last look did not see the oldest are forgotten. */
  void forget() {
    forget(closed.size() - closedSeen - KEEP_CLOSED);
  }

  private void forget(int count) {
    Iterator<ClosedTrail> oldestFirst = closed.values().iterator();
    for (int left = count; left > 0 && oldestFirst.hasNext(); ) {
      ClosedTrail trail = oldestFirst.next();
      if (!trail.wasSeenAt(look)) {
        ClosedMark mark = trail.mark();
        oldestFirst.remove();
        closedByInode.remove(mark.inode(), trail);
        closedBytes -= mark.size();
        closedBytesAcked -= mark.acked();
        closedMarks = Optional.empty();
        left--;
      }
    }
  }

  /** Sums over all known trails. */
  Sums sums() {
    long known = closedBytes;
    long acked = closedBytesAcked;
    long rewound = closedRewound;
    long lost = dropped;
    long neverRead = unreadDropped;
    for (Trail trail : open.values()) {
      known += trail.size();
      acked += Math.min(trail.coverage().bytes(), trail.size());
      if (trail.lost().isEmpty()) {
        rewound += trail.rewound();
      } else {
        lost += trail.rewound() + trail.unreadDropped();
        neverRead += trail.unreadDropped();
      }
    }
    return new Sums(known, acked, rewound, lost, neverRead);
  }

  /**
   * Sums over all known trails.
   *
   * @param bytes bytes known to stand in them
   * @param acked those acknowledged
   * @param rewound records that are to be read again
   * @param dropped records that were to be read, once more or at all, and can't be
   * @param unreadDropped those of them that were never read
   */
  record Sums(long bytes, long acked, long rewound, long dropped, long unreadDropped) {}

  /** Lets go of all files. */
  void closeFiles() {
    open.values().forEach(Trail::close);
  }
}
