// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** The program as users run it, in a process of its own, what it says kept in files. */
final class ChildProcess implements AutoCloseable {
  private static final int LOG_LINES = 300;

  private final Process process;
  private final Path out;
  private final Path err;
  private final List<String> command;

  /** What a process that ended left. */
  record Ended(int code, String out, String err) {}

  private ChildProcess(Process process, Path out, Path err, List<String> command) {
    this.process = process;
    this.out = out;
    this.err = err;
    this.command = command;
  }

  /** Starts the packaged program with the launcher's options. */
  static ChildProcess start(Path scratch, List<String> arguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:+UseCompactObjectHeaders",
                "-Xmx512m",
                "--sun-misc-unsafe-memory-access=allow",
                "--enable-native-access=ALL-UNNAMED",
                "-jar",
                Path.of("target", "auditbus-standalone.jar").toAbsolutePath().toString()));
    command.addAll(arguments);
    return exec(scratch, command);
  }

  /** Starts any command. */
  static ChildProcess exec(Path scratch, List<String> command) throws IOException {
    Path out = Files.createTempFile(scratch, "out", ".txt");
    Path err = Files.createTempFile(scratch, "err", ".txt");
    Process process =
        new ProcessBuilder(command)
            .directory(scratch.toFile())
            .redirectInput(new File("/dev/null"))
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    return new ChildProcess(process, out, err, command);
  }

  /** Runs the program to its end. */
  static Ended run(Path scratch, String... arguments) throws IOException, InterruptedException {
    try (ChildProcess child = start(scratch, List.of(arguments))) {
      return child.await(Duration.ofSeconds(150));
    }
  }

  String out() throws IOException {
    return Files.readString(out, StandardCharsets.UTF_8);
  }

  /** Waits until a condition holds; the process must not end before. */
  void until(String what, Duration timeout, BooleanSupplier condition)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (!condition.getAsBoolean()) {
      if (process.waitFor(20, TimeUnit.MILLISECONDS) || System.nanoTime() > deadline) {
        throw new AssertionError(
            what + " did not come within " + timeout + " of " + command + "\n" + said());
      }
    }
  }

  /** Waits until it says a text on stdout. */
  void untilSays(String text, Duration timeout) throws IOException, InterruptedException {
    until(
        "\"" + text + "\"",
        timeout,
        () -> {
          try {
            return out().contains(text);
          } catch (IOException e) {
            return false;
          }
        });
  }

  /** SIGTERM. */
  void terminate() {
    process.destroy();
  }

  /** SIGKILL, and waits until it is gone. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  Ended await(Duration timeout) throws IOException, InterruptedException {
    if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new AssertionError(
          command + " did not end within " + timeout + "\n" + said() + "\n" + doing());
    }
    return new Ended(process.exitValue(), out(), Files.readString(err, StandardCharsets.UTF_8));
  }

  private String said() throws IOException {
    return out() + "\n" + Files.readString(err, StandardCharsets.UTF_8);
  }

  /** What its threads do, and the end of its log: nobody can look once the test has failed. */
  private String doing() throws IOException, InterruptedException {
    Path threads = Files.createTempFile("threads", ".txt");
    try {
      new ProcessBuilder(
              Path.of(System.getProperty("java.home"), "bin", "jstack").toString(),
              Long.toString(process.pid()))
          .redirectErrorStream(true)
          .redirectOutput(threads.toFile())
          .start()
          .waitFor(20, TimeUnit.SECONDS);
      StringBuilder doing = new StringBuilder(Files.readString(threads, StandardCharsets.UTF_8));
      int data = command.indexOf("--data") + 1;
      if (data > 0) {
        Path log = Path.of(command.get(data), "logs", "auditbus.log");
        if (Files.exists(log)) {
          List<String> lines = Files.readAllLines(log, StandardCharsets.UTF_8);
          doing.append(log).append(":\n");
          lines
              .subList(Math.max(0, lines.size() - LOG_LINES), lines.size())
              .forEach(line -> doing.append(line).append('\n'));
        }
      }
      return doing.toString();
    } finally {
      Files.delete(threads);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
