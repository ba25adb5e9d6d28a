// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.AgentProcess;
import auditbus.agent.KernelAudit;
import auditbus.agent.RealAuditd;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.Attribution;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.standalone.registry.EmbeddedRegistry;
import auditbus.streams.gaps.GapsJob;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.JobRunner;
import auditbus.streams.shutdown.ShutdownJob;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.avro.specific.SpecificRecord;
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

/** What the jobs say of losses and stops that truly happen in this kernel, through a real agent. */
@ExtendWith(KernelAudit.class)
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class GapsKernelIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final long USER = 1000;

  @TempDir private static Path broker;
  private static EmbeddedKafka kafka;
  private static EmbeddedRegistry registry;
  private static JobRunner jobs;

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
      new TopicAdmin(admin).create(2, 1);
    }
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", kafka.bootstrap());
    settings.put("schema.registry.url", registry.uri().toString());
    settings.put("state.dir", broker.resolve("state").toString());
    settings.put("commit.interval.ms", 100L);
    settings.put("gaps.grace.ms", 1000L);
    settings.put("gaps.serial.grace.ms", 2000L);
    settings.put("gaps.dispatcher.ms", 3000L);
    settings.put("gaps.dispatcher.events", 5);
    settings.put("shutdown.grace.ms", 500L);
    jobs = new JobRunner(List.of(new GapsJob(), new ShutdownJob()), new JobConfig(settings));
    jobs.start();
  }

  @AfterAll
  static void close() throws Exception {
    jobs.close();
    registry.close();
    kafka.close();
  }

  @Test
  void rateLimitUnderAFlood_isLostRecordsAndMissingSerialsThatFit() throws Exception {
    Path flood = KernelAudit.build("flood.c", directory);
    KernelAudit.auditctl(
        "-a", "always,exit", "-F", "arch=b64", "-S", "getpgid", "-F", "exe=" + flood);
    KernelAudit.auditctl("-b", "8192");
    try (Feed feed = new Feed("limited");
        AgentProcess agent = AgentProcess.start(directory, settings("limited"))) {
      agent.awaitRegistered();
      feed.until(agent, "heartbeats", () -> feed.statuses.size() > 2);
      KernelAudit.auditctl("-r", "200");
      run(flood.toString(), "3000", "1", "getpgid");
      KernelAudit.auditctl("-r", "0");
      long lost = Long.parseLong(KernelAudit.settings().get("lost"));
      assertThat(lost).as("the kernel lost some").isPositive();
      run(flood.toString(), "10", "1", "getpgid");
      feed.until(
          agent, "the kernel's lost records", () -> feed.missing(GapKind.KERNEL_LOST) == lost);
      feed.until(
          agent,
          "missing serials",
          () -> feed.missing(GapKind.SERIAL) > 0 && feed.missing(GapKind.SERIAL) == holes(feed));
      assertThat(feed.missing(GapKind.SERIAL))
          .as("an event that is missing lost a record at least")
          .isLessThanOrEqualTo(lost);
      assertThat(feed.gaps(GapKind.KERNEL_LOST))
          .allSatisfy(gap -> assertThat(gap.getCertainty()).isEqualTo(Certainty.PROVEN));

      // Forgetting is no loss.
      int before = feed.statuses.size();
      KernelAudit.auditctl("--reset-lost");
      feed.until(
          agent,
          "heartbeats of a counter that was reset",
          () ->
              feed.statuses.size() > before + 3
                  && feed.statuses.getLast().getKernel().map(KernelStatus::getLost).orElse(-1L)
                      == 0);
      assertThat(feed.missing(GapKind.KERNEL_LOST)).isEqualTo(lost);
    }
  }

  @Test
  void auditingSwitchedOffAndOn_isAGapThatEndedAndAStopBySomebody() throws Exception {
    try (Feed feed = new Feed("switched");
        AgentProcess agent = AgentProcess.start(directory, settings("switched"))) {
      agent.awaitRegistered();
      feed.until(agent, "heartbeats", () -> feed.statuses.size() > 2);
      as(USER, "auditctl", "-e", "0");
      feed.until(
          agent,
          "auditing off",
          () ->
              feed.gaps(GapKind.AUDIT_OFF).stream()
                  .anyMatch(gap -> gap.getState() == GapState.OPEN));
      as(USER, "auditctl", "-e", "1");
      feed.until(
          agent,
          "auditing on again",
          () ->
              !feed.gaps(GapKind.AUDIT_OFF).isEmpty()
                  && feed.gaps(GapKind.AUDIT_OFF).stream()
                      .allMatch(gap -> gap.getState() == GapState.CLOSED));
      feed.until(
          agent,
          "who did it",
          () ->
              feed.shutdowns.values().stream()
                  .anyMatch(
                      stop ->
                          stop.getAttribution() == Attribution.USER
                              && stop.getAuid().orElse(-1L) == USER));
      assertThat(feed.gaps(GapKind.SERIAL)).isEmpty();
    }
  }

  /** The kernel gives no number to what a rule excludes. */
  @Test
  void excludedTypes_areNoGap() throws Exception {
    Path flood = KernelAudit.build("flood.c", directory);
    KernelAudit.auditctl(
        "-a", "always,exit", "-F", "arch=b64", "-S", "getpgid", "-F", "exe=" + flood);
    try (Feed feed = new Feed("excluding");
        AgentProcess agent = AgentProcess.start(directory, settings("excluding"))) {
      agent.awaitRegistered();
      feed.until(agent, "heartbeats", () -> feed.statuses.size() > 2);
      run(flood.toString(), "100", "1", "getpgid");
      KernelAudit.auditctl("-a", "exclude,always", "-F", "msgtype=PROCTITLE");
      KernelAudit.auditctl("-a", "exclude,always", "-F", "msgtype=USER");
      for (int i = 0; i < 20; i++) {
        KernelAudit.auditctl("-m", "excluded");
      }
      run(flood.toString(), "100", "1", "getpgid");
      KernelAudit.auditctl("-d", "exclude,always", "-F", "msgtype=PROCTITLE");
      run(flood.toString(), "100", "1", "getpgid");
      feed.until(
          agent,
          "what was not excluded",
          () ->
              feed.events.stream()
                      .filter(
                          event ->
                              event
                                  .getSyscall()
                                  .filter(call -> call.getNumber() == 121)
                                  .isPresent())
                      .count()
                  >= 300);
      assertThat(feed.events).noneMatch(event -> event.getType().equals("USER"));
      assertThat(holes(feed)).isZero();
      long last =
          feed.events.stream()
              .filter(event -> !event.getType().startsWith("DAEMON_"))
              .mapToLong(AuditEvent::getSerial)
              .max()
              .orElseThrow();
      // What is missing now is told of, later than anything before it would have been.
      KernelAudit.auditctl("-r", "20");
      run(flood.toString(), "1000", "1", "getpgid");
      KernelAudit.auditctl("-r", "0");
      run(flood.toString(), "10", "1", "getpgid");
      feed.until(
          agent,
          "the serials of the rate limit, and no other",
          () -> holes(feed) > 0 && feed.missing(GapKind.SERIAL) == holes(feed));
      assertThat(feed.gaps(GapKind.SERIAL))
          .isNotEmpty()
          .allSatisfy(gap -> assertThat(gap.getFirstSerial().orElseThrow()).isGreaterThan(last));
      assertThat(feed.gaps(GapKind.INCOMPLETE_EVENT))
          .allSatisfy(gap -> assertThat(gap.getFirstSerial().orElseThrow()).isGreaterThan(last));
    }
  }

  @Test
  void agentKilledAndStartedAgain_wasDownAndMissesWhatItMissed() throws Exception {
    Path flood = KernelAudit.build("flood.c", directory);
    KernelAudit.auditctl(
        "-a", "always,exit", "-F", "arch=b64", "-S", "getpgid", "-F", "exe=" + flood);
    try (Feed feed = new Feed("killed")) {
      try (AgentProcess agent = AgentProcess.start(directory, settings("killed"))) {
        agent.awaitRegistered();
        feed.until(agent, "heartbeats", () -> feed.statuses.size() > 2);
      } // kill -9
      run(flood.toString(), "100", "1", "getpgid");
      try (AgentProcess agent = AgentProcess.start(directory, settings("killed"))) {
        agent.awaitRegistered();
        run(flood.toString(), "10", "1", "getpgid");
        feed.until(
            agent,
            "the time it was down",
            () ->
                // What nobody listened to does not come back: the gap has an end and stays.
                feed.gaps(GapKind.DOWN).stream().anyMatch(gap -> gap.getTo().isPresent()));
        feed.until(
            agent,
            "the serials it missed, and no other",
            () -> holes(feed) >= 100 && feed.missing(GapKind.SERIAL) == holes(feed));
        assertThat(feed.gaps(GapKind.TRAIL_COVERAGE))
            .allSatisfy(gap -> assertThat(gap.getState()).isEqualTo(GapState.CLOSED));
      }
    }
  }

  @Test
  void feedSwitchedOffBesideTheKernels_isADeadDispatcher() throws Exception {
    Path socket = directory.resolve("events");
    Map<String, String> settings = settings("fed");
    settings.put("sources.kernel.type", "readlog");
    settings.put("sources.auditd.type", "audisp");
    settings.put("sources.auditd.path", socket.toString());
    try (RealAuditd auditd = new RealAuditd(directory.resolve("auditd"), Map.of());
        Feed feed = new Feed("fed")) {
      auditd.serve(socket);
      auditd.start();
      try (AgentProcess agent = AgentProcess.start(directory, settings)) {
        feed.until(
            agent,
            "both",
            () -> {
              KernelAudit.auditctl("-m", "probe");
              return feed.events.stream().map(AuditEvent::getSource).distinct().count() == 2;
            });
        auditd.serve(socket, false);
        auditd.signal("HUP");
        feed.until(
            agent,
            "the dead dispatcher",
            () -> {
              KernelAudit.auditctl("-m", "probe");
              return !feed.gaps(GapKind.DISPATCHER_DEAD).isEmpty();
            });
      }
    }
  }

  private static void run(String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  private static void as(long loginuid, String... command) throws Exception {
    assertThat(
            new ProcessBuilder(KernelAudit.asLoginuid(loginuid, command))
                .inheritIO()
                .start()
                .waitFor())
        .isZero();
  }

  private static Map<String, String> settings(String host) {
    Map<String, String> settings = new HashMap<>();
    settings.put("host", host);
    settings.put("bootstrap.servers", kafka.bootstrap());
    settings.put("schema.registry.url", registry.uri().toString());
    settings.put("heartbeat.ms", "500");
    settings.put("sources.kernel.type", "kernel");
    return settings;
  }

  /** How many serials are missing between the first and the last that arrived. */
  private static long holes(Feed feed) {
    TreeSet<Long> serials = new TreeSet<>();
    for (AuditEvent event : feed.events) {
      if (!event.getType().startsWith("DAEMON_") && event.getTime().isPresent()) {
        serials.add(event.getSerial());
      }
    }
    return serials.isEmpty() ? 0 : serials.getLast() - serials.getFirst() + 1 - serials.size();
  }

  /** A condition that may fail. */
  private interface Condition {
    boolean holds() throws Exception;
  }

  /** What all topics say of one host, read as it comes. */
  private static final class Feed implements AutoCloseable {
    final List<AuditEvent> events = new ArrayList<>();
    final List<AgentStatus> statuses = new ArrayList<>();
    final Map<String, Gap> gaps = new LinkedHashMap<>();
    final Map<String, ShutdownAttribution> shutdowns = new LinkedHashMap<>();
    private final String host;
    private final AvroDeserializer<SpecificRecord> values = new AvroDeserializer<>();
    private final KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", kafka.bootstrap(), "isolation.level", "read_committed"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());

    Feed(String host) {
      this.host = host;
      values.configure(Map.of("schema.registry.url", registry.uri().toString()), false);
      List<TopicPartition> partitions = new ArrayList<>();
      for (Topics topic : Topics.values()) {
        consumer
            .partitionsFor(topic.topic())
            .forEach(info -> partitions.add(new TopicPartition(info.topic(), info.partition())));
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
    }

    void until(AgentProcess agent, String what, Condition condition) throws Exception {
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      do {
        consumer
            .poll(Duration.ofMillis(100))
            .forEach(message -> take(values.deserialize(message.topic(), message.value())));
        assertThat(System.nanoTime())
            .as(
                "%s within %s; gaps: %s; jobs: %s; agent: %s",
                what, PATIENCE, gaps.values(), jobs.state(), agent.log())
            .isLessThan(deadline);
      } while (!condition.holds());
    }

    private void take(SpecificRecord value) {
      switch (value) {
        case AgentStatus status when status.getHost().equals(host) -> statuses.add(status);
        case AuditEvent event when event.getHost().equals(host) -> events.add(event);
        case Gap gap when gap.getHost().equals(host) -> gaps.put(gap.getId(), gap);
        case ShutdownAttribution stop when stop.getHost().equals(host) ->
            shutdowns.put(stop.getId(), stop);
        default -> {
          // Of another host, or what no test asks for.
        }
      }
    }

    List<Gap> gaps(GapKind kind) {
      Predicate<Gap> wanted = gap -> gap.getKind() == kind;
      return gaps.values().stream().filter(wanted).toList();
    }

    long missing(GapKind kind) {
      return gaps(kind).stream().mapToLong(gap -> gap.getMissing().orElse(0L)).sum();
    }

    @Override
    public void close() {
      consumer.close();
    }
  }
}
