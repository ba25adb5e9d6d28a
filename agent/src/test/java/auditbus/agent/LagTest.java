// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.trail.TrailSource.Place;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The lag is the age of the oldest byte that waits, whatever grew or was acknowledged since. */
class LagTest {
  private final Lag lag = new Lag();

  @Test
  void lag_isUnknownThenNoneThenThatOfTheOldestByte() {
    assertThat(lag.millis(0, List.of())).isEmpty();
    looked(0, "a", 100, place("a", 0));
    assertThat(millis(500, place("a", 0))).isEqualTo(500);
    looked(1000, "a", 300, place("a", 50));
    assertThat(millis(1500, place("a", 99))).isEqualTo(1500);
    assertThat(millis(1500, place("a", 100))).isEqualTo(500);
    assertThat(lag.millis(nanos(1500), List.of())).contains(0L);
  }

  @Test
  void laterTrail_bringsTheEndOfTheOneBefore() {
    looked(0, "a", 100, place("a", 0));
    looked(1000, "b", 10, place("a", 0), place("b", 0));
    assertThat(millis(2000, place("a", 100), place("b", 0))).isEqualTo(1000);
    looked(3000, "b", 20, place("b", 10));
    assertThat(millis(3500, place("b", 10))).isEqualTo(500);
    looked(4000, "c", 0, place("b", 10), place("c", 0));
    assertThat(millis(4500, place("b", 20), place("c", 0))).isEqualTo(500);
  }

  @Test
  void whatWasAcknowledgedMeanwhile_isForgotten() {
    looked(0, "a", 100, place("a", 0));
    lag.looked(nanos(1000), Optional.of(place("a", 100)), List.of());
    looked(2000, "a", 101, place("a", 100));
    assertThat(millis(2500, place("a", 100))).isEqualTo(500);
  }

  @Test
  void aDayWithoutABroker_isAtMostASixteenthTooLong() {
    int growths = 86_400;
    for (int second = 0; second < growths; second++) {
      looked(second * 1000L, "a", second + 1, place("a", 0));
    }
    long now = growths * 1000L;
    for (int acked : new int[] {0, 1, 999, 43_200, 86_000, 86_399}) {
      assertThat(millis(now, place("a", acked)))
          .as("byte %s", acked)
          .isBetween(now - acked * 1000L, now - acked * 1000L + now / 16);
    }
  }

  private void looked(long millis, String trail, long end, Place... unacked) {
    lag.looked(nanos(millis), Optional.of(place(trail, end)), List.of(unacked));
  }

  private long millis(long nowMillis, Place... unacked) {
    return lag.millis(nanos(nowMillis), List.of(unacked)).orElseThrow();
  }

  private static Place place(String trail, long position) {
    return new Place(trail, position);
  }

  private static long nanos(long millis) {
    return Duration.ofMillis(millis).toNanos();
  }
}
