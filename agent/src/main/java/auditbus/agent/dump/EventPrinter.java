// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import auditbus.agent.event.DecodedEvent;
import java.io.IOException;

/** Writes events to standard output. Not thread-safe. */
sealed interface EventPrinter permits BlockPrinter, JsonPrinter {
  /** The record type of what is no record. */
  int UNPARSED = -1;

  /**
   * Writes one event; it may wait in a buffer of bounded size.
   *
   * @param reason why its bytes are no record, empty where they are
   */
  void print(DecodedEvent event, String reason) throws IOException;

  /** Writes what waits. */
  void flush() throws IOException;
}
