// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Clocks of single processes, by libfaketime; the machine's own is never touched. Each process
 * reads its offset from a file of its own. Thread-safe.
 */
final class Clocks {
  private static final List<Path> PLACES =
      List.of(
          Path.of("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"),
          Path.of("/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"));

  private final Optional<Path> library;
  private final Path directory;

  private Clocks(Optional<Path> library, Path directory) {
    this.library = library;
    this.directory = directory;
  }

  /** Clocks that nobody can step. */
  static Clocks real(Path directory) {
    return new Clocks(Optional.empty(), directory);
  }

  /** Clocks that can be stepped, where the library is installed. */
  static Clocks ofLibrary(Path directory) {
    return new Clocks(PLACES.stream().filter(Files::exists).findFirst(), directory);
  }

  boolean canStep() {
    return library.isPresent();
  }

  /** What a process is to be started with. */
  Map<String, String> environment(String process) {
    if (library.isEmpty() || !Schedule.CLOCKS.contains(process)) {
      return Map.of();
    }
    return Map.of(
        "LD_PRELOAD", library.get().toString(),
        "FAKETIME_TIMESTAMP_FILE", file(process).toString(),
        "FAKETIME_CACHE_DURATION", "1",
        "FAKETIME_DONT_FAKE_MONOTONIC", "1",
        // Else each timed wait of a JVM ends at once: its threads spin.
        "FAKETIME_FORCE_MONOTONIC_FIX", "0",
        "FAKETIME_DONT_RESET", "1");
  }

  /** From now on a process's clock is ahead by that much, or behind. */
  void step(String process, int seconds) throws IOException {
    Path next = directory.resolve(process + ".clock.new");
    Files.writeString(next, "%+d".formatted(seconds));
    Files.move(next, file(process), StandardCopyOption.ATOMIC_MOVE);
  }

  private Path file(String process) {
    return directory.resolve(process + ".clock");
  }
}
