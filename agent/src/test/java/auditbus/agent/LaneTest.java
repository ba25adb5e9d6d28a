// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.auparse.AuparseDecoder;
import auditbus.agent.auparse.Limits;
import auditbus.agent.auparse.LineFraming;
import auditbus.agent.event.Boot;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Decoder;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import auditbus.agent.publish.Publisher;
import auditbus.agent.trail.TrailFormats;
import auditbus.agent.trail.TrailSource;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Coverage;
import auditbus.schemas.Format;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A decoder with a defect costs its records their fields, and nobody anything else. */
class LaneTest {
  private static final Origin ORIGIN = new Origin("testhost", "auditd", Boot.UNKNOWN, 1);

  @TempDir Path directory;
  private final List<AuditEvent> sent = new ArrayList<>();

  @Test
  void decoderThatThrows_loosesNoByteAndGoesOn() throws Exception {
    int events = distribute(() -> new Defective("OBJ_PID", ":7)"), false);
    assertThat(sent)
        .filteredOn(event -> event.getType().equals("UNPARSED"))
        .allMatch(event -> !event.getComplete() && event.getRecords().size() == 1)
        .hasSizeBetween(1, 12);
    assertThat(sent)
        .filteredOn(event -> event.getType().equals("SYSCALL") && event.getComplete())
        .hasSizeGreaterThanOrEqualTo(events - 6);
  }

  @Test
  void decoderThatThrowsAtEveryEvent_stillLosesNoByte() throws Exception {
    distribute(() -> new Defective("EOE", ":"), false);
    assertThat(sent).isNotEmpty().allMatch(event -> event.getType().equals("UNPARSED"));
  }

  @Test
  void eventTheSchemaRefuses_isPublishedUnparsed() throws Exception {
    int events = distribute(() -> new Defective("never", "never"), true);
    assertThat(sent).hasSize(events);
    assertThat(sent)
        .filteredOn(event -> event.getType().equals("UNPARSED"))
        .singleElement()
        .satisfies(event -> assertThat(event.getRecords()).hasSize(3));
  }

  @Test
  void whileMuchComes_itIsLookedForFiveTimesAsOften() throws Exception {
    long interval = Duration.ofMillis(50).toNanos();
    Path log = directory.resolve("audit.log");
    String record = "type=EOE msg=audit(1795170528.001:1): \n";
    Files.writeString(log, record.repeat(100));
    AtomicLong now = new AtomicLong();
    Lane lane = lane(log, false, () -> new Defective("never", "never"), now::get, interval);
    try (Publisher publisher =
        new Publisher("testhost", 1 << 20, (_, _) -> new byte[1], LaneTest::producer)) {
      publisher.open();
      boolean _ = lane.scan();
      assertThat(lane.nanosUntilScan(now.get())).as("nothing came yet").isEqualTo(interval);
      assertThat(lane.step(publisher, (_, _) -> {})).isTrue();

      now.addAndGet(interval);
      boolean _ = lane.scan();
      assertThat(lane.nanosUntilScan(now.get())).as("something came").isEqualTo(interval / 5);
      boolean _ = lane.step(publisher, (_, _) -> {});

      Files.writeString(log, record, StandardOpenOption.APPEND);
      now.addAndGet(interval / 5);
      boolean _ = lane.scan();
      assertThat(lane.nanosUntilScan(now.get())).as("nothing more").isEqualTo(interval);
      boolean _ = lane.step(publisher, (_, _) -> {});

      now.addAndGet(interval);
      boolean _ = lane.scan();
      assertThat(lane.nanosUntilScan(now.get())).as("one record").isEqualTo(interval);
    }
  }

  private static Lane lane(
      Path log,
      boolean once,
      java.util.function.Supplier<Decoder> decoders,
      LongSupplier nanoClock,
      long interval) {
    TrailSource trails =
        TrailSource.rotatedLog(
            "auditd",
            log,
            TrailFormats.only(Format.LINUX, new LineFraming()),
            once,
            InstantSource.system(),
            Optional.empty());
    return new Lane(
        0,
        new SourceConfig("auditd", SourceType.AUDITLOG, log, log),
        trails,
        _ -> decoders.get(),
        nanoClock,
        Duration.ofNanos(interval),
        once,
        false,
        Optional::empty,
        ORIGIN);
  }

  private int distribute(java.util.function.Supplier<Decoder> decoders, boolean refusing)
      throws Exception {
    StringBuilder text = new StringBuilder();
    int events = 40;
    for (int i = 0; i < events; i++) {
      String stamp = "msg=audit(" + (1795170528L + i) + ".001:" + i + "): ";
      text.append("type=SYSCALL ").append(stamp).append("syscall=62 items=0\n");
      text.append("type=OBJ_PID ").append(stamp).append("opid=1\n");
      text.append("type=EOE ").append(stamp).append('\n');
    }
    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    Path log = Files.write(directory.resolve("audit.log"), bytes);
    Lane lane = lane(log, true, decoders, System::nanoTime, Duration.ofMillis(1).toNanos());
    TrailSource trails = lane.trails();
    Serializer<SpecificRecord> serializer =
        (topic, value) -> {
          AuditEvent event = (AuditEvent) value;
          if (refusing && event.getSerial() == 7) {
            throw new SerializationException("refused", new NullPointerException("a field"));
          }
          sent.add(event);
          return new byte[1];
        };
    Publisher publisher = new Publisher("testhost", 1 << 20, serializer, LaneTest::producer);
    publisher.open();
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    assertThat(lane.status().getLagMs()).as("before the first look").isEmpty();
    while (trails.standing().bytesAcked() < bytes.length) {
      boolean _ = lane.scan();
      boolean _ = lane.step(publisher, (_, _) -> {});
      int _ = publisher.poll(Duration.ZERO, lane::acked);
      SourceStatus status = lane.status();
      assertThat(status.getLagMs().orElseThrow())
          .isBetween(0L, status.getWaitingBytes() == 0 ? 0 : 30_000L);
      assertThat(status.getReceived()).isEqualTo(status.getWritten() + status.getDropped());
      assertThat(status.getWritten())
          .isEqualTo(status.getAckedRecords() + status.getWaitingRecords());
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
    Coverage coverage = new Coverage();
    for (AuditEvent event : sent) {
      for (AuditRecord record : event.getRecords()) {
        assertThat(coverage.add(record.getPosition(), record.getPosition() + record.getLength()))
            .as("each byte once")
            .isEqualTo(record.getLength());
      }
    }
    assertThat(coverage.lowMark()).isEqualTo(bytes.length);
    return events;
  }

  private static MockProducer<byte[], byte[]> producer() {
    Node node = new Node(1, "localhost", 1);
    Node[] nodes = {node};
    List<PartitionInfo> partitions = new ArrayList<>();
    for (Topics topic : Topics.values()) {
      partitions.add(new PartitionInfo(topic.topic(), 0, node, nodes, nodes));
    }
    return new MockProducer<>(
        new Cluster("test", List.of(node), partitions, java.util.Set.of(), java.util.Set.of()),
        true,
        null,
        new ByteArraySerializer(),
        new ByteArraySerializer());
  }

  /** The real decoder, which fails at records that have two texts in them. */
  private static final class Defective implements Decoder {
    private final Decoder real = new AuparseDecoder(ORIGIN, Limits.defaults(), System::nanoTime);
    private final String one;
    private final String other;

    Defective(String one, String other) {
      this.one = one;
      this.other = other;
    }

    @Override
    public void accept(TrailRecord record, boolean live, Consumer<DecodedEvent> out) {
      String text = new String(record.raw(), StandardCharsets.UTF_8);
      if (text.contains(one) && text.contains(other)) {
        throw new IllegalStateException("a defect");
      }
      real.accept(record, live, out);
    }

    @Override
    public void expire(long nowNanos, Consumer<DecodedEvent> out) {
      real.expire(nowNanos, out);
    }

    @Override
    public void flush(Consumer<DecodedEvent> out) {
      real.flush(out);
    }

    @Override
    public int openRecords() {
      return real.openRecords();
    }

    @Override
    public long openBytes() {
      return real.openBytes();
    }
  }
}
