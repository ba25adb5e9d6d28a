// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import auditbus.agent.publish.Unparsed;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Keeps a decoder's defect from stopping its source: what was read up to the place where it threw,
 * and is read again because it was not sent, passes it by as UNPARSED.
 *
 * <p>Not thread-safe: the lane's thread owns it.
 */
final class Salvage {
  /** Trails remembered; a decoder that throws again at a forgotten one begins with that one. */
  private static final int MOST_TRAILS = 64;

  private final Origin origin;
  // Position up to which a trail's records pass the decoder by.
  private final Map<String, Long> until = new Positions();
  // Highest position that was read of a trail, but for the one being read.
  private final Map<String, Long> read = new Positions();
  private String trail = "";
  private long end;
  private long defects;

  /**
   * Makes it; nothing is salvaged until {@link #begin}.
   *
   * @param origin what is said of the bytes
   */
  Salvage(Origin origin) {
    this.origin = origin;
  }

  /** Takes note of a record; the event it is, if the decoder is not to have it. */
  Optional<DecodedEvent> take(TrailRecord record) {
    if (!until.isEmpty() && record.end() <= until.getOrDefault(record.trail(), 0L)) {
      return Optional.of(Unparsed.event(origin, record));
    }
    if (!record.trail().equals(trail)) {
      if (!trail.isEmpty()) {
        read.merge(trail, end, Math::max);
      }
      trail = record.trail();
      end = 0;
    }
    end = Math.max(end, record.end());
    return Optional.empty();
  }

  /**
   * The decoder threw: what was taken so far passes it by from now on.
   *
   * @return how often it threw
   */
  long begin() {
    read.forEach((id, position) -> until.merge(id, position, Math::max));
    until.merge(trail, end, Math::max);
    return ++defects;
  }

  /** Where the last record taken ended. */
  String place() {
    return "trail " + trail + " before byte " + end;
  }

  /** Positions by trail, the latest trails only. */
  private static final class Positions extends LinkedHashMap<String, Long> {
    private static final long serialVersionUID = 1;

    @Override
    protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
      return size() > MOST_TRAILS;
    }
  }
}
