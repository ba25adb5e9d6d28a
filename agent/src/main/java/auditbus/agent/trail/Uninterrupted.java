// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;

/**
 * Runs a file operation that a thread's interrupt must not end: Java closes the channel under an
 * interrupted thread, and a trail whose file lost its name would go with it.
 */
final class Uninterrupted {
  /** An operation that may be run again; it asks for its channel each time. */
  @FunctionalInterface
  interface Operation {
    void run() throws IOException;
  }

  private Uninterrupted() {}

  /**
   * Runs it to its end. An interrupt stays set, for whoever looks at it next.
   *
   * @throws IOException if the operation failed of itself
   */
  static void run(Operation operation) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          operation.run();
          return;
        } catch (ClosedByInterruptException e) {
          interrupted |= Thread.interrupted();
        } catch (ClosedChannelException e) {
          // closed by the interrupt of another thread that used it: open it again
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
