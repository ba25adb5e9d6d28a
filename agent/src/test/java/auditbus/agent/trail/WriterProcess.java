// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;
import org.slf4j.simple.SimpleLoggerFactory;

/**
 * A writer in a process of its own, which can be killed, traced and deprived.
 *
 * <p>It says {@code open}, then after each append the number of the last line it returned from, and
 * {@code closed}; of failures {@code failed MESSAGE}, and tries again.
 */
final class WriterProcess {
  private WriterProcess() {}

  /** Arguments: directory, group or "-", policy, maxBytes, run, count of appends (0 = endless). */
  public static void main(String[] arguments) throws Exception {
    int run = Integer.parseInt(arguments[4]);
    int count = Integer.parseInt(arguments[5]);
    TrailSettings settings =
        new TrailSettings(
            Path.of(arguments[0]),
            arguments[1].equals("-") ? Optional.empty() : Optional.of(arguments[1]),
            Long.parseLong(arguments[3]),
            Duration.ofHours(1),
            policy(arguments[2]),
            0,
            OnFull.BLOCK,
            Duration.ofDays(1));
    TrailWriter writer =
        new TrailWriter(settings, _ -> false, InstantSource.system(), System::nanoTime);
    try {
      writer.open();
    } catch (IOException e) {
      System.out.println("failed " + e.getMessage());
      return;
    }
    System.out.println("open");
    Random random = new Random(run);
    long number = 0;
    for (int i = 0; count == 0 || i < count; i++) {
      StringBuilder lines = new StringBuilder();
      int records = 1 + random.nextInt(count == 0 ? 20 : 1);
      for (int j = 0; j < records; j++) {
        lines.append(TrailLines.line(run, number++));
      }
      append(writer, TrailLines.buffer(lines.toString()), records);
      System.out.println(number - 1);
      if (i % 10 == 0) {
        writer.tick();
      }
    }
    writer.close();
    System.out.println("closed " + writer.counters());
  }

  private static void append(TrailWriter writer, ByteBuffer lines, int records) {
    while (true) {
      try {
        writer.append(lines, records);
        return;
      } catch (IOException e) {
        System.out.println("failed " + e.getMessage());
        LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
      }
    }
  }

  private static FlushPolicy policy(String word) {
    return switch (word) {
      case "none" -> new FlushPolicy.None();
      case "sync" -> new FlushPolicy.Sync();
      default -> new FlushPolicy.Incremental(Integer.parseInt(word), Duration.ofSeconds(10));
    };
  }

  /** The command that runs it, after a prefix such as a tracer's. */
  static List<String> command(List<String> prefix, String... arguments) {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-Xmx64m",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
            "-cp",
            Stream.of(
                    WriterProcess.class,
                    TrailWriter.class,
                    LoggerFactory.class,
                    SimpleLoggerFactory.class)
                .map(WriterProcess::place)
                .collect(Collectors.joining(":")),
            WriterProcess.class.getName()));
    command.addAll(List.of(arguments));
    return command;
  }

  private static String place(Class<?> part) {
    try {
      return Path.of(part.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
