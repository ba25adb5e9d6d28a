// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.raft.DynamicVoters;
import org.apache.kafka.server.common.Feature;

/** A real single-node Kafka for tests, its data in a directory that may be opened again. */
public final class TestBroker implements AutoCloseable {
  private final KafkaRaftServer server;
  private final String bootstrap;

  private TestBroker(KafkaRaftServer server, String bootstrap) {
    this.server = server;
    this.bootstrap = bootstrap;
  }

  /** A broker on free ports; when this returns, it serves. */
  public static TestBroker open(Path directory) throws Exception {
    return open(directory, freePort());
  }

  /** A broker on that port: one that went away comes back where its clients look for it. */
  public static TestBroker open(Path directory, int port) throws Exception {
    Path logs = directory.resolve("logs");
    Path metadata = directory.resolve("metadata");
    int controller = freePort();
    if (!Files.exists(logs.resolve("meta.properties"))) {
      Files.createDirectories(logs);
      Files.createDirectories(metadata);
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
          .setInitialControllers(
              DynamicVoters.parse("1@127.0.0.1:" + controller + ":" + Uuid.randomUuid()))
          .run();
    }
    Map<String, String> settings = new HashMap<>();
    String listeners = "PLAINTEXT://127.0.0.1:" + port + ",CONTROLLER://127.0.0.1:" + controller;
    settings.put("process.roles", "broker,controller");
    settings.put("node.id", "1");
    settings.put("listeners", listeners);
    settings.put("advertised.listeners", listeners);
    settings.put("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    settings.put("controller.listener.names", "CONTROLLER");
    settings.put("inter.broker.listener.name", "PLAINTEXT");
    settings.put("controller.quorum.bootstrap.servers", "127.0.0.1:" + controller);
    settings.put("log.dirs", logs.toString());
    settings.put("metadata.log.dir", metadata.toString());
    settings.put("offsets.topic.replication.factor", "1");
    settings.put("offsets.topic.num.partitions", "1");
    settings.put("transaction.state.log.replication.factor", "1");
    settings.put("transaction.state.log.min.isr", "1");
    settings.put("transaction.state.log.num.partitions", "3");
    settings.put("group.initial.rebalance.delay.ms", "0");
    settings.put("auto.create.topics.enable", "false");
    settings.put("broker.session.timeout.ms", "2000");
    settings.put("broker.heartbeat.interval.ms", "500");
    KafkaRaftServer server = new KafkaRaftServer(new KafkaConfig(settings, false), Time.SYSTEM);
    try {
      server.startup();
    } catch (RuntimeException e) {
      server.shutdown();
      throw e;
    }
    return new TestBroker(server, "127.0.0.1:" + port);
  }

  /** A port nobody listened on just now. */
  public static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** {@code bootstrap.servers} of it. */
  public String bootstrap() {
    return bootstrap;
  }

  @Override
  public void close() {
    server.shutdown();
    server.awaitShutdown();
  }
}
