// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.AgentProcess;
import auditbus.agent.KernelAudit;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.Coverage;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import auditbus.standalone.registry.EmbeddedRegistry;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** From the real kernel through the real agent to a real broker, under a flood. */
@ExtendWith(KernelAudit.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class KernelIT {
  private static final int CALLS = 30_000;
  private static final Duration DEADLINE = Duration.ofSeconds(90);

  @TempDir Path directory;

  @Test
  void flood_arrivesWholeAndTheCountersAddUpInEveryHeartbeat() throws Exception {
    Path flood = KernelAudit.build("flood.c", directory);
    KernelAudit.auditctl(
        "-a", "always,exit", "-F", "arch=b64", "-S", "getpgid", "-F", "exe=" + flood);
    KernelAudit.auditctl("-a", "always,exit", "-F", "arch=b64", "-S", "kill", "-k", "sig");
    KernelAudit.auditctl("-b", "8192");
    try (EmbeddedKafka kafka =
        new EmbeddedKafka(directory.resolve("kafka"), Ports.free(), Map.of())) {
      kafka.open();
      Map<String, Object> client = Map.of("bootstrap.servers", kafka.bootstrap());
      try (Admin admin = Admin.create(client);
          EmbeddedRegistry registry =
              EmbeddedRegistry.open(
                  client, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
        new TopicAdmin(admin).create(2, 1);
        Reader reader = new Reader(client, registry.uri().toString());
        Map<String, String> settings = new HashMap<>();
        settings.put("bootstrap.servers", kafka.bootstrap());
        settings.put("schema.registry.url", registry.uri().toString());
        settings.put("host", "kernelhost");
        settings.put("heartbeat.ms", "100");
        settings.put("shutdown.timeout.ms", "30000");
        settings.put("trail.max.bytes", "4000000");
        settings.put("sources.kernel.type", "kernel");
        try (AgentProcess agent = AgentProcess.start(directory, settings)) {
          agent.awaitRegistered();
          // A flood and a stop take less than the first messages may: the heartbeats are to see it.
          reader.awaitHeartbeat(status -> isRegistered(status, agent));
          assertThat(
                  new ProcessBuilder(flood.toString(), Integer.toString(CALLS), "1", "getpgid")
                      .inheritIO()
                      .start()
                      .waitFor())
              .isZero();
          agent.signal("TERM", 1000);
          assertThat(agent.awaitExit()).as(agent.log()).isZero();
          reader.readToTheLastHeartbeat();
          assertHeartbeats(reader, agent);
          assertEvents(reader, agent);
        }
      }
    }
  }

  private static void assertHeartbeats(Reader reader, AgentProcess agent) throws Exception {
    assertThat(reader.statuses.size()).as(agent.log()).isGreaterThan(5);
    for (AgentStatus status : reader.statuses) {
      SourceStatus source = status.getSources().getFirst();
      assertThat(source.getReceived())
          .as("received = written + dropped in %s", status)
          .isEqualTo(source.getWritten() + source.getDropped());
      assertThat(source.getWritten())
          .as("written = acked + waiting in %s", status)
          .isEqualTo(source.getAckedRecords() + source.getWaitingRecords());
      assertThat(source.getWaitingRecords()).as("%s", status).isNotNegative();
    }
    AgentStatus last = reader.statuses.getLast();
    SourceStatus source = last.getSources().getFirst();
    assertThat(last.getStopping()).isTrue();
    long lines = 0;
    for (Path trail : agent.trails("kernel")) {
      try (var text = Files.lines(trail, java.nio.charset.StandardCharsets.ISO_8859_1)) {
        lines += text.count();
      }
    }
    assertThat(source.getReceived()).as("counted against the disk: %s", last).isEqualTo(lines);
    assertThat(source.getAckedRecords()).as("%s", last).isEqualTo(lines);
    assertThat(source.getWaitingRecords()).isZero();
    assertThat(source.getDropped()).isZero();
    // The first heartbeat may have asked the kernel before the agent was registered.
    AgentStatus during =
        reader.statuses.stream()
            .filter(status -> isRegistered(status, agent))
            .reduce((_, later) -> later)
            .orElseThrow(() -> new AssertionError("never registered: " + reader.statuses));
    assertThat(during.getKernel().orElseThrow().getEnabled()).isEqualTo(1);
    assertThat(during.getSources().getFirst().getCapture().orElseThrow().getReceiveBuffer())
        .isGreaterThanOrEqualTo(128L * 1024 * 1024);
  }

  private static boolean isRegistered(AgentStatus status, AgentProcess agent) {
    return status.getKernel().filter(kernel -> kernel.getPid() == agent.pid()).isPresent();
  }

  private static void assertEvents(Reader reader, AgentProcess agent) throws Exception {
    Map<String, Coverage> coverage = new TreeMap<>();
    TreeSet<Long> serials = new TreeSet<>();
    int floods = 0;
    for (AuditEvent event : reader.events) {
      assertThat(event.getBoot())
          .as("%s", event)
          .isPresent()
          .isEqualTo(reader.statuses.getLast().getBoot());
      for (AuditRecord record : event.getRecords()) {
        coverage
            .computeIfAbsent(record.getTrail().orElse(event.getTrail()), _ -> new Coverage())
            .add(record.getPosition(), record.getPosition() + record.getLength());
      }
      if (!event.getType().startsWith("DAEMON_")) {
        serials.add(event.getSerial());
      }
      floods += event.getSyscall().filter(call -> call.getNumber() == 121).isPresent() ? 1 : 0;
    }
    assertThat(floods).as("getpgid calls").isEqualTo(CALLS);
    assertThat(serials.getLast() - serials.getFirst() + 1)
        .as("serials from %s to %s", serials.getFirst(), serials.getLast())
        .isEqualTo(serials.size());
    for (Path file : agent.trails("kernel")) {
      String name = file.getFileName().toString();
      String trail = name.substring(0, 14);
      long size = Files.size(file);
      assertThat(coverage.get(trail).missing(size)).as("holes in %s", name).isEmpty();
      TrailState state = reader.states.get(trail);
      assertThat(state.getState()).isEqualTo(TrailStatus.TERMINATED);
      assertThat(state.getName()).isEqualTo(name);
      assertThat(state.getSha256())
          .contains(
              HexFormat.of()
                  .formatHex(
                      MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file))));
    }
    assertThat(agent.trails("kernel").size()).as("rotated").isGreaterThan(2);
    AuditEvent end =
        reader.events.stream()
            .filter(event -> event.getType().equals("DAEMON_END"))
            .findFirst()
            .orElseThrow();
    assertThat(end.getRecords().getFirst().getFields())
        .containsEntry("op", "terminate")
        .containsEntry("auid", "1000")
        .containsEntry("sender", "kill-event");
  }

  /** Reads what the agent sent; each topic from its start. */
  private static final class Reader {
    final List<AgentStatus> statuses = new ArrayList<>();
    final List<AuditEvent> events = new ArrayList<>();
    final Map<String, TrailState> states = new HashMap<>();
    private final Map<String, Object> client;
    private final String registry;

    Reader(Map<String, Object> client, String registry) {
      this.client = client;
      this.registry = registry;
    }

    /** Waits until a heartbeat that fits has reached the topic; keeps none. */
    void awaitHeartbeat(Predicate<AgentStatus> wanted) {
      try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
        AvroDeserializer<SpecificRecord> values = values();
        List<TopicPartition> partitions = partitions(List.of(Topics.AGENTS));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        long deadline = System.nanoTime() + DEADLINE.toNanos();
        boolean seen = false;
        while (!seen) {
          assertThat(System.nanoTime()).as("no such heartbeat in time").isLessThan(deadline);
          for (ConsumerRecord<byte[], byte[]> message : consumer.poll(Duration.ofMillis(50))) {
            seen |=
                values.deserialize(message.topic(), message.value()) instanceof AgentStatus status
                    && wanted.test(status);
          }
        }
      }
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
      return new KafkaConsumer<>(client, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private AvroDeserializer<SpecificRecord> values() {
      AvroDeserializer<SpecificRecord> values = new AvroDeserializer<>();
      values.configure(Map.of("schema.registry.url", registry), false);
      return values;
    }

    private static List<TopicPartition> partitions(List<Topics> topics) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (Topics topic : topics) {
        partitions.add(new TopicPartition(topic.topic(), 0));
        partitions.add(new TopicPartition(topic.topic(), 1));
      }
      return partitions;
    }

    /** The last heartbeat is sent when all else is acknowledged. */
    void readToTheLastHeartbeat() {
      try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
        AvroDeserializer<SpecificRecord> values = values();
        List<TopicPartition> partitions =
            partitions(List.of(Topics.EVENTS, Topics.TRAILS, Topics.AGENTS));
        consumer.assign(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        consumer.seekToBeginning(partitions);
        long deadline = System.nanoTime() + DEADLINE.toNanos();
        while (partitions.stream().anyMatch(one -> consumer.position(one) < ends.get(one))) {
          assertThat(System.nanoTime()).isLessThan(deadline);
          for (ConsumerRecord<byte[], byte[]> message : consumer.poll(Duration.ofMillis(200))) {
            take(values.deserialize(message.topic(), message.value()));
          }
        }
      }
    }

    private void take(SpecificRecord value) {
      switch (value) {
        case AgentStatus status -> statuses.add(status);
        case AuditEvent event -> events.add(event);
        case TrailState state -> states.put(state.getTrail(), state);
        default -> throw new AssertionError(value.getClass());
      }
    }
  }
}
