// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which bytes of a trail are there: a set of disjoint ranges that never touch, lowest first.
 *
 * <p>Adding where the last addition ended costs O(1), whether at the end of the trail or inside a
 * hole; elsewhere O(log n) to find and O(n) to make room.
 *
 * <p>Not thread-safe.
 */
final class Coverage {
  private long[] starts = new long[2];
  private long[] ends = new long[2];
  private int count;
  // Where the last addition ended: the next one most likely starts there.
  private int hint;

  /** Number of separate ranges. */
  int count() {
    return count;
  }

  /** Number of bytes in all ranges. */
  long bytes() {
    long bytes = 0;
    for (int i = 0; i < count; i++) {
      bytes += ends[i] - starts[i];
    }
    return bytes;
  }

  /** Position after the highest byte; 0 when empty. */
  long end() {
    return count == 0 ? 0 : ends[count - 1];
  }

  /** Whether no byte of {@code [position, end)} is there. */
  boolean isFree(long position, long end) {
    int i = firstEndingAfter(position);
    return i == count || starts[i] >= end;
  }

  /** Whether every byte of {@code [position, end)} is there. */
  boolean covers(long position, long end) {
    if (position >= end) {
      return true;
    }
    int i = firstEndingAfter(position);
    return i < count && starts[i] <= position && ends[i] >= end;
  }

  /** Where the run of covered, or of missing, bytes that starts at a position ends. */
  long runEnd(long position, long limit) {
    int i = firstEndingAfter(position);
    if (i == count) {
      return limit;
    }
    return Math.min(limit, starts[i] <= position ? ends[i] : starts[i]);
  }

  /** Adds {@code [position, end)}; what is there already stays. */
  void add(long position, long end) {
    if (position < 0 || position > end) {
      throw new IllegalArgumentException("no range: " + position + " to " + end);
    }
    if (position == end) {
      return;
    }
    int from = firstEndingAfter(position);
    long start = position;
    if (from > 0 && ends[from - 1] == position) {
      from--;
      start = starts[from];
    } else if (from < count && starts[from] < position) {
      start = starts[from];
    }
    int to = from;
    long stop = end;
    while (to < count && starts[to] <= stop) {
      stop = Math.max(stop, ends[to]);
      to++;
    }
    replace(from, to);
    starts[from] = start;
    ends[from] = stop;
    hint = from + 1;
  }

  // Makes room for one range in place of those from .. to-1.
  private void replace(int from, int to) {
    if (from == to) {
      if (count == starts.length) {
        starts = Arrays.copyOf(starts, count * 2);
        ends = Arrays.copyOf(ends, count * 2);
      }
      System.arraycopy(starts, from, starts, from + 1, count - from);
      System.arraycopy(ends, from, ends, from + 1, count - from);
      count++;
    } else if (to - from > 1) {
      System.arraycopy(starts, to, starts, from + 1, count - to);
      System.arraycopy(ends, to, ends, from + 1, count - to);
      count -= to - from - 1;
    }
  }

  private int firstEndingAfter(long position) {
    if (count == 0 || ends[count - 1] <= position) {
      return count;
    }
    if (hint < count && ends[hint] > position && (hint == 0 || ends[hint - 1] <= position)) {
      return hint;
    }
    int found = Arrays.binarySearch(ends, 0, count, position);
    return found >= 0 ? found + 1 : -found - 1;
  }

  /** The ranges, lowest first. */
  List<Span> spans() {
    List<Span> spans = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      spans.add(new Span(starts[i], ends[i] - starts[i]));
    }
    return spans;
  }

  /** What is missing of {@code [0, size)}, lowest first. */
  List<Span> holes(long size) {
    List<Span> holes = new ArrayList<>();
    long position = 0;
    for (int i = 0; i < count && position < size; i++) {
      if (starts[i] > position) {
        holes.add(new Span(position, Math.min(starts[i], size) - position));
      }
      position = ends[i];
    }
    if (position < size) {
      holes.add(new Span(position, size - position));
    }
    return holes;
  }

  @Override
  public String toString() {
    return spans().toString();
  }
}
