// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Where each numbered record was said to be. Holds about 20 bytes a record, more only for those
 * that came at several places. One thread owns it.
 */
final class ArrivedRecords {
  /** Where a record was said to be. */
  record Place(String trail, long position, int length) {}

  private final Map<String, Integer> ids = new HashMap<>();
  private final List<String> trails = new ArrayList<>();
  private int[] trail = new int[1024]; // its index in trails, and 1
  private long[] position = new long[1024];
  private int[] length = new int[1024];
  private final Map<Integer, List<Place>> further = new HashMap<>();

  /** Whether the record was not said to be there before. */
  boolean add(int number, Place place) {
    if (number >= trail.length) {
      int size = Math.max(number + 1, trail.length * 2);
      trail = Arrays.copyOf(trail, size);
      position = Arrays.copyOf(position, size);
      length = Arrays.copyOf(length, size);
    }
    if (trail[number] == 0) {
      trail[number] =
          1
              + ids.computeIfAbsent(
                  place.trail(),
                  id -> {
                    trails.add(id);
                    return trails.size() - 1;
                  });
      position[number] = place.position();
      length[number] = place.length();
      return true;
    }
    if (places(number).contains(place)) {
      return false;
    }
    further.computeIfAbsent(number, _ -> new ArrayList<>(1)).add(place);
    return true;
  }

  /** The lowest that came, or {@link Integer#MAX_VALUE}. */
  int first() {
    for (int number = 0; number < trail.length; number++) {
      if (trail[number] > 0) {
        return number;
      }
    }
    return Integer.MAX_VALUE;
  }

  boolean has(int number) {
    return number < trail.length && trail[number] > 0;
  }

  List<Place> places(int number) {
    if (!has(number)) {
      return List.of();
    }
    List<Place> places = new ArrayList<>(1);
    places.add(new Place(trails.get(trail[number] - 1), position[number], length[number]));
    places.addAll(further.getOrDefault(number, List.of()));
    return places;
  }

  /** As if it had not come. */
  void forget(int number) {
    trail[number] = 0;
    List<Place> _ = further.remove(number);
  }
}
