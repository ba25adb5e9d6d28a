// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which serials of one boot were seen: disjoint ranges that never touch, lowest first, each with
 * the event times at its two ends, so that a hole has a time.
 *
 * <p>Serials are of 64 bits here: a boot's 32 bits, and above them how often they went round.
 * Adding behind the end costs O(1), elsewhere O(log n) to find and O(n) to make room and to unpack
 * what was read from the store; a jump costs no more than a step.
 *
 * <p>Not thread-safe: the boot's state owns it.
 */
final class SerialRanges {
  /**
   * Serials between two ranges.
   *
   * @param first the first missing serial, 64 bits
   * @param end the serial after the last missing one
   * @param beforeMs event time of the serial before it
   * @param afterMs event time of the serial after it
   */
  record Hole(long first, long end, long beforeMs, long afterMs) {
    long count() {
      return end - first;
    }

    /** When what is missing happened at the earliest: a long system call's time is its entry. */
    long fromMs() {
      return Math.min(beforeMs, afterMs);
    }

    long toMs() {
      return Math.max(beforeMs, afterMs);
    }
  }

  // Event times are of entry to the system call, serials of its exit.
  private static final long CLOCK_MS = 1_000;

  private static final byte[] NOTHING = {};

  // All ranges but the highest, lowest first: as encoded, null where that is to be done again, and
  // unpacked once one was asked for.
  private byte[] packed = NOTHING;
  private boolean isUnpacked = true;
  private long[] starts = new long[4];
  private long[] ends = new long[4];
  private long[] startMs = new long[4];
  private long[] endMs = new long[4];
  // How many ranges there are with the highest.
  private int count;

  private long first;
  private long topStart;
  private long topEnd;
  private long topStartMs;
  private long topEndMs;
  private long serials;

  boolean isEmpty() {
    return count == 0;
  }

  /** Number of separate ranges. */
  int size() {
    return count;
  }

  /** The lowest serial seen. */
  long first() {
    return first;
  }

  /** The highest serial seen. */
  long last() {
    return topEnd - 1;
  }

  /** The lowest serial of the highest range: the end of the highest hole if there is one. */
  long topStart() {
    return topStart;
  }

  /** How many serials were seen. */
  long serials() {
    return serials;
  }

  /** How many serials lie between the first and the last and were not seen. */
  long missing() {
    return count == 0 ? 0 : topEnd - first - serials;
  }

  boolean contains(long serial) {
    if (count > 0 && serial >= topStart) {
      return serial < topEnd;
    }
    unpack();
    int i = firstEndingAfter(serial);
    return i < count && starts[i] <= serial;
  }

  /** The hole below range {@code i}, from 1 to size() - 1. */
  Hole hole(int i) {
    unpack();
    return new Hole(ends[i - 1], starts[i], endMs[i - 1], startMs[i]);
  }

  /** Takes one serial; false if it was seen before. */
  boolean add(long serial, long timeMs) {
    if (count > 0 && serial >= topStart && serial <= topEnd) {
      if (serial < topEnd) {
        return false;
      }
      topEnd++;
      topEndMs = timeMs;
      serials++;
      if (isUnpacked) {
        ends[count - 1] = topEnd;
        endMs[count - 1] = topEndMs;
      }
      return true;
    }
    unpack();
    boolean more = insert(serial, timeMs);
    readTop();
    return more;
  }

  private boolean insert(long serial, long timeMs) {
    int i = firstEndingAfter(serial);
    if (i < count && starts[i] <= serial) {
      return false;
    }
    serials++;
    packed = null;
    boolean joinsLower = i > 0 && ends[i - 1] == serial;
    boolean joinsUpper = i < count && starts[i] == serial + 1;
    if (joinsLower && joinsUpper) {
      ends[i - 1] = ends[i];
      endMs[i - 1] = endMs[i];
      remove(i);
    } else if (joinsLower) {
      ends[i - 1] = serial + 1;
      endMs[i - 1] = timeMs;
    } else if (joinsUpper) {
      starts[i] = serial;
      startMs[i] = timeMs;
    } else {
      makeRange(i, serial, timeMs);
    }
    return true;
  }

  /** Takes the lowest hole for seen: it is counted elsewhere. */
  Hole fillLowest() {
    unpack();
    Hole lowest = hole(1);
    serials += lowest.count();
    packed = null;
    ends[0] = ends[1];
    endMs[0] = endMs[1];
    remove(1);
    readTop();
    return lowest;
  }

  /**
   * What of another's hole is missing here too: a host is in one boot at a time, so a range that
   * holds these serials and was made when they were is of the same boot. It was if both together
   * are in the order of time: at each end either the range ends in the hole, and did so within the
   * hole's time, or the hole ends in the range, and did so within the range's time.
   *
   * @param shift what to add to a serial of the other to have one of this
   */
  List<Hole> without(Hole hole, long shift) {
    unpack();
    List<Hole> left = new ArrayList<>(1);
    long from = hole.first() + shift;
    long end = hole.end() + shift;
    for (int i = firstEndingAfter(from); i < count && starts[i] < end && from < end; i++) {
      if (isOfTheTime(i, hole, shift)) {
        if (from < starts[i]) {
          left.add(new Hole(from - shift, starts[i] - shift, hole.beforeMs(), hole.afterMs()));
        }
        from = ends[i];
      }
    }
    if (from < end) {
      left.add(new Hole(from - shift, end - shift, hole.beforeMs(), hole.afterMs()));
    }
    return left;
  }

  private boolean isOfTheTime(int i, Hole hole, long shift) {
    long fromMs = Math.min(startMs[i], endMs[i]);
    long toMs = Math.max(startMs[i], endMs[i]);
    boolean lower =
        starts[i] >= hole.first() + shift
            ? hole.fromMs() - CLOCK_MS <= fromMs
            : fromMs - CLOCK_MS <= hole.beforeMs() && hole.beforeMs() <= toMs + CLOCK_MS;
    boolean upper =
        ends[i] <= hole.end() + shift
            ? toMs <= hole.toMs() + CLOCK_MS
            : fromMs - CLOCK_MS <= hole.afterMs() && hole.afterMs() <= toMs + CLOCK_MS;
    return lower && upper;
  }

  private void makeRange(int at, long serial, long timeMs) {
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, count * 2);
      ends = Arrays.copyOf(ends, count * 2);
      startMs = Arrays.copyOf(startMs, count * 2);
      endMs = Arrays.copyOf(endMs, count * 2);
    }
    move(at, at + 1);
    count++;
    starts[at] = serial;
    ends[at] = serial + 1;
    startMs[at] = timeMs;
    endMs[at] = timeMs;
  }

  private void remove(int at) {
    move(at + 1, at);
    count--;
  }

  private void move(int from, int to) {
    int length = count - from;
    System.arraycopy(starts, from, starts, to, length);
    System.arraycopy(ends, from, ends, to, length);
    System.arraycopy(startMs, from, startMs, to, length);
    System.arraycopy(endMs, from, endMs, to, length);
  }

  private int firstEndingAfter(long serial) {
    if (count == 0 || ends[count - 1] <= serial) {
      return count;
    }
    int found = Arrays.binarySearch(ends, 0, count, serial);
    return found >= 0 ? found + 1 : -found - 1;
  }

  private void readTop() {
    first = starts[0];
    topStart = starts[count - 1];
    topEnd = ends[count - 1];
    topStartMs = startMs[count - 1];
    topEndMs = endMs[count - 1];
  }

  /**
   * Writes the number of ranges; if there are any: how many serials were seen, the first, the
   * highest range (start, length, time at start, time to its end); then of each other range, lowest
   * first: gap before, length, time at start since the last, time to its end.
   */
  void encode(DataOutputStream out) throws IOException {
    Numbers.write(count, out);
    if (count == 0) {
      return;
    }
    Numbers.write(serials, out);
    Numbers.write(first, out);
    Numbers.write(topStart, out);
    Numbers.write(topEnd - topStart, out);
    Numbers.writeSigned(topStartMs, out);
    Numbers.writeSigned(topEndMs - topStartMs, out);
    if (packed == null) {
      packed = pack();
    }
    out.write(packed);
  }

  private byte[] pack() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(8 * count);
    DataOutputStream out = new DataOutputStream(bytes);
    long serial = 0;
    long timeMs = 0;
    for (int i = 0; i < count - 1; i++) {
      Numbers.write(starts[i] - serial, out);
      Numbers.write(ends[i] - starts[i], out);
      Numbers.writeSigned(startMs[i] - timeMs, out);
      Numbers.writeSigned(endMs[i] - startMs[i], out);
      serial = ends[i];
      timeMs = endMs[i];
    }
    return bytes.toByteArray();
  }

  /** Reads what {@link #encode} wrote, up to the end. */
  static SerialRanges decode(DataInputStream in) throws IOException {
    SerialRanges ranges = new SerialRanges();
    ranges.count = Math.toIntExact(Numbers.read(in));
    if (ranges.count == 0) {
      return ranges;
    }
    ranges.serials = Numbers.read(in);
    ranges.first = Numbers.read(in);
    ranges.topStart = Numbers.read(in);
    ranges.topEnd = ranges.topStart + Numbers.read(in);
    ranges.topStartMs = Numbers.readSigned(in);
    ranges.topEndMs = ranges.topStartMs + Numbers.readSigned(in);
    // Not readAllBytes: it takes buffers of 16 KiB for what is mostly nothing, at every event.
    ranges.packed = new byte[in.available()];
    in.readFully(ranges.packed);
    ranges.isUnpacked = ranges.count == 1;
    if (ranges.isUnpacked) {
      ranges.placeTop();
    }
    return ranges;
  }

  /** An event that goes on where the last one was needs no range but the highest. */
  private void unpack() {
    if (isUnpacked) {
      return;
    }
    int room = Math.max(4, count + 1);
    starts = new long[room];
    ends = new long[room];
    startMs = new long[room];
    endMs = new long[room];
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(packed))) {
      long serial = 0;
      long timeMs = 0;
      for (int i = 0; i < count - 1; i++) {
        starts[i] = serial + Numbers.read(in);
        serial = starts[i] + Numbers.read(in);
        ends[i] = serial;
        startMs[i] = timeMs + Numbers.readSigned(in);
        timeMs = startMs[i] + Numbers.readSigned(in);
        endMs[i] = timeMs;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(count + " ranges of " + packed.length + " bytes are cut", e);
    }
    placeTop();
    isUnpacked = true;
  }

  private void placeTop() {
    starts[count - 1] = topStart;
    ends[count - 1] = topEnd;
    startMs[count - 1] = topStartMs;
    endMs[count - 1] = topEndMs;
  }
}
