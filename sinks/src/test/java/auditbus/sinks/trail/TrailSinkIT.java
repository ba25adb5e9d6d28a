// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditRecord;
import auditbus.schemas.TestBroker;
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
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BooleanSupplier;
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
  private TestBroker broker;
  private TestRegistry registry;
  private TrailTopics topics;
  private final HttpClient http = HttpClient.newHttpClient();
  private Connect<?> worker;
  private String rest;

  @BeforeEach
  void start() throws Exception {
    root = Files.createDirectory(data.resolve("collected"));
    broker = TestBroker.open(data);
    registry = new TestRegistry();
    topics = new TrailTopics(broker.bootstrap(), registry.url(), PARTITIONS);
  }

  @AfterEach
  void stop() {
    stopWorker();
    if (topics != null) {
      topics.close();
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
    topics.flush();
    await("the first half", () -> early.stream().allMatch(this::isCollected));

    stopWorker();
    trails.subList(trails.size() / 2, trails.size()).forEach(this::publish);
    // A forged record among them: refused, and nothing else suffers.
    topics.send(
        Topics.EVENTS,
        "web1",
        new TestTrail("../../etc", "auditd", "20261120104501", new byte[5]).event(0, 5));
    topics.sendBytes(Topics.EVENTS, 0, "x", "junk".getBytes(StandardCharsets.UTF_8));
    topics.flush();
    startWorker();
    createConnector();
    await("all trails", () -> trails.stream().allMatch(this::isCollected));
    for (TestTrail trail : trails) {
      assertThat(file(trail)).hasBinaryContent(trail.bytes());
    }
    await("all offsets committed", () -> topics.allCommitted("trails"));
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
    topics.send(Topics.TRAILS, trail.host(), trail.terminated());
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
        topics.send(Topics.EVENTS, trail.host(), trail.event(records.toArray(AuditRecord[]::new)));
        records.clear();
      }
    }
  }

  private void startWorker() throws IOException {
    rest = "http://127.0.0.1:" + TestBroker.freePort();
    Map<String, String> settings = EtcFiles.properties("connect-standalone.properties");
    settings.put("bootstrap.servers", broker.bootstrap());
    settings.put("offset.storage.file.filename", data.resolve("connect.offsets").toString());
    settings.put("offset.flush.interval.ms", "1000");
    // Nothing: here the sink is on the class path.
    settings.put("plugin.path", data.resolve("plugins").toString());
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
    Map<String, String> config = EtcFiles.properties("trail-sink.properties");
    config.put("tasks.max", "2");
    config.put("root", root.toString());
    config.put("schema.registry.url", registry.url());
    config.put("errors.deadletterqueue.topic.replication.factor", "1");
    HttpResponse<String> answer =
        http.send(
            HttpRequest.newBuilder(URI.create(rest + "/connectors/trails/config"))
                .header("Content-Type", "application/json")
                .PUT(HttpRequest.BodyPublishers.ofString(EtcFiles.json(config)))
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

  private static void await(String what, BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - deadline).as("waited too long for " + what).isNegative();
      Thread.sleep(50);
    }
  }
}
