// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.streams.lines.TopicLines;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code events}: a topic as JSON lines. */
@Command(
    name = "events",
    description = {
      "Prints a topic as JSON lines: everything there is now, then ends.",
      "  auditbus events | jq -r 'select(.subject.auid == 1000) | .type'"
    },
    mixinStandardHelpOptions = true)
public final class EventsCommand extends PrintingCommand {
  @Mixin private Shown shown;

  /** Which lines are printed; standalone's own command has the same options. */
  public static final class Shown implements TopicPrinter {
    @Option(
        names = "--topic",
        paramLabel = "TOPIC",
        defaultValue = "audit.events",
        description = "Topic to print; default ${DEFAULT-VALUE}.")
    private String topic;

    @Option(
        names = "--from-beginning",
        negatable = true,
        defaultValue = "true",
        fallbackValue = "true",
        description = "Begin at the topic's beginning (default), or at its present end.")
    private boolean fromBeginning;

    @Option(names = "--follow", description = "Go on with what comes, until interrupted.")
    private boolean follow;

    @Override
    public int print(Map<String, ?> client, OutputStream out, Appendable err) throws IOException {
      TopicLines lines = new TopicLines(client, topic, fromBeginning, follow);
      return Printing.print(
          (to, problems, _) -> lines.print(to, Thread.currentThread()::isInterrupted, problems),
          out,
          err);
    }
  }

  /** What picocli makes. */
  public EventsCommand() {}

  @Override
  TopicPrinter shown() {
    return shown;
  }
}
