// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Something the topics say, printed. */
public interface Report {
  /**
   * Reads the topics and prints.
   *
   * @param client settings of consumer and registry client; at least {@code bootstrap.servers} and
   *     {@code schema.registry.url}
   * @param stop asked several times a second
   * @param problems told of what could not be read or was left out, a line each
   * @param notes told of what a reader should know of what was printed, a line each
   * @throws IOException if the stream fails
   * @throws org.apache.kafka.common.KafkaException if the broker cannot be reached or refuses
   * @throws auditbus.schemas.SchemaRegistryException if the registry does not answer
   * @throws IllegalStateException if a topic is missing
   */
  void print(
      Map<String, ?> client,
      OutputStream out,
      BooleanSupplier stop,
      Consumer<String> problems,
      Consumer<String> notes)
      throws IOException;
}
