// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Names of architectures (AUDIT_ARCH_* of linux/audit.h) and of their system calls.
 *
 * <p>Made from kernel headers by {@code agent/bin/syscalls}; the head of {@code syscalls.tsv} says
 * which. Architectures have the names ausearch shows; a few calls have others ({@code pread64} is
 * {@code pread} there).
 *
 * <p>Thread-safe.
 */
public final class Syscalls {
  private static final String RESOURCE = "syscalls.tsv";
  private static final String ARCHITECTURE = "arch";

  private record Architecture(String name, Map<Integer, String> calls) {}

  private static final Map<Long, Architecture> ARCHITECTURES = read();

  private Syscalls() {}

  /**
   * The name of a system call.
   *
   * @param arch as in {@code arch=} of a SYSCALL record, e.g. 0xc000003e
   * @param number as in {@code syscall=}
   */
  public static Optional<String> name(long arch, int number) {
    Architecture known = ARCHITECTURES.get(arch);
    return known == null ? Optional.empty() : Optional.ofNullable(known.calls.get(number));
  }

  /** The name of an architecture, e.g. {@code x86_64}. */
  public static Optional<String> architecture(long arch) {
    return Optional.ofNullable(ARCHITECTURES.get(arch)).map(Architecture::name);
  }

  private static Map<Long, Architecture> read() {
    Map<Long, Architecture> architectures = new HashMap<>();
    Map<Integer, String> calls = new HashMap<>();
    try (InputStream in = Syscalls.class.getResourceAsStream(RESOURCE);
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] columns = line.split("\t", -1);
        if (columns[0].equals(ARCHITECTURE)) {
          calls = new HashMap<>();
          architectures.put(Long.parseLong(columns[1], 16), new Architecture(columns[2], calls));
        } else if (!line.startsWith("#")) {
          calls.put(Integer.valueOf(columns[0]), columns[1]);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("resource " + RESOURCE, e);
    }
    return Map.copyOf(architectures);
  }
}
