// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.lines;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.IndexedRecord;

/**
 * Writes Avro records as JSON lines: fields under their names, null where there is nothing,
 * timestamps as ISO 8601 in UTC. Bytes are text where they are UTF-8; where not, base64 under the
 * field's name with {@code Base64} appended.
 *
 * <p>Not thread-safe.
 */
public final class JsonLine {
  private static final int HIGHEST_ASCII = 127;

  private final JsonGenerator json;
  private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder();

  /**
   * Makes a writer whose lines are ASCII: whatever a host sent, nothing but JSON reaches a
   * terminal.
   */
  public static JsonLine ascii(OutputStream out) throws IOException {
    JsonLine lines = new JsonLine(out);
    lines.json.setHighestNonEscapedChar(HIGHEST_ASCII);
    return lines;
  }

  /** Makes a writer; the stream stays the caller's to close. */
  public JsonLine(OutputStream out) throws IOException {
    json =
        JsonFactory.builder()
            .build()
            .createGenerator(out)
            .configure(JsonGenerator.Feature.AUTO_CLOSE_TARGET, false)
            .configure(JsonGenerator.Feature.FLUSH_PASSED_TO_STREAM, false)
            .setRootValueSeparator(null);
  }

  /** Writes the record and a line feed. */
  public void write(IndexedRecord record) throws IOException {
    value(record);
    end();
  }

  /** The generator, for a line of another shape, ended by {@link #end}. */
  public JsonGenerator raw() {
    return json;
  }

  /** Ends a line that {@link #raw} wrote. */
  public void end() throws IOException {
    json.writeRaw('\n');
  }

  /** Hands all lines to the stream. */
  public void flush() throws IOException {
    json.flush();
  }

  /** Writes a value inside a line of another shape. */
  public void value(Object value) throws IOException {
    switch (value) {
      case null -> json.writeNull();
      case IndexedRecord record -> {
        json.writeStartObject();
        for (Schema.Field field : record.getSchema().getFields()) {
          field(field.name(), record.get(field.pos()));
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
          field(one.getKey().toString(), one.getValue());
        }
        json.writeEndObject();
      }
      // Text, enums; Instant is ISO 8601 as it is.
      case Instant time -> json.writeString(time.toString());
      default -> json.writeString(value.toString());
    }
  }

  private void field(String name, Object value) throws IOException {
    if (value instanceof ByteBuffer bytes) {
      bytes(name, bytes);
    } else {
      json.writeFieldName(name);
      value(value);
    }
  }

  void bytes(String name, ByteBuffer bytes) throws IOException {
    try {
      String text = utf8.reset().decode(bytes.duplicate()).toString();
      json.writeStringField(name, text);
    } catch (CharacterCodingException e) {
      byte[] copy = new byte[bytes.remaining()];
      bytes.duplicate().get(copy);
      json.writeFieldName(name + "Base64");
      json.writeBinary(copy);
    }
  }
}
