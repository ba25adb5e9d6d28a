// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.history;

import auditbus.schemas.Topics;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * In which order what several hosts sent is read: each host's records of one topic in their order,
 * else shifted against each other by up to a limit, from a seed.
 */
public final class Timeline {
  /**
   * One record read.
   *
   * @param host whose
   * @param message what
   * @param arrivesMs when, in milliseconds since the begin
   */
  public record Arrival(String host, HostHistory.Message message, long arrivesMs) {}

  private Timeline() {}

  /**
   * The records of all hosts in the order they are read.
   *
   * @param maxShiftMs milliseconds by which at most a topic is late, at least 1
   */
  public static List<Arrival> of(List<HostHistory> hosts, long seed, long maxShiftMs) {
    List<Arrival> all = new ArrayList<>();
    for (HostHistory host : hosts) {
      // The host's own, so that it is read alike whoever else is there.
      Random random = new Random(seed * 1_000_003 + host.seed());
      Map<Topics, Long> shift = new EnumMap<>(Topics.class);
      Map<Topics, Long> last = new EnumMap<>(Topics.class);
      for (HostHistory.Message message : host.messages()) {
        if (random.nextInt(30) == 0 || !shift.containsKey(message.topic())) {
          shift.put(message.topic(), random.nextLong(maxShiftMs));
        }
        long arrives =
            Math.max(
                last.getOrDefault(message.topic(), -1L) + 1,
                message.atMs() + shift.get(message.topic()));
        last.put(message.topic(), arrives);
        all.add(new Arrival(host.host(), message, arrives));
      }
    }
    // Equal times: any order of hosts and topics.
    Collections.shuffle(all, new Random(seed));
    all.sort(Comparator.comparingLong(Arrival::arrivesMs));
    return all;
  }
}
