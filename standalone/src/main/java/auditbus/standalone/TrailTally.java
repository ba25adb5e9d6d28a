// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.ClosingState;
import auditbus.schemas.TrailState;
import java.util.Objects;
import java.util.Optional;

/**
 * What the topics say of one trail.
 *
 * @param id host, source and trail
 * @param state the last state the agent published
 * @param arrived bytes of it that are in {@code audit.events}, each counted once
 * @param firstHole position of the first byte that is not, below the trail's size
 */
record TrailTally(TrailId id, Optional<TrailState> state, long arrived, Optional<Long> firstHole) {

  /** A trail's name in the whole bus. */
  record TrailId(String host, String source, String trail) implements Comparable<TrailId> {
    TrailId {
      Objects.requireNonNull(host, "host");
      Objects.requireNonNull(source, "source");
      Objects.requireNonNull(trail, "trail");
    }

    @Override
    public int compareTo(TrailId other) {
      int byHost = host.compareTo(other.host);
      int bySource = source.compareTo(other.source);
      return byHost != 0 ? byHost : bySource != 0 ? bySource : trail.compareTo(other.trail);
    }

    @Override
    public String toString() {
      return host + "/" + source + "/" + trail;
    }
  }

  /** Whether its agent said that nothing more will come. */
  boolean closed() {
    return state.filter(ClosingState::isOne).isPresent();
  }
}
