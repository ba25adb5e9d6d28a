// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.utils.Utils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class AvroSerdeTest {
  private static final String EVENTS = Topics.EVENTS.topic();

  private ScriptedRegistry server;
  private SchemaRegistryClient client;

  @BeforeEach
  void start() throws Exception {
    server = ScriptedRegistry.http();
    client =
        new SchemaRegistryClient(
            Map.of(SchemaRegistryConfig.URL, server.url(), SchemaRegistryConfig.RETRY_TIMEOUT, 0));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  static Stream<Arguments> everyTopic() {
    return Stream.of(
        Arguments.of(Topics.EVENTS, Samples.event()),
        Arguments.of(Topics.TRAILS, Samples.trail()),
        Arguments.of(Topics.AGENTS, Samples.status()),
        Arguments.of(Topics.GAPS, Samples.gap()),
        Arguments.of(Topics.SHUTDOWNS, Samples.shutdown()));
  }

  @ParameterizedTest
  @MethodSource("everyTopic")
  void serde_returnsWhatItWasGiven(Topics topic, SpecificRecord record) {
    AvroSerde<SpecificRecord> serde = new AvroSerde<>(client);
    byte[] bytes = serde.serializer().serialize(topic.topic(), record);
    assertThat(serde.deserializer().deserialize(topic.topic(), bytes)).isEqualTo(record);
    assertThat(server.requests().getFirst().line())
        .isEqualTo("POST /subjects/" + topic.subject() + "/versions");
  }

  @Test
  void serializer_writesMagicIdAndAvro() throws Exception {
    for (int i = 1; i < 300; i++) {
      server.add("\"filler " + i + "\"");
    }
    byte[] bytes = new AvroSerializer<AuditEvent>(client).serialize(EVENTS, Samples.event());
    assertThat(Arrays.copyOf(bytes, 5)).containsExactly(0, 0, 0, 1, 44);
    ByteBuffer body = AuditEvent.getEncoder().encode(Samples.event());
    // Avro's own single-object encoding: 10 bytes of header, then the same body.
    assertThat(Arrays.copyOfRange(bytes, 5, bytes.length))
        .isEqualTo(Arrays.copyOfRange(Utils.toArray(body), 10, body.limit()));
  }

  @Test
  void serializer_registersTheSchemaOfTheAvscWithoutJavaProperties() {
    new AvroSerializer<AuditEvent>(client).serialize(EVENTS, Samples.event());
    assertThat(server.schema(1))
        .doesNotContain("avro.java.string")
        .contains("\"doc\":\"One audit event of one host");
    assertThat(new Schema.Parser().parse(server.schema(1)).getField("host").schema().getType())
        .isEqualTo(Schema.Type.STRING);
  }

  @Test
  void serializer_asksTheRegistryOncePerTopicAndType() {
    AvroSerializer<SpecificRecord> serializer = new AvroSerializer<>(client);
    for (int i = 0; i < 10; i++) {
      serializer.serialize(EVENTS, Samples.event());
      serializer.serialize(Topics.GAPS.topic(), Samples.gap());
      serializer.serialize("job-changelog", Samples.gap());
    }
    assertThat(server.requests()).hasSize(3);
  }

  @Test
  void serializer_looksUpWhenItMayNotRegister() {
    AvroSerializer<AuditEvent> serializer = new AvroSerializer<>();
    serializer.configure(
        Map.of(
            SchemaRegistryConfig.URL, server.url(),
            SchemaRegistryConfig.AUTO_REGISTER, "false",
            SchemaRegistryConfig.RETRY_TIMEOUT, "0"),
        true);
    serializer.serialize(EVENTS, Samples.event());
    assertThat(server.requests().getFirst().line()).isEqualTo("POST /subjects/audit.events-key");
  }

  @Test
  void serializer_namesTopicAndRegistryWhereItGetsNoId() {
    server.fail(409, "{\"error_code\":409,\"message\":\"incompatible\"}");
    AvroSerializer<AuditEvent> serializer = new AvroSerializer<>(client);
    assertThatThrownBy(() -> serializer.serialize(EVENTS, Samples.event()))
        .isInstanceOf(SerializationException.class)
        .hasMessageContaining("topic audit.events")
        .hasMessageContaining("HTTP 409")
        .hasMessageContaining(server.url())
        .satisfies(e -> assertThat(SchemaRegistryException.isRetriable(e)).isFalse());
    assertThat(serializer.serialize(EVENTS, Samples.event())).as("the next attempt").isNotEmpty();
  }

  @Test
  void serializer_isWholeAgainAfterARecordThatBreaksItsSchema() {
    AvroSerializer<AuditEvent> serializer = new AvroSerializer<>(client);
    byte[] expected = serializer.serialize(EVENTS, Samples.event());
    AuditEvent broken = Samples.event();
    broken.setType(null);
    assertThatThrownBy(() -> serializer.serialize(EVENTS, broken))
        .isInstanceOf(SerializationException.class)
        .hasMessageContaining("auditbus.schemas.AuditEvent")
        .hasMessageContaining("type");
    assertThat(serializer.serialize(EVENTS, Samples.event())).isEqualTo(expected);
  }

  @Test
  void serde_takesLargeRecordsAndSmallOnesAfterThem() {
    AvroSerde<AuditEvent> serde = new AvroSerde<>(client);
    for (int size : List.of(0, 1, 500, 511, 512, 513, 2_047, 2_048, 100_000, 5_000_000, 10)) {
      AuditEvent event = Samples.event(size);
      assertThat(
              serde.deserializer().deserialize(EVENTS, serde.serializer().serialize(EVENTS, event)))
          .as("%d bytes", size)
          .isEqualTo(event);
    }
  }

  @Test
  void serde_servesManyThreads() throws Exception {
    AvroSerde<AuditEvent> serde = new AvroSerde<>(client);
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Callable<Void>> work =
          Stream.of(1, 2, 3, 4)
              .map(
                  thread ->
                      (Callable<Void>)
                          () -> {
                            for (int i = 0; i < 500; i++) {
                              AuditEvent event = Samples.event(thread * i);
                              event.setSerial(i);
                              byte[] bytes = serde.serializer().serialize(EVENTS, event);
                              assertThat(serde.deserializer().deserialize(EVENTS, bytes))
                                  .isEqualTo(event);
                            }
                            return null;
                          })
              .toList();
      for (Future<Void> done : threads.invokeAll(work)) {
        done.get();
      }
    }
  }

  @Test
  void serde_keepsTombstones() {
    AvroSerde<Gap> serde = new AvroSerde<>(client);
    assertThat(serde.serializer().serialize(EVENTS, null)).isNull();
    assertThat(serde.deserializer().deserialize(EVENTS, null)).isNull();
    assertThat(server.requests()).isEmpty();
  }

  @Test
  void serde_withoutConfigurationSaysSo() {
    AvroSerde<AuditEvent> serde = new AvroSerde<>();
    assertThatThrownBy(() -> serde.serializer().serialize(EVENTS, Samples.event()))
        .isInstanceOf(SerializationException.class)
        .hasMessageContaining(SchemaRegistryConfig.URL);
    assertThatThrownBy(() -> serde.configure(Map.of(), false))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(SchemaRegistryConfig.URL);
  }

  @Test
  void deserializer_readsAnOlderWriter() {
    // A writer of before dropped, cause, previous... were there: their defaults hold.
    Schema old =
        SchemaBuilder.record("TrailState")
            .namespace("auditbus.schemas")
            .fields()
            .requiredString("gone")
            .requiredString("host")
            .requiredString("source")
            .requiredString("trail")
            .requiredLong("epoch")
            .requiredString("name")
            .requiredLong("size")
            .requiredLong("at")
            .endRecord();
    int id = server.add(old.toString());
    byte[] value = avro(id, "x", "h", "s", "20261120104500", 7L, "n", 9L, 1_000_001L);
    TrailState state =
        new AvroDeserializer<TrailState>(client).deserialize(Topics.TRAILS.topic(), value);
    assertThat(state.getHost()).isEqualTo("h");
    assertThat(state.getAt()).isEqualTo(java.time.Instant.ofEpochSecond(1, 1_000));
    assertThat(state.getState()).isEqualTo(TrailStatus.UNKNOWN);
    assertThat(state.getCause()).isEmpty();
    assertThat(state.getDropped()).isEmpty();
  }

  @Test
  void deserializer_readsANewerWritersEnumSymbolAsUnknown() {
    String newer =
        SchemaText.published(Gap.getClassSchema())
            .replace("\"UNKNOWN\",\"OPEN\"", "\"UNKNOWN\",\"REOPENED\",\"OPEN\"");
    AvroSerde<Gap> serde = new AvroSerde<>(client);
    byte[] value = serde.serializer().serialize("audit.gaps", Samples.gap());
    ByteBuffer.wrap(value).putInt(1, server.add(newer));
    // OPEN is ordinal 1 here and REOPENED there.
    assertThat(serde.deserializer().deserialize("audit.gaps", value).getState())
        .isEqualTo(GapState.UNKNOWN);
  }

  static Stream<Arguments> unreadable() {
    return Stream.of(
        Arguments.of("0 bytes", new byte[0], "0 bytes long"),
        Arguments.of("4 bytes", new byte[4], "4 bytes long"),
        Arguments.of("another magic", new byte[] {1, 0, 0, 0, 1, 0}, "begins with 1"),
        Arguments.of(
            "JSON",
            "{\"a\":1}".getBytes(java.nio.charset.StandardCharsets.UTF_8),
            "begins with 123"),
        Arguments.of("an unknown id", new byte[] {0, 0, 0, 0, 99}, "40403"),
        Arguments.of("a negative id", new byte[] {0, -1, 0, 0, 99}, "never negative"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("unreadable")
  void deserializer_refusesWhatIsNotOurs(String name, byte[] value, String message) {
    assertThatThrownBy(() -> new AvroDeserializer<AuditEvent>(client).deserialize(EVENTS, value))
        .as(name)
        .isInstanceOf(SerializationException.class)
        .hasMessageContaining("topic audit.events")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.ValueSource(
      strings = {
        "\"string\"",
        "{\"type\":\"record\",\"name\":\"java.lang.Runtime\",\"fields\":[]}",
        "{\"type\":\"record\",\"name\":\"auditbus.schemas.Nothing\",\"fields\":[]}",
        "{\"type\":\"record\",\"name\":\"auditbus.schemas.AvroSerde\",\"fields\":[]}",
        "{\"type\":\"record\",\"name\":\"auditbus.schemas.sub.Gap\",\"fields\":[]}",
        "{\"type\":\"enum\",\"name\":\"auditbus.schemas.Format\",\"symbols\":[\"UNKNOWN\"]}",
        "not a schema"
      })
  void deserializer_makesNothingButGeneratedClassesOfThisPackage(String schema) {
    int id = server.add(schema);
    byte[] value = ByteBuffer.allocate(6).put((byte) 0).putInt(id).put((byte) 0).array();
    assertThatThrownBy(() -> new AvroDeserializer<>(client).deserialize("anything", value))
        .isInstanceOf(SerializationException.class)
        .hasMessageContaining("schema id " + id)
        .hasMessageContaining("6 bytes");
  }

  @Test
  void deserializer_readsOnlyATopicsOwnTypeFromIt() {
    AvroSerde<SpecificRecord> serde = new AvroSerde<>(client);
    byte[] gap = serde.serializer().serialize("elsewhere", Samples.gap());
    assertThat(serde.deserializer().deserialize("elsewhere", gap)).isEqualTo(Samples.gap());
    assertThatThrownBy(() -> serde.deserializer().deserialize(EVENTS, gap))
        .isInstanceOf(SerializationException.class)
        .hasMessageContaining(
            "its schema is auditbus.schemas.Gap, the topic's is auditbus.schemas.AuditEvent");
  }

  @Test
  void deserializer_refusesBytesAfterTheRecord() {
    AvroSerde<AuditEvent> serde = new AvroSerde<>(client);
    byte[] value = serde.serializer().serialize(EVENTS, Samples.event());
    assertThatThrownBy(
            () -> serde.deserializer().deserialize(EVENTS, Arrays.copyOf(value, value.length + 3)))
        .isInstanceOf(SerializationException.class)
        .hasMessageContaining("3 bytes follow the record");
  }

  @Test
  void deserializer_saysWhenOnlyTheRegistryIsAway() {
    AvroSerde<AuditEvent> serde = new AvroSerde<>(client);
    byte[] value = serde.serializer().serialize(EVENTS, Samples.event());
    server.close();
    assertThatThrownBy(
            () ->
                new AvroDeserializer<AuditEvent>(
                        new SchemaRegistryClient(
                            Map.of(
                                SchemaRegistryConfig.URL,
                                server.url(),
                                SchemaRegistryConfig.RETRY_TIMEOUT,
                                0)))
                    .deserialize(EVENTS, value))
        .isInstanceOf(SerializationException.class)
        .satisfies(e -> assertThat(SchemaRegistryException.isRetriable(e)).isTrue());
  }

  @Test
  void deserializer_survivesEveryCutAndRandomDamage() {
    AvroSerde<AuditEvent> serde = new AvroSerde<>(client);
    byte[] value = serde.serializer().serialize(EVENTS, Samples.event());
    for (int length = 0; length < value.length; length++) {
      byte[] cut = Arrays.copyOf(value, length);
      assertThatThrownBy(() -> serde.deserializer().deserialize(EVENTS, cut))
          .as("cut at %d", length)
          .isInstanceOf(SerializationException.class);
    }
    long seed = System.nanoTime();
    System.out.println("deserializer_survivesEveryCutAndRandomDamage seed " + seed);
    Random random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      byte[] damaged = value.clone();
      for (int n = random.nextInt(1, 5); n > 0; n--) {
        damaged[random.nextInt(5, damaged.length)] = (byte) random.nextInt();
      }
      try {
        serde.deserializer().deserialize(EVENTS, damaged);
      } catch (SerializationException e) {
        assertThat(e)
            .hasMessageContaining("topic audit.events (schema id 1, " + value.length + " bytes)");
      }
    }
    assertThat(serde.deserializer().deserialize(EVENTS, value)).isEqualTo(Samples.event());
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.ValueSource(
      strings = {
        "\"string\"",
        "\"bytes\"",
        "{\"type\":\"array\",\"items\":\"string\"}",
        "{\"type\":\"map\",\"values\":\"string\"}",
        "{\"type\":\"array\",\"items\":\"null\"}"
      })
  void deserializer_takesNoMemoryForLengthsTheRecordCannotHold(String field) {
    // As a field the reader has, where it matches, and as one it skips.
    for (String name : List.of("keys", "unheard")) {
      String schema =
          "{\"type\":\"record\",\"name\":\"auditbus.schemas.AuditEvent\",\"fields\":[{\"name\":\"%s\",\"type\":%s}]}"
              .formatted(name, field);
      byte[] value = avro(server.add(schema), 2_000_000_000L);
      long before = allocated();
      assertThatThrownBy(() -> new AvroDeserializer<>(client).deserialize("t", value))
          .isInstanceOf(SerializationException.class);
      assertThat(allocated() - before)
          .as("bytes allocated for %s of 2 000 000 000", field)
          .isLessThan(64_000_000);
    }
  }

  @Test
  void deserializer_takesNoMemoryForLengthsInsideARecordsRecord() {
    AvroSerde<AuditEvent> serde = new AvroSerde<>(client);
    AuditEvent event = Samples.event();
    event.getRecords().getFirst().setEscaped(List.of());
    byte[] value = serde.serializer().serialize(EVENTS, event);
    // The last bytes: escaped's end, records' end. Instead of the former, 2 000 000 000 elements.
    byte[] damaged = Arrays.copyOf(value, value.length + 3);
    byte[] huge = avro(0, 2_000_000_000L);
    System.arraycopy(huge, 5, damaged, value.length - 2, huge.length - 5);
    long before = allocated();
    assertThatThrownBy(() -> serde.deserializer().deserialize(EVENTS, damaged))
        .isInstanceOf(SerializationException.class);
    assertThat(allocated() - before).isLessThan(64_000_000);
  }

  @Test
  void deserializer_readsAWriterWhoseNestedFieldsStandInAnotherOrder() throws Exception {
    Schema written = SchemaText.parse(SchemaText.published(AuditEvent.getClassSchema()));
    Schema record = written.getField("records").schema().getElementType();
    List<Schema.Field> reversed =
        record.getFields().reversed().stream()
            .filter(f -> !f.name().equals("escaped"))
            .map(f -> new Schema.Field(f, f.schema()))
            .toList();
    Schema other =
        Schema.createRecord(
            record.getName(), "Reversed, and older.", record.getNamespace(), false, reversed);
    List<Schema.Field> fields =
        written.getFields().stream()
            .map(
                f ->
                    new Schema.Field(
                        f, f.name().equals("records") ? Schema.createArray(other) : f.schema()))
            .toList();
    Schema writer = Schema.createRecord("AuditEvent", "Other.", "auditbus.schemas", false, fields);
    int id = server.add(writer.toString());
    var out = new java.io.ByteArrayOutputStream();
    out.write(0);
    out.write(ByteBuffer.allocate(4).putInt(id).array());
    var encoder = org.apache.avro.io.EncoderFactory.get().binaryEncoder(out, null);
    byte[] plain = new AvroSerializer<AuditEvent>(client).serialize(EVENTS, Samples.event());
    Object generic =
        new org.apache.avro.generic.GenericDatumReader<>(written, writer)
            .read(
                null,
                org.apache.avro.io.DecoderFactory.get()
                    .binaryDecoder(plain, 5, plain.length - 5, null));
    new org.apache.avro.generic.GenericDatumWriter<>(writer).write(generic, encoder);
    encoder.flush();
    AuditEvent expected = Samples.event();
    expected.getRecords().getFirst().setEscaped(List.of());
    assertThat(new AvroDeserializer<AuditEvent>(client).deserialize(EVENTS, out.toByteArray()))
        .isEqualTo(expected);
  }

  @Test
  void deserializer_readsByAViewWhatItsCallerWants() {
    AvroSerializer<AuditEvent> serializer = new AvroSerializer<>(client);
    AvroDeserializer<AuditEvent> deserializer =
        AvroDeserializer.reading(
            schema ->
                Schema.createRecord(
                    schema.getName(),
                    null,
                    schema.getNamespace(),
                    false,
                    schema.getFields().subList(0, 3).stream()
                        .map(f -> new Schema.Field(f, f.schema()))
                        .toList()));
    deserializer.configure(Map.of(SchemaRegistryConfig.URL, server.url()), false);
    AuditEvent read =
        deserializer.deserialize(EVENTS, serializer.serialize(EVENTS, Samples.event()));
    assertThat(read.getHost()).isEqualTo("web-1");
    assertThat(read.getTrail()).isEqualTo("20261120104500");
    assertThat(read.getRecords()).isNull();
  }

  @Test
  void viewOfNames_hasPlacesAndTypesWithoutBytes() {
    AuditEvent read =
        AvroDeserializer.<AuditEvent>reading(EventView.names(), client)
            .deserialize(
                EVENTS, new AvroSerializer<AuditEvent>(client).serialize(EVENTS, Samples.event()));
    AuditRecord record = read.getRecords().getFirst();
    AuditRecord whole = Samples.event().getRecords().getFirst();
    assertThat(record.getPosition()).isEqualTo(whole.getPosition());
    assertThat(record.getName()).isEqualTo(whole.getName());
    assertThat(record.getRaw()).isNull();
    assertThat(record.getFields()).isNull();
  }

  private static long allocated() {
    return ((com.sun.management.ThreadMXBean)
            java.lang.management.ManagementFactory.getThreadMXBean())
        .getCurrentThreadAllocatedBytes();
  }

  /** A value of the wire format, its fields written one after the other. */
  private static byte[] avro(int id, Object... fields) {
    try {
      var out = new java.io.ByteArrayOutputStream();
      out.write(0);
      out.write(ByteBuffer.allocate(4).putInt(id).array());
      var encoder = org.apache.avro.io.EncoderFactory.get().binaryEncoder(out, null);
      for (Object field : fields) {
        if (field instanceof String text) {
          encoder.writeString(text);
        } else {
          encoder.writeLong((Long) field);
        }
      }
      encoder.flush();
      return out.toByteArray();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
