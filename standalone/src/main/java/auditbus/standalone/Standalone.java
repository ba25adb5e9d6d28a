// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.agent.Agent;
import auditbus.agent.AgentConfig;
import auditbus.agent.AgentProgress;
import auditbus.schemas.GroupLag;
import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.standalone.registry.EmbeddedRegistry;
import auditbus.streams.gaps.GapsJob;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.JobRunner;
import auditbus.streams.shutdown.ShutdownJob;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All parts of auditbus in this process: broker, registry, topics, jobs, collector, agent.
 *
 * <p>Thread-safe: open and close exclude each other, the rest may be called between them.
 */
final class Standalone implements Catchup.Parts, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Standalone.class);

  /** For how long after the last record the jobs may still find something missing, and say so. */
  static final Duration JOBS_GRACE = Duration.ofSeconds(4);

  private static final String SINK = "auditbus-trails";

  /** One host is one partition's work; more than a few partitions only cost memory here. */
  private static final int PARTITIONS = 4;

  /**
   * What a standalone is started with.
   *
   * @param host the name of this host in every event; empty for the host name
   * @param kafkaPort 1 to 65535, or 0 for any free one
   * @param registryPort likewise
   * @param once whether the trails end where they end now
   */
  record Settings(
      List<InputSource> sources,
      Optional<String> host,
      int kafkaPort,
      int registryPort,
      boolean once) {
    Settings {
      sources = List.copyOf(sources);
    }
  }

  /**
   * Where it stands.
   *
   * @param failure a part that does not run and does not come back by itself
   */
  record State(
      List<SourceProgress> sources,
      boolean agentDone,
      TopicsReader.Read read,
      CollectedTrails.Found found,
      Optional<String> failure) {
    State {
      sources = List.copyOf(sources);
    }
  }

  private final DataDirectory data;
  private final Settings settings;
  private final CollectedTrails collected;
  private final Deque<Part> parts = new ArrayDeque<>();
  private String bootstrap;
  private URI registry;
  private TopicsReader reader;
  private EmbeddedConnect connect;
  private JobRunner jobs;
  private Agent agent;
  private GroupLag lag;
  private String host;

  /** Something that was opened, and how it is closed. */
  private record Part(String name, AutoCloseable close) {}

  Standalone(DataDirectory data, Settings settings) {
    this.data = data;
    this.settings = settings;
    this.collected = new CollectedTrails(data.collected());
  }

  /**
   * Starts the parts, each after those it needs. What was started is stopped again by {@link
   * #close}, also if this throws.
   *
   * @param stopped asked between two parts; no further one is started when it says so
   * @throws StartException if a setting cannot be used
   */
  synchronized void open(BooleanSupplier stopped) throws IOException, InterruptedException {
    // Checked before anything is started: the last part would refuse it otherwise.
    int kafkaPort = Ports.choose(settings.kafkaPort(), "--kafka-port", "Kafka");
    int registryPort =
        Ports.choose(settings.registryPort(), "--registry-port", "the schema registry");
    bootstrap = "127.0.0.1:" + kafkaPort;
    AgentConfig agentConfig = agentConfig("http://127.0.0.1:" + registryPort);
    host = agentConfig.host();

    openBroker(kafkaPort, registryPort);
    if (stopped.getAsBoolean()) {
      return;
    }
    Admin admin = add("admin client", Admin.create(client()));
    lag = new GroupLag(admin);
    new TopicAdmin(admin).create(PARTITIONS, 1);
    SchemaRegistryClient schemas = new SchemaRegistryClient(registrySettings());

    reader = new TopicsReader(client(), new RegistryValues(schemas));
    add("tally", reader);
    reader.open();
    openJobs();
    if (stopped.getAsBoolean()) {
      return;
    }
    connect = new EmbeddedConnect(bootstrap, data.path(), SINK, sinkConfig());
    add("collector", connect);
    connect.open();
    if (stopped.getAsBoolean()) {
      return;
    }
    agent = new Agent(agentConfig);
    add("agent", agent);
    agent.start();
    data.publish(new DataDirectory.Endpoints(bootstrap, registry));
  }

  /** Starts broker and registry alone, for who only wants to read. */
  synchronized DataDirectory.Endpoints openBroker() throws IOException, InterruptedException {
    bootstrap = "127.0.0.1:" + Ports.choose(settings.kafkaPort(), "--kafka-port", "Kafka");
    openBroker(
        Integer.parseInt(bootstrap.substring(bootstrap.indexOf(':') + 1)),
        Ports.choose(settings.registryPort(), "--registry-port", "the schema registry"));
    DataDirectory.Endpoints endpoints = new DataDirectory.Endpoints(bootstrap, registry);
    data.publish(endpoints);
    return endpoints;
  }

  private void openBroker(int kafkaPort, int registryPort)
      throws IOException, InterruptedException {
    EmbeddedKafka kafka = new EmbeddedKafka(data.kafka(), kafkaPort, Map.of());
    add("Kafka", kafka);
    kafka.open();
    EmbeddedRegistry embedded =
        EmbeddedRegistry.open(
            client(), new InetSocketAddress(InetAddress.getLoopbackAddress(), registryPort));
    add("schema registry", embedded);
    registry = embedded.uri();
  }

  String bootstrap() {
    return bootstrap;
  }

  URI registry() {
    return registry;
  }

  URI connectRest() {
    return connect.rest();
  }

  String host() {
    return host;
  }

  CollectedTrails collected() {
    return collected;
  }

  /** Where it stands; to be called by one thread. */
  @Override
  public State state() {
    AgentProgress progress = agent.progress();
    List<SourceProgress> sources = SourceProgress.of(progress);
    TopicsReader.Read read = reader.read();
    Optional<String> failure =
        Stream.<Optional<String>>of(
                connect.failure(),
                reader.failure().map(e -> "the tally of the topics ended: " + e),
                jobs.state().values().stream()
                    .filter(job -> !job.running())
                    .flatMap(
                        job -> job.lastError().map(e -> "job " + job.job() + ": " + e).stream())
                    .findFirst(),
                progress.publishing().map(why -> "publishing: " + why),
                agent.died().map(e -> "the agent stopped: " + e))
            .flatMap(Optional::stream)
            .findFirst();
    return new State(
        sources, progress.done(), read, collected.look(read.counts().trails()), failure);
  }

  /** Consumer groups that are to read what the agent sends, and how much they have not. */
  @Override
  public Map<String, Long> lags() throws InterruptedException {
    List<String> inputs = List.of(Topics.EVENTS.topic(), Topics.TRAILS.topic());
    Map<TopicPartition, Long> ends = lag.ends(inputs);
    Map<TopicPartition, Long> events = new HashMap<>(ends);
    events.keySet().removeIf(partition -> !partition.topic().equals(Topics.EVENTS.topic()));
    Map<String, Long> lags = new HashMap<>();
    lags.put("gaps job", lag.of("auditbus-gaps", ends));
    lags.put("shutdown job", lag.of("auditbus-shutdown", events));
    lags.put("collector", lag.of("connect-" + SINK, ends));
    return lags;
  }

  /** The ends of all topics the tally reads. */
  @Override
  public Map<TopicPartition, Long> ends() throws InterruptedException {
    return lag.ends(TopicsReader.topics());
  }

  /** Stops the parts, the last opened first; a second call does nothing. */
  @Override
  public synchronized void close() {
    while (!parts.isEmpty()) {
      Part part = parts.pop();
      try {
        part.close().close();
      } catch (Exception e) {
        // The others are to be stopped all the same.
        LOG.warn("Closing {}", part.name(), e);
      }
    }
  }

  private Map<String, Object> client() {
    return Map.of("bootstrap.servers", bootstrap);
  }

  private Map<String, String> registrySettings() {
    return Map.of("schema.registry.url", registry.toString());
  }

  private AgentConfig agentConfig(String registryUrl) {
    Map<String, String> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("schema.registry.url", registryUrl);
    settings.host().ifPresent(name -> config.put("host", name));
    config.put("state.dir", data.agent().toString());
    config.put("once", Boolean.toString(settings.once()));
    for (InputSource source : settings.sources()) {
      config.put("sources." + source.name() + ".type", source.type());
      config.put("sources." + source.name() + ".path", source.path().toString());
    }
    try {
      return AgentConfig.of(config);
    } catch (ConfigException e) {
      throw new StartException(e.getMessage(), e);
    }
  }

  private void openJobs() {
    Map<String, Object> config = new HashMap<>(client());
    config.putAll(registrySettings());
    config.put("state.dir", data.streams().toString());
    config.put("replication.factor", 1);
    // Everything is on this host: what belongs to a stop is not still on its way.
    config.put("shutdown.grace.ms", 0);
    config.put("commit.interval.ms", 200);
    // After a kill the broker waits as long for the group members that are gone.
    config.put("consumer.session.timeout.ms", 6000);
    config.put("gaps.grace.ms", 2000);
    config.put("gaps.serial.grace.ms", 1000);
    jobs =
        add(
            "jobs",
            new JobRunner(List.of(new GapsJob(), new ShutdownJob()), new JobConfig(config)));
    jobs.start();
  }

  private Map<String, String> sinkConfig() {
    Map<String, String> config = new HashMap<>(registrySettings());
    config.put("connector.class", "auditbus.sinks.trail.TrailSinkConnector");
    config.put("tasks.max", "1");
    config.put("topics", Topics.EVENTS.topic() + "," + Topics.TRAILS.topic());
    config.put("root", data.collected().toString());
    // A record nobody can use must not stop those behind it.
    config.put("errors.tolerance", "all");
    config.put("errors.deadletterqueue.topic.name", Topics.DEAD_LETTERS);
    config.put("errors.deadletterqueue.topic.replication.factor", "1");
    config.put("errors.deadletterqueue.context.headers.enable", "true");
    return config;
  }

  private <T extends AutoCloseable> T add(String name, T part) {
    parts.push(new Part(name, part));
    return part;
  }
}
