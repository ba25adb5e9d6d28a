// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.Agent;
import auditbus.agent.AgentConfig;
import auditbus.agent.AgentProgress;
import auditbus.schemas.Certainty;
import auditbus.schemas.GroupLag;
import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.Topics;
import auditbus.standalone.registry.EmbeddedRegistry;
import auditbus.streams.StreamsCommand;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.JobRunner;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.TopicPartition;
import picocli.CommandLine;

/**
 * The whole way on whatever brokers there are: topics, registry, jobs, a distributed Connect
 * worker, an agent; a trail of audit text and one of BSM go in, and what comes out is held against
 * them.
 */
final class EndToEnd implements Catchup.Parts, AutoCloseable {
  private static final String HOST = "web1";
  private static final String SINK = "auditbus-trails";
  private static final String TEXT = "20261120102848";
  private static final String BSM = "20261120104500";
  private static final Duration STALL = Duration.ofSeconds(90);

  private final String bootstrap;
  private final Path scratch;
  private final int replication;
  private final EmbeddedRegistry registry;
  private final Admin admin;
  private final GroupLag lag;
  private final CollectedTrails collected;
  private TopicsReader reader;
  private JobRunner jobs;
  private DistributedWorker worker;
  private Agent agent;

  /**
   * @param replication how many brokers there are to copy to
   */
  EndToEnd(String bootstrap, Path scratch, int replication) throws IOException {
    this.bootstrap = bootstrap;
    this.scratch = scratch;
    this.replication = replication;
    createTopics();
    registry =
        EmbeddedRegistry.open(client(), new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    admin = Admin.create(client());
    lag = new GroupLag(admin);
    collected = new CollectedTrails(Files.createDirectory(scratch.resolve("collected")));
  }

  /** Runs it and says what does not hold. */
  void run() throws Exception {
    byte[] text = Files.readAllBytes(Trees.sample("02-term-auid1000-sender-exits.log"));
    byte[] bsm = bsm();
    Files.write(directory("text").resolve(TEXT + ".20261120102849"), text);
    Files.write(directory("bsm").resolve(BSM + ".20261120110000"), bsm);
    open();

    Standalone.State end = awaitEnd();

    for (var trail : Map.of("text", text, "bsm", bsm).entrySet()) {
      List<Path> found = Trees.trails(scratch.resolve("collected"), HOST, trail.getKey());
      assertThat(found).as("collected of %s", trail.getKey()).hasSize(1);
      assertThat(found.getFirst()).hasBinaryContent(trail.getValue());
    }
    assertThat(end.found().verified()).isEqualTo(2);
    assertThat(end.found().bytes()).isEqualTo(text.length + bsm.length);
    Tally.Counts counts = end.read().counts();
    assertThat(counts.openGaps()).isEmpty();
    assertThat(counts.deadLetters()).isZero();
    assertThat(counts.undecodable()).isZero();
    assertThat(counts.unparsed()).isZero();
    assertThat(counts.shutdowns())
        .singleElement()
        .satisfies(
            stop -> {
              assertThat(stop.getHost()).isEqualTo(HOST);
              assertThat(stop.getDaemon()).isEqualTo("auditd");
              assertThat(stop.getAuid()).contains(1000L);
              assertThat(stop.getCertainty()).isEqualTo(Certainty.PROVEN);
            });
    assertThat(counts.resent()).as("records that came again").isZero();
    assertThat(counts.bytes()).isEqualTo(text.length + bsm.length);
    try (Arrivals arrivals = new Arrivals(HOST, client(), registry.uri().toString())) {
      arrivals.begin();
      long deadline = System.nanoTime() + STALL.toNanos();
      while (!arrivals.isTerminated(TEXT)
          || !arrivals.isTerminated(BSM)
          || arrivals.arrived() < text.length + bsm.length) {
        assertThat(System.nanoTime()).as("what a consumer reads anew").isLessThan(deadline);
        arrivals.poll(Duration.ofMillis(200));
      }
      arrivals.assertWhole(TEXT, text);
      arrivals.assertTerminated(TEXT, text);
      arrivals.assertWhole(BSM, bsm);
      arrivals.assertTerminated(BSM, bsm);
    }
  }

  /** By the command, as an operator does. */
  private void createTopics() {
    StringWriter said = new StringWriter();
    CommandLine command = auditbus.streams.Main.commandLine();
    command.setOut(new PrintWriter(said, true));
    command.setErr(new PrintWriter(said, true));
    int code =
        command.execute(
            "topics",
            "create",
            "--bootstrap",
            bootstrap,
            "--partitions",
            "3",
            "--replication",
            Integer.toString(replication),
            "--min-insync",
            Integer.toString(Math.max(1, replication - 1)));
    assertThat(code).as(said.toString()).isZero();
    assertThat(command.execute("topics", "check", "--bootstrap", bootstrap))
        .as(said.toString())
        .isZero();
  }

  private void open() throws Exception {
    reader = new TopicsReader(client(), new RegistryValues(new SchemaRegistryClient(registry())));
    reader.open();

    Map<String, Object> streams = new HashMap<>(client());
    streams.putAll(registry());
    streams.put("state.dir", directory("streams").toString());
    streams.put("replication.factor", replication);
    streams.put("shutdown.grace.ms", 0);
    streams.put("commit.interval.ms", 200);
    streams.put("gaps.grace.ms", 2000);
    streams.put("gaps.serial.grace.ms", 1000);
    jobs = new JobRunner(StreamsCommand.jobs(), new JobConfig(streams));
    jobs.start();

    worker = new DistributedWorker(bootstrap, replication);
    Map<String, String> sink = new HashMap<>(registry());
    sink.put("connector.class", "auditbus.sinks.trail.TrailSinkConnector");
    sink.put("topics", Topics.EVENTS.topic() + "," + Topics.TRAILS.topic());
    sink.put("tasks.max", "2");
    sink.put("root", scratch.resolve("collected").toString());
    sink.put(
        "consumer.override.partition.assignment.strategy",
        "org.apache.kafka.clients.consumer.RangeAssignor");
    sink.put("errors.tolerance", "all");
    sink.put("errors.deadletterqueue.topic.name", Topics.DEAD_LETTERS);
    sink.put("errors.deadletterqueue.topic.replication.factor", Integer.toString(replication));
    worker.put(SINK, new ObjectMapper().writeValueAsString(sink));

    Map<String, String> config = new HashMap<>(registry());
    config.put("bootstrap.servers", bootstrap);
    config.put("host", HOST);
    config.put("state.dir", scratch.resolve("agent").toString());
    config.put("once", "true");
    for (String source : List.of("text", "bsm")) {
      config.put("sources." + source + ".type", "trails");
      config.put("sources." + source + ".path", scratch.resolve(source).toString());
    }
    agent = new Agent(AgentConfig.of(config));
    agent.start();
  }

  private Standalone.State awaitEnd() throws InterruptedException {
    Catchup catchup = new Catchup(this, STALL, STALL, Standalone.JOBS_GRACE, System.nanoTime());
    while (true) {
      Catchup.Look look = catchup.look(System.nanoTime());
      assertThat(look.state().failure()).isEmpty();
      if (look.ended()) {
        assertThat(look.waitingFor()).isEmpty();
        return look.state();
      }
      Thread.sleep(200);
    }
  }

  @Override
  public Standalone.State state() {
    AgentProgress progress = agent.progress();
    List<SourceProgress> sources = SourceProgress.of(progress);
    TopicsReader.Read read = reader.read();
    Optional<String> failure =
        reader
            .failure()
            .map(RuntimeException::toString)
            .or(() -> agent.died().map(Object::toString))
            .or(() -> worker.failure(SINK));
    return new Standalone.State(
        sources, progress.done(), read, collected.look(read.counts().trails()), failure);
  }

  @Override
  public Map<String, Long> lags() throws InterruptedException {
    Map<TopicPartition, Long> ends =
        lag.ends(List.of(Topics.EVENTS.topic(), Topics.TRAILS.topic()));
    Map<TopicPartition, Long> events = new HashMap<>(ends);
    events.keySet().removeIf(partition -> !partition.topic().equals(Topics.EVENTS.topic()));
    return Map.of(
        "gaps job", lag.of("auditbus-gaps", ends),
        "shutdown job", lag.of("auditbus-shutdown", events),
        "collector", lag.of("connect-" + SINK, ends));
  }

  @Override
  public Map<TopicPartition, Long> ends() throws InterruptedException {
    return lag.ends(TopicsReader.topics());
  }

  private Map<String, Object> client() {
    return Map.of("bootstrap.servers", bootstrap);
  }

  private Map<String, String> registry() {
    return Map.of("schema.registry.url", registry.uri().toString());
  }

  private Path directory(String name) throws IOException {
    return Files.createDirectories(scratch.resolve(name));
  }

  private static byte[] bsm() throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (String name : List.of("subject32_record", "path_record", "return32_record")) {
      try (InputStream in = EndToEnd.class.getResourceAsStream("/samples/bsm/" + name)) {
        all.writeBytes(in.readAllBytes());
      }
    }
    return all.toByteArray();
  }

  @Override
  public void close() {
    for (AutoCloseable part : new AutoCloseable[] {agent, worker, jobs, reader, registry, admin}) {
      if (part != null) {
        try {
          part.close();
        } catch (Exception e) {
          // The others are to be stopped all the same.
          System.err.println("closing " + part + ": " + e);
        }
      }
    }
  }
}
