// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.SchemaRegistryException;
import auditbus.schemas.TrailState;
import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.metrics.Gauge;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes the records of some partitions and writes them to their trails ({@code TrailStore}).
 *
 * <p>Every step may be repeated: the worker delivers a batch again after a {@link
 * RetriableException}, and everything since the committed offsets after a crash. {@link #preCommit}
 * returns the offsets of those partitions alone whose bytes and sidecars were fsynced.
 *
 * <p>Not thread-safe: the worker calls it from one thread.
 */
public final class TrailSinkTask extends SinkTask {
  private static final Logger LOG = LoggerFactory.getLogger(TrailSinkTask.class);

  private final Supplier<Deserializer<?>> deserializers;
  private final InstantSource clock;
  private final SinkCounters counters = new SinkCounters();
  private final Set<TopicPartition> assigned = new HashSet<>();

  private Optional<TrailSinkConfig> config = Optional.empty();
  private Optional<TrailStore> store = Optional.empty();
  private Optional<Deserializer<?>> deserializer = Optional.empty();
  private Optional<ErrantRecordReporter> reporter = Optional.empty();
  private Optional<SyncFailedException> failure = Optional.empty();
  private String name = "trail sink";
  private Optional<TrailId> lastId = Optional.empty();

  /** For the worker. */
  public TrailSinkTask() {
    this(AvroDeserializer::readingTrailBytes, InstantSource.system());
  }

  TrailSinkTask(Supplier<Deserializer<?>> deserializers, InstantSource clock) {
    this.deserializers = deserializers;
    this.clock = clock;
  }

  @Override
  public String version() {
    return Version.CURRENT;
  }

  /**
   * {@inheritDoc}
   *
   * @throws ConnectException if the settings or the root cannot work, saying what to do
   */
  @Override
  public void start(Map<String, String> props) {
    try {
      TrailSinkConfig checked = new TrailSinkConfig(props);
      checked.checkTopics();
      Path root = checked.openRoot();
      name =
          "task "
              + props.getOrDefault("name", "trail sink")
              + "-"
              + props.getOrDefault(
                  TrailSinkConfig.TASK_NUMBER, Integer.toHexString(System.identityHashCode(this)))
              + " of process "
              + ProcessHandle.current().pid();
      config = Optional.of(checked);
      if (checked.hasRegistry()) {
        Deserializer<?> values = deserializers.get();
        values.configure(checked.originals(), false);
        deserializer = Optional.of(values);
      }
      store =
          Optional.of(
              new TrailStore(root, name, checked.limits(), checked.expireAfter(), counters, clock));
    } catch (ConfigException e) {
      throw new ConnectException(e.getMessage(), e);
    }
    reporter = Optional.ofNullable(context.errantRecordReporter());
    addMetrics(Optional.ofNullable(context.pluginMetrics()));
  }

  private void addMetrics(Optional<PluginMetrics> metrics) {
    metrics.ifPresent(
        registry ->
            counters
                .all()
                .forEach(
                    (metric, what) ->
                        registry.addMetric(
                            registry.metricName(metric, what.description(), new LinkedHashMap<>()),
                            (Gauge<Long>) (_, _) -> what.value().getAsLong())));
  }

  /**
   * Takes partitions.
   *
   * @throws ConnectException unless the same partitions of both topics are ours: a trail's bytes
   *     and its end must come to one task
   */
  @Override
  public void open(Collection<TopicPartition> partitions) {
    assigned.addAll(partitions);
    Set<Integer> events = numbers(config.orElseThrow().eventsTopic());
    Set<Integer> trails = numbers(config.orElseThrow().trailsTopic());
    if (!events.equals(trails)) {
      Set<Integer> alone = new TreeSet<>(events);
      alone.addAll(trails);
      alone.removeIf(number -> events.contains(number) && trails.contains(number));
      throw new ConnectException(
          "This task got "
              + events.size()
              + " partitions of "
              + config.orElseThrow().eventsTopic()
              + " "
              + new TreeSet<>(events)
              + " and "
              + trails.size()
              + " of "
              + config.orElseThrow().trailsTopic()
              + " "
              + new TreeSet<>(trails)
              + ", so "
              + alone
              + " of one topic alone; a host's events and trail states must come to one task. Both topics need"
              + " the same partition count, and the consumer group the range assignor:"
              + " consumer.override.partition.assignment.strategy="
              + "org.apache.kafka.clients.consumer.RangeAssignor (with group.protocol=consumer:"
              + " consumer.override.group.remote.assignor=range)");
    }
  }

  private Set<Integer> numbers(String topic) {
    return assigned.stream()
        .filter(partition -> partition.topic().equals(topic))
        .map(TopicPartition::partition)
        .collect(Collectors.toSet());
  }

  /** Makes durable what can be and lets go of the partitions' trails. */
  @Override
  public void close(Collection<TopicPartition> partitions) {
    assigned.removeAll(partitions);
    store.ifPresent(
        open ->
            open.release(
                partitions.stream().map(TopicPartition::partition).collect(Collectors.toSet())));
    lastId = Optional.empty();
  }

  /**
   * Takes records.
   *
   * @throws RetriableException if the disk, the registry or another task's lock stops us: the same
   *     batch may be put again
   * @throws ConnectException if an fsync failed, or the value converter is the wrong one
   */
  @Override
  public void put(Collection<SinkRecord> records) {
    throwFailure();
    try {
      for (SinkRecord record : records) {
        deliver(record);
      }
      if (store.orElseThrow().advance()) {
        // A large trail is being verified in steps: be called again at once.
        context.timeout(1);
      }
    } catch (SyncFailedException e) {
      failure = Optional.of(e);
      throwFailure();
    } catch (IOException e) {
      context.timeout(config.orElseThrow().retryBackoffMillis());
      throw new RetriableException(
          "The trails cannot be written now, retrying in "
              + config.orElseThrow().retryBackoffMillis()
              + " ms, nothing is lost: "
              + e,
          e);
    }
  }

  private void throwFailure() {
    if (failure.isPresent()) {
      throw new ConnectException(
          failure.get().getMessage()
              + ". Bytes written since the last commit may be gone: check the disk, then restart"
              + " the task; it goes on from the committed offsets",
          failure.get());
    }
  }

  private void deliver(SinkRecord record) throws IOException {
    if (record.value() == null) {
      // A tombstone: compaction forgets a trail's state, the collected trail stays.
      return;
    }
    try {
      Object value = value(record);
      switch (value) {
        case AuditEvent event -> take(record.kafkaPartition(), event);
        case TrailState state -> take(record.kafkaPartition(), state);
        default ->
            throw new InvalidRecordException(
                "wanted an AuditEvent or a TrailState, found a " + value.getClass().getName());
      }
    } catch (InvalidRecordException e) {
      refuse(record, e);
    }
  }

  private Object value(SinkRecord record) throws IOException {
    return switch (record.value()) {
      case byte[] bytes -> decode(record, bytes);
      case Struct struct ->
          StructValues.read(struct, record.topic().equals(config.orElseThrow().eventsTopic()));
      default ->
          throw new ConnectException(
              "Value of "
                  + place(record)
                  + " is a "
                  + record.value().getClass().getName()
                  + ", wanted the bytes as they are in the topic, or an Avro converter's Struct: set"
                  + " "
                  + TrailSinkConfig.VALUE_CONVERTER
                  + "="
                  + TrailSinkConfig.BYTES_CONVERTER
                  + " for this connector");
    };
  }

  private Object decode(SinkRecord record, byte[] bytes) throws IOException {
    Deserializer<?> values =
        deserializer.orElseThrow(
            () -> new ConnectException(place(record) + ": " + TrailSinkConfig.missingRegistry()));
    try {
      Object value = values.deserialize(record.topic(), bytes);
      if (value == null) {
        throw new InvalidRecordException("the value is empty");
      }
      return value;
    } catch (SerializationException e) {
      if (SchemaRegistryException.isRetriable(e)) {
        throw new IOException(e.getMessage(), e);
      }
      throw new InvalidRecordException("the value cannot be decoded: " + e.getMessage(), e);
    }
  }

  private void take(int partition, AuditEvent event) throws IOException {
    TrailStore trails = store.orElseThrow();
    TrailId eventId = id(event.getHost(), event.getSource(), event.getTrail());
    List<AuditRecord> records = event.getRecords();
    // All is checked before anything is written: an event is taken whole or refused whole.
    for (AuditRecord record : records) {
      if (record.getRaw().remaining() != record.getLength()) {
        throw new InvalidRecordException(
            "trail "
                + eventId
                + ": record at position "
                + record.getPosition()
                + " says length "
                + record.getLength()
                + " and has "
                + record.getRaw().remaining()
                + " bytes");
      }
      trails.checkPosition(idOf(record, eventId), record.getPosition(), record.getLength());
    }
    for (AuditRecord record : records) {
      trails.write(
          partition,
          idOf(record, eventId),
          event.getFormat(),
          record.getPosition(),
          record.getRaw());
    }
  }

  private static TrailId idOf(AuditRecord record, TrailId eventId) {
    return record
        .getTrail()
        .map(trail -> new TrailId(eventId.host(), eventId.source(), trail))
        .orElse(eventId);
  }

  private void take(int partition, TrailState state) throws IOException {
    TrailStore trails = store.orElseThrow();
    TrailId trailId = id(state.getHost(), state.getSource(), state.getTrail());
    Optional<FinalState> end = FinalState.of(state);
    List<Span> lost = FinalState.dropped(state);
    if (!lost.isEmpty()) {
      trails.lose(partition, trailId, state.getFormat(), lost);
    }
    if (end.isPresent()) {
      trails.end(partition, trailId, state.getFormat(), end.get());
    }
  }

  // Records come in runs of one trail: the same names need not be checked again.
  private TrailId id(String host, String source, String trail) {
    if (lastId.isPresent()) {
      TrailId last = lastId.get();
      if (last.trail().equals(trail) && last.source().equals(source) && last.host().equals(host)) {
        return last;
      }
    }
    TrailId found = new TrailId(host, source, trail);
    lastId = Optional.of(found);
    return found;
  }

  private void refuse(SinkRecord record, InvalidRecordException e) {
    long refused = counters.recordsRefused.incrementAndGet();
    if (reporter.isPresent()) {
      // The worker waits for it before it commits the record's offset.
      Future<Void> _ = reporter.get().report(record, e);
    } else if (refused <= 10 || refused % 1000 == 0) {
      LOG.error(
          "Record {} refused and skipped ({} so far); to keep such records set"
              + " errors.tolerance=all and errors.deadletterqueue.topic.name: {}",
          place(record),
          refused,
          e.getMessage());
    }
  }

  private static String place(SinkRecord record) {
    return record.topic() + "-" + record.kafkaPartition() + " at offset " + record.kafkaOffset();
  }

  /** Makes everything durable and returns the offsets of which that is true. */
  @Override
  public Map<TopicPartition, OffsetAndMetadata> preCommit(
      Map<TopicPartition, OffsetAndMetadata> currentOffsets) {
    if (failure.isPresent()) {
      return Map.of();
    }
    BitSet held;
    try {
      store.orElseThrow().advance();
    } catch (SyncFailedException e) {
      failure = Optional.of(e);
      return Map.of();
    } catch (IOException e) {
      LOG.error(
          "{}: trails cannot be finished now, their offsets are held back: {}", name, e.toString());
    }
    try {
      held = store.orElseThrow().sync();
    } catch (SyncFailedException e) {
      failure = Optional.of(e);
      LOG.error("{}: {}", name, e.getMessage());
      return Map.of();
    }
    Map<TopicPartition, OffsetAndMetadata> durable = new HashMap<>(currentOffsets);
    durable.keySet().removeIf(partition -> held.get(partition.partition()));
    store.orElseThrow().expire();
    return durable;
  }

  /** Lets go of everything. Idempotent. */
  @Override
  public void stop() {
    store.ifPresent(TrailStore::close);
    deserializer.ifPresent(Deserializer::close);
    store = Optional.empty();
    deserializer = Optional.empty();
    assigned.clear();
  }

  SinkCounters counters() {
    return counters;
  }

  /** Lets go of everything without writing: as a process that dies. For tests of crashes. */
  void abandon() {
    store.ifPresent(TrailStore::abandon);
    store = Optional.empty();
  }
}
