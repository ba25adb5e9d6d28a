// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.netlink.Capability;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The agent as it is run, in a process and under a user of its own, what it says kept in a file.
 *
 * <p>Its classes are where every user may read them: a build's own may lie in somebody's home.
 */
public final class ConfinedAgent implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final JsonMapper JSON = new JsonMapper();

  /** Of a build's class path, in this module or in one that has the agent in it. */
  private static final Pattern IS_OF_AN_AGENT =
      Pattern.compile(
          "/(agent|schemas)/target/(classes|auditbus-(agent|schemas)\\.jar)$"
              + "|/(avro|jackson-|kafka-clients|zstd|lz4|snappy|slf4j|picocli|commons-)[^/]*\\.jar$");

  private static Optional<String> classPath = Optional.empty();

  private final Process process;
  private final Path err;

  private ConfinedAgent(Process process, Path err) {
    this.process = process;
    this.err = err;
  }

  /**
   * Starts {@code auditbus agent run}.
   *
   * @param scratch where what it says goes
   * @param before a command that becomes it, such as {@link #as}
   * @param settings its configuration
   * @param options further ones, such as {@code --only capture}
   */
  public static ConfinedAgent start(
      Path scratch, List<String> before, Map<String, String> settings, String... options)
      throws IOException {
    Path err = Files.createTempFile(scratch, "agent", ".err");
    Process process =
        new ProcessBuilder(command(before, settings, options))
            .redirectInput(new File("/dev/null"))
            .redirectOutput(err.toFile())
            .redirectErrorStream(true)
            .start();
    return new ConfinedAgent(process, err);
  }

  /** The command that {@link #start} starts. */
  public static List<String> command(
      List<String> before, Map<String, String> settings, String... options) throws IOException {
    List<String> command = new ArrayList<>(before);
    command.addAll(AgentJvm.command(readableClassPath(), "run"));
    command.addAll(List.of(options));
    settings.forEach((key, value) -> command.addAll(List.of("-D", key + "=" + value)));
    return command;
  }

  /**
   * The command that makes a command run as a user who is not root, with these capabilities and no
   * way to more.
   *
   * @param groups which the user is in besides the one of his own, of the same number
   */
  public static List<String> as(int uid, List<Integer> groups, Capability... capabilities) {
    StringBuilder set = new StringBuilder("-all");
    for (Capability capability : capabilities) {
      set.append(",+").append(capability.name().toLowerCase(Locale.ROOT));
    }
    return List.of(
        RequiredTools.path("setpriv").toString(),
        "--reuid=" + uid,
        "--regid=" + uid,
        groups.isEmpty()
            ? "--clear-groups"
            : "--groups=" + String.join(",", groups.stream().map(String::valueOf).toList()),
        "--inh-caps=" + set,
        "--ambient-caps=" + set,
        "--bounding-set=" + set,
        "--no-new-privs");
  }

  /** A directory of that user's, which others can reach. */
  public static Path directoryOf(int uid, Path directory) throws IOException {
    Files.setPosixFilePermissions(
        directory.getParent(), PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.createDirectory(
        directory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Files.setAttribute(directory, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
    Files.setAttribute(directory, "unix:gid", uid, LinkOption.NOFOLLOW_LINKS);
    return directory;
  }

  public long pid() {
    return process.pid();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** What it has said so far. */
  public String said() throws IOException {
    return Files.readString(err, StandardCharsets.UTF_8);
  }

  /** The lines of it that have this text. */
  public List<String> said(String text) throws IOException {
    return said().lines().filter(line -> line.contains(text)).toList();
  }

  /** Waits until a condition holds; the agent must not end before. */
  public void until(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.call()) {
      if (process.waitFor(20, TimeUnit.MILLISECONDS) || System.nanoTime() > deadline) {
        throw new AssertionError(what + ": not within " + DEADLINE + "\n" + said());
      }
    }
  }

  /** Waits until the kernel has it for its audit daemon. */
  public void untilRegistered() throws Exception {
    until("registered", () -> KernelAudit.settings().get("pid").equals("" + pid()));
  }

  /** Waits until a source's status is so; the status. */
  public JsonNode untilStatus(String what, Path file, java.util.function.Predicate<JsonNode> wanted)
      throws Exception {
    JsonNode[] last = new JsonNode[1];
    until(
        what,
        () -> {
          last[0] = status(file);
          return wanted.test(last[0]);
        });
    return last[0];
  }

  /** A status file's content, missing if it is not there. */
  public static JsonNode status(Path file) throws IOException {
    return Files.exists(file) ? JSON.readTree(file.toFile()) : MissingNode.getInstance();
  }

  /** The lines of all trails in a directory, where trails may be renamed meanwhile. */
  public static List<String> lines(Path trails) throws IOException {
    for (int attempt = 1; ; attempt++) {
      List<String> lines = new ArrayList<>();
      try {
        for (Path trail : trails(trails)) {
          lines.addAll(Files.readAllLines(trail, StandardCharsets.ISO_8859_1));
        }
        return lines;
      } catch (NoSuchFileException e) {
        if (attempt == 10) {
          throw e;
        }
      }
    }
  }

  /** The trails in a directory, oldest first. */
  public static List<Path> trails(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> file.getFileName().toString().matches("\\d{14}\\..*"))
          .sorted(Comparator.comparing(Path::getFileName))
          .toList();
    }
  }

  /** Sends a signal by kill(1). */
  public void signal(String name) throws Exception {
    run("kill", "-" + name, "" + pid());
  }

  /** Runs a command that has to succeed. */
  public static void run(String... command) throws IOException, InterruptedException {
    Process ran = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(ran.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (ran.waitFor() != 0) {
      throw new AssertionError(String.join(" ", command) + ": " + output);
    }
  }

  /** SIGTERM, and waits for the end: the exit code. */
  public int stop() throws Exception {
    signal("TERM");
    return await();
  }

  /** Waits for the end: the exit code. */
  public int await() throws Exception {
    if (!process.waitFor(DEADLINE.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new AssertionError("it did not end within " + DEADLINE + "\n" + said());
    }
    return process.exitValue();
  }

  /** SIGKILL, and waits until it is gone. */
  public void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  /** This test's class path, as far as an agent needs it, where every user may read it. */
  public static synchronized String readableClassPath() throws IOException {
    if (classPath.isEmpty()) {
      Path place = Files.createTempDirectory("auditbus-classes");
      Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwxr-xr-x"));
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(place)));
      Map<String, Path> entries = new LinkedHashMap<>();
      int number = 0;
      for (String entry : System.getProperty("java.class.path").split(":", -1)) {
        Path from = Path.of(entry);
        String name = number++ + "-" + from.getFileName();
        if (Files.exists(from) && IS_OF_AN_AGENT.matcher(entry).find()) {
          copy(from, place.resolve(name));
          entries.put(name, place.resolve(name));
        }
      }
      classPath =
          Optional.of(String.join(":", entries.values().stream().map(Path::toString).toList()));
    }
    return classPath.get();
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path copied = to.resolve(from.relativize(file).toString());
        Files.copy(file, copied);
        Files.setPosixFilePermissions(
            copied,
            PosixFilePermissions.fromString(Files.isDirectory(file) ? "rwxr-xr-x" : "rw-r--r--"));
      }
    }
  }

  private static void delete(Path place) {
    try (Stream<Path> files = Files.walk(place)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
