// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.publish.Publisher;
import auditbus.agent.trail.Checkpoint;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Coverage;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.avro.specific.SpecificRecord;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownProducerIdException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The whole loop against Kafka's own fake producer, which here delays, refuses, loses and repeats
 * at random.
 */
class DistributionTest {
  private static final Duration DEADLINE = Duration.ofSeconds(60);

  /** A capture of kernel records that is at work and has no figures to tell. */
  private static final CaptureView AT_WORK =
      new CaptureView() {
        @Override
        public Optional<auditbus.schemas.KernelStatus> kernel() {
          return Optional.empty();
        }

        @Override
        public Optional<auditbus.agent.capture.CaptureReport> report(String source) {
          return Optional.empty();
        }

        @Override
        public Optional<auditbus.agent.trail.TrailSource.Captured> captured(String source) {
          return source.equals("kernel")
              ? Optional.of(new auditbus.agent.capture.CaptureTotals().captured())
              : Optional.empty();
        }
      };

  @TempDir Path directory;

  @Test
  void whateverTheBrokerRefuses_everyByteArrivesAndTheCountersAddUp() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int failures = 0;
    for (int round = 0; round < 3; round++) {
      Path place = Files.createDirectory(directory.resolve("round" + round));
      byte[] older = log(random, 300, 1795170528L);
      byte[] newer = log(random, 200, 1795180000L);
      Files.write(place.resolve("audit.log.1"), older);
      Files.write(place.resolve("audit.log"), newer);
      Broker broker = new Broker(new Random(random.nextLong()));
      Thread loop = new Thread(distribution(place, broker, Checkpoint.NONE), "distribution");
      loop.start();
      long deadline = System.nanoTime() + DEADLINE.toNanos();
      while (loop.isAlive()) {
        broker.act();
        assertThat(System.nanoTime())
            .as("seed %s round %s: not done in time", seed, round)
            .isLessThan(deadline);
      }
      String what = "seed " + seed + " round " + round;
      broker.assertArrived("20261120102848", older, what);
      broker.assertArrived("20261120130640", newer, what);
      broker.assertClosed("20261120102848.20261120130640", older, what);
      broker.assertCountersAddUp(what);
      failures += broker.failures;
    }
    assertThat(failures).as("seed %s: the broker refused nothing", seed).isPositive();
  }

  @Test
  void killedAtAnyMoment_theNextRunCoversTheRest() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    byte[] text = log(random, 400, 1795170528L);
    Files.write(directory.resolve("audit.log"), text);
    Broker broker = new Broker(new Random(random.nextLong()));
    for (int run = 0; run < 12; run++) {
      Checkpoint checkpoint = Checkpoint.load(directory.resolve("state/checkpoint"));
      Thread loop = new Thread(distribution(directory, broker, checkpoint), "distribution");
      loop.start();
      for (int i = random.nextInt(40); i > 0 && loop.isAlive(); i--) {
        broker.act();
      }
      // As a kill: the thread is cut off, nothing more of it is heard, and no orderly end is waited
      // for.
      loop.interrupt();
      loop.join(Duration.ofSeconds(10));
    }
    Thread last =
        new Thread(
            distribution(directory, broker, Checkpoint.load(directory.resolve("state/checkpoint"))),
            "distribution");
    last.start();
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (last.isAlive()) {
      broker.act();
      assertThat(System.nanoTime()).as("seed %s: not done in time", seed).isLessThan(deadline);
    }
    broker.assertArrived("20261120102848", text, "seed " + seed);
  }

  @Test
  void checkpointDamagedAndFileGone_trailThatWasToldOfIsClosedAllTheSame() throws Exception {
    // Fault run with seed 60: 252,397 records of such trails were said missing by nobody.
    String gone = "20261120102848";
    Files.write(directory.resolve("audit.log.1"), log(new Random(60), 2000, 1795170528L));
    byte[] rest = log(new Random(61), 20, 1795180000L);
    Files.write(directory.resolve("audit.log"), rest);
    Broker broker = new Broker(new Random(1), 0);
    Thread first = new Thread(distribution(directory, broker, Checkpoint.NONE), "distribution");
    first.start();
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (broker.events.isEmpty()) {
      broker.act();
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
    first.interrupt();
    first.join(DEADLINE);
    assertThat(first.isAlive()).isFalse();
    assertThat(broker.states).extracting(TrailState::getTrail).contains(gone);
    assertThat(broker.states).extracting(TrailState::getState).containsOnly(TrailStatus.OPENED);
    Files.delete(directory.resolve("audit.log.1"));
    Path checkpoint = directory.resolve("state/checkpoint");
    Files.write(checkpoint, Arrays.copyOf(Files.readAllBytes(checkpoint), 100));
    Thread second =
        new Thread(distribution(directory, broker, Checkpoint.load(checkpoint)), "distribution");
    second.start();
    while (second.isAlive()) {
      broker.act();
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
    broker.assertArrived("20261120130640", rest, "what is still there");
    TrailState last =
        broker.states.stream()
            .filter(state -> state.getTrail().equals(gone))
            .reduce((_, later) -> later)
            .orElseThrow();
    assertThat(last.getState()).isNotEqualTo(TrailStatus.OPENED);
    assertThat(last.getSha256()).isEmpty();
    assertThat(last.getCause()).isPresent();
  }

  @Test
  void checkpointThatCannotBeWritten_holdsPublishingBackUntilItCan() throws Exception {
    byte[] text = log(new Random(7), 20, 1795170528L);
    Files.write(directory.resolve("audit.log"), text);
    Path state = Files.createDirectories(directory.resolve("state"));
    Path obstacle = Files.createDirectory(state.resolve("checkpoint.tmp"));
    Broker broker = new Broker(new Random(1), 0);
    Thread loop = new Thread(distribution(directory, broker, Checkpoint.NONE), "distribution");
    loop.start();
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!Files.exists(state.resolve("status.json"))) {
      broker.act();
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
    assertThat(loop.isAlive()).isTrue();
    assertThat(broker.events).isEmpty();
    Files.delete(obstacle);
    while (loop.isAlive()) {
      broker.act();
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
    broker.assertArrived("20261120102848", text, "checkpoint");
  }

  @Test
  void eventTooLargeForAMessage_isSentInPartsOfWholeRecords() throws Exception {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 300; i++) {
      text.append("type=EXECVE msg=audit(1795170528.000:9): argc=300 a")
          .append(i)
          .append("=\"")
          .append("x".repeat(8000))
          .append("\"\n");
    }
    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    Files.write(directory.resolve("audit.log"), bytes);
    Broker broker = new Broker(new Random(1), 0);
    Thread loop = new Thread(distribution(directory, broker, Checkpoint.NONE), "distribution");
    loop.start();
    while (loop.isAlive()) {
      broker.act();
    }
    broker.assertArrived("20261120102848", bytes, "parts");
    assertThat(broker.events)
        .allMatch(event -> event.getSerial() == 9 && event.getParts() == broker.events.size());
    assertThat(broker.events.size()).isGreaterThan(2);
    assertThat(broker.largest).isLessThan(Topics.MAX_MESSAGE_BYTES);
  }

  @Test
  void reconfiguredWhileTheBrokerIsSlow_countsEverythingOnce() throws Exception {
    byte[] text = log(new Random(7), 40, 1795170528L);
    Files.write(directory.resolve("audit.log.1"), text);
    Files.write(directory.resolve("audit.log"), log(new Random(8), 5, 1795180000L));
    Broker broker = new Broker(new Random(1), 0);
    Distribution distribution = distribution(directory, broker, Checkpoint.NONE, Map.of());
    Thread loop = new Thread(distribution, "distribution");
    loop.start();
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (broker.sent() < 20) { // the broker says nothing to them
      assertThat(System.nanoTime()).isLessThan(deadline);
      LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
    }
    distribution
        .reconfigure(config(directory, Map.of("event.timeout.ms", "2500")))
        .get(10, java.util.concurrent.TimeUnit.SECONDS);
    while (loop.isAlive()) {
      broker.act();
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
    broker.assertArrived("20261120102848", text, "reconfigured");
    broker.assertCountersAddUp("reconfigured");
    SourceStatus last = broker.statuses.getLast().getSources().getFirst();
    assertThat(last.getWaitingRecords()).isZero();
    assertThat(last.getAckedRecords()).isEqualTo(last.getReceived());
  }

  @Test
  void capturedSourceThatWentAndCameBack_stillWaitsForTheRestOfAnEvent() throws Exception {
    Path trails = Files.createDirectories(directory.resolve("state/trails/kernel"));
    Path trail = trails.resolve("20261120104500.not_terminated");
    Map<String, String> with = Map.of("once", "false", "sources.kernel.type", "kernel");
    Broker broker = new Broker(new Random(1), 0);
    Distribution distribution = distribution(directory, broker, Checkpoint.NONE, with);
    Thread loop = new Thread(distribution, "distribution");
    loop.start();
    try {
      await(broker, distribution.reconfigure(config(directory, Map.of("once", "false"))));
      await(broker, distribution.reconfigure(config(directory, with)));
      Files.writeString(trail, "type=SYSCALL msg=audit(1795170528.001:7): syscall=62 items=0\n");
      long untilNanos = System.nanoTime() + Duration.ofMillis(300).toNanos();
      while (System.nanoTime() < untilNanos) {
        broker.act();
      }
      assertThat(broker.events).as("sent before it was whole").noneMatch(e -> e.getSerial() == 7);
      Files.writeString(
          trail,
          """
          type=OBJ_PID msg=audit(1795170528.001:7): opid=1 oauid=-1
          type=EOE msg=audit(1795170528.001:7):\s
          """,
          java.nio.file.StandardOpenOption.APPEND);
      long deadline = System.nanoTime() + DEADLINE.toNanos();
      while (broker.events.stream().noneMatch(e -> e.getSerial() == 7)) {
        broker.act();
        assertThat(System.nanoTime()).isLessThan(deadline);
      }
      assertThat(broker.events)
          .filteredOn(event -> event.getSerial() == 7)
          .singleElement()
          .satisfies(event -> assertThat(event.getRecords()).hasSize(3));
    } finally {
      distribution.stop();
      while (loop.isAlive()) {
        broker.act();
      }
    }
  }

  @Test
  void events_haveTheBootIdWhereTheyAreOfThisBoot() throws Exception {
    String boot = HostFacts.read().boot().orElseThrow();
    String now = stamp(java.time.Instant.now());
    Files.writeString(
        directory.resolve("audit.log"),
        """
        type=USER_CMD msg=audit(978307200.000:1): pid=1 res=success
        junk
        type=USER_CMD msg=audit(%1$s:2): pid=1 res=success
        node=elsewhere type=USER_CMD msg=audit(%1$s:3): pid=1 res=success
        node=TestHost type=USER_CMD msg=audit(%1$s:4): pid=1 res=success
        type=USER_CMD msg=audit(%2$s:5): pid=1 res=success
        """
            .formatted(now, stamp(java.time.Instant.now().plusSeconds(86_400))));
    Path copied = Files.createDirectory(directory.resolve("copied"));
    Files.writeString(
        copied.resolve("20261120104500.20261120110000"),
        "type=USER_CMD msg=audit(%s:9): pid=1 res=success\n".formatted(now));
    Broker broker = new Broker(new Random(1), 0);
    Distribution distribution =
        distribution(
            directory,
            broker,
            Checkpoint.NONE,
            Map.of("sources.copied.type", "trails", "sources.copied.path", copied.toString()));
    Thread loop = new Thread(distribution, "distribution");
    loop.start();
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (loop.isAlive()) {
      broker.act();
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
    assertThat(broker.events).hasSize(7);
    assertThat(broker.events)
        .filteredOn(event -> event.getBoot().isPresent())
        .allSatisfy(event -> assertThat(event.getBoot()).contains(boot))
        .extracting(AuditEvent::getSerial)
        .containsExactlyInAnyOrder(2L, 4L);
  }

  @Test
  void stoppedWhileNothingCanBeSent_waitsInsteadOfTurning() throws Exception {
    AtomicLong looks = new AtomicLong();
    AgentConfig config = config(directory, Map.of("once", "false", "shutdown.timeout.ms", "1000"));
    Distribution distribution =
        distribution(
            config,
            () -> {
              throw new KafkaException("there is no broker");
            },
            () -> {
              looks.incrementAndGet();
              return System.nanoTime();
            });
    for (int i = 0; i < 3; i++) {
      distribution.step();
    }
    distribution.stop();
    looks.set(0);
    distribution.run();
    assertThat(looks.get()).as("looks at the clock within a second").isBetween(10L, 5_000L);
  }

  @Test
  void stoppedWhileMoreIsLeftThanCanBeSent_stillSaysSo() throws Exception {
    Path trails = Files.createDirectories(directory.resolve("state/trails/kernel"));
    Files.writeString(
        trails.resolve("20261120104500.not_terminated"), // stays so: never all of it
        "type=USER_CMD msg=audit(1795170528.001:7): pid=1 res=success\n");
    Broker broker = new Broker(new Random(1), 0);
    Map<String, String> settings =
        Map.of("once", "false", "sources.kernel.type", "kernel", "shutdown.timeout.ms", "300");
    // Acknowledgements take their time, so that an end that does not wait for them comes first.
    stopped(broker, distribution(directory, broker, Checkpoint.NONE, settings), 50);
    assertThat(broker.statuses.getLast().getStopping()).isTrue();
  }

  @Test
  void stoppedAfterASilenceShorterThanItMayTake_stillSaysSo() throws Exception {
    AtomicLong ahead = new AtomicLong();
    Broker broker = new Broker(new Random(1), 0);
    AgentConfig config = config(directory, Map.of("once", "false", "shutdown.timeout.ms", "30000"));
    Distribution distribution =
        distribution(config, broker::producer, () -> System.nanoTime() + ahead.get());
    distribution.step(); // a heartbeat is on its way, and stays so
    ahead.set(Duration.ofSeconds(6).toNanos());
    distribution.step();
    stopped(broker, distribution, 0);
    assertThat(broker.statuses.getLast().getStopping()).isTrue();
  }

  /** Runs a loop that is to stop at once. */
  private static void stopped(Broker broker, Distribution distribution, int pauseMillis)
      throws Exception {
    distribution.stop();
    Thread loop = new Thread(distribution, "distribution");
    loop.start();
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (loop.isAlive()) {
      Thread.sleep(pauseMillis);
      broker.act();
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
  }

  private static String stamp(java.time.Instant time) {
    return "%d.%03d".formatted(time.getEpochSecond(), time.getNano() / 1_000_000);
  }

  private static void await(Broker broker, java.util.concurrent.Future<Void> done)
      throws Exception {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!done.isDone()) {
      broker.act();
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
  }

  private Distribution distribution(Path place, Broker broker, Checkpoint checkpoint)
      throws IOException {
    return distribution(place, broker, checkpoint, Map.of());
  }

  private static AgentConfig config(Path place, Map<String, String> more) throws IOException {
    Path state = Files.createDirectories(place.resolve("state"));
    Map<String, String> settings = new HashMap<>();
    settings.put("bootstrap.servers", "localhost:1");
    settings.put("schema.registry.url", "http://localhost:1");
    settings.put("host", "testhost");
    settings.put("state.dir", state.toString());
    settings.put("once", "true");
    settings.put("heartbeat.ms", "100");
    settings.put("checkpoint.interval.ms", "10");
    settings.put("in.flight.max.bytes", "65536");
    settings.put("sources.auditd.type", "auditlog");
    settings.put("sources.auditd.path", place.resolve("audit.log").toString());
    settings.putAll(more);
    return AgentConfig.of(settings);
  }

  private static Distribution distribution(
      Path place, Broker broker, Checkpoint checkpoint, Map<String, String> more)
      throws IOException {
    return distribution(
        config(place, more), checkpoint, broker::producer, Distribution.Pace.REAL.nanoClock());
  }

  private static Distribution distribution(
      AgentConfig config, Supplier<Producer<byte[], byte[]>> producers, LongSupplier nanoClock) {
    return distribution(config, Checkpoint.NONE, producers, nanoClock);
  }

  private static Distribution distribution(
      AgentConfig config,
      Checkpoint checkpoint,
      Supplier<Producer<byte[], byte[]>> producers,
      LongSupplier nanoClock) {
    Serializer<SpecificRecord> serializer = (topic, value) -> bytes(value);
    Distribution.Pace real = Distribution.Pace.REAL;
    return new Distribution(
        config,
        HostFacts.read(),
        checkpoint,
        next -> new Publisher(next.host(), next.maxInFlightBytes(), serializer, producers),
        AT_WORK,
        InstantSource.system(),
        new Distribution.Pace(nanoClock, real.idle(), real.random()));
  }

  /** A log of events of one to four records, some interleaved, with some junk. */
  private static byte[] log(Random random, int events, long seconds) {
    StringBuilder text = new StringBuilder();
    List<String> held = new ArrayList<>();
    for (int i = 0; i < events; i++) {
      String stamp =
          "msg=audit("
              + (seconds + i)
              + ".0"
              + (10 + random.nextInt(90))
              + ":"
              + (1000 + i)
              + "): ";
      text.append("type=SYSCALL ")
          .append(stamp)
          .append("arch=c000003e syscall=62 success=yes exit=0 items=0 auid=1000\n");
      String rest =
          "type=OBJ_PID " + stamp + "opid=1 oauid=-1\ntype=PROCTITLE " + stamp + "proctitle=61\n";
      if (random.nextInt(4) == 0) {
        held.add(rest);
      } else {
        text.append(rest);
      }
      if (random.nextInt(20) == 0) {
        text.append("junk ").append(random.nextLong()).append('\n');
      }
      if (held.size() > 5) {
        text.append(held.remove(random.nextInt(held.size())));
      }
    }
    held.forEach(text::append);
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] bytes(SpecificRecord value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      new BinaryMessageEncoder<SpecificRecord>(
              ((SpecificRecordBase) value).getSpecificData(), value.getSchema())
          .encode(value, out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /**
   * What arrived, and the hand that completes or fails what is on its way. The test thread acts;
   * the loop sends.
   */
  private static final class Broker {
    final List<AuditEvent> events = new ArrayList<>();
    final List<TrailState> states = new ArrayList<>();
    final List<AgentStatus> statuses = new ArrayList<>();
    int failures;
    int largest;

    private final Random random;
    private final int failing;
    private final Object lock = new Object();
    private Optional<MockProducer<byte[], byte[]>> producer = Optional.empty();
    private int completed;

    Broker(Random random) {
      this(random, 150);
    }

    Broker(Random random, int failing) {
      this.random = random;
      this.failing = failing;
    }

    Producer<byte[], byte[]> producer() {
      Node node = new Node(1, "localhost", 1);
      List<PartitionInfo> partitions = new ArrayList<>();
      for (Topics topic : Topics.values()) {
        for (int i = 0; i < 3; i++) {
          partitions.add(
              new PartitionInfo(topic.topic(), i, node, new Node[] {node}, new Node[] {node}));
        }
      }
      Cluster cluster =
          new Cluster("test", List.of(node), partitions, java.util.Set.of(), java.util.Set.of());
      MockProducer<byte[], byte[]> made =
          new MockProducer<>(
              cluster, false, null, new ByteArraySerializer(), new ByteArraySerializer());
      synchronized (lock) {
        producer = Optional.of(made);
        completed = 0;
      }
      return made;
    }

    /** Messages that were sent to it by the producer it has now. */
    int sent() {
      synchronized (lock) {
        return producer.map(open -> open.history().size()).orElse(0);
      }
    }

    /** Completes or fails some of what is waiting. */
    void act() throws IOException {
      synchronized (lock) {
        if (producer.isPresent()) {
          MockProducer<byte[], byte[]> current = producer.get();
          for (int i = random.nextInt(50); i >= 0 && !current.closed(); i--) {
            boolean fails = failing > 0 && random.nextInt(failing) == 0;
            int index = completed;
            if (index >= current.history().size()) {
              break;
            }
            if (!fails || random.nextBoolean()) {
              arrive(
                  current
                      .history()
                      .get(index)); // a failure may also be an acknowledgement that got lost
            }
            boolean there = fails ? current.errorNext(refusal()) : current.completeNext();
            completed += there ? 1 : 0;
            failures += fails ? 1 : 0;
          }
        }
      }
      LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
    }

    /** What a producer gives up at. */
    private RuntimeException refusal() {
      return switch (random.nextInt(6)) {
        case 0 -> new OutOfOrderSequenceException("refused");
        case 1 -> new InvalidProducerEpochException("refused");
        case 2 -> new ProducerFencedException("refused");
        case 3 -> new TimeoutException("refused: expiring, delivery.timeout.ms has passed");
        case 4 -> new UnknownProducerIdException("refused");
        default -> new NotEnoughReplicasException("refused");
      };
    }

    private void arrive(ProducerRecord<byte[], byte[]> record) throws IOException {
      largest = Math.max(largest, record.value().length);
      ByteBuffer value = ByteBuffer.wrap(record.value());
      switch (record.topic()) {
        case "audit.events" ->
            events.add(
                new BinaryMessageDecoder<AuditEvent>(
                        new AuditEvent().getSpecificData(), AuditEvent.getClassSchema())
                    .decode(value));
        case "audit.trails" ->
            states.add(
                new BinaryMessageDecoder<TrailState>(
                        new TrailState().getSpecificData(), TrailState.getClassSchema())
                    .decode(value));
        default ->
            statuses.add(
                new BinaryMessageDecoder<AgentStatus>(
                        new AgentStatus().getSpecificData(), AgentStatus.getClassSchema())
                    .decode(value));
      }
    }

    void assertArrived(String trail, byte[] wanted, String what) {
      byte[] got = new byte[wanted.length];
      Coverage coverage = new Coverage();
      for (AuditEvent event : events) {
        for (AuditRecord record : event.getRecords()) {
          if (record.getTrail().orElse(event.getTrail()).equals(trail)) {
            int position = Math.toIntExact(record.getPosition());
            coverage.add(position, (long) position + record.getLength());
            record.getRaw().duplicate().get(got, position, record.getLength());
          }
        }
        if (event.getTrail().equals(trail)) {
          assertThat(event.getAcked()).as(what).isBetween(0L, (long) wanted.length);
        }
      }
      assertThat(coverage.missing(wanted.length)).as("%s: holes in %s", what, trail).isEmpty();
      assertThat(Arrays.equals(got, wanted)).as("%s: bytes of %s", what, trail).isTrue();
    }

    void assertClosed(String name, byte[] wanted, String what) throws Exception {
      TrailState state =
          states.stream()
              .filter(closed -> closed.getName().equals(name))
              .reduce((a, b) -> b)
              .orElseThrow();
      assertThat(state.getState()).as(what).isEqualTo(TrailStatus.TERMINATED);
      assertThat(state.getSize()).as(what).isEqualTo(wanted.length);
      assertThat(state.getSha256())
          .contains(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(wanted)));
    }

    void assertCountersAddUp(String what) {
      assertThat(statuses).as(what).isNotEmpty();
      for (AgentStatus status : statuses) {
        for (SourceStatus source : status.getSources()) {
          assertThat(source.getReceived())
              .as("%s: %s", what, status)
              .isEqualTo(source.getWritten() + source.getDropped());
          assertThat(source.getWritten())
              .as("%s: %s", what, status)
              .isEqualTo(source.getAckedRecords() + source.getWaitingRecords());
        }
      }
      assertThat(statuses.getLast().getStopping()).as(what).isTrue();
      assertThat(statuses.getLast().getSources())
          .allSatisfy(source -> assertThat(source.getLagMs()).as(what).contains(0L));
    }
  }
}
