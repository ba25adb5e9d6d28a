// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The real agent in a process of its own, with the flags the launcher gives it. */
public final class AgentProcess implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(90);
  private static final JsonMapper JSON = new JsonMapper();

  private final Path directory;
  private final Process process;

  private AgentProcess(Path directory, Process process) {
    this.directory = directory;
    this.process = process;
  }

  /**
   * Starts {@code agent run}.
   *
   * @param directory of its configuration, state and output
   * @param arguments beside {@code --config}
   */
  public static AgentProcess start(
      Path directory, Map<String, String> settings, String... arguments) throws IOException {
    return start(directory, settings, List.of(), arguments);
  }

  /** Starts {@code agent run} by a command in front of java's. */
  public static AgentProcess start(
      Path directory, Map<String, String> settings, List<String> before, String... arguments)
      throws IOException {
    configure(directory, settings);
    List<String> command = new ArrayList<>(before);
    command.addAll(command(directory, arguments));
    Process started =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("log").toFile()))
            .start();
    return new AgentProcess(directory, started);
  }

  /** The command that runs an agent of this configuration. */
  static List<String> command(Path directory, String... arguments) {
    // The agent's own log settings go before those of whoever tests it.
    Path classes =
        Path.of(
            URI.create(Main.class.getProtectionDomain().getCodeSource().getLocation().toString()));
    List<String> command =
        AgentJvm.command(
            classes + File.pathSeparator + System.getProperty("java.class.path"),
            "run",
            "--config",
            directory.resolve("agent.properties").toString());
    command.addAll(Arrays.asList(arguments));
    return command;
  }

  /**
   * Writes a program for auditd to start as its plugin: an agent that reads standard input as
   * source {@code auditd}. It notes its process id in {@code pids} and what it says in {@code log}.
   */
  public static Path plugin(Path directory, Map<String, String> settings, String... arguments)
      throws IOException {
    Map<String, String> all = new HashMap<>(settings);
    all.put("sources.auditd.type", "audisp");
    all.put("sources.auditd.path", "-");
    configure(directory, all);
    Path program = directory.resolve("plugin");
    Files.writeString(
        program,
        "#!/bin/sh\necho $$ >> "
            + directory.resolve("pids")
            + "\nexec "
            + String.join(" ", command(directory, arguments))
            + " >> "
            + directory.resolve("log")
            + " 2>&1\n");
    // auditd starts nothing of other permissions.
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-x---"));
    return program;
  }

  /** Writes its configuration; what is not set is as {@code directory} suggests. */
  public static void configure(Path directory, Map<String, String> settings) throws IOException {
    StringBuilder text = new StringBuilder();
    if (!settings.containsKey("state.dir")) {
      text.append("state.dir=").append(directory.resolve("state")).append('\n');
    }
    settings.forEach((key, value) -> text.append(key).append('=').append(value).append('\n'));
    Path written = Files.writeString(directory.resolve("agent.properties.new"), text);
    Files.move(
        written,
        directory.resolve("agent.properties"),
        java.nio.file.StandardCopyOption.ATOMIC_MOVE);
  }

  /** Its process id. */
  public long pid() {
    return process.pid();
  }

  /** Waits until the kernel has it as audit daemon. */
  public void awaitRegistered() throws Exception {
    await(
        "registered", () -> KernelAudit.settings().get("pid").equals(Long.toString(process.pid())));
  }

  /** Waits for something, at most half a minute. */
  public void await(String what, Callable<Boolean> condition) throws Exception {
    await(what, DEADLINE, condition);
  }

  /** Waits for something. */
  public void await(String what, Duration atMost, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + atMost.toNanos();
    while (!condition.call()) {
      assertThat(process.isAlive()).as("not %s, the agent ended: %s", what, log()).isTrue();
      assertThat(System.nanoTime())
          .as("not %s in %s: %s", what, atMost, log())
          .isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  /** Sends it a signal by kill(1), in a session of that loginuid; 4294967295 for none. */
  public void signal(String signal, long loginuid) throws Exception {
    String[] kill = {"/bin/kill", "-" + signal, Long.toString(process.pid())};
    List<String> command =
        loginuid == 4294967295L ? List.of(kill) : KernelAudit.asLoginuid(loginuid, kill);
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  /** Waits for its end and returns its exit code. */
  public int awaitExit() throws Exception {
    assertThat(process.waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS))
        .as("not ended in %s: %s", DEADLINE, log())
        .isTrue();
    return process.exitValue();
  }

  /** What it printed. */
  public String log() throws IOException {
    return Files.readString(directory.resolve("log"));
  }

  /** Its last heartbeat; missing before the first. */
  public JsonNode status() throws IOException {
    return json(directory.resolve("state/status.json"));
  }

  /** The last status of a process that captures only; missing before the first. */
  public JsonNode captureStatus() throws IOException {
    return json(directory.resolve("state/trails/capture.json"));
  }

  private static JsonNode json(Path file) throws IOException {
    try {
      return JSON.readTree(Files.readString(file));
    } catch (NoSuchFileException e) {
      return JSON.missingNode();
    }
  }

  /** The captured trails of a source, oldest first. */
  public List<Path> trails(String source) throws IOException {
    Path trails = directory.resolve("state/trails").resolve(source);
    try (Stream<Path> files = Files.list(trails)) {
      return files.filter(file -> !file.getFileName().toString().startsWith(".")).sorted().toList();
    } catch (NoSuchFileException e) {
      return List.of();
    }
  }

  /** Lines of the captured trails of a source that begin with a type. */
  public List<String> lines(String source, String type) throws IOException {
    return lines(source).stream().filter(line -> line.startsWith("type=" + type + " ")).toList();
  }

  /** Lines of the captured trails of a source. */
  public List<String> lines(String source) throws IOException {
    while (true) {
      try {
        List<String> found = new ArrayList<>();
        for (Path trail : trails(source)) {
          Files.readString(trail, StandardCharsets.ISO_8859_1).lines().forEach(found::add);
        }
        return found;
      } catch (NoSuchFileException e) {
        // one was renamed since they were listed
      }
    }
  }

  /** Kills it, if it runs. */
  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().join();
  }
}
