// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.Attribution;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.Gap;
import auditbus.schemas.GapState;
import auditbus.schemas.HostPartition;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.TestBroker;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.JobRunner;
import auditbus.streams.job.JobState;
import auditbus.streams.lines.TopicLines;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The jobs and the printing of topics on a real broker, exactly once; one story in its order. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class JobsIT {
  private static final int PARTITIONS = 3;
  private static final Duration PATIENCE = Duration.ofSeconds(90);
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path directory;
  private static TestBroker broker;
  private static TestRegistry registry;
  private static KafkaProducer<byte[], byte[]> producer;
  private static AvroSerializer<SpecificRecord> serializer;
  private static JobRunner runner;

  @BeforeAll
  static void open() throws Exception {
    broker = TestBroker.open(directory.resolve("kafka"));
    registry = new TestRegistry();
    try (Admin admin = Admin.create(client())) {
      new TopicAdmin(admin).create(PARTITIONS, 1);
    }
    producer = new KafkaProducer<>(client(), new ByteArraySerializer(), new ByteArraySerializer());
    serializer = new AvroSerializer<>();
    serializer.configure(client(), false);
  }

  @AfterAll
  static void close() {
    if (runner != null) {
      runner.close();
    }
    producer.close();
    registry.close();
    broker.close();
  }

  private static Map<String, Object> client() {
    return Map.of(
        "bootstrap.servers",
        broker.bootstrap(),
        "schema.registry.url",
        registry.url(),
        "schema.registry.retry.timeout.ms",
        "0");
  }

  private static JobRunner start() {
    Map<String, Object> settings = new java.util.HashMap<>(client());
    settings.put("state.dir", directory.resolve("state").toString());
    settings.put("shutdown.grace.ms", "300");
    settings.put("gaps.grace.ms", "500");
    settings.put("commit.interval.ms", "100");
    settings.put("restart.backoff.ms", "100");
    settings.put("session.timeout.ms", "6000");
    settings.put("heartbeat.interval.ms", "1000");
    JobRunner one = new JobRunner(StreamsCommand.jobs(), new JobConfig(settings));
    one.start();
    return one;
  }

  private static void send(Topics topic, String host, byte[] value) throws Exception {
    send(topic, host, null, value);
  }

  private static void send(Topics topic, String host, Long timeMs, byte[] value) throws Exception {
    producer
        .send(
            new ProducerRecord<>(
                topic.topic(), HostPartition.of(host, PARTITIONS), timeMs, new byte[0], value))
        .get(30, TimeUnit.SECONDS);
  }

  /** An event behind 50 bytes that did not come. */
  private static AuditEvent behindAHole(String host) throws Exception {
    AuditEvent event = Samples.of("01-term-auid1000-sender-alive.log").getFirst();
    event.setHost(host);
    event.setAcked(50);
    event.getRecords().getFirst().setPosition(50);
    return event;
  }

  private static void send(AuditEvent event) throws Exception {
    send(Topics.EVENTS, event.getHost(), serializer.serialize(Topics.EVENTS.topic(), event));
  }

  private static List<ConsumerRecord<byte[], byte[]>> records(String topic) {
    return Committed.records(broker.bootstrap(), topic);
  }

  private static <T extends SpecificRecord> List<T> values(Topics topic) {
    try (var values = new auditbus.schemas.AvroDeserializer<T>()) {
      values.configure(client(), false);
      return records(topic.topic()).stream()
          .map(record -> values.deserialize(topic.topic(), record.value()))
          .toList();
    }
  }

  private static void await(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime())
          .as("%s within %s; jobs: %s", what, PATIENCE, runner == null ? "" : runner.state())
          .isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(100);
    }
  }

  @Test
  @Order(1)
  void registryThatDoesNotAnswer_stopsNothingForGoodAndDeadLettersNothing() throws Exception {
    for (AuditEvent event : Samples.of("02-term-auid1000-sender-exits.log")) {
      send(event);
    }
    registry.answerWith(503);
    runner = start();
    await("restarts", () -> runner.state().values().stream().allMatch(job -> job.restarts() >= 2));
    assertThat(runner.state().get("gaps").lastError().orElse("")).contains("503");
    registry.answerWith(200);
    await("attribution", () -> !values(Topics.SHUTDOWNS).isEmpty());
    List<ShutdownAttribution> stops = values(Topics.SHUTDOWNS);
    assertThat(stops).hasSize(1);
    assertThat(stops.getFirst().getAttribution()).isEqualTo(Attribution.USER);
    assertThat(stops.getFirst().getAuid()).contains(1000L);
    assertThat(records(Topics.DEAD_LETTERS)).isEmpty();
    await("running", () -> runner.state().values().stream().allMatch(JobState::running));
  }

  @Test
  @Order(2)
  void poisonRecords_areDeadLetteredWithHeadersAndTheJobsGoOn() throws Exception {
    send(Topics.EVENTS, Samples.HOST, new byte[] {1, 2, 3});
    AuditEvent bad = Samples.of("01-term-auid1000-sender-alive.log").getFirst();
    bad.setHost("bad");
    bad.getRecords().getFirst().setLength(-1);
    send(bad);
    send(behindAHole("web2"));
    await("gap", () -> !values(Topics.GAPS).isEmpty());
    // The unreadable one by each of the two jobs, the one of impossible length by gaps.
    await("dead letters", () -> records(Topics.DEAD_LETTERS).size() == 3);
    assertThat(records(Topics.DEAD_LETTERS))
        .allSatisfy(
            record -> {
              assertThat(header(record, "topic")).isEqualTo("audit.events");
              assertThat(header(record, "exception")).isNotEmpty();
              assertThat(header(record, "message")).isNotEmpty();
              assertThat(header(record, "offset")).isNotEmpty();
            });
    ConsumerRecord<byte[], byte[]> gap = records(Topics.GAPS.topic()).getFirst();
    assertThat(gap.partition()).isEqualTo(HostPartition.of("web2", PARTITIONS));
    Gap value = JobsIT.<Gap>values(Topics.GAPS).getFirst();
    assertThat(value.getState()).isEqualTo(GapState.OPEN);
    assertThat(new String(gap.key(), StandardCharsets.UTF_8)).isEqualTo(value.getId());
  }

  /** Seed 20261129 of the faults, the broker's clock two hours ahead for a while. */
  @Test
  @Order(8)
  void eventOfABrokerWhoseClockWasAhead_doesNotStopTheJobs() throws Exception {
    ConfigResource events = new ConfigResource(ConfigResource.Type.TOPIC, Topics.EVENTS.topic());
    try (Admin admin = Admin.create(client())) {
      admin
          .incrementalAlterConfigs(
              Map.of(
                  events,
                  List.of(
                      set(TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG, "CreateTime"),
                      set(
                          TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG,
                          Long.toString(Long.MAX_VALUE)))))
          .all()
          .get(30, TimeUnit.SECONDS);
    }
    send(
        Topics.EVENTS,
        "web3",
        System.currentTimeMillis() + Duration.ofHours(2).toMillis(),
        serializer.serialize(Topics.EVENTS.topic(), behindAHole("web3")));
    await(
        "gap",
        () ->
            JobsIT.<Gap>values(Topics.GAPS).stream().anyMatch(gap -> gap.getHost().equals("web3")));
  }

  private static AlterConfigOp set(String name, String value) {
    return new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    return new String(
        record.headers().lastHeader("__streams.errors." + name).value(), StandardCharsets.UTF_8);
  }

  @Test
  @Order(3)
  void restartedJobs_goOnWithTheirState() throws Exception {
    runner.close();
    runner.close();
    AuditRecord missing =
        Samples.of("01-term-auid1000-sender-alive.log").getFirst().getRecords().getFirst();
    missing.setLength(50);
    AuditEvent filling = Samples.of("01-term-auid1000-sender-alive.log").getFirst();
    filling.setHost("web2");
    filling.setRecords(List.of(missing));
    send(filling);
    runner = start();
    await(
        "gap closed",
        () -> JobsIT.<Gap>values(Topics.GAPS).getLast().getState() == GapState.CLOSED);
    Gap closed = JobsIT.<Gap>values(Topics.GAPS).getLast();
    assertThat(closed.getRevision()).isEqualTo(1);
    assertThat(values(Topics.SHUTDOWNS)).hasSize(1);
  }

  @Test
  @Order(4)
  void topicAsJsonLines_isOneLineAnEvent() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    List<String> unreadable = new ArrayList<>();
    long count =
        new TopicLines(client(), "audit.events", true, false)
            .print(out, () -> false, unreadable::add);
    List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
    assertThat(lines).hasSize((int) count);
    assertThat(unreadable).hasSize(1).first().asString().contains("offset");
    JsonNode end = null;
    for (String line : lines) {
      JsonNode event = JSON.readTree(line);
      if (event.get("type").asText().equals("DAEMON_END")) {
        end = event;
      }
    }
    assertThat(end).isNotNull();
    assertThat(end.get("time").asText()).isEqualTo("2026-11-20T10:28:48.499Z");
    assertThat(end.get("boot").isNull()).isTrue();
    assertThat(end.get("records").get(0).get("raw").asText())
        .startsWith("type=DAEMON_END")
        .endsWith("\n");
    assertThat(end.get("records").get(0).get("fields").get("auid").asText()).isEqualTo("1000");
    for (String topic : Topics.names()) {
      new TopicLines(client(), topic, true, false).print(out, () -> false, unreadable::add);
    }
    assertThat(out.toString(StandardCharsets.UTF_8)).contains("__streams.errors.topic");
    assertThat(
            new TopicLines(client(), "audit.events", false, false)
                .print(out, () -> false, unreadable::add))
        .isZero();
  }

  @Test
  @Order(5)
  void readerThatWentAway_isNoError() throws Exception {
    EventsCommand.Shown shown = new EventsCommand.Shown();
    new CommandLine(shown).parseArgs("--topic", "audit.events", "--follow");
    OutputStream gone =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("Broken pipe");
          }
        };
    assertThat(shown.print(client(), gone, new StringBuilder())).isZero();
  }

  @Test
  @Order(6)
  void eventsCommand_endsWithItsReader() throws Exception {
    for (int i = 0; i < 30; i++) {
      for (AuditEvent event : Samples.of("17-other-signal-syscalls-and-injection.log")) {
        send(event);
      }
    }
    Process process =
        new ProcessBuilder(
                "bash",
                "-c",
                "set -o pipefail; \"$0\" \"$@\" | head -n 3",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--sun-misc-unsafe-memory-access=allow",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "auditbus.streams.Main",
                "events",
                "--bootstrap",
                broker.bootstrap(),
                "--registry",
                registry.url(),
                "--follow")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(output.lines()).hasSize(3).allSatisfy(line -> JSON.readTree(line));
    assertThat(process.exitValue()).isZero();
  }

  @Test
  @Order(7)
  void everyTopic_isPrintedFast() throws Exception {
    int count = Integer.getInteger("auditbus.test.events", 5_000);
    byte[] value =
        serializer.serialize(
            Topics.EVENTS.topic(), Samples.of("02-term-auid1000-sender-exits.log").get(4));
    Future<?> sent = null;
    for (int i = 0; i < count; i++) {
      sent = producer.send(new ProducerRecord<>("audit.events", i % PARTITIONS, null, value));
    }
    producer.flush();
    sent.get(1, TimeUnit.SECONDS);
    long begin = System.nanoTime();
    long lines =
        new TopicLines(client(), "audit.events", true, false)
            .print(OutputStream.nullOutputStream(), () -> false, _ -> {});
    System.out.printf(
        "%d events as JSON lines in %.2f s%n", lines, (System.nanoTime() - begin) / 1e9);
    assertThat(lines).isGreaterThan(count);
  }
}
