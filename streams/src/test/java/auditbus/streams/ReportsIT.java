// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.Attribution;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.Certainty;
import auditbus.schemas.Evidence;
import auditbus.schemas.EvidenceKind;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.GapUnit;
import auditbus.schemas.HostPartition;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.TestBroker;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The tables, from the topics of a real broker; one story in its order. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ReportsIT {
  private static final int PARTITIONS = 3;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Instant TIME = Instant.parse("2026-11-20T10:28:48.499Z");

  @TempDir private static Path directory;
  private static TestBroker broker;
  private static TestRegistry registry;
  private static KafkaProducer<byte[], byte[]> producer;
  private static AvroSerializer<SpecificRecord> serializer;

  private final StringBuilder err = new StringBuilder();
  private int code;

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
    producer.close();
    registry.close();
    broker.close();
  }

  private static Map<String, Object> client() {
    return Map.of("bootstrap.servers", broker.bootstrap(), "schema.registry.url", registry.url());
  }

  private static Future<RecordMetadata> send(Topics topic, String host, String key, byte[] value) {
    return producer.send(
        new ProducerRecord<>(
            topic.topic(),
            HostPartition.of(host, PARTITIONS),
            key.getBytes(StandardCharsets.UTF_8),
            value));
  }

  private static void send(Topics topic, String host, String key, SpecificRecord value)
      throws Exception {
    send(topic, host, key, serializer.serialize(topic.topic(), value)).get(30, TimeUnit.SECONDS);
  }

  private static void send(ShutdownAttribution stop) throws Exception {
    send(Topics.SHUTDOWNS, stop.getHost(), stop.getId(), stop);
  }

  private static void send(Gap gap) throws Exception {
    send(Topics.GAPS, gap.getHost(), gap.getId(), gap);
  }

  private static void send(AgentStatus status) throws Exception {
    send(Topics.AGENTS, status.getHost(), status.getHost(), status);
  }

  private List<String> lines(TopicPrinter printer, String... args) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    new CommandLine(printer).parseArgs(args);
    code = printer.print(client(), out, err);
    return out.toString(StandardCharsets.UTF_8).lines().toList();
  }

  private static ShutdownAttribution.Builder stop(String id, String host, Instant when) {
    return ShutdownAttribution.newBuilder()
        .setId(id)
        .setHost(host)
        .setDaemon("auditd")
        .setDaemonPid(19320L)
        .setStopped(when)
        .setMarker("DAEMON_END")
        .setAttribution(Attribution.UNATTRIBUTED)
        .setEvidence(List.of());
  }

  private static Evidence evidence(EvidenceKind kind) {
    return Evidence.newBuilder()
        .setKind(kind)
        .setSource("auditd")
        .setTrail("20261120102848")
        .setPosition(1)
        .setSerial(1)
        .build();
  }

  @Test
  @Order(1)
  void shutdowns_areTheLastWordOnEachStopInTheOrderOfTime() throws Exception {
    send(stop("late", "web2", TIME.plusSeconds(60)).build());
    send(stop("gone", "web1", TIME).build());
    send(stop("s1", "web1", TIME).build());
    send(
        stop("s1", "web1", TIME)
            .setAttribution(Attribution.USER)
            .setCertainty(Certainty.PROVEN)
            .setAuid(1000L)
            .setUid(0L)
            .setSession(3L)
            .setPid(19342L)
            .setComm("kill\u001b[31m\u009b")
            .setExe("/usr/bin/kill")
            .setDisagreement(true)
            .setEvidence(
                List.of(
                    evidence(EvidenceKind.KILL_EVENT),
                    evidence(EvidenceKind.SIGNAL_INFO),
                    evidence(EvidenceKind.SIGNAL_INFO)))
            .setRevision(1)
            .build());
    send(stop("gone", "web1", TIME).setSupersededBy("s1").setRevision(1).build());
    send(stop("none", "web1", TIME).setWithdrawn("the daemon went on").build());
    send(
        stop("old", "db", TIME.minus(Duration.ofDays(30)))
            .setAttribution(Attribution.UNSET)
            .setCertainty(Certainty.SUSPECTED)
            .setDaemon("auditbus")
            .setDaemonPid(null)
            .setUid(0L)
            .setEvidence(List.of(evidence(EvidenceKind.SERVICE_MANAGER)))
            .build());
    assertThat(String.join("\n", lines(new ShutdownsCommand.Shown())))
        .isEqualTo(
            """
            WHEN                      HOST  DAEMON         WHO                       HOW SURE   HOW KNOWN
            2026-10-21T10:28:48.499Z  db    auditbus       unset (uid 0)             suspected  service manager
            2026-11-20T10:28:48.499Z  web1  auditd[19320]  auid 1000 (uid 0, ses 3)  proven     kill event, signal info, disagrees; by kill\\x1b[31m\\x9b[19342] /usr/bin/kill
            2026-11-20T10:29:48.499Z  web2  auditd[19320]  unattributed              -          no evidence""");
    assertThat(code).isZero();
    assertThat(lines(new ShutdownsCommand.Shown(), "--all"))
        .hasSize(6)
        .anyMatch(line -> line.contains("superseded by s1"))
        .anyMatch(line -> line.contains("withdrawn: the daemon went on"));
    assertThat(lines(new ShutdownsCommand.Shown(), "--host", "web1", "--host", "db")).hasSize(3);
    assertThat(lines(new ShutdownsCommand.Shown(), "--since", "2026-11-20T10:29:00Z"))
        .hasSize(2)
        .last()
        .asString()
        .contains("web2");
    List<String> json = lines(new ShutdownsCommand.Shown(), "--json", "--host", "web1");
    assertThat(json).hasSize(1);
    JsonNode one = JSON.readTree(json.getFirst());
    assertThat(one.get("id").asText()).isEqualTo("s1");
    assertThat(one.get("comm").asText()).isEqualTo("kill\u001b[31m\u009b");
    assertThat(json.getFirst()).matches("[ -~]*");
  }

  private static Gap.Builder gap(String id, GapKind kind, String host, Instant opened) {
    return Gap.newBuilder()
        .setId(id)
        .setHost(host)
        .setKind(kind)
        .setCertainty(Certainty.PROVEN)
        .setState(GapState.OPEN)
        .setOpened(opened);
  }

  @Test
  @Order(2)
  void gaps_areTheLastWordOnEach() throws Exception {
    Gap.Builder filled =
        gap("g1", GapKind.TRAIL_COVERAGE, "web1", TIME)
            .setSource("auditd")
            .setTrail("20261120102848")
            .setPosition(50L)
            .setEnd(120L)
            .setMissing(70L)
            .setUnit(GapUnit.BYTES)
            .setCause("trail dropped,\nfor want of disk");
    send(filled.build());
    send(
        gap("g2", GapKind.SERIAL, "web1", TIME.plusSeconds(1))
            .setCertainty(Certainty.SUSPECTED)
            .setFirstSerial(17L)
            .setLastSerial(19L)
            .setMissing(3L)
            .setUnit(GapUnit.EVENTS)
            .build());
    send(
        gap("g3", GapKind.SILENT_HOST, "web2", TIME.plusSeconds(2))
            .setFrom(TIME)
            .setMissing(12L)
            .setUnit(GapUnit.SECONDS)
            .build());
    send(filled.setState(GapState.CLOSED).setClosed(TIME.plusSeconds(9)).setMissing(0L).build());
    assertThat(String.join("\n", lines(new GapsCommand.Shown())))
        .isEqualTo(
            """
            OPENED                    KIND            HOST  SOURCE/TRAIL           RANGE                      MISSING  UNIT     SURE       STATE   CLOSED                    CAUSE
            2026-11-20T10:28:48.499Z  TRAIL_COVERAGE  web1  auditd/20261120102848  bytes 50-119                     0  bytes    proven     closed  2026-11-20T10:28:57.499Z  trail dropped,\\x0afor want of disk
            2026-11-20T10:28:49.499Z  SERIAL          web1  -                      serials 17-19                    3  events   suspected  open    -                         -
            2026-11-20T10:28:50.499Z  SILENT_HOST     web2  -                      2026-11-20T10:28:48.499Z/       12  seconds  proven     open    -                         -""");
    assertThat(Files.readString(Path.of("README.md"), StandardCharsets.UTF_8))
        .as("the README shows these")
        .contains("    " + String.join("\n    ", lines(new GapsCommand.Shown())));
    assertThat(lines(new GapsCommand.Shown(), "--open", "--host", "web1"))
        .hasSize(2)
        .last()
        .asString()
        .contains("SERIAL");
    assertThat(lines(new GapsCommand.Shown(), "--open", "--json")).hasSize(2);
    assertThat(code).isZero();
  }

  private static AgentStatus.Builder status(String host) {
    return AgentStatus.newBuilder()
        .setHost(host)
        .setEpoch(1)
        .setVersion("0.1.0")
        .setStarted(TIME)
        .setAt(TIME)
        .setSequence(0)
        .setIntervalMs(3_600_000)
        .setSources(List.of());
  }

  private static SourceStatus.Builder source(String name, String type) {
    return SourceStatus.newBuilder()
        .setName(name)
        .setType(type)
        .setState("RUNNING")
        .setTrail("20261120102848")
        .setHead(200)
        .setAcked(150)
        .setWaitingBytes(50)
        .setLagMs(12_300L)
        .setReceived(0)
        .setWritten(0)
        .setDropped(0)
        .setAckedRecords(0)
        .setWaitingRecords(0)
        .setEvents(0)
        .setIncomplete(0)
        .setUnparsed(0)
        .setTrailsClosed(0);
  }

  @Test
  @Order(3)
  void hosts_areAsTheirLastHeartbeatSaysAndTheClock() throws Exception {
    send(status("db").setStopping(true).build());
    send(status("dead").setIntervalMs(1).build());
    send(status("web1").setVersion("0.0.9").build());
    send(
        status("web1")
            .setKernel(new KernelStatus(1L, 1L, 7L, 0L, 8192L, 42L, 0L, 60_000L, 0L))
            .setSources(
                List.of(
                    source("auditd", "auditlog").build(),
                    source("kernel", "readlog")
                        .setState("FAILED")
                        .setError("no \u001b]0;right\u0007")
                        .setLagMs(null)
                        .build()))
            .build());
    TimeUnit.MILLISECONDS.sleep(50); // that "dead" is older than its three milliseconds
    List<String> lines = lines(new HostsCommand.Shown());
    assertThat(code).isZero();
    assertThat(lines.stream().map(line -> line.replaceAll("  [0-9.]+s  0", "  1s  0")))
        .map(line -> line.replaceAll(" +", " "))
        .containsExactly(
            "HOST STATE SEEN VERSION LOST GAPS SOURCE TYPE RUNS TRAIL HEAD ACKED WAITING LAG REMARK",
            "db stopped 1s 0.1.0 - - - - - - - - - - last stop 2026-10-21T10:28:48.499Z auditbus:"
                + " unset (uid 0) suspected",
            "dead SILENT 1s 0.1.0 - - - - - - - - - - -",
            "web1 up 1s 0.1.0 42 SERIAL:1 auditd auditlog running 20261120102848 200 150 50 12s"
                + " last stop 2026-11-20T10:28:48.499Z auditd[19320]: auid 1000 (uid 0, ses 3)"
                + " proven",
            "web1 up 1s 0.1.0 42 SERIAL:1 kernel readlog FAILED 20261120102848 200 150 50 - no"
                + " \\x1b]0;right\\x07; last stop 2026-11-20T10:28:48.499Z auditd[19320]: auid"
                + " 1000 (uid 0, ses 3) proven",
            "web2 UNSEEN - - - SILENT_HOST:1 - - - - - - - - last stop 2026-11-20T10:29:48.499Z"
                + " auditd[19320]: unattributed");
    JsonNode web1 =
        JSON.readTree(lines(new HostsCommand.Shown(), "--json", "--host", "web1").getFirst());
    assertThat(web1.get("state").asText()).isEqualTo("UP");
    assertThat(web1.get("openGaps").get("SERIAL").asInt()).isEqualTo(1);
    assertThat(web1.get("lastShutdown").get("id").asText()).isEqualTo("s1");
    assertThat(web1.get("status").get("sources").get(0).get("lagMs").asLong()).isEqualTo(12_300);
    assertThat(lines(new HostsCommand.Shown(), "--since", "2030-01-01"))
        .as("no heartbeat since then")
        .filteredOn(line -> line.startsWith("dead"))
        .isEmpty();
  }

  @Test
  @Order(4)
  void watchedHosts_changeWhileOneLooks() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    HostsCommand.Shown shown = new HostsCommand.Shown();
    new CommandLine(shown).parseArgs("--watch", "--json", "--host", "db");
    Thread watching =
        new Thread(
            () -> {
              try {
                shown.print(client(), out, err);
              } catch (IOException | org.apache.kafka.common.errors.InterruptException e) {
                // it was told to end in the middle of a poll
              }
            });
    watching.start();
    await(() -> out.toString(StandardCharsets.UTF_8).contains("\"STOPPED\""));
    send(status("db").build());
    await(() -> out.toString(StandardCharsets.UTF_8).contains("\"UP\""));
    watching.interrupt();
    watching.join(Duration.ofSeconds(20));
    assertThat(watching.isAlive()).isFalse();
  }

  private static void await(java.util.function.BooleanSupplier condition) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  @Test
  @Order(5)
  void recordThatCannotBeRead_isToldAndTheOthersArePrinted() throws Exception {
    send(Topics.GAPS, "web1", "junk", new byte[] {1, 2, 3}).get(30, TimeUnit.SECONDS);
    assertThat(lines(new GapsCommand.Shown())).hasSize(4);
    assertThat(code).isEqualTo(1);
    assertThat(err.toString().lines()).hasSize(1).first().asString().contains("audit.gaps");
  }

  /** As many as {@code -Dauditbus.test.hosts} says, for figures; else some. */
  @Test
  @Order(6)
  void manyHosts_areReadFastAndInLittleMemory() throws Exception {
    int hosts = Integer.getInteger("auditbus.test.hosts", 500);
    int beats = Integer.getInteger("auditbus.test.beats", 4);
    List<SourceStatus> sources = new ArrayList<>();
    for (String name : List.of("auditd", "kernel")) {
      sources.add(source(name, "readlog").build());
    }
    Optional<Future<RecordMetadata>> sent = Optional.empty();
    for (int beat = 0; beat < beats; beat++) {
      for (int i = 0; i < hosts; i++) {
        String host = "host" + i;
        byte[] value =
            serializer.serialize(
                Topics.AGENTS.topic(), status(host).setSequence(beat).setSources(sources).build());
        sent = Optional.of(send(Topics.AGENTS, host, host, value));
      }
    }
    producer.flush();
    sent.orElseThrow().get(30, TimeUnit.SECONDS);
    assertThat(launched(hosts * beats + " heartbeats of " + hosts + " hosts", "hosts"))
        .isEqualTo(2L * hosts + 6); // heading, db, dead, web1 twice, web2
  }

  @Test
  @Order(7)
  void manyGaps_areReadFastAndInLittleMemory() throws Exception {
    int gaps = Integer.getInteger("auditbus.test.gaps", 500);
    Optional<Future<RecordMetadata>> sent = Optional.empty();
    for (int i = 0; i < gaps; i++) {
      String id = "%032x".formatted(i);
      Gap gap =
          gap(id, GapKind.TRAIL_COVERAGE, "host" + i % 1000, TIME.plusSeconds(100 + i))
              .setSource("auditd")
              .setTrail("20261120102848")
              .setPosition(50L)
              .setEnd(120L)
              .setMissing(70L)
              .setUnit(GapUnit.BYTES)
              .setCause("no byte of the closed trail came for 10 s")
              .build();
      byte[] value = serializer.serialize(Topics.GAPS.topic(), gap);
      sent = Optional.of(send(Topics.GAPS, gap.getHost(), id, value));
    }
    producer.flush();
    sent.orElseThrow().get(30, TimeUnit.SECONDS);
    assertThat(launched(gaps + " gaps", "gaps")).isEqualTo(Math.min(gaps + 4, 100_001));
  }

  /** Lines of a command run as the launcher does; tells what it took. */
  private static long launched(String what, String command) throws Exception {
    long begin = System.nanoTime();
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:+UseCompactObjectHeaders",
                "-XX:TieredStopAtLevel=1",
                "--sun-misc-unsafe-memory-access=allow",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "auditbus.streams.Main",
                command,
                "--bootstrap",
                broker.bootstrap(),
                "--registry",
                registry.url())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    long lines = 0;
    String peak = "unknown";
    try (var out = process.inputReader(StandardCharsets.UTF_8)) {
      while (out.readLine() != null) {
        if (lines++ == 0) {
          peak = Files.readString(Path.of("/proc", Long.toString(process.pid()), "status"));
          peak = peak.replaceAll("(?s).*VmHWM:\\s*(\\d+ kB).*", "$1");
        }
      }
    }
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    System.out.printf(
        "%s: %d lines in %.1f s, peak RSS %s%n",
        what, lines, (System.nanoTime() - begin) / 1e9, peak);
    return lines;
  }
}
