// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.List;
import java.util.function.UnaryOperator;
import org.apache.avro.Schema;

/**
 * Views of an {@link AuditEvent} for {@link AvroDeserializer#reading}: who needs only the places of
 * its records, or their bytes, is spared the decoded fields, which are most of the work of reading.
 *
 * <p>Thread-safe: stateless.
 */
public final class EventView {
  private EventView() {}

  /** Records without their decoded fields: where each stands, what it is, its bytes. */
  public static UnaryOperator<Schema> bytes() {
    return upTo("raw");
  }

  /** Records' places alone: trail, position, length. */
  public static UnaryOperator<Schema> places() {
    return upTo("length");
  }

  /** Records' places and what they are: trail, position, length, type, name. */
  public static UnaryOperator<Schema> names() {
    return upTo("name");
  }

  private static UnaryOperator<Schema> upTo(String last) {
    return type -> {
      if (!type.getFullName().equals(AuditEvent.getClassSchema().getFullName())) {
        return type;
      }
      Schema record = AuditRecord.getClassSchema();
      int kept = record.getField(last).pos() + 1;
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
    };
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
