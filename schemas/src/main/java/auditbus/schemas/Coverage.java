// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which bytes of a trail there are: a set of disjoint ranges of positions that never touch, lowest
 * first. A hole in it is a gap.
 *
 * <p>Design note: it stands in the contract because agent (what is acknowledged), jobs (what
 * arrived) and sinks (what is on disk) must mean the same by it.
 *
 * <p>Adding where the last addition ended costs O(1), whether at the end of the trail or inside a
 * hole; elsewhere O(log n) to find and O(n) to make room.
 *
 * <p>Not thread-safe: one thread owns a coverage.
 */
public final class Coverage {
  private long[] starts = new long[2];
  private long[] ends = new long[2];
  private int count;
  private long bytes;
  // Where the last addition ended: the next one most likely starts there.
  private int hint;

  /** Position below which every byte is covered. */
  public long lowMark() {
    return count > 0 && starts[0] == 0 ? ends[0] : 0;
  }

  /** Position after the highest covered byte, 0 if none is. */
  public long end() {
    return count == 0 ? 0 : ends[count - 1];
  }

  /** Number of covered bytes. */
  public long bytes() {
    return bytes;
  }

  /** Number of separate ranges. */
  public int ranges() {
    return count;
  }

  /**
   * Adds {@code [position, end)}; what is there already stays.
   *
   * @return how many of its bytes were not covered before
   * @throws IllegalArgumentException if position is negative or end before position
   */
  public long add(long position, long end) {
    if (position < 0 || end < position) {
      throw new IllegalArgumentException("range [" + position + ", " + end + ")");
    }
    if (position == end) {
      return 0;
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
    long known = 0;
    while (to < count && starts[to] <= stop) {
      known += ends[to] - starts[to];
      stop = Math.max(stop, ends[to]);
      to++;
    }
    replace(from, to);
    starts[from] = start;
    ends[from] = stop;
    hint = from + 1;
    long more = stop - start - known;
    bytes += more;
    return more;
  }

  /** Whether every byte of {@code [position, end)} is covered. */
  public boolean covers(long position, long end) {
    if (position >= end) {
      return true;
    }
    int i = firstEndingAfter(position);
    return i < count && starts[i] <= position && ends[i] >= end;
  }

  /** Whether any byte of {@code [position, end)} is covered. */
  public boolean touches(long position, long end) {
    if (position >= end) {
      return false;
    }
    int i = firstEndingAfter(position);
    return i < count && starts[i] < end;
  }

  /**
   * Where the run of covered, or of missing, bytes that starts at {@code position} ends, at most
   * {@code limit}.
   */
  public long runEnd(long position, long limit) {
    int i = firstEndingAfter(position);
    if (i == count) {
      return limit;
    }
    return Math.min(limit, starts[i] <= position ? ends[i] : starts[i]);
  }

  /** The holes below {@code end}, lowest first. */
  public List<Range> missing(long end) {
    List<Range> holes = new ArrayList<>();
    long position = 0;
    for (int i = 0; i < count && position < end; i++) {
      if (starts[i] > position) {
        holes.add(new Range(position, Math.min(starts[i], end) - position));
      }
      position = ends[i];
    }
    if (position < end) {
      holes.add(new Range(position, end - position));
    }
    return holes;
  }

  /** The covered ranges, lowest first. */
  public List<Range> covered() {
    List<Range> list = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      list.add(new Range(starts[i], ends[i] - starts[i]));
    }
    return list;
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

  @Override
  public String toString() {
    return covered().toString();
  }
}
