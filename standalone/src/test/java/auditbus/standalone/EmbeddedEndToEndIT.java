// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole way on the embedded broker; runs wherever the build does. */
final class EmbeddedEndToEndIT {
  @TempDir Path scratch;

  @Test
  void trails_areCollectedVerifiedAndTheirStopAttributedOnTheEmbeddedBroker() throws Exception {
    try (EmbeddedKafka kafka =
        new EmbeddedKafka(scratch.resolve("kafka"), Ports.free(), Map.of())) {
      kafka.open();
      try (EndToEnd scenario =
          new EndToEnd(kafka.bootstrap(), Files.createDirectory(scratch.resolve("run")), 1)) {
        scenario.run();
      }
    }
  }
}
