// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Programs that tests compare with. Where one is missing the test is skipped and says which Debian
 * package has it; with {@code AUDITBUS_REQUIRE_TOOLS=true} (environment or system property) the
 * test fails instead.
 */
public final class RequiredTools {
  private static final String REQUIRE = "AUDITBUS_REQUIRE_TOOLS";
  private static final Map<String, String> PACKAGES =
      Map.of(
          "ausearch", "auditd",
          "aureport", "auditd",
          "ausyscall", "auditd",
          "setpriv", "util-linux",
          "systemd-analyze", "systemd",
          "systemd-sysusers", "systemd",
          "auditd", "auditd",
          "auditctl", "auditd");

  private RequiredTools() {}

  /** Path of a program, looked for in PATH and in the system directories root has in it. */
  public static Path path(String program) {
    String directories = System.getenv("PATH") + ":/usr/sbin:/sbin:/usr/local/sbin";
    for (String directory : directories.split(File.pathSeparator, -1)) {
      Path candidate = Path.of(directory.isEmpty() ? "." : directory, program);
      if (Files.isExecutable(candidate)) {
        return candidate;
      }
    }
    String message =
        program
            + " is not installed: Debian package "
            + PACKAGES.getOrDefault(program, program)
            + " has it";
    if (Boolean.parseBoolean(System.getProperty(REQUIRE, System.getenv(REQUIRE)))) {
      return fail(message);
    }
    return abort(message);
  }
}
