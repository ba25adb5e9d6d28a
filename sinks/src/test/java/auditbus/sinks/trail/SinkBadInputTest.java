// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.EventView;
import auditbus.schemas.TestBroker;
import auditbus.schemas.Topics;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What must not be acted on, with the real wire format, real files and a registry over HTTP. */
class SinkBadInputTest {
  private static final String START = "20261120104500";

  @TempDir Path root;
  private TestRegistry registry;
  private TestWorker worker;
  private AvroSerializer<SpecificRecord> serializer;
  private final TestTrail trail = trail("web1", 2_000, 41);

  private static TestTrail trail(String host, int length, long seed) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return new TestTrail(host, "auditd", START, bytes);
  }

  @BeforeEach
  void start() throws IOException {
    registry = new TestRegistry();
    serializer = new AvroSerializer<>();
    serializer.configure(Map.of("schema.registry.url", registry.url()), false);
    worker = new TestWorker(root);
    begin(registry.url());
  }

  private void begin(String url) {
    worker.settings.put("schema.registry.url", url);
    worker.settings.put("schema.registry.retry.timeout.ms", "0");
    worker.settings.put("schema.registry.read.timeout.ms", "300");
    worker.task =
        new TrailSinkTask(
            () -> AvroDeserializer.reading(EventView.bytes()), InstantSource.system());
    worker.task.initialize(worker);
    worker.task.start(worker.settings);
    worker.task.open(TestWorker.both(0));
  }

  @AfterEach
  void stop() {
    worker.task.stop();
    serializer.close();
    registry.close();
  }

  private byte[] bytes(SpecificRecord value) {
    Topics topic = value instanceof AuditEvent ? Topics.EVENTS : Topics.TRAILS;
    return serializer.serialize(topic.topic(), value);
  }

  private void put(Topics topic, byte[] value) {
    worker.task.put(List.of(new SinkRecord(topic.topic(), 0, null, null, null, value, 0)));
  }

  private List<String> files() throws IOException {
    try (var all = Files.walk(root)) {
      return all.filter(path -> !Files.isDirectory(path))
          .map(path -> root.relativize(path).toString())
          .sorted()
          .toList();
    }
  }

  @Test
  void sink_refusesAMessageCutAtAnyByte() throws IOException {
    byte[] event = bytes(trail.event(0, 60));
    byte[] state = bytes(trail.terminated());
    for (int length = 0; length < event.length; length++) {
      put(Topics.EVENTS, Arrays.copyOf(event, length));
    }
    for (int length = 0; length < state.length; length++) {
      put(Topics.TRAILS, Arrays.copyOf(state, length));
    }
    assertThat(worker.refused).hasSize(event.length + state.length);
    assertThat(worker.task.counters().recordsRefused).hasValue(worker.refused.size());
    assertThat(files()).isEmpty();
  }

  @Test
  void sink_livesThroughFlippedBitsAndWritesNothingOutsideItsRoot() throws IOException {
    long seed = 4_242;
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    byte[] event = bytes(trail.event(trail.record(0, 40), trail.record(40, 90)));
    byte[] state = bytes(trail.terminated());
    Path outside = Files.createDirectory(root.resolveSibling(root.getFileName() + "-outside"));
    worker.settings.put("trail.max.bytes", "1000000");
    worker.task.stop();
    begin(registry.url());
    for (int i = 0; i < 4_000; i++) {
      boolean isEvent = random.nextBoolean();
      byte[] flipped = (isEvent ? event : state).clone();
      for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
        flipped[5 + random.nextInt(flipped.length - 5)] ^= (byte) (1 << random.nextInt(8));
      }
      put(isEvent ? Topics.EVENTS : Topics.TRAILS, flipped);
    }
    assertThat(worker.refused).isNotEmpty();
    assertThat(files())
        .allSatisfy(
            file ->
                assertThat(file)
                    .matches(
                        "[a-z0-9_][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*/"
                            + "(\\.lock|\\.?\\d{14}(~\\d+)?\\.[A-Za-z0-9_.-]+)"));
    for (String file : files()) {
      assertThat(Files.size(root.resolve(file))).isLessThanOrEqualTo(1_000_000);
    }
    assertThat(outside).isEmptyDirectory();
    Files.delete(outside);
    // And it still works.
    TestTrail sound = trail("sound", 500, 43);
    put(Topics.EVENTS, bytes(sound.event(0, 500)));
    put(Topics.TRAILS, bytes(sound.terminated()));
    assertThat(root.resolve("sound/auditd/" + sound.name())).hasBinaryContent(sound.bytes());
  }

  @Test
  void sink_refusesASchemaIdTheRegistryDoesNotKnow() throws IOException {
    byte[] event = bytes(trail.event(0, 60));
    event[3] = 0x30;
    event[4] = 0x39; // 12345
    put(Topics.EVENTS, event);
    assertThat(worker.refused)
        .singleElement()
        .asString()
        .contains("schema id 12345")
        .contains("404");
    assertThat(files()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {500, 503, 429, 0, -1})
  void sink_waitsForARegistryThatIsAwayAndResumes(int status) throws Exception {
    byte[] event = bytes(trail.event(0, 60));
    worker.task.stop();
    // 0: takes the connection and never answers; -1: nobody listens.
    HttpServer broken = null;
    String url = "http://127.0.0.1:" + TestBroker.freePort();
    if (status >= 0) {
      broken = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      broken.createContext(
          "/",
          exchange -> {
            if (status > 0) {
              exchange.sendResponseHeaders(status, -1);
              exchange.close();
            }
          });
      broken.start();
      url = "http://127.0.0.1:" + broken.getAddress().getPort();
    }
    begin(url);
    try {
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> put(Topics.EVENTS, event))
            .isInstanceOf(RetriableException.class)
            .hasMessageContaining("nothing is lost");
        assertThat(worker.timeout).isEqualTo(2_000);
      }
      assertThat(worker.refused).isEmpty();
    } finally {
      if (broken != null) {
        broken.stop(0);
      }
    }
    worker.task.stop();
    begin(registry.url());
    put(Topics.EVENTS, event);
    assertThat(worker.refused).isEmpty();
    assertThat(worker.task.counters().recordsWritten).hasValue(1);
  }

  @Test
  void sink_collectsATrailWhoseOpeningItNeverSaw() throws IOException {
    put(Topics.EVENTS, bytes(trail.event(0, 2_000)));
    worker.task.preCommit(new HashMap<>());
    assertThat(root.resolve("web1/auditd/" + START + ".not_terminated"))
        .hasBinaryContent(trail.bytes());
    assertThat(worker.refused).isEmpty();
  }

  @Test
  void sink_makesNoHugeSparseFile() throws IOException {
    worker.settings.put("trail.max.bytes", "100000");
    worker.task.stop();
    begin(registry.url());
    List<AuditEvent> far = new ArrayList<>();
    for (long position : new long[] {99_941, 100_000, 1L << 40, Long.MAX_VALUE - 59}) {
      AuditEvent event = trail.event(0, 60);
      event.getRecords().getFirst().setPosition(position);
      far.add(event);
    }
    far.forEach(event -> put(Topics.EVENTS, bytes(event)));
    var state = trail.terminated();
    state.setSize(100_001L);
    put(Topics.TRAILS, bytes(state));
    assertThat(worker.refused)
        .hasSize(5)
        .allSatisfy(m -> assertThat(m).contains("trail.max.bytes=100000"));
    assertThat(files()).isEmpty();
    AuditEvent last = trail.event(0, 60);
    last.getRecords().getFirst().setPosition(99_940L);
    put(Topics.EVENTS, bytes(last));
    assertThat(worker.refused).hasSize(5);
  }

  @Test
  void sink_saysWhenATrailEndsTwiceAndNotTheSame() throws IOException {
    var first = trail.terminated();
    first.setSha256("00".repeat(32));
    first.setSize(1_900L);
    put(Topics.TRAILS, bytes(first));
    put(Topics.TRAILS, bytes(first));
    assertThat(worker.task.counters().endsChanged).hasValue(0);
    put(Topics.TRAILS, bytes(trail.terminated()));
    assertThat(worker.task.counters().endsChanged).hasValue(1);
    put(Topics.EVENTS, bytes(trail.event(0, 2_000)));
    assertThat(root.resolve("web1/auditd/" + trail.name()))
        .as("the last one holds")
        .hasBinaryContent(trail.bytes());
  }

  @Test
  void sink_readsTheLastEndOverARestart() throws IOException {
    var first = trail.terminated();
    first.setSha256("00".repeat(32));
    put(Topics.TRAILS, bytes(first));
    worker.task.preCommit(
        Map.of(new TopicPartition(Topics.TRAILS.topic(), 0), new OffsetAndMetadata(1)));
    worker.task.stop();
    begin(registry.url());
    put(Topics.TRAILS, bytes(trail.terminated()));
    assertThat(worker.task.counters().endsChanged).hasValue(1);
    put(Topics.EVENTS, bytes(trail.event(0, 2_000)));
    assertThat(root.resolve("web1/auditd/" + trail.name())).hasBinaryContent(trail.bytes());
  }
}
