// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A file system of its own, for a test that fills it or makes it read-only. Where mounting is not
 * permitted the test is skipped and says so; with {@code AUDITBUS_REQUIRE_KERNEL=true} it fails
 * instead.
 */
final class TemporaryMount implements AutoCloseable {
  private static final String REQUIRE = "AUDITBUS_REQUIRE_KERNEL";

  private final Path path;

  private TemporaryMount(Path path) {
    this.path = path;
  }

  /** Mounts a tmpfs of that size on an empty directory. */
  static TemporaryMount tmpfs(Path on, String options) throws IOException {
    return mounted(on, "mount", "-t", "tmpfs", "-o", options, "tmpfs", on.toString());
  }

  /** Mounts a directory on another one through FUSE. */
  static TemporaryMount fuse(Path directory, Path on) throws IOException {
    return mounted(on, "bindfs", directory.toString(), on.toString());
  }

  private static TemporaryMount mounted(Path on, String... command) throws IOException {
    required(run(command));
    return new TemporaryMount(on);
  }

  Path path() {
    return path;
  }

  void remount(String options) throws IOException {
    String failure = run("mount", "-o", "remount," + options, path.toString());
    if (!failure.isEmpty()) {
      throw new IOException(failure);
    }
  }

  @Override
  public void close() throws IOException {
    String failure = run("umount", path.toString());
    if (!failure.isEmpty()) {
      run("umount", "-l", path.toString()); // a test that failed left files open
      throw new IOException(failure);
    }
  }

  static void required(String failure) {
    if (!failure.isEmpty()) {
      if (Boolean.parseBoolean(System.getProperty(REQUIRE, System.getenv(REQUIRE)))) {
        fail(failure);
      }
      abort(failure);
    }
  }

  /** Runs a command; what it said if it failed, else nothing. */
  static String run(String... command) {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String said =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      int status = process.onExit().join().exitValue();
      return status == 0 ? "" : String.join(" ", command) + ": status " + status + ": " + said;
    } catch (IOException e) {
      return String.join(" ", command) + ": " + e.getMessage();
    }
  }
}
