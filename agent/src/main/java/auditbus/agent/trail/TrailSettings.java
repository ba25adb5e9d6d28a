// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * How trails are written.
 *
 * @param directory where; it belongs to one writer alone
 * @param group who may read beside the owner (auditd's {@code log_group}): a group's name or number
 * @param maxBytes size at which a trail ends, at least 4096; the append that passes it is still
 *     part of it
 * @param maxAge age at which a trail that is not empty ends; positive
 * @param flush when records are forced to the disk
 * @param minFreeBytes room to be left on the file system, 0 for all of it may be used
 * @param onFull what is done for that room when no acknowledged trail is left
 * @param keep how long a finished and acknowledged trail stays, counted from its last record
 */
public record TrailSettings(
    Path directory,
    Optional<String> group,
    long maxBytes,
    Duration maxAge,
    FlushPolicy flush,
    long minFreeBytes,
    OnFull onFull,
    Duration keep) {
  private static final Duration LONGEST = Duration.ofDays(36_500);
  private static final long LEAST_MAX_BYTES = 4096;

  /** Checks the arguments. */
  public TrailSettings {
    directory = directory.toAbsolutePath().normalize();
    Objects.requireNonNull(group, "group");
    Objects.requireNonNull(flush, "flush");
    Objects.requireNonNull(onFull, "onFull");
    if (maxBytes < LEAST_MAX_BYTES) {
      throw new IllegalArgumentException(
          "a trail may have at least " + LEAST_MAX_BYTES + " bytes, not at most " + maxBytes);
    }
    if (maxAge.isNegative() || maxAge.isZero() || maxAge.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException(
          "a trail's age is positive and at most " + LONGEST.toDays() + " days, not " + maxAge);
    }
    if (minFreeBytes < 0) {
      throw new IllegalArgumentException("free space is at least 0, not " + minFreeBytes);
    }
    if (keep.isNegative() || keep.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException(
          "trails are kept for 0 to " + LONGEST.toDays() + " days, not " + keep);
    }
  }
}
