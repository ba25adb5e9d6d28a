// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.ConfinedAgent;
import auditbus.agent.KernelAudit;
import auditbus.agent.netlink.Capability;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import auditbus.standalone.registry.EmbeddedRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The two halves of an agent as two processes under two users, who have a group in common and
 * nothing else: one has audit capabilities, the other none.
 */
@Timeout(300)
final class TwoUsersIT {
  private static final int CAPTURE = 64001;
  private static final int DISTRIBUTION = 64002;
  private static final int READERS = 64010;
  private static final int CALLS = 2000;

  /** TrailWriter looks for expired trails each 5 s. */
  private static final Duration KEPT = Duration.ofSeconds(8);

  private static final Duration DEADLINE = Duration.ofSeconds(60);

  @TempDir Path scratch;
  private Path flood;
  private final Map<String, TreeMap<Long, byte[]>> published = new HashMap<>();
  private final Map<String, TrailState> closed = new HashMap<>();
  private final List<AgentStatus> statuses = new ArrayList<>();
  private int flooded;

  @BeforeAll
  static void kernel() throws Exception {
    KernelAudit.require();
  }

  @AfterAll
  static void giveBack() throws Exception {
    KernelAudit.release();
  }

  @Test
  void halves_publishEveryRecordWhicheverIsKilled_andRemoveWhatIsAcknowledged() throws Exception {
    KernelAudit.auditctl("-e", "1");
    KernelAudit.auditctl("-b", "8192");
    flood = KernelAudit.build("flood.c", scratch);
    KernelAudit.auditctl(
        "-a", "always,exit", "-F", "arch=b64", "-S", "getppid", "-F", "exe=" + flood);
    Path state = ConfinedAgent.directoryOf(DISTRIBUTION, scratch.resolve("state"));
    Path trailDir = ConfinedAgent.directoryOf(CAPTURE, scratch.resolve("capture"));
    Path trails = trailDir.resolve("kernel");
    try (EmbeddedKafka kafka =
        new EmbeddedKafka(scratch.resolve("kafka"), Ports.free(), Map.of())) {
      kafka.open();
      Map<String, Object> client = Map.of("bootstrap.servers", kafka.bootstrap());
      try (EmbeddedRegistry registry =
              EmbeddedRegistry.open(
                  client, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
          Admin admin = Admin.create(client);
          KafkaConsumer<byte[], byte[]> consumer =
              new KafkaConsumer<>(
                  client, new ByteArrayDeserializer(), new ByteArrayDeserializer());
          AvroDeserializer<SpecificRecord> values = new AvroDeserializer<>()) {
        new TopicAdmin(admin).create(1, 1);
        values.configure(Map.of("schema.registry.url", registry.uri().toString()), false);
        List<TopicPartition> partitions =
            List.of(
                new TopicPartition(Topics.EVENTS.topic(), 0),
                new TopicPartition(Topics.TRAILS.topic(), 0),
                new TopicPartition(Topics.AGENTS.topic(), 0));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Callable<Boolean> poll =
            () -> {
              for (ConsumerRecord<byte[], byte[]> message : consumer.poll(Duration.ofMillis(50))) {
                take(values.deserialize(message.topic(), message.value()));
              }
              return true;
            };
        Map<String, String> settings = new HashMap<>();
        settings.put("bootstrap.servers", kafka.bootstrap());
        settings.put("schema.registry.url", registry.uri().toString());
        settings.put("host", "web1");
        settings.put("state.dir", state.toString());
        settings.put("trail.dir", trailDir.toString());
        settings.put("trail.group", "" + READERS);
        settings.put("trail.max.bytes", "65536");
        settings.put("trail.keep.ms", "1000");
        settings.put("heartbeat.ms", "200");
        settings.put("sources.kernel.type", "kernel");

        ConfinedAgent capture = capture(settings);
        ConfinedAgent distribution = distribution(settings);
        try {
          capture.untilRegistered();
          flood();
          until("first flood", poll, () -> flooded() == flooded);
          long pid = capture.pid();
          until("the other half's figures", poll, () -> hasFiguresOf(pid));
          assertThat(access(trailDir)).isEqualTo("rwxr-x--- " + CAPTURE + " " + READERS);
          assertThat(access(trails)).isEqualTo("rwxr-x--- " + CAPTURE + " " + READERS);
          assertThat(access(trailDir.resolve("capture.json")))
              .isEqualTo("rw-r----- " + CAPTURE + " " + READERS);
          assertThat(access(ConfinedAgent.trails(trails).getLast()))
              .isEqualTo("rw-r----- " + CAPTURE + " " + READERS);
          assertThat(access(state)).isEqualTo("rwxr-x--- " + DISTRIBUTION + " " + READERS);
          assertThat(access(state.resolve("checkpoint")))
              .isEqualTo("rw-r----- " + DISTRIBUTION + " " + READERS);
          until(
              "removed what is acknowledged", poll, () -> ConfinedAgent.trails(trails).size() == 1);

          distribution.kill();
          Path open = ConfinedAgent.trails(trails).getLast();
          // Each trail begins in another second: how many a flood fills is a matter of time.
          do {
            flood();
            awaitInTrails(capture, trails);
          } while (finished(trails).size() <= 2);
          List<Path> waiting = finished(trails);
          assertThat(waiting.getFirst().toString())
              .startsWith(open.toString().split("\\.not_", -1)[0]);
          long keptUntil = System.nanoTime() + KEPT.toNanos();
          capture.until("kept", () -> System.nanoTime() > keptUntil);
          assertThat(waiting).allMatch(Files::exists);
          distribution.close();
          distribution = distribution(settings);
          until("second flood", poll, () -> flooded() == flooded);
          until("removed now", poll, () -> waiting.stream().noneMatch(Files::exists));

          flood();
          awaitInTrails(capture, trails);
          capture.kill();
          capture.close();
          KernelAudit.auditctl("-e", "1");
          capture = capture(settings);
          capture.untilRegistered();
          flood();
          until("third and fourth flood", poll, () -> flooded() == flooded);
          until(
              "the killed half's trail",
              poll,
              () ->
                  closed.values().stream()
                      .anyMatch(last -> last.getState() == TrailStatus.CRASH_RECOVERED));

          assertThat(capture.stop()).as(capture.said()).isZero();
          until(
              "the end",
              poll,
              () -> lines().stream().anyMatch(l -> l.startsWith("type=DAEMON_END ")));
          until("closed", poll, () -> closed.keySet().containsAll(published.keySet()));
          assertThat(distribution.stop()).as(distribution.said()).isZero();
          poll.call();
        } finally {
          capture.close();
          distribution.close();
          KernelAudit.restore();
        }
        assertWhole();
        System.out.println(
            "two users: " + flooded + " events, " + published.size() + " trails, all whole");
      }
    }
  }

  private ConfinedAgent capture(Map<String, String> settings) throws Exception {
    return ConfinedAgent.start(
        scratch,
        tight(
            ConfinedAgent.as(
                CAPTURE, List.of(READERS), Capability.AUDIT_CONTROL, Capability.AUDIT_WRITE)),
        settings,
        "--only",
        "capture");
  }

  private ConfinedAgent distribution(Map<String, String> settings) throws Exception {
    return ConfinedAgent.start(
        scratch,
        tight(ConfinedAgent.as(DISTRIBUTION, List.of(READERS))),
        settings,
        "--only",
        "distribution");
  }

  /** With a umask that leaves others nothing. */
  private static List<String> tight(List<String> command) {
    List<String> all = new ArrayList<>(List.of("sh", "-c", "umask 077; exec \"$@\"", "sh"));
    all.addAll(command);
    return all;
  }

  private static List<Path> finished(Path trails) throws IOException {
    return ConfinedAgent.trails(trails).stream()
        .filter(trail -> !trail.toString().endsWith(".not_terminated"))
        .toList();
  }

  private void flood() throws Exception {
    ConfinedAgent.run(flood.toString(), "" + CALLS);
    flooded += CALLS;
  }

  private static void awaitInTrails(ConfinedAgent capture, Path trails) throws Exception {
    String marker = "marker-" + System.nanoTime();
    KernelAudit.auditctl("-m", marker);
    capture.until(
        marker, () -> ConfinedAgent.lines(trails).stream().anyMatch(l -> l.contains(marker)));
  }

  private void take(SpecificRecord value) {
    switch (value) {
      case AuditEvent event -> {
        for (AuditRecord record : event.getRecords()) {
          byte[] raw = new byte[record.getLength()];
          record.getRaw().duplicate().get(raw);
          published
              .computeIfAbsent(record.getTrail().orElse(event.getTrail()), _ -> new TreeMap<>())
              .put(record.getPosition(), raw);
        }
      }
      case TrailState last -> {
        if (last.getState() == TrailStatus.TERMINATED
            || last.getState() == TrailStatus.CRASH_RECOVERED) {
          closed.put(last.getTrail(), last);
        }
      }
      case AgentStatus status -> statuses.add(status);
      default -> throw new AssertionError(value);
    }
  }

  private List<String> lines() {
    return published.values().stream()
        .flatMap(records -> records.values().stream())
        .map(raw -> new String(raw, StandardCharsets.ISO_8859_1))
        .toList();
  }

  private long flooded() {
    return lines().stream()
        .filter(line -> line.startsWith("type=SYSCALL ") && line.contains("comm=\"flood\""))
        .count();
  }

  private boolean hasFiguresOf(long pid) {
    if (statuses.isEmpty()) {
      return false;
    }
    AgentStatus last = statuses.getLast();
    SourceStatus source = last.getSources().getFirst();
    return last.getKernel().map(kernel -> kernel.getPid() == pid).orElse(false)
        && source.getState().equals("RUNNING")
        && source
            .getCapture()
            .map(
                figures ->
                    figures.getAttached()
                        && figures.getReceiveBuffer() > 0
                        && figures.getTrailsWritten() > 2
                        && figures.getOwnRecords() == 1)
            .orElse(false);
  }

  private void assertWhole() throws Exception {
    assertThat(closed.keySet()).containsAll(published.keySet());
    for (Map.Entry<String, TrailState> trail : closed.entrySet()) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (Map.Entry<Long, byte[]> record :
          published.getOrDefault(trail.getKey(), new TreeMap<>()).entrySet()) {
        assertThat(record.getKey()).as(trail.getKey()).isEqualTo(bytes.size());
        bytes.write(record.getValue());
      }
      assertThat(bytes.size()).as("%s", trail).isEqualTo(trail.getValue().getSize());
      assertThat(trail.getValue().getSha256())
          .as("%s", trail)
          .contains(
              HexFormat.of()
                  .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.toByteArray())));
    }
    for (AgentStatus status : statuses) {
      SourceStatus source = status.getSources().getFirst();
      assertThat(source.getReceived())
          .as("%s", status)
          .isEqualTo(source.getWritten() + source.getDropped());
      assertThat(source.getDropped()).as("%s", status).isZero();
    }
  }

  private static String access(Path file) throws Exception {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file))
        + " "
        + Files.getAttribute(file, "unix:uid", LinkOption.NOFOLLOW_LINKS)
        + " "
        + Files.getAttribute(file, "unix:gid", LinkOption.NOFOLLOW_LINKS);
  }

  private static void until(String what, Callable<Boolean> poll, Callable<Boolean> condition)
      throws Exception {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      assertThat(poll.call()).isTrue();
    }
  }
}
