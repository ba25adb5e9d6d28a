// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.Gap;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.TrailState;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericRecord;

/** Decodes the values of the topics the tally reads. */
interface TopicValues {
  /**
   * What the tally needs of an event: where its records lie and whether it is whole. Everything
   * else, the raw bytes first of all, is skipped while decoding, not decoded and thrown away.
   */
  Schema EVENT_PLACES =
      SchemaBuilder.record("AuditEvent")
          .namespace("auditbus.schemas")
          .fields()
          .requiredString("host")
          .requiredString("source")
          .requiredString("trail")
          .requiredLong("serial")
          .requiredInt("part")
          .requiredString("type")
          .requiredBoolean("complete")
          .name("records")
          .type()
          .array()
          .items()
          .record("AuditRecord")
          .fields()
          .optionalString("trail")
          .requiredLong("position")
          .requiredInt("length")
          .requiredString("name")
          .endRecord()
          .noDefault()
          .endRecord();

  /** A value of {@code audit.events}, in {@link #EVENT_PLACES}. */
  GenericRecord event(byte[] value);

  /** A value of {@code audit.trails}. */
  TrailState trail(byte[] value);

  /** A value of {@code audit.gaps}. */
  Gap gap(byte[] value);

  /** A value of {@code audit.shutdowns}. */
  ShutdownAttribution shutdown(byte[] value);
}
