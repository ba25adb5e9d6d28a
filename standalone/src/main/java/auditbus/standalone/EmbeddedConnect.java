// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.connect.cli.ConnectStandalone;
import org.apache.kafka.connect.runtime.Connect;
import org.apache.kafka.connect.runtime.Herder;
import org.apache.kafka.connect.runtime.rest.entities.ConnectorStateInfo;
import org.apache.kafka.connect.runtime.standalone.StandaloneHerder;
import org.apache.kafka.connect.util.FutureCallback;

/**
 * A Kafka Connect worker in this process that runs one connector.
 *
 * <p>It is Connect's standalone worker: the connector's configuration comes from this program at
 * every start and a sink's offsets are those of its consumer group, so a distributed worker's three
 * topics would hold nothing of use.
 *
 * <p>Thread-safe: open and close exclude each other.
 */
final class EmbeddedConnect implements AutoCloseable {
  private static final Duration CREATE_TIMEOUT = Duration.ofSeconds(60);

  private final String bootstrap;
  private final Path directory;
  private final String name;
  private final Map<String, String> connector;
  private volatile Connect<StandaloneHerder> connect;

  /**
   * A worker that does not run yet.
   *
   * @param directory where the worker keeps what little it keeps
   * @param name the connector's name; its consumer group is {@code connect-NAME}
   * @param connector the connector's configuration without its name
   */
  EmbeddedConnect(String bootstrap, Path directory, String name, Map<String, String> connector) {
    this.bootstrap = bootstrap;
    this.directory = directory;
    this.name = name;
    this.connector = Map.copyOf(connector);
  }

  /** Starts worker and connector; when this returns the worker has taken the connector. */
  synchronized void open() throws IOException, InterruptedException {
    if (connect != null) {
      return;
    }
    connect = new ConnectStandalone().startConnect(worker());
    FutureCallback<Herder.Created<org.apache.kafka.connect.runtime.rest.entities.ConnectorInfo>>
        created = new FutureCallback<>();
    Map<String, String> config = new LinkedHashMap<>(connector);
    config.put("name", name);
    connect.herder().putConnectorConfig(name, config, false, created);
    try {
      created.get(CREATE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      close();
      throw new IOException("connector " + name + " does not start: " + reason(e), e);
    }
  }

  /** Why the connector or a task of it does not run; empty while all is well. */
  Optional<String> failure() {
    Connect<StandaloneHerder> running = connect;
    if (running == null) {
      return Optional.of("connector " + name + " is not running");
    }
    ConnectorStateInfo status = running.herder().connectorStatus(name);
    if (status.connector().state().equals("FAILED")) {
      return Optional.of("connector " + name + ": " + firstLine(status.connector().trace()));
    }
    return status.tasks().stream()
        .filter(task -> task.state().equals("FAILED"))
        .findFirst()
        .map(task -> "connector " + name + " task " + task.id() + ": " + firstLine(task.trace()));
  }

  /** Address of the worker's REST interface. */
  URI rest() {
    return connect.rest().advertisedUrl();
  }

  /** Stops the connector, which flushes, and the worker; a second call does nothing. */
  @Override
  public synchronized void close() {
    if (connect != null) {
      connect.stop();
      connect.awaitStop();
      connect = null;
    }
  }

  private Map<String, String> worker() throws IOException {
    Map<String, String> worker = new LinkedHashMap<>();
    worker.put("bootstrap.servers", bootstrap);
    worker.put("listeners", "http://127.0.0.1:" + Ports.free());
    worker.put("plugin.discovery", "service_load");
    worker.put("key.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    worker.put("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    worker.put("offset.storage.file.filename", directory.resolve("connect.offsets").toString());
    // How often what was written becomes durable and its offsets are committed.
    worker.put("offset.flush.interval.ms", "500");
    worker.put("connector.client.config.override.policy", "All");
    // Both topics' equal partitions must be one task's.
    worker.put(
        "consumer.partition.assignment.strategy",
        "org.apache.kafka.clients.consumer.RangeAssignor");
    // A static member: after a kill it has its partitions back at once, instead of when the broker
    // has missed the old one. There is one task, and one process per data directory.
    worker.put("consumer.group.instance.id", name + "-0");
    worker.put("consumer.auto.offset.reset", "earliest");
    worker.put("consumer.isolation.level", "read_committed");
    return worker;
  }

  private static String reason(Exception e) {
    return e instanceof ExecutionException ? String.valueOf(e.getCause()) : "no answer";
  }

  private static String firstLine(String trace) {
    List<String> lines = trace == null ? List.of() : trace.lines().toList();
    // The last "Caused by" says what went wrong; what is above it is Connect's own wrapping.
    return lines.stream()
        .filter(line -> line.startsWith("Caused by: "))
        .reduce((first, second) -> second)
        .map(line -> line.substring("Caused by: ".length()))
        .orElse(lines.isEmpty() ? "failed" : lines.getFirst());
  }
}
