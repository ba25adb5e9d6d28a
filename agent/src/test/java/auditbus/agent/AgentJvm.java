// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs the agent's commands as the launcher does: the same JVM flags. */
public final class AgentJvm {
  private AgentJvm() {}

  /**
   * A command line, to which arguments may be added.
   *
   * @param arguments of {@link Main}, its command first
   */
  public static List<String> command(String classPath, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:+UseCompactObjectHeaders",
                "-Xmx64m",
                "-XX:TieredStopAtLevel=1",
                "--sun-misc-unsafe-memory-access=allow",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                classPath,
                "auditbus.agent.Main"));
    command.addAll(List.of(arguments));
    return command;
  }
}
