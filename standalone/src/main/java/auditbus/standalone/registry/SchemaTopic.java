// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone.registry;

import auditbus.schemas.Compatibility;
import auditbus.standalone.registry.RegistryState.Version;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The compacted topic {@value #TOPIC} in the record format of Confluent's registry, so that one
 * could take it over.
 *
 * <pre>
 *   {"keytype":"SCHEMA","subject":S,"version":V,"magic":1}  {"subject":S,"version":V,"id":I,"schema":T,"deleted":false}
 *   {"keytype":"CONFIG","subject":S or null,"magic":0}      {"subject":S or null,"compatibilityLevel":L}
 *   {"keytype":"DELETE_SUBJECT","subject":S,"magic":0}      {"subject":S,"version":V}    read, never written
 *   {"keytype":"NOOP","magic":0}                            -                            read, never written
 * </pre>
 *
 * <p>The state is what was read back from the topic, never what was meant to be written: a write
 * whose fate is not known (a timeout) is decided by the topic before the next one.
 *
 * <p>One thread at a time: {@link EmbeddedRegistry} holds a lock around it.
 */
final class SchemaTopic implements AutoCloseable {
  static final String TOPIC = "_schemas";

  private static final Logger LOG = LoggerFactory.getLogger(SchemaTopic.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final TopicPartition PARTITION = new TopicPartition(TOPIC, 0);

  private final Map<String, Object> kafka;
  private final RegistryState state;
  private final Duration timeout;
  private Producer<byte[], byte[]> producer;
  private Consumer<byte[], byte[]> consumer;

  /**
   * @param timeout longest wait for the broker, in one read or write
   */
  SchemaTopic(Map<String, Object> kafka, RegistryState state, Duration timeout) {
    this.kafka = Map.copyOf(kafka);
    this.state = state;
    this.timeout = timeout;
  }

  /** Makes the topic if it is missing and reads it to its end. */
  void open() throws IOException {
    try {
      ensureTopic();
      Map<String, Object> common = new HashMap<>(kafka);
      common.put("enable.metrics.push", false);
      Map<String, Object> reading = new HashMap<>(common);
      reading.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
      reading.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
      // A fetch that waits for more at the broker holds up the question for the end behind it.
      reading.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 5);
      consumer =
          new KafkaConsumer<>(reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
      consumer.assign(List.of(PARTITION));
      consumer.seekToBeginning(List.of(PARTITION));
      Map<String, Object> writing = new HashMap<>(common);
      writing.put(ProducerConfig.ACKS_CONFIG, "all");
      writing.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
      writing.put(ProducerConfig.LINGER_MS_CONFIG, 0);
      writing.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, (int) timeout.toMillis());
      writing.put(
          ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, (int) Math.min(10_000, timeout.toMillis()));
      writing.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, timeout.toMillis());
      writing.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 4 * 1024 * 1024L);
      producer = new KafkaProducer<>(writing, new ByteArraySerializer(), new ByteArraySerializer());
      catchUp();
    } catch (KafkaException | RegistryRefusal e) {
      close();
      throw new IOException(
          "the schema registry cannot read its topic " + TOPIC + ": " + e.getMessage(), e);
    }
  }

  private void ensureTopic() throws IOException {
    try (Admin admin = Admin.create(kafka)) {
      try {
        TopicDescription description =
            admin
                .describeTopics(Set.of(TOPIC))
                .topicNameValues()
                .get(TOPIC)
                .get(timeout.toSeconds(), TimeUnit.SECONDS);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
        Config config =
            admin
                .describeConfigs(Set.of(resource))
                .values()
                .get(resource)
                .get(timeout.toSeconds(), TimeUnit.SECONDS);
        String cleanup = config.get(TopicConfig.CLEANUP_POLICY_CONFIG).value();
        if (!cleanup.equals(TopicConfig.CLEANUP_POLICY_COMPACT)
            || description.partitions().size() != 1) {
          throw new IOException(
              "topic %s has %d partitions and cleanup.policy=%s: the schema registry needs 1 and compact, or schemas are lost"
                  .formatted(TOPIC, description.partitions().size(), cleanup));
        }
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
          throw e;
        }
        create(admin);
      }
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("the schema registry cannot reach its topic " + TOPIC + ": " + e, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while opening topic " + TOPIC, e);
    }
  }

  private void create(Admin admin)
      throws ExecutionException, TimeoutException, InterruptedException {
    NewTopic topic =
        new NewTopic(TOPIC, Optional.of(1), Optional.empty())
            .configs(Map.of(TopicConfig.CLEANUP_POLICY_CONFIG, TopicConfig.CLEANUP_POLICY_COMPACT));
    try {
      admin.createTopics(Set.of(topic)).all().get(timeout.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      if (!(e.getCause() instanceof TopicExistsException)) {
        throw e;
      }
    }
  }

  /** Reads what stands in the topic and is not in the state yet. */
  void catchUp() throws RegistryRefusal {
    long begin = System.nanoTime();
    try {
      long end = consumer.endOffsets(Set.of(PARTITION), timeout).get(PARTITION);
      while (consumer.position(PARTITION, timeout) < end) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          apply(record);
        }
        if (System.nanoTime() - begin > timeout.toNanos()) {
          throw RegistryRefusal.storeTimeout(
              "topic %s was read up to offset %d of %d in %d s"
                  .formatted(TOPIC, consumer.position(PARTITION), end, timeout.toSeconds()));
        }
      }
    } catch (KafkaException e) {
      throw RegistryRefusal.store("reading topic " + TOPIC + ": " + e.getMessage());
    }
  }

  void write(Version version) throws RegistryRefusal {
    ObjectNode key =
        key("SCHEMA", version.subject()).put("version", version.version()).put("magic", 1);
    ObjectNode value =
        JSON.createObjectNode()
            .put("subject", version.subject())
            .put("version", version.version())
            .put("id", version.id())
            .put("schema", version.schema())
            .put("deleted", version.deleted());
    write(key, value);
  }

  /**
   * @param subject null for the registry's own
   */
  void write(String subject, Compatibility compatibility) throws RegistryRefusal {
    ObjectNode value =
        JSON.createObjectNode()
            .put("subject", subject)
            .put("compatibilityLevel", compatibility.name());
    write(key("CONFIG", subject).put("magic", 0), value);
  }

  private static ObjectNode key(String type, String subject) {
    // Compaction compares bytes: the order is Confluent's.
    return JSON.createObjectNode().put("keytype", type).put("subject", subject);
  }

  private void write(ObjectNode key, ObjectNode value) throws RegistryRefusal {
    try {
      producer
          .send(
              new ProducerRecord<>(
                  TOPIC, 0, JSON.writeValueAsBytes(key), JSON.writeValueAsBytes(value)))
          .get(timeout.toSeconds() + 5, TimeUnit.SECONDS);
    } catch (ExecutionException | KafkaException | IOException e) {
      throw RegistryRefusal.store("writing topic " + TOPIC + ": " + e.getMessage());
    } catch (TimeoutException e) {
      throw RegistryRefusal.storeTimeout(
          "writing topic " + TOPIC + " took more than " + timeout.toSeconds() + " s");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw RegistryRefusal.store("the registry is closing");
    }
    catchUp();
  }

  private void apply(ConsumerRecord<byte[], byte[]> record) {
    try {
      if (record.key() != null) {
        apply(
            JSON.readTree(record.key()),
            record.value() == null ? null : JSON.readTree(record.value()));
      }
    } catch (IOException | IllegalArgumentException e) {
      LOG.warn(
          "topic {} offset {}: skipped, it is no record of a schema registry: {}",
          TOPIC,
          record.offset(),
          e.getMessage());
    }
  }

  private void apply(JsonNode key, JsonNode value) {
    String subject = key.path("subject").textValue();
    switch (key.path("keytype").asText()) {
      case "SCHEMA" -> {
        if (value == null || value.isNull()) {
          state.remove(subject, key.path("version").asInt());
        } else if (value.path("schemaType").asText("AVRO").equals("AVRO")) {
          state.apply(
              new Version(
                  required(value, "subject").asText(),
                  required(value, "version").asInt(),
                  required(value, "id").asInt(),
                  required(value, "schema").asText(),
                  value.path("deleted").asBoolean()));
        }
      }
      case "CONFIG" -> {
        String level = value == null ? null : value.path("compatibilityLevel").textValue();
        state.apply(
            subject, level == null ? null : Compatibility.valueOf(level.toUpperCase(Locale.ROOT)));
      }
      case "DELETE_SUBJECT" -> {
        if (value != null && !value.isNull()) {
          state.deleteSubject(subject, required(value, "version").asInt());
        }
      }
      default -> {
        // NOOP, MODE, CONTEXT, ...: nothing this registry acts on.
      }
    }
  }

  private static JsonNode required(JsonNode value, String field) {
    JsonNode found = value.path(field);
    if (found.isMissingNode() || found.isNull()) {
      throw new IllegalArgumentException("field " + field + " is missing");
    }
    return found;
  }

  @Override
  public void close() {
    if (producer != null) {
      producer.close(Duration.ofSeconds(5));
      producer = null;
    }
    if (consumer != null) {
      consumer.close(org.apache.kafka.clients.consumer.CloseOptions.timeout(Duration.ofSeconds(5)));
      consumer = null;
    }
  }
}
