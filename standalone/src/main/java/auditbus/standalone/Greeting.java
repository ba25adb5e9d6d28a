// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.Topics;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;

/** What a standalone says when it is up: what it reads, where it listens, how to look at it. */
final class Greeting {
  private Greeting() {}

  static List<String> lines(DataDirectory data, Standalone standalone, Inputs inputs) {
    List<String> lines = new ArrayList<>();
    lines.add("auditbus standalone, host " + standalone.host());
    for (InputSource source : inputs.sources()) {
      lines.add(
          "  input      "
              + source.path()
              + " ("
              + Amounts.bytes(source.bytes())
              + "), source "
              + source.name());
    }
    inputs.notes().forEach(note -> lines.add("             " + note));
    lines.add("  kafka      " + standalone.bootstrap());
    lines.add("  registry   " + standalone.registry());
    lines.add("  connect    " + standalone.connectRest());
    lines.add("  log        " + data.log());
    lines.add("  collected  " + data.collected().resolve(standalone.host()));
    lines.add("as JSON, one event a line:");
    lines.add("  ./auditbus events --data " + data.path());
    lines.add("with Kafka's own tools, any of " + String.join(" ", Topics.names()) + ":");
    lines.add(
        "  CLASSPATH="
            + jar(Topics.class)
            + ":"
            + jar(Schema.class)
            + " kafka-console-consumer.sh --bootstrap-server "
            + standalone.bootstrap()
            + " --topic "
            + Topics.SHUTDOWNS.topic()
            + " --from-beginning --formatter-property value.deserializer=auditbus.schemas.AvroDeserializer"
            + " --formatter-property value.deserializer.schema.registry.url="
            + standalone.registry());
    lines.add(
        "  kafka-avro-console-consumer --bootstrap-server "
            + standalone.bootstrap()
            + " --topic "
            + Topics.EVENTS.topic()
            + " --from-beginning --property schema.registry.url="
            + standalone.registry());
    return lines;
  }

  private static Path jar(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException("no file: " + e.getInput(), e);
    }
  }
}
