// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.TrailRecord;
import auditbus.schemas.EncodedFields;
import java.util.List;
import java.util.Objects;

/**
 * One line, read.
 *
 * @param source the bytes and their place
 * @param type the record's type, {@link RecordType#UNPARSED} where the line is no record
 * @param stamp which event it belongs to; null for UNPARSED
 * @param fields the decoded fields
 * @param escaped names of fields whose bytes were not UTF-8
 * @param keys the keys of the rules that caught the event, where the record tells
 */
record LinuxRecord(
    TrailRecord source,
    RecordType type,
    Stamp stamp,
    EncodedFields fields,
    List<String> escaped,
    List<String> keys) {

  /**
   * What the records of one event have in common.
   *
   * @param node the node= name, null if none
   * @param seconds since 1970
   * @param milliseconds of the second
   * @param serial the event's number
   */
  record Stamp(String node, long seconds, int milliseconds, long serial) {
    // By hand: what the compiler makes of a record goes through method handles, which the first
    // compiler does not inline, and every line asks.
    @Override
    public boolean equals(Object other) {
      return this == other
          || (other instanceof Stamp that
              && serial == that.serial
              && seconds == that.seconds
              && milliseconds == that.milliseconds
              && Objects.equals(node, that.node));
    }

    @Override
    public int hashCode() {
      int hash = Long.hashCode(serial) * 31 + Long.hashCode(seconds);
      return (hash * 31 + milliseconds) * 31 + (node == null ? 0 : node.hashCode());
    }
  }

  static LinuxRecord unparsed(TrailRecord source) {
    return new LinuxRecord(
        source, RecordType.UNPARSED, null, EncodedFields.NONE, List.of(), List.of());
  }

  boolean isUnparsed() {
    return stamp == null;
  }

  boolean has(String literal) {
    return fields.indexOf(literal) >= 0;
  }

  /** A field's uid, session or pid; null if it is none, unset (4294967295, -1) or not there. */
  Long id(String literal) {
    int index = fields.indexOf(literal);
    return index < 0
        ? null
        : Numbers.id(fields.bytes(), fields.valueFrom(index), fields.valueTo(index));
  }

  /** A field's decimal with an optional minus sign; null if it is none or not there. */
  Long signed(String literal) {
    int index = fields.indexOf(literal);
    return index < 0
        ? null
        : Numbers.signed(fields.bytes(), fields.valueFrom(index), fields.valueTo(index));
  }

  /** A field's up to 16 hex digits as a 64 bit pattern; null if it is none or not there. */
  Long hex(String literal) {
    int index = fields.indexOf(literal);
    return index < 0
        ? null
        : Numbers.hex(fields.bytes(), fields.valueFrom(index), fields.valueTo(index));
  }

  /** A field's number of digits only, at most 18 of them; -1 if it is none or not there. */
  long decimal(String literal) {
    int index = fields.indexOf(literal);
    return index < 0
        ? -1
        : Numbers.decimal(fields.bytes(), fields.valueFrom(index), fields.valueTo(index));
  }

  /** The value of a field, or null; the name is a compile-time constant. */
  String field(String literal) {
    int index = fields.indexOf(literal);
    return index < 0 ? null : fields.valueAt(index);
  }
}
