// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * How fast a topic's first partition grew: {@code AppendRate BOOTSTRAP TOPIC [KEY]} prints
 * messages, bytes of their values, and milliseconds from the first one's append to the last one's,
 * by the broker's clock.
 */
public final class AppendRate {
  private AppendRate() {}

  /** Prints the figures. */
  public static void main(String[] args) {
    long messages = 0;
    long bytes = 0;
    long first = Long.MAX_VALUE;
    long last = 0;
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", args[0], "max.poll.records", 10_000),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      TopicPartition partition = new TopicPartition(args[1], 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      while (consumer.position(partition) < end) {
        for (ConsumerRecord<byte[], byte[]> message : consumer.poll(Duration.ofMillis(500))) {
          if (args.length < 3
              || (message.key() != null
                  && new String(message.key(), StandardCharsets.UTF_8).equals(args[2]))) {
            messages++;
            bytes += message.serializedValueSize();
            first = Math.min(first, message.timestamp());
            last = Math.max(last, message.timestamp());
          }
        }
      }
    }
    System.out.println(messages + " " + bytes + " " + Math.max(1, last - first));
  }
}
