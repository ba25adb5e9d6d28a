// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Range;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What Avro converters of Connect make of our messages. */
class StructValuesTest {
  private static final TestTrail TRAIL =
      TestTrail.random(new Random(11), "web1", "auditd", "20261120104500", 3_000);

  private static Struct event() {
    AuditRecord next = TRAIL.record(10, 20);
    next.setTrail("20261120110000");
    return Structs.of(TRAIL.event(TRAIL.record(0, 10), next));
  }

  private static Struct state() {
    TrailState state = TRAIL.terminatedWithoutDigest("why", new Range(5L, 6L), new Range(20L, 1L));
    state.setSha256(TRAIL.sha256());
    state.setPrevious("20261120100000");
    state.setPreviousSha256("ab".repeat(32));
    return Structs.of(state);
  }

  @Test
  void struct_isReadAsAnEvent() {
    AuditEvent event = (AuditEvent) StructValues.read(event(), true);
    assertThat(event.getHost()).isEqualTo("web1");
    assertThat(event.getSource()).isEqualTo("auditd");
    assertThat(event.getTrail()).isEqualTo("20261120104500");
    assertThat(event.getFormat()).isEqualTo(Format.LINUX);
    assertThat(event.getObserved()).isEqualTo(Instant.ofEpochSecond(1, 1000));
    assertThat(event.getRecords()).hasSize(2);
    AuditRecord first = event.getRecords().getFirst();
    assertThat(first.getTrail()).isEmpty();
    assertThat(first.getPosition()).isZero();
    assertThat(first.getLength()).isEqualTo(10);
    assertThat(first.getRaw()).isEqualTo(ByteBuffer.wrap(TRAIL.bytes(), 0, 10));
    AuditRecord second = event.getRecords().getLast();
    assertThat(second.getTrail()).contains("20261120110000");
    assertThat(second.getPosition()).isEqualTo(10);
    assertThat(second.getRaw()).isEqualTo(ByteBuffer.wrap(TRAIL.bytes(), 10, 10));
  }

  @Test
  void struct_isReadAsATrailState() {
    TrailState state = (TrailState) StructValues.read(state(), false);
    assertThat(state.getHost()).isEqualTo("web1");
    assertThat(state.getSource()).isEqualTo("auditd");
    assertThat(state.getTrail()).isEqualTo("20261120104500");
    assertThat(state.getFormat()).isEqualTo(Format.LINUX);
    assertThat(state.getState()).isEqualTo(TrailStatus.TERMINATED);
    assertThat(state.getName()).isEqualTo(TRAIL.name());
    assertThat(state.getSize()).isEqualTo(TRAIL.bytes().length);
    assertThat(state.getSha256()).contains(TRAIL.sha256());
    assertThat(state.getPrevious()).contains("20261120100000");
    assertThat(state.getPreviousSha256()).contains("ab".repeat(32));
    assertThat(state.getAt()).isEqualTo(Instant.ofEpochSecond(1, 1000));
    assertThat(state.getCause()).contains("why");
    assertThat(state.getDropped()).containsExactly(new Range(5L, 6L), new Range(20L, 1L));
  }

  @Test
  void struct_whatItIsSaysItsSchemaElseTheTopic() {
    assertThat(StructValues.read(event(), false)).isInstanceOf(AuditEvent.class);
    assertThat(StructValues.read(state(), true)).isInstanceOf(TrailState.class);
    SchemaBuilder unnamed = SchemaBuilder.struct();
    state().schema().fields().forEach(field -> unnamed.field(field.name(), field.schema()));
    Struct copy = new Struct(unnamed.build());
    copy.schema().fields().forEach(field -> copy.put(field, state().get(field.name())));
    assertThat(StructValues.read(copy, false)).isInstanceOf(TrailState.class);
    assertThatThrownBy(() -> StructValues.read(copy, true))
        .isInstanceOf(InvalidRecordException.class)
        .hasMessageContaining("field AuditEvent.records: wanted ARRAY of STRUCT, found no such");
  }

  @Test
  void struct_mayHoldEveryFormOfATypeThatConvertersMake() {
    Struct state =
        Structs.with(state(), "at", Timestamp.SCHEMA, Date.from(Instant.ofEpochMilli(1_500)));
    assertThat(((TrailState) StructValues.read(state, false)).getAt())
        .isEqualTo(Instant.ofEpochMilli(1_500));
    Struct record = (Struct) event().getArray("records").getFirst();
    ByteBuffer within = ByteBuffer.wrap(new byte[] {9, 1, 2, 3, 9}, 1, 3);
    for (Object raw : List.of(new byte[] {1, 2, 3}, within, within.asReadOnlyBuffer())) {
      Struct other = Structs.with(record, "raw", Schema.BYTES_SCHEMA, raw);
      assertThat(withRecord(other).getRecords().getFirst().getRaw())
          .isEqualTo(ByteBuffer.wrap(new byte[] {1, 2, 3}));
    }
    assertThat(
            withRecord(Structs.with(record, "position", Schema.INT32_SCHEMA, 7))
                .getRecords()
                .getFirst()
                .getPosition())
        .isEqualTo(7);
    assertThat(
            withRecord(Structs.with(record, "length", Schema.INT64_SCHEMA, 7L))
                .getRecords()
                .getFirst()
                .getLength())
        .isEqualTo(7);
    assertThat(withRecord(Structs.with(record, "trail", null, null)).getRecords()).hasSize(1);
  }

  private static AuditEvent withRecord(Struct record) {
    Schema records = SchemaBuilder.array(record.schema()).build();
    return (AuditEvent)
        StructValues.read(Structs.with(event(), "records", records, List.of(record)), true);
  }

  @Test
  void struct_ofAnUnknownSymbolIsTheEnumsDefault() {
    Struct state = Structs.with(state(), "state", Schema.STRING_SCHEMA, "MELTED");
    assertThat(((TrailState) StructValues.read(state, false)).getState())
        .isEqualTo(TrailStatus.UNKNOWN);
    Struct event = Structs.with(event(), "format", Schema.STRING_SCHEMA, "WAX");
    assertThat(((AuditEvent) StructValues.read(event, true)).getFormat()).isEqualTo(Format.UNKNOWN);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"format", "sha256", "previous", "previousSha256", "at", "cause", "dropped"})
  void struct_mayLackWhatHasADefault(String field) {
    assertThat(StructValues.read(Structs.with(state(), field, null, null), false)).isNotNull();
  }

  @ParameterizedTest
  @CsvSource({
    "AuditEvent,host,STRING",
    "AuditEvent,source,STRING",
    "AuditEvent,trail,STRING",
    "AuditEvent,records,ARRAY of STRUCT",
    "AuditEvent.records[0],position,INT64",
    "AuditEvent.records[0],length,INT32",
    "AuditEvent.records[0],raw,BYTES",
    "TrailState,host,STRING",
    "TrailState,source,STRING",
    "TrailState,trail,STRING",
    "TrailState,state,STRING",
    "TrailState,name,STRING",
    "TrailState,size,INT64"
  })
  void struct_thatLacksAFieldIsRefusedByItsName(String of, String field, String wanted) {
    String start = "field " + of + "." + field + ": wanted " + wanted + ", found ";
    assertThatThrownBy(() -> readWith(of, field, null, null))
        .isInstanceOf(InvalidRecordException.class)
        .hasMessageStartingWith(start + "no such field");
    assertThatThrownBy(() -> readWith(of, field, Schema.OPTIONAL_STRING_SCHEMA, null))
        .isInstanceOf(InvalidRecordException.class)
        .hasMessage(start + "null");
  }

  @ParameterizedTest
  @CsvSource({
    "AuditEvent,host,STRING",
    "AuditEvent,source,STRING",
    "AuditEvent,trail,STRING",
    "AuditEvent,format,STRING",
    "AuditEvent,records,ARRAY of STRUCT",
    "AuditEvent.records[0],trail,STRING",
    "AuditEvent.records[0],position,INT64",
    "AuditEvent.records[0],length,INT32",
    "AuditEvent.records[0],raw,BYTES",
    "TrailState,state,STRING",
    "TrailState,name,STRING",
    "TrailState,size,INT64",
    "TrailState,sha256,STRING",
    "TrailState,previous,STRING",
    "TrailState,previousSha256,STRING",
    "TrailState,at,INT64 (microseconds) or a timestamp",
    "TrailState,cause,STRING",
    "TrailState,dropped,ARRAY of STRUCT"
  })
  void struct_withAFieldOfAnotherTypeIsRefusedByItsName(String of, String field, String wanted) {
    assertThatThrownBy(() -> readWith(of, field, Schema.FLOAT64_SCHEMA, 1.5))
        .isInstanceOf(InvalidRecordException.class)
        .hasMessage("field " + of + "." + field + ": wanted " + wanted + ", found FLOAT64");
    assertThatThrownBy(
            () -> readWith(of, field, SchemaBuilder.array(Schema.STRING_SCHEMA), List.of("x")))
        .isInstanceOf(InvalidRecordException.class)
        .hasMessageEndingWith("found ARRAY of STRING");
  }

  @Test
  void struct_withALengthBeyondIntIsRefused() {
    assertThatThrownBy(
            () -> readWith("AuditEvent.records[0]", "length", Schema.INT64_SCHEMA, 1L << 31))
        .isInstanceOf(InvalidRecordException.class)
        .hasMessageContaining("records[0].length")
        .hasMessageContaining("2147483648");
  }

  private static void readWith(String of, String field, Schema schema, Object value) {
    if (of.endsWith("]")) {
      Struct record = (Struct) event().getArray("records").getFirst();
      withRecord(Structs.with(record, field, schema, value));
    } else {
      boolean event = of.equals("AuditEvent");
      StructValues.read(Structs.with(event ? event() : state(), field, schema, value), event);
    }
  }

  @Test
  void task_takesStructsToAVerifiedFileWithoutARegistry(@TempDir Path root) throws Exception {
    TestWorker worker = new TestWorker(root);
    worker.settings.remove("schema.registry.url");
    worker.start(1);
    try (JsonConverter json = new JsonConverter()) {
      json.configure(Map.of("schemas.enable", "true"), false);
      for (AuditEvent event : TRAIL.events(new Random(12), 400)) {
        worker.task.put(List.of(through(json, Topics.EVENTS, Structs.of(event))));
      }
      worker.task.put(List.of(through(json, Topics.TRAILS, Structs.of(TRAIL.terminated()))));
      Struct broken = Structs.with(Structs.of(TRAIL.opened()), "state", null, null);
      worker.task.put(List.of(through(json, Topics.TRAILS, broken)));
    }
    assertThat(root.resolve("web1/auditd/" + TRAIL.name())).hasBinaryContent(TRAIL.bytes());
    assertThat(worker.task.counters().trailsVerified).hasValue(1);
    assertThat(worker.refused).singleElement().asString().contains("TrailState.state");
    worker.task.stop();
  }

  private static SinkRecord through(JsonConverter json, Topics topic, Struct value) {
    byte[] bytes = json.fromConnectData(topic.topic(), value.schema(), value);
    SchemaAndValue read = json.toConnectData(topic.topic(), bytes);
    return new SinkRecord(topic.topic(), 0, null, null, read.schema(), read.value(), 0);
  }

  @Test
  void task_saysWhatToSetWhereBytesComeWithoutARegistry(@TempDir Path root) {
    TestWorker worker = new TestWorker(root);
    worker.settings.remove("schema.registry.url");
    worker.start(1);
    SinkRecord bytes = new SinkRecord("audit.events", 0, null, null, null, new byte[9], 42);
    assertThatThrownBy(() -> worker.task.put(List.of(bytes)))
        .isInstanceOf(ConnectException.class)
        .isNotInstanceOf(org.apache.kafka.connect.errors.RetriableException.class)
        .hasMessageContaining("audit.events-0 at offset 42")
        .hasMessageContaining("schema.registry.url is missing: set it")
        .hasMessageContaining("Avro converter");
    worker.task.stop();
  }
}
