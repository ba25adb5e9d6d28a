// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.util.Objects;
import java.util.Optional;

/**
 * How far the agent is with one source.
 *
 * @param bytesKnown bytes of its trails that are known to exist
 * @param bytesAcked bytes of them the broker acknowledged
 * @param eventsAcked events acknowledged in this run
 * @param error why the source does not run
 * @param done everything is acknowledged, the closing states of its trails too; only with once
 */
record SourceProgress(
    String name,
    long bytesKnown,
    long bytesAcked,
    long eventsAcked,
    Optional<String> error,
    boolean done) {
  SourceProgress {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(error, "error");
  }
}
