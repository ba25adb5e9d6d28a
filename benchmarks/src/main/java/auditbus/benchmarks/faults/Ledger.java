// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Every record that was written: where and when, and what the host did to it. Holds about 25 bytes
 * a record. Thread-safe.
 */
final class Ledger {
  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("uuuuMMddHHmmss").withZone(ZoneOffset.UTC);

  /** How a record left its file before its time. */
  enum Fate {
    KEPT,
    DESTROYED
  }

  /**
   * One record.
   *
   * @param number from 0; stands in the record
   * @param file which file, from 0 in the order of their making
   * @param position its first byte's place in that file
   */
  record Entry(int number, int file, int position, int length, Instant written, Fate fate) {
    int end() {
      return position + length;
    }

    @Override
    public String toString() {
      return "record %d: file %d position %d length %d written %s %s"
          .formatted(number, file, position, length, written, fate);
    }
  }

  /**
   * One file.
   *
   * @param trail the id its trail gets: the time of its first record
   * @param first its first record's number
   * @param cut bytes from here on were destroyed
   * @param torn where it ended for a while before it was destroyed further, or {@link
   *     Integer#MAX_VALUE}
   * @param gone when that was, or the end of time
   */
  record Life(int file, String trail, int first, Instant born, int cut, int torn, Instant gone) {
    /** Whether the file ended there at some time because something cut it. */
    boolean endedAt(long position) {
      return position > 0 && (position == cut || position == torn);
    }
  }

  private int count;
  private int[] positions = new int[1024];
  private int[] lengths = new int[1024];
  private int[] files = new int[1024];
  private long[] millis = new long[1024];
  private final List<Life> lives = new ArrayList<>();

  synchronized int next() {
    return count;
  }

  synchronized void add(int file, long position, int length, Instant written) {
    if (count == positions.length) {
      positions = Arrays.copyOf(positions, count * 2);
      lengths = Arrays.copyOf(lengths, count * 2);
      files = Arrays.copyOf(files, count * 2);
      millis = Arrays.copyOf(millis, count * 2);
    }
    if (file == lives.size()) {
      lives.add(
          new Life(
              file,
              STAMP.format(written),
              count,
              written,
              Integer.MAX_VALUE,
              Integer.MAX_VALUE,
              Instant.MAX));
    }
    positions[count] = Math.toIntExact(position);
    lengths[count] = length;
    files[count] = file;
    millis[count] = written.toEpochMilli();
    count++;
  }

  /** Everything of a file from a position on is no more. */
  synchronized void destroy(int file, long from) {
    if (file == lives.size()) {
      return; // there was no record in it yet
    }
    Life life = lives.get(file);
    lives.set(
        file,
        new Life(
            file,
            life.trail(),
            life.first(),
            life.born(),
            Math.min(life.cut(), Math.toIntExact(from)),
            from > 0 ? Math.toIntExact(from) : life.torn(),
            Instant.now()));
  }

  synchronized Entry entry(int number) {
    int file = files[number];
    return new Entry(
        number,
        file,
        positions[number],
        lengths[number],
        Instant.ofEpochMilli(millis[number]),
        positions[number] + lengths[number] > lives.get(file).cut() ? Fate.DESTROYED : Fate.KEPT);
  }

  synchronized List<Life> lives() {
    return List.copyOf(lives);
  }
}
