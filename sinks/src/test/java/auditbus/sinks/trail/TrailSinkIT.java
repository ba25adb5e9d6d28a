// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.HostPartition;
import auditbus.schemas.Topics;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.connect.cli.ConnectStandalone;
import org.apache.kafka.connect.runtime.Connect;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real worker takes two real topics from a real broker to files. */
class TrailSinkIT {
  private static final int PARTITIONS = 4;
  private static final Duration DEADLINE = Duration.ofSeconds(90);

  @TempDir Path data;

  private Path root;
  private EmbeddedBroker broker;
  private TestRegistry registry;
  private KafkaProducer<String, byte[]> producer;
  private AvroSerializer<SpecificRecord> serializer;
  private final HttpClient http = HttpClient.newHttpClient();
  private Connect<?> worker;
  private String rest;

  @BeforeEach
  void start() throws Exception {
    root = Files.createDirectory(data.resolve("collected"));
    broker = new EmbeddedBroker(data);
    registry = new TestRegistry();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrap()))) {
      admin.createTopics(List.of(topic(Topics.EVENTS), topic(Topics.TRAILS))).all().get();
    }
    serializer = new AvroSerializer<>();
    serializer.configure(Map.of("schema.registry.url", registry.url()), false);
    producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrap(), "linger.ms", "5"),
            new StringSerializer(),
            new ByteArraySerializer());
  }

  private static NewTopic topic(Topics topic) {
    Map<String, String> settings = new HashMap<>(topic.settings());
    return new NewTopic(topic.topic(), PARTITIONS, (short) 1).configs(settings);
  }

  @AfterEach
  void stop() {
    stopWorker();
    if (producer != null) {
      producer.close();
    }
    registry.close();
    broker.close();
    http.close();
  }

  @Test
  void worker_takesTrailsFromTopicsToVerifiedFilesOverARestart() throws Exception {
    List<TestTrail> trails = new ArrayList<>();
    for (String sample :
        List.of("01-term-auid1000-sender-alive", "08-sigkill-then-restart", "11-eperm-poison")) {
      for (String host : List.of("web1", "web2.example.com", "db", "mail")) {
        trails.add(
            new TestTrail(host, "auditd", "202611201045" + sample.substring(0, 2), sample(sample)));
      }
    }
    Random random = new Random(7);
    for (int i = 0; i < 4; i++) {
      trails.add(TestTrail.random(random, "host" + i, "kernel", "20261120120000", 3_000_000));
    }
    startWorker();
    createConnector();
    List<TestTrail> early = trails.subList(0, trails.size() / 2);
    early.forEach(this::publish);
    producer.flush();
    await("the first half", () -> early.stream().allMatch(this::isCollected));

    stopWorker();
    trails.subList(trails.size() / 2, trails.size()).forEach(this::publish);
    // A forged record among them: refused, and nothing else suffers.
    send(
        Topics.EVENTS,
        "web1",
        new TestTrail("../../etc", "auditd", "20261120104501", new byte[5]).event(0, 5));
    Future<?> _ =
        producer.send(
            new ProducerRecord<>(
                Topics.EVENTS.topic(), 0, "x", "junk".getBytes(StandardCharsets.UTF_8)));
    producer.flush();
    startWorker();
    createConnector();
    await("all trails", () -> trails.stream().allMatch(this::isCollected));
    for (TestTrail trail : trails) {
      assertThat(file(trail)).hasBinaryContent(trail.bytes());
    }
    await("all offsets committed", this::allCommitted);
    assertThat(get("/connectors/trails/status")).contains("RUNNING").doesNotContain("FAILED");
    assertThat(get("/connector-plugins")).contains("TrailSinkConnector");
    try (var all = Files.walk(root)) {
      assertThat(
              all.filter(path -> Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS))
                  .filter(path -> !path.endsWith(".lock") && !path.endsWith("MANIFEST")))
          .hasSize(trails.size());
    }
  }

  private static byte[] sample(String name) throws IOException {
    try (var stream = TrailSinkIT.class.getResourceAsStream("/samples/" + name + ".log")) {
      return stream.readAllBytes();
    }
  }

  private Path file(TestTrail trail) {
    return root.resolve(trail.host()).resolve(trail.source()).resolve(trail.name());
  }

  private boolean isCollected(TestTrail trail) {
    return Files.exists(file(trail));
  }

  // The end comes first: it has to wait in the sidecar.
  private void publish(TestTrail trail) {
    send(Topics.TRAILS, trail.host(), trail.terminated());
    List<AuditRecord> records = new ArrayList<>();
    for (int position = 0; position < trail.bytes().length; ) {
      int end = position;
      while (end < trail.bytes().length && trail.bytes()[end] != '\n') {
        end++;
      }
      end = Math.min(end + 1, trail.bytes().length);
      records.add(trail.record(position, end));
      position = end;
      if (records.size() == 20 || position == trail.bytes().length) {
        send(Topics.EVENTS, trail.host(), trail.event(records.toArray(AuditRecord[]::new)));
        records.clear();
      }
    }
  }

  private void send(Topics topic, String host, SpecificRecord value) {
    Future<?> _ =
        producer.send(
            new ProducerRecord<>(
                topic.topic(),
                HostPartition.of(host, PARTITIONS),
                host,
                serializer.serialize(topic.topic(), value)));
  }

  private void startWorker() throws IOException {
    rest = "http://127.0.0.1:" + EmbeddedBroker.freePort();
    Map<String, String> settings = new HashMap<>();
    settings.put("bootstrap.servers", broker.bootstrap());
    settings.put("key.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    settings.put("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    settings.put("offset.storage.file.filename", data.resolve("connect.offsets").toString());
    settings.put("offset.flush.interval.ms", "1000");
    settings.put("plugin.discovery", "service_load");
    settings.put("listeners", rest);
    worker = new ConnectStandalone().startConnect(settings);
  }

  private void stopWorker() {
    if (worker != null) {
      worker.stop();
      worker.awaitStop();
      worker = null;
    }
  }

  private void createConnector() throws Exception {
    Map<String, String> config = new HashMap<>();
    config.put("connector.class", "auditbus.sinks.trail.TrailSinkConnector");
    config.put("topics", "audit.events,audit.trails");
    config.put("tasks.max", "2");
    config.put("root", root.toString());
    config.put("schema.registry.url", registry.url());
    config.put("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    config.put(
        "consumer.override.partition.assignment.strategy",
        "org.apache.kafka.clients.consumer.RangeAssignor");
    String json =
        config.entrySet().stream()
            .map(entry -> "\"" + entry.getKey() + "\":\"" + entry.getValue() + "\"")
            .collect(Collectors.joining(",", "{", "}"));
    HttpResponse<String> answer =
        http.send(
            HttpRequest.newBuilder(URI.create(rest + "/connectors/trails/config"))
                .header("Content-Type", "application/json")
                .PUT(HttpRequest.BodyPublishers.ofString(json))
                .build(),
            HttpResponse.BodyHandlers.ofString());
    assertThat(answer.statusCode()).as(answer.body()).isIn(200, 201);
  }

  private String get(String path) throws Exception {
    return http.send(
            HttpRequest.newBuilder(URI.create(rest + path)).build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }

  private boolean allCommitted() {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrap()))) {
      var committed =
          admin.listConsumerGroupOffsets("connect-trails").partitionsToOffsetAndMetadata().get();
      Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
      for (int partition = 0; partition < PARTITIONS; partition++) {
        for (TopicPartition tp : TestWorker.both(partition)) {
          wanted.put(tp, OffsetSpec.latest());
        }
      }
      var ends = admin.listOffsets(wanted).all().get();
      return ends.entrySet().stream()
          .filter(end -> end.getValue().offset() > 0)
          .allMatch(
              end ->
                  committed.containsKey(end.getKey())
                      && committed.get(end.getKey()).offset() == end.getValue().offset());
    } catch (Exception e) {
      return false;
    }
  }

  private static void await(String what, BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - deadline).as("waited too long for " + what).isNegative();
      Thread.sleep(50);
    }
  }
}
