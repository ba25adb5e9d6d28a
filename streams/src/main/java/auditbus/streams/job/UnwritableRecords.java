// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.ProductionExceptionHandler;

/**
 * Sends word of a result that is too large for its topic to the dead letters and goes on, so that
 * one host's result does not hold up the others of its partition; fails the thread, which is
 * restarted, where it is not the result's fault, and where it is state, which cannot be left out.
 *
 * <p>{@link BoundedSerializer} refuses such a result before Kafka's producer does, because what the
 * producer refuses ends the transaction. The dead letter is the record the result was made of, if
 * it is at hand and fits, with its place and the reason in the headers.
 *
 * <p>Public because Kafka Streams makes it by its name. Thread-safe: unchanged after configure.
 */
public final class UnwritableRecords implements ProductionExceptionHandler {
  private static final String PREFIX = "__streams.errors.";
  private String deadLetters = "";

  @Override
  public Response handleError(
      ErrorHandlerContext context, ProducerRecord<byte[], byte[]> record, Exception error) {
    // What the producer refused is lost with its transaction: nothing to go on with.
    return Response.fail();
  }

  @Override
  @SuppressWarnings("rawtypes") // The interface's.
  public Response handleSerializationError(
      ErrorHandlerContext context,
      ProducerRecord record,
      Exception error,
      SerializationExceptionOrigin origin) {
    if (!(error instanceof RecordTooLargeException)) {
      return Response.fail();
    }
    byte[] source = context.sourceRawValue();
    boolean fits = source != null && source.length <= BoundedSerializer.MAX_BYTES;
    ProducerRecord<byte[], byte[]> letter =
        new ProducerRecord<>(deadLetters, context.sourceRawKey(), fits ? source : null);
    Map.of(
            "exception", error.getClass().getName(),
            "message", Blame.text(error),
            "topic", String.valueOf(context.topic()),
            "partition", Integer.toString(context.partition()),
            "offset", Long.toString(context.offset()))
        .forEach((name, value) -> letter.headers().add(PREFIX + name, value.getBytes(UTF_8)));
    return Response.resume(List.of(letter));
  }

  @Override
  public void configure(Map<String, ?> configs) {
    Object topic = configs.get(StreamsConfig.ERRORS_DEAD_LETTER_QUEUE_TOPIC_NAME_CONFIG);
    if (topic == null) {
      throw new ConfigException(
          StreamsConfig.ERRORS_DEAD_LETTER_QUEUE_TOPIC_NAME_CONFIG + " must be set");
    }
    deadLetters = topic.toString();
  }
}
