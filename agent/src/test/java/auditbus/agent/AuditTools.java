// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** The audit package's own readers: what they take without complaint is an audit log. */
final class AuditTools {
  private AuditTools() {}

  /** What ausearch prints of a log. */
  static List<String> ausearch(Path log, String... options)
      throws IOException, InterruptedException {
    return run("ausearch", List.of("-if", log.toString()), new File("/dev/null"), options);
  }

  /** What ausearch prints of a log that comes through a pipe. */
  static List<String> ausearchOfPipe(Path log, String... options)
      throws IOException, InterruptedException {
    return run("ausearch", List.of(), log.toFile(), options);
  }

  /** What aureport prints of a log. */
  static List<String> aureport(Path log, String... options)
      throws IOException, InterruptedException {
    return run("aureport", List.of("-if", log.toString()), new File("/dev/null"), options);
  }

  private static List<String> run(
      String tool, List<String> input, File standardInput, String... options)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(RequiredTools.path(tool).toString()));
    command.addAll(input);
    command.addAll(Arrays.asList(options));
    boolean piped = input.isEmpty();
    Path errors = Files.createTempFile("auditbus-" + tool, ".err");
    try {
      // The tools read standard input where that is a pipe.
      ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
      builder.environment().putAll(Map.of("TZ", "UTC", "LC_ALL", "C"));
      if (!piped) {
        builder.redirectInput(standardInput);
      }
      Process process = builder.start();
      Thread feeding = Thread.ofPlatform().start(() -> feed(process, piped, standardInput));
      String output =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
      feeding.join();
      int exit = process.waitFor();
      String what = String.join(" ", command);
      assertThat(Files.readString(errors)).as("%s complains", what).isEmpty();
      assertThat(exit).as("%s: %s", what, output).isZero();
      return output.lines().toList();
    } finally {
      Files.delete(errors);
    }
  }

  private static void feed(Process process, boolean piped, File input) {
    if (piped) {
      try (var out = process.getOutputStream()) {
        Files.copy(input.toPath(), out);
      } catch (IOException e) {
        // it ended before, and says why
      }
    }
  }
}
