// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import auditbus.agent.auparse.AuparseDecoder;
import auditbus.agent.auparse.Limits;
import auditbus.agent.event.Boot;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.Topics;
import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What audit text costs on its way to Avro bytes, in CPU time of the one thread that does it:
 * {@code TextToAvro FILE [ROUNDS] [ausearch]}.
 *
 * <p>Each round decodes the file's lines, which were cut before, puts events together and
 * serializes them, as the agent does. CPU time is what the thread used, so that other work on the
 * machine disturbs it less than the clock; the first half of the rounds warms up. With {@code
 * ausearch} each of the counted rounds is followed by one of {@code ausearch -if FILE --format
 * csv}.
 */
public final class TextToAvro {
  private static final Origin ORIGIN = new Origin("host", "auditd", Boot.UNKNOWN, 1);
  private static final String TRAIL = "20261120104500";
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final AvroSerializer<AuditEvent> serializer;
  private final List<TrailRecord> lines;
  private final long textBytes;
  private long events;
  private long avroBytes;

  private TextToAvro(byte[] text) throws IOException {
    this.lines = lines(text);
    this.textBytes = text.length;
    this.serializer = new AvroSerializer<>(OneIdRegistry.client());
  }

  /** Measures and prints. */
  public static void main(String[] args) throws IOException, InterruptedException {
    if (args.length < 1) {
      System.err.println("usage: TextToAvro FILE [ROUNDS] [ausearch]");
      System.exit(2);
    }
    int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 10;
    boolean peer = args.length > 2 && args[2].equals("ausearch");
    TextToAvro run = new TextToAvro(Files.readAllBytes(Path.of(args[0])));
    double[] micros = new double[rounds - rounds / 2];
    double[] peerMicros = new double[micros.length];
    long allocated = 0;
    for (int round = 0; round < rounds; round++) {
      long thread = Thread.currentThread().threadId();
      long bytesBefore = THREADS.getThreadAllocatedBytes(thread);
      long before = THREADS.getCurrentThreadCpuTime();
      run.round();
      long nanos = THREADS.getCurrentThreadCpuTime() - before;
      allocated = THREADS.getThreadAllocatedBytes(thread) - bytesBefore;
      int counted = round - rounds / 2;
      if (counted >= 0) {
        micros[counted] = nanos / 1e3 / run.events;
        peerMicros[counted] = peer ? ausearchSeconds(args[0]) * 1e6 / run.events : 0;
      }
    }
    System.out.printf(
        Locale.ROOT,
        "%,d events of %d bytes, %d bytes of Avro an event, %,d bytes allocated an event%n",
        run.events,
        run.textBytes / run.events,
        run.avroBytes / run.events,
        allocated / run.events);
    print("text to Avro", micros, run);
    if (peer) {
      print("ausearch --format csv", peerMicros, run);
    }
    System.exit(0);
  }

  private static void print(String what, double[] micros, TextToAvro run) {
    Arrays.sort(micros);
    double median = micros[micros.length / 2];
    System.out.printf(
        Locale.ROOT,
        "%s: CPU us an event: median %.2f, lowest %.2f; %.0f MB/s of CPU%n",
        what,
        median,
        micros[0],
        (double) run.textBytes / run.events / median);
  }

  private static List<TrailRecord> lines(byte[] text) {
    List<TrailRecord> lines = new ArrayList<>();
    int from = 0;
    for (int at = 0; at < text.length; at++) {
      if (text[at] == '\n') {
        byte[] raw = Arrays.copyOfRange(text, from, at + 1);
        lines.add(new TrailRecord(TRAIL, from, raw, true, Instant.EPOCH));
        from = at + 1;
      }
    }
    return lines;
  }

  private void round() {
    AuparseDecoder decoder = new AuparseDecoder(ORIGIN, Limits.defaults(), System::nanoTime);
    events = 0;
    avroBytes = 0;
    for (TrailRecord line : lines) {
      decoder.accept(line, false, this::serialize);
    }
    decoder.flush(this::serialize);
  }

  private void serialize(DecodedEvent event) {
    events++;
    avroBytes += serializer.serialize(Topics.EVENTS.topic(), event.event()).length;
  }

  /** CPU seconds, user and system, of one run. */
  private static double ausearchSeconds(String file) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                List.of(
                    "bash",
                    "-c",
                    "TIMEFORMAT='%U %S'; time ausearch -if \"$0\" --format csv < /dev/null >"
                        + " /dev/null",
                    file))
            .redirectErrorStream(true)
            .start();
    String last = "";
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        last = line;
      }
    }
    process.waitFor();
    String[] seconds = last.split(" ", -1);
    return Double.parseDouble(seconds[0]) + Double.parseDouble(seconds[1]);
  }
}
