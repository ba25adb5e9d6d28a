// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.sinks.manifest.Published;
import auditbus.sinks.manifest.Verification;
import auditbus.streams.TopicPrinter;
import auditbus.streams.lines.TopicReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code auditbus verify}: proves a collected tree. */
@Command(
    name = "verify",
    mixinStandardHelpOptions = true,
    description = {
      "Proves that no collected trail was removed, replaced, cut or reordered since it was finished:"
          + " each MANIFEST line by line, each file by size and SHA-256, each trail by what it says"
          + " of its predecessor. Names what does not fit, the first first.",
      "Needs no broker and may run on a copy. Who can write to the tree can also write its manifest"
          + " anew, without the first or the last trails; --against-topic finds that too, as far as"
          + " the topic reaches back.",
      "With --data of a standalone, DIR is what that one collected."
    },
    exitCodeListHeading = "Exit code:%n",
    exitCodeList = {
      "0:everything fits",
      "1:something does not, and it was named",
      "2:wrong usage, or nothing to verify"
    })
final class VerifyCommand extends OfData {
  @Parameters(
      arity = "0..1",
      paramLabel = "DIR",
      description = "The sink's root, one host's directory in it, or one source's.")
  private Optional<Path> directory = Optional.empty();

  @Option(
      names = "--against-topic",
      description = "Also compare with what the agents published in audit.trails.")
  private boolean againstTopic;

  @Option(
      names = "--host",
      paramLabel = "NAME",
      description =
          "With --against-topic: DIR is this host's directory; else it is the root, of all hosts.")
  private Optional<String> host = Optional.empty();

  @Option(
      names = "--source",
      paramLabel = "NAME",
      description = "With --host: DIR is the directory of this source of it.")
  private Optional<String> source = Optional.empty();

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (directory.isEmpty() && data().isEmpty()) {
      throw new StartException("which directory? give DIR, or --data of a standalone");
    }
    if (!againstTopic && (host.isPresent() || source.isPresent())) {
      throw new StartException("--host and --source go with --against-topic");
    }
    if (source.isPresent() && host.isEmpty()) {
      throw new StartException("--source " + source.get() + " of which host? give --host");
    }
    if (againstTopic) {
      return super.call();
    }
    RotatingLog.quiet();
    return verify(new FileOutputStream(FileDescriptor.out), Optional.empty());
  }

  @Override
  TopicPrinter shown() {
    return (client, out, err) -> {
      Reading reading = read(client, err);
      int code = verify(out, Optional.of(reading.published));
      // What could not be read may be just what is missing.
      return code == ExitCode.OK && reading.unreadable > 0 ? ExitCode.SOFTWARE : code;
    };
  }

  /** What was read of the topic. */
  private static final class Reading {
    final Published published = new Published();
    long unreadable;
  }

  private static Reading read(Map<String, ?> client, Appendable err) {
    Reading reading = new Reading();
    try (TopicReader topic =
        TopicReader.open(
            client,
            Map.of(Topics.TRAILS.topic(), new TopicReader.From.Beginning()),
            Set.of(),
            problem -> {
              reading.unreadable++;
              tell(err, problem);
            })) {
      while (!topic.isAtEnd()) {
        for (ConsumerRecord<byte[], byte[]> message : topic.poll()) {
          if (topic.value(message).orElse(null) instanceof TrailState state) {
            reading.published.add(state);
          }
        }
      }
    }
    return reading;
  }

  private static void tell(Appendable err, String text) {
    try {
      err.append(printable(text)).append(System.lineSeparator());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private int verify(OutputStream stream, Optional<Published> published) throws IOException {
    Path top = directory.orElseGet(() -> data().orElseThrow().resolve("collected"));
    if (!Files.isDirectory(top)) {
      throw new StartException(top + " is no directory");
    }
    PrintStream out = new PrintStream(stream, false, StandardCharsets.UTF_8);
    Lines lines = new Lines(out);
    Optional<Verification.Against> against =
        published.map(topic -> new Verification.Against(topic, host, source));
    Verification.Totals totals = new Verification(lines, against).verify(top);
    if (totals.sources() == 0 && totals.misfits() == 0) {
      out.flush();
      throw new StartException("there is no collected trail below " + top);
    }
    if (totals.misfits() == 0) {
      out.println(
          Amounts.count(totals.trails(), "trail")
              + " of "
              + Amounts.count(totals.sources(), "source")
              + ", "
              + Amounts.bytes(totals.bytes())
              + ", are as they were finished"
              + published
                  .map(topic -> "; " + Amounts.count(topic.size(), "ending") + " in the topic")
                  .orElse(""));
    } else {
      out.println(
          Amounts.count(totals.misfits())
              + (totals.misfits() == 1 ? " does" : " do")
              + " not fit, the first: "
              + lines.first.orElseThrow());
    }
    out.flush();
    if (out.checkError()) {
      throw new IOException("what was found could not be printed");
    }
    return totals.misfits() == 0 ? ExitCode.OK : ExitCode.SOFTWARE;
  }

  // Names of files may hold anything.
  private static String printable(String text) {
    StringBuilder shown = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              if (c >= ' ' && c < 0x7f) {
                shown.append((char) c);
              } else {
                shown.append(String.format("\\u{%x}", c));
              }
            });
    return shown.toString();
  }

  /** What is found, a line each. */
  private static final class Lines implements Verification.Report {
    private final PrintStream out;
    private Optional<String> first = Optional.empty();

    Lines(PrintStream out) {
      this.out = out;
    }

    @Override
    public void misfit(String file, String why) {
      if (first.isEmpty()) {
        first = Optional.of(printable(file));
      }
      out.println("DOES NOT FIT  " + printable(file + ": " + why));
    }

    @Override
    public void remark(String file, String what) {
      out.println("note  " + printable(file + ": " + what));
    }

    @Override
    public void source(String name, Verification.Totals of) {
      StringBuilder line = new StringBuilder(printable(name));
      line.append("  ").append(Amounts.count(of.trails(), "trail"));
      line.append(", ").append(Amounts.bytes(of.bytes()));
      append(line, of.unproven(), "unproven");
      append(line, of.open(), "open");
      append(line, of.expired(), "expired");
      out.println(line);
    }

    private static void append(StringBuilder line, long number, String what) {
      if (number > 0) {
        line.append(", ").append(Amounts.count(number)).append(' ').append(what);
      }
    }
  }
}
