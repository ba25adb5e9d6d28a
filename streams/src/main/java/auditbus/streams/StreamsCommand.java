// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.streams.gaps.GapsJob;
import auditbus.streams.job.Job;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.JobRunner;
import auditbus.streams.job.JobState;
import auditbus.streams.shutdown.ShutdownJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.streams.KafkaStreams;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code streams}: runs the jobs until the process is told to end. */
@Command(name = "streams", description = "Runs streams jobs.", mixinStandardHelpOptions = true)
public final class StreamsCommand implements Runnable {
  private static final long LOOK_MS = 500;
  private static final int LOOKS_A_STATUS = 2;

  @Spec private CommandSpec spec;

  /** What picocli makes. */
  public StreamsCommand() {}

  /** Every job there is, in the order they are started. */
  public static List<Job> jobs() {
    return List.of(new GapsJob(), new ShutdownJob());
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "missing: run or settings");
  }

  @Command(
      name = "run",
      description = "Runs the jobs named, or all, until SIGTERM or SIGINT.",
      mixinStandardHelpOptions = true)
  int run(
      @Mixin ClientOptions client,
      @Option(
              names = "--state-dir",
              paramLabel = "DIR",
              description = "Directory of the jobs' state (state.dir).")
          String stateDir,
      @Option(
              names = "--status-file",
              paramLabel = "FILE",
              description =
                  "Written anew every second, a line 'JOB STATE' a job; a health check wants it"
                      + " young, and RUNNING.")
          Path statusFile,
      @Parameters(paramLabel = "JOB", arity = "0..*", description = "gaps, shutdown; default all.")
          List<String> names)
      throws InterruptedException, IOException {
    CommandLine command = spec.subcommands().get("run");
    Map<String, String> settings = new TreeMap<>(client.settings());
    if (stateDir != null) {
      settings.put("state.dir", stateDir);
    }
    List<Job> chosen = choose(command, names);
    JobConfig config;
    JobRunner runner;
    try {
      config = new JobConfig(settings);
      chosen.forEach(job -> job.topology(config));
      runner = new JobRunner(chosen, config);
    } catch (ConfigException e) {
      throw new ParameterException(command, e.getMessage(), e);
    }
    Set<String> unknown = config.unknown(jobs());
    if (!unknown.isEmpty()) {
      throw new ParameterException(
          command,
          "unknown settings: "
              + String.join(", ", unknown)
              + "; streams settings lists those of auditbus");
    }
    return untilToldToEnd(command, runner, Optional.ofNullable(statusFile));
  }

  private static int untilToldToEnd(
      CommandLine command, JobRunner runner, Optional<Path> statusFile)
      throws InterruptedException, IOException {
    CountDownLatch end = new CountDownLatch(1);
    CountDownLatch ended = new CountDownLatch(1);
    Thread hook =
        new Thread(
            () -> {
              end.countDown();
              try {
                ended.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "shutdown");
    Runtime.getRuntime().addShutdownHook(hook);
    try (runner) {
      runner.start();
      Map<String, KafkaStreams.State> told = new LinkedHashMap<>();
      for (int look = 0; !end.await(LOOK_MS, TimeUnit.MILLISECONDS); look++) {
        if (statusFile.isPresent() && look % LOOKS_A_STATUS == 0) {
          writeStatus(statusFile.get(), runner.state().values());
        }
        for (JobState job : runner.state().values()) {
          if (job.state() != told.put(job.job(), job.state())) {
            command.getOut().println(job.job() + " " + job.state());
            command.getOut().flush();
          }
          if (job.state() == KafkaStreams.State.ERROR) {
            throw new IllegalStateException(
                "job " + job.job() + " failed: " + job.lastError().orElse("no reason given"));
          }
        }
      }
      return CommandLine.ExitCode.OK;
    } finally {
      ended.countDown();
    }
  }

  private static void writeStatus(Path file, Collection<JobState> jobs) throws IOException {
    StringBuilder text = new StringBuilder();
    jobs.forEach(job -> text.append(job.job()).append(' ').append(job.state()).append('\n'));
    // Whole or not at all: who looks meanwhile sees the one before.
    Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
    Files.writeString(temporary, text);
    Files.move(
        temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static List<Job> choose(CommandLine command, List<String> names) {
    if (names == null || names.isEmpty()) {
      return jobs();
    }
    List<Job> chosen = new ArrayList<>();
    for (String name : new java.util.LinkedHashSet<>(names)) {
      chosen.add(
          jobs().stream()
              .filter(job -> job.name().equals(name))
              .findFirst()
              .orElseThrow(
                  () ->
                      new ParameterException(
                          command,
                          "no job "
                              + name
                              + "; there are "
                              + String.join(", ", jobs().stream().map(Job::name).toList()))));
    }
    return chosen;
  }

  @Command(
      name = "settings",
      description = "Prints the settings of auditbus' jobs as a Markdown table.",
      mixinStandardHelpOptions = true)
  int settings() {
    spec.commandLine().getOut().print(settingsTable());
    spec.commandLine().getOut().flush();
    return CommandLine.ExitCode.OK;
  }

  /** The settings of all jobs as the README shows them. */
  static String settingsTable() {
    ConfigDef all = JobConfig.table();
    jobs().forEach(job -> job.settings().configKeys().values().forEach(all::define));
    StringBuilder text = new StringBuilder("| setting | type | default | |\n|---|---|---|---|\n");
    all.configKeys().values().stream()
        .sorted(java.util.Comparator.comparing(key -> key.name))
        .forEach(
            key ->
                text.append("| `")
                    .append(key.name)
                    .append("` | ")
                    .append(key.type.toString().toLowerCase(java.util.Locale.ROOT))
                    .append(" | `")
                    .append(ConfigDef.convertToString(key.defaultValue, key.type))
                    .append("` | ")
                    .append(key.documentation)
                    .append(" |\n"));
    return text.toString();
  }
}
