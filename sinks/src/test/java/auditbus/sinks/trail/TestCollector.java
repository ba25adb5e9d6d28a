// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.HostPartition;
import auditbus.schemas.TestBroker;
import auditbus.schemas.Topics;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
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

/** A real broker, a producer with our serializer, and a real Connect worker. */
final class TestCollector implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofMinutes(2);
  private static final String BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter";

  final Path root;
  private final Path data;
  private final TestBroker broker;
  private final Map<Topics, Integer> partitions = new HashMap<>();
  private final HttpClient http = HttpClient.newHttpClient();
  private final AvroSerializer<SpecificRecord> serializer = new AvroSerializer<>();
  private final KafkaProducer<String, byte[]> producer;
  private Connect<?> worker;
  private Process process;
  private String rest;

  TestCollector(Path data, String registryUrl, int eventPartitions, int trailPartitions)
      throws Exception {
    this.data = data;
    root = Files.createDirectory(data.resolve("collected"));
    broker = TestBroker.open(data);
    partitions.put(Topics.EVENTS, eventPartitions);
    partitions.put(Topics.TRAILS, trailPartitions);
    try (Admin admin = admin()) {
      List<NewTopic> topics = new ArrayList<>();
      partitions.forEach(
          (topic, count) ->
              topics.add(
                  new NewTopic(topic.topic(), count, (short) 1)
                      .configs(new HashMap<>(topic.settings()))));
      admin.createTopics(topics).all().get();
    }
    serializer.configure(Map.of("schema.registry.url", registryUrl), false);
    producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrap(), "linger.ms", "5"),
            new StringSerializer(),
            new ByteArraySerializer());
  }

  Admin admin() {
    return Admin.create(Map.of("bootstrap.servers", broker.bootstrap()));
  }

  String bootstrap() {
    return broker.bootstrap();
  }

  void startWorker(Map<String, String> more) throws IOException {
    worker = new ConnectStandalone().startConnect(settings(more));
  }

  /**
   * Starts the worker as users do: a process whose class path is Kafka's alone, everything else in
   * directories of {@code plugin.path}.
   */
  void startWorkerProcess(Path plugins, Map<String, String> more) throws Exception {
    Map<String, String> settings = settings(more);
    settings.put("plugin.path", plugins.toString());
    Path file = data.resolve("worker.properties");
    Files.writeString(
        file,
        settings.entrySet().stream()
            .map(entry -> entry.getKey() + "=" + entry.getValue())
            .collect(Collectors.joining("\n")));
    String classPath =
        Arrays.stream(System.getProperty("java.class.path").split(":", -1))
            .filter(entry -> !entry.matches(".*(auditbus|/classes|/test-classes|/avro).*"))
            .collect(Collectors.joining(":"));
    process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-cp",
                classPath,
                ConnectStandalone.class.getName(),
                file.toString())
            .redirectErrorStream(true)
            .redirectOutput(data.resolve("worker.log").toFile())
            .start();
    await(
        "the worker's process",
        () -> {
          try {
            return http.send(
                        HttpRequest.newBuilder(URI.create(rest + "/connectors")).build(),
                        HttpResponse.BodyHandlers.discarding())
                    .statusCode()
                == 200;
          } catch (IOException e) {
            if (!process.isAlive()) {
              throw new AssertionError(Files.readString(data.resolve("worker.log")), e);
            }
            return false;
          }
        });
  }

  private Map<String, String> settings(Map<String, String> more) throws IOException {
    rest = "http://127.0.0.1:" + TestBroker.freePort();
    Map<String, String> settings = new HashMap<>();
    settings.put("bootstrap.servers", broker.bootstrap());
    settings.put("key.converter", BYTES);
    settings.put("value.converter", BYTES);
    settings.put("offset.storage.file.filename", data.resolve("connect.offsets").toString());
    settings.put("offset.flush.interval.ms", "1000");
    settings.put("plugin.discovery", "service_load");
    settings.put("listeners", rest);
    settings.putAll(more);
    return settings;
  }

  /** The settings of a connector that works, without a registry. */
  Map<String, String> connector() {
    Map<String, String> config = new HashMap<>();
    config.put("connector.class", "auditbus.sinks.trail.TrailSinkConnector");
    config.put("topics", "audit.events,audit.trails");
    config.put("tasks.max", "2");
    config.put("root", root.toString());
    config.put(
        "consumer.override.partition.assignment.strategy",
        "org.apache.kafka.clients.consumer.RangeAssignor");
    return config;
  }

  /** Creates the connector; the answer's body. */
  String create(Map<String, String> config, int... wantedStatus) throws Exception {
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
    assertThat(wantedStatus).as(answer.body()).contains(answer.statusCode());
    return answer.body();
  }

  String status() throws Exception {
    return http.send(
            HttpRequest.newBuilder(URI.create(rest + "/connectors/trails/status")).build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }

  /** Publishes a trail as an agent does, its end first: that has to wait in the sidecar. */
  void publish(TestTrail trail, int recordBytes) {
    send(Topics.TRAILS, trail.host(), trail.opened());
    send(Topics.TRAILS, trail.host(), trail.terminated());
    publishBytes(trail, recordBytes, 0);
  }

  void publishBytes(TestTrail trail, int recordBytes, int from) {
    List<AuditRecord> records = new ArrayList<>();
    for (int position = from; position < trail.bytes().length; ) {
      int end = Math.min(position + recordBytes, trail.bytes().length);
      records.add(trail.record(position, end));
      position = end;
      if (records.size() == 5 || position == trail.bytes().length) {
        send(Topics.EVENTS, trail.host(), trail.event(records.toArray(AuditRecord[]::new)));
        records.clear();
      }
    }
  }

  void send(Topics topic, String host, SpecificRecord value) {
    sendBytes(topic, host, serializer.serialize(topic.topic(), value));
  }

  void sendBytes(Topics topic, String host, byte[] value) {
    int partition = HostPartition.of(host, partitions.get(topic));
    Future<?> _ = producer.send(new ProducerRecord<>(topic.topic(), partition, host, value));
  }

  byte[] serialize(Topics topic, SpecificRecord value) {
    return serializer.serialize(topic.topic(), value);
  }

  void flush() {
    producer.flush();
  }

  Path file(TestTrail trail) {
    return root.resolve(trail.host()).resolve(trail.source()).resolve(trail.name());
  }

  /** Whether the connector's group has committed everything that is in the topics. */
  boolean isAllCommitted() throws Exception {
    try (Admin admin = admin()) {
      var committed =
          admin.listConsumerGroupOffsets("connect-trails").partitionsToOffsetAndMetadata().get();
      Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
      partitions.forEach(
          (topic, count) -> {
            for (int partition = 0; partition < count; partition++) {
              wanted.put(new TopicPartition(topic.topic(), partition), OffsetSpec.latest());
            }
          });
      return admin.listOffsets(wanted).all().get().entrySet().stream()
          .filter(end -> end.getValue().offset() > 0)
          .allMatch(
              end ->
                  committed.get(end.getKey()) != null
                      && committed.get(end.getKey()).offset() == end.getValue().offset());
    }
  }

  void await(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.call()) {
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError("waited too long for " + what + ": " + status());
      }
      Thread.sleep(50);
    }
  }

  @Override
  public void close() {
    if (worker != null) {
      worker.stop();
      worker.awaitStop();
    }
    if (process != null) {
      process.destroy();
      try {
        if (!process.waitFor(20, TimeUnit.SECONDS)) {
          process.destroyForcibly();
        }
      } catch (InterruptedException e) {
        process.destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
    producer.close();
    serializer.close();
    broker.close();
    http.close();
  }
}
