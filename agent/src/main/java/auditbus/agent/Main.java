// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.config.ConfigException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code auditbus agent run|check|status}. */
@Command(
    name = "auditbus agent",
    description = "Reads this host's audit trails and publishes them to Kafka.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.VersionText.class,
    subcommands = {Main.Run.class, Main.Check.class, Main.Status.class})
public final class Main {
  static final int FAILED = 1;
  static final int USAGE = 2;

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

  /** What every command reads. */
  abstract static class Configured {
    @Option(
        names = "--config",
        paramLabel = "FILE",
        description = "Configuration (Java properties). Default: ${DEFAULT-VALUE}")
    private Path file = Path.of("/etc/auditbus/agent.properties");

    @Option(names = "-D", paramLabel = "KEY=VALUE", description = "Sets or overrides a key.")
    private final Map<String, String> overrides = new LinkedHashMap<>();

    AgentConfig config() throws IOException {
      if (!Files.exists(file) && !overrides.isEmpty()) {
        return AgentConfig.of(overrides);
      }
      try {
        return AgentConfig.read(file, overrides);
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
      description =
          "Runs the agent until it is stopped, or with once=true until all is acknowledged.")
  static final class Run extends Configured implements Callable<Integer> {
    @Override
    public Integer call() throws IOException, InterruptedException {
      AtomicBoolean stopped = new AtomicBoolean();
      Thread main = Thread.currentThread();
      Agent agent = new Agent(config());
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () -> {
                    stopped.set(true);
                    agent.close();
                    main.interrupt();
                  },
                  "stop"));
      try {
        agent.start();
        while (!agent.awaitEnd(Duration.ofSeconds(1)) && !stopped.get()) {
          // until it ends, or a signal stops it
        }
        return 0;
      } catch (InterruptedException e) {
        if (stopped.get()) {
          return 0;
        }
        throw e;
      } finally {
        agent.close();
      }
    }
  }

  @Command(
      name = "check",
      description = "Checks a configuration and what it names, and says what it would do.")
  static final class Check extends Configured implements Callable<Integer> {
    @Override
    public Integer call() throws IOException {
      AgentConfig config = config();
      int unreadable = 0;
      System.out.println("host " + config.host());
      for (SourceConfig source : config.sources()) {
        boolean readable = Files.isReadable(source.path());
        unreadable += readable ? 0 : 1;
        System.out.println(
            "source "
                + source.name()
                + ": "
                + source.type().word()
                + " "
                + source.path()
                + (readable
                    ? ""
                    : Files.exists(source.path()) ? ": may not be read" : ": does not exist"));
      }
      return unreadable == 0 ? 0 : FAILED;
    }
  }

  @Command(name = "status", description = "Prints the last heartbeat as JSON.")
  static final class Status extends Configured implements Callable<Integer> {
    @Override
    public Integer call() throws IOException {
      Path file = config().stateDir().resolve("status.json");
      if (!Files.exists(file)) {
        throw new IOException("no heartbeat in " + file + ": no agent has run with this state.dir");
      }
      System.out.print(Files.readString(file));
      return 0;
    }
  }
}
