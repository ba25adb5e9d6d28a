// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import auditbus.agent.event.Boot;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import auditbus.benchmarks.OneIdRegistry;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.Topics;
import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A BSM trail of about 134 bytes and 6.5 tokens a record: framing and reading all values, as
 * libbsm's {@code au_read_rec} and {@code au_fetch_tok} do; then to events; then to Avro.
 *
 * <p>An operation is the whole trail; {@code Bytes.read} is its MB/s. Peers on such a trail: libbsm
 * 650 MB/s, praudit 39 MB/s (measured elsewhere: libbsm is no Debian package).
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"--sun-misc-unsafe-memory-access=allow", "-XX:+UseSerialGC", "-Xmx256m"})
public class BsmDecoderBenchmark {
  private static final int RECORDS = 8_000;

  private final BsmFraming framing = new BsmFraming();
  private final TokenCursor cursor = new TokenCursor();
  private final BsmDecoder decoder = new BsmDecoder(new Origin("host", "bsm", Boot.UNKNOWN, 1));
  private AvroSerializer<AuditEvent> serializer;
  private byte[] trail;
  private long checksum;

  /** What was read, beside the operations. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Count {
    /** Millions of bytes a second. */
    public double megabytes;

    /** Records a second. */
    public double records;
  }

  /** Makes the trail and checks that it is what is said of it. */
  @Setup
  public void setUp() throws IOException {
    serializer = new AvroSerializer<>(OneIdRegistry.client());
    trail = trail();
    int tokens = 0;
    int records = 0;
    for (int at = 0; at < trail.length; ) {
      int end = framing.frameEnd(trail, at, trail.length, false);
      if (end <= 0) {
        throw new IllegalStateException(framing.fault(trail, at, trail.length));
      }
      cursor.open(trail, at, end);
      while (cursor.next()) {
        tokens++;
      }
      if (cursor.position() != cursor.end()) {
        throw new IllegalStateException("token at " + cursor.position());
      }
      tokens++; // the trailer
      records++;
      at = end;
    }
    System.out.printf(
        "trail: %d records, %.1f bytes and %.2f tokens each%n",
        records, (double) trail.length / records, (double) tokens / records);
  }

  /** Framing, and every value of every token read. */
  @Benchmark
  public long parse(Count count) {
    long sum = 0;
    int at = 0;
    while (at < trail.length) {
      int end = framing.frameEnd(trail, at, trail.length, false);
      cursor.open(trail, at, end);
      while (cursor.next()) {
        sum += cursor.number(0);
      }
      at = end;
      count.records++;
    }
    count.megabytes += trail.length / 1e6;
    checksum += sum;
    return checksum;
  }

  /** Trail to events. */
  @Benchmark
  public long decode(Count count) {
    each(count, event -> checksum += event.event().getRecords().size());
    return checksum;
  }

  /** Trail to events to Avro binary. */
  @Benchmark
  public long decodeAndEncode(Count count) {
    each(count, this::write);
    return checksum;
  }

  /**
   * Prints the CPU time of the same three, the lowest of 15 rounds of half a second: on a machine
   * shared with others the only number that repeats.
   */
  public static void main(String[] args) throws IOException {
    BsmDecoderBenchmark benchmark = new BsmDecoderBenchmark();
    benchmark.setUp();
    Count count = new Count();
    print("parse", benchmark, () -> benchmark.parse(count));
    print("trail to events", benchmark, () -> benchmark.decode(count));
    print("trail to events to Avro", benchmark, () -> benchmark.decodeAndEncode(count));
    System.exit(0); // the registry has threads of its own
  }

  private static void print(String what, BsmDecoderBenchmark benchmark, Runnable operation) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long allocated = 0;
    double best = Double.MAX_VALUE;
    for (int round = 0; round < 15; round++) {
      long bytesBefore = threads.getCurrentThreadAllocatedBytes();
      long before = threads.getCurrentThreadCpuTime();
      int operations = 0;
      long spent = 0;
      while (spent < 500_000_000L) {
        operation.run();
        operations++;
        spent = threads.getCurrentThreadCpuTime() - before;
      }
      best = Math.min(best, (double) spent / operations);
      allocated = (threads.getCurrentThreadAllocatedBytes() - bytesBefore) / operations;
    }
    System.out.printf(
        "%-24s %7.1f MB/s %7.0f ns/record %6d bytes allocated/record%n",
        what, benchmark.trail.length * 1e3 / best, best / RECORDS, allocated / RECORDS);
  }

  private void each(Count count, Consumer<DecodedEvent> out) {
    int at = 0;
    while (at < trail.length) {
      int end = framing.frameEnd(trail, at, trail.length, false);
      decoder.accept(
          new TrailRecord(
              "20261120104500", at, Arrays.copyOfRange(trail, at, end), true, Instant.EPOCH),
          false,
          out);
      at = end;
      count.records++;
    }
    count.megabytes += trail.length / 1e6;
  }

  private void write(DecodedEvent event) {
    checksum += serializer.serialize(Topics.EVENTS.topic(), event.event()).length;
  }

  private static byte[] trail() throws IOException {
    Random random = new Random(42);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (int record = 0; record < RECORDS; record++) {
      all.writeBytes(record(random));
    }
    return all.toByteArray();
  }

  /** open, kill, connect, stat, chmod, execve, login: as a FreeBSD kernel writes them. */
  private static byte[] record(Random random) throws IOException {
    ByteArrayOutputStream tokens = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(tokens);
    int event;
    switch (random.nextInt(8)) {
      case 0, 1, 2 -> {
        event = 72;
        argument(out, 2, 0, "flags");
        path(out, "/usr/local/share/project/etc/rc.conf.d/" + random.nextInt(100));
        attribute(out, random);
      }
      case 3 -> {
        event = 15;
        argument(out, 2, 15, "signal");
        argument(out, 1, random.nextInt(99_999), "pid");
      }
      case 4 -> {
        event = 32;
        argument(out, 1, 5, "fd");
        out.writeByte(0x80);
        out.writeShort(2);
        out.writeShort(443);
        out.writeInt(random.nextInt());
      }
      case 5 -> {
        event = 16;
        path(out, "/home/user" + random.nextInt(20) + "/code/project/src/main.c");
        attribute(out, random);
      }
      case 6 -> {
        event = 23;
        out.writeByte(0x3c);
        out.writeInt(3);
        out.writeBytes("ls\0-l\0/tmp\0");
        path(out, "/usr/local/libexec/bin/ls");
        attribute(out, random);
      }
      default -> {
        event = 6152;
        text(out, "successful login user" + random.nextInt(20));
        text(out, "tty" + random.nextInt(8));
      }
    }
    subject(out, random);
    out.writeByte(0x27);
    out.writeByte(random.nextInt(10) == 0 ? 2 : 0);
    out.writeInt(0);

    ByteArrayOutputStream record = new ByteArrayOutputStream();
    DataOutputStream whole = new DataOutputStream(record);
    int length = 18 + tokens.size() + 7;
    whole.writeByte(0x14);
    whole.writeInt(length);
    whole.writeByte(11);
    whole.writeShort(event);
    whole.writeShort(0);
    whole.writeInt(1_700_000_000 + random.nextInt(1000));
    whole.writeInt(random.nextInt(1000));
    whole.write(tokens.toByteArray());
    whole.writeByte(0x13);
    whole.writeShort(0xb105);
    whole.writeInt(length);
    return record.toByteArray();
  }

  private static void argument(DataOutputStream out, int number, int value, String description)
      throws IOException {
    out.writeByte(0x2d);
    out.writeByte(number);
    out.writeInt(value);
    string(out, description);
  }

  private static void path(DataOutputStream out, String path) throws IOException {
    out.writeByte(0x23);
    string(out, path);
  }

  private static void text(DataOutputStream out, String text) throws IOException {
    out.writeByte(0x28);
    string(out, text);
  }

  private static void string(DataOutputStream out, String text) throws IOException {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    out.writeShort(utf8.length + 1);
    out.write(utf8);
    out.writeByte(0);
  }

  private static void attribute(DataOutputStream out, Random random) throws IOException {
    out.writeByte(0x3e);
    out.writeInt(0100644);
    out.writeInt(0);
    out.writeInt(0);
    out.writeInt(90);
    out.writeLong(random.nextInt(1_000_000));
    out.writeInt(112_200);
  }

  private static void subject(DataOutputStream out, Random random) throws IOException {
    int uid = 1000 + random.nextInt(20);
    out.writeByte(0x7a);
    out.writeInt(uid);
    out.writeInt(random.nextInt(4) == 0 ? 0 : uid);
    out.writeInt(uid);
    out.writeInt(uid);
    out.writeInt(uid);
    out.writeInt(random.nextInt(99_999));
    out.writeInt(100_000 + uid);
    out.writeInt(50_000 + random.nextInt(10_000));
    out.writeInt(4);
    out.writeInt(0xc0a80000 | random.nextInt(256));
  }
}
