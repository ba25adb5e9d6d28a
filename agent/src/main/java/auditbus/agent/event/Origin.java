// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import java.util.Objects;

/**
 * What is the same in every event of a source during one agent run.
 *
 * @param host the host's name
 * @param source the source's name
 * @param boot tells of which boot the source's events are
 * @param epoch the agent run
 */
public record Origin(String host, String source, Boot boot, long epoch) {
  /** Checks the arguments. */
  public Origin {
    Objects.requireNonNull(host, "host");
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(boot, "boot");
  }
}
