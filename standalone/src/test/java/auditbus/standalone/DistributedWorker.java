// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.connect.cli.ConnectDistributed;
import org.apache.kafka.connect.runtime.Connect;
import org.apache.kafka.connect.runtime.distributed.DistributedHerder;

/** Kafka Connect's distributed worker in this process, spoken to by its REST interface only. */
final class DistributedWorker implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  private final Connect<DistributedHerder> connect;
  private final URI rest;
  private final HttpClient http = HttpClient.newHttpClient();

  /** Starts a worker whose three topics are copied as often as said. */
  DistributedWorker(String bootstrap, int replication) throws IOException {
    Map<String, String> worker = new LinkedHashMap<>();
    worker.put("bootstrap.servers", bootstrap);
    worker.put("group.id", "auditbus-connect");
    worker.put("listeners", "http://127.0.0.1:" + Ports.free());
    worker.put("plugin.discovery", "service_load");
    worker.put("key.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    worker.put("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    for (String storage : new String[] {"config", "offset", "status"}) {
      worker.put(storage + ".storage.topic", "auditbus-connect-" + storage);
      worker.put(storage + ".storage.replication.factor", Integer.toString(replication));
      if (!storage.equals("config")) {
        worker.put(storage + ".storage.partitions", "1");
      }
    }
    worker.put("offset.flush.interval.ms", "500");
    connect = new ConnectDistributed().startConnect(worker);
    rest = connect.rest().advertisedUrl();
  }

  /** Creates or changes a connector; the worker may still be joining its group. */
  void put(String name, String json) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(rest.resolve("/connectors/" + name + "/config"))
            .header("Content-Type", "application/json")
            .timeout(PATIENCE)
            .PUT(HttpRequest.BodyPublishers.ofString(json))
            .build();
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() / 100 == 2) {
        return;
      }
      boolean later = answer.statusCode() == 409 || answer.statusCode() >= 500;
      if (!later || System.nanoTime() > deadline) {
        throw new AssertionError(
            "the worker refuses " + name + ": " + answer.statusCode() + " " + answer.body());
      }
      Thread.sleep(200);
    }
  }

  /** What is said of a connector that failed, or whose task did; empty while none has. */
  Optional<String> failure(String name) {
    try {
      HttpResponse<String> answer =
          http.send(
              HttpRequest.newBuilder(rest.resolve("/connectors/" + name + "/status"))
                  .timeout(PATIENCE)
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      return answer.body().contains("\"FAILED\"") ? Optional.of(answer.body()) : Optional.empty();
    } catch (IOException e) {
      return Optional.of(e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of(e.toString());
    }
  }

  @Override
  public void close() {
    connect.stop();
    connect.awaitStop();
  }
}
