// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import java.util.Map;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler;
import org.apache.kafka.streams.errors.ProcessingExceptionHandler;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Sends a record a job cannot process to the dead letters and goes on; fails the thread, which is
 * restarted, where it is not the record's fault.
 *
 * <p>Public because Kafka Streams makes it by its name. Thread-safe: stateless after configure.
 */
public final class UnprocessableRecords implements ProcessingExceptionHandler {
  private final ProcessingExceptionHandler deadLetters =
      new LogAndContinueProcessingExceptionHandler();

  @Override
  public Response handleError(ErrorHandlerContext context, Record<?, ?> record, Exception error) {
    return Blame.isTheRecords(error)
        ? deadLetters.handleError(context, record, error)
        : Response.fail();
  }

  @Override
  public void configure(Map<String, ?> configs) {
    deadLetters.configure(configs);
  }
}
