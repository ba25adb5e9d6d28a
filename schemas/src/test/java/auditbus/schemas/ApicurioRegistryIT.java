// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** The scenario against a real Apicurio Registry in a process of its own. */
class ApicurioRegistryIT extends RegistryConformance {
  private static Process process;
  private static String url;

  @BeforeAll
  static void start(@TempDir Path directory) throws Exception {
    Path apicurio = Path.of(System.getProperty("apicurio.directory", "target/apicurio"));
    assertThat(apicurio.resolve("quarkus-run.jar"))
        .as("unpacked by the build before integration tests")
        .exists();
    int port = TestBroker.freePort();
    Path log = directory.resolve("apicurio.log");
    process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx256m",
                    "-XX:+UseSerialGC",
                    "-Dquarkus.http.host=127.0.0.1",
                    "-Dquarkus.http.port=" + port,
                    "-Dquarkus.management.host=127.0.0.1",
                    "-Dquarkus.management.port=" + TestBroker.freePort(),
                    "-jar",
                    apicurio.resolve("quarkus-run.jar").toAbsolutePath().toString()))
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    url = "http://127.0.0.1:" + port + "/apis/ccompat/v7";
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
    while (!serves()) {
      if (!process.isAlive() || System.nanoTime() > deadline) {
        stop();
        throw new IOException("Apicurio does not serve: " + Files.readString(log));
      }
      Thread.sleep(100);
    }
  }

  private static boolean serves() {
    try {
      HttpURLConnection connection =
          (HttpURLConnection) URI.create(url + "/subjects").toURL().openConnection();
      connection.setConnectTimeout(1_000);
      connection.setReadTimeout(5_000);
      return connection.getResponseCode() == 200;
    } catch (IOException e) {
      return false;
    }
  }

  @AfterAll
  static void stop() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(20, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }

  @Override
  protected String url() {
    return url;
  }
}
