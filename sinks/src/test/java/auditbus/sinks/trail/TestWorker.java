// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;

/**
 * What a worker does for one task, without Kafka: two topics in memory, offsets, delivery, commits
 * and crashes. Values are in Avro's single-object encoding, so no registry is needed.
 */
final class TestWorker implements SinkTaskContext {
  final Map<TopicPartition, List<byte[]>> log = new HashMap<>();
  final Map<TopicPartition, Long> committed = new HashMap<>();
  final Map<TopicPartition, Long> positions = new HashMap<>();
  final List<String> refused = new ArrayList<>();
  final Map<String, String> settings = new HashMap<>();
  InstantSource clock = InstantSource.system();
  TrailSinkTask task;
  long timeout = -1;

  TestWorker(Path root) {
    settings.put("name", "trails");
    settings.put("topics", "audit.events,audit.trails");
    settings.put("root", root.toString());
    settings.put("schema.registry.url", "http://127.0.0.1:1");
  }

  void start(int partitions) {
    task = new TrailSinkTask(SingleObject::new, clock);
    task.initialize(this);
    task.start(settings);
    positions.clear();
    for (int partition = 0; partition < partitions; partition++) {
      for (Topics topic : List.of(Topics.EVENTS, Topics.TRAILS)) {
        TopicPartition tp = new TopicPartition(topic.topic(), partition);
        positions.put(tp, committed.getOrDefault(tp, 0L));
      }
    }
    task.open(positions.keySet());
  }

  void send(int partition, SpecificRecord... values) {
    for (SpecificRecord value : values) {
      byte[] bytes;
      try {
        bytes =
            (value instanceof AuditEvent event
                    ? event.toByteBuffer()
                    : ((TrailState) value).toByteBuffer())
                .array();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      sendBytes(value instanceof AuditEvent ? Topics.EVENTS : Topics.TRAILS, partition, bytes);
    }
  }

  void sendBytes(Topics topic, int partition, byte[] bytes) {
    log.computeIfAbsent(new TopicPartition(topic.topic(), partition), tp -> new ArrayList<>())
        .add(bytes);
  }

  /** The next records of a partition, at most so many; they count as consumed. */
  List<SinkRecord> poll(TopicPartition tp, int max) {
    List<byte[]> values = log.getOrDefault(tp, List.of());
    List<SinkRecord> batch = new ArrayList<>();
    long position = positions.get(tp);
    while (position < values.size() && batch.size() < max) {
      batch.add(
          new SinkRecord(
              tp.topic(), tp.partition(), null, null, null, values.get((int) position), position));
      position++;
    }
    positions.put(tp, position);
    return batch;
  }

  /** Delivers all there is, states first or last. */
  void deliver(boolean statesFirst) {
    List<TopicPartition> order = new ArrayList<>(positions.keySet());
    order.sort(
        (a, b) -> statesFirst ? b.topic().compareTo(a.topic()) : a.topic().compareTo(b.topic()));
    for (TopicPartition tp : order) {
      task.put(poll(tp, Integer.MAX_VALUE));
    }
  }

  void send(SpecificRecord... values) {
    send(0, values);
    deliver(false);
  }

  void commit() {
    Map<TopicPartition, OffsetAndMetadata> current = new HashMap<>();
    positions.forEach((tp, position) -> current.put(tp, new OffsetAndMetadata(position)));
    task.preCommit(current).forEach((tp, offset) -> committed.put(tp, offset.offset()));
  }

  void crash() {
    task.abandon();
    task.stop();
  }

  void restart() {
    int partitions = positions.size() / 2;
    crash();
    start(partitions);
  }

  @Override
  public Map<String, String> configs() {
    return settings;
  }

  @Override
  public void offset(Map<TopicPartition, Long> offsets) {
    throw new UnsupportedOperationException("the sink never seeks");
  }

  @Override
  public void offset(TopicPartition tp, long offset) {
    throw new UnsupportedOperationException("the sink never seeks");
  }

  @Override
  public void timeout(long timeoutMs) {
    timeout = timeoutMs;
  }

  @Override
  public Set<TopicPartition> assignment() {
    return positions.keySet();
  }

  @Override
  public void pause(TopicPartition... partitions) {
    throw new UnsupportedOperationException("the sink never pauses");
  }

  @Override
  public void resume(TopicPartition... partitions) {
    throw new UnsupportedOperationException("the sink never pauses");
  }

  @Override
  public void requestCommit() {
    throw new UnsupportedOperationException("the sink never asks for a commit");
  }

  @Override
  public ErrantRecordReporter errantRecordReporter() {
    return (record, error) -> {
      refused.add(error.getMessage());
      return CompletableFuture.completedFuture(null);
    };
  }

  @Override
  public PluginMetrics pluginMetrics() {
    return null;
  }

  static Collection<TopicPartition> both(int partition) {
    return List.of(
        new TopicPartition(Topics.EVENTS.topic(), partition),
        new TopicPartition(Topics.TRAILS.topic(), partition));
  }

  /** Reads Avro's single-object encoding: the schema's fingerprint stands before the record. */
  static final class SingleObject implements Deserializer<SpecificRecord> {
    @Override
    public SpecificRecord deserialize(String topic, byte[] bytes) {
      try {
        return topic.equals(Topics.EVENTS.topic())
            ? AuditEvent.getDecoder().decode(bytes)
            : TrailState.getDecoder().decode(bytes);
      } catch (IOException | RuntimeException e) {
        throw new SerializationException("no record: " + e, e);
      }
    }
  }
}
