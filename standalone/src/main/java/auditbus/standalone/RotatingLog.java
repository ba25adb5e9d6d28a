// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A log file of bounded size: at a size limit, and at every start, it becomes {@code FILE.1} and a
 * new one begins.
 *
 * <p>Thread-safe.
 */
final class RotatingLog extends OutputStream {
  private final Path file;
  private final long maxBytes;
  private OutputStream out;
  private long bytes;

  private RotatingLog(Path file, long maxBytes) throws IOException {
    this.file = file;
    this.maxBytes = maxBytes;
    rotate();
  }

  /**
   * Sends what is logged by any library, and whatever is printed to {@code System.err}, to a file.
   * To be called before the first logger is made.
   *
   * @param maxBytes limit of the file; with the one before it twice as much is kept
   */
  static void install(Path file, long maxBytes) throws IOException {
    System.setErr(new PrintStream(new RotatingLog(file, maxBytes), true, StandardCharsets.UTF_8));
    setting("defaultLogLevel", "info");
    setting("showDateTime", "true");
    setting("dateTimeFormat", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX");
    setting("showThreadName", "true");
    setting("levelInBrackets", "true");
    // Each client prints its whole configuration at level info.
    for (String dump :
        new String[] {
          "org.apache.kafka.common.config.AbstractConfig",
          "org.apache.kafka.clients.admin.AdminClientConfig",
          "org.apache.kafka.clients.consumer.ConsumerConfig",
          "org.apache.kafka.clients.producer.ProducerConfig",
          "org.apache.kafka.connect.runtime",
          "org.apache.kafka.streams.StreamsConfig",
          "kafka.server.KafkaConfig",
          "org.reflections",
          "org.eclipse.jetty"
        }) {
      setting("log." + dump, "warn");
    }
  }

  /**
   * Lets libraries say errors only, on the terminal. To be called before the first logger is made.
   */
  static void quiet() {
    setting("defaultLogLevel", "error");
  }

  private static void setting(String name, String value) {
    String property = "org.slf4j.simpleLogger." + name;
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  @Override
  public synchronized void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] buffer, int offset, int length) throws IOException {
    if (bytes + length > maxBytes && bytes > 0) {
      rotate();
    }
    out.write(buffer, offset, length);
    bytes += length;
  }

  @Override
  public synchronized void flush() throws IOException {
    out.flush();
  }

  @Override
  public synchronized void close() throws IOException {
    out.close();
  }

  private void rotate() throws IOException {
    if (out != null) {
      out.close();
    }
    if (Files.exists(file)) {
      Files.move(
          file,
          file.resolveSibling(file.getFileName() + ".1"),
          StandardCopyOption.REPLACE_EXISTING);
    }
    out =
        Files.newOutputStream(
            file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
    bytes = 0;
  }
}
