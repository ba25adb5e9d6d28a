// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.streams.lines.TopicLines;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.CommonClientConfigs;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code events}: a topic as JSON lines. */
@Command(
    name = "events",
    description = {
      "Prints a topic as JSON lines: everything there is now, then ends.",
      "  auditbus events | jq -r 'select(.subject.auid == 1000) | .type'"
    },
    mixinStandardHelpOptions = true)
public final class EventsCommand implements Callable<Integer> {
  private static final int BUFFER_BYTES = 1 << 16;

  @Spec private CommandSpec spec;
  @Mixin private ClientOptions client;
  @Mixin private Shown shown;

  /** Which lines are printed; standalone's own command has the same options. */
  public static final class Shown {
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

    /**
     * Prints to a stream. A reader that went away is no error.
     *
     * @param client settings of consumer and registry client
     * @param err where records that could not be read are told of
     * @return 0, or 1 if a record could not be read
     * @throws IllegalArgumentException if the topic is none of auditbus
     * @throws IOException if the stream fails otherwise
     */
    public int print(Map<String, ?> client, OutputStream out, Appendable err) throws IOException {
      TopicLines lines = new TopicLines(client, topic, fromBeginning, follow);
      AtomicLong unreadable = new AtomicLong();
      OutputStream buffered = new BufferedOutputStream(out, BUFFER_BYTES);
      try {
        lines.print(
            buffered,
            Thread.currentThread()::isInterrupted,
            text -> {
              unreadable.incrementAndGet();
              tell(err, text);
            });
      } catch (IOException e) {
        if (!isBrokenPipe(e)) {
          throw e;
        }
        return CommandLine.ExitCode.OK;
      }
      return unreadable.get() == 0 ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    private static void tell(Appendable err, String text) {
      try {
        err.append(text).append(System.lineSeparator());
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }

    private static boolean isBrokenPipe(IOException e) {
      String message = e.getMessage() == null ? "" : e.getMessage().toLowerCase(Locale.ROOT);
      return message.contains("broken pipe") || message.contains("connection reset");
    }
  }

  /** What picocli makes. */
  public EventsCommand() {}

  @Override
  public Integer call() throws IOException {
    Map<String, Object> settings = new HashMap<>(client.settings());
    settings.putIfAbsent(CommonClientConfigs.DEFAULT_API_TIMEOUT_MS_CONFIG, "15000");
    try {
      // Not System.out: it swallows a broken pipe.
      return shown.print(
          settings, new FileOutputStream(FileDescriptor.out), spec.commandLine().getErr());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }
}
