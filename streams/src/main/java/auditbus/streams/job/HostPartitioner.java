// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import auditbus.schemas.HostPartition;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.apache.kafka.streams.processor.StreamPartitioner;

/**
 * Sends a result to its host's partition, whatever its key.
 *
 * <p>Thread-safe if the function is.
 *
 * @param <V> the results' type
 * @param host the host a result is about
 */
public record HostPartitioner<V>(Function<V, String> host) implements StreamPartitioner<String, V> {
  @Override
  public Optional<Set<Integer>> partitions(String topic, String key, V value, int partitions) {
    return Optional.of(Set.of(HostPartition.of(host.apply(value), partitions)));
  }
}
