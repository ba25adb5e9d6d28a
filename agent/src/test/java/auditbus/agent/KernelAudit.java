// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import auditbus.agent.netlink.AuditControl;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The host's own kernel audit, lent to a test class: {@code @ExtendWith(KernelAudit.class)}.
 *
 * <p>Where it cannot be had (not root, no CONFIG_AUDIT, locked, an audit daemon is running) the
 * class is skipped and says why; with {@code AUDITBUS_REQUIRE_KERNEL=true} (environment or system
 * property) it fails instead.
 *
 * <p>There is one kernel: a file lock keeps test JVMs apart, and a class's tests run one after the
 * other. What was set before is remembered, in a file too, and set again after every test: rules,
 * switch, limits, failure mode, and no audit daemon. If the JVM ends first it is done then; if it
 * is killed, the next one does it.
 *
 * <p>A class that needs the kernel for some of its tests only calls {@link #require} and {@link
 * #release} itself.
 */
public final class KernelAudit implements BeforeAllCallback, AfterEachCallback, AfterAllCallback {
  private static final String REQUIRE = "AUDITBUS_REQUIRE_KERNEL";
  private static final Path DIRECTORY = Path.of(System.getProperty("java.io.tmpdir"));
  private static final Path LOCK = DIRECTORY.resolve("auditbus-kernel-audit.lock");
  private static final Path REMEMBERED = DIRECTORY.resolve("auditbus-kernel-audit.state");
  private static final long CHILD_SECONDS = 60;

  // Guarded by the class.
  private static Optional<FileChannel> lock = Optional.empty();
  private static List<List<String>> remembered = List.of();
  private static boolean hooked;

  @Override
  public void beforeAll(ExtensionContext context) throws Exception {
    require();
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    restore();
  }

  @Override
  public void afterAll(ExtensionContext context) throws Exception {
    release();
  }

  /** Takes the kernel's audit until {@link #release} or the JVM's end, or skips the test. */
  public static synchronized void require() throws IOException, InterruptedException {
    if (lock.isPresent()) {
      return;
    }
    if (!"root".equals(System.getProperty("user.name"))) {
      unavailable("is for root, this is " + System.getProperty("user.name"));
    }
    if (!Files.exists(Path.of("/proc/self/loginuid"))) {
      unavailable("is not in this kernel (CONFIG_AUDIT)");
    }
    Path auditctl = RequiredTools.path("auditctl");
    FileChannel channel =
        FileChannel.open(LOCK, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean taken = false;
    try {
      if (channel.tryLock() == null) {
        System.err.println("waiting for another test JVM to give up the kernel: " + LOCK);
        var _ = channel.lock();
      }
      Result status = run(List.of(auditctl.toString(), "-s"));
      if (status.exit() != 0) {
        unavailable("cannot be asked: " + status.output().strip());
      }
      Map<String, String> settings = settings(status.output());
      if (settings.get("enabled").equals("2")) {
        unavailable("is locked until the next boot (auditctl -e 2)");
      }
      String pid = settings.get("pid");
      if (!pid.equals("0") && Files.exists(Path.of("/proc", pid))) {
        unavailable("has a daemon, process " + pid + ": stop it to run these tests");
      }
      remembered = remember(settings);
      taken = true;
    } finally {
      if (!taken) {
        channel.close();
      }
    }
    lock = Optional.of(channel);
    if (!hooked) {
      hooked = true;
      Runtime.getRuntime().addShutdownHook(new Thread(KernelAudit::releaseAtExit));
    }
    restore();
  }

  /** Sets everything as it was before {@link #require}. */
  public static synchronized void restore() throws IOException, InterruptedException {
    if (lock.isEmpty()) {
      return;
    }
    endDaemon();
    auditctl("-D");
    for (List<String> arguments : remembered) {
      auditctl(arguments.toArray(String[]::new));
    }
    auditctl("--reset-lost");
  }

  /** {@link #restore}s, and lets another JVM have it. */
  public static synchronized void release() throws IOException, InterruptedException {
    if (lock.isEmpty()) {
      return;
    }
    try {
      restore();
      Files.deleteIfExists(REMEMBERED);
    } finally {
      lock.get().close();
      lock = Optional.empty();
    }
  }

  /** Runs auditctl(8): what it prints. */
  public static String auditctl(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(RequiredTools.path("auditctl").toString()));
    command.addAll(Arrays.asList(arguments));
    Result result = run(command);
    if (result.exit() != 0) {
      throw new AssertionError(
          "auditctl " + String.join(" ", arguments) + ": " + result.output().strip());
    }
    return result.output();
  }

  /** What {@code auditctl -s} says, by name. */
  public static Map<String, String> settings() throws IOException, InterruptedException {
    return settings(auditctl("-s"));
  }

  /** The command that runs a command in a session of this loginuid. */
  public static List<String> asLoginuid(long loginuid, String... command) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "bash",
                "-c",
                "echo \"$0\" > /proc/self/loginuid && exec \"$@\"",
                Long.toString(loginuid)));
    all.addAll(Arrays.asList(command));
    return all;
  }

  /**
   * Builds a C program of the test resources.
   *
   * @param source its name in {@code auditbus/agent/flood/}
   * @param directory where the program goes
   */
  public static Path build(String source, Path directory) throws IOException, InterruptedException {
    Path file = directory.resolve(source);
    try (InputStream resource = KernelAudit.class.getResourceAsStream("flood/" + source)) {
      if (resource == null) {
        throw new AssertionError("there is no test resource auditbus/agent/flood/" + source);
      }
      Files.copy(resource, file, StandardCopyOption.REPLACE_EXISTING);
    }
    Path program = directory.resolve(source.substring(0, source.lastIndexOf('.')));
    Result result =
        run(
            List.of(
                RequiredTools.path("gcc").toString(),
                "-O2",
                "-pthread",
                "-o",
                program.toString(),
                file.toString()));
    if (result.exit() != 0) {
      throw new AssertionError("gcc " + source + ": " + result.output());
    }
    return program;
  }

  private static void unavailable(String why) {
    String message = "the kernel's audit " + why;
    if (Boolean.parseBoolean(System.getProperty(REQUIRE, System.getenv(REQUIRE)))) {
      fail(message);
    }
    abort(message);
  }

  /**
   * The arguments of auditctl that bring back what is there now, or was before a JVM was killed.
   */
  private static List<List<String>> remember(Map<String, String> settings)
      throws IOException, InterruptedException {
    String boot = Files.readAllLines(Path.of("/proc/sys/kernel/random/boot_id")).getFirst();
    if (Files.exists(REMEMBERED)) {
      List<String> lines = Files.readAllLines(REMEMBERED);
      if (!lines.isEmpty() && lines.getFirst().equals(boot)) {
        System.err.println("a test JVM was killed: the kernel's audit is set as in " + REMEMBERED);
        return lines.stream().skip(1).map(line -> List.of(line.split(" "))).toList();
      }
    }
    List<String> lines = new ArrayList<>();
    for (String rule : auditctl("-l").lines().toList()) {
      if (rule.startsWith("-")) {
        lines.add(rule);
      }
    }
    lines.add("-b " + settings.get("backlog_limit"));
    lines.add("-f " + settings.get("failure"));
    lines.add("-r " + settings.get("rate_limit"));
    lines.add("--backlog_wait_time " + settings.get("backlog_wait_time"));
    lines.add("-e " + settings.get("enabled"));
    List<String> file = new ArrayList<>(List.of(boot));
    file.addAll(lines);
    Files.write(REMEMBERED, file);
    return lines.stream().map(line -> List.of(line.split(" "))).toList();
  }

  private static void endDaemon() throws IOException, InterruptedException {
    long pid = Long.parseLong(settings().get("pid"));
    if (pid == 0) {
      return;
    }
    Optional<ProcessHandle> child =
        ProcessHandle.current().descendants().filter(process -> process.pid() == pid).findFirst();
    if (child.isPresent()) {
      child.get().destroyForcibly();
      child.get().onExit().orTimeout(CHILD_SECONDS, TimeUnit.SECONDS).join();
    }
    // Of this process, or of one that is gone: the kernel looks whether it is.
    try (AuditControl control = AuditControl.open()) {
      control.unregister();
    }
  }

  private static synchronized void releaseAtExit() {
    try {
      release();
    } catch (IOException | InterruptedException | AssertionError e) {
      System.err.println("the kernel's audit is not as it was before: " + e);
    }
  }

  private static Map<String, String> settings(String status) {
    Map<String, String> settings = new LinkedHashMap<>();
    for (String line : status.lines().toList()) {
      String[] words = line.split(" ", 2);
      if (words.length == 2) {
        settings.put(words[0], words[1]);
      }
    }
    return settings;
  }

  private record Result(int exit, String output) {}

  private static Result run(List<String> command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectInput(new File("/dev/null"))
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), output);
  }
}
