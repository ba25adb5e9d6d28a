// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.Topics;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the bus's topics from their beginning into a {@link Tally}, and goes on with what comes.
 *
 * <p>Thread-safe: a thread of its own owns consumer and tally, others see what it last published.
 */
final class TopicsReader implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TopicsReader.class);
  private static final Duration POLL = Duration.ofMillis(200);
  private static final long PUBLISH_NANOS = Duration.ofMillis(200).toNanos();

  /**
   * What was read so far.
   *
   * @param positions next offset of each partition
   */
  record Read(Tally.Counts counts, Map<TopicPartition, Long> positions) {
    Read {
      positions = Map.copyOf(positions);
    }

    /** Whether everything below the given offsets was read. */
    boolean reached(Map<TopicPartition, Long> ends) {
      return ends.entrySet().stream()
          .allMatch(end -> positions.getOrDefault(end.getKey(), 0L) >= end.getValue());
    }
  }

  private final Map<String, Object> client;
  private final Tally tally;
  private volatile Read read = new Read(Tally.Counts.NONE, Map.of());
  private volatile Optional<RuntimeException> failure = Optional.empty();
  private KafkaConsumer<byte[], byte[]> opened;
  private Thread thread;

  TopicsReader(Map<String, Object> client, TopicValues values) {
    this.client = Map.copyOf(client);
    this.tally = new Tally(values);
  }

  /** The topics it reads. */
  static List<String> topics() {
    return List.of(
        Topics.EVENTS.topic(),
        Topics.TRAILS.topic(),
        Topics.GAPS.topic(),
        Topics.SHUTDOWNS.topic(),
        Topics.DEAD_LETTERS);
  }

  /** Starts reading; the topics exist. */
  synchronized void open() {
    if (thread != null) {
      return;
    }
    Map<String, Object> config = new HashMap<>(client);
    config.put("isolation.level", "read_committed");
    config.put("auto.offset.reset", "earliest");
    config.put("enable.auto.commit", false);
    config.put("client.id", "auditbus-tally");
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    opened = consumer;
    thread = new Thread(() -> run(consumer), "auditbus-tally");
    thread.setDaemon(true);
    thread.start();
  }

  /** What was read up to a moment ago. */
  Read read() {
    return read;
  }

  /** Why reading ended, if it did. */
  Optional<RuntimeException> failure() {
    return failure;
  }

  /** Ends reading; a second call does nothing. */
  @Override
  public synchronized void close() {
    if (thread == null) {
      return;
    }
    opened.wakeup();
    try {
      thread.join(Duration.ofSeconds(10));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    thread = null;
  }

  private void run(KafkaConsumer<byte[], byte[]> consumer) {
    try (consumer) {
      List<TopicPartition> partitions =
          topics().stream()
              .flatMap(topic -> consumer.partitionsFor(topic).stream())
              .map(info -> new TopicPartition(info.topic(), info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long published = System.nanoTime();
      boolean news = true;
      while (true) {
        for (ConsumerRecord<byte[], byte[]> message : consumer.poll(POLL)) {
          tally.add(message);
          news = true;
        }
        long now = System.nanoTime();
        if (now - published >= PUBLISH_NANOS) {
          // Without news too: positions also move past the markers of transactions.
          publish(consumer, partitions, news ? tally.counts() : read.counts());
          published = now;
          news = false;
        }
      }
    } catch (WakeupException closing) {
      LOG.debug("closing");
    } catch (RuntimeException e) {
      LOG.error("The tally of the topics ended", e);
      failure = Optional.of(e);
    }
  }

  private void publish(
      KafkaConsumer<byte[], byte[]> consumer,
      List<TopicPartition> partitions,
      Tally.Counts counts) {
    Map<TopicPartition, Long> positions = new HashMap<>();
    partitions.forEach(partition -> positions.put(partition, consumer.position(partition)));
    read = new Read(counts, positions);
  }
}
