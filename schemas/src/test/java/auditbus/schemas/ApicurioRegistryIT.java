// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** The scenario against a real Apicurio Registry in a process of its own. */
class ApicurioRegistryIT extends RegistryConformance {
  private static ApicurioRegistry registry;

  @BeforeAll
  static void start(@TempDir Path directory) throws Exception {
    registry = ApicurioRegistry.open(directory);
  }

  @AfterAll
  static void stop() {
    if (registry != null) {
      registry.close();
    }
  }

  @Override
  protected String url() {
    return registry.confluentUrl();
  }
}
