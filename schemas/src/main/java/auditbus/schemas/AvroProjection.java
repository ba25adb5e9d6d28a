// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.errors.SerializationException;

/**
 * Reads some fields of a topic's values and skips the rest: an event's places in its trail cost a
 * fraction of the event.
 *
 * <p>Not thread-safe: one thread owns a projection.
 */
public final class AvroProjection {
  private final SchemaRegistryClient registry;
  private final Schema wanted;
  private final Map<Integer, GenericDatumReader<GenericRecord>> readers = new HashMap<>();
  private BinaryDecoder decoder;

  /**
   * A projection on the fields of a schema.
   *
   * @param wanted a record of the values' full name with some of their fields
   */
  public AvroProjection(SchemaRegistryClient registry, Schema wanted) {
    this.registry = registry;
    this.wanted = wanted;
  }

  /**
   * The wanted fields of a value.
   *
   * @param topic named in errors
   * @throws SerializationException if the value is not in Confluent's wire format, or not of a
   *     schema that has the wanted fields
   * @throws SchemaRegistryException if the registry could not be asked
   */
  public GenericRecord read(String topic, byte[] value) {
    if (value == null
        || value.length < AvroSerializer.HEADER_BYTES
        || value[0] != AvroSerializer.MAGIC) {
      throw new SerializationException(
          "a value of topic "
              + topic
              + " ("
              + (value == null ? "null" : value.length + " bytes")
              + ") is not in Confluent's wire format");
    }
    int id = ByteBuffer.wrap(value).getInt(1);
    try {
      decoder =
          DecoderFactory.get()
              .binaryDecoder(
                  value,
                  AvroSerializer.HEADER_BYTES,
                  value.length - AvroSerializer.HEADER_BYTES,
                  decoder);
      return reader(id).read(null, decoder);
    } catch (IOException | RuntimeException e) {
      if (SchemaRegistryException.isRetriable(e)) {
        // That the registry is away says nothing against the value.
        throw (RuntimeException) e;
      }
      throw new SerializationException(
          "cannot read a value of topic "
              + topic
              + " (schema id "
              + id
              + ", "
              + value.length
              + " bytes): "
              + e.getMessage(),
          e);
    }
  }

  private GenericDatumReader<GenericRecord> reader(int id) {
    return readers.computeIfAbsent(
        id, unknown -> new GenericDatumReader<>(registry.schemaById(id), wanted));
  }
}
