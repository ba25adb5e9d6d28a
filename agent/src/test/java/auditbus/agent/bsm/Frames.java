// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import auditbus.agent.event.Framing;
import auditbus.agent.event.TrailRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Frames a trail as a reader does that gets it in reads of some size. */
final class Frames {
  static final String TRAIL = "20261120104500";
  static final Instant OBSERVED = Instant.parse("2026-11-20T10:45:00Z");

  private static final Framing FRAMING = new BsmFraming();

  private Frames() {}

  /** Framed with all bytes at hand. */
  static List<TrailRecord> of(byte[] trail) {
    return of(trail, trail.length);
  }

  /** Framed while the trail grows by {@code step} bytes at a time and then ends. */
  static List<TrailRecord> of(byte[] trail, int step) {
    List<TrailRecord> frames = new ArrayList<>();
    int at = 0;
    boolean continued = false;
    int limit = Math.min(step, trail.length);
    while (at < trail.length) {
      int end = FRAMING.frameEnd(trail, at, limit, continued);
      if (end == 0 && limit < trail.length) {
        limit = Math.min(limit + step, trail.length);
        continue;
      }
      boolean whole = end > 0;
      int to = whole ? end : end < 0 ? ~end : FRAMING.tornEnd(trail, at, limit);
      if (to <= at || to > limit) {
        throw new AssertionError("frame [" + at + ", " + to + ") with bytes up to " + limit);
      }
      frames.add(new TrailRecord(TRAIL, at, Arrays.copyOfRange(trail, at, to), whole, OBSERVED));
      continued = !whole && FRAMING.continues(trail[to - 1]);
      at = to;
      if (at == limit && limit < trail.length) {
        limit = Math.min(limit + step, trail.length);
      }
    }
    return frames;
  }

  /** Lengths of the frames; a piece that is no record is negative. */
  static List<Integer> lengths(List<TrailRecord> frames) {
    return frames.stream()
        .map(frame -> frame.whole() ? frame.raw().length : -frame.raw().length)
        .toList();
  }
}
