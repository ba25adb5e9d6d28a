// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EmbeddedKafkaIT {
  @TempDir Path directory;

  @Test
  void broker_keepsRecordsOverAStopAndExcludesASecondOne() throws Exception {
    try (EmbeddedKafka first = new EmbeddedKafka(directory, Ports.free(), Map.of())) {
      first.open();
      try (EmbeddedKafka second = new EmbeddedKafka(directory, Ports.free(), Map.of())) {
        assertThatThrownBy(second::open).hasMessageContaining("is in use by another broker");
      }
      try (Admin admin = Admin.create(client(first))) {
        admin
            .createTopics(List.of(new NewTopic("facts", 1, (short) 1)))
            .all()
            .get(20, TimeUnit.SECONDS);
      }
      send(first, "before");
    }
    // Another port, and another controller port with it: nothing on disk depends on them.
    try (EmbeddedKafka again = new EmbeddedKafka(directory, Ports.free(), Map.of())) {
      again.open();
      send(again, "after");
      assertThat(read(again, 2)).containsExactly("before", "after");
    }
  }

  private static void send(EmbeddedKafka kafka, String value) throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(client(kafka), new StringSerializer(), new StringSerializer())) {
      producer.send(new ProducerRecord<>("facts", value)).get(20, TimeUnit.SECONDS);
    }
  }

  private static List<String> read(EmbeddedKafka kafka, int count) {
    List<String> values = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(client(kafka), new StringDeserializer(), new StringDeserializer())) {
      TopicPartition partition = new TopicPartition("facts", 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (values.size() < count && System.nanoTime() < deadline) {
        consumer.poll(Duration.ofMillis(100)).forEach(message -> values.add(message.value()));
      }
    }
    return values;
  }

  private static Map<String, Object> client(EmbeddedKafka kafka) {
    return Map.of("bootstrap.servers", kafka.bootstrap());
  }
}
