// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EmbeddedKafkaIT {
  private static final String SEGMENT = "00000000000000000000.log";

  @TempDir Path directory;

  @Test
  void broker_keepsRecordsOverAStopAndExcludesASecondOne() throws Exception {
    try (EmbeddedKafka first = new EmbeddedKafka(directory, Ports.free(), Map.of())) {
      first.open();
      try (EmbeddedKafka second = new EmbeddedKafka(directory, Ports.free(), Map.of())) {
        assertThatThrownBy(second::open).hasMessageContaining("is in use by another broker");
      }
      create(first, new NewTopic("facts", 1, (short) 1));
      send(first, "before");
    }
    // Another port, and another controller port with it: an orderly stop leaves nothing that
    // depends on them.
    try (EmbeddedKafka again = new EmbeddedKafka(directory, Ports.free(), Map.of())) {
      again.open();
      send(again, "after");
      assertThat(read(again, 2)).containsExactly("before", "after");
    }
  }

  @Test
  void killedBetweenACommitAndItsMarkers_endsTheTransaction() throws Exception {
    Path killed = directory.resolve("killed");
    try (EmbeddedKafka kafka =
        new EmbeddedKafka(directory.resolve("running"), Ports.free(), Map.of())) {
      kafka.open();
      // With few partitions the coordinator loses its own before it can call anything complete.
      create(kafka, new NewTopic("facts", 1, (short) 1), new NewTopic("others", 100, (short) 1));
      commit(kafka, "committed");
      assertThat(read(kafka, 1)).containsExactly("committed");
      // What a kill leaves: every append is on the disk.
      copy(directory.resolve("running"), killed);
    }
    Path logs = killed.resolve("node/logs");
    // Back to where the commit stands in the coordinator's log and in no partition.
    cutLastBatch(logs.resolve("facts-0"));
    List<Path> coordinator = transactionLogs(logs);
    assertThat(coordinator).as("logs of the transaction").hasSize(1);
    cutLastBatch(coordinator.getFirst());

    // The longer the old registration lasts, the longer a broker that does not wait for its end is
    // without leaders afterwards: two of three such starts never ended the transaction.
    try (EmbeddedKafka again =
        new EmbeddedKafka(killed, Ports.free(), Map.of("broker.session.timeout.ms", "7000"))) {
      again.open();
      assertThat(read(again, 1)).containsExactly("committed");
      commit(again, "next");
      assertThat(read(again, 2)).containsExactly("committed", "next");
    }
  }

  private static void create(EmbeddedKafka kafka, NewTopic... topics) throws Exception {
    try (Admin admin = Admin.create(client(kafka))) {
      admin.createTopics(List.of(topics)).all().get(20, TimeUnit.SECONDS);
    }
  }

  private static List<Path> transactionLogs(Path logs) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> partitions =
        Files.newDirectoryStream(logs, "__transaction_state-*")) {
      for (Path partition : partitions) {
        if (Files.size(partition.resolve(SEGMENT)) > 0) {
          found.add(partition);
        }
      }
    }
    return found;
  }

  /** Cuts the last batch of a partition's only segment off; each begins with offset and length. */
  private static void cutLastBatch(Path partition) throws IOException {
    try (FileChannel log =
        FileChannel.open(
            partition.resolve(SEGMENT), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer head = ByteBuffer.allocate(12);
      long last = 0;
      for (long next = 0; next < log.size(); ) {
        last = next;
        head.clear();
        assertThat(log.read(head, next)).isEqualTo(12);
        next += 12 + head.getInt(8);
      }
      assertThat(last).as("begin of the last of several batches").isPositive();
      log.truncate(last);
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> paths = Files.walk(from)) {
      for (Path path : paths.toList()) {
        Files.copy(path, to.resolve(from.relativize(path)));
      }
    }
  }

  private static void commit(EmbeddedKafka kafka, String value) throws Exception {
    Map<String, Object> settings = new HashMap<>(client(kafka));
    settings.put("transactional.id", "one");
    settings.put("max.block.ms", 20_000);
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      producer.initTransactions();
      producer.beginTransaction();
      Future<RecordMetadata> sent = producer.send(new ProducerRecord<>("facts", value));
      producer.commitTransaction();
      sent.get(20, TimeUnit.SECONDS);
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
    Map<String, Object> settings = new HashMap<>(client(kafka));
    settings.put("isolation.level", "read_committed");
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
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
