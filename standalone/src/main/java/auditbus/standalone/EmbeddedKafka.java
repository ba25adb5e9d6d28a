// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import kafka.server.KafkaConfig;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.raft.DynamicVoters;
import org.apache.kafka.server.common.Feature;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A single-node Kafka in this process, its data on disk: topics, offsets and records outlive a stop
 * and a kill.
 *
 * <p>Design note: what it is built of (its servers, Formatter) is no public API of Kafka. This
 * class and {@link KafkaNode} are the only ones that touch it, and the version is pinned.
 *
 * <p>Thread-safe: open and close exclude each other.
 */
public final class EmbeddedKafka implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EmbeddedKafka.class);
  private static final Duration STARTUP_TIMEOUT = Duration.ofSeconds(60);

  /** The broker's own, so that it gives up by itself and lets go of its directories. */
  private static final Duration BROKER_STARTUP_TIMEOUT = Duration.ofSeconds(50);

  private static final int STARTUP_ATTEMPTS = 2;

  private final Path directory;
  private final int port;
  private final Map<String, String> overrides;
  private DirectoryLock lock;
  private KafkaNode server;

  /**
   * A broker that does not run yet.
   *
   * @param directory its own directory, made where it is missing
   * @param port port on the loopback interface, 1 to 65535, free
   * @param overrides broker settings that differ from those of this class
   */
  public EmbeddedKafka(Path directory, int port, Map<String, String> overrides) {
    this.directory = directory.toAbsolutePath().normalize();
    this.port = port;
    this.overrides = Map.copyOf(overrides);
  }

  /** The address clients start from, {@code 127.0.0.1:PORT}. */
  public String bootstrap() {
    return "127.0.0.1:" + port;
  }

  /**
   * Starts the broker; when this returns it answers. A start that takes longer than a minute is
   * given up and tried once more.
   *
   * @throws IOException if the directory cannot be used or the broker does not come up
   * @throws InterruptedException if interrupted while waiting for it
   */
  public synchronized void open() throws IOException, InterruptedException {
    if (server != null) {
      return;
    }
    Files.createDirectories(directory);
    // The broker takes its own lock only after it wrote to the metadata log: too late to keep a
    // second process from damaging it.
    lock =
        DirectoryLock.tryLock(directory.resolve("lock"))
            .orElseThrow(() -> new IOException(directory + " is in use by another broker"));
    try {
      format();
      for (int attempt = 1; server == null; attempt++) {
        start(attempt);
      }
    } finally {
      if (server == null) {
        lock.close();
      }
    }
  }

  private void start(int attempt) throws IOException, InterruptedException {
    KafkaNode candidate = new KafkaNode(config(Ports.free()));
    FutureTask<Void> startup =
        new FutureTask<>(
            () -> {
              candidate.startup();
              return null;
            });
    Thread thread = new Thread(startup, "kafka-startup");
    thread.setDaemon(true);
    thread.start();
    try {
      startup.get(STARTUP_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
      server = candidate;
    } catch (TimeoutException | ExecutionException | InterruptedException failed) {
      abandon(candidate);
      switch (failed) {
        case InterruptedException interrupted -> throw interrupted;
        default -> {
          String what =
              failed instanceof TimeoutException
                  ? "not ready within " + STARTUP_TIMEOUT.toSeconds() + " s"
                  : String.valueOf(failed.getCause());
          if (attempt == STARTUP_ATTEMPTS) {
            throw new IOException(
                "the embedded Kafka in " + directory + " does not start: " + what, failed);
          }
          LOG.warn("Embedded Kafka, attempt {}: {}; trying again", attempt, what, failed);
        }
      }
    }
  }

  /** A failed start leaves threads and sockets behind that only shutdown ends. */
  private static void abandon(KafkaNode candidate) throws InterruptedException {
    Thread shutdown = new Thread(candidate::shutdown, "kafka-abandon");
    shutdown.setDaemon(true);
    shutdown.start();
    shutdown.join(Duration.ofSeconds(20));
  }

  /** Stops the broker orderly; a second call does nothing. */
  @Override
  public synchronized void close() throws IOException {
    if (server != null) {
      server.shutdown();
      server = null;
      lock.close();
    }
  }

  private Path logs() {
    return directory.resolve("node").resolve("logs");
  }

  // Not below logs: only then the raft manager locks it too.
  private Path metadata() {
    return directory.resolve("node").resolve("metadata");
  }

  /**
   * Formats a new node's directories beside their place and moves them there in one step: what is
   * found in place is always whole.
   */
  private void format() throws IOException {
    Path node = directory.resolve("node");
    if (Files.exists(node)) {
      return;
    }
    Path fresh = directory.resolve("node.new");
    delete(fresh);
    Path logs = Files.createDirectories(fresh.resolve("logs"));
    Path metadata = Files.createDirectories(fresh.resolve("metadata"));
    try {
      new Formatter()
          .setPrintStream(
              new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8))
          .setClusterId(Uuid.randomUuid().toString())
          .setNodeId(1)
          .addDirectory(logs.toString())
          .addDirectory(metadata.toString())
          .setMetadataLogDirectory(metadata.toString())
          .setControllerListenerName("CONTROLLER")
          .setHasDynamicQuorum(true)
          .setSupportedFeatures(Feature.PRODUCTION_FEATURES)
          // The port is that of the first start; later ones tell their own.
          .setInitialControllers(
              DynamicVoters.parse("1@127.0.0.1:" + Ports.free() + ":" + Uuid.randomUuid()))
          .run();
    } catch (Exception e) {
      throw new IOException("cannot format " + fresh + ": " + e.getMessage(), e);
    }
    Files.move(fresh, node, StandardCopyOption.ATOMIC_MOVE);
  }

  private static void delete(Path tree) throws IOException {
    if (!Files.exists(tree)) {
      return;
    }
    List<Path> deepestFirst;
    try (Stream<Path> paths = Files.walk(tree)) {
      deepestFirst = paths.sorted(Comparator.reverseOrder()).toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    for (Path path : deepestFirst) {
      Files.delete(path);
    }
  }

  private KafkaConfig config(int controllerPort) {
    Map<String, String> properties = new LinkedHashMap<>();
    String listeners =
        "PLAINTEXT://127.0.0.1:" + port + ",CONTROLLER://127.0.0.1:" + controllerPort;
    properties.put("process.roles", "broker,controller");
    properties.put("node.id", "1");
    properties.put("listeners", listeners);
    properties.put("advertised.listeners", listeners);
    properties.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    properties.put("controller.listener.names", "CONTROLLER");
    properties.put("inter.broker.listener.name", "PLAINTEXT");
    properties.put("controller.quorum.bootstrap.servers", "127.0.0.1:" + controllerPort);
    properties.put("log.dirs", logs().toString());
    properties.put("metadata.log.dir", metadata().toString());

    properties.put("offsets.topic.replication.factor", "1");
    properties.put("transaction.state.log.replication.factor", "1");
    properties.put("transaction.state.log.min.isr", "1");
    properties.put("share.coordinator.state.topic.replication.factor", "1");
    properties.put("share.coordinator.state.topic.min.isr", "1");
    // A handful of groups and producers: the defaults of 50 partitions each only cost start-up.
    properties.put("offsets.topic.num.partitions", "2");
    properties.put("transaction.state.log.num.partitions", "2");
    properties.put("share.coordinator.state.topic.num.partitions", "1");
    properties.put("auto.create.topics.enable", "false");

    properties.put("group.initial.rebalance.delay.ms", "0");
    properties.put("group.streams.initial.rebalance.delay.ms", "0");
    properties.put("group.streams.min.heartbeat.interval.ms", "200");
    properties.put("group.streams.heartbeat.interval.ms", "300");
    // After a kill a start waits until the old registration and the old group members expire.
    properties.put("broker.session.timeout.ms", "2000");
    properties.put("broker.heartbeat.interval.ms", "500");
    properties.put("server.max.startup.time.ms", Long.toString(BROKER_STARTUP_TIMEOUT.toMillis()));
    properties.put("group.min.session.timeout.ms", "1000");

    // One process with few clients: memory and threads for that, not for a server.
    properties.put("num.network.threads", "2");
    properties.put("num.io.threads", "4");
    properties.put("background.threads", "2");
    properties.put("num.recovery.threads.per.data.dir", "2");
    properties.put("log.cleaner.dedupe.buffer.size", Integer.toString(4 << 20));
    // There is no replica to fall back on: what is acknowledged is on the disk, not in its cache.
    properties.put("log.flush.interval.messages", "1");
    properties.putAll(overrides);
    return new KafkaConfig(properties, false);
  }
}
