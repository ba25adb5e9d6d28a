// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Utils;

/**
 * Which partition a host's records go to: murmur2 of the host's UTF-8 bytes, as Kafka's own
 * partitioner does for a key of those bytes, whatever the record's key is.
 *
 * <p>Thread-safe: stateless.
 */
public final class HostPartition {
  private HostPartition() {}

  /**
   * The host's partition.
   *
   * @param partitions the topic's partition count, at least 1
   * @return 0 to {@code partitions - 1}
   */
  public static int of(String host, int partitions) {
    if (partitions < 1) {
      throw new IllegalArgumentException("partitions must be at least 1, found " + partitions);
    }
    return Utils.toPositive(Utils.murmur2(host.getBytes(StandardCharsets.UTF_8))) % partitions;
  }
}
