// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecord;
import org.junit.jupiter.api.Test;

/** Our own writer of events writes what Avro's does. */
class AuditEventWriterTest {
  private static final int ROUNDS = 2_000;
  private static final String[] TEXTS = {
    "",
    "a",
    "auid",
    "/usr/bin/kill",
    "ключ",
    "\u20ac",
    "\ud83d\ude00",
    "\ud800 alone",
    "\0",
    "\u00e4"
  };

  private final SpecificDatumWriter<SpecificRecord> writer =
      new SpecificDatumWriter<>(AuditEvent.getClassSchema(), RecordModel.BY_SCHEMA);
  private final WireBuffer buffer = new WireBuffer();

  private byte[] avros(AuditEvent event) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
    writer.write(event, encoder);
    encoder.flush();
    return bytes.toByteArray();
  }

  private byte[] ours(AuditEvent event) {
    buffer.clear();
    AuditEventWriter.write(event, buffer);
    return buffer.toByteArray();
  }

  @Test
  void event_isWrittenAsAvroWritesIt() throws IOException {
    assertThat(ours(Samples.event())).isEqualTo(avros(Samples.event()));
  }

  /** Filled by the schema: a field that is added to it and not to the writer makes this fail. */
  @Test
  void eventsOfRandomFields_areWrittenAsAvroWritesThem() throws IOException {
    long seed = System.nanoTime();
    System.out.println("AuditEventWriterTest: seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < ROUNDS; round++) {
      AuditEvent event = (AuditEvent) value(AuditEvent.getClassSchema(), random);
      assertThat(ours(event))
          .as("seed %d, round %d: %s", seed, round, event)
          .isEqualTo(avros(event));
    }
  }

  @Test
  void encodedFields_areTheMapThatWasPut() throws IOException {
    long seed = System.nanoTime();
    System.out.println("AuditEventWriterTest: seed " + seed);
    Random random = new Random(seed);
    EncodedFields.Builder builder = new EncodedFields.Builder();
    for (int round = 0; round < ROUNDS; round++) {
      Map<String, String> wanted = new LinkedHashMap<>();
      builder.clear();
      for (int field = random.nextInt(200); field > 0; field--) {
        String name = "n".repeat(random.nextInt(1, 100)) + field;
        String text =
            TEXTS[random.nextInt(TEXTS.length)]
                .repeat(1 << random.nextInt(1, 8))
                .replace("\ud800", "");
        wanted.put(name, text);
        if (random.nextBoolean()) {
          builder.put(new EncodedFields.Name(name), text);
        } else {
          byte[] source = (" " + text + " ").getBytes(StandardCharsets.UTF_8);
          builder.put(new EncodedFields.Name(name), source, 1, source.length - 1);
        }
      }
      EncodedFields fields = builder.build();
      assertThat(fields).isEqualTo(wanted).hasSize(wanted.size());
      assertThat(new ArrayList<>(fields.entrySet())).isEqualTo(new ArrayList<>(wanted.entrySet()));
      for (int index = 0; index < fields.size(); index++) {
        String name = fields.nameAt(index);
        assertThat(fields.indexOf(name)).isEqualTo(index);
        assertThat(fields.get(name)).isEqualTo(wanted.get(name));
        assertThat(fields.valueAt(index)).isEqualTo(wanted.get(name));
      }
      assertThat(fields.get("other")).isNull();
      assertThat(fields.indexOf("other")).isEqualTo(-1);

      AuditEvent event = Samples.event();
      event.getRecords().getFirst().setFields(fields);
      byte[] encoded = ours(event);
      assertThat(encoded).isEqualTo(avros(event));
      event.getRecords().getFirst().setFields(wanted);
      assertThat(encoded).isEqualTo(avros(event));
    }
  }

  @Test
  void numbers_areTheirDecimals() {
    EncodedFields.Builder builder = new EncodedFields.Builder();
    Map<String, String> wanted = new LinkedHashMap<>();
    for (long power = 1; power > 0 && power <= 1_000_000_000_000_000_000L; power *= 10) {
      for (long number : new long[] {power - 1, power, power + 7, 4 * power + 2, -power}) {
        String name = "n" + wanted.size();
        wanted.put(name, Long.toString(number));
        builder.put(new EncodedFields.Name(name), number);
      }
    }
    for (long number :
        new long[] {
          Integer.MAX_VALUE, Integer.MIN_VALUE, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 31
        }) {
      String name = "a longer name " + wanted.size();
      wanted.put(name, Long.toString(number));
      builder.put(new EncodedFields.Name(name), number);
    }
    assertThat(builder.size()).isEqualTo(wanted.size());
    assertThat(builder.build()).isEqualTo(wanted);
  }

  @Test
  void bytesOfABufferThatStartsLater_areWrittenFromItsPosition() throws IOException {
    AuditEvent event = Samples.event();
    AuditRecord record = event.getRecords().getFirst();
    for (ByteBuffer raw :
        List.of(
            ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5}, 1, 3),
            ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5}).slice(1, 3).position(1),
            ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5}, 1, 3).asReadOnlyBuffer(),
            ByteBuffer.allocateDirect(20_000).position(7))) {
      record.setRaw(raw);
      int position = raw.position();
      assertThat(ours(event)).isEqualTo(avros(event));
      assertThat(raw.position()).isEqualTo(position);
    }
  }

  private static Object value(Schema schema, Random random) {
    if (schema.getLogicalType() != null) {
      return Instant.ofEpochSecond(
          random.nextLong(-1L << 33, 1L << 33), random.nextLong(1_000_000L) * 1_000);
    }
    return switch (schema.getType()) {
      case RECORD -> {
        SpecificRecord record = (SpecificRecord) SpecificData.get().newRecord(null, schema);
        for (Schema.Field field : schema.getFields()) {
          record.put(field.pos(), value(field.schema(), random));
        }
        yield record;
      }
      case UNION -> value(schema.getTypes().get(random.nextInt(schema.getTypes().size())), random);
      case ARRAY -> {
        List<Object> list = new ArrayList<>();
        for (int count = random.nextInt(4); count > 0; count--) {
          list.add(value(schema.getElementType(), random));
        }
        yield list;
      }
      case MAP -> {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int count = random.nextInt(4); count > 0; count--) {
          map.put(text(random), value(schema.getValueType(), random));
        }
        yield map;
      }
      case ENUM ->
          SpecificData.get()
              .createEnum(
                  schema.getEnumSymbols().get(random.nextInt(schema.getEnumSymbols().size())),
                  schema);
      case STRING -> text(random);
      case BYTES -> {
        byte[] bytes = new byte[random.nextInt(1 << random.nextInt(14))];
        random.nextBytes(bytes);
        yield ByteBuffer.wrap(bytes);
      }
      case INT -> random.nextInt() >> random.nextInt(32);
      case LONG -> random.nextLong() >> random.nextInt(64);
      case BOOLEAN -> random.nextBoolean();
      case NULL -> null;
      default -> throw new AssertionError("a type of the schema that is new here: " + schema);
    };
  }

  private static String text(Random random) {
    return TEXTS[random.nextInt(TEXTS.length)] + TEXTS[random.nextInt(TEXTS.length)];
  }
}
