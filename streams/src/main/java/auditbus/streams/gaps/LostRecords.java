// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One counter of losses of one boot as the heartbeats told it, and when it grew.
 *
 * <p>Kept are, of heartbeats in a row that say the same, the first and the last: between any two
 * kept ones nothing else was said. What the counter grew by between two of them is a pure function
 * of both and of the resets in between, so that a reset's record may come before or after.
 *
 * <p>Bounded by {@value #MAX_POINTS} heartbeats. Of those before them the sum is kept, and the
 * episode they began if it goes on; one that is over is handed out and forgotten.
 *
 * <p>Heartbeats are in the order the agent made them, whatever its clock says.
 *
 * <p>Not thread-safe: the host's state owns it.
 */
final class LostRecords {
  static final int MAX_POINTS = 24;

  private static final long ROUND = 1L << 32;
  // How much older than its heartbeat a counter may be.
  private static final long READ_EARLIER_MICROS = 10_000_000;

  /**
   * A heartbeat.
   *
   * @param atMicros its time
   * @param lost the counter it told
   */
  record Point(long atMicros, long lost) {}

  /**
   * {@code auditctl --reset-lost}.
   *
   * @param atMicros event time
   * @param serial the event's serial
   * @param old the counter before
   */
  record Reset(long atMicros, long serial, long old) {}

  /**
   * Heartbeats in a row with growth between each two. It is named by the heartbeat before it, so
   * that it is the same one however long it lasts.
   *
   * @param afterMicros the heartbeat before, {@link #BOOT} where there was none
   * @param toMicros the last heartbeat with growth
   * @param lost by how much the counter grew
   * @param resets how many resets are known in between
   * @param unknownReset whether the counter fell without a known reset: what it lost before is not
   *     known
   */
  record Episode(long afterMicros, long toMicros, long lost, int resets, boolean unknownReset) {}

  static final long BOOT = Long.MIN_VALUE;

  private final List<Point> points = new ArrayList<>();
  // What it grew by up to the first heartbeat kept, if earlier ones are gone, and the episode that
  // one is in.
  private long before;
  private boolean cut;
  private Optional<Episode> running = Optional.empty();

  /** Takes a heartbeat made after all others; false if it says nothing new. */
  boolean add(long atMicros, long lost) {
    int size = points.size();
    Point now = new Point(atMicros, lost);
    if (size > 1 && points.get(size - 1).lost() == lost && points.get(size - 2).lost() == lost) {
      points.set(size - 1, now);
      return false;
    }
    points.add(now);
    return size == 0 ? lost > 0 : points.get(size - 1).lost() != lost;
  }

  /** Keeps the bound; returns the episodes that are over and no longer kept. */
  List<Episode> bound(List<Reset> resets) {
    List<Episode> over = new ArrayList<>();
    while (points.size() > MAX_POINTS) {
      forgetFirst(resets).ifPresent(over::add);
    }
    return over;
  }

  /** Forgets the oldest episode; empty if there is none that is over. */
  Optional<Episode> forgetOldest(List<Reset> resets) {
    if (episodes(resets).size() < 2) {
      return Optional.empty();
    }
    Optional<Episode> over;
    do {
      over = forgetFirst(resets);
    } while (over.isEmpty());
    return over;
  }

  /** The second heartbeat becomes the first. Returns the episode that ended with the first. */
  private Optional<Episode> forgetFirst(List<Reset> resets) {
    List<List<Reset>> between = between(resets);
    long[] growth = growth(between);
    Optional<Episode> first = cut ? running : next(running, 0, between, growth);
    running = next(first, 1, between, growth);
    before += growth[0] + growth[1];
    points.removeFirst();
    cut = true;
    return running.isPresent() ? Optional.empty() : first;
  }

  /**
   * Goes on from another record of the same counter, kept under another name of the boot: what that
   * one counted is not counted here. Returns the episodes there were here: none is kept.
   */
  List<Episode> goOnFrom(LostRecords other, List<Reset> resets, List<Reset> othersResets) {
    if (other.points.isEmpty()) {
      return List.of();
    }
    List<Episode> over = episodes(resets);
    before = Math.max(total(resets), other.total(othersResets));
    running = Optional.empty();
    cut = true;
    points.clear();
    points.add(other.points.getLast());
    return over;
  }

  /** Time of the last heartbeat; {@link #BOOT} if there was none. */
  long lastMicros() {
    return points.isEmpty() ? BOOT : points.getLast().atMicros();
  }

  /** The earliest time of a heartbeat kept; {@link Long#MAX_VALUE} if there was none. */
  long firstMicros() {
    return points.stream().mapToLong(Point::atMicros).min().orElse(Long.MAX_VALUE);
  }

  /** All the counter grew by since boot. */
  long total(List<Reset> resets) {
    long sum = before;
    for (long one : growth(between(resets))) {
      sum += one;
    }
    return sum;
  }

  /** The times of loss, oldest first. */
  List<Episode> episodes(List<Reset> resets) {
    List<List<Reset>> between = between(resets);
    long[] growth = growth(between);
    List<Episode> episodes = new ArrayList<>();
    Optional<Episode> open = running;
    for (int i = cut ? 1 : 0; i < points.size(); i++) {
      Optional<Episode> now = next(open, i, between, growth);
      if (now.isEmpty()) {
        open.ifPresent(episodes::add);
      }
      open = now;
    }
    open.ifPresent(episodes::add);
    return episodes;
  }

  /** The episode that heartbeat {@code i} is in, given the one that the heartbeat before is in. */
  private Optional<Episode> next(
      Optional<Episode> open, int i, List<List<Reset>> between, long[] growth) {
    if (growth[i] == 0) {
      return Optional.empty();
    }
    int known = between.get(i).size();
    boolean unknown =
        i > 0
            && known == 0
            && points.get(i).lost() < points.get(i - 1).lost()
            && !isRound(points.get(i - 1).lost(), points.get(i).lost());
    Episode begun =
        open.orElseGet(
            () -> {
              long after = i == 0 ? BOOT : points.get(i - 1).atMicros();
              return new Episode(after, after, 0, 0, false);
            });
    return Optional.of(
        new Episode(
            begun.afterMicros(),
            points.get(i).atMicros(),
            begun.lost() + growth[i],
            begun.resets() + known,
            begun.unknownReset() || unknown));
  }

  /** By how much the counter grew up to each heartbeat since the one before. */
  private long[] growth(List<List<Reset>> between) {
    long[] growth = new long[points.size()];
    for (int i = 0; i < growth.length; i++) {
      long now = points.get(i).lost();
      if (i == 0 && cut) {
        continue;
      }
      long from = i == 0 ? 0 : points.get(i - 1).lost();
      List<Reset> within = between.get(i);
      if (!within.isEmpty()) {
        for (Reset reset : within) {
          growth[i] += Math.max(0, reset.old() - from);
          from = 0;
        }
        growth[i] += now;
      } else if (now >= from) {
        growth[i] = now - from;
      } else {
        growth[i] = isRound(from, now) ? now - from + ROUND : now;
      }
    }
    return growth;
  }

  private static boolean isRound(long from, long now) {
    return from - now > ROUND / 2;
  }

  /**
   * The resets before each heartbeat and after the one before it. A heartbeat's counter was read a
   * little before: a reset shortly before a heartbeat belongs to the next one where only that shows
   * it.
   */
  private List<List<Reset>> between(List<Reset> resets) {
    List<List<Reset>> between = new ArrayList<>(points.size());
    points.forEach(_ -> between.add(new ArrayList<>(1)));
    for (Reset reset : resets) {
      int i = points.size();
      while (i > 0 && points.get(i - 1).atMicros() >= reset.atMicros()) {
        i--;
      }
      if (i == points.size() || (i == 0 && cut)) {
        continue;
      }
      boolean mayBeLater =
          points.get(i).atMicros() - reset.atMicros() <= READ_EARLIER_MICROS
              && points.get(i).lost() <= reset.old()
              && (i == 0 || points.get(i).lost() >= points.get(i - 1).lost());
      if (!mayBeLater || points.get(i).lost() == 0) {
        between.get(i).add(reset);
      } else if (i + 1 < points.size()) {
        boolean shownLater =
            points.get(i + 1).lost() < points.get(i).lost() || points.get(i).lost() == reset.old();
        between.get(shownLater ? i + 1 : i).add(reset);
      }
      // Else the next heartbeat shows where it belongs.
    }
    return between;
  }

  void encode(DataOutputStream out) throws IOException {
    out.writeBoolean(cut);
    Numbers.write(before, out);
    out.writeByte(points.size());
    for (Point point : points) {
      out.writeLong(point.atMicros());
      Numbers.write(point.lost(), out);
    }
    out.writeBoolean(running.isPresent());
    if (running.isPresent()) {
      Episode one = running.get();
      out.writeLong(one.afterMicros());
      out.writeLong(one.toMicros());
      Numbers.write(one.lost(), out);
      Numbers.write(one.resets(), out);
      out.writeBoolean(one.unknownReset());
    }
  }

  static LostRecords decode(DataInputStream in) throws IOException {
    LostRecords lost = new LostRecords();
    lost.cut = in.readBoolean();
    lost.before = Numbers.read(in);
    for (int left = in.readByte(); left > 0; left--) {
      lost.points.add(new Point(in.readLong(), Numbers.read(in)));
    }
    if (in.readBoolean()) {
      lost.running =
          Optional.of(
              new Episode(
                  in.readLong(),
                  in.readLong(),
                  Numbers.read(in),
                  (int) Numbers.read(in),
                  in.readBoolean()));
    }
    return lost;
  }
}
