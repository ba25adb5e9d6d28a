// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.Boot;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import auditbus.benchmarks.OneIdRegistry;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.Topics;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
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
 * One execve event of seven lines: text to record, record to event, event to Avro.
 *
 * <p>Peers on events of this shape: laurel 17 us, go-libaudit's coalescing 39 us.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--sun-misc-unsafe-memory-access=allow", "-Xmx256m"})
public class AuparseDecoderBenchmark {
  private static final String[] BODIES = {
    "SYSCALL",
    "arch=c000003e syscall=59 success=yes exit=0 a0=560339121a90 a1=560339121940 a2=5603391240a0"
        + " a3=860f233aaa430611 items=2 ppid=31394 pid=31396 auid=1000 uid=0 gid=0 euid=0 suid=0"
        + " fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1427 comm=\"cat\" exe=\"/usr/bin/cat\""
        + " key=\"exec\"\u001dARCH=x86_64 SYSCALL=execve AUID=\"user\" UID=\"root\" GID=\"root\""
        + " EUID=\"root\" SUID=\"root\" FSUID=\"root\" EGID=\"root\" SGID=\"root\" FSGID=\"root\"",
    "EXECVE",
    "argc=3 a0=\"/bin/cat\" a1=\"-n\" a2=\"/etc/hostname\"",
    "CWD",
    "cwd=\"/opt/audlab01/netlink\"",
    "PATH",
    "item=0 name=\"/bin/cat\" inode=260131 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00"
        + " nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
        + "\u001dOUID=\"root\" OGID=\"root\"",
    "PATH",
    "item=1 name=\"/lib64/ld-linux-x86-64.so.2\" inode=338944 dev=fe:00 mode=0100755 ouid=0 ogid=0"
        + " rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
        + "\u001dOUID=\"root\" OGID=\"root\"",
    "PROCTITLE",
    "proctitle=2F62696E2F636174002D6E002F6574632F686F73746E616D65",
    "EOE",
    ""
  };

  private final TrailRecord[] lines = new TrailRecord[BODIES.length / 2];
  private AvroSerializer<AuditEvent> serializer;
  private AuparseDecoder decoder;
  private DecodedEvent last;
  private byte[] bytes;

  /** Makes the lines and checks that they are one complete event. */
  @Setup
  public void setUp() throws IOException {
    serializer = new AvroSerializer<>(OneIdRegistry.client());
    decoder =
        new AuparseDecoder(
            new Origin("host", "auditd", Boot.UNKNOWN, 1), Limits.defaults(), System::nanoTime);
    long position = 0;
    for (int line = 0; line < lines.length; line++) {
      byte[] raw =
          ("type="
                  + BODIES[2 * line]
                  + " msg=audit(1795174407.264:46212461): "
                  + BODIES[2 * line + 1]
                  + "\n")
              .getBytes(StandardCharsets.ISO_8859_1);
      lines[line] = new TrailRecord("20261120104500", position, raw, true, Instant.EPOCH);
      position += raw.length;
    }
    accept(this::keep);
    if (last.spans().size() != lines.length || !last.event().getComplete()) {
      throw new IllegalStateException("not one complete event: " + last);
    }
  }

  /** Text to event. */
  @Benchmark
  public DecodedEvent decode() {
    accept(this::keep);
    return last;
  }

  /** Text to event to Avro binary. */
  @Benchmark
  public byte[] decodeAndEncode() {
    accept(this::write);
    return bytes;
  }

  /** Event to Avro binary, for comparison. */
  @Benchmark
  public byte[] encode() {
    write(last);
    return bytes;
  }

  private void keep(DecodedEvent event) {
    last = event;
  }

  private void write(DecodedEvent event) {
    bytes = serializer.serialize(Topics.EVENTS.topic(), event.event());
  }

  private void accept(Consumer<DecodedEvent> out) {
    for (TrailRecord line : lines) {
      decoder.accept(line, true, out);
    }
  }
}
