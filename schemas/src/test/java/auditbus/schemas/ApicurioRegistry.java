// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A real Apicurio Registry in a process of its own, as the build unpacked it. */
public final class ApicurioRegistry implements AutoCloseable {
  private final Process process;
  private final String url;

  private ApicurioRegistry(Process process, String url) {
    this.process = process;
    this.url = url;
  }

  /** Starts one that keeps nothing; when this returns, it serves. */
  public static ApicurioRegistry open(Path directory) throws IOException, InterruptedException {
    Path jar =
        Path.of(System.getProperty("apicurio.directory", "target/apicurio"), "quarkus-run.jar")
            .toAbsolutePath();
    if (!Files.exists(jar)) {
      throw new IOException(jar + " is missing: the build unpacks it before integration tests");
    }
    int port = TestBroker.freePort();
    Path log = directory.resolve("apicurio.log");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-Dquarkus.http.host=127.0.0.1",
                "-Dquarkus.http.port=" + port,
                "-Dquarkus.management.host=127.0.0.1",
                "-Dquarkus.management.port=" + TestBroker.freePort(),
                "-jar",
                jar.toString())
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    ApicurioRegistry registry = new ApicurioRegistry(process, "http://127.0.0.1:" + port);
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
    while (!registry.serves()) {
      if (!process.isAlive() || System.nanoTime() > deadline) {
        registry.close();
        throw new IOException("Apicurio does not serve: " + Files.readString(log));
      }
      Thread.sleep(100);
    }
    return registry;
  }

  /** Its own address. */
  public String url() {
    return url;
  }

  /** Where it speaks as Confluent's registry does. */
  public String confluentUrl() {
    return url + "/apis/ccompat/v7";
  }

  private boolean serves() {
    try {
      HttpURLConnection connection =
          (HttpURLConnection) URI.create(confluentUrl() + "/subjects").toURL().openConnection();
      connection.setConnectTimeout(1_000);
      connection.setReadTimeout(5_000);
      return connection.getResponseCode() == 200;
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
