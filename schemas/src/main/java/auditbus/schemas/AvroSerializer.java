// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DatumWriter;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Writes generated records in Confluent's wire format.
 *
 * <pre>
 *   0        1                          5
 *   +--------+--------------------------+----------------------+
 *   | 0      | schema id, big endian    | Avro binary          |
 *   +--------+--------------------------+----------------------+
 * </pre>
 *
 * <p>The schema is registered, or with {@code auto.register.schemas=false} looked up, under the
 * subject {@code <topic>-value} ({@code <topic>-key} for keys) when the first record of its type is
 * written to a topic; after that no request is made. {@code null} is written as {@code null}, a
 * tombstone.
 *
 * <p>Thread-safe after {@code configure}. One encoder and its buffer are kept and lent to whoever
 * comes first, so a single thread allocates nothing but the result and what Avro itself does.
 *
 * @param <T> the records' type: generated classes of this package
 */
public final class AvroSerializer<T extends SpecificRecord> implements Serializer<T> {
  static final int MAGIC = 0;
  static final int HEADER_BYTES = 5;

  /** What is kept between records at most: one large record must not hold its memory for ever. */
  private static final int MAX_KEPT_BYTES = 2 * Topics.MAX_MESSAGE_BYTES;

  private SchemaRegistryClient registry;
  private boolean autoRegister = true;
  private boolean key;
  private volatile Target last;
  private final AtomicReference<Encoding> spare = new AtomicReference<>();

  /** What a topic's records of one schema are written with; immutable. */
  private record Target(String topic, Schema schema, int id, DatumWriter<Object> writer) {}

  /** For Kafka, which calls {@link #configure} next. */
  public AvroSerializer() {}

  /** A serializer of values that shares the client and registers schemas it finds missing. */
  public AvroSerializer(SchemaRegistryClient registry) {
    this(registry, true, false);
  }

  /**
   * A serializer that shares the client and needs no {@link #configure}.
   *
   * @param autoRegister whether a missing schema is registered; else it is an error
   * @param key whether it writes records' keys
   */
  public AvroSerializer(SchemaRegistryClient registry, boolean autoRegister, boolean key) {
    this.registry = registry;
    this.autoRegister = autoRegister;
    this.key = key;
  }

  /**
   * Takes the settings of {@link SchemaRegistryConfig}. A client given to the constructor stays.
   *
   * @throws org.apache.kafka.common.config.ConfigException naming the key that is missing or wrong
   */
  @Override
  public void configure(Map<String, ?> settings, boolean isKey) {
    key = isKey;
    if (registry == null) {
      SchemaRegistryConfig config = new SchemaRegistryConfig(settings);
      autoRegister = config.getBoolean(SchemaRegistryConfig.AUTO_REGISTER);
      registry = new SchemaRegistryClient(config);
    }
  }

  /**
   * The record's bytes.
   *
   * @throws SerializationException if the record breaks its schema, or the registry has no id for
   *     it; the cause is a {@link SchemaRegistryException} then
   */
  @Override
  public byte[] serialize(String topic, T record) {
    if (record == null) {
      return null;
    }
    Target target = target(topic, record);
    Encoding encoding = spare.getAndSet(null);
    if (encoding == null) {
      encoding = new Encoding();
    }
    byte[] bytes;
    try {
      bytes = encoding.encode(target.id(), target.writer(), record);
    } catch (IOException | RuntimeException e) {
      // The encoder may hold half a record: it is not kept.
      throw new SerializationException(
          "cannot write a %s for topic %s: %s"
              .formatted(record.getSchema().getFullName(), topic, e.getMessage()),
          e);
    }
    if (encoding.capacity() <= MAX_KEPT_BYTES) {
      spare.set(encoding);
    }
    return bytes;
  }

  private Target target(String topic, T record) {
    Schema schema = record.getSchema();
    Target known = last;
    if (known != null && known.schema().equals(schema) && known.topic().equals(topic)) {
      return known;
    }
    if (registry == null) {
      throw new SerializationException(
          "the serializer was not configured: " + SchemaRegistryConfig.URL + " is missing");
    }
    String subject = topic + (key ? "-key" : "-value");
    try {
      int id = autoRegister ? registry.register(subject, schema) : registry.idOf(subject, schema);
      Target found =
          new Target(topic, schema, id, new SpecificDatumWriter<>(schema, RecordModel.GENERATED));
      last = found;
      return found;
    } catch (SchemaRegistryException e) {
      throw new SerializationException(
          "no id for the schema %s of topic %s: %s"
              .formatted(schema.getFullName(), topic, e.getMessage()),
          e);
    }
  }

  /** A buffer and what writes to it; one thread at a time. */
  private static final class Encoding {
    private final WireBuffer buffer = new WireBuffer();
    private final BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(buffer, null);

    byte[] encode(int id, DatumWriter<Object> writer, Object record) throws IOException {
      if (record instanceof AuditEvent event) {
        try {
          start(id);
          AuditEventWriter.write(event, buffer);
          return buffer.toByteArray();
        } catch (RuntimeException e) {
          // It breaks its schema, and Avro's own writer can say where.
        }
      }
      start(id);
      writer.write(record, encoder);
      encoder.flush();
      return buffer.toByteArray();
    }

    int capacity() {
      return buffer.capacity();
    }

    private void start(int id) {
      buffer.clear();
      buffer.write(MAGIC);
      buffer.write(id >>> 24);
      buffer.write(id >>> 16);
      buffer.write(id >>> 8);
      buffer.write(id);
    }
  }
}
