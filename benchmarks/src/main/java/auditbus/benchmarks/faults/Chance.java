// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.util.List;
import java.util.Random;

/** Chooses what happens next: the same seed chooses the same. One thread owns it. */
final class Chance {
  private static final List<String> PROCESSES =
      List.of("broker", "registry", "agent", "streams", "worker");
  private static final List<String> DISKS = List.of("broker", "agent", "worker");

  /** Whose clock may be stepped. */
  static final List<String> CLOCKS = List.of("agent");

  private final List<Kind> kinds;
  private final Random random;

  Chance(List<Kind> kinds, long seed) {
    this.kinds = List.copyOf(kinds);
    this.random = new Random(seed);
  }

  Fault next() {
    Kind kind = kinds.get(random.nextInt(kinds.size()));
    String target =
        switch (kind) {
          case KILL, STOP -> of(PROCESSES);
          case REFUSE, BLACKHOLE, SLOW, CUT -> "network";
          case REGISTRY -> "registry";
          case DISK -> of(DISKS);
          case CLOCK -> of(CLOCKS);
          case ROTATE, TRUNCATE, REPLACE -> "log";
          case TEAR, CHECKPOINT, RELOAD -> "agent";
        };
    int longest =
        switch (kind) {
          case KILL, TEAR, CHECKPOINT -> 3_000;
          case ROTATE, TRUNCATE, REPLACE -> 100;
          default -> 9_000;
        };
    return new Fault(kind, target, 50 + random.nextInt(longest), random.nextLong());
  }

  /** Milliseconds until the next one. */
  int pause() {
    return 300 + random.nextInt(4_000);
  }

  private String of(List<String> names) {
    return names.get(random.nextInt(names.size()));
  }
}
