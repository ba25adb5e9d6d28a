// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.Compatibility;
import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.SchemaRegistryConfig;
import auditbus.schemas.TestBroker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedRegistryIT {
  private static final Schema STRING = Schema.create(Schema.Type.STRING);
  private static final Schema INT = Schema.create(Schema.Type.INT);

  @TempDir private Path directory;
  private final HttpClient http = HttpClient.newHttpClient();
  private TestBroker broker;
  private EmbeddedRegistry registry;

  @BeforeEach
  void start() throws Exception {
    broker = TestBroker.open(directory);
  }

  @AfterEach
  void stop() {
    if (registry != null) {
      registry.close();
    }
    broker.close();
  }

  private EmbeddedRegistry open(int port) throws IOException {
    registry =
        EmbeddedRegistry.open(
            Map.of("bootstrap.servers", broker.bootstrap()),
            new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    return registry;
  }

  private SchemaRegistryClient client() {
    return new SchemaRegistryClient(
        Map.of(
            SchemaRegistryConfig.URL,
            registry.uri().toString(),
            SchemaRegistryConfig.RETRY_TIMEOUT,
            0));
  }

  @Test
  void registry_remembersEverythingOverARestartOfItselfAndTheBroker() throws Exception {
    open(0);
    int first = client().register("a-value", STRING);
    int second = client().register("b-value", INT);
    assertThat(client().register("c-value", STRING))
        .as("the same schema, the same id")
        .isEqualTo(first);
    client().setCompatibility("a-value", Compatibility.NONE);
    int third = client().register("a-value", INT);
    assertThat(third).isEqualTo(second);
    List<String> before = answers();
    registry.close();
    registry.close();
    broker.close();
    broker = TestBroker.open(directory);
    open(0);
    assertThat(answers()).isEqualTo(before);
    assertThat(client().compatibility("a-value")).hasValue(Compatibility.NONE);
    assertThat(client().compatibility("b-value")).isEqualTo(Optional.empty());
    assertThat(client().register("d-value", Schema.create(Schema.Type.LONG))).isEqualTo(3);
  }

  private List<String> answers() throws Exception {
    List<String> answers = new ArrayList<>();
    for (String path :
        List.of(
            "/subjects",
            "/subjects/a-value/versions",
            "/subjects/a-value/versions/2",
            "/subjects/c-value/versions/latest",
            "/schemas/ids/1",
            "/schemas/ids/1/versions",
            "/schemas/ids/2/subjects",
            "/config",
            "/config/a-value")) {
      answers.add(path + " " + send("GET", path, ""));
    }
    return answers;
  }

  @Test
  void topic_holdsConfluentsRecordFormat() throws Exception {
    open(0);
    client().register("a-value", STRING);
    client().setCompatibility("a-value", Compatibility.FULL);
    send("PUT", "/config", "{\"compatibility\":\"backward\"}");
    List<String> records = new ArrayList<>();
    try (var consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrap()),
            new StringDeserializer(),
            new StringDeserializer())) {
      TopicPartition partition = new TopicPartition("_schemas", 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      while (consumer.position(partition) < end) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
          records.add(record.key() + " " + record.value());
        }
      }
    }
    assertThat(records)
        .containsExactly(
            "{\"keytype\":\"SCHEMA\",\"subject\":\"a-value\",\"version\":1,\"magic\":1}"
                + " {\"subject\":\"a-value\",\"version\":1,\"id\":1,\"schema\":\"\\\"string\\\"\",\"deleted\":false}",
            "{\"keytype\":\"CONFIG\",\"subject\":\"a-value\",\"magic\":0}"
                + " {\"subject\":\"a-value\",\"compatibilityLevel\":\"FULL\"}",
            "{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0} {\"subject\":null,\"compatibilityLevel\":\"BACKWARD\"}");
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrap()))) {
      var resource =
          new org.apache.kafka.common.config.ConfigResource(
              org.apache.kafka.common.config.ConfigResource.Type.TOPIC, "_schemas");
      assertThat(
              admin
                  .describeConfigs(List.of(resource))
                  .all()
                  .get()
                  .get(resource)
                  .get("cleanup.policy")
                  .value())
          .isEqualTo("compact");
    }
  }

  @Test
  void registry_takesOverATopicAnotherRegistryWrote() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrap()))) {
      admin
          .createTopics(
              List.of(
                  new NewTopic("_schemas", 1, (short) 1)
                      .configs(Map.of("cleanup.policy", "compact"))))
          .all()
          .get();
    }
    try (var producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrap()),
            new StringSerializer(),
            new StringSerializer())) {
      for (String[] record :
          new String[][] {
            {"{\"keytype\":\"NOOP\",\"magic\":0}", null},
            {
              "{\"keytype\":\"SCHEMA\",\"subject\":\"kept-value\",\"version\":1,\"magic\":1}",
              "{\"subject\":\"kept-value\",\"version\":1,\"id\":41,\"md5\":\"2m+XbGFBhJNgwTm9tWMJhA==\",\"references\":[],\"schema\":\"\\\"string\\\"\",\"deleted\":false}"
            },
            {
              "{\"keytype\":\"SCHEMA\",\"subject\":\"soft-value\",\"version\":1,\"magic\":1}",
              "{\"subject\":\"soft-value\",\"version\":1,\"id\":42,\"schema\":\"\\\"int\\\"\",\"deleted\":true}"
            },
            {
              "{\"keytype\":\"SCHEMA\",\"subject\":\"whole-value\",\"version\":3,\"magic\":1}",
              "{\"subject\":\"whole-value\",\"version\":3,\"id\":43,\"schema\":\"\\\"long\\\"\",\"deleted\":false}"
            },
            {
              "{\"keytype\":\"DELETE_SUBJECT\",\"subject\":\"whole-value\",\"magic\":0}",
              "{\"subject\":\"whole-value\",\"version\":3}"
            },
            {
              "{\"keytype\":\"SCHEMA\",\"subject\":\"hard-value\",\"version\":1,\"magic\":1}",
              "{\"subject\":\"hard-value\",\"version\":1,\"id\":44,\"schema\":\"\\\"float\\\"\",\"deleted\":false}"
            },
            {"{\"keytype\":\"SCHEMA\",\"subject\":\"hard-value\",\"version\":1,\"magic\":1}", null},
            {
              "{\"keytype\":\"SCHEMA\",\"subject\":\"proto-value\",\"version\":1,\"magic\":1}",
              "{\"subject\":\"proto-value\",\"version\":1,\"id\":45,\"schemaType\":\"PROTOBUF\",\"schema\":\"message M {}\",\"deleted\":false}"
            },
            {
              "{\"keytype\":\"CONFIG\",\"subject\":\"kept-value\",\"magic\":0}",
              "{\"compatibilityLevel\":\"NONE\"}"
            },
            {"{\"keytype\":\"MODE\",\"subject\":null,\"magic\":0}", "{\"mode\":\"READWRITE\"}"},
            {"not json", "not json"},
            {
              "{\"keytype\":\"SCHEMA\",\"subject\":\"bad-value\",\"version\":1,\"magic\":1}",
              "{\"subject\":\"bad-value\"}"
            },
          }) {
        producer.send(new ProducerRecord<>("_schemas", record[0], record[1])).get();
      }
    }
    open(0);
    assertThat(send("GET", "/subjects", "")).isEqualTo("200 [\"kept-value\"]");
    assertThat(client().schemaById(41)).isEqualTo(STRING);
    assertThat(client().schemaById(42)).as("deleted, but records name it").isEqualTo(INT);
    assertThat(client().schemaById(43)).isEqualTo(Schema.create(Schema.Type.LONG));
    assertThat(client().compatibility("kept-value")).hasValue(Compatibility.NONE);
    assertThat(client().register("whole-value", STRING))
        .as("known under another subject")
        .isEqualTo(41);
    assertThat(send("GET", "/subjects/whole-value/versions", ""))
        .as("numbers go on")
        .isEqualTo("200 [4]");
    assertThat(client().register("new-value", Schema.create(Schema.Type.DOUBLE))).isGreaterThan(44);
  }

  @Test
  void registry_isBackwardTransitiveUnlessTold() throws Exception {
    open(0);
    assertThat(send("GET", "/config", ""))
        .isEqualTo("200 {\"compatibilityLevel\":\"BACKWARD_TRANSITIVE\"}");
    assertThat(send("GET", "/config/a-value", "")).startsWith("404 ").contains("40408");
    client().register("a-value", record("x", "string"));
    client().register("a-value", record("y", "int"));
    assertThat(
            send(
                "POST",
                "/compatibility/subjects/a-value/versions?verbose=true",
                body(record("x", "int"))))
        .startsWith(
            "200 {\"is_compatible\":false,\"messages\":[\"the new schema cannot read version 1 at /fields/0/type");
    assertThat(
            send(
                "POST",
                "/compatibility/subjects/a-value/versions/latest",
                body(record("x", "int"))))
        .isEqualTo("200 {\"is_compatible\":true}");
    assertThat(send("POST", "/subjects/a-value/versions", body(record("x", "int"))))
        .startsWith("409 {\"error_code\":409,")
        .contains("BACKWARD_TRANSITIVE");
    assertThat(send("GET", "/subjects/a-value/versions", "")).isEqualTo("200 [1,2]");
  }

  private static Schema record(String field, String type) {
    return SchemaBuilder.record("R")
        .fields()
        .name(field)
        .type(type)
        .withDefault(type.equals("int") ? 0 : "")
        .endRecord();
  }

  private static String body(Schema schema) {
    return "{\"schema\":\"" + schema.toString().replace("\"", "\\\"") + "\"}";
  }

  @Test
  void registry_enforcesEachCompatibility() throws Exception {
    open(0);
    Schema wide =
        SchemaBuilder.record("R").fields().requiredString("a").requiredString("b").endRecord();
    Schema narrow = SchemaBuilder.record("R").fields().requiredString("a").endRecord();
    for (Compatibility level : Compatibility.values()) {
      String grows = level + "-grows";
      String shrinks = level + "-shrinks";
      client().setCompatibility(grows, level);
      client().setCompatibility(shrinks, level);
      client().register(grows, narrow);
      client().register(shrinks, wide);
      boolean backward = level.name().startsWith("BACKWARD") || level.name().startsWith("FULL");
      boolean forward = level.name().startsWith("FORWARD") || level.name().startsWith("FULL");
      assertThat(client().isCompatible(grows, wide)).as(grows).isEqualTo(!backward);
      assertThat(client().isCompatible(shrinks, narrow)).as(shrinks).isEqualTo(!forward);
    }
  }

  @Test
  void registry_givesConcurrentWritersDistinctVersionsAndIds() throws Exception {
    open(0);
    client().setCompatibility("busy-value", Compatibility.NONE);
    List<Callable<Integer>> work =
        IntStream.range(0, 40)
            .mapToObj(
                i ->
                    (Callable<Integer>)
                        () ->
                            client()
                                .register("busy-value", SchemaBuilder.fixed("F" + i % 20).size(8)))
            .toList();
    TreeSet<Integer> ids = new TreeSet<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (Future<Integer> id : threads.invokeAll(work)) {
        ids.add(id.get());
      }
    }
    assertThat(ids)
        .as("each of 20 schemas, registered twice")
        .containsExactlyElementsOf(IntStream.rangeClosed(1, 20).boxed().toList());
    assertThat(send("GET", "/subjects/busy-value/versions", ""))
        .isEqualTo(
            "200 " + IntStream.rangeClosed(1, 20).boxed().toList().toString().replace(" ", ""));
  }

  @Test
  void registry_answersBadRequestsAndGoesOn() throws Exception {
    open(0);
    assertThat(send("GET", "/", "")).isEqualTo("200 {}");
    assertThat(send("GET", "/nothing", "")).startsWith("404 {\"error_code\":404,");
    assertThat(send("GET", "/subjects/a/b", "")).startsWith("404 ");
    assertThat(send("DELETE", "/subjects", "")).startsWith("405 {\"error_code\":405,");
    assertThat(send("DELETE", "/subjects/a-value/versions", "")).startsWith("405 ");
    assertThat(send("GET", "/subjects/a-value", "")).startsWith("405 ");
    String versions = "/subjects/a-value/versions";
    assertThat(send("POST", versions, "not json")).startsWith("400 ");
    assertThat(send("POST", versions, "")).startsWith("400 ");
    assertThat(send("POST", versions, "[]")).startsWith("400 ");
    assertThat(send("POST", versions, "[".repeat(100_000))).startsWith("400 ");
    for (String body :
        List.of(
            "{}",
            "{\"schema\":7}",
            "{\"schema\":\"\"}",
            "{\"schema\":\"nonsense\"}",
            "{\"schema\":\"" + "[".repeat(100_000) + "\"}",
            "{\"schema\":\"\\\"string\\\"\",\"schemaType\":\"JSON\"}",
            "{\"schema\":\"\\\"string\\\"\",\"references\":[{\"name\":\"a\",\"subject\":\"a\",\"version\":1}]}")) {
      assertThat(send("POST", versions, body))
          .as("%.60s", body)
          .startsWith("422 {\"error_code\":42201,");
    }
    assertThat(
            send(
                "POST",
                versions,
                "{\"schema\":\"" + "x".repeat(RegistryApi.MAX_BODY_BYTES) + "\"}"))
        .startsWith("413 ");
    assertThat(send("PUT", "/config", "{\"compatibility\":\"SOMETIMES\"}"))
        .startsWith("422 {\"error_code\":42203,");
    assertThat(send("PUT", "/config", "{}")).startsWith("422 {\"error_code\":42203,");
    client().register("a-value", STRING);
    for (String version : List.of("0", "-2", "x", "99999999999")) {
      assertThat(send("GET", versions + "/" + version, ""))
          .as(version)
          .startsWith("422 {\"error_code\":42202,");
    }
    assertThat(send("GET", versions + "/2", "")).startsWith("404 {\"error_code\":40402,");
    assertThat(send("GET", versions + "/-1", "")).startsWith("200 ");
    assertThat(send("GET", versions + "/1/schema", "")).isEqualTo("200 \"string\"");
    assertThat(send("GET", "/schemas/ids/x", "")).startsWith("404 {\"error_code\":40403,");
    assertThat(send("GET", "/schemas/types", "")).isEqualTo("200 [\"AVRO\"]");
  }

  @Test
  void registry_keepsSubjectsOfAnyName() throws Exception {
    open(0);
    for (String subject : List.of("a/b c+d%e", "ü", "..", "a?b#c")) {
      int id = client().register(subject, STRING);
      assertThat(client().idOf(subject, STRING)).as(subject).isEqualTo(id);
    }
    assertThat(send("GET", "/subjects?subjectPrefix=a", ""))
        .isEqualTo("200 [\"a/b c+d%e\",\"a?b#c\"]");
  }

  @Test
  void registry_namesThePortThatIsInUse() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      assertThatThrownBy(() -> open(taken.getLocalPort()))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("127.0.0.1:" + taken.getLocalPort())
          .hasMessageContaining("in use");
    }
  }

  @Test
  void registry_refusesATopicThatWouldForget() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrap()))) {
      admin.createTopics(List.of(new NewTopic("_schemas", 1, (short) 1))).all().get();
    }
    assertThatThrownBy(() -> open(0))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("_schemas has 1 partitions and cleanup.policy=delete");
  }

  @Test
  void registry_readsWhileTheBrokerIsAwayAndSaysThatItCannotWrite() throws Exception {
    registry =
        EmbeddedRegistry.open(
            Map.of(
                "bootstrap.servers",
                broker.bootstrap(),
                "default.api.timeout.ms",
                2_000,
                "request.timeout.ms",
                1_000),
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            Duration.ofSeconds(2));
    int id = client().register("a-value", STRING);
    broker.close();
    assertThat(client().schemaById(id)).isEqualTo(STRING);
    assertThat(client().idOf("a-value", STRING)).isEqualTo(id);
    assertThat(send("POST", "/subjects/b-value/versions", "{\"schema\":\"\\\"int\\\"\"}"))
        .startsWith("500 {\"error_code\":5000");
    broker = TestBroker.open(directory);
  }

  @Test
  void registry_servesOthersWhileOneClientSendsNothing() throws Exception {
    open(0);
    try (Socket silent = new Socket(InetAddress.getLoopbackAddress(), registry.uri().getPort())) {
      silent
          .getOutputStream()
          .write(
              "POST /subjects/a/versions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"
                  .getBytes(StandardCharsets.US_ASCII));
      assertThat(client().register("a-value", STRING)).isPositive();
    }
  }

  private String send(String method, String path, String body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(registry.uri() + path))
            .timeout(Duration.ofSeconds(60))
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build();
    HttpResponse<byte[]> response = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
    assertThat(response.headers().firstValue("Content-Type")).hasValue(RegistryApi.CONTENT_TYPE);
    return response.statusCode() + " " + new String(response.body(), StandardCharsets.UTF_8);
  }
}
