// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.standalone.EmbeddedKafka;
import auditbus.standalone.registry.EmbeddedRegistry;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/**
 * A broker with a registry and nothing beside, for measuring who writes to it: {@code
 * BenchmarkBroker DIRECTORY KAFKA_PORT REGISTRY_PORT TURNS [PARTITIONS]}. Besides auditbus's
 * topics, of one partition where nothing else is said, it has {@code perf1} to {@code perfN}, set
 * as {@code audit.events} is. It leaves flushing to the kernel, as brokers do that have replicas.
 * Says "ready" and runs until it is ended.
 */
public final class BenchmarkBroker {
  private BenchmarkBroker() {}

  /** Runs it. */
  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[1]);
    EmbeddedKafka kafka =
        new EmbeddedKafka(
            Path.of(args[0]),
            port,
            Map.of("log.flush.interval.messages", Long.toString(Long.MAX_VALUE)));
    kafka.open();
    Map<String, Object> client = Map.of("bootstrap.servers", kafka.bootstrap());
    EmbeddedRegistry registry =
        EmbeddedRegistry.open(
            client,
            new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[2])));
    try (Admin admin = Admin.create(client)) {
      new TopicAdmin(admin)
          .create(args.length > 4 ? Integer.parseInt(args[4]) : 1, Optional.empty());
      List<NewTopic> yardsticks =
          IntStream.rangeClosed(1, Integer.parseInt(args[3]))
              .mapToObj(
                  turn ->
                      new NewTopic("perf" + turn, 1, (short) 1).configs(Topics.EVENTS.settings()))
              .toList();
      admin.createTopics(yardsticks).all().get();
    }
    System.out.println("ready at " + kafka.bootstrap() + " and " + registry.uri());
    Thread.currentThread().join();
  }
}
