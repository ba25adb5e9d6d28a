// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.AuditEvent;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Reads whole what {@link FactReader} may find facts in, and of all other events, nearly all, only
 * what they say before their records' bytes and fields: reading these is most of the work.
 *
 * <p>Thread-safe if both deserializers are.
 */
final class EventsOfInterest implements Deserializer<AuditEvent> {
  private final Deserializer<AuditEvent> names;
  private final Deserializer<AuditEvent> whole;

  /**
   * Makes a deserializer.
   *
   * @param names reads events whose records have no bytes and no fields
   * @param whole reads all of an event
   */
  EventsOfInterest(Deserializer<AuditEvent> names, Deserializer<AuditEvent> whole) {
    this.names = names;
    this.whole = whole;
  }

  @Override
  public AuditEvent deserialize(String topic, byte[] bytes) {
    AuditEvent event = names.deserialize(topic, bytes);
    return event != null && FactReader.mayMatter(event) ? whole.deserialize(topic, bytes) : event;
  }
}
