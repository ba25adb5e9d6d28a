// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import auditbus.agent.event.DecodedEvent;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.CharacterEscapes;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import org.apache.avro.Schema;
import org.apache.avro.generic.IndexedRecord;

/**
 * Prints an event as one line of JSON: the fields of {@code AuditEvent} under their names, as
 * {@code auditbus events} prints them, with null for nothing and times as ISO 8601 in UTC.
 *
 * <p>What only publishing adds is left out (host, source, boot, epoch, observed, acked, part,
 * parts); {@code trail} is the file's name. {@code raw} is left out, or is {@code rawBase64}. A
 * record that is none has {@code reason} and {@code preview}. All characters are ASCII, others are
 * escaped.
 */
final class JsonPrinter implements EventPrinter {
  private static final Set<String> PUBLISHING =
      Set.of("host", "source", "boot", "epoch", "observed", "acked", "part", "parts");
  private static final int BUFFER_BYTES = 64 * 1024;
  private static final int PREVIEW_BYTES = 160;

  private final JsonGenerator json;
  private final boolean raw;

  JsonPrinter(OutputStream stream, boolean raw) throws IOException {
    this.raw = raw;
    this.json =
        JsonFactory.builder()
            .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
            .build()
            .createGenerator(new BufferedOutputStream(stream, BUFFER_BYTES))
            .configure(JsonGenerator.Feature.AUTO_CLOSE_TARGET, false)
            .setRootValueSeparator(null)
            .setCharacterEscapes(new WithDelete());
  }

  @Override
  public void print(DecodedEvent decoded, String reason) throws IOException {
    AuditEvent event = decoded.event();
    json.writeStartObject();
    for (Schema.Field field : event.getSchema().getFields()) {
      if (field.name().equals("records")) {
        json.writeArrayFieldStart("records");
        for (AuditRecord record : event.getRecords()) {
          record(record, reason);
        }
        json.writeEndArray();
      } else if (!PUBLISHING.contains(field.name())) {
        json.writeFieldName(field.name());
        value(event.get(field.pos()));
      }
    }
    json.writeEndObject();
    json.writeRaw('\n');
  }

  @Override
  public void flush() throws IOException {
    json.flush();
  }

  private void record(AuditRecord record, String reason) throws IOException {
    json.writeStartObject();
    for (Schema.Field field : record.getSchema().getFields()) {
      if (!field.name().equals("raw")) {
        json.writeFieldName(field.name());
        value(record.get(field.pos()));
      }
    }
    byte[] bytes = new byte[record.getRaw().remaining()];
    record.getRaw().duplicate().get(bytes);
    if (record.getType() == UNPARSED) {
      StringBuilder preview = new StringBuilder();
      SafeText.bytes(preview, bytes, PREVIEW_BYTES);
      json.writeStringField("reason", reason);
      json.writeStringField("preview", preview.toString());
    }
    if (raw) {
      json.writeFieldName("rawBase64");
      json.writeBinary(bytes);
    }
    json.writeEndObject();
  }

  private void value(Object value) throws IOException {
    switch (value) {
      case null -> json.writeNull();
      case IndexedRecord record -> {
        json.writeStartObject();
        for (Schema.Field field : record.getSchema().getFields()) {
          json.writeFieldName(field.name());
          value(record.get(field.pos()));
        }
        json.writeEndObject();
      }
      case Long number -> json.writeNumber(number);
      case Integer number -> json.writeNumber(number);
      case Boolean truth -> json.writeBoolean(truth);
      case Collection<?> list -> {
        json.writeStartArray();
        for (Object one : list) {
          value(one);
        }
        json.writeEndArray();
      }
      case Map<?, ?> map -> {
        json.writeStartObject();
        for (Map.Entry<?, ?> one : map.entrySet()) {
          json.writeFieldName(one.getKey().toString());
          value(one.getValue());
        }
        json.writeEndObject();
      }
      case Instant time -> json.writeString(time.toString());
      default -> json.writeString(value.toString());
    }
  }

  /** JSON's own escapes, and one for 0x7F. */
  private static final class WithDelete extends CharacterEscapes {
    private static final long serialVersionUID = 1;
    private static final int DELETE = 0x7f;

    private final int[] ascii = standardAsciiEscapesForJSON();

    WithDelete() {
      ascii[DELETE] = ESCAPE_STANDARD;
    }

    @Override
    public int[] getEscapeCodesForAscii() {
      return ascii;
    }

    @Override
    public SerializableString getEscapeSequence(int character) {
      throw new IllegalStateException("no escape is made here: " + character);
    }
  }
}
