// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Serializes as another does, but refuses what would be too large for Kafka's producer and topics
 * as they are by default: more than {@link #MAX_BYTES}.
 *
 * <p>Thread-safe if the other is.
 */
final class BoundedSerializer<T> implements Serializer<T> {
  /** A MiB is max.request.size and message.max.bytes; the rest is for key, headers and frame. */
  static final int MAX_BYTES = 1_000_000;

  private final Serializer<T> inner;

  BoundedSerializer(Serializer<T> inner) {
    this.inner = inner;
  }

  @Override
  public byte[] serialize(String topic, T value) {
    return checked(topic, inner.serialize(topic, value));
  }

  @Override
  public byte[] serialize(String topic, Headers headers, T value) {
    return checked(topic, inner.serialize(topic, headers, value));
  }

  private static byte[] checked(String topic, byte[] bytes) {
    if (bytes != null && bytes.length > MAX_BYTES) {
      throw new RecordTooLargeException(
          "a result of " + bytes.length + " bytes for " + topic + ": most are " + MAX_BYTES);
    }
    return bytes;
  }

  @Override
  public void close() {
    inner.close();
  }
}
