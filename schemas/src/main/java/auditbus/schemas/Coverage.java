// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Which bytes of a trail there are: a set of half-open ranges of positions. A hole in it is a gap.
 *
 * <p>Design note: it stands in the contract because agent (what is acknowledged), jobs (what
 * arrived) and sinks (what is on disk) must mean the same by it. Bytes in order cost O(1) and no
 * memory: the range from 0 is one number, only ranges above the first hole are kept apart.
 *
 * <p>Not thread-safe: one thread owns a coverage.
 */
public final class Coverage {
  private long lowMark;
  // INVARIANT: disjoint, not touching each other, every start above lowMark.
  private final TreeMap<Long, Long> above = new TreeMap<>();
  private long aboveBytes;

  /** Position below which every byte is covered. */
  public long lowMark() {
    return lowMark;
  }

  /** Position after the highest covered byte, 0 if none is. */
  public long end() {
    return above.isEmpty() ? lowMark : above.lastEntry().getValue();
  }

  /** Number of covered bytes. */
  public long bytes() {
    return lowMark + aboveBytes;
  }

  /** Number of separate ranges. */
  public int ranges() {
    return above.size() + (lowMark > 0 ? 1 : 0);
  }

  /**
   * Adds {@code [position, end)}.
   *
   * @return how many of its bytes were not covered before
   * @throws IllegalArgumentException if position is negative or end before position
   */
  public long add(long position, long end) {
    if (position < 0 || end < position) {
      throw new IllegalArgumentException("range [" + position + ", " + end + ")");
    }
    long before = bytes();
    if (position <= lowMark) {
      lowMark = Math.max(lowMark, end);
    } else if (end > position) {
      addAbove(position, end);
    }
    absorb();
    return bytes() - before;
  }

  /** Whether every byte of {@code [position, end)} is covered. */
  public boolean covers(long position, long end) {
    if (end <= lowMark || position >= end) {
      return true;
    }
    Map.Entry<Long, Long> floor = above.floorEntry(position);
    return floor != null && floor.getValue() >= end;
  }

  /** Whether any byte of {@code [position, end)} is covered. */
  public boolean touches(long position, long end) {
    if (position >= end) {
      return false;
    }
    if (position < lowMark) {
      return true;
    }
    Map.Entry<Long, Long> lower = above.lowerEntry(end);
    return lower != null && lower.getValue() > position;
  }

  /** The holes below {@code end}, lowest first. */
  public List<Range> missing(long end) {
    List<Range> holes = new ArrayList<>();
    long position = lowMark;
    for (Map.Entry<Long, Long> range : above.entrySet()) {
      if (position >= end) {
        return holes;
      }
      long holeEnd = Math.min(range.getKey(), end);
      holes.add(new Range(position, holeEnd - position));
      position = range.getValue();
    }
    if (position < end) {
      holes.add(new Range(position, end - position));
    }
    return holes;
  }

  /** The covered ranges, lowest first. */
  public List<Range> covered() {
    List<Range> list = new ArrayList<>(ranges());
    if (lowMark > 0) {
      list.add(new Range(0L, lowMark));
    }
    above.forEach((start, end) -> list.add(new Range(start, end - start)));
    return list;
  }

  private void addAbove(long position, long end) {
    long start = position;
    long stop = end;
    Map.Entry<Long, Long> floor = above.floorEntry(start);
    if (floor != null && floor.getValue() >= start) {
      start = floor.getKey();
      stop = Math.max(stop, floor.getValue());
    }
    for (Map.Entry<Long, Long> next = above.ceilingEntry(start);
        next != null && next.getKey() <= stop;
        next = above.ceilingEntry(start)) {
      stop = Math.max(stop, next.getValue());
      aboveBytes -= next.getValue() - next.getKey();
      above.remove(next.getKey());
    }
    above.put(start, stop);
    aboveBytes += stop - start;
  }

  private void absorb() {
    for (Map.Entry<Long, Long> first = above.firstEntry();
        first != null && first.getKey() <= lowMark;
        first = above.firstEntry()) {
      lowMark = Math.max(lowMark, first.getValue());
      aboveBytes -= first.getValue() - first.getKey();
      above.remove(first.getKey());
    }
  }

  @Override
  public String toString() {
    return covered().toString();
  }
}
