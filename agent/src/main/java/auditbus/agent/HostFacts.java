// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What identifies the host: its name, machine-id(5) and the boot id of {@code
 * /proc/sys/kernel/random/boot_id}.
 *
 * @param machineId empty where the host has none
 * @param boot empty where the kernel tells none
 */
record HostFacts(Optional<String> machineId, Optional<String> boot) {
  private static final Pattern MEMORY = Pattern.compile("MemTotal:\\s+(\\d+) kB");

  static HostFacts read() {
    return new HostFacts(
        first(Path.of("/etc/machine-id")), first(Path.of("/proc/sys/kernel/random/boot_id")));
  }

  /** The lower-case host name. */
  static String hostName() {
    return first(Path.of("/proc/sys/kernel/hostname"))
        .or(() -> first(Path.of("/etc/hostname")))
        .orElse("localhost")
        .toLowerCase(Locale.ROOT);
  }

  /** Memory of the host, 0 if it does not tell; a container's limit is not asked. */
  static long memoryBytes() {
    return first(Path.of("/proc/meminfo"))
        .map(MEMORY::matcher)
        .filter(Matcher::matches)
        .map(found -> Long.parseLong(found.group(1)) * 1024)
        .orElse(0L);
  }

  private static Optional<String> first(Path file) {
    try {
      return Files.readAllLines(file).stream()
          .map(String::strip)
          .filter(line -> !line.isEmpty())
          .findFirst();
    } catch (IOException e) {
      return Optional.empty(); // not every system has it
    }
  }
}
