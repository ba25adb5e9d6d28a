// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * One program that runs in a process of its own, and is started again where it ends, as a service
 * manager does. Thread-safe.
 */
final class Node {
  private final String name;
  private final List<String> command;
  private final Map<String, String> environment;
  private final Path log;
  private Optional<Process> process = Optional.empty();
  private boolean held;
  private boolean retired;
  private int endedByItself;
  private long notBefore;

  Node(String name, List<String> command, Map<String, String> environment, Path log) {
    this.name = name;
    this.command = List.copyOf(command);
    this.environment = Map.copyOf(environment);
    this.log = log;
  }

  String name() {
    return name;
  }

  Path log() {
    return log;
  }

  synchronized int endedByItself() {
    return endedByItself;
  }

  synchronized boolean isAlive() {
    return process.map(Process::isAlive).orElse(false);
  }

  /** How it ended, if it was started and did. */
  synchronized Optional<Integer> exitCode() {
    return process.filter(ended -> !ended.isAlive()).map(Process::exitValue);
  }

  /** Starts it, and again whenever it was found dead; nothing happens after {@link #retire}. */
  synchronized void start() throws IOException {
    if (retired) {
      return;
    }
    held = false;
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(new File("/dev/null"))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    process = Optional.of(builder.start());
  }

  /** Starts it again if it ended without being told to; at most once a second. */
  synchronized boolean tend() throws IOException {
    if (held || isAlive() || System.nanoTime() < notBefore) {
      return false;
    }
    endedByItself++;
    notBefore = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
    start();
    return true;
  }

  /** SIGTERM, and SIGKILL to what does not end within 15 s; it stays away until {@link #start}. */
  synchronized void end() throws InterruptedException {
    held = true;
    if (process.isPresent()) {
      process.get().destroy();
      if (!process.get().waitFor(15, TimeUnit.SECONDS)) {
        process.get().destroyForcibly().waitFor();
      }
    }
  }

  /** Whether it runs and is not stopped. */
  synchronized boolean isAwake() {
    return isAlive()
        && procFile("stat").map(stat -> stat.replaceFirst("(?s)^.*\\) ", "")).orElse("T").charAt(0)
            != 'T';
  }

  /** Whether it has that file open, or one in that directory. */
  synchronized boolean hasOpen(Path path) {
    if (!isAlive()) {
      return false;
    }
    try (var files =
        Files.newDirectoryStream(Path.of("/proc", Long.toString(process.get().pid()), "fd"))) {
      for (Path file : files) {
        String target = Files.isSymbolicLink(file) ? target(file) : "";
        if (target.equals(path.toString()) || target.startsWith(path + "/")) {
          return true;
        }
      }
    } catch (IOException e) {
      return false; // it ended meanwhile
    }
    return false;
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile
    }
  }

  private Optional<String> procFile(String name) {
    try {
      return Optional.of(
          Files.readString(Path.of("/proc", Long.toString(process.get().pid()), name)));
    } catch (IOException e) {
      return Optional.empty(); // it ended meanwhile
    }
  }

  /** SIGKILL; it stays away until {@link #start}. */
  synchronized void kill() throws InterruptedException {
    held = true;
    if (process.isPresent()) {
      process.get().destroyForcibly().waitFor();
    }
  }

  /** SIGKILL, if it still runs; it is never started again. */
  synchronized void retire() throws InterruptedException {
    retired = true;
    kill();
  }

  /** Sends a signal by its name; nothing happens where the process is gone. */
  synchronized void signal(String signal) throws IOException, InterruptedException {
    if (isAlive()) {
      int _ =
          new ProcessBuilder("kill", "-" + signal, Long.toString(process.get().pid()))
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor();
    }
  }
}
