// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.time.Duration;

/** How a dump that follows a trail waits for more. */
@FunctionalInterface
public interface Pause {
  /**
   * Waits at most this long.
   *
   * @return whether the dump is to end
   */
  boolean await(Duration atMost) throws InterruptedException;
}
