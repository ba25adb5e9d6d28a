// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.connect.cli.ConnectDistributed;

/**
 * One distributed Connect worker in a JVM of its own, which may be killed and started again: same
 * settings, same REST port, another process and another log.
 *
 * <p>The sink is not on its class path: it has to come from {@code plugin.path}.
 */
final class WorkerProcess implements AutoCloseable {
  /**
   * One process of the worker.
   *
   * @param ending just before it was told to end
   * @param ended just after it had ended
   */
  record Life(long pid, Path log, Instant ending, Instant ended, int exit) {}

  private final String name;
  private final Path directory;
  private final Path settings;
  private final String rest;
  private final List<Life> lives = new ArrayList<>();
  private volatile Optional<Process> running = Optional.empty();

  WorkerProcess(String name, Path directory, Map<String, String> properties) throws IOException {
    this.name = name;
    this.directory = directory;
    this.rest = properties.get("listeners");
    this.settings = directory.resolve(name + ".properties");
    Files.write(
        settings,
        properties.entrySet().stream()
            .map(entry -> entry.getKey() + "=" + entry.getValue())
            .toList());
  }

  /** Starts it; it serves some seconds later. */
  void start() throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // Small and quick to start: two cores run two of these, the broker and the test.
    command.addAll(List.of("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(
        List.of("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"));
    command.add("-Duser.timezone=UTC");
    logging().forEach((key, value) -> command.add("-Dorg.slf4j.simpleLogger." + key + "=" + value));
    command.addAll(List.of("-cp", classPath(), ConnectDistributed.class.getName()));
    command.add(settings.toString());
    running =
        Optional.of(
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log().toFile())
                .start());
  }

  private static Map<String, String> logging() {
    return Map.of(
        "defaultLogLevel", "warn",
        "log.auditbus.sinks.locks", "info",
        "showThreadName", "false",
        "showDateTime", "true",
        "dateTimeFormat", LockLog.TIME);
  }

  private static String classPath() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .filter(WorkerProcess::isTheWorkers)
        .collect(Collectors.joining(File.pathSeparator));
  }

  // Neither a module of ours nor what only the plugin needs.
  private static boolean isTheWorkers(String entry) {
    String file = Path.of(entry).getFileName().toString();
    return file.endsWith(".jar") && !file.startsWith("auditbus") && !file.startsWith("avro");
  }

  String name() {
    return name;
  }

  String rest() {
    return rest;
  }

  boolean isAlive() {
    return running.map(Process::isAlive).orElse(false);
  }

  /** The running process's id. */
  long pid() {
    return running.orElseThrow().pid();
  }

  /** Where the running process, or the next one, logs to. */
  Path log() {
    return directory.resolve(name + "-" + lives.size() + ".log");
  }

  /** Every process that has ended. */
  List<Life> lives() {
    return List.copyOf(lives);
  }

  /** Ends it by SIGKILL and waits until it is gone. */
  Life kill() throws InterruptedException {
    return end(true);
  }

  /** Ends it by SIGTERM, in good order if it can within half a minute. */
  Life terminate() throws InterruptedException {
    return end(false);
  }

  private Life end(boolean forcibly) throws InterruptedException {
    Process process = running.orElseThrow();
    Instant ending = Instant.now();
    if (forcibly) {
      process.destroyForcibly();
    } else {
      process.destroy();
      if (!process.waitFor(30, TimeUnit.SECONDS)) {
        ending = Instant.now();
        process.destroyForcibly();
      }
    }
    int exit = process.waitFor();
    Life life = new Life(process.pid(), log(), ending, Instant.now(), exit);
    running = Optional.empty();
    lives.add(life);
    return life;
  }

  /** Stops every thread of it where it is. */
  void freeze() throws IOException, InterruptedException {
    signal("-STOP");
  }

  /** Lets it go on as if no time had passed. */
  void thaw() throws IOException, InterruptedException {
    signal("-CONT");
  }

  private void signal(String signal) throws IOException, InterruptedException {
    int exit = new ProcessBuilder("kill", signal, Long.toString(pid())).start().waitFor();
    if (exit != 0) {
      throw new IOException("kill " + signal + " " + pid() + " ended with " + exit);
    }
  }

  /** Kills what is left. */
  @Override
  public void close() {
    running.ifPresent(Process::destroyForcibly);
  }
}
