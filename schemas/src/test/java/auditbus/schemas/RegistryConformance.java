// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.avro.AvroSchema;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.CachedSchemaRegistryClient;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericData;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericDatumReader;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericDatumWriter;
import org.apache.flink.avro.shaded.org.apache.avro.generic.GenericRecord;
import org.apache.flink.avro.shaded.org.apache.avro.io.BinaryEncoder;
import org.apache.flink.avro.shaded.org.apache.avro.io.DecoderFactory;
import org.apache.flink.avro.shaded.org.apache.avro.io.EncoderFactory;
import org.apache.flink.formats.avro.registry.confluent.ConfluentSchemaRegistryCoder;
import org.junit.jupiter.api.Test;

/**
 * What any registry auditbus works with must do, asked by our client, by Confluent's own client
 * classes and by hand; and that our bytes are theirs. Run against each registry there is to test
 * with.
 */
public abstract class RegistryConformance {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient http = HttpClient.newHttpClient();
  private final String subject = "conformance-" + UUID.randomUUID() + "-value";

  /** Where the registry under test listens, with the path before /subjects. */
  protected abstract String url();

  private SchemaRegistryClient client() {
    return new SchemaRegistryClient(
        Map.of(SchemaRegistryConfig.URL, url(), SchemaRegistryConfig.RETRY_TIMEOUT, 5_000));
  }

  private CachedSchemaRegistryClient genuine() {
    return new CachedSchemaRegistryClient(url(), 100);
  }

  private static Schema schema(String field, String type, boolean optional) {
    var fields =
        SchemaBuilder.record("Thing")
            .namespace("conformance")
            .doc("A thing.")
            .fields()
            .requiredString("name");
    var added =
        fields.name(field).doc("Added.").type(new Schema.Parser().parse("\"" + type + "\""));
    return (optional ? added.withDefault(type.equals("string") ? "" : 0) : added.noDefault())
        .endRecord();
  }

  private static final Schema FIRST = schema("x", "string", false);
  private static final Schema WITHOUT_X = schema("y", "string", true);
  private static final Schema X_IS_INT = schema("x", "int", true);

  // ---- our client

  @Test
  void client_registersOnceAndFindsTheSchemaAgain() {
    int id = client().register(subject, FIRST);
    assertThat(client().register(subject, FIRST)).isEqualTo(id);
    assertThat(client().idOf(subject, FIRST)).isEqualTo(id);
    assertThat(client().schemaById(id)).isEqualTo(FIRST);
    assertThat(client().schemaById(id).getDoc()).isEqualTo("A thing.");
  }

  @Test
  void client_registersTheSchemaOfEveryTopic() {
    SchemaRegistryClient client = client();
    for (Topics topic : Topics.values()) {
      int id = client.register(topic.subject(), topic.schema());
      assertThat(client().idOf(topic.subject(), topic.schema())).isEqualTo(id);
      assertThat(SchemaText.published(client().schemaById(id)))
          .isEqualTo(SchemaText.published(topic.schema()));
      assertThat(client.isCompatible(topic.subject(), topic.schema())).isTrue();
    }
  }

  @Test
  void client_saysWhatIsMissing() {
    assertThat(refusal(() -> client().idOf(subject, FIRST)).errorCode()).hasValue(40401);
    client().register(subject, FIRST);
    assertThat(refusal(() -> client().idOf(subject, WITHOUT_X)).errorCode()).hasValue(40403);
    assertThat(refusal(() -> client().schemaById(999_999)).errorCode()).hasValue(40403);
  }

  @Test
  void client_comparesWithAllVersionsOfATransitiveSubject() {
    SchemaRegistryClient client = client();
    assertThat(client.isCompatible(subject, FIRST)).as("no such subject yet").isTrue();
    client.register(subject, FIRST);
    client.setCompatibility(subject, Compatibility.BACKWARD_TRANSITIVE);
    assertThat(client().compatibility(subject)).hasValue(Compatibility.BACKWARD_TRANSITIVE);
    assertThat(client.isCompatible(subject, WITHOUT_X)).isTrue();
    client.register(subject, WITHOUT_X);
    // The newest version has no x to disagree with, the first one has.
    assertThat(client.isCompatible(subject, X_IS_INT)).isFalse();
    SchemaRegistryException refusal = refusal(() -> client.register(subject, X_IS_INT));
    assertThat(refusal.status()).hasValue(409);
    assertThat(refusal.retriable()).isFalse();
    client.setCompatibility(subject, Compatibility.NONE);
    assertThat(client.register(subject, X_IS_INT)).isPositive();
  }

  private static SchemaRegistryException refusal(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    return catchThrowableOfType(SchemaRegistryException.class, call);
  }

  // ---- Confluent's client

  @Test
  void genuineClient_seesWhatOursRegistered() throws Exception {
    int id = client().register(subject, FIRST);
    CachedSchemaRegistryClient genuine = genuine();
    assertThat(genuine.register(subject, parsed(FIRST))).isEqualTo(id);
    assertThat(genuine.getId(subject, parsed(FIRST))).isEqualTo(id);
    assertThat(genuine.getVersion(subject, parsed(FIRST))).isEqualTo(1);
    assertThat(genuine.getSchemaById(id).rawSchema()).isEqualTo(theirs(FIRST));
    assertThat(genuine.getLatestSchemaMetadata(subject).getId()).isEqualTo(id);
    assertThat(genuine.getSchemaMetadata(subject, 1).getSchema()).isEqualTo(FIRST.toString());
    assertThat(genuine.getAllVersions(subject)).containsExactly(1);
    assertThat(genuine.getAllSubjects()).contains(subject);
    assertThat(genuine.getAllSubjectsById(id)).contains(subject);
    assertThat(genuine.getAllVersionsById(id))
        .anyMatch(v -> v.getSubject().equals(subject) && v.getVersion() == 1);
  }

  @Test
  void client_seesWhatTheGenuineOneRegistered() throws Exception {
    int id = genuine().register(subject, parsed(FIRST));
    assertThat(client().idOf(subject, FIRST)).isEqualTo(id);
    assertThat(client().register(subject, FIRST)).isEqualTo(id);
    assertThat(client().schemaById(id)).isEqualTo(FIRST);
  }

  @Test
  void genuineClient_isRefusedInItsOwnWords() throws Exception {
    CachedSchemaRegistryClient genuine = genuine();
    genuine.register(subject, parsed(FIRST));
    assertThat(genuine.updateCompatibility(subject, "BACKWARD_TRANSITIVE"))
        .isEqualTo("BACKWARD_TRANSITIVE");
    assertThat(genuine.getCompatibility(subject)).isEqualTo("BACKWARD_TRANSITIVE");
    assertThat(genuine.testCompatibility(subject, parsed(WITHOUT_X))).isTrue();
    assertThat(genuine.testCompatibility(subject, parsed(X_IS_INT))).isFalse();
    assertThat(status(() -> genuine.register(subject, parsed(X_IS_INT)))).isEqualTo("409 409");
    assertThat(status(() -> genuine.getId(subject, parsed(WITHOUT_X)))).isEqualTo("404 40403");
    assertThat(status(() -> genuine.getId(subject + "x", parsed(FIRST)))).isEqualTo("404 40401");
    assertThat(status(() -> genuine.getLatestSchemaMetadata(subject + "x"))).isEqualTo("404 40401");
    assertThat(status(() -> genuine.getSchemaMetadata(subject, 9))).isEqualTo("404 40402");
    assertThat(status(() -> genuine.getAllVersions(subject + "x"))).isEqualTo("404 40401");
    assertThat(status(() -> genuine.getSchemaById(999_999))).isEqualTo("404 40403");
    assertThat(status(() -> genuine.updateCompatibility(subject, "SOMETIMES")))
        .isEqualTo("422 42203");
  }

  private static String status(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    RestClientException refusal = catchThrowableOfType(RestClientException.class, call);
    return refusal.getStatus() + " " + refusal.getErrorCode();
  }

  // ---- the wire format

  @Test
  void ourBytes_areReadByConfluentsCoderAndAnotherAvro() throws Exception {
    var coder = new ConfluentSchemaRegistryCoder(subject, genuine());
    for (var sample :
        List.of(
            Samples.event(),
            Samples.trail(),
            Samples.status(),
            Samples.gap(),
            Samples.shutdown())) {
      byte[] bytes = new AvroSerializer<>(client()).serialize(topicOf(sample), sample);
      ByteArrayInputStream in = new ByteArrayInputStream(bytes);
      var writer = coder.readSchema(in);
      assertThat(writer).isEqualTo(theirs(sample.getSchema()));
      GenericRecord read =
          new GenericDatumReader<GenericRecord>(writer)
              .read(null, DecoderFactory.get().binaryDecoder(in, null));
      assertThat(in.available()).isZero();
      assertThat(read.get("host")).hasToString("web-1");
      assertThat(JSON.readTree(read.toString()))
          .isEqualTo(JSON.readTree(generic(sample).toString()));
    }
  }

  @Test
  void confluentsBytes_areReadByOurs() throws Exception {
    var samples =
        List.of(
            Samples.event(), Samples.trail(), Samples.status(), Samples.gap(), Samples.shutdown());
    for (var sample : samples) {
      String topic = topicOf(sample);
      var schema = theirs(sample.getSchema());
      // The record as the other Avro holds it, by way of the other Avro's reader.
      byte[] ours = new AvroSerializer<>(client()).serialize(topic, sample);
      GenericRecord record =
          new GenericDatumReader<GenericRecord>(schema)
              .read(null, DecoderFactory.get().binaryDecoder(ours, 5, ours.length - 5, null));
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      new ConfluentSchemaRegistryCoder(topic + "-value", genuine()).writeSchema(schema, out);
      BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
      new GenericDatumWriter<GenericRecord>(schema).write(record, encoder);
      encoder.flush();
      assertThat(Arrays.copyOf(out.toByteArray(), 5))
          .as("magic and id")
          .isEqualTo(Arrays.copyOf(ours, 5));
      assertThat(new AvroDeserializer<>(client()).deserialize(topic, out.toByteArray()))
          .isEqualTo(sample);
    }
  }

  @Test
  void confluentsBytes_ofAnotherVersionAreReadByOurs() throws Exception {
    String topic = subject.substring(0, subject.length() - "-value".length());
    var older =
        new org.apache.flink.avro.shaded.org.apache.avro.Schema.Parser()
            .parse(
                "{\"type\":\"record\",\"name\":\"Range\",\"namespace\":\"auditbus.schemas\",\"fields\":["
                    + "{\"name\":\"note\",\"type\":\"string\"},{\"name\":\"length\",\"type\":\"int\"},{\"name\":\"position\",\"type\":\"long\"}]}");
    GenericRecord record = new GenericData.Record(older);
    record.put("note", "of before");
    record.put("length", 7);
    record.put("position", 40L);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    new ConfluentSchemaRegistryCoder(topic + "-value", genuine()).writeSchema(older, out);
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
    new GenericDatumWriter<GenericRecord>(older).write(record, encoder);
    encoder.flush();
    assertThat(new AvroDeserializer<Range>(client()).deserialize(topic, out.toByteArray()))
        .isEqualTo(Range.newBuilder().setPosition(40).setLength(7).build());
  }

  private static String topicOf(org.apache.avro.specific.SpecificRecord record) {
    return Arrays.stream(Topics.values())
        .filter(t -> t.schema().equals(record.getSchema()))
        .findFirst()
        .orElseThrow()
        .topic();
  }

  /** The record with times as numbers, as a generic reader sees it. */
  private static Object generic(org.apache.avro.specific.SpecificRecord record) throws Exception {
    byte[] bytes;
    try (ByteArrayOutputStream out = new ByteArrayOutputStream()) {
      var encoder = org.apache.avro.io.EncoderFactory.get().binaryEncoder(out, null);
      new org.apache.avro.specific.SpecificDatumWriter<>(record.getSchema(), RecordModel.GENERATED)
          .write(record, encoder);
      encoder.flush();
      bytes = out.toByteArray();
    }
    Schema schema = SchemaText.parse(SchemaText.published(record.getSchema()));
    return new org.apache.avro.generic.GenericDatumReader<>(schema)
        .read(null, org.apache.avro.io.DecoderFactory.get().binaryDecoder(bytes, null));
  }

  private static org.apache.flink.avro.shaded.org.apache.avro.Schema theirs(Schema schema) {
    return new org.apache.flink.avro.shaded.org.apache.avro.Schema.Parser()
        .parse(SchemaText.published(schema));
  }

  private static AvroSchema parsed(Schema schema) {
    return new AvroSchema(theirs(schema));
  }

  // ---- by hand

  @Test
  void api_answersAsDocumented() throws Exception {
    int id = client().register(subject, FIRST);
    String text = FIRST.toString();
    assertThat(get("/subjects/" + subject + "/versions")).isEqualTo("200 [1]");
    for (String version : List.of("1", "latest")) {
      JsonNode answer =
          JSON.readTree(get("/subjects/" + subject + "/versions/" + version).substring(4));
      assertThat(answer.path("subject").asText()).isEqualTo(subject);
      assertThat(answer.path("version").asInt()).isEqualTo(1);
      assertThat(answer.path("id").asInt()).isEqualTo(id);
      assertThat(answer.path("schema").asText()).isEqualTo(text);
    }
    assertThat(JSON.readTree(get("/schemas/ids/" + id).substring(4)).path("schema").asText())
        .isEqualTo(text);
    assertThat(get("/schemas/ids/" + id + "/versions"))
        .contains("{\"subject\":\"" + subject + "\",\"version\":1}");
    assertThat(get("/subjects")).contains(subject);
    JsonNode found =
        JSON.readTree(
            send(
                    "POST",
                    "/subjects/" + subject,
                    JSON.createObjectNode().put("schema", text).toString())
                .substring(4));
    assertThat(found.path("id").asInt()).isEqualTo(id);
    assertThat(found.path("version").asInt()).isEqualTo(1);
    assertThat(send("PUT", "/config/" + subject, "{\"compatibility\":\"FULL\"}"))
        .startsWith("200 ")
        .contains("\"compatibility\":\"FULL\"");
    assertThat(get("/config/" + subject))
        .startsWith("200 ")
        .contains("\"compatibilityLevel\":\"FULL\"");
    assertThat(get("/config")).startsWith("200 ").contains("compatibilityLevel");
  }

  @Test
  void api_refusesWhatIsNoSchema() throws Exception {
    assertThat(
            send(
                "POST",
                "/subjects/" + subject + "/versions",
                "{\"schema\":\"{\\\"type\\\":\\\"nonsense\\\"}\"}"))
        .startsWith("422 ")
        .contains("42201");
    assertThat(get("/subjects/" + subject + "/versions")).startsWith("404 ").contains("40401");
    assertThat(get("/schemas/ids/999999")).startsWith("404 ").contains("40403");
  }

  /** The status and the body of an answer. */
  protected final String get(String path) throws Exception {
    return send("GET", path, "");
  }

  /** The status and the body of an answer. */
  protected final String send(String method, String path, String body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url() + path))
            .header("Content-Type", RegistryTransport.CONTENT_TYPE)
            .method(
                method,
                method.equals("GET")
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofString(body))
            .build();
    HttpResponse<byte[]> response = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
    return response.statusCode() + " " + new String(response.body(), StandardCharsets.UTF_8);
  }

  @Test
  void deserializer_namesAnIdTheRegistryDoesNotHave() {
    byte[] value = ByteBuffer.allocate(6).put((byte) 0).putInt(999_999).put((byte) 0).array();
    assertThatThrownBy(() -> new AvroDeserializer<>(client()).deserialize("audit.events", value))
        .hasMessageContaining("topic audit.events (schema id 999999, 6 bytes)")
        .hasMessageContaining("40403");
  }
}
