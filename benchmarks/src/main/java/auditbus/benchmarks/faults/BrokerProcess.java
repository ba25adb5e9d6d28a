// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.schemas.TopicAdmin;
import auditbus.standalone.EmbeddedKafka;
import java.nio.file.Path;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;

/**
 * The broker as a process: {@code BrokerProcess DIRECTORY PORT ADVERTISED_PORT}. Whoever connects
 * is sent to the advertised port, where the proxy is. What it acknowledges is on the disk.
 */
public final class BrokerProcess {
  private static final int PARTITIONS = 3;

  private BrokerProcess() {}

  /** Runs until it is ended. */
  public static void main(String[] args) throws Exception {
    EmbeddedKafka kafka =
        new EmbeddedKafka(
            Path.of(args[0]),
            Integer.parseInt(args[1]),
            Map.of(
                "advertised.listeners",
                "PLAINTEXT://127.0.0.1:" + args[2],
                // The disk is a small one: what indexes are given beforehand counts.
                "log.index.size.max.bytes",
                "1048576"));
    kafka.open();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", kafka.bootstrap()))) {
      new TopicAdmin(admin).create(PARTITIONS, 1);
    }
    System.out.println("ready at " + kafka.bootstrap());
    Thread.currentThread().join();
  }
}
