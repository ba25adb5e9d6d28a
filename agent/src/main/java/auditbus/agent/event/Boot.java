// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import java.time.Instant;
import java.util.Optional;

/** Tells of which boot of the host an event is. */
@FunctionalInterface
public interface Boot {
  /** For trails that may be of any boot of any host. */
  Boot UNKNOWN = (_, _) -> Optional.empty();

  /**
   * The kernel's boot id, empty where the event is not known to be of the present boot.
   *
   * @param time the event's own
   * @param observed when it was read
   */
  Optional<String> of(Instant time, Instant observed);
}
