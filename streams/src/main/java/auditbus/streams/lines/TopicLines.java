// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.lines;

import auditbus.schemas.SchemaRegistryException;
import auditbus.schemas.Topics;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/**
 * Prints a topic of auditbus as JSON lines: committed records only, in the order of each partition
 * and so of each host; hosts of different partitions in no order.
 *
 * <p>The dead letters, which are bytes of any kind, are printed with their headers: {@code {topic,
 * partition, offset, timestamp, headers, value}}.
 *
 * <p>Not thread-safe; each print opens and closes a consumer of its own and joins no group.
 */
public final class TopicLines {
  private final Map<String, Object> client;
  private final String topic;
  private final boolean fromBeginning;
  private final boolean follow;

  /**
   * Connects to nothing yet.
   *
   * @param client settings of the consumer and the registry client, by Kafka's and Confluent's
   *     names; at least {@code bootstrap.servers} and {@code schema.registry.url}
   * @param topic a topic of {@link Topics}
   * @param fromBeginning whether to begin at the topic's beginning, else at its present end
   * @param follow whether to go on at its present end until told to stop, else return there
   * @throws IllegalArgumentException if the topic is none of auditbus
   */
  public TopicLines(Map<String, ?> client, String topic, boolean fromBeginning, boolean follow) {
    if (!Topics.names().contains(topic)) {
      throw new IllegalArgumentException(
          "no topic of auditbus: " + topic + "; there are " + String.join(", ", Topics.names()));
    }
    this.client = Map.copyOf(client);
    this.topic = topic;
    this.fromBeginning = fromBeginning;
    this.follow = follow;
  }

  /**
   * Prints until the end that the topic had at the beginning of the call, or until told to stop.
   *
   * @param stop asked five times a second or after each batch
   * @param unreadable told of each record that could not be read, which is left out
   * @return number of lines
   * @throws IOException if the stream fails
   * @throws org.apache.kafka.common.KafkaException if the broker cannot be reached or refuses
   * @throws SchemaRegistryException if the registry does not answer or does not let us in
   * @throws IllegalStateException if there is no such topic
   */
  public long print(OutputStream out, BooleanSupplier stop, Consumer<String> unreadable)
      throws IOException {
    TopicReader.From from =
        fromBeginning ? new TopicReader.From.Beginning() : new TopicReader.From.End();
    try (TopicReader reader = TopicReader.open(client, Map.of(topic, from), Set.of(), unreadable)) {
      JsonLine lines = new JsonLine(out);
      long count = 0;
      while (!stop.getAsBoolean() && (follow || !reader.isAtEnd())) {
        for (ConsumerRecord<byte[], byte[]> record : reader.poll()) {
          if (follow || reader.wasThere(record)) {
            count += line(record, reader, lines) ? 1 : 0;
          }
        }
        lines.flush();
        out.flush();
      }
      return count;
    }
  }

  private static boolean line(
      ConsumerRecord<byte[], byte[]> record, TopicReader reader, JsonLine lines)
      throws IOException {
    if (record.topic().equals(Topics.DEAD_LETTERS)) {
      deadLetter(record, lines);
      return true;
    }
    Optional<SpecificRecord> value = reader.value(record);
    if (value.isPresent()) {
      lines.write(value.get());
    }
    return value.isPresent();
  }

  private static void deadLetter(ConsumerRecord<byte[], byte[]> record, JsonLine lines)
      throws IOException {
    JsonGenerator json = lines.raw();
    json.writeStartObject();
    json.writeStringField("topic", record.topic());
    json.writeNumberField("partition", record.partition());
    json.writeNumberField("offset", record.offset());
    json.writeStringField("timestamp", Instant.ofEpochMilli(record.timestamp()).toString());
    json.writeObjectFieldStart("headers");
    for (Header header : record.headers()) {
      byte[] value = header.value() == null ? new byte[0] : header.value();
      json.writeStringField(header.key(), new String(value, StandardCharsets.UTF_8));
    }
    json.writeEndObject();
    lines.bytes("value", ByteBuffer.wrap(record.value() == null ? new byte[0] : record.value()));
    json.writeEndObject();
    lines.end();
  }
}
