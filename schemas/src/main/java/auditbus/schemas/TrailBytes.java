// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.avro.Schema;

/**
 * Reads of an {@link AuditEvent} only which bytes of which trail it carries, and steps over all
 * else without decoding it: host, source, trail, format; of each record trail, position, length,
 * raw. The bytes are not copied, {@code raw} is a part of the message's array.
 *
 * <p>It is made for one writer's schema, whatever fields and order that has, as long as these few
 * are of the types they have here. For any other schema, and for recursive ones, there is none, and
 * Avro's own reader has to do.
 *
 * <p>Design note: Avro's reader takes 2.5 times as long to resolve and skip, most of it for a
 * record's decoded fields; who only copies bytes spends half of its time there.
 *
 * <p>No count or length makes more memory be taken than there are bytes left. Thread-safe:
 * immutable.
 */
final class TrailBytes {
  private static final String HOST = "host";
  private static final String SOURCE = "source";
  private static final String TRAIL = "trail";
  private static final String FORMAT = "format";
  private static final String RECORDS = "records";
  private static final String POSITION = "position";
  private static final String LENGTH = "length";
  private static final String RAW = "raw";

  private final List<Part<AuditEvent>> parts;

  private TrailBytes(List<Part<AuditEvent>> parts) {
    this.parts = parts;
  }

  /** Takes, or steps over, one value. */
  private interface Part<T> {
    void read(Cursor in, T into) throws IOException;
  }

  /** A reader of what was written by a schema; empty where Avro's own has to do. */
  static Optional<TrailBytes> of(Schema writer) {
    Schema.Field records = writer.getField(RECORDS);
    if (records == null || records.schema().getType() != Schema.Type.ARRAY) {
      return Optional.empty();
    }
    Schema element = records.schema().getElementType();
    if (element.getType() != Schema.Type.RECORD) {
      return Optional.empty();
    }
    try {
      Map<String, Part<AuditRecord>> ofRecord = new HashMap<>();
      ofRecord.put(TRAIL, nullable(element, TRAIL));
      wanted(element, POSITION, Schema.Type.LONG);
      ofRecord.put(POSITION, (in, record) -> record.setPosition(in.number()));
      wanted(element, LENGTH, Schema.Type.INT);
      ofRecord.put(LENGTH, (in, record) -> record.setLength(in.integer()));
      wanted(element, RAW, Schema.Type.BYTES);
      ofRecord.put(RAW, (in, record) -> record.setRaw(in.slice()));
      List<Part<AuditRecord>> recordParts = parts(element, ofRecord);

      Map<String, Part<AuditEvent>> ofEvent = new HashMap<>();
      wanted(writer, HOST, Schema.Type.STRING);
      ofEvent.put(HOST, (in, event) -> event.setHost(in.text()));
      wanted(writer, SOURCE, Schema.Type.STRING);
      ofEvent.put(SOURCE, (in, event) -> event.setSource(in.text()));
      wanted(writer, TRAIL, Schema.Type.STRING);
      ofEvent.put(TRAIL, (in, event) -> event.setTrail(in.text()));
      if (writer.getField(FORMAT) != null) {
        wanted(writer, FORMAT, Schema.Type.ENUM);
        List<Format> formats = formats(writer.getField(FORMAT).schema());
        ofEvent.put(FORMAT, (in, event) -> event.setFormat(formats.get(in.branch(formats.size()))));
      }
      ofEvent.put(RECORDS, (in, event) -> event.setRecords(records(in, recordParts)));
      return Optional.of(new TrailBytes(parts(writer, ofEvent)));
    } catch (OtherSchemaException e) {
      return Optional.empty();
    }
  }

  private static void wanted(Schema record, String name, Schema.Type type)
      throws OtherSchemaException {
    Schema.Field field = record.getField(name);
    if (field == null || field.schema().getType() != type) {
      throw new OtherSchemaException();
    }
  }

  // As Avro resolves: by name, and what this version does not know is the default.
  private static List<Format> formats(Schema writer) {
    return writer.getEnumSymbols().stream()
        .map(
            symbol ->
                Arrays.stream(Format.values())
                    .filter(format -> format.name().equals(symbol))
                    .findFirst()
                    .orElse(Format.UNKNOWN))
        .toList();
  }

  private static Part<AuditRecord> nullable(Schema record, String name)
      throws OtherSchemaException {
    wanted(record, name, Schema.Type.UNION);
    List<Schema> branches = record.getField(name).schema().getTypes();
    if (branches.size() != 2
        || branches.get(0).getType() != Schema.Type.NULL
        || branches.get(1).getType() != Schema.Type.STRING) {
      throw new OtherSchemaException();
    }
    return (in, into) -> {
      if (in.branch(2) == 1) {
        into.setTrail(in.text());
      }
    };
  }

  private static <T> List<Part<T>> parts(Schema record, Map<String, Part<T>> wanted)
      throws OtherSchemaException {
    List<Part<T>> parts = new ArrayList<>();
    for (Schema.Field field : record.getFields()) {
      Part<T> part = wanted.get(field.name());
      if (part == null) {
        Skip skip = skip(field.schema(), new HashSet<>());
        part = (in, _) -> skip.over(in);
      }
      parts.add(part);
    }
    return List.copyOf(parts);
  }

  private static List<AuditRecord> records(Cursor in, List<Part<AuditRecord>> parts)
      throws IOException {
    List<AuditRecord> records = new ArrayList<>();
    for (long left = in.block(); left != 0; left = in.block()) {
      for (; left > 0; left--) {
        AuditRecord record = new AuditRecord();
        for (Part<AuditRecord> part : parts) {
          part.read(in, record);
        }
        records.add(record);
      }
    }
    return records;
  }

  /**
   * The event of these bytes, all other fields {@code null} or 0.
   *
   * @throws IOException if they are not such an event and nothing else
   */
  AuditEvent read(byte[] bytes, int from) throws IOException {
    Cursor in = new Cursor(bytes, from);
    AuditEvent event = new AuditEvent();
    event.setFormat(Format.UNKNOWN);
    try {
      for (Part<AuditEvent> part : parts) {
        part.read(in, event);
      }
    } catch (ArrayIndexOutOfBoundsException e) {
      throw new EOFException("it ends in the midst of a number");
    }
    if (in.left() > 0) {
      throw new IOException(in.left() + " bytes follow the record");
    }
    return event;
  }

  /** Steps over one value of some schema. */
  private interface Skip {
    void over(Cursor in) throws IOException;
  }

  private static Skip skip(Schema schema, Set<String> within) throws OtherSchemaException {
    return switch (schema.getType()) {
      case NULL -> _ -> {};
      case BOOLEAN -> in -> in.forward(1);
      case INT, LONG, ENUM -> Cursor::number;
      case FLOAT -> in -> in.forward(Float.BYTES);
      case DOUBLE -> in -> in.forward(Double.BYTES);
      case STRING, BYTES -> in -> in.forward(in.number());
      case FIXED -> {
        int size = schema.getFixedSize();
        yield in -> in.forward(size);
      }
      case ARRAY -> skipBlocks(skip(schema.getElementType(), within));
      case MAP -> {
        Skip value = skip(schema.getValueType(), within);
        yield skipBlocks(
            in -> {
              in.forward(in.number());
              value.over(in);
            });
      }
      case UNION -> {
        List<Skip> branches = new ArrayList<>();
        for (Schema branch : schema.getTypes()) {
          branches.add(skip(branch, within));
        }
        yield in -> branches.get(in.branch(branches.size())).over(in);
      }
      case RECORD -> {
        if (!within.add(schema.getFullName())) {
          throw new OtherSchemaException();
        }
        List<Skip> fields = new ArrayList<>();
        for (Schema.Field field : schema.getFields()) {
          fields.add(skip(field.schema(), within));
        }
        within.remove(schema.getFullName());
        yield in -> {
          for (Skip field : fields) {
            field.over(in);
          }
        };
      }
    };
  }

  private static Skip skipBlocks(Skip element) {
    return in -> {
      for (long left = in.skipBlock(); left != 0; left = in.skipBlock()) {
        for (; left > 0; left--) {
          element.over(in);
        }
      }
    };
  }

  /** A schema this has no reader for. */
  private static final class OtherSchemaException extends Exception {
    private static final long serialVersionUID = 1;
  }

  /** Where reading is. */
  private static final class Cursor {
    private final byte[] bytes;
    private int at;

    Cursor(byte[] bytes, int at) {
      this.bytes = bytes;
      this.at = at;
    }

    int left() {
      return bytes.length - at;
    }

    /** A number of Avro's binary form. */
    long number() throws IOException {
      long value = bytes[at++];
      if (value < 0) {
        value &= 0x7f;
        int shift = 7;
        byte next;
        do {
          if (shift > 63) {
            throw new IOException("a number of more than 10 bytes ends at byte " + at);
          }
          next = bytes[at++];
          value |= (next & 0x7fL) << shift;
          shift += 7;
        } while (next < 0);
      }
      return (value >>> 1) ^ -(value & 1);
    }

    int integer() throws IOException {
      long value = number();
      if (value != (int) value) {
        throw new IOException(value + " is no int");
      }
      return (int) value;
    }

    int branch(int branches) throws IOException {
      long branch = number();
      if (branch < 0 || branch >= branches) {
        throw new IOException("branch " + branch + " of a union of " + branches);
      }
      return (int) branch;
    }

    void forward(long length) throws IOException {
      if (length < 0 || length > left()) {
        throw new EOFException(length + " bytes are announced, " + left() + " are left");
      }
      at += (int) length;
    }

    String text() throws IOException {
      int from = slide();
      return AvroBinary.text(bytes, from, at);
    }

    ByteBuffer slice() throws IOException {
      int from = slide();
      return ByteBuffer.wrap(bytes, from, at - from).slice();
    }

    // Behind a length and what it measures; returns where that starts.
    private int slide() throws IOException {
      long length = number();
      int from = at;
      forward(length);
      return from;
    }

    /** Elements of the block that follows, 0 at the end. */
    long block() throws IOException {
      long count = number();
      if (count < 0) {
        // Its length in bytes stands between.
        number();
        count = -count;
      }
      // A lowest long stays negative.
      if (count < 0 || count > left()) {
        throw new EOFException(count + " elements are announced, " + left() + " bytes are left");
      }
      return count;
    }

    /** The same for who wants none of them: blocks that tell their length are stepped over. */
    long skipBlock() throws IOException {
      for (; ; ) {
        int start = at;
        long count = number();
        if (count >= 0) {
          at = start;
          return block();
        }
        forward(number());
      }
    }
  }
}
