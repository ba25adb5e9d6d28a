// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import auditbus.schemas.Topics;
import java.io.IOException;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Writes down when each event of {@code flood N 1 stamp} came out at the far end: {@code Arrivals
 * kafka BOOTSTRAP OUT} as a {@code read_committed} consumer of {@code audit.events}, {@code
 * Arrivals file LOG OUT} as a reader of the log another audit daemon writes.
 *
 * <p>OUT gets a line an event: the wall clock right before the system call, which its first
 * argument carries, and the wall clock when {@code poll} (or the read of the log) returned, both in
 * nanoseconds. The log is looked at every millisecond. Says "ready" and runs until it is ended.
 */
public final class Arrivals {
  private static final byte[] ARGUMENT = " a0=".getBytes(StandardCharsets.US_ASCII);

  /** Hexadecimal digits of the wall clock in nanoseconds, from 2006 to 2554. */
  private static final int DIGITS = 16;

  private static final long LOOK_MS = 1;
  private static final int BUFFER_BYTES = 1 << 20;

  private final Writer out;

  private Arrivals(Writer out) {
    this.out = out;
  }

  /** Runs it. */
  public static void main(String[] args) throws Exception {
    try (Writer out = Files.newBufferedWriter(Path.of(args[2]))) {
      Arrivals arrivals = new Arrivals(out);
      switch (args[0]) {
        case "kafka" -> arrivals.consume(args[1]);
        case "file" -> arrivals.tail(Path.of(args[1]));
        default -> throw new IllegalArgumentException("kafka or file, not " + args[0]);
      }
    }
  }

  private void consume(String bootstrap) throws IOException {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      List<TopicPartition> partition = List.of(new TopicPartition(Topics.EVENTS.topic(), 0));
      consumer.assign(partition);
      consumer.seekToBeginning(partition);
      consumer.position(partition.getFirst());
      System.out.println("ready");
      while (true) {
        var messages = consumer.poll(Duration.ofMillis(500));
        Instant now = Instant.now();
        for (ConsumerRecord<byte[], byte[]> message : messages) {
          note(message.value(), message.value().length, now);
        }
        out.flush();
      }
    }
  }

  private void tail(Path log) throws IOException, InterruptedException {
    try (FileChannel channel = FileChannel.open(log)) {
      ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
      System.out.println("ready");
      while (true) {
        if (channel.read(buffer) <= 0) {
          TimeUnit.MILLISECONDS.sleep(LOOK_MS);
          continue;
        }
        Instant now = Instant.now();
        int whole = buffer.position();
        while (whole > 0 && buffer.get(whole - 1) != '\n') {
          whole--;
        }
        note(buffer.array(), whole, now);
        out.flush();
        buffer.flip().position(whole);
        buffer.compact();
      }
    }
  }

  /** Every stamp in these bytes: where an event is text, its first record has it once. */
  private void note(byte[] bytes, int length, Instant now) throws IOException {
    long nanos = TimeUnit.SECONDS.toNanos(now.getEpochSecond()) + now.getNano();
    int last = length - ARGUMENT.length - DIGITS;
    for (int at = 0; at < last; at++) {
      if (bytes[at] == ' '
          && Arrays.equals(bytes, at, at + ARGUMENT.length, ARGUMENT, 0, ARGUMENT.length)) {
        int from = at + ARGUMENT.length;
        if (bytes[from + DIGITS] == ' ') {
          String digits = new String(bytes, from, DIGITS, StandardCharsets.US_ASCII);
          out.append(Long.toString(Long.parseUnsignedLong(digits, 16)))
              .append(' ')
              .append(Long.toString(nanos))
              .append('\n');
        }
      }
    }
  }
}
