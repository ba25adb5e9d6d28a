// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.trail.TrailSource.Place;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How long the oldest byte that is not acknowledged has been known to stand in its trail.
 *
 * <p>Remembers when a source's trails were seen to have grown to where: at most {@value
 * #MOST_SAMPLES} such samples, evenly spaced; when there are more, every second is merged into the
 * one before it and the space between them doubles. So a lag is at most a sixteenth of the oldest
 * one remembered too long, and never too short. Bytes that were there when the agent started count
 * from then.
 *
 * <p>Not thread-safe: the lane's thread owns it.
 */
final class Lag {
  private static final int MOST_SAMPLES = 64;
  private static final long LEAST_SPACE_NANOS = Duration.ofMillis(10).toNanos();

  private boolean looked;
  private List<Sample> samples = new ArrayList<>();
  private long spaceNanos = LEAST_SPACE_NANOS;

  /** At that moment the trails were seen to end there. */
  private record Sample(long nanos, String trail, long end) {
    boolean endsWith(Sample other) {
      return end == other.end && trail.equals(other.trail);
    }

    Sample upTo(Sample later) {
      return new Sample(nanos, later.trail, later.end);
    }

    boolean holds(List<Place> unacked) {
      Place oldest = unacked.getFirst();
      return trail.equals(oldest.trail())
          ? end > oldest.position()
          : unacked.stream().anyMatch(place -> place.trail().equals(trail));
    }
  }

  /**
   * The trails were looked at.
   *
   * @param newest the end of the last one
   * @param unacked the trails from the first on that has a byte which is not acknowledged, in
   *     reading order, each with the position up to which it is
   */
  void looked(long nowNanos, Optional<Place> newest, List<Place> unacked) {
    looked = true;
    if (unacked.isEmpty() || newest.isEmpty()) {
      spaceNanos = LEAST_SPACE_NANOS;
      samples.clear(); // whatever waits from now on is seen after this
      return;
    }
    Place end = newest.get();
    Sample now = new Sample(nowNanos, end.trail(), end.position());
    if (samples.isEmpty()) {
      samples.add(now);
    } else if (!samples.getLast().endsWith(now)) {
      if (nowNanos - samples.getLast().nanos() >= spaceNanos) {
        samples.add(now);
      } else {
        samples.add(samples.removeLast().upTo(now));
      }
    }
    if (samples.size() > MOST_SAMPLES) {
      thin();
    }
  }

  private void thin() {
    List<Sample> fewer = new ArrayList<>();
    for (int i = 0; i < samples.size(); i += 2) {
      fewer.add(samples.get(i).upTo(samples.get(Math.min(i + 1, samples.size() - 1))));
    }
    samples = fewer;
    spaceNanos *= 2;
  }

  /**
   * Milliseconds since the oldest byte that waits was seen, 0 where none waits, empty before the
   * first look.
   *
   * @param unacked as in {@link #looked}
   */
  Optional<Long> millis(long nowNanos, List<Place> unacked) {
    if (!looked) {
      return Optional.empty();
    }
    if (unacked.isEmpty()) {
      return Optional.of(0L);
    }
    while (samples.size() > 1 && !samples.getFirst().holds(unacked)) {
      samples.removeFirst();
    }
    return Optional.of(
        samples.isEmpty()
            ? 0L
            : Duration.ofNanos(nowNanos - samples.getFirst().nanos()).toMillis());
  }
}
