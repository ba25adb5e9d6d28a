// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.agent.AgentProgress;
import java.util.List;
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
  /** How far it is with each of its sources. */
  static List<SourceProgress> of(AgentProgress progress) {
    return progress.sources().stream()
        .map(
            source ->
                new SourceProgress(
                    source.name(),
                    source.bytesKnown(),
                    source.bytesAcked(),
                    source.events(),
                    source.error(),
                    source.done()))
        .toList();
  }

  SourceProgress {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(error, "error");
  }
}
