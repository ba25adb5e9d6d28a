// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import auditbus.schemas.SchemaRegistryException;
import java.util.Set;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.streams.errors.InvalidStateStoreException;
import org.apache.kafka.streams.errors.StreamsException;

/**
 * Tells a record that is bad from a world that is bad.
 *
 * <p>A registry that does not answer or a full disk fails every record. Dead-lettering them would
 * empty the topic into the dead letters; the job is restarted with backoff instead.
 */
final class Blame {
  private static final Set<Integer> NOT_LET_IN = Set.of(401, 403, 407);
  private static final int MAX_CAUSES = 20;

  private Blame() {}

  /** Whether the record itself is at fault, so that the same record would always fail. */
  static boolean isTheRecords(Throwable error) {
    Throwable cause = error;
    for (int depth = 0; cause != null && depth < MAX_CAUSES; depth++) {
      switch (cause) {
        case SchemaRegistryException registry -> {
          return !registry.retriable() && !NOT_LET_IN.contains(registry.status().orElse(0));
        }
        case RetriableException _,
            AuthenticationException _,
            AuthorizationException _,
            InterruptException _,
            InvalidStateStoreException _ -> {
          return false;
        }
        case StreamsException streams when streams.getCause() == null -> {
          return false;
        }
        default -> cause = cause.getCause();
      }
    }
    return true;
  }

  /** The error's and its causes' messages, on one line. */
  static String text(Throwable error) {
    StringBuilder text = new StringBuilder();
    Throwable cause = error;
    for (int depth = 0; cause != null && depth < MAX_CAUSES; depth++) {
      String message = cause.getMessage();
      String one = message == null ? cause.getClass().getSimpleName() : message;
      if (text.indexOf(one) < 0) {
        text.append(text.isEmpty() ? "" : ": ").append(one.strip().replaceAll("\\s*\\R\\s*", " "));
      }
      cause = cause.getCause();
    }
    return text.toString();
  }
}
