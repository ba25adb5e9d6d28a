// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;

/** A wall clock and a monotonic one that move when they are told to. */
final class FakeTime implements InstantSource {
  private volatile Instant now;
  private volatile long nanos = 1_000_000_000_000L;

  FakeTime(String start) {
    now = Instant.parse(start);
  }

  @Override
  public Instant instant() {
    return now;
  }

  long nanos() {
    return nanos;
  }

  synchronized void advance(Duration time) {
    now = now.plus(time);
    nanos += time.toNanos();
  }

  /** The wall clock is set; time does not pass. */
  synchronized void set(String instant) {
    now = Instant.parse(instant);
  }
}
