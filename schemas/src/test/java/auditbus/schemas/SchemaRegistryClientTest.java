// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.avro.Schema;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.SerializationException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class SchemaRegistryClientTest {
  private static final Schema STRING = Schema.create(Schema.Type.STRING);

  private ScriptedRegistry server;
  private final AtomicLong nanos = new AtomicLong();
  private final List<Long> pauses = new ArrayList<>();

  @BeforeEach
  void start() throws IOException {
    server = ScriptedRegistry.http();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** A client whose pauses take no time but are counted as time. */
  private SchemaRegistryClient client(String url, String... settings) {
    Map<String, String> all = new HashMap<>(Map.of(SchemaRegistryConfig.URL, url));
    for (int i = 0; i < settings.length; i += 2) {
      all.put(settings[i], settings[i + 1]);
    }
    return new SchemaRegistryClient(
        new SchemaRegistryConfig(all),
        nanos::get,
        millis -> {
          pauses.add(millis);
          nanos.addAndGet(millis * 1_000_000);
        });
  }

  @Test
  void config_hasTheseDefaults() {
    SchemaRegistryConfig config =
        new SchemaRegistryConfig(Map.of(SchemaRegistryConfig.URL, "http://localhost:8081"));
    Map<String, Object> expected = new HashMap<>();
    expected.put("schema.registry.url", List.of("http://localhost:8081"));
    expected.put("auto.register.schemas", true);
    expected.put("basic.auth.credentials.source", "URL");
    expected.put("basic.auth.user.info", null);
    expected.put("bearer.auth.credentials.source", "NONE");
    expected.put("bearer.auth.token", null);
    expected.put("schema.registry.ssl.truststore.location", null);
    expected.put("schema.registry.ssl.truststore.password", null);
    expected.put("schema.registry.ssl.truststore.type", "PKCS12");
    expected.put("schema.registry.ssl.keystore.location", null);
    expected.put("schema.registry.ssl.keystore.password", null);
    expected.put("schema.registry.ssl.keystore.type", "PKCS12");
    expected.put("schema.registry.ssl.key.password", null);
    expected.put("schema.registry.connect.timeout.ms", 5_000);
    expected.put("schema.registry.read.timeout.ms", 10_000);
    expected.put("schema.registry.retry.timeout.ms", 30_000L);
    expected.put("schema.registry.retry.backoff.ms", 100L);
    expected.put("schema.registry.retry.backoff.max.ms", 2_000L);
    assertThat(config.values()).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''                                   | names no URL",
        "','                                  | names no URL",
        "localhost:8081                       | must start with http",
        "ftp://user:secret@host               | must start with http",
        "http://user:secret@                  | URL number 1",
        "http://user:sec ret@host             | is not a URL",
        "http://a:1,http://user:sec^ret@host  | URL number 2",
        "http://host?user=secret              | no query"
      })
  void config_namesAWrongUrlWithoutItsPassword(String url, String message) {
    assertThatThrownBy(() -> client(url))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(SchemaRegistryConfig.URL)
        .hasMessageContaining(message)
        .hasMessageNotContaining("secret")
        .hasMessageNotContaining("ret@");
  }

  @Test
  void config_namesMissingCredentials() {
    assertThatThrownBy(() -> client("http://a", SchemaRegistryConfig.BASIC_SOURCE, "USER_INFO"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(SchemaRegistryConfig.BASIC_USER_INFO);
    assertThatThrownBy(() -> client("http://a", SchemaRegistryConfig.BEARER_SOURCE, "STATIC_TOKEN"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(SchemaRegistryConfig.BEARER_TOKEN);
    assertThatThrownBy(() -> client("http://a", SchemaRegistryConfig.BASIC_SOURCE, "SASL_INHERIT"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(SchemaRegistryConfig.BASIC_SOURCE);
  }

  @Test
  void client_remembersIdsAndSchemas() {
    SchemaRegistryClient client = client(server.url());
    for (int i = 0; i < 5; i++) {
      assertThat(client.register("a-value", STRING)).isEqualTo(1);
      assertThat(client.idOf("a-value", STRING)).isEqualTo(1);
      assertThat(client.schemaById(1)).isEqualTo(STRING);
    }
    assertThat(server.requests())
        .extracting(ScriptedRegistry.Request::line)
        .containsExactly("POST /subjects/a-value/versions", "GET /schemas/ids/1");
  }

  @Test
  void client_remembersABoundedNumber() {
    SchemaRegistryClient client = client(server.url());
    for (int i = 0; i <= SchemaRegistryClient.MAX_REMEMBERED; i++) {
      client.register("subject" + i, STRING);
    }
    int before = server.requests().size();
    client.register("subject" + SchemaRegistryClient.MAX_REMEMBERED, STRING);
    assertThat(server.requests()).hasSize(before);
    client.register("subject0", STRING);
    assertThat(server.requests()).as("the oldest was forgotten").hasSize(before + 1);
  }

  @ParameterizedTest
  @ValueSource(ints = {500, 502, 503, 504, 429, 408})
  void client_triesAgainAfter(int status) {
    server
        .fail(status, "")
        .fail(status, "<html>")
        .fail(status, "{\"error_code\":50003,\"message\":\"no leader\"}");
    assertThat(client(server.url()).register("a-value", STRING)).isEqualTo(1);
    assertThat(server.requests()).hasSize(4);
    assertThat(pauses).hasSize(3);
    assertThat(pauses.get(0)).isBetween(50L, 100L);
    assertThat(pauses.get(1)).isBetween(100L, 200L);
    assertThat(pauses.get(2)).isBetween(200L, 400L);
  }

  @ParameterizedTest
  @ValueSource(ints = {301, 400, 401, 403, 404, 405, 409, 422})
  void client_takesNoForAnAnswer(int status) {
    server.fail(
        status,
        "{\"error_code\":" + status + "01,\"message\":\"because\"}",
        Map.of("Location", "http://elsewhere/"));
    SchemaRegistryException refusal =
        catchThrowableOfType(
            SchemaRegistryException.class, () -> client(server.url()).register("a-value", STRING));
    assertThat(refusal.status()).hasValue(status);
    assertThat(refusal.errorCode()).hasValue(status * 100 + 1);
    assertThat(refusal.retriable()).isFalse();
    assertThat(refusal)
        .hasMessageContaining("POST /subjects/a-value/versions of " + server.url())
        .hasMessageContaining("HTTP " + status)
        .hasMessageContaining("because");
    assertThat(server.requests()).hasSize(1);
    assertThat(pauses).isEmpty();
  }

  @Test
  void client_waitsAsLongAsABusyRegistryAsks() {
    server.fail(429, "", Map.of("Retry-After", "1")).fail(429, "", Map.of("Retry-After", "3600"));
    client(server.url()).register("a-value", STRING);
    assertThat(pauses.get(0)).isBetween(500L, 1_000L);
    assertThat(pauses.get(1)).as("capped").isBetween(1_000L, 2_000L);
  }

  @Test
  void client_givesUpAfterItsTimeAndSaysWhy() throws IOException {
    int port = TestBroker.freePort();
    SchemaRegistryException refusal =
        catchThrowableOfType(
            SchemaRegistryException.class,
            () -> client("http://user:secret@localhost:" + port).register("a-value", STRING));
    assertThat(refusal.retriable()).isTrue();
    assertThat(refusal.status()).isEmpty();
    assertThat(refusal)
        .hasMessageContaining("http://localhost:" + port)
        .hasMessageContaining("attempts")
        .hasMessageContaining("limit 30000 ms")
        .hasMessageContaining("Connection refused")
        .hasMessageNotContaining("secret");
    assertThat(pauses.stream().mapToLong(Long::longValue).sum()).isBetween(26_000L, 30_000L);
    assertThat(pauses).allMatch(millis -> millis <= 2_000);
  }

  @Test
  void client_asksTheNextNodeAndStaysWithTheOneThatAnswers() throws IOException {
    try (ScriptedRegistry second = ScriptedRegistry.http()) {
      SchemaRegistryClient client =
          client(
              "http://localhost:"
                  + TestBroker.freePort()
                  + "/, "
                  + server.url()
                  + ","
                  + second.url()
                  + "/");
      server.fail(503, "");
      client.register("a-value", STRING);
      assertThat(second.requests()).hasSize(1);
      client.register("b-value", STRING);
      client.register("c-value", STRING);
      assertThat(second.requests()).hasSize(3);
      assertThat(server.requests()).hasSize(1);
      assertThat(pauses).isEmpty();
    }
  }

  @Test
  void client_triesAgainWhenAnAnswerBreaksOff() throws Exception {
    try (ServerSocket half = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      Thread.ofPlatform()
          .daemon()
          .start(
              () -> {
                while (true) {
                  try (Socket socket = half.accept();
                      OutputStream out = socket.getOutputStream()) {
                    socket.getInputStream().read(new byte[4_096]);
                    out.write(
                        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"
                            .getBytes(StandardCharsets.US_ASCII));
                  } catch (IOException e) {
                    return;
                  }
                }
              });
      client("http://localhost:" + half.getLocalPort() + "," + server.url())
          .register("a-value", STRING);
      assertThat(server.requests()).hasSize(1);
    }
  }

  @Test
  void client_boundsAnAnswerThatNeverComes() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      SchemaRegistryClient client =
          new SchemaRegistryClient(
              Map.of(
                  SchemaRegistryConfig.URL, "http://localhost:" + silent.getLocalPort(),
                  SchemaRegistryConfig.READ_TIMEOUT, 10_000,
                  SchemaRegistryConfig.RETRY_TIMEOUT, 300));
      long begin = System.nanoTime();
      assertThatThrownBy(() -> client.register("a-value", STRING))
          .isInstanceOf(SchemaRegistryException.class)
          .hasMessageContaining("timed out");
      assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin)).isBetween(250L, 5_000L);
    }
  }

  @Test
  void client_stopsWhenInterrupted() throws Exception {
    CountDownLatch waiting = new CountDownLatch(1);
    SchemaRegistryClient client =
        new SchemaRegistryClient(
            new SchemaRegistryConfig(
                Map.of(SchemaRegistryConfig.URL, "http://localhost:" + TestBroker.freePort())),
            System::nanoTime,
            millis -> {
              waiting.countDown();
              new CountDownLatch(1).await(); // only an interrupt ends it
            });
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    AtomicReference<Boolean> flag = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    client.register("a-value", STRING);
                  } catch (SchemaRegistryException e) {
                    thrown.set(e);
                    flag.set(Thread.currentThread().isInterrupted());
                  }
                });
    waiting.await();
    thread.interrupt();
    thread.join(10_000);
    assertThat(thrown.get())
        .hasMessageContaining("interrupted")
        .hasMessageContaining("Connection refused");
    assertThat(SchemaRegistryException.isRetriable(thrown.get())).isTrue();
    assertThat(flag.get()).as("the interrupt is kept").isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "200 | <html>login</html>   | are not JSON",
        "200 | []                   | no JSON object",
        "200 | ''                   | no JSON object",
        "200 | {}                   | no id",
        "200 | {\"id\":\"x\"}       | no id",
        "200 | {\"id\":99999999999} | no id"
      })
  void client_namesAnAnswerThatIsNoRegistrys(int status, String body, String message) {
    server.fail(status, body);
    assertThatThrownBy(() -> client(server.url()).register("a-value", STRING))
        .isInstanceOf(SchemaRegistryException.class)
        .hasMessageContaining(message);
  }

  @Test
  void client_refusesAnAnswerOfAnySize() {
    server.fail(200, "{\"id\":1,\"x\":\"" + "x".repeat(RegistryTransport.MAX_ANSWER_BYTES) + "\"}");
    assertThatThrownBy(
            () ->
                client(server.url(), SchemaRegistryConfig.RETRY_TIMEOUT, "0")
                    .register("a-value", STRING))
        .hasMessageContaining("larger than " + RegistryTransport.MAX_ANSWER_BYTES);
  }

  @Test
  void client_namesASchemaOfAnotherKind() {
    server.fail(200, "{\"schema\":\"syntax = 'proto3'\",\"schemaType\":\"PROTOBUF\"}");
    assertThatThrownBy(() -> client(server.url()).schemaById(7))
        .hasMessageContaining("schema 7 is of type PROTOBUF");
  }

  @Test
  void client_comparesWithTheLatestWhereTheRegistryKnowsNoOther() {
    server.fail(404, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}");
    assertThat(client(server.url()).isCompatible("a-value", STRING)).isTrue();
    assertThat(server.requests())
        .extracting(ScriptedRegistry.Request::line)
        .containsExactly(
            "POST /compatibility/subjects/a-value/versions",
            "POST /compatibility/subjects/a-value/versions/latest");
    server.fail(404, "{\"error_code\":40401,\"message\":\"Subject not found\"}");
    assertThat(client(server.url()).isCompatible("a-value", STRING)).isTrue();
    assertThat(server.requests()).hasSize(3);
  }

  @Test
  void client_sendsCredentialsOfItsConfigurationOrUrl() {
    String basic = "Basic dXNlcjpzw6k6Y3JldA=="; // user:sé:cret
    client(
            server.url(),
            SchemaRegistryConfig.BASIC_SOURCE,
            "USER_INFO",
            SchemaRegistryConfig.BASIC_USER_INFO,
            "user:sé:cret")
        .register("a-value", STRING);
    client("http://user:s%C3%A9:cret@" + server.hostAndPort()).register("a-value", STRING);
    client(
            server.url(),
            SchemaRegistryConfig.BEARER_SOURCE,
            "STATIC_TOKEN",
            SchemaRegistryConfig.BEARER_TOKEN,
            "abc")
        .register("a-value", STRING);
    client(server.url()).register("a-value", STRING);
    assertThat(server.requests())
        .extracting(ScriptedRegistry.Request::authorization)
        .containsExactly(basic, basic, "Bearer abc", null);
  }

  @Test
  void client_neverPrintsCredentials() {
    server.fail(401, "{\"error_code\":40101,\"message\":\"User cannot access the resource.\"}");
    SchemaRegistryClient client = client("http://user:secret@" + server.hostAndPort());
    assertThatThrownBy(() -> client.register("a-value", STRING))
        .hasMessageContaining("HTTP 401")
        .hasMessageContaining(SchemaRegistryConfig.BASIC_USER_INFO)
        .hasMessageNotContaining("secret");
    assertThat(client.toString()).isEqualTo("SchemaRegistryClient[" + server.url() + "]");
    AvroSerializer<AuditEvent> serializer = new AvroSerializer<>(client);
    server.fail(401, "");
    assertThatThrownBy(() -> serializer.serialize("t", Samples.event()))
        .isInstanceOf(SerializationException.class)
        .hasMessageNotContaining("secret");
    assertThat(
            new SchemaRegistryConfig(
                    Map.of(
                        SchemaRegistryConfig.URL,
                        "http://a",
                        SchemaRegistryConfig.BASIC_USER_INFO,
                        "user:secret"))
                .values()
                .toString())
        .doesNotContain("secret");
  }

  @Test
  void compatibility_isEmptyWhereTheSubjectHasNone() {
    for (int code : List.of(40408, 40401)) {
      server.fail(404, "{\"error_code\":" + code + ",\"message\":\"none\"}");
      assertThat(client(server.url()).compatibility("a-value")).isEmpty();
    }
    server.fail(200, "{\"compatibilityLevel\":\"FULL_TRANSITIVE\"}");
    assertThat(client(server.url()).compatibility("a-value"))
        .hasValue(Compatibility.FULL_TRANSITIVE);
    server.fail(200, "{\"compatibilityLevel\":\"OTHER\"}");
    assertThatThrownBy(() -> client(server.url()).compatibility("a-value"))
        .hasMessageContaining("\"OTHER\"");
  }

  @Test
  void subject_mayHoldAnyCharacter() {
    client(server.url()).register("a/b ü?#%+", STRING);
    assertThat(server.requests().getFirst().line())
        .isEqualTo("POST /subjects/a%2Fb%20%C3%BC%3F%23%25%2B/versions");
  }

  @Test
  void levels_areConfluents() {
    assertThat(Arrays.stream(Compatibility.values()).map(Enum::name))
        .containsExactly(
            "NONE",
            "BACKWARD",
            "BACKWARD_TRANSITIVE",
            "FORWARD",
            "FORWARD_TRANSITIVE",
            "FULL",
            "FULL_TRANSITIVE");
  }
}
