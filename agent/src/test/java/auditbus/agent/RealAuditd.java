// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/**
 * The real auditd, in the foreground, with configuration, log and plugins in a directory of its
 * own: nothing of the host's is read or written but {@code /run/auditd.pid}.
 *
 * <p>For tests that have the kernel's audit by {@link KernelAudit}. Closing kills it.
 */
public final class RealAuditd implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(30);
  private static final Path PID_FILE = Path.of("/run/auditd.pid");

  private final Path directory;
  private Optional<Process> process = Optional.empty();

  /**
   * Configures one: it logs every record as it comes and hands them to no plugin.
   *
   * @param directory made if it is not there
   * @param settings of auditd.conf that differ
   */
  public RealAuditd(Path directory, Map<String, String> settings) throws IOException {
    this.directory = Files.createDirectories(directory);
    Files.createDirectories(directory.resolve("plugins.d"));
    Map<String, String> all = new LinkedHashMap<>();
    all.put("local_events", "yes");
    all.put("write_logs", "yes");
    all.put("log_file", log().toString());
    all.put("log_format", "RAW");
    all.put("flush", "NONE");
    all.put("max_log_file", "100");
    all.put("num_logs", "10");
    all.put("max_log_file_action", "ROTATE");
    all.put("priority_boost", "4");
    all.put("name_format", "NONE");
    all.put("space_left", "2");
    all.put("admin_space_left", "1");
    all.put("space_left_action", "IGNORE");
    all.put("admin_space_left_action", "IGNORE");
    all.put("disk_full_action", "IGNORE");
    all.put("disk_error_action", "IGNORE");
    all.put("q_depth", "99999");
    all.put("overflow_action", "SYSLOG");
    all.put("max_restarts", "10");
    all.put("plugin_dir", directory.resolve("plugins.d").toString());
    all.putAll(settings);
    write(directory.resolve("auditd.conf"), all);
  }

  /** Has it hand its records to whoever connects to a socket, which it makes. */
  public void serve(Path socket) throws IOException {
    serve(socket, true);
  }

  /** The same, or no longer: it reads that at its start and at SIGHUP. */
  public void serve(Path socket, boolean active) throws IOException {
    plugin(
        "af_unix",
        Map.of("path", "builtin_af_unix", "type", "builtin", "args", "0600 " + socket),
        active);
  }

  /** Has it start a program, and hand it its records on standard input. */
  public void plugin(String name, Path program, boolean active) throws IOException {
    plugin(name, Map.of("path", program.toString(), "type", "always"), active);
  }

  private void plugin(String name, Map<String, String> settings, boolean active)
      throws IOException {
    Map<String, String> all = new LinkedHashMap<>();
    all.put("active", active ? "yes" : "no");
    all.put("direction", "out");
    all.putAll(settings);
    all.put("format", "string");
    write(directory.resolve("plugins.d").resolve(name + ".conf"), all);
  }

  private static void write(Path file, Map<String, String> settings) throws IOException {
    StringBuilder text = new StringBuilder();
    settings.forEach((key, value) -> text.append(key).append(" = ").append(value).append('\n'));
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
  }

  /** Starts it and waits until the kernel has it as audit daemon. */
  public void start() throws Exception {
    Process started =
        new ProcessBuilder(
                RequiredTools.path("auditd").toString(),
                "-n",
                "-c",
                directory.toString(),
                "-s",
                "enable")
            .redirectInput(new File("/dev/null"))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("output").toFile()))
            .start();
    process = Optional.of(started);
    await(
        "auditd is registered",
        () -> {
          assertThat(started.isAlive())
              .as(
                  "auditd ended, the kernel says %s: %s",
                  KernelAudit.settings(), Files.exists(log()) ? lines() : "")
              .isTrue();
          return KernelAudit.settings().get("pid").equals(Long.toString(started.pid()));
        });
  }

  /** Its process id. */
  public long pid() {
    return process.orElseThrow().pid();
  }

  /** Sends it a signal, by name. */
  public void signal(String signal) throws IOException, InterruptedException {
    Process kill =
        new ProcessBuilder("/bin/kill", "-" + signal, Long.toString(pid())).inheritIO().start();
    assertThat(kill.waitFor()).isZero();
  }

  /** Stops it as its init script does, and waits for its end. */
  public void stop() throws IOException, InterruptedException {
    signal("TERM");
    assertThat(process.orElseThrow().waitFor(DEADLINE.toSeconds(), TimeUnit.SECONDS))
        .as("auditd has not ended in %s", DEADLINE)
        .isTrue();
    process = Optional.empty();
  }

  /** Kills it: it has no time for anything. */
  public void kill() throws IOException {
    if (process.isPresent()) {
      process.get().destroyForcibly().onExit().join();
      if (Files.exists(PID_FILE)
          && Files.readString(PID_FILE).strip().equals(Long.toString(pid()))) {
        Files.delete(PID_FILE);
      }
      process = Optional.empty();
    }
  }

  /** The log it writes to. */
  public Path log() {
    return directory.resolve("audit.log");
  }

  /** Its logs, oldest first. */
  public List<Path> logs() {
    List<Path> found = new ArrayList<>();
    for (int age = 999; age > 0; age--) {
      Path rotated = directory.resolve("audit.log." + age);
      if (Files.exists(rotated)) {
        found.add(rotated);
      }
    }
    found.add(log());
    return found;
  }

  /** The lines of all its logs; those of its own that go nowhere else are among them. */
  public List<String> lines() throws IOException {
    List<String> found = new ArrayList<>();
    for (Path log : logs()) {
      Files.readString(log, StandardCharsets.ISO_8859_1).lines().forEach(found::add);
    }
    return found;
  }

  /** Waits for something, at most half a minute. */
  public static void await(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as("not in %s: %s", DEADLINE, what).isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  @Override
  public void close() throws IOException {
    kill();
  }
}
