// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.Map;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/**
 * {@link AvroSerializer} and {@link AvroDeserializer} with one registry client.
 *
 * <p>Thread-safe after {@code configure}.
 *
 * @param <T> the records' type: generated classes of this package
 */
public final class AvroSerde<T extends SpecificRecord> implements Serde<T> {
  private SchemaRegistryClient registry;
  private AvroSerializer<T> serializer;
  private AvroDeserializer<T> deserializer;

  /** For Kafka, which calls {@link #configure} next. */
  public AvroSerde() {
    serializer = new AvroSerializer<>();
    deserializer = new AvroDeserializer<>();
  }

  /** A serde of values that shares the client and registers schemas it finds missing. */
  public AvroSerde(SchemaRegistryClient registry) {
    this(registry, true, false);
  }

  /**
   * A serde that shares the client and needs no {@link #configure}.
   *
   * @param autoRegister whether a missing schema is registered; else it is an error
   * @param key whether it is for records' keys
   */
  public AvroSerde(SchemaRegistryClient registry, boolean autoRegister, boolean key) {
    this.registry = registry;
    serializer = new AvroSerializer<>(registry, autoRegister, key);
    deserializer = new AvroDeserializer<>(registry, key);
  }

  /**
   * Takes the settings of {@link SchemaRegistryConfig}. A client given to the constructor stays.
   *
   * @throws org.apache.kafka.common.config.ConfigException naming the key that is missing or wrong
   */
  @Override
  public void configure(Map<String, ?> settings, boolean isKey) {
    if (registry == null) {
      SchemaRegistryConfig config = new SchemaRegistryConfig(settings);
      registry = new SchemaRegistryClient(config);
      serializer =
          new AvroSerializer<>(
              registry, config.getBoolean(SchemaRegistryConfig.AUTO_REGISTER), isKey);
      deserializer = new AvroDeserializer<>(registry, isKey);
    }
    serializer.configure(settings, isKey);
    deserializer.configure(settings, isKey);
  }

  @Override
  public Serializer<T> serializer() {
    return serializer;
  }

  @Override
  public Deserializer<T> deserializer() {
    return deserializer;
  }
}
