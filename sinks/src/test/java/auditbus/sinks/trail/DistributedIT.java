// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditRecord;
import auditbus.schemas.TestBroker;
import auditbus.schemas.Topics;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.avro.specific.SpecificRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two distributed workers, each a process of its own with the plugin as it is shipped and the
 * settings as they are shipped, share one root, and are killed or frozen under load.
 */
class DistributedIT {
  private static final int PARTITIONS = 24;
  private static final int TASKS = 8;
  private static final Duration DEADLINE = Duration.ofSeconds(100);
  private static final Pattern TASK =
      Pattern.compile("\"id\":\\d+,\"state\":\"(\\w+)\",\"worker_id\":\"([^\"]+)\"");

  @TempDir Path data;

  private Path root;
  private TestBroker broker;
  private TestRegistry registry;
  private TrailTopics topics;
  private List<WorkerProcess> workers = List.of();
  private OpenFileWatch watch;
  private final HttpClient http =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();

  @BeforeEach
  void start() throws Exception {
    root = Files.createDirectory(data.resolve("collected")).toRealPath();
    PluginZip.unpack(data.resolve("plugins"));
    broker = TestBroker.open(data);
    registry = new TestRegistry();
    topics = new TrailTopics(broker.bootstrap(), registry.url(), PARTITIONS);
    workers = List.of(worker("worker1"), worker("worker2"));
    watch = new OpenFileWatch(root, Duration.ofMillis(75));
  }

  private WorkerProcess worker(String name) throws IOException {
    Map<String, String> settings = EtcFiles.properties("connect-distributed.properties");
    settings.put("bootstrap.servers", broker.bootstrap());
    settings.put("plugin.path", data.resolve("plugins").toString());
    settings.put("listeners", "http://127.0.0.1:" + TestBroker.freePort());
    for (String topic : List.of("config", "offset", "status")) {
      settings.put(topic + ".storage.replication.factor", "1");
    }
    // As quick to notice a death as a broker allows by default.
    settings.put("session.timeout.ms", "6000");
    settings.put("heartbeat.interval.ms", "1500");
    settings.put("scheduled.rebalance.max.delay.ms", "500");
    settings.put("offset.flush.interval.ms", "700");
    return new WorkerProcess(name, data, settings);
  }

  @AfterEach
  void stop() throws Exception {
    watch.stop();
    workers.forEach(WorkerProcess::close);
    topics.close();
    registry.close();
    broker.close();
    http.close();
  }

  @Test
  void sink_finishesEveryTrailAndSharesNoFileWhileItsWorkersAreKilled() throws Exception {
    long seconds = Long.getLong("auditbus.kill.seconds", 120);
    long seed = Long.getLong("auditbus.seed", System.nanoTime());
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    List<TestTrail> trails = trails(random, 200, 20_000, 200_000);
    startWorkers();
    watch.start(workers.get(0), workers.get(1));
    long end = System.nanoTime() + Duration.ofSeconds(seconds).toNanos();
    PriorityQueue<Message> messages =
        messages(random, trails, Duration.ofSeconds(seconds).toMillis());
    int messageCount = messages.size();
    CompletableFuture<Void> load = produce(messages);

    int kills = 0;
    while (true) {
      long pause = Duration.ofMillis(3000 + random.nextInt(5001)).toNanos();
      if (System.nanoTime() + pause > end) {
        break;
      }
      Thread.sleep(Duration.ofNanos(pause)); // the seed's time of the next kill
      WorkerProcess victim = workers.get(random.nextInt(2));
      assertThat(victim.isAlive()).as(victim.name() + " ended by itself").isTrue();
      assertThat(victim.kill().exit()).isEqualTo(128 + 9);
      victim.start();
      kills++;
    }
    load.get();
    topics.flush();
    long finishedBefore = collected(trails);
    await("all trails", () -> collected(trails) == trails.size());
    await("all offsets committed", () -> topics.allCommitted("trails"));
    await("all tasks running", () -> running(workers.get(0)).size() == TASKS);
    assertThat(get(workers.get(0), "/connectors/trails/status")).doesNotContain("FAILED");
    LockLog.Verdict verdict = endAndJudge();

    assertCollected(trails);
    System.out.printf(
        "%d trails of %d bytes in %d messages; %d kills in %d s, %d trails finished meanwhile; %d"
            + " holdings, %d handovers, %d of them while the old holder was dying; %d looks, %d"
            + " at open trail files, %d at open ones of both workers%n",
        trails.size(),
        trails.stream().mapToLong(trail -> trail.bytes().length).sum(),
        messageCount,
        kills,
        seconds,
        finishedBefore,
        verdict.holdings(),
        verdict.handovers(),
        verdict.whileDying(),
        watch.looks(),
        watch.looksAtOpenFiles(),
        watch.looksAtBoth());
    assertThat(kills).isPositive();
  }

  @Test
  void sink_waitsForAFrozenWorkerAndGoesOnWhenThatLetsGo() throws Exception {
    long seed = Long.getLong("auditbus.seed", System.nanoTime());
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    List<TestTrail> trails = trails(random, 60, 10_000, 40_000);
    startWorkers();
    watch.start(workers.get(0), workers.get(1));
    CompletableFuture<Void> load = produce(messages(random, trails, 25_000));
    WorkerProcess frozen = workers.get(0);
    WorkerProcess other = workers.get(1);
    String zombie = " of process " + frozen.pid();
    await("both hold sources", () -> holds(frozen) > 5 && holds(other) > 5);

    frozen.freeze();
    try {
      await(
          "the frozen worker's tasks given to the other",
          () -> running(other).stream().filter(other.rest()::endsWith).count() == TASKS);
      await("the other waits", () -> count(other.log(), "is held by .*" + zombie) > 2);
      assertThat(running(other)).hasSize(TASKS);
      assertThat(collected(trails)).isLessThan(trails.size());
    } finally {
      frozen.thaw();
    }
    load.get();
    topics.flush();
    await("all trails", () -> collected(trails) == trails.size());
    await("all offsets committed", () -> topics.allCommitted("trails"));
    await("all tasks running", () -> running(other).size() == TASKS);
    LockLog.Verdict verdict = endAndJudge();

    assertCollected(trails);
    System.out.printf(
        "%d holdings, %d handovers; %d looks, %d at open trail files%n",
        verdict.holdings(), verdict.handovers(), watch.looks(), watch.looksAtOpenFiles());
  }

  private void startWorkers() throws Exception {
    for (WorkerProcess worker : workers) {
      worker.start();
    }
    Map<String, String> connector = EtcFiles.connector();
    connector.put("tasks.max", Integer.toString(TASKS));
    connector.put("root", root.toString());
    connector.put("schema.registry.url", registry.url());
    connector.put("retry.backoff.ms", "500");
    connector.put("errors.deadletterqueue.topic.replication.factor", "1");
    connector.put("consumer.override.session.timeout.ms", "6000");
    connector.put("consumer.override.heartbeat.interval.ms", "1500");
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(workers.get(0).rest() + "/connectors/trails/config"))
            .timeout(Duration.ofSeconds(20))
            .header("Content-Type", "application/json")
            .PUT(HttpRequest.BodyPublishers.ofString(EtcFiles.json(connector)))
            .build();
    // Until the workers have found each other, there is nobody to ask.
    await(
        "the connector",
        () -> http.send(request, HttpResponse.BodyHandlers.ofString()).statusCode() / 100 == 2);
    await(
        "tasks on both workers",
        () ->
            running(workers.get(0)).size() == TASKS
                && running(workers.get(0)).stream().distinct().count() == 2);
    assertThat(get(workers.get(1), "/connector-plugins"))
        .contains("{\"class\":\"auditbus.sinks.trail.TrailSinkConnector\"")
        .contains("\"version\":\"0.1.0\"");
  }

  /** The worker ids of the tasks that run, as one worker says. */
  private List<String> running(WorkerProcess asked) throws Exception {
    Matcher tasks = TASK.matcher(get(asked, "/connectors/trails/status"));
    List<String> running = new ArrayList<>();
    while (tasks.find()) {
      if (tasks.group(1).equals("RUNNING")) {
        running.add(tasks.group(2));
      }
    }
    return running;
  }

  private String get(WorkerProcess asked, String path) throws Exception {
    return http.send(
            HttpRequest.newBuilder(URI.create(asked.rest() + path))
                .timeout(Duration.ofSeconds(10))
                .build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }

  // Every host has two to four trails of one or two sources, real lines and whatever bytes between.
  private static List<TestTrail> trails(Random random, int hosts, int minBytes, int maxBytes)
      throws IOException {
    List<byte[]> lines = new ArrayList<>();
    for (String sample :
        List.of("01-term-auid1000-sender-alive", "08-sigkill-then-restart", "11-eperm-poison")) {
      try (var stream = DistributedIT.class.getResourceAsStream("/samples/" + sample + ".log")) {
        new String(stream.readAllBytes(), StandardCharsets.ISO_8859_1)
            .lines()
            .forEach(line -> lines.add((line + "\n").getBytes(StandardCharsets.ISO_8859_1)));
      }
    }
    List<TestTrail> trails = new ArrayList<>();
    for (int host = 0; host < hosts; host++) {
      int count = 2 + random.nextInt(3);
      int bytes = (minBytes + random.nextInt(maxBytes - minBytes)) / count;
      boolean twoSources = random.nextBoolean();
      for (int i = 0; i < count; i++) {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        while (content.size() < bytes) {
          if (random.nextInt(10) == 0) {
            byte[] junk = new byte[1 + random.nextInt(2000)];
            random.nextBytes(junk);
            content.write(junk);
          } else {
            content.write(lines.get(random.nextInt(lines.size())));
          }
        }
        trails.add(
            new TestTrail(
                "host%03d.example.com".formatted(host),
                twoSources && i % 2 == 1 ? "bsm" : "auditd",
                "2026112010450" + i,
                content.toByteArray()));
      }
    }
    return trails;
  }

  private record Message(long atMillis, Topics topic, TestTrail trail, int from, int to)
      implements Comparable<Message> {
    @Override
    public int compareTo(Message other) {
      return Long.compare(atMillis, other.atMillis);
    }

    SpecificRecord value() {
      if (topic == Topics.TRAILS) {
        return trail.terminated();
      }
      List<AuditRecord> records = new ArrayList<>();
      for (int position = from; position < to; ) {
        int end = position;
        while (end < to - 1 && trail.bytes()[end] != '\n') {
          end++;
        }
        records.add(trail.record(position, end + 1));
        position = end + 1;
      }
      return trail.event(records.toArray(AuditRecord[]::new));
    }
  }

  // A trail takes up to a third of the time; its end comes last, but for every tenth before a byte.
  private static PriorityQueue<Message> messages(
      Random random, List<TestTrail> trails, long millis) {
    PriorityQueue<Message> messages = new PriorityQueue<>();
    for (TestTrail trail : trails) {
      int length = trail.bytes().length;
      long lasts = millis / 6 + random.nextInt((int) (millis / 6));
      long starts = random.nextInt((int) (millis - lasts));
      long step = lasts / (length / 3000 + 1);
      long at = starts;
      for (int position = 0; position < length; ) {
        int end = Math.min(length, position + 2000 + random.nextInt(4000));
        messages.add(new Message(at, Topics.EVENTS, trail, position, end));
        position = end;
        at += step;
      }
      long ends = random.nextInt(10) == 0 ? starts : at;
      messages.add(new Message(ends, Topics.TRAILS, trail, 0, 0));
    }
    return messages;
  }

  private CompletableFuture<Void> produce(PriorityQueue<Message> messages) {
    long start = System.nanoTime();
    CompletableFuture<Void> done = new CompletableFuture<>();
    Thread.ofPlatform()
        .name("load")
        .daemon()
        .start(
            () -> {
              try {
                while (!messages.isEmpty()) {
                  Message next = messages.poll();
                  long ahead = next.atMillis() - (System.nanoTime() - start) / 1_000_000;
                  if (ahead > 0) {
                    Thread.sleep(ahead); // its time in the load
                  }
                  topics.send(next.topic(), next.trail().host(), next.value());
                }
                done.complete(null);
              } catch (InterruptedException | RuntimeException e) {
                done.completeExceptionally(e);
              }
            });
    return done;
  }

  private Path file(TestTrail trail) {
    return root.resolve(trail.host()).resolve(trail.source()).resolve(trail.name());
  }

  private long collected(List<TestTrail> trails) {
    return trails.stream().filter(trail -> Files.exists(file(trail))).count();
  }

  private static long holds(WorkerProcess worker) throws IOException {
    return count(worker.log(), "sinks.locks - holds ");
  }

  private static long count(Path log, String regex) throws IOException {
    Pattern pattern = Pattern.compile(regex);
    try (Stream<String> lines = Files.lines(log, StandardCharsets.ISO_8859_1)) {
      return lines.filter(line -> pattern.matcher(line).find()).count();
    }
  }

  private void assertCollected(List<TestTrail> trails) throws Exception {
    for (TestTrail trail : trails) {
      Path file = file(trail);
      assertThat(Files.readAllBytes(file)).as("%s", file).isEqualTo(trail.bytes());
      TestTrail found =
          new TestTrail(trail.host(), trail.source(), trail.trail(), Files.readAllBytes(file));
      assertThat(found.sha256()).isEqualTo(trail.sha256());
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .isEqualTo("r--r-----");
    }
    try (Stream<Path> files = Files.walk(root)) {
      assertThat(
              files
                  .filter(Files::isRegularFile)
                  .map(file -> file.getFileName().toString())
                  .filter(
                      name ->
                          name.endsWith(".not_terminated")
                              || name.contains(".quarantined")
                              || name.endsWith(".unverified")
                              || name.endsWith(".damaged")
                              || name.endsWith(".coverage")
                              || name.endsWith(".tmp")))
          .isEmpty();
    }
  }

  // Two independent proofs that no two tasks ever had one file open.
  private LockLog.Verdict endAndJudge() throws Exception {
    watch.stop();
    List<LockLog.Holding> holdings = new ArrayList<>();
    for (WorkerProcess worker : workers) {
      worker.terminate();
      for (WorkerProcess.Life life : worker.lives()) {
        holdings.addAll(LockLog.of(life));
      }
    }
    LockLog.Verdict verdict = LockLog.judge(holdings);
    assertThat(verdict.overlaps()).isEmpty();
    assertThat(verdict.handovers()).isPositive();
    assertThat(watch.shared()).isEmpty();
    assertThat(watch.looksAtOpenFiles()).isPositive();
    return verdict;
  }

  private static void await(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!holdsNow(condition)) {
      assertThat(System.nanoTime() - deadline).as("waited too long for " + what).isNegative();
      Thread.sleep(200);
    }
  }

  // A worker that is being started or has lost its group answers nothing, or slowly.
  private static boolean holdsNow(Callable<Boolean> condition) throws Exception {
    try {
      return condition.call();
    } catch (IOException e) {
      return false;
    }
  }
}
