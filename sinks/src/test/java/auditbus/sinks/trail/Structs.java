// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Range;
import auditbus.schemas.TrailState;
import java.util.List;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;

/** Our messages as an Avro converter hands them to a sink. */
final class Structs {
  static final Schema RECORD =
      SchemaBuilder.struct()
          .name("auditbus.schemas.AuditRecord")
          .field("trail", Schema.OPTIONAL_STRING_SCHEMA)
          .field("position", Schema.INT64_SCHEMA)
          .field("length", Schema.INT32_SCHEMA)
          .field("type", Schema.INT32_SCHEMA)
          .field("name", Schema.STRING_SCHEMA)
          .field("raw", Schema.BYTES_SCHEMA)
          .build();
  static final Schema EVENT =
      SchemaBuilder.struct()
          .name("auditbus.schemas.AuditEvent")
          .field("host", Schema.STRING_SCHEMA)
          .field("source", Schema.STRING_SCHEMA)
          .field("trail", Schema.STRING_SCHEMA)
          .field("boot", Schema.OPTIONAL_STRING_SCHEMA)
          .field("epoch", Schema.INT64_SCHEMA)
          .field("observed", Schema.INT64_SCHEMA)
          .field("format", Schema.STRING_SCHEMA)
          .field("records", SchemaBuilder.array(RECORD).build())
          .build();
  static final Schema RANGE =
      SchemaBuilder.struct()
          .name("auditbus.schemas.Range")
          .field("position", Schema.INT64_SCHEMA)
          .field("length", Schema.INT64_SCHEMA)
          .build();
  static final Schema STATE =
      SchemaBuilder.struct()
          .name("auditbus.schemas.TrailState")
          .field("host", Schema.STRING_SCHEMA)
          .field("source", Schema.STRING_SCHEMA)
          .field("trail", Schema.STRING_SCHEMA)
          .field("format", Schema.STRING_SCHEMA)
          .field("state", Schema.STRING_SCHEMA)
          .field("name", Schema.STRING_SCHEMA)
          .field("size", Schema.INT64_SCHEMA)
          .field("sha256", Schema.OPTIONAL_STRING_SCHEMA)
          .field("previous", Schema.OPTIONAL_STRING_SCHEMA)
          .field("previousSha256", Schema.OPTIONAL_STRING_SCHEMA)
          .field("at", Schema.INT64_SCHEMA)
          .field("cause", Schema.OPTIONAL_STRING_SCHEMA)
          .field("dropped", SchemaBuilder.array(RANGE).build())
          .build();

  private Structs() {}

  static Struct of(AuditEvent event) {
    return new Struct(EVENT)
        .put("host", event.getHost())
        .put("source", event.getSource())
        .put("trail", event.getTrail())
        .put("epoch", event.getEpoch())
        .put("observed", 1_000_001L)
        .put("format", event.getFormat().name())
        .put("records", event.getRecords().stream().map(Structs::of).toList());
  }

  static Struct of(AuditRecord record) {
    return new Struct(RECORD)
        .put("trail", record.getTrail().orElse(null))
        .put("position", record.getPosition())
        .put("length", record.getLength())
        .put("type", record.getType())
        .put("name", record.getName())
        .put("raw", record.getRaw());
  }

  static Struct of(TrailState state) {
    return new Struct(STATE)
        .put("host", state.getHost())
        .put("source", state.getSource())
        .put("trail", state.getTrail())
        .put("format", state.getFormat().name())
        .put("state", state.getState().name())
        .put("name", state.getName())
        .put("size", state.getSize())
        .put("sha256", state.getSha256().orElse(null))
        .put("previous", state.getPrevious().orElse(null))
        .put("previousSha256", state.getPreviousSha256().orElse(null))
        .put("at", 1_000_001L)
        .put("cause", state.getCause().orElse(null))
        .put("dropped", dropped(state));
  }

  private static List<Struct> dropped(TrailState state) {
    return state.getDropped().stream().map(Structs::of).toList();
  }

  private static Struct of(Range range) {
    return new Struct(RANGE).put("position", range.getPosition()).put("length", range.getLength());
  }

  /** The same Struct with one field of another schema and value; a null schema takes it away. */
  static Struct with(Struct struct, String name, Schema schema, Object value) {
    SchemaBuilder changed = SchemaBuilder.struct().name(struct.schema().name());
    struct
        .schema()
        .fields()
        .forEach(
            field -> {
              if (!field.name().equals(name)) {
                changed.field(field.name(), field.schema());
              } else if (schema != null) {
                changed.field(name, schema);
              }
            });
    Struct copy = new Struct(changed.build());
    copy.schema()
        .fields()
        .forEach(
            field -> copy.put(field, field.name().equals(name) ? value : struct.get(field.name())));
    return copy;
  }
}
