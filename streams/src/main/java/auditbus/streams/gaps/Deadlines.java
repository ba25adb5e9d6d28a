// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * What is due when: one moment a key, cheap to put off.
 *
 * <p>Design note: a deadline that is put off leaves its place in the queue and is looked at again
 * when that comes. So a host's heartbeat costs one map entry, and a look at 10,000 hosts nothing
 * but those whose old moment has come.
 *
 * <p>Not thread-safe.
 */
final class Deadlines {
  private record Place(long atMs, String key) {}

  private final Map<String, Long> moments = new HashMap<>();
  private final Map<String, Long> places = new HashMap<>();
  private final PriorityQueue<Place> queue =
      new PriorityQueue<>(Comparator.comparingLong(Place::atMs));

  /** The key is due then, and not when it was before. */
  void set(String key, long atMs) {
    moments.put(key, atMs);
    Long place = places.get(key);
    if (place == null || place > atMs) {
      places.put(key, atMs);
      queue.add(new Place(atMs, key));
    }
  }

  /** The key is due then, or when it was before if that is earlier. */
  void setEarlier(String key, long atMs) {
    Long before = moments.get(key);
    if (before == null || before > atMs) {
      set(key, atMs);
    }
  }

  /** The key is not due any more. */
  void clear(String key) {
    moments.remove(key);
  }

  /** Takes out the keys that are due, earliest first. */
  List<String> take(long nowMs) {
    List<String> due = new ArrayList<>();
    for (Place first = queue.peek(); first != null && first.atMs() <= nowMs; first = queue.peek()) {
      queue.remove();
      // INVARIANT: of the places of one key only the earliest, the one in the map, counts.
      if (places.remove(first.key(), first.atMs())) {
        Long moment = moments.get(first.key());
        if (moment != null && moment <= nowMs) {
          moments.remove(first.key());
          due.add(first.key());
        } else if (moment != null) {
          set(first.key(), moment);
        }
      }
    }
    return due;
  }

  int size() {
    return moments.size();
  }
}
