// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.io.DatumReader;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Reads what {@link AvroSerializer}, or any serializer of Confluent's wire format, wrote.
 *
 * <p>The writer's schema is fetched by the id in the record, once, and resolved to the generated
 * class of this package with its full name. Nothing but a generated class of this package is ever
 * made, whatever the registry or the record says; in a topic of {@link Topics} only its own type.
 * {@code null}, a tombstone, is read as {@code null}.
 *
 * <p>A record that cannot be read is a {@link SerializationException} with topic, schema id and
 * length; no length inside it makes more memory be taken than its size allows.
 *
 * <p>Thread-safe after {@code configure}.
 *
 * @param <T> the records' type: generated classes of this package
 */
public final class AvroDeserializer<T extends SpecificRecord> implements Deserializer<T> {
  /** Readers kept; a topic has one per version of its schema. */
  private static final int MAX_READERS = 1_000;

  private static final Pattern CLASS_NAME =
      Pattern.compile("auditbus\\.schemas\\.[A-Z][A-Za-z0-9]*");

  private static final Map<String, String> TYPES =
      Stream.of(Topics.values())
          .collect(Collectors.toUnmodifiableMap(Topics::topic, t -> t.schema().getFullName()));

  private SchemaRegistryClient registry;
  private boolean key;
  private final Map<Integer, Reader> readers = new ConcurrentHashMap<>();
  private final AtomicReference<BoundedDecoder> spare = new AtomicReference<>();
  private final UnaryOperator<Schema> view;

  private final boolean trailBytes;

  private record Reader(
      String type, DatumReader<SpecificRecord> datum, Optional<TrailBytes> trailBytes) {}

  /** For Kafka, which calls {@link #configure} next. */
  public AvroDeserializer() {
    this(UnaryOperator.identity(), false);
  }

  private AvroDeserializer(UnaryOperator<Schema> view, boolean trailBytes) {
    this.view = view;
    this.trailBytes = trailBytes;
  }

  /**
   * A deserializer for who only wants to know which bytes of which trail an {@link AuditEvent}
   * carries; call {@link #configure} next. Of an event there are host, source, trail and records,
   * of a record trail, position, length and raw, which is a part of the message's own array. All
   * else is not to be relied on: {@code null} or 0, except where the writer's schema is unlike any
   * of ours. Other types are read whole.
   */
  public static <T extends SpecificRecord> AvroDeserializer<T> readingTrailBytes() {
    return new AvroDeserializer<>(EventView.bytes(), true);
  }

  /**
   * A deserializer that skips what its caller has no use for; call {@link #configure} next.
   *
   * @param view from a generated type's schema to the one it is read by, in which records may lack
   *     their last fields: these are {@code null} in what is read. Every field that stays keeps its
   *     position.
   */
  public static <T extends SpecificRecord> AvroDeserializer<T> reading(UnaryOperator<Schema> view) {
    return new AvroDeserializer<>(view, false);
  }

  /** The same for values, sharing the client; needs no {@link #configure}. */
  public static <T extends SpecificRecord> AvroDeserializer<T> reading(
      UnaryOperator<Schema> view, SchemaRegistryClient registry) {
    AvroDeserializer<T> reading = new AvroDeserializer<>(view, false);
    reading.registry = registry;
    return reading;
  }

  /** A deserializer of values that shares the client and needs no {@link #configure}. */
  public AvroDeserializer(SchemaRegistryClient registry) {
    this(registry, false);
  }

  /**
   * A deserializer that shares the client and needs no {@link #configure}.
   *
   * @param key whether it reads records' keys
   */
  public AvroDeserializer(SchemaRegistryClient registry, boolean key) {
    this(UnaryOperator.identity(), false);
    this.registry = registry;
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
      registry = new SchemaRegistryClient(settings);
    }
  }

  /**
   * The record.
   *
   * @throws SerializationException if the bytes are not such a record, or the registry does not say
   *     what they are; the cause is a {@link SchemaRegistryException} then, and a retriable one
   *     says nothing against the record
   */
  @Override
  public T deserialize(String topic, byte[] bytes) {
    if (bytes == null) {
      return null;
    }
    if (bytes.length < AvroSerializer.HEADER_BYTES) {
      throw new SerializationException(
          "a value of topic %s is %d bytes long: magic and schema id alone take %d"
              .formatted(topic, bytes.length, AvroSerializer.HEADER_BYTES));
    }
    if (bytes[0] != AvroSerializer.MAGIC) {
      throw new SerializationException(
          "a value of topic %s (%d bytes) begins with %d instead of the magic 0: it is not in Confluent's wire format"
              .formatted(topic, bytes.length, bytes[0] & 0xff));
    }
    int id = ByteBuffer.wrap(bytes).getInt(1);
    Reader reader = reader(topic, id, bytes.length);
    String wanted = key ? null : TYPES.get(topic);
    if (wanted != null && !wanted.equals(reader.type())) {
      throw wrong(
          topic,
          id,
          bytes.length,
          "its schema is " + reader.type() + ", the topic's is " + wanted,
          null);
    }
    return decode(reader, topic, id, bytes);
  }

  private T decode(Reader reader, String topic, int id, byte[] bytes) {
    if (reader.trailBytes().isPresent()) {
      return readTrailBytes(reader.trailBytes().get(), topic, id, bytes);
    }
    BoundedDecoder decoder = spare.getAndSet(null);
    if (decoder == null) {
      decoder = new BoundedDecoder();
    }
    decoder.over(bytes, AvroSerializer.HEADER_BYTES, bytes.length - AvroSerializer.HEADER_BYTES);
    try {
      SpecificRecord record = reader.datum().read(null, decoder);
      if (decoder.remainingBytes() > 0) {
        throw wrong(
            topic, id, bytes.length, decoder.remainingBytes() + " bytes follow the record", null);
      }
      @SuppressWarnings(
          "unchecked") // The reader's class is the writer's; of the topics' it was compared.
      T typed = (T) record;
      spare.set(decoder);
      return typed;
    } catch (SerializationException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw wrong(topic, id, bytes.length, e.toString(), e);
    } catch (StackOverflowError e) {
      // A writer's recursive type: its depth is bounded by nothing but the record's size.
      throw wrong(topic, id, bytes.length, "it is nested too deeply", null);
    }
  }

  private T readTrailBytes(TrailBytes reader, String topic, int id, byte[] bytes) {
    try {
      @SuppressWarnings("unchecked") // Whose schema is an AuditEvent's.
      T typed = (T) reader.read(bytes, AvroSerializer.HEADER_BYTES);
      return typed;
    } catch (IOException e) {
      throw wrong(topic, id, bytes.length, e.toString(), e);
    }
  }

  private Reader reader(String topic, int id, int length) {
    Reader known = readers.get(id);
    if (known != null) {
      return known;
    }
    if (registry == null) {
      throw new SerializationException(
          "the deserializer was not configured: " + SchemaRegistryConfig.URL + " is missing");
    }
    if (id < 0) {
      throw wrong(topic, id, length, "a schema id is never negative", null);
    }
    Schema writer;
    try {
      writer = registry.schemaById(id);
    } catch (SchemaRegistryException e) {
      throw wrong(topic, id, length, e.getMessage(), e);
    }
    Class<?> type = type(writer, topic, id, length);
    Schema whole = RecordModel.GENERATED.getSchema(type);
    Schema wanted = view.apply(whole);
    SpecificData model = wanted.equals(whole) ? RecordModel.GENERATED : RecordModel.BY_SCHEMA;
    Optional<TrailBytes> direct =
        trailBytes && type.equals(AuditEvent.class) ? TrailBytes.of(writer) : Optional.empty();
    Reader made;
    try {
      made =
          new Reader(
              writer.getFullName(), new SpecificDatumReader<>(writer, wanted, model), direct);
    } catch (AvroRuntimeException e) {
      throw wrong(topic, id, length, e.getMessage(), e);
    }
    if (readers.size() >= MAX_READERS) {
      readers.clear();
    }
    readers.put(id, made);
    return made;
  }

  private static Class<?> type(Schema writer, String topic, int id, int length) {
    String name =
        writer.getType() == Schema.Type.RECORD ? writer.getFullName() : writer.getType().getName();
    if (CLASS_NAME.matcher(name).matches()) {
      try {
        Class<?> type = Class.forName(name, false, AvroDeserializer.class.getClassLoader());
        if (SpecificRecord.class.isAssignableFrom(type)) {
          return type;
        }
      } catch (ClassNotFoundException | LinkageError e) {
        throw wrong(topic, id, length, "there is no class for its schema " + name + " here", e);
      }
    }
    throw wrong(topic, id, length, "its schema " + name + " is none of auditbus", null);
  }

  private static SerializationException wrong(
      String topic, int id, int length, String what, Throwable cause) {
    return new SerializationException(
        "cannot read a value of topic %s (schema id %d, %d bytes): %s"
            .formatted(topic, id, length, what),
        cause);
  }
}
