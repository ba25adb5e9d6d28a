// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.kafka.KafkaContainer;

/** The whole way on Kafka's own image; skipped, and says so, where no Docker answers. */
@ExtendWith(DockerCondition.class)
final class ContainersEndToEndIT {
  @TempDir Path scratch;

  @Test
  void trails_areCollectedVerifiedAndTheirStopAttributedOnABrokerInAContainer() throws Exception {
    try (KafkaContainer kafka = new KafkaContainer("apache/kafka:4.3.1")) {
      kafka.start();
      try (EndToEnd scenario = new EndToEnd(kafka.getBootstrapServers(), scratch, 1)) {
        scenario.run();
      }
    }
  }
}
