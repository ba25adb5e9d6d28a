// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import java.util.Objects;
import java.util.Optional;

/**
 * What is the same in every event of a source during one agent run.
 *
 * @param host the host's name
 * @param source the source's name
 * @param boot the kernel's boot id, where the source's events are known to be of this boot
 * @param epoch the agent run
 */
public record Origin(String host, String source, Optional<String> boot, long epoch) {
  /** Checks the arguments. */
  public Origin {
    Objects.requireNonNull(host, "host");
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(boot, "boot");
  }
}
