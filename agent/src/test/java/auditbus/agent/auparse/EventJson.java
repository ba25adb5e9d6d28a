// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.schemas.AuditEvent;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.Schema;
import org.apache.avro.specific.SpecificRecord;

/** An event as one line of JSON that is good to read: no raw bytes, nothing that is absent. */
final class EventJson {
  // The same in all events of a sample, or checked elsewhere.
  private static final Set<String> LEFT_OUT =
      Set.of("host", "source", "epoch", "observed", "acked", "part", "parts", "format");

  private EventJson() {}

  static String line(AuditEvent event) {
    StringBuilder json = new StringBuilder();
    write(json, event);
    return json.toString();
  }

  private static void write(StringBuilder json, Object value) {
    switch (value) {
      case SpecificRecord record -> writeRecord(json, record);
      case Map<?, ?> map -> {
        String comma = "";
        json.append('{');
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          json.append(comma);
          writeText(json, entry.getKey().toString());
          json.append(':');
          write(json, entry.getValue());
          comma = ",";
        }
        json.append('}');
      }
      case List<?> list -> {
        String comma = "";
        json.append('[');
        for (Object element : list) {
          json.append(comma);
          write(json, element);
          comma = ",";
        }
        json.append(']');
      }
      case Number number -> json.append(number);
      case Boolean bool -> json.append(bool);
      case Instant instant -> writeText(json, instant.toString());
      default -> writeText(json, value.toString());
    }
  }

  private static void writeRecord(StringBuilder json, SpecificRecord record) {
    String comma = "";
    json.append('{');
    for (Schema.Field field : record.getSchema().getFields()) {
      Object value = record.get(field.pos());
      boolean empty =
          value == null
              || value instanceof ByteBuffer
              || (value instanceof List<?> list && list.isEmpty())
              || LEFT_OUT.contains(field.name());
      if (!empty) {
        json.append(comma);
        writeText(json, field.name());
        json.append(':');
        write(json, value);
        comma = ",";
      }
    }
    json.append('}');
  }

  private static void writeText(StringBuilder json, String text) {
    json.append('"');
    for (int at = 0; at < text.length(); at++) {
      char c = text.charAt(at);
      if (c == '"' || c == '\\') {
        json.append('\\').append(c);
      } else if (c < ' ' || c > '~') {
        json.append(String.format("\\u%04x", (int) c));
      } else {
        json.append(c);
      }
    }
    json.append('"');
  }
}
