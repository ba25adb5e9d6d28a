// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code auditbus standalone}. */
@Command(
    name = "standalone",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Everything in one process: an embedded Kafka and schema registry, the agent that reads the"
          + " inputs, the jobs that say who stopped auditing and what is missing, and the collector"
          + " that writes the trails back, byte for byte.",
      "",
      "Started again on the same --data it goes on where it was, however it ended."
    },
    versionProvider = auditbus.streams.Main.Version.class,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:all is well",
      "1:something is missing, and was named",
      "2:an option, an input, a port or the data directory cannot be used"
    })
final class StandaloneCommand implements Callable<Integer> {
  private static final Duration LOOK = Duration.ofMillis(100);
  private static final Duration SETTLE = Duration.ofSeconds(10);
  private static final long MAX_LOG_BYTES = 16L << 20;

  @Option(
      names = "--input",
      paramLabel = "PATH",
      description =
          "A log file, a trail, or a directory of them; may be given several times. Without it"
              + " /var/log/audit where there is one, else the bundled samples.")
  private List<Path> inputs = List.of();

  @Option(
      names = "--data",
      paramLabel = "DIR",
      defaultValue = "data",
      description = "Where everything is kept (default: ./data).")
  private Path data;

  @Option(
      names = "--once",
      description =
          "Distribute what the inputs hold now, wait until all of it is verified, print a summary"
              + " and end.")
  private boolean once;

  @Option(
      names = "--kafka-port",
      paramLabel = "N",
      defaultValue = "9092",
      description =
          "Port of the broker on the loopback interface, 0 for any free one (default: ${DEFAULT-VALUE}).")
  private int kafkaPort;

  @Option(
      names = "--registry-port",
      paramLabel = "N",
      defaultValue = "8081",
      description = "Port of the schema registry, likewise (default: ${DEFAULT-VALUE}).")
  private int registryPort;

  @Option(
      names = "--host",
      paramLabel = "NAME",
      description = "This host's name in every event (default: the host name, in lower case).")
  private Optional<String> host = Optional.empty();

  @Option(
      names = "--stall-timeout",
      paramLabel = "SECONDS",
      defaultValue = "120",
      description =
          "With --once: give up, and say what is stuck, when nothing moved for so long (default: ${DEFAULT-VALUE}).")
  private int stallSeconds;

  private final PrintStream out = System.out;
  private final CountDownLatch stop = new CountDownLatch(1);

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (kafkaPort != 0 && kafkaPort == registryPort) {
      throw new StartException(
          "--kafka-port and --registry-port are both "
              + kafkaPort
              + ": name two ports, or 0 for any free one");
    }
    try (DataDirectory directory = DataDirectory.open(data)) {
      Inputs found = inputs(directory);
      RotatingLog.install(directory.log(), MAX_LOG_BYTES);
      Standalone.Settings settings =
          new Standalone.Settings(found.sources(), host, kafkaPort, registryPort, once);
      CountDownLatch ended = new CountDownLatch(1);
      Runtime.getRuntime().addShutdownHook(new Thread(() -> stopOrderly(ended), "stop"));
      try {
        return run(directory, found, settings);
      } finally {
        ended.countDown();
      }
    }
  }

  private Inputs inputs(DataDirectory directory) throws IOException {
    if (!inputs.isEmpty()) {
      return Inputs.of(inputs, directory.inputs());
    }
    if (Inputs.present(Inputs.SYSTEM)) {
      out.println("no --input given: reading this host's " + Inputs.SYSTEM);
      return Inputs.of(List.of(Inputs.SYSTEM), directory.inputs());
    }
    Inputs.unpackSamples(directory.samples());
    out.println(
        "no --input given and no logs to read in "
            + Inputs.SYSTEM
            + ": reading the bundled samples, "
            + directory.samples());
    return Inputs.of(List.of(directory.samples()), directory.inputs());
  }

  private int run(DataDirectory directory, Inputs found, Standalone.Settings settings)
      throws IOException, InterruptedException {
    try (Standalone standalone = new Standalone(directory, settings)) {
      standalone.open(() -> stop.getCount() == 0);
      if (stop.getCount() == 0) {
        return 0;
      }
      Greeting.lines(directory, standalone, found).forEach(out::println);
      Display display =
          new Display(out, Boolean.getBoolean("auditbus.terminal"), System.nanoTime());
      return once ? untilThrough(standalone, display) : untilStopped(standalone, display);
    }
  }

  private int untilStopped(Standalone standalone, Display display) throws InterruptedException {
    Optional<String> said = Optional.empty();
    while (!stop.await(LOOK.toMillis(), TimeUnit.MILLISECONDS)) {
      Standalone.State state = standalone.state();
      display.show(state.read().counts(), state.found(), state.sources(), System.nanoTime());
      Optional<String> trouble = trouble(state);
      if (!trouble.equals(said)) {
        display.line(trouble.map(what -> "trouble: " + what).orElse("the trouble is over"));
        said = trouble;
      }
    }
    display.line("stopping");
    return 0;
  }

  private int untilThrough(Standalone standalone, Display display) throws InterruptedException {
    Catchup catchup =
        new Catchup(
            standalone,
            Duration.ofSeconds(stallSeconds),
            SETTLE,
            Standalone.JOBS_GRACE,
            System.nanoTime());
    Catchup.Look look = catchup.look(System.nanoTime());
    while (!look.ended()) {
      if (stop.await(LOOK.toMillis(), TimeUnit.MILLISECONDS)) {
        display.line("stopped before all was through: start again on the same --data to go on");
        return 1;
      }
      look = catchup.look(System.nanoTime());
      Standalone.State state = look.state();
      display.show(state.read().counts(), state.found(), state.sources(), System.nanoTime());
    }
    return conclude(standalone, display, look);
  }

  private int conclude(Standalone standalone, Display display, Catchup.Look look) {
    Standalone.State state = look.state();
    Tally.Counts counts = state.read().counts();
    display.line("");
    Report.summary(counts, state.found()).forEach(display::line);
    List<String> missing =
        Report.missing(counts, state.found(), standalone.collected(), state.sources());
    if (missing.isEmpty() && look.waitingFor().isEmpty()) {
      display.line("no byte is missing");
      return 0;
    }
    missing.forEach(line -> Main.error("missing: " + line));
    state.failure().ifPresent(failure -> Main.error(failure));
    if (!look.waitingFor().isEmpty()) {
      Main.error("gave up waiting for " + String.join(", ", look.waitingFor()));
    }
    return 1;
  }

  private static Optional<String> trouble(Standalone.State state) {
    return state
        .failure()
        .or(
            () ->
                state.sources().stream()
                    .flatMap(
                        source ->
                            source
                                .error()
                                .map(why -> "source " + source.name() + ": " + why)
                                .stream())
                    .findFirst());
  }

  private void stopOrderly(CountDownLatch ended) {
    stop.countDown();
    try {
      ended.await(30, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
