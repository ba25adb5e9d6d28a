// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * What happens and when: of the seed, the length and the kinds alone. First every kind to every
 * target in a shuffled order, then any of them; after three minutes with more time between them, so
 * that a long run is more than one outage.
 *
 * @param planned in the order of their times
 */
record Schedule(List<Planned> planned) {
  private static final int MOST_AT_ONCE = 3;
  private static final int DENSE_MILLIS = 180_000;
  private static final int DENSE_PAUSE_MILLIS = 4_000;
  private static final int PAUSE_MILLIS = 14_000;
  private static final List<String> PROCESSES =
      List.of("broker", "registry", "agent", "streams", "worker");
  private static final List<String> DISKS = List.of("broker", "agent", "worker");

  /** Who takes the kernel's messages. */
  static final String CAPTURE = "capture";

  /** Whose clock may be stepped. */
  static final List<String> CLOCKS = List.of("agent");

  /** One fault and when it begins, in milliseconds from the first one's chance on. */
  record Planned(long atMillis, Fault fault) {
    @Override
    public String toString() {
      return "%7.1f s %s".formatted(atMillis / 1000.0, fault);
    }
  }

  Schedule {
    planned = List.copyOf(planned);
  }

  /** Chooses; the same for the same arguments. */
  static Schedule of(long seed, int seconds, List<Kind> kinds, boolean kernel) {
    Random random = new Random(seed);
    List<Pair> all = pairs(kinds, kernel);
    List<Pair> first = new ArrayList<>(all);
    Collections.shuffle(first, random);
    List<Planned> planned = new ArrayList<>();
    Map<String, Long> busyUntil = new HashMap<>();
    long now = 0;
    while (!all.isEmpty()) {
      now += 300 + random.nextInt(now < DENSE_MILLIS ? DENSE_PAUSE_MILLIS : PAUSE_MILLIS);
      if (now > seconds * 1000L) {
        break;
      }
      long at = now;
      boolean full =
          busyUntil.values().stream().filter(until -> until > at).count() >= MOST_AT_ONCE;
      if (full) {
        continue;
      }
      List<Pair> from = first.isEmpty() ? List.of(all.get(random.nextInt(all.size()))) : first;
      for (Pair pair : List.copyOf(from)) {
        if (busyUntil.getOrDefault(pair.resource(), 0L) <= now) {
          boolean _ = first.remove(pair);
          int millis = 50 + random.nextInt(longest(pair.kind()));
          planned.add(
              new Planned(now, new Fault(pair.kind(), pair.target(), millis, random.nextLong())));
          busyUntil.put(pair.resource(), now + millis);
          break;
        }
      }
    }
    return new Schedule(planned);
  }

  private record Pair(Kind kind, String target) {
    String resource() {
      return Schedule.resource(kind, target);
    }
  }

  /** What one thing at a time happens to: a process and its disk are two. */
  static String resource(Kind kind, String target) {
    return kind == Kind.DISK ? target + " disk" : target;
  }

  private static List<Pair> pairs(List<Kind> kinds, boolean kernel) {
    List<Pair> pairs = new ArrayList<>();
    for (Kind kind : kinds) {
      for (String target : targets(kind)) {
        pairs.add(new Pair(kind, target));
      }
      if (kernel && (kind == Kind.KILL || kind == Kind.STOP || kind == Kind.DISK)) {
        pairs.add(new Pair(kind, CAPTURE));
      }
    }
    return pairs;
  }

  private static List<String> targets(Kind kind) {
    return switch (kind) {
      case KILL, STOP -> PROCESSES;
      case REFUSE, BLACKHOLE, SLOW, CUT -> List.of("network");
      case REGISTRY -> List.of("registry's network");
      case DISK -> DISKS;
      case CLOCK -> CLOCKS;
      case ROTATE, TRUNCATE, REPLACE -> List.of("log");
      case TEAR, CHECKPOINT, RELOAD -> List.of("agent");
    };
  }

  private static int longest(Kind kind) {
    return switch (kind) {
      case KILL, TEAR, CHECKPOINT -> 3_000;
      case ROTATE, TRUNCATE, REPLACE -> 100;
      default -> 9_000;
    };
  }
}
