// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Reading only which bytes of which trail an event carries gives what Avro's own reader gives. */
class TrailBytesTest {
  private static final String EVENTS = Topics.EVENTS.topic();
  private static final int HEADER_BYTES = 5;

  private ScriptedRegistry server;
  private SchemaRegistryClient client;

  @BeforeEach
  void start() throws IOException {
    server = ScriptedRegistry.http();
    client = new SchemaRegistryClient(Map.of(SchemaRegistryConfig.URL, server.url()));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private AuditEvent read(byte[] value) {
    AvroDeserializer<AuditEvent> deserializer = AvroDeserializer.readingTrailBytes();
    deserializer.configure(Map.of(SchemaRegistryConfig.URL, server.url()), false);
    return deserializer.deserialize(EVENTS, value);
  }

  private byte[] written(SpecificRecord event) {
    return new AvroSerializer<>(client).serialize(EVENTS, event);
  }

  @Test
  void trailBytes_areWhatAvrosReaderReadsOfRandomEvents() {
    long seed = System.nanoTime();
    System.out.println("TrailBytesTest seed " + seed);
    Random random = new Random(seed);
    AvroDeserializer<AuditEvent> whole = new AvroDeserializer<>(client);
    for (int i = 0; i < 500; i++) {
      byte[] value = written(random(random));
      assertSame(read(value), whole.deserialize(EVENTS, value));
    }
  }

  private static AuditEvent random(Random random) {
    AuditEvent event = Samples.event();
    event.setHost("host" + random.nextInt(1000) + "é".repeat(random.nextInt(3)));
    if (random.nextBoolean()) {
      event.setSubject(null);
    }
    if (random.nextBoolean()) {
      event.setSyscall(null);
    }
    List<AuditRecord> records = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      byte[] raw = new byte[random.nextInt(300)];
      random.nextBytes(raw);
      Map<String, String> fields = new HashMap<>();
      for (int field = random.nextInt(20); field > 0; field--) {
        fields.put("field" + field, "value".repeat(random.nextInt(30)));
      }
      AuditRecord record = Samples.event().getRecords().getFirst();
      record.setTrail(random.nextBoolean() ? null : "20261120104501");
      record.setPosition(random.nextLong() >>> random.nextInt(1, 64));
      record.setLength(random.nextInt());
      record.setRaw(ByteBuffer.wrap(raw));
      record.setFields(fields);
      records.add(record);
    }
    event.setRecords(records);
    return event;
  }

  private static void assertSame(AuditEvent found, AuditEvent wanted) {
    assertThat(found.getHost()).isEqualTo(wanted.getHost());
    assertThat(found.getSource()).isEqualTo(wanted.getSource());
    assertThat(found.getTrail()).isEqualTo(wanted.getTrail());
    assertThat(found.getFormat()).isEqualTo(wanted.getFormat());
    assertThat(found.getRecords()).hasSameSizeAs(wanted.getRecords());
    for (int i = 0; i < wanted.getRecords().size(); i++) {
      AuditRecord record = found.getRecords().get(i);
      AuditRecord other = wanted.getRecords().get(i);
      assertThat(record.getTrail()).isEqualTo(other.getTrail());
      assertThat(record.getPosition()).isEqualTo(other.getPosition());
      assertThat(record.getLength()).isEqualTo(other.getLength());
      assertThat(record.getRaw()).isEqualTo(other.getRaw());
    }
  }

  @Test
  void trailBytes_areReadWhateverOrderAndFurtherFieldsTheWriterHas() throws IOException {
    byte[] value = rewritten(reordered(false));
    assertSame(read(value), Samples.event());
    assertThat(read(value).getRecords().getFirst().getFields()).as("read directly").isNull();
    assertThat(read(value).getType()).as("read directly").isNull();
  }

  @Test
  void trailBytes_areReadByAvroWhereTheWriterHasOtherTypes() throws IOException {
    AuditEvent read = read(rewritten(reordered(true)));
    assertSame(read, Samples.event());
    assertThat(read.getType()).as("read by Avro").isEqualTo("SYSCALL");
  }

  // Fields backwards, further ones of every kind, and raw as a string if so wanted.
  private static Schema reordered(boolean rawAsString) {
    Schema event = new Schema.Parser().parse(AuditEvent.getClassSchema().toString());
    Schema record = event.getField("records").schema().getElementType();
    Schema more =
        SchemaBuilder.record("More")
            .fields()
            .requiredDouble("a")
            .requiredFloat("b")
            .requiredBoolean("c")
            .name("d")
            .type()
            .fixed("Four")
            .size(4)
            .noDefault()
            .name("e")
            .type()
            .map()
            .values()
            .array()
            .items()
            .longType()
            .noDefault()
            .endRecord();
    List<Schema.Field> ofRecord = new ArrayList<>();
    for (Schema.Field field : record.getFields().reversed()) {
      ofRecord.add(
          new Schema.Field(
              field.name(),
              rawAsString && field.name().equals("raw")
                  ? Schema.create(Schema.Type.STRING)
                  : field.schema()));
    }
    Schema otherRecord = Schema.createRecord("AuditRecord", null, "auditbus.schemas", false);
    otherRecord.setFields(ofRecord);
    List<Schema.Field> ofEvent = new ArrayList<>();
    ofEvent.add(new Schema.Field("more", more));
    for (Schema.Field field : event.getFields().reversed()) {
      ofEvent.add(
          new Schema.Field(
              field.name(),
              field.name().equals("records") ? Schema.createArray(otherRecord) : field.schema()));
    }
    return Schema.createRecord("AuditEvent", null, "auditbus.schemas", false, ofEvent);
  }

  private byte[] rewritten(Schema writer) throws IOException {
    byte[] plain = written(Samples.event());
    Schema known = new Schema.Parser().parse(AuditEvent.getClassSchema().toString());
    GenericRecord event =
        new GenericDatumReader<GenericRecord>(known)
            .read(
                null,
                DecoderFactory.get()
                    .binaryDecoder(plain, HEADER_BYTES, plain.length - HEADER_BYTES, null));
    GenericRecord other = new GenericData.Record(writer);
    for (Schema.Field field : writer.getFields()) {
      if (field.name().equals("more")) {
        GenericRecord more = new GenericData.Record(field.schema());
        more.put("a", 1.5);
        more.put("b", 2.5f);
        more.put("c", true);
        more.put(
            "d",
            new GenericData.Fixed(field.schema().getField("d").schema(), new byte[] {1, 2, 3, 4}));
        more.put("e", Map.of("x", List.of(1L, -70_000L), "y", List.of()));
        other.put("more", more);
      } else if (field.name().equals("records")) {
        List<GenericRecord> records = new ArrayList<>();
        for (Object one : (List<?>) event.get("records")) {
          GenericRecord record = new GenericData.Record(field.schema().getElementType());
          for (Schema.Field part : record.getSchema().getFields()) {
            Object value = ((GenericRecord) one).get(part.name());
            record.put(
                part.pos(),
                part.schema().getType() == Schema.Type.STRING && value instanceof ByteBuffer raw
                    ? StandardCharsets.UTF_8.decode(raw.duplicate()).toString()
                    : value);
          }
          records.add(record);
        }
        other.put("records", records);
      } else {
        other.put(field.pos(), event.get(field.name()));
      }
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(0);
    out.write(ByteBuffer.allocate(4).putInt(server.add(writer.toString())).array());
    // Arrays and maps in blocks that tell their length in bytes.
    BinaryEncoder encoder =
        new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(out, null);
    new GenericDatumWriter<GenericRecord>(writer).write(other, encoder);
    encoder.flush();
    return out.toByteArray();
  }

  @Test
  void trailBytes_ofAnEventCutAnywhereAreRefused() {
    byte[] value = written(Samples.event());
    for (int length = 0; length < value.length; length++) {
      byte[] cut = Arrays.copyOf(value, length);
      assertThatThrownBy(() -> read(cut)).isInstanceOf(SerializationException.class);
    }
    assertThatThrownBy(() -> read(Arrays.copyOf(value, value.length + 1)))
        .isInstanceOf(SerializationException.class)
        .hasMessageContaining("1 bytes follow the record");
  }

  @Test
  void trailBytes_ofAnyBytesAreReadOrRefusedWithoutMoreMemory() {
    long seed = System.nanoTime();
    System.out.println("TrailBytesTest seed " + seed);
    Random random = new Random(seed);
    byte[] value = written(Samples.event());
    AvroDeserializer<AuditEvent> deserializer = AvroDeserializer.readingTrailBytes();
    deserializer.configure(Map.of(SchemaRegistryConfig.URL, server.url()), false);
    for (int i = 0; i < 20_000; i++) {
      byte[] damaged = value.clone();
      for (int n = 1 + random.nextInt(4); n > 0; n--) {
        damaged[HEADER_BYTES + random.nextInt(damaged.length - HEADER_BYTES)] =
            (byte) random.nextInt();
      }
      try {
        AuditEvent event = deserializer.deserialize(EVENTS, damaged);
        long bytes = 0;
        for (AuditRecord record : event.getRecords()) {
          bytes += record.getRaw().remaining();
        }
        assertThat(bytes).isLessThan(damaged.length);
      } catch (SerializationException e) {
        assertThat(e).hasMessageContaining("audit.events");
      }
    }
  }
}
