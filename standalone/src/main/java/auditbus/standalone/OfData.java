// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.streams.ClientOptions;
import auditbus.streams.EventsCommand;
import auditbus.streams.GapsCommand;
import auditbus.streams.HostsCommand;
import auditbus.streams.ShutdownsCommand;
import auditbus.streams.TopicPrinter;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.CommonClientConfigs;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * A command of the streams module that prints topics, which also takes a data directory for a
 * broker.
 */
abstract class OfData implements Callable<Integer> {
  private static final String DATA =
      "With --data of the standalone that runs there, or, if none does, of what the last one left.";
  private static final long MAX_LOG_BYTES = 4L << 20;

  @Spec private CommandSpec spec;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "Data directory of a standalone; instead of --bootstrap and --registry.")
  private Optional<Path> data = Optional.empty();

  @Mixin private ClientOptions client;

  abstract TopicPrinter shown();

  /** The data directory of a standalone, where one is given. */
  final Optional<Path> data() {
    return data;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Map<String, Object> settings = new HashMap<>(client.settings());
    settings.putIfAbsent(CommonClientConfigs.DEFAULT_API_TIMEOUT_MS_CONFIG, "15000");
    if (data.isEmpty()) {
      RotatingLog.quiet();
      return print(settings);
    }
    if (spec.commandLine().getParseResult().hasMatchedOption("--bootstrap")) {
      throw new StartException("--data and --bootstrap exclude each other: give one of them");
    }
    Optional<DataDirectory.Endpoints> running = DataDirectory.running(data.get());
    if (running.isEmpty()) {
      return printOfBroker(settings, data.get());
    }
    RotatingLog.quiet();
    return print(settings, running.get());
  }

  private int print(Map<String, Object> settings, DataDirectory.Endpoints endpoints)
      throws IOException {
    settings.put("bootstrap.servers", endpoints.bootstrap());
    settings.put("schema.registry.url", endpoints.registry().toString());
    return print(settings);
  }

  private int print(Map<String, Object> settings) throws IOException {
    try {
      // Not System.out: it swallows a broken pipe.
      return shown()
          .print(settings, new FileOutputStream(FileDescriptor.out), spec.commandLine().getErr());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  /** Nobody uses the directory: its broker runs for as long as this takes. */
  private int printOfBroker(Map<String, Object> settings, Path path)
      throws IOException, InterruptedException {
    CountDownLatch ended = new CountDownLatch(1);
    Thread main = Thread.currentThread();
    try (DataDirectory directory = DataDirectory.open(path)) {
      RotatingLog.install(directory.log().resolveSibling("events.log"), MAX_LOG_BYTES);
      Standalone.Settings broker =
          new Standalone.Settings(List.of(), Optional.empty(), 0, 0, false);
      try (Standalone standalone = new Standalone(directory, broker)) {
        DataDirectory.Endpoints endpoints = standalone.openBroker();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(main, ended), "stop"));
        return print(settings, endpoints);
      } finally {
        ended.countDown();
      }
    }
  }

  /** Ends the printing and leaves the broker time to stop in order. */
  private static void stop(Thread main, CountDownLatch ended) {
    try {
      if (ended.getCount() > 0) {
        main.interrupt();
        ended.await(15, TimeUnit.SECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** {@code auditbus events}. */
  @Command(
      name = "events",
      mixinStandardHelpOptions = true,
      description = {
        "Prints a topic as JSON lines: everything there is now, then ends.",
        "  auditbus events --data data | jq -r 'select(.subject.auid == 1000) | .type'",
        DATA
      })
  static final class Events extends OfData {
    @Mixin private EventsCommand.Shown shown;

    @Override
    TopicPrinter shown() {
      return shown;
    }
  }

  /** {@code auditbus shutdowns}. */
  @Command(
      name = "shutdowns",
      mixinStandardHelpOptions = true,
      description = {
        "Prints who stopped auditing: when, on which host, how sure that is and how it is known.",
        "auid is the user who logged in, whatever he became since; numbers are the host's own.",
        DATA
      })
  static final class Shutdowns extends OfData {
    @Mixin private ShutdownsCommand.Shown shown;

    @Override
    TopicPrinter shown() {
      return shown;
    }
  }

  /** {@code auditbus gaps}. */
  @Command(
      name = "gaps",
      mixinStandardHelpOptions = true,
      description = {
        "Prints what is missing: kind, place, how much, how sure, since when and why.",
        "Of a range both ends are missing. --since goes by when a gap was opened.",
        DATA
      })
  static final class Gaps extends OfData {
    @Mixin private GapsCommand.Shown shown;

    @Override
    TopicPrinter shown() {
      return shown;
    }
  }

  /** {@code auditbus hosts}. */
  @Command(
      name = "hosts",
      mixinStandardHelpOptions = true,
      description = {
        "Prints how the hosts are: last heartbeat, sources, lag, losses, open gaps, last stop.",
        "SILENT: no heartbeat for three of its intervals, and its agent was not stopped.",
        "--since: from when on heartbeats are read; else the last million.",
        DATA
      })
  static final class Hosts extends OfData {
    @Mixin private HostsCommand.Shown shown;

    @Override
    TopicPrinter shown() {
      return shown;
    }
  }
}
