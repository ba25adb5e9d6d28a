// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.lines;

import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.HostPartition;
import auditbus.schemas.SchemaRegistryException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads committed records of topics of auditbus, from a place up to their present end and on, in
 * the order of each partition and so of each host.
 *
 * <p>Not thread-safe. It joins no group and commits nothing.
 */
public final class TopicReader implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(200);
  private static final int NOT_FOUND = 404;

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final AvroDeserializer<SpecificRecord> values = new AvroDeserializer<>();
  private final Consumer<String> unreadable;
  private final Map<TopicPartition, Long> ends = new HashMap<>();
  private long passedOver;

  /** Where reading a topic begins. */
  public sealed interface From {
    /** At its beginning. */
    record Beginning() implements From {}

    /** At its present end. */
    record End() implements From {}

    /** So many offsets before its present end, shared among its partitions. */
    record Last(long offsets) implements From {}

    /** At the first record that came to the broker at that time or later. */
    record Since(Instant time) implements From {}
  }

  private TopicReader(KafkaConsumer<byte[], byte[]> consumer, Consumer<String> unreadable) {
    this.consumer = consumer;
    this.unreadable = unreadable;
  }

  /**
   * Connects, and takes note of where the topics end.
   *
   * @param client settings of the consumer and the registry client, by Kafka's and Confluent's
   *     names; at least {@code bootstrap.servers} and {@code schema.registry.url}
   * @param topics where to begin, by topic
   * @param hosts hosts whose partitions are read; empty for all
   * @param unreadable told of each record that cannot be read
   * @throws org.apache.kafka.common.KafkaException if the broker cannot be reached or refuses
   * @throws IllegalStateException if there is no such topic
   */
  public static TopicReader open(
      Map<String, ?> client,
      Map<String, From> topics,
      Set<String> hosts,
      Consumer<String> unreadable) {
    Map<String, Object> settings = new HashMap<>(client);
    settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    settings.putIfAbsent(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5000);
    settings.remove(ConsumerConfig.GROUP_ID_CONFIG);
    TopicReader reader =
        new TopicReader(
            new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer()),
            unreadable);
    try {
      reader.values.configure(settings, false);
      reader.begin(topics, hosts);
      return reader;
    } catch (RuntimeException e) {
      reader.close();
      throw e;
    }
  }

  private void begin(Map<String, From> topics, Set<String> hosts) {
    Map<String, List<TopicPartition>> partitions = new HashMap<>();
    topics.keySet().forEach(topic -> partitions.put(topic, partitions(topic, hosts)));
    List<TopicPartition> all = partitions.values().stream().flatMap(List::stream).toList();
    consumer.assign(all);
    ends.putAll(consumer.endOffsets(all));
    topics.forEach((topic, from) -> seek(partitions.get(topic), from));
  }

  private List<TopicPartition> partitions(String topic, Set<String> hosts) {
    int count = consumer.partitionsFor(topic).size();
    if (count == 0) {
      throw new IllegalStateException(
          "there is no topic " + topic + ": auditbus topics create makes it");
    }
    List<TopicPartition> found = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int partition = i;
      if (hosts.isEmpty()
          || hosts.stream().anyMatch(host -> HostPartition.of(host, count) == partition)) {
        found.add(new TopicPartition(topic, partition));
      }
    }
    return found;
  }

  private void seek(List<TopicPartition> partitions, From from) {
    switch (from) {
      case From.Beginning() -> consumer.seekToBeginning(partitions);
      case From.End() -> partitions.forEach(one -> consumer.seek(one, ends.get(one)));
      case From.Last(long offsets) -> {
        Map<TopicPartition, Long> begins = consumer.beginningOffsets(partitions);
        long each = offsets / partitions.size();
        for (TopicPartition one : partitions) {
          long first = Math.max(begins.get(one), ends.get(one) - each);
          passedOver += first - begins.get(one);
          consumer.seek(one, first);
        }
      }
      case From.Since(Instant time) -> {
        Map<TopicPartition, Long> times = new HashMap<>();
        partitions.forEach(one -> times.put(one, Math.max(0, time.toEpochMilli())));
        Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(times);
        partitions.forEach(
            one -> {
              OffsetAndTimestamp first = found.get(one);
              consumer.seek(one, first == null ? ends.get(one) : first.offset());
            });
      }
    }
  }

  /** Whether everything was read that was there when this was opened. */
  public boolean isAtEnd() {
    return ends.entrySet().stream()
        .allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
  }

  /** Offsets that {@link From.Last} has left out. */
  public long passedOver() {
    return passedOver;
  }

  /** The next records, none after 200 ms without one. */
  public Iterable<ConsumerRecord<byte[], byte[]>> poll() {
    return consumer.poll(POLL);
  }

  /** Whether the record was there when this was opened. */
  public boolean wasThere(ConsumerRecord<byte[], byte[]> record) {
    return record.offset() < ends.get(new TopicPartition(record.topic(), record.partition()));
  }

  /**
   * The record's value, empty where it has none or it cannot be read, which was told.
   *
   * @throws SchemaRegistryException if the registry does not answer or does not let us in
   */
  public Optional<SpecificRecord> value(ConsumerRecord<byte[], byte[]> record) {
    if (record.value() == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(values.deserialize(record.topic(), record.value()));
    } catch (SerializationException e) {
      if (e.getCause() instanceof SchemaRegistryException registry
          && registry.status().orElse(0) != NOT_FOUND) {
        // Not this record: no record can be read.
        throw registry;
      }
      unreadable.accept(
          record.topic()
              + " partition "
              + record.partition()
              + " offset "
              + record.offset()
              + ": "
              + e.getMessage());
      return Optional.empty();
    }
  }

  @Override
  public void close() {
    consumer.close();
    values.close();
  }
}
