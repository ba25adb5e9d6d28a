// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.TestBroker;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
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
  private Process registry;
  private String url;

  @BeforeEach
  void start() throws Exception {
    Path apicurio = Path.of(System.getProperty("apicurio.directory", "target/apicurio"));
    assertThat(apicurio.resolve("quarkus-run.jar"))
        .as("unpacked by the build before integration tests")
        .exists();
    int port = TestBroker.freePort();
    Path log = data.resolve("apicurio.log");
    registry =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-Dquarkus.http.host=127.0.0.1",
                "-Dquarkus.http.port=" + port,
                "-Dquarkus.management.host=127.0.0.1",
                "-Dquarkus.management.port=" + TestBroker.freePort(),
                "-jar",
                apicurio.resolve("quarkus-run.jar").toAbsolutePath().toString())
            .directory(data.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    url = "http://127.0.0.1:" + port;
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
    while (!serves()) {
      if (!registry.isAlive() || System.nanoTime() > deadline) {
        throw new IOException("Apicurio does not serve: " + Files.readString(log));
      }
      Thread.sleep(100);
    }
  }

  private boolean serves() {
    try {
      HttpURLConnection connection =
          (HttpURLConnection)
              URI.create(url + "/apis/ccompat/v7/subjects").toURL().openConnection();
      connection.setConnectTimeout(1_000);
      connection.setReadTimeout(5_000);
      return connection.getResponseCode() == 200;
    } catch (IOException e) {
      return false;
    }
  }

  @AfterEach
  void stop() throws InterruptedException {
    registry.destroy();
    if (!registry.waitFor(20, TimeUnit.SECONDS)) {
      registry.destroyForcibly().waitFor();
    }
  }

  @Test
  void worker_withAnAvroConverterWritesTheSameTrails() throws Exception {
    try (TestCollector collector = new TestCollector(data, url + "/apis/ccompat/v7", 4, 4)) {
      // The converter names no services: the worker has to look through its jars.
      collector.startWorkerProcess(plugins(), Map.of("plugin.discovery", "hybrid_warn"));
      Map<String, String> config = collector.connector();
      config.put("value.converter", "io.apicurio.registry.utils.converter.AvroConverter");
      config.put("value.converter.apicurio.registry.url", url + "/apis/registry/v2");
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
