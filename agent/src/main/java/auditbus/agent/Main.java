// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.capture.HandledSignal;
import auditbus.agent.capture.Signals;
import auditbus.agent.capture.Signals.Delivery;
import auditbus.agent.dump.Dump;
import auditbus.agent.dump.DumpSettings;
import auditbus.agent.dump.Pause;
import auditbus.agent.netlink.Capabilities;
import auditbus.agent.netlink.Capability;
import auditbus.schemas.Format;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.apache.kafka.common.config.ConfigException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code auditbus agent run|check|status} and {@code auditbus dump}. */
@Command(
    name = "auditbus agent",
    description = "Reads this host's audit trails and publishes them to Kafka.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.VersionText.class,
    subcommands = {Main.Run.class, Main.Check.class, Main.Status.class, Main.DumpTrails.class})
public final class Main {
  static final int FAILED = 1;
  static final int USAGE = 2;
  private static final Logger LOG = LoggerFactory.getLogger(Main.class);

  private Main() {}

  /**
   * Runs the command line and exits with its code: 0 done, 1 failed, 2 wrong usage or
   * configuration.
   */
  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  /** The command line; for tests and other mains. */
  public static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setExecutionExceptionHandler(
            (e, line, parsed) -> {
              boolean configuration = e instanceof ConfigException;
              line.getErr().println("auditbus agent: " + e.getMessage());
              return configuration ? USAGE : FAILED;
            });
  }

  /** What {@code --version} prints. */
  static final class VersionText implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"auditbus " + Version.get()};
    }
  }

  /** {@code --only}'s argument. */
  static final class HalfConverter implements CommandLine.ITypeConverter<Half> {
    @Override
    public Half convert(String word) {
      return switch (word) {
        case "capture" -> Half.CAPTURE;
        case "distribution" -> Half.DISTRIBUTION;
        default ->
            throw new CommandLine.TypeConversionException(
                "'" + word + "' is neither capture nor distribution");
      };
    }
  }

  /** What every command reads. */
  abstract static class Configured {
    @Option(
        names = "--config",
        paramLabel = "FILE",
        description = "Configuration (Java properties). Default: ${DEFAULT-VALUE}")
    private Path file = Path.of("/etc/auditbus/agent.properties");

    @Option(names = "-D", paramLabel = "KEY=VALUE", description = "Sets or overrides a key.")
    private final Map<String, String> overrides = new LinkedHashMap<>();

    @Option(
        names = "--only",
        paramLabel = "HALF",
        description =
            "capture (from the kernel or auditd into trails) or distribution (from trails to Kafka):"
                + " each can be a process and a user of its own. Default: both.",
        converter = HalfConverter.class)
    private Half half = Half.BOTH;

    AgentConfig config() throws IOException {
      if (!Files.exists(file) && !overrides.isEmpty()) {
        return AgentConfig.of(overrides, half);
      }
      try {
        return AgentConfig.read(file, overrides, half);
      } catch (java.nio.file.NoSuchFileException e) {
        throw new ConfigException(
            "configuration "
                + file
                + " does not exist: name one with --config, or set keys with -D");
      }
    }
  }

  @Command(
      name = "run",
      mixinStandardHelpOptions = true,
      description =
          "Runs the agent until it is stopped, or with once=true until all is acknowledged.")
  static final class Run extends Configured implements Callable<Integer> {
    private static final Duration STEP = Duration.ofMillis(200);

    @Override
    public Integer call() throws IOException, InterruptedException {
      AgentConfig config = config();
      try (Signals signals = new Signals(InstantSource.system());
          Agent agent = new Agent(config, this::config)) {
        signals.install();
        if (!signals.ignored().isEmpty()) {
          LOG.warn(
              "whoever started this process has it ignore {} (nohup and auditd do): they do nothing",
              signals.ignored());
        }
        agent.start();
        Optional<Delivery> stop = Optional.empty();
        while (stop.isEmpty() && !agent.awaitEnd(Duration.ZERO)) {
          Optional<Delivery> next = signals.poll(STEP);
          if (next.isPresent() && next.get().signal().stops()) {
            stop = next;
          } else {
            next.ifPresent(agent::handle);
          }
        }
        agent.stop(stop);
        return 0;
      }
    }
  }

  @Command(
      name = "check",
      mixinStandardHelpOptions = true,
      description = "Checks a configuration and what it names, and says what it would do.")
  static final class Check extends Configured implements Callable<Integer> {
    @Override
    public Integer call() throws IOException {
      AgentConfig config = config();
      int unreadable = 0;
      System.out.println("host " + config.host());
      for (SourceConfig source : config.sources()) {
        Optional<String> problem = problem(source);
        unreadable += problem.isPresent() ? 1 : 0;
        System.out.println(
            "source "
                + source.name()
                + ": "
                + source.type().word()
                + " "
                + source.input()
                + problem.map(what -> ": " + what).orElse(""));
      }
      return unreadable == 0 ? 0 : FAILED;
    }
  }

  private static Optional<String> problem(SourceConfig source) throws IOException {
    Capabilities may = Capabilities.ofThisProcess();
    return switch (source.type()) {
      case KERNEL ->
          may.has(Capability.AUDIT_CONTROL)
              ? Optional.empty()
              : Optional.of("this user has no CAP_AUDIT_CONTROL");
      case READLOG ->
          may.has(Capability.AUDIT_READ)
              ? Optional.empty()
              : Optional.of("this user has no CAP_AUDIT_READ");
      case AUDISP, AUDITLOG, TRAILS -> {
        if (source.input().equals(SourceConfig.STDIN) || Files.isReadable(source.input())) {
          yield Optional.empty();
        }
        yield Optional.of(Files.exists(source.input()) ? "may not be read" : "does not exist");
      }
    };
  }

  @Command(
      name = "status",
      mixinStandardHelpOptions = true,
      description = "Prints the last heartbeat as JSON.")
  static final class Status extends Configured implements Callable<Integer> {
    @Override
    public Integer call() throws IOException {
      AgentConfig config = config();
      Path file =
          config.half().distributes()
              ? config.stateDir().resolve("status.json")
              : CaptureStatusFile.file(config);
      if (!Files.exists(file)) {
        throw new IOException("no heartbeat in " + file + ": no agent has run with this state.dir");
      }
      System.out.print(Files.readString(file));
      return 0;
    }
  }

  @Command(
      name = "dump",
      mixinStandardHelpOptions = true,
      versionProvider = VersionText.class,
      customSynopsis = "auditbus dump [OPTION]... FILE|DIR|-...",
      description = {
        "Prints trails, Linux audit text or BSM, event by event: what would be published of them.",
        "A directory stands for its trails in the order of their starts, or for audit.log and its"
            + " rotated files, oldest first; - for standard input. Several places are printed one"
            + " after the other."
      },
      footerHeading = "%n",
      footer = {
        "Numbers stay numbers: what auditd resolved on its host (log_format = ENRICHED) stands"
            + " behind them in brackets; this host's users are none of the trail's. Times are UTC."
            + " Values are quoted and escaped where they do not show as they are.",
        "",
        "What is no record is printed as UNPARSED, and told on standard error with place and"
            + " reason. Exit codes: 0 everything is printed and was read; 1 something is no"
            + " record, or the last one is torn; 2 wrong usage; 3 something cannot be read (the"
            + " rest is printed); 141 the reader of the output went away."
      })
  static final class DumpTrails implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Parameters(arity = "1..*", paramLabel = "FILE|DIR|-", description = "What to print.")
    private List<String> places = List.of();

    @Option(
        names = "--format",
        paramLabel = "FORMAT",
        description = "linux, bsm, or auto (default): told by the first bytes of a file.")
    private DumpFormat format = DumpFormat.auto;

    @Option(
        names = "--json",
        description =
            "One event a line as JSON, in the form of 'auditbus events'; all of it ASCII.")
    private boolean json;

    @Option(
        names = "--raw",
        description = "The records' bytes, too: escaped, or with --json as rawBase64.")
    private boolean raw;

    @Option(
        names = {"-f", "--follow"},
        description =
            "Go on with what is added, through renaming and rotation, until SIGINT or SIGTERM."
                + " One FILE or DIR. An event without an end is printed after 2 s.")
    private boolean follow;

    @Option(
        names = "--type",
        paramLabel = "TYPE[,...]",
        split = ",",
        description = "Only events with a record of such a type: USER_LOGIN, AUE_KILL, UNPARSED.")
    private Set<String> types = new LinkedHashSet<>();

    @Option(
        names = "--since",
        paramLabel = "TIME",
        converter = TimeConverter.class,
        description =
            "Only events of this time or later: 2026-11-20, 2026-11-20T10:45:00Z. What has no time"
                + " is printed.")
    private Optional<Instant> since = Optional.empty();

    @Override
    public Integer call() throws IOException, InterruptedException {
      DumpSettings settings;
      try {
        settings = new DumpSettings(places, format.format(), json, raw, follow, types, since);
      } catch (IllegalArgumentException e) {
        throw new ParameterException(spec.commandLine(), e.getMessage(), e);
      }
      if (!follow) {
        return dump(settings, _ -> false);
      }
      try (Signals signals = new Signals(InstantSource.system())) {
        signals.install();
        return dump(
            settings,
            atMost ->
                signals
                    .poll(atMost)
                    .filter(next -> next.signal().stops() || next.signal() == HandledSignal.HUP)
                    .isPresent());
      }
    }

    private int dump(DumpSettings settings, Pause pause) throws IOException, InterruptedException {
      PrintWriter err = spec.commandLine().getErr();
      // Not System.out: it swallows a broken pipe.
      return new Dump(
              settings,
              new FileInputStream(FileDescriptor.in),
              new FileOutputStream(FileDescriptor.out),
              err::println,
              pause)
          .run();
    }
  }

  /** {@code dump --format}'s words. */
  enum DumpFormat {
    auto(Optional.empty()),
    linux(Optional.of(Format.LINUX)),
    bsm(Optional.of(Format.BSM));

    private final Optional<Format> format;

    DumpFormat(Optional<Format> format) {
      this.format = format;
    }

    Optional<Format> format() {
      return format;
    }
  }

  /** {@code dump --since}'s argument: a moment, or a day's beginning, in UTC. */
  static final class TimeConverter implements CommandLine.ITypeConverter<Instant> {
    @Override
    public Instant convert(String word) {
      try {
        return word.length() == "2026-11-20".length()
            ? LocalDate.parse(word).atStartOfDay(ZoneOffset.UTC).toInstant()
            : OffsetDateTime.parse(word).toInstant();
      } catch (DateTimeParseException e) {
        throw new CommandLine.TypeConversionException(
            "'" + word + "' is no time such as 2026-11-20 or 2026-11-20T10:45:00Z");
      }
    }
  }
}
