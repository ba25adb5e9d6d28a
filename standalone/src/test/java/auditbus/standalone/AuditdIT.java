// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.AgentProcess;
import auditbus.agent.KernelAudit;
import auditbus.agent.MixedActivity;
import auditbus.agent.RealAuditd;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.Outcome;
import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.standalone.registry.EmbeddedRegistry;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** From the real auditd through the real agent to a real topic. */
@ExtendWith(KernelAudit.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class AuditdIT {
  private static final DateTimeFormatter START =
      DateTimeFormatter.ofPattern("uuuuMMddHHmmss").withZone(ZoneOffset.UTC);

  @TempDir private static Path broker;
  private static EmbeddedKafka kafka;
  private static EmbeddedRegistry registry;

  @TempDir private Path directory;

  @BeforeAll
  static void open() throws Exception {
    kafka = new EmbeddedKafka(broker, Ports.free(), Map.of());
    kafka.open();
    registry =
        EmbeddedRegistry.open(
            Map.of("bootstrap.servers", kafka.bootstrap()),
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", kafka.bootstrap()))) {
      new TopicAdmin(admin).create(3, 1);
    }
  }

  @AfterAll
  static void close() throws Exception {
    registry.close();
    kafka.close();
  }

  @Test
  void endOfAuditd_isInTheTopicWhicheverWayItIsHandedOut() throws Exception {
    Path socket = directory.resolve("events");
    Path ofPlugin = Files.createDirectory(directory.resolve("plugin"));
    Path ofSocket = Files.createDirectory(directory.resolve("socket"));
    Map<String, String> settings = settings("by-socket");
    settings.put("sources.auditd.type", "audisp");
    settings.put("sources.auditd.path", socket.toString());
    try (RealAuditd auditd = new RealAuditd(directory.resolve("auditd"), Map.of());
        Feed feed = new Feed();
        AgentProcess agent = AgentProcess.start(ofSocket, settings)) {
      auditd.serve(socket);
      auditd.plugin("auditbus", AgentProcess.plugin(ofPlugin, settings("by-plugin")), true);
      auditd.start();
      for (String host : List.of("by-socket", "by-plugin")) {
        RealAuditd.await(
            "a message of " + host,
            () -> {
              KernelAudit.auditctl("-m", "probe");
              return feed.events().stream()
                  .anyMatch(
                      event -> event.getHost().equals(host) && event.getType().equals("USER"));
            });
      }
      assertThat(feed.events().stream().filter(event -> event.getType().equals("DAEMON_START")))
          .as("only a plugin is there when auditd starts")
          .extracting(AuditEvent::getHost)
          .containsExactly("by-plugin");

      auditd.stop();
      String logged = auditd.lines().getLast();
      assertThat(logged).startsWith("type=DAEMON_END ").contains(" op=terminate ");
      long plugin = Long.parseLong(Files.readString(ofPlugin.resolve("pids")).strip());
      RealAuditd.await(
          "the plugin ended",
          () -> ProcessHandle.of(plugin).map(process -> !process.isAlive()).orElse(true));
      agent.await("two ends", () -> ends(feed).size() == 2);
      assertThat(ends(feed))
          .extracting(AuditEvent::getHost)
          .containsExactlyInAnyOrder("by-socket", "by-plugin");
      for (AuditEvent end : ends(feed)) {
        assertThat(end.getRecords()).hasSize(1);
        AuditRecord record = end.getRecords().getFirst();
        assertThat(StandardCharsets.US_ASCII.decode(record.getRaw().duplicate()).toString())
            .isEqualTo(logged + "\n");
        assertThat(record.getFields()).containsEntry("op", "terminate");
        assertThat(end.getOutcome()).isEqualTo(Outcome.SUCCESS);
        assertThat(end.getComplete()).isTrue();
        assertThat(end.getSubject().orElseThrow().getAuid().map(auid -> Long.toString(auid)))
            .isEqualTo(
                Optional.of(logged.replaceFirst(".* auid=(\\S+) .*", "$1"))
                    .filter(auid -> !auid.equals("-1") && !auid.equals("4294967295")));
      }
    }
  }

  @Test
  void rotations_whileTheAgentRunsAndWhileItIsDead_loseNothingAndGiveNothingTwice()
      throws Exception {
    Map<String, String> settings = settings("rotating");
    try (RealAuditd auditd =
            new RealAuditd(
                directory.resolve("auditd"), Map.of("max_log_file", "2", "num_logs", "99"));
        Feed feed = new Feed()) {
      settings.put("sources.auditd.type", "auditlog");
      settings.put("sources.auditd.path", auditd.log().toString());
      settings.put("heartbeat.ms", "200");
      auditd.start();
      MixedActivity activity = new MixedActivity(directory);
      Process flooding = activity.flood(30_000);
      try (AgentProcess agent = AgentProcess.start(directory, settings)) {
        agent.await("begun", () -> !feed.events().isEmpty());
        rotate(auditd, 3);
        agent.await("some of a rotated log", () -> trails(feed).size() > 3);
      } // kill -9
      activity.awaitEnd(flooding);
      flooding = activity.flood(20_000);
      rotate(auditd, 4);
      activity.awaitEnd(flooding);
      try (AgentProcess agent = AgentProcess.start(directory, settings)) {
        flooding = activity.flood(20_000);
        rotate(auditd, 2);
        activity.awaitEnd(flooding);
        KernelAudit.auditctl("-m", "last");
        RealAuditd.await("all is logged", () -> auditd.lines().getLast().contains("text=last "));
        agent.await("all is published", () -> publishedBytes(feed) == bytes(auditd.logs()));
        assertSame(feed, auditd.logs());
        agent.signal("TERM", 1000);
        assertThat(agent.awaitExit()).as(agent.log()).isZero();
      }
      auditd.stop();
      List<Path> logs = auditd.logs();
      assertThat(logs).hasSizeGreaterThan(9); // rotations, and the first
      assertThat(trails(feed)).as("a trail for each log, and no other").hasSameSizeAs(logs);
    }
  }

  private static void rotate(RealAuditd auditd, int times) throws Exception {
    for (int i = 0; i < times; i++) {
      int before = auditd.logs().size();
      auditd.signal("USR1");
      RealAuditd.await("rotated", () -> auditd.logs().size() > before);
      RealAuditd.await(
          "the new log begun", () -> Files.exists(auditd.log()) && Files.size(auditd.log()) > 0);
    }
  }

  private static Map<String, String> settings(String host) {
    Map<String, String> settings = new HashMap<>();
    settings.put("host", host);
    settings.put("bootstrap.servers", kafka.bootstrap());
    settings.put("schema.registry.url", registry.uri().toString());
    return settings;
  }

  private static List<AuditEvent> ends(Feed feed) {
    return feed.events().stream().filter(event -> event.getType().equals("DAEMON_END")).toList();
  }

  private static Set<String> trails(Feed feed) {
    return feed.trails("rotating").keySet();
  }

  private static long publishedBytes(Feed feed) {
    return feed.trails("rotating").values().stream()
        .flatMap(records -> records.values().stream())
        .mapToLong(raw -> raw.length)
        .sum();
  }

  private static long bytes(List<Path> files) throws Exception {
    long bytes = 0;
    for (Path file : files) {
      bytes += Files.size(file);
    }
    return bytes;
  }

  /** Each log is a trail, whole, every byte of it once, and called by its first record's time. */
  private static void assertSame(Feed feed, List<Path> logs) throws Exception {
    Map<String, NavigableMap<Long, byte[]>> trails = feed.trails("rotating");
    List<String> found = new ArrayList<>();
    trails.forEach(
        (trail, records) -> {
          ByteArrayOutputStream text = new ByteArrayOutputStream();
          records.forEach(
              (position, raw) -> {
                assertThat(position).as("trail %s: a hole, or twice", trail).isEqualTo(text.size());
                text.writeBytes(raw);
              });
          found.add(text.toString(StandardCharsets.ISO_8859_1));
        });
    List<String> logged = new ArrayList<>();
    for (Path log : logs) {
      logged.add(Files.readString(log, StandardCharsets.ISO_8859_1));
    }
    assertThat(found.stream().map(String::hashCode))
        .as("the bytes of the logs")
        .containsExactlyInAnyOrderElementsOf(logged.stream().map(String::hashCode).toList());
    trails.forEach(
        (trail, records) -> {
          String first = new String(records.firstEntry().getValue(), StandardCharsets.ISO_8859_1);
          long second = Long.parseLong(first.replaceFirst("(?s).*audit\\((\\d+)\\..*", "$1"));
          assertThat(trail.replaceFirst("~.*", ""))
              .as("name of the trail that begins with %s", first)
              .isEqualTo(START.format(Instant.ofEpochSecond(second)));
        });
  }

  /** What is in the topic of events, read as it comes. */
  private static final class Feed implements AutoCloseable {
    private final AvroDeserializer<AuditEvent> values =
        new AvroDeserializer<>(
            new SchemaRegistryClient(Map.of("schema.registry.url", registry.uri().toString())));
    private final KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", kafka.bootstrap()),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    private final List<AuditEvent> events = new ArrayList<>();

    Feed() {
      List<TopicPartition> partitions =
          consumer.partitionsFor(Topics.EVENTS.topic()).stream()
              .map(info -> new TopicPartition(info.topic(), info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToEnd(partitions);
      partitions.forEach(consumer::position);
    }

    /** All so far. */
    List<AuditEvent> events() {
      int before;
      do {
        before = events.size();
        consumer
            .poll(Duration.ofMillis(50))
            .forEach(message -> events.add(values.deserialize(message.topic(), message.value())));
      } while (events.size() > before);
      return events;
    }

    /**
     * A host's records by trail and position; what came twice says the same, or it is no
     * repetition.
     */
    Map<String, NavigableMap<Long, byte[]>> trails(String host) {
      Map<String, NavigableMap<Long, byte[]>> found = new TreeMap<>();
      for (AuditEvent event : events()) {
        if (event.getHost().equals(host)) {
          for (AuditRecord record : event.getRecords()) {
            byte[] raw = new byte[record.getLength()];
            record.getRaw().duplicate().get(raw);
            byte[] before =
                found
                    .computeIfAbsent(
                        record.getTrail().orElse(event.getTrail()), _ -> new TreeMap<>())
                    .put(record.getPosition(), raw);
            assertThat(before == null || Arrays.equals(before, raw))
                .as("%s at %s", event.getTrail(), record.getPosition())
                .isTrue();
          }
        }
      }
      return found;
    }

    @Override
    public void close() {
      consumer.close();
    }
  }
}
