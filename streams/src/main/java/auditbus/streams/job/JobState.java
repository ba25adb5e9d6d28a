// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import java.util.Optional;
import org.apache.kafka.streams.KafkaStreams;

/**
 * How a job is doing, derived from Kafka Streams itself.
 *
 * @param job the job's name
 * @param state the state of its {@code KafkaStreams}
 * @param restarts how often one of its threads died and was replaced since the start
 * @param lastError why, the last time
 */
public record JobState(
    String job, KafkaStreams.State state, long restarts, Optional<String> lastError) {
  /** Whether the job is processing. */
  public boolean running() {
    return state == KafkaStreams.State.RUNNING;
  }
}
