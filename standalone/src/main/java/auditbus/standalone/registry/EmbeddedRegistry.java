// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone.registry;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A schema registry for a single node: Confluent's REST API ({@link RegistryApi}) over a compacted
 * topic ({@link SchemaTopic}). Compatibility is enforced, BACKWARD_TRANSITIVE where nothing else is
 * configured.
 *
 * <p>It knows no users and no TLS: it is meant for the loopback address. Two of them on one topic
 * are not kept apart: a cluster wants Confluent Schema Registry, Karapace or Apicurio.
 *
 * <p>Thread-safe.
 */
public final class EmbeddedRegistry implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(EmbeddedRegistry.class);

  /** Requests served at the same time; further ones wait. */
  private static final int THREADS = 8;

  private static final Duration BROKER_TIMEOUT = Duration.ofSeconds(30);

  private final HttpServer server;
  private final ExecutorService threads;
  private final SchemaTopic topic;
  private final URI uri;
  private boolean closed;

  private EmbeddedRegistry(HttpServer server, ExecutorService threads, SchemaTopic topic) {
    this.server = server;
    this.threads = threads;
    this.topic = topic;
    InetSocketAddress address = server.getAddress();
    String host = address.getAddress().getHostAddress();
    this.uri =
        URI.create(
            "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort());
  }

  /**
   * Takes the port, reads the topic to its end, and serves.
   *
   * @param kafka settings of Kafka clients, {@code bootstrap.servers} at least
   * @param listen the address to listen on; port 0 for a free one
   * @throws IOException if the port is in use or the broker cannot be reached: the message says
   *     which
   */
  public static EmbeddedRegistry open(Map<String, Object> kafka, InetSocketAddress listen)
      throws IOException {
    return open(kafka, listen, BROKER_TIMEOUT);
  }

  static EmbeddedRegistry open(
      Map<String, Object> kafka, InetSocketAddress listen, Duration timeout) throws IOException {
    if (listen.isUnresolved()) {
      throw new IOException(
          "the schema registry cannot listen on " + listen.getHostString() + ": unknown host");
    }
    HttpServer server;
    try {
      server = HttpServer.create(listen, 64);
    } catch (BindException e) {
      throw new IOException(
          "the schema registry cannot listen on %s:%d: %s. Is another one running? Choose another port, or 0 for any."
              .formatted(listen.getAddress().getHostAddress(), listen.getPort(), e.getMessage()),
          e);
    }
    RegistryState state = new RegistryState();
    SchemaTopic topic = new SchemaTopic(kafka, state, timeout);
    try {
      topic.open();
    } catch (IOException | RuntimeException e) {
      server.stop(0);
      throw e;
    }
    ThreadFactory names = Thread.ofPlatform().daemon().name("schema-registry-", 0).factory();
    ExecutorService threads = Executors.newFixedThreadPool(THREADS, names);
    server.setExecutor(threads);
    server.createContext("/", new RegistryApi(state, topic));
    server.start();
    EmbeddedRegistry registry = new EmbeddedRegistry(server, threads, topic);
    if (!listen.getAddress().isLoopbackAddress()) {
      LOG.warn(
          "the schema registry at {} asks nobody who they are: whoever reaches it may write",
          registry.uri);
    }
    LOG.info("schema registry at {}", registry.uri);
    return registry;
  }

  /** Where it listens, without a slash at the end. */
  public URI uri() {
    return uri;
  }

  /** Stops serving; what is answered is in the topic. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      server.stop(0);
      threads.shutdownNow();
      synchronized (topic) {
        topic.close();
      }
    }
  }
}
