// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;

/** What a command prints of the topics, by its options; standalone's own commands have the same. */
public interface TopicPrinter {
  /**
   * Prints to a stream until done or interrupted. A reader that went away is no error.
   *
   * @param client settings of consumer and registry client
   * @param err where is told of what could not be read or was left out
   * @return 0, or 1 if something was told
   * @throws IllegalArgumentException if an option is wrong
   * @throws IOException if the stream fails otherwise
   */
  int print(Map<String, ?> client, OutputStream out, Appendable err) throws IOException;
}
