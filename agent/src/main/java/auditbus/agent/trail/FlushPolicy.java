// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.time.Duration;

/** When written records are forced to the disk; auditd's words. */
public sealed interface FlushPolicy {
  /** While a trail is written the kernel decides; its end is forced all the same. */
  record None() implements FlushPolicy {}

  /**
   * After so many records, or so long after the first that is not forced, whichever comes first, by
   * a thread of its own: writing never waits for the disk (auditd's INCREMENTAL_ASYNC). Two forces
   * are a few milliseconds apart.
   *
   * @param records at least 1
   * @param interval positive; kept to the pace of {@link TrailWriter#tick}
   */
  record Incremental(int records, Duration interval) implements FlushPolicy {
    /** Checks the arguments. */
    public Incremental {
      if (records < 1 || interval.isNegative() || interval.isZero()) {
        throw new IllegalArgumentException(
            "incremental flushing needs at least 1 record and a positive interval, not "
                + records
                + " and "
                + interval);
      }
    }
  }

  /** Before {@link TrailWriter#append} returns. */
  record Sync() implements FlushPolicy {}
}
