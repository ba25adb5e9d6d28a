// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.history;

import auditbus.schemas.Topics;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.specific.SpecificRecord;

/**
 * What one host published, made from a seed, and the truth about it. The same seed makes the same
 * history.
 *
 * @param seed what it was made from
 * @param host its name, in which the seed stands
 * @param messages what it published, in the order sent; that of one topic is never changed
 * @param truth what truly happened
 */
public record HostHistory(long seed, String host, List<Message> messages, Truth truth) {
  /**
   * One record of one topic.
   *
   * @param topic where it was sent
   * @param value what
   * @param atMs when, in milliseconds since the history's begin
   */
  public record Message(Topics topic, SpecificRecord value, long atMs) {}

  public HostHistory {
    messages = List.copyOf(messages);
  }

  /** The history of that seed: so many steps, each an event of the kernel or something rarer. */
  public static HostHistory of(long seed, int steps) {
    return new HostSimulation(seed, steps).run();
  }

  /** Bytes that the job must call missing in the end, by {@code host/source/trail}. */
  public Map<String, Long> missingBytes() {
    Map<String, Long> missing = new TreeMap<>();
    truth.trails.forEach(
        (key, trail) -> {
          long bytes = trail.provablyMissing().bytes();
          if (bytes > 0) {
            missing.put(host + "/" + key, bytes);
          }
        });
    return missing;
  }
}
