// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.Range;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What became of the messages to the kernel. The kernel does not say which serial a message got, so
 * one that did not come is looked for between its neighbours that came: serials that did not come
 * must be there, each in a gap of serials, as many as messages are missing; what is more than those
 * must be in the kernel's own count of what it lost.
 *
 * @param sent messages the kernel took
 * @param arrived of them in audit.events
 * @param missing of them said to be missing
 * @param failures what must not be, a line each
 */
record MessageAccount(long sent, long arrived, long missing, List<String> failures) {
  MessageAccount {
    failures = List.copyOf(failures);
  }

  static MessageAccount of(BitSet sent, Topic topic) {
    List<String> failures = new ArrayList<>();
    List<Gap> serialGaps = gaps(topic, GapKind.SERIAL);
    long kernelLost = missing(gaps(topic, GapKind.KERNEL_LOST));
    TreeMap<Integer, Long> arrived = new TreeMap<>(topic.messages);
    long came = arrived.keySet().stream().filter(sent::get).count();
    long saidInAll = missing(serialGaps) + kernelLost;
    long absent = 0;
    long withoutSerial = 0;
    int number = 0;
    while ((number = sent.nextSetBit(number)) >= 0) {
      if (arrived.containsKey(number)) {
        number++;
        continue;
      }
      // A run of those missing between two that came.
      Map.Entry<Integer, Long> before = arrived.lowerEntry(number);
      Map.Entry<Integer, Long> after = arrived.higherEntry(number);
      int end = after == null ? sent.length() : after.getKey();
      long run = sent.get(number, end).cardinality();
      long from = before == null ? lowest(topic) : before.getValue() + 1;
      long to = after == null ? topic.serials.end() : after.getValue();
      String what =
          "message %d and %d after it, between serials %d and %d,"
              .formatted(number, run - 1, from - 1, to);
      long holes = 0;
      for (long serial = from; serial < to; ) {
        long next = topic.serials.runEnd(serial, to);
        if (!topic.serials.covers(serial, serial + 1)) {
          holes += next - serial;
          if (!isSaid(serialGaps, serial, next - 1)) {
            failures.add(
                what + " did not come, and no gap has serials " + serial + " to " + (next - 1));
          }
        }
        serial = next;
      }
      absent += run;
      if (holes < run) {
        withoutSerial += run - holes;
        if (withoutSerial > kernelLost) {
          failures.add(
              what
                  + " did not come; only "
                  + holes
                  + " serials are missing there and the kernel counted "
                  + kernelLost);
        }
      }
      number = end;
    }
    if (absent > saidInAll) {
      failures.add(
          "in all %d messages did not come, gaps say that %d events and records are missing"
              .formatted(absent, saidInAll));
    }
    for (Range hole : topic.serials.missing(topic.serials.end())) {
      long first = Math.max(hole.getPosition(), lowest(topic));
      long last = hole.getPosition() + hole.getLength() - 1;
      if (first <= last && !isSaid(serialGaps, first, last)) {
        failures.add("serials %d to %d did not come and no gap has them".formatted(first, last));
      }
    }
    return new MessageAccount(sent.cardinality(), came, absent, failures);
  }

  private static long lowest(Topic topic) {
    return topic.serials.ranges() == 0 ? 0 : topic.serials.covered().getFirst().getPosition();
  }

  private static boolean isSaid(List<Gap> gaps, long first, long last) {
    return gaps.stream()
        .anyMatch(
            gap ->
                gap.getFirstSerial().orElse(Long.MAX_VALUE) <= first
                    && gap.getLastSerial().orElse(-1L) >= last);
  }

  private static long missing(List<Gap> gaps) {
    return gaps.stream().mapToLong(gap -> gap.getMissing().orElse(0L)).sum();
  }

  private static List<Gap> gaps(Topic topic, GapKind kind) {
    return topic.openGaps.values().stream()
        .filter(gap -> gap.getHost().equals(Rig.CAPTURE_HOST) && gap.getKind() == kind)
        .toList();
  }
}
