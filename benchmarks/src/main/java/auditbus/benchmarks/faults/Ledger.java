// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** Every record that was written: where and when, and what the host did to it. Thread-safe. */
final class Ledger {
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
  record Entry(long number, int file, long position, int length, Instant written, Fate fate) {
    @Override
    public String toString() {
      return "record %d: file %d position %d length %d written %s %s"
          .formatted(number, file, position, length, written, fate);
    }
  }

  private final List<Entry> entries = new ArrayList<>();

  synchronized long next() {
    return entries.size();
  }

  synchronized void add(int file, long position, int length) {
    entries.add(new Entry(next(), file, position, length, Instant.now(), Fate.KEPT));
  }

  /** Everything of a file from a position on is no more. */
  synchronized void destroy(int file, long from) {
    entries.replaceAll(
        entry ->
            entry.file() == file && entry.position() + entry.length() > from
                ? new Entry(
                    entry.number(),
                    entry.file(),
                    entry.position(),
                    entry.length(),
                    entry.written(),
                    Fate.DESTROYED)
                : entry);
  }

  synchronized List<Entry> entries() {
    return List.copyOf(entries);
  }
}
