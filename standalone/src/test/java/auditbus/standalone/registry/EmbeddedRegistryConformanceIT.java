// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone.registry;

import auditbus.schemas.RegistryConformance;
import auditbus.schemas.TestBroker;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** The scenario Apicurio passes too, with Confluent's own client. */
class EmbeddedRegistryConformanceIT extends RegistryConformance {
  private static TestBroker broker;
  private static EmbeddedRegistry registry;

  @BeforeAll
  static void start(@TempDir Path directory) throws Exception {
    broker = TestBroker.open(directory);
    registry =
        EmbeddedRegistry.open(
            Map.of("bootstrap.servers", broker.bootstrap()),
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  @AfterAll
  static void stop() {
    registry.close();
    broker.close();
  }

  @Override
  protected String url() {
    return registry.uri().toString();
  }
}
