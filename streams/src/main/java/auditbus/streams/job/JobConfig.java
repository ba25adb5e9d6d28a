// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.AvroSerde;
import auditbus.schemas.EventView;
import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.SchemaRegistryConfig;
import auditbus.schemas.Topics;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.processor.UsePartitionTimeOnInvalidTimestamp;

/**
 * The settings of the streams jobs: the table below, each job's own, the schema registry's, and
 * anything Kafka Streams, its consumers, producers and admin client know, under their own names.
 *
 * <p>Thread-safe: immutable.
 */
public final class JobConfig {
  /** Milliseconds before the first restart of a job's thread that died. */
  public static final String RESTART_BACKOFF = "restart.backoff.ms";

  /** Most milliseconds before a restart. */
  public static final String RESTART_BACKOFF_MAX = "restart.backoff.max.ms";

  /** Milliseconds a job may take to stop. */
  public static final String CLOSE_TIMEOUT = "close.timeout.ms";

  /** What every job's application id begins with. */
  static final String APPLICATION_PREFIX = "auditbus-";

  private static final String ANY_TIME =
      StreamsConfig.topicPrefix(TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG);

  private static final Map<String, String> SESSION =
      Map.of(
          ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, "10000",
          ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, "3000");

  private static final ConfigDef TABLE =
      new ConfigDef()
          .define(
              StreamsConfig.BOOTSTRAP_SERVERS_CONFIG,
              ConfigDef.Type.LIST,
              "localhost:9092",
              Importance.HIGH,
              "Brokers to begin with, host:port.")
          .define(
              StreamsConfig.STATE_DIR_CONFIG,
              ConfigDef.Type.STRING,
              "/var/lib/auditbus/streams",
              Importance.HIGH,
              "Directory of the jobs' state. What is lost there is read back from Kafka.")
          .define(
              StreamsConfig.NUM_STREAM_THREADS_CONFIG,
              ConfigDef.Type.INT,
              1,
              Range.atLeast(1),
              Importance.MEDIUM,
              "Threads of each job; one thread does many hosts.")
          .define(
              StreamsConfig.COMMIT_INTERVAL_MS_CONFIG,
              ConfigDef.Type.LONG,
              500L,
              Range.atLeast(1),
              Importance.MEDIUM,
              "Milliseconds between commits: how late a result is seen, and how often changed state"
                  + " is written to its changelog.")
          .define(
              StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG,
              ConfigDef.Type.LONG,
              16L * 1024 * 1024,
              Range.atLeast(0),
              Importance.MEDIUM,
              "Bytes of each job's write cache. With 0 every event writes a changelog record.")
          .define(
              RESTART_BACKOFF,
              ConfigDef.Type.LONG,
              1000L,
              Range.atLeast(1),
              Importance.LOW,
              "Milliseconds before the first restart of a job's thread that died; doubles with each.")
          .define(
              RESTART_BACKOFF_MAX,
              ConfigDef.Type.LONG,
              30_000L,
              Range.atLeast(1),
              Importance.LOW,
              "Most milliseconds before a restart.")
          .define(
              CLOSE_TIMEOUT,
              ConfigDef.Type.LONG,
              30_000L,
              Range.atLeast(0),
              Importance.LOW,
              "Milliseconds a job may take to stop; what it had not committed is done again.");

  private final Map<String, Object> properties;
  private final AbstractConfig common;
  private final SchemaRegistryClient registry;

  /**
   * Reads the settings; connects to nothing.
   *
   * @param properties settings by name, values as text or in their own type; {@code
   *     schema.registry.url} must be among them
   * @throws org.apache.kafka.common.config.ConfigException naming a setting that is missing or
   *     wrong
   */
  public JobConfig(Map<String, ?> properties) {
    this.properties = Collections.unmodifiableMap(new TreeMap<>(properties));
    for (String fixed :
        List.of(StreamsConfig.APPLICATION_ID_CONFIG, StreamsConfig.PROCESSING_GUARANTEE_CONFIG)) {
      if (properties.containsKey(fixed)) {
        throw new ConfigException(
            fixed + " cannot be set: jobs are auditbus-NAME, exactly_once_v2");
      }
    }
    this.common = new AbstractConfig(TABLE, this.properties, false);
    this.registry = new SchemaRegistryClient(this.properties);
  }

  /** The settings all jobs share, with types, defaults and docs; a copy. */
  public static ConfigDef table() {
    return new ConfigDef(TABLE);
  }

  /** The settings as they were given. */
  public Map<String, Object> properties() {
    return properties;
  }

  /**
   * The values of a job's own settings.
   *
   * @throws org.apache.kafka.common.config.ConfigException naming a setting that is wrong
   */
  public AbstractConfig read(ConfigDef table) {
    return new AbstractConfig(table, properties, false);
  }

  /** A serde of an auditbus topic's values; all share one registry client. */
  public <T extends SpecificRecord> Serde<T> serde() {
    return new AvroSerde<>(
        registry,
        new SchemaRegistryConfig(properties).getBoolean(SchemaRegistryConfig.AUTO_REGISTER),
        false);
  }

  /** Writes a job's results; what is too large for a topic goes to the dead letters. */
  public <T extends SpecificRecord> Serializer<T> results() {
    return new BoundedSerializer<>(this.<T>serde().serializer());
  }

  /** Reads events whose records are not decoded; shares the registry client too. */
  public Deserializer<AuditEvent> eventBytes() {
    return AvroDeserializer.reading(EventView.bytes(), registry);
  }

  /** The same without the records' bytes: where each stands and what it is. */
  public Deserializer<AuditEvent> eventNames() {
    return AvroDeserializer.reading(EventView.names(), registry);
  }

  /** Names that no one knows: neither this table, nor the jobs', the registry client or Kafka. */
  public Set<String> unknown(Collection<? extends Job> jobs) {
    Set<String> known = new TreeSet<>(TABLE.names());
    jobs.forEach(job -> known.addAll(job.settings().names()));
    known.addAll(SchemaRegistryConfig.definition().names());
    known.addAll(StreamsConfig.configDef().names());
    known.addAll(ConsumerConfig.configNames());
    known.addAll(ProducerConfig.configNames());
    known.addAll(AdminClientConfig.configNames());
    Set<String> unknown = new TreeSet<>(properties.keySet());
    unknown.removeAll(known);
    unknown.removeIf(JobConfig::prefixed);
    return unknown;
  }

  long milliseconds(String name) {
    return common.getLong(name);
  }

  /** What Kafka Streams runs the job with. */
  public Properties streams(String job) {
    Properties streams = new Properties();
    streams.putAll(properties);
    TABLE.names().stream()
        .filter(StreamsConfig.configDef().names()::contains)
        .forEach(name -> streams.put(name, common.values().get(name)));
    if (!"streams".equalsIgnoreCase(streams.getProperty(StreamsConfig.GROUP_PROTOCOL_CONFIG))) {
      // How long nobody works on what a dead thread did: it does not leave the group.
      SESSION.forEach(
          (name, value) -> {
            if (!streams.containsKey(name)
                && !streams.containsKey(StreamsConfig.consumerPrefix(name))) {
              streams.putIfAbsent(StreamsConfig.mainConsumerPrefix(name), value);
            }
          });
    }
    streams.put(StreamsConfig.APPLICATION_ID_CONFIG, APPLICATION_PREFIX + job);
    streams.put(StreamsConfig.CLIENT_ID_CONFIG, APPLICATION_PREFIX + job);
    streams.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    streams.put(StreamsConfig.ERRORS_DEAD_LETTER_QUEUE_TOPIC_NAME_CONFIG, Topics.DEAD_LETTERS);
    streams.put(
        StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG, UnreadableRecords.class);
    streams.put(
        StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG, UnprocessableRecords.class);
    streams.put(StreamsConfig.PRODUCTION_EXCEPTION_HANDLER_CLASS_CONFIG, UnwritableRecords.class);
    streams.put(
        StreamsConfig.DEFAULT_TIMESTAMP_EXTRACTOR_CLASS_CONFIG,
        UsePartitionTimeOnInvalidTimestamp.class);
    streams.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, SmallRocksDb.class);
    streams.put("processing.exception.handler.global.enabled", true);
    // A record of state has the time of the event it comes from, by the broker's clock then. Where
    // that was ahead, a broker refuses what is an hour later than now, and the job would stand.
    streams.putIfAbsent(ANY_TIME, Long.toString(Long.MAX_VALUE));
    streams.put(StreamsConfig.ENSURE_EXPLICIT_INTERNAL_RESOURCE_NAMING_CONFIG, true);
    return streams;
  }

  private static boolean prefixed(String name) {
    return Set.of(
            StreamsConfig.CONSUMER_PREFIX,
            StreamsConfig.MAIN_CONSUMER_PREFIX,
            StreamsConfig.RESTORE_CONSUMER_PREFIX,
            StreamsConfig.PRODUCER_PREFIX,
            StreamsConfig.ADMIN_CLIENT_PREFIX,
            StreamsConfig.TOPIC_PREFIX)
        .stream()
        .anyMatch(name::startsWith);
  }
}
