// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import java.util.List;
import org.apache.avro.Schema;

/**
 * What the sink reads of an event: everything but the records' decoded fields, which are most of
 * the work of reading one and say nothing about the trail's bytes.
 */
final class SinkView {
  private SinkView() {}

  /** The schema a generated type is read by. */
  static Schema of(Schema type) {
    if (!type.getFullName().equals(AuditEvent.getClassSchema().getFullName())) {
      return type;
    }
    Schema record = AuditRecord.getClassSchema();
    int kept = record.getField("raw").pos() + 1;
    Schema cut = copy(record, record.getFields().subList(0, kept));
    return copy(
        type,
        type.getFields().stream()
            .map(
                field ->
                    field.name().equals("records")
                        ? new Schema.Field(field, Schema.createArray(cut))
                        : field)
            .toList());
  }

  private static Schema copy(Schema record, List<Schema.Field> fields) {
    return Schema.createRecord(
        record.getName(),
        record.getDoc(),
        record.getNamespace(),
        false,
        fields.stream().map(field -> new Schema.Field(field, field.schema())).toList());
  }
}
