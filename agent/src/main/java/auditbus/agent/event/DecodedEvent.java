// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import auditbus.schemas.AuditEvent;
import java.util.List;

/**
 * An event and the trail bytes it covers.
 *
 * @param event complete but for {@code acked}, {@code part} and {@code parts}, which the publisher
 *     sets
 * @param spans the byte ranges of the event's records, one a record, in the order of {@code
 *     event.records}
 */
public record DecodedEvent(AuditEvent event, List<Span> spans) {
  /** Copies the spans. */
  public DecodedEvent {
    spans = List.copyOf(spans);
    if (spans.isEmpty()) {
      throw new IllegalArgumentException("an event covers at least one record");
    }
  }
}
