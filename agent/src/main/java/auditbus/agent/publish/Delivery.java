// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.publish;

import auditbus.agent.event.Span;
import auditbus.agent.trail.TrailNotice;
import java.util.List;
import java.util.Optional;

/**
 * One message the broker acknowledged.
 *
 * @param source number of the source it came from, -1 for a heartbeat
 * @param spans the trail bytes an event covers, one a record; empty for a state, a heartbeat, and
 *     any part of an event but its last
 * @param lastPart whether an event is whole with this: it was its only or last part
 * @param complete the event's own word
 * @param unparsed records of it that could not be parsed or were too large to be sent whole
 * @param notice the state it was
 */
public record Delivery(
    int source,
    List<Span> spans,
    boolean lastPart,
    boolean complete,
    int unparsed,
    Optional<TrailNotice> notice) {
  /** Copies the list. */
  public Delivery {
    spans = List.copyOf(spans);
  }
}
