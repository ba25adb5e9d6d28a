// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.Topics;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a real worker on a real broker makes of what cannot work. */
class SinkRefusalsIT {
  @TempDir Path data;
  private TestRegistry registry;
  private TestCollector collector;

  @BeforeEach
  void start() throws Exception {
    registry = new TestRegistry();
  }

  @AfterEach
  void stop() {
    if (collector != null) {
      collector.close();
    }
    registry.close();
  }

  private Map<String, String> begin(int eventPartitions, int trailPartitions) throws Exception {
    collector = new TestCollector(data, registry.url(), eventPartitions, trailPartitions);
    collector.startWorker(Map.of());
    Map<String, String> config = collector.connector();
    config.put("schema.registry.url", registry.url());
    config.put("schema.registry.retry.timeout.ms", "0");
    config.put("retry.backoff.ms", "200");
    config.put("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    return config;
  }

  private static TestTrail trail(String host, int length) {
    byte[] bytes = new byte[length];
    new Random(host.hashCode()).nextBytes(bytes);
    return new TestTrail(host, "auditd", "20261120104500", bytes);
  }

  @Test
  void worker_refusesAConnectorThatCannotWork() throws Exception {
    Map<String, String> config = begin(2, 2);
    Map<String, String> noRegistry = new HashMap<>(config);
    noRegistry.remove("schema.registry.url");
    assertThat(collector.create(noRegistry, 400)).contains("schema.registry.url is missing");
    Map<String, String> noRoot = new HashMap<>(config);
    noRoot.put("root", data.resolve("missing").toString());
    assertThat(collector.create(noRoot, 400)).contains("install -d");
    Map<String, String> oneTopic = new HashMap<>(config);
    oneTopic.put("topics", "audit.events");
    assertThat(collector.create(oneTopic, 400)).contains("topics=audit.events,audit.trails");
  }

  @Test
  void task_failsWhereTheTopicsHaveDifferentPartitionCounts() throws Exception {
    Map<String, String> config = begin(4, 2);
    config.put("tasks.max", "1");
    collector.create(config, 200, 201);
    collector.await("the failure", () -> collector.status().contains("FAILED"));
    assertThat(collector.status())
        .contains("got 4 partitions of audit.events [0, 1, 2, 3]")
        .contains("2 of audit.trails [0, 1], so [2, 3] of one topic alone")
        .contains("same partition count");
  }

  @Test
  void task_failsUnderAnAssignorThatPartsTheTopics() throws Exception {
    Map<String, String> config = begin(3, 3);
    config.put(
        "consumer.override.partition.assignment.strategy",
        "org.apache.kafka.clients.consumer.RoundRobinAssignor");
    collector.create(config, 200, 201);
    collector.await("the failure", () -> collector.status().contains("FAILED"));
    assertThat(collector.status()).contains("RangeAssignor").contains("of one topic alone");
  }

  @Test
  void task_failsUnderTheServersUniformAssignor() throws Exception {
    Map<String, String> config = begin(3, 3);
    config.remove("consumer.override.partition.assignment.strategy");
    config.put("consumer.override.group.protocol", "consumer");
    config.put("consumer.override.group.remote.assignor", "uniform");
    collector.create(config, 200, 201);
    collector.await("the failure", () -> collector.status().contains("FAILED"));
    assertThat(collector.status()).contains("consumer.override.group.remote.assignor=range");
  }

  @Test
  void refusedRecords_areInTheDeadLetterTopicWithHeaders() throws Exception {
    Map<String, String> config = begin(2, 2);
    config.put("errors.tolerance", "all");
    config.put("errors.deadletterqueue.topic.name", "audit.dead-letters");
    config.put("errors.deadletterqueue.topic.replication.factor", "1");
    config.put("errors.deadletterqueue.context.headers.enable", "true");
    collector.create(config, 200, 201);
    TestTrail good = trail("web1", 5_000);
    byte[] unknown = collector.serialize(Topics.EVENTS, good.event(0, 10));
    unknown[3] = 0x30;
    unknown[4] = 0x39; // schema id 12345
    byte[] forged =
        collector.serialize(
            Topics.EVENTS,
            new TestTrail("../../etc", "auditd", "20261120104500", new byte[5]).event(0, 5));
    byte[] junk = "junk".getBytes(StandardCharsets.UTF_8);
    List<byte[]> bad = List.of(junk, unknown, forged);
    bad.forEach(value -> collector.sendBytes(Topics.EVENTS, "web1", value));
    collector.publish(good, 700);
    collector.flush();
    collector.await("the good trail", () -> Files.exists(collector.file(good)));
    assertThat(collector.file(good)).hasBinaryContent(good.bytes());
    Map<String, Object> settings =
        Map.of("bootstrap.servers", collector.bootstrap(), "auto.offset.reset", "earliest");
    Map<Integer, ConsumerRecord<String, byte[]>> dead = new HashMap<>();
    try (KafkaConsumer<String, byte[]> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
      TopicPartition partition = new TopicPartition("audit.dead-letters", 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      collector.await(
          "the dead letters",
          () -> {
            consumer.poll(Duration.ofMillis(200)).forEach(record -> dead.put(dead.size(), record));
            return dead.size() >= bad.size();
          });
    }
    assertThat(dead.values()).extracting(ConsumerRecord::value).containsExactlyElementsOf(bad);
    String[] messages = {"4 bytes long", "schema id 12345", "host '../../etc'"};
    for (int i = 0; i < messages.length; i++) {
      assertThat(header(dead.get(i), "__connect.errors.topic")).isEqualTo("audit.events");
      assertThat(header(dead.get(i), "__connect.errors.connector.name")).isEqualTo("trails");
      assertThat(header(dead.get(i), "__connect.errors.exception.message")).contains(messages[i]);
    }
    collector.await("all offsets", collector::isAllCommitted);
    assertThat(collector.status()).doesNotContain("FAILED");
  }

  private static String header(ConsumerRecord<String, byte[]> record, String name) {
    return new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8);
  }

  @Test
  void worker_resumesByItselfWhenTheRegistryIsBack() throws Exception {
    // Before the registry: a gate that is closed at first.
    AtomicBoolean open = new AtomicBoolean();
    AtomicInteger refused = new AtomicInteger();
    HttpClient http = HttpClient.newHttpClient();
    HttpServer gate =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    gate.createContext(
        "/",
        exchange -> {
          byte[] body = new byte[0];
          int status = refused.get() % 2 == 0 ? 503 : 500;
          if (open.get()) {
            try {
              HttpResponse<byte[]> answer =
                  http.send(
                      HttpRequest.newBuilder(
                              URI.create(registry.url() + exchange.getRequestURI().getPath()))
                          .build(),
                      HttpResponse.BodyHandlers.ofByteArray());
              status = answer.statusCode();
              body = answer.body();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
          } else {
            refused.incrementAndGet();
          }
          exchange.getResponseHeaders().set("Content-Type", "application/json");
          exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    gate.start();
    try {
      Map<String, String> config = begin(2, 2);
      config.put("schema.registry.url", "http://127.0.0.1:" + gate.getAddress().getPort());
      config.put("errors.tolerance", "all"); // what is away must not be skipped even so
      config.put("errors.deadletterqueue.topic.name", "audit.dead-letters");
      config.put("errors.deadletterqueue.topic.replication.factor", "1");
      collector.create(config, 200, 201);
      List<TestTrail> trails = List.of(trail("web1", 20_000), trail("db", 30_000));
      trails.forEach(trail -> collector.publish(trail, 900));
      collector.flush();
      collector.await("some tries", () -> refused.get() > 4);
      assertThat(collector.status()).doesNotContain("FAILED");
      open.set(true);
      collector.await(
          "all trails",
          () -> trails.stream().allMatch(trail -> Files.exists(collector.file(trail))));
      for (TestTrail trail : trails) {
        assertThat(collector.file(trail)).hasBinaryContent(trail.bytes());
      }
      collector.await("all offsets", collector::isAllCommitted);
    } finally {
      gate.stop(0);
      http.close();
    }
  }
}
