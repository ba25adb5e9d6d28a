// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.errors.DeserializationExceptionHandler;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;

/**
 * Sends a record that cannot be read to the dead letters and goes on; fails the thread, which is
 * restarted, where it is not the record's fault.
 *
 * <p>Public because Kafka Streams makes it by its name. Thread-safe: stateless after configure.
 */
public final class UnreadableRecords implements DeserializationExceptionHandler {
  private final DeserializationExceptionHandler deadLetters = new LogAndContinueExceptionHandler();

  @Override
  public Response handleError(
      ErrorHandlerContext context, ConsumerRecord<byte[], byte[]> record, Exception error) {
    return Blame.isTheRecords(error)
        ? deadLetters.handleError(context, record, error)
        : Response.fail();
  }

  @Override
  public void configure(Map<String, ?> configs) {
    deadLetters.configure(configs);
  }
}
