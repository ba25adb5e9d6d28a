// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.ApicurioRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real worker with a real Avro converter in a plugin directory of its own, a real registry, and
 * messages of our serializer.
 */
class ConverterIT {
  @TempDir Path data;
  private ApicurioRegistry registry;

  @BeforeEach
  void start() throws Exception {
    registry = ApicurioRegistry.open(data);
  }

  @AfterEach
  void stop() {
    if (registry != null) {
      registry.close();
    }
  }

  @Test
  void worker_withAnAvroConverterWritesTheSameTrails() throws Exception {
    try (TestCollector collector = new TestCollector(data, registry.confluentUrl(), 4, 4)) {
      // The converter names no services: the worker has to look through its jars.
      collector.startWorkerProcess(plugins(), Map.of("plugin.discovery", "hybrid_warn"));
      Map<String, String> config = collector.connector();
      config.put("value.converter", "io.apicurio.registry.utils.converter.AvroConverter");
      config.put("value.converter.apicurio.registry.url", registry.url() + "/apis/registry/v2");
      config.put("value.converter.apicurio.registry.as-confluent", "true");
      config.put("value.converter.apicurio.registry.use-id", "contentId");
      config.put("value.converter.apicurio.registry.headers.enabled", "false");
      collector.create(config, 200, 201);
      List<TestTrail> trails = new ArrayList<>();
      Random random = new Random(21);
      for (int i = 0; i < 6; i++) {
        trails.add(TestTrail.random(random, "host" + i, "auditd", "20261120104500", 400_000));
      }
      trails.forEach(trail -> collector.publish(trail, 1 + random.nextInt(900)));
      collector.flush();
      collector.await(
          "all trails",
          () -> trails.stream().allMatch(trail -> Files.exists(collector.file(trail))));
      for (TestTrail trail : trails) {
        assertThat(collector.file(trail)).hasBinaryContent(trail.bytes());
      }
      collector.await("all offsets", collector::isAllCommitted);
      assertThat(collector.status()).contains("RUNNING").doesNotContain("FAILED");
    }
  }

  // The sink and the converter, each in a directory of its own, as users install them.
  private Path plugins() throws IOException {
    Path plugins = Files.createDirectories(data.resolve("plugins"));
    PluginZip.unpack(plugins);
    copy(
        PluginZip.path().resolveSibling("converter-plugins").resolve("apicurio"),
        Files.createDirectory(plugins.resolve("apicurio")));
    return plugins;
  }

  private static void copy(Path from, Path to) throws IOException {
    try (var jars = Files.list(from)) {
      for (Path jar : jars.toList()) {
        Files.copy(jar, to.resolve(jar.getFileName()));
      }
    }
  }
}
