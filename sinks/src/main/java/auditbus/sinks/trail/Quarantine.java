// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** The file that says why a trail is quarantined: one JSON object, one field a line. */
final class Quarantine {
  private Quarantine() {}

  static byte[] reason(TrailId id, String reason, Instant at) {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("host", id.host());
    fields.put("source", id.source());
    fields.put("trail", id.trail());
    fields.put("reason", reason);
    fields.put("at", at.toString());
    fields.put(
        "what_to_do",
        "Keep both files as evidence. To collect the trail again from Kafka, move them away and"
            + " reset the connector's offsets.");
    StringBuilder json = new StringBuilder("{");
    fields.forEach(
        (name, value) ->
            json.append(json.length() == 1 ? "\n" : ",\n")
                .append("  ")
                .append(quoted(name))
                .append(": ")
                .append(quoted(value)));
    return json.append("\n}\n").toString().getBytes(StandardCharsets.UTF_8);
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"', '\\' -> quoted.append('\\').append(c);
        default -> {
          if (c < ' ' || c == 0x7f || Character.isSurrogate(c)) {
            quoted.append(String.format("\\u%04x", (int) c));
          } else {
            quoted.append(c);
          }
        }
      }
    }
    return quoted.append('"').toString();
  }
}
