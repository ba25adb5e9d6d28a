// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import java.time.Duration;
import java.util.Objects;

/**
 * How long an event may stay open, and how much may be open at once.
 *
 * @param distanceBytes while reading behind the trail's head an event is closed when more than this
 *     many bytes were read since its last record; at least 1
 * @param timeout at the trail's head an event is closed when nothing came for it this long;
 *     positive
 * @param maxOpenEvents open events, at least 1: beyond it the one idle longest is closed as
 *     incomplete
 * @param maxOpenBytes raw bytes held in open events, at least 1: beyond it the one idle longest is
 *     closed as incomplete
 */
public record Limits(long distanceBytes, Duration timeout, int maxOpenEvents, long maxOpenBytes) {
  /** Checks the arguments. */
  public Limits {
    Objects.requireNonNull(timeout, "timeout");
    if (distanceBytes < 1 || maxOpenEvents < 1 || maxOpenBytes < 1) {
      throw new IllegalArgumentException(
          "limits are at least 1: distanceBytes="
              + distanceBytes
              + " maxOpenEvents="
              + maxOpenEvents
              + " maxOpenBytes="
              + maxOpenBytes);
    }
    if (timeout.isNegative() || timeout.isZero()) {
      throw new IllegalArgumentException("timeout is positive, not " + timeout);
    }
  }

  /**
   * 4 MiB, 2 s, 16,384 events, 32 MiB. Records of one event were seen 8,165 serials apart; 2 s is
   * auditd's own.
   */
  public static Limits defaults() {
    return new Limits(4L << 20, Duration.ofSeconds(2), 16_384, 32L << 20);
  }
}
