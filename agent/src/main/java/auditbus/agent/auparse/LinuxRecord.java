// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.TrailRecord;
import java.util.List;

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
    Fields fields,
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
  record Stamp(String node, long seconds, int milliseconds, long serial) {}

  static LinuxRecord unparsed(TrailRecord source) {
    return new LinuxRecord(source, RecordType.UNPARSED, null, Fields.NONE, List.of(), List.of());
  }

  boolean isUnparsed() {
    return stamp == null;
  }

  /** The value of a field, or null; the name is a compile-time constant. */
  String field(String literal) {
    return fields.of(literal);
  }
}
