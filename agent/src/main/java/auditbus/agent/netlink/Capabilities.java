// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A set of capabilities(7).
 *
 * @param effective the bits, as {@code CapEff} of {@code /proc/PID/status} has them
 */
public record Capabilities(long effective) {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String EFFECTIVE = "CapEff:";

  /**
   * What this process has, in whatever user namespace it is.
   *
   * @throws IOException if {@code /proc/self/status} cannot be read or does not tell
   */
  public static Capabilities ofThisProcess() throws IOException {
    for (String line : Files.readAllLines(STATUS)) {
      if (line.startsWith(EFFECTIVE)) {
        return new Capabilities(
            Long.parseUnsignedLong(line.substring(EFFECTIVE.length()).strip(), 16));
      }
    }
    throw new IOException(STATUS + " has no line " + EFFECTIVE);
  }

  /** Whether it is in the set. */
  public boolean has(Capability capability) {
    return (effective & capability.mask()) != 0;
  }
}
