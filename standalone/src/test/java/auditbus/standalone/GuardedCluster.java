// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.SchemaRegistryConfig;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.standalone.registry.EmbeddedRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;

/**
 * A real broker that asks who comes and what for, with a registry, both to be stopped and started
 * on their ports: one listener for the test itself (who may do all), one behind a {@link
 * StallingProxy} for anybody, and one for users with a password.
 */
final class GuardedCluster implements AutoCloseable {
  static final String USER = "agent";
  static final String PASSWORD = "secret";

  final StallingProxy proxy;
  final Map<String, Object> client;
  private final EmbeddedKafka kafka;
  private final int openPort;
  private final int proxyPort = Ports.free();
  private final int passwordPort = Ports.free();
  private final int registryPort = Ports.free();
  private EmbeddedRegistry registry;

  GuardedCluster(Path directory) throws Exception {
    openPort = Ports.free();
    int behind = Ports.free();
    int controller = Ports.free();
    Map<String, String> settings = new HashMap<>();
    String others =
        ",PASSWORD://127.0.0.1:" + passwordPort + ",CONTROLLER://127.0.0.1:" + controller;
    String first = "PLAINTEXT://127.0.0.1:" + openPort + ",PROXIED://127.0.0.1:";
    settings.put("listeners", first + behind + others);
    settings.put("advertised.listeners", first + proxyPort + others);
    settings.put(
        "listener.security.protocol.map",
        "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,PASSWORD:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT");
    settings.put("controller.quorum.bootstrap.servers", "127.0.0.1:" + controller);
    settings.put("sasl.enabled.mechanisms", "PLAIN");
    settings.put(
        "listener.name.password.plain.sasl.jaas.config",
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=\"%s\";"
            .formatted(USER, PASSWORD));
    settings.put(
        "authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
    settings.put("super.users", "User:ANONYMOUS");
    kafka = new EmbeddedKafka(directory, openPort, settings);
    client = Map.of("bootstrap.servers", kafka.bootstrap());
    kafka.open();
    proxy = new StallingProxy(proxyPort, behind);
    openRegistry();
    try (Admin admin = Admin.create(client)) {
      new TopicAdmin(admin).create(2, 1);
    }
    // The first requests of a process take their time; those of agents are to be as ever.
    SchemaRegistryClient warm =
        new SchemaRegistryClient(Map.of(SchemaRegistryConfig.URL, registryUrl()));
    for (Topics topic : List.of(Topics.EVENTS, Topics.TRAILS, Topics.AGENTS)) {
      var _ = warm.register(topic.subject(), topic.schema());
    }
  }

  /** Settings of an agent that comes through the proxy. */
  Map<String, String> agent(String host, Path trails) {
    Map<String, String> settings = new HashMap<>();
    settings.put("bootstrap.servers", "127.0.0.1:" + proxyPort);
    settings.put("schema.registry.url", registryUrl());
    settings.put("host", host);
    settings.put("heartbeat.ms", "500");
    settings.put("sources.bsd.type", "trails");
    settings.put("sources.bsd.path", trails.toString());
    return settings;
  }

  /** Settings of an agent that says who it is. */
  Map<String, String> agent(String host, Path trails, String password) {
    Map<String, String> settings = agent(host, trails);
    settings.put("bootstrap.servers", "127.0.0.1:" + passwordPort);
    settings.put("security.protocol", "SASL_PLAINTEXT");
    settings.put("sasl.mechanism", "PLAIN");
    settings.put(
        "sasl.jaas.config",
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";"
            .formatted(USER, password));
    return settings;
  }

  String registryUrl() {
    return "http://127.0.0.1:" + registryPort;
  }

  Arrivals arrivals(String host) {
    Arrivals arrivals = new Arrivals(host, client, registryUrl());
    arrivals.begin();
    return arrivals;
  }

  void closeRegistry() {
    registry.close();
  }

  void openRegistry() throws IOException {
    registry =
        EmbeddedRegistry.open(
            client, new InetSocketAddress(InetAddress.getLoopbackAddress(), registryPort));
  }

  void closeBroker() throws IOException {
    kafka.close();
  }

  /**
   * Starts the broker again.
   *
   * @return when it was first seen to take a connection, in milliseconds since 1970
   */
  long openBroker() throws Exception {
    long[] seen = new long[1];
    Thread watching =
        Thread.ofVirtual()
            .start(
                () -> {
                  while (seen[0] == 0) {
                    try (Socket _ = new Socket(InetAddress.getLoopbackAddress(), openPort)) {
                      seen[0] = System.currentTimeMillis();
                    } catch (IOException e) {
                      LockSupport.parkNanos(5_000_000);
                    }
                  }
                });
    kafka.open();
    watching.join();
    return seen[0];
  }

  @Override
  public void close() throws IOException {
    proxy.close();
    registry.close();
    kafka.close();
  }
}
