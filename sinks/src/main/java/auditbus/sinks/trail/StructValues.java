// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Range;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;

/**
 * Reads what an Avro converter of Connect made of our messages: a {@code Struct} whose fields have
 * the Avro names. Only the fields the sink works with are read, whatever else is there or lacks:
 *
 * <pre>
 *   AuditEvent  host source trail [format] [observed] records[] {[trail] position length raw}
 *   TrailState  host source trail [format] state name size [sha256] [previous] [previousSha256]
 *               [at] [cause] [dropped[] {position length}]
 * </pre>
 *
 * <p>Enums are strings, bytes are {@code byte[]} or {@code ByteBuffer}, numbers any integer type,
 * timestamps microseconds or {@code java.util.Date}.
 *
 * <p>Thread-safe: stateless.
 */
final class StructValues {
  private static final String EVENT = AuditEvent.getClassSchema().getName();
  private static final String STATE = TrailState.getClassSchema().getName();

  private StructValues() {}

  /**
   * The message a Struct stands for.
   *
   * @param isEvent whether it is an event, where its schema's name does not say so
   * @throws InvalidRecordException naming the field that lacks or has another type
   */
  static SpecificRecord read(Struct value, boolean isEvent) {
    String name = Optional.ofNullable(value.schema().name()).orElse("");
    String last = name.substring(name.lastIndexOf('.') + 1);
    boolean event = last.equals(EVENT) || (isEvent && !last.equals(STATE));
    At at = new At(value, event ? EVENT : STATE);
    return event ? event(at) : state(at);
  }

  private static AuditEvent event(At at) {
    AuditEvent event = new AuditEvent();
    event.setHost(at.text("host"));
    event.setSource(at.text("source"));
    event.setTrail(at.text("trail"));
    event.setFormat(symbol(Format.class, at.textIfAny("format"), Format.UNKNOWN));
    at.timeIfAny("observed").ifPresent(event::setObserved);
    List<AuditRecord> records = new ArrayList<>();
    for (At each : at.list("records")) {
      AuditRecord record = new AuditRecord();
      each.textIfAny("trail").ifPresent(record::setTrail);
      record.setPosition(each.number("position", Long.MAX_VALUE));
      record.setLength((int) each.number("length", Integer.MAX_VALUE));
      record.setRaw(each.bytes("raw"));
      records.add(record);
    }
    event.setRecords(records);
    return event;
  }

  private static TrailState state(At at) {
    TrailState state = new TrailState();
    state.setHost(at.text("host"));
    state.setSource(at.text("source"));
    state.setTrail(at.text("trail"));
    state.setFormat(symbol(Format.class, at.textIfAny("format"), Format.UNKNOWN));
    state.setState(symbol(TrailStatus.class, Optional.of(at.text("state")), TrailStatus.UNKNOWN));
    state.setName(at.text("name"));
    state.setSize(at.number("size", Long.MAX_VALUE));
    at.textIfAny("sha256").ifPresent(state::setSha256);
    at.textIfAny("previous").ifPresent(state::setPrevious);
    at.textIfAny("previousSha256").ifPresent(state::setPreviousSha256);
    at.timeIfAny("at").ifPresent(state::setAt);
    at.textIfAny("cause").ifPresent(state::setCause);
    List<Range> dropped = new ArrayList<>();
    if (at.value("dropped").isPresent()) {
      for (At range : at.list("dropped")) {
        dropped.add(
            new Range(
                range.number("position", Long.MAX_VALUE), range.number("length", Long.MAX_VALUE)));
      }
    }
    state.setDropped(dropped);
    return state;
  }

  // As Avro does: a symbol this version does not know is the enum's default.
  private static <E extends Enum<E>> E symbol(Class<E> type, Optional<String> symbol, E unknown) {
    for (E known : type.getEnumConstants()) {
      if (symbol.isPresent() && known.name().equals(symbol.get())) {
        return known;
      }
    }
    return unknown;
  }

  /** A Struct and how it was come to, for messages. */
  private record At(Struct struct, String path) {
    /** A field's value; empty if the schema has no such field or the value is null. */
    Optional<Object> value(String name) {
      Field field = struct.schema().field(name);
      return field == null ? Optional.empty() : Optional.ofNullable(struct.get(field));
    }

    private <T> Optional<T> value(String name, Class<T> type, String wanted) {
      return value(name)
          .map(
              value -> {
                if (!type.isInstance(value)) {
                  throw wrong(name, wanted);
                }
                return type.cast(value);
              });
    }

    String text(String name) {
      return textIfAny(name).orElseThrow(() -> wrong(name, "STRING"));
    }

    Optional<String> textIfAny(String name) {
      return value(name, String.class, "STRING");
    }

    long number(String name, long max) {
      String wanted = max == Long.MAX_VALUE ? "INT64" : "INT32";
      Object value = value(name).orElseThrow(() -> wrong(name, wanted));
      if (!(value instanceof Long
          || value instanceof Integer
          || value instanceof Short
          || value instanceof Byte)) {
        throw wrong(name, wanted);
      }
      long number = ((Number) value).longValue();
      if (number > max || (max == Integer.MAX_VALUE && number < Integer.MIN_VALUE)) {
        throw new InvalidRecordException(
            "field " + path + "." + name + ": wanted at most " + max + ", found " + number);
      }
      return number;
    }

    ByteBuffer bytes(String name) {
      return switch (value(name).orElseThrow(() -> wrong(name, "BYTES"))) {
        case byte[] bytes -> ByteBuffer.wrap(bytes);
        case ByteBuffer bytes -> bytes.slice();
        default -> throw wrong(name, "BYTES");
      };
    }

    Optional<Instant> timeIfAny(String name) {
      return value(name)
          .map(
              value ->
                  switch (value) {
                    case Long micros -> Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
                    case Date date -> date.toInstant();
                    default -> throw wrong(name, "INT64 (microseconds) or a timestamp");
                  });
    }

    List<At> list(String name) {
      List<?> values =
          value(name, List.class, "ARRAY of STRUCT")
              .orElseThrow(() -> wrong(name, "ARRAY of STRUCT"));
      List<At> structs = new ArrayList<>(values.size());
      for (Object value : values) {
        if (!(value instanceof Struct element)) {
          throw wrong(name, "ARRAY of STRUCT");
        }
        structs.add(new At(element, path + "." + name + "[" + structs.size() + "]"));
      }
      return structs;
    }

    private InvalidRecordException wrong(String name, String wanted) {
      return new InvalidRecordException(
          "field " + path + "." + name + ": wanted " + wanted + ", found " + found(name));
    }

    private String found(String name) {
      Field field = struct.schema().field(name);
      if (field == null) {
        return "no such field: is it our schema the message was written with, and does no"
            + " transformation take fields away?";
      }
      Schema schema = field.schema();
      if (struct.get(field) == null) {
        return "null";
      }
      if (schema.type() == Schema.Type.ARRAY) {
        return "ARRAY of " + schema.valueSchema().type();
      }
      return schema.name() == null ? schema.type().toString() : schema.type() + " " + schema.name();
    }
  }
}
