// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.EventView;
import auditbus.schemas.Gap;
import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;

/** Decodes values with the schemas of a registry. */
final class RegistryValues implements TopicValues {
  private final AvroDeserializer<AuditEvent> events;
  private final AvroDeserializer<TrailState> trails;
  private final AvroDeserializer<Gap> gaps;
  private final AvroDeserializer<ShutdownAttribution> shutdowns;

  RegistryValues(SchemaRegistryClient registry) {
    events = AvroDeserializer.reading(EventView.names(), registry);
    trails = new AvroDeserializer<>(registry);
    gaps = new AvroDeserializer<>(registry);
    shutdowns = new AvroDeserializer<>(registry);
  }

  @Override
  public AuditEvent event(byte[] value) {
    return events.deserialize(Topics.EVENTS.topic(), value);
  }

  @Override
  public TrailState trail(byte[] value) {
    return trails.deserialize(Topics.TRAILS.topic(), value);
  }

  @Override
  public Gap gap(byte[] value) {
    return gaps.deserialize(Topics.GAPS.topic(), value);
  }

  @Override
  public ShutdownAttribution shutdown(byte[] value) {
    return shutdowns.deserialize(Topics.SHUTDOWNS.topic(), value);
  }
}
