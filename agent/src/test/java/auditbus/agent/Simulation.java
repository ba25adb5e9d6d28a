// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.SimulatedWriter.Lineage;
import auditbus.agent.SimulatedWriter.Place;
import auditbus.agent.SimulatedWriter.Written;
import auditbus.agent.publish.Publisher;
import auditbus.agent.trail.Checkpoint;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Coverage;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Future;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serializer;

/**
 * One history in one thread: writer, distribution loop and broker take turns, time is counted. The
 * same seed is the same history.
 *
 * <p>The process is killed where the loop asks for the time (which is before and after everything
 * that takes long, and right after a checkpoint was stored) and where it sends. If a checkpoint was
 * just stored, the kill may have come in the middle of that: then the files are as a power cut may
 * leave them. And while it is gone its checkpoint may be damaged: the earlier one must do.
 */
final class Simulation implements AutoCloseable {
  private static final int ACTIONS = 160;

  /** The process is gone. */
  private static final class Killed extends Error {
    private static final long serialVersionUID = 1;

    Killed() {
      super("killed", null, false, false);
    }
  }

  /** Where the process is killed: at one point, or at random. */
  record Crashes(long at, boolean random) {
    static Crashes atRandom() {
      return new Crashes(0, true);
    }

    static Crashes never() {
      return new Crashes(0, false);
    }

    static Crashes at(long point) {
      return new Crashes(point, false);
    }
  }

  /** What happened, over all histories. */
  static final class Totals {
    private long points;
    private long crashes;
    private long failures;
    private long cutStores;
    private long damaged;
    private long replaced;
    private long clockSteps;
    private long events;
    private long duplicates;

    void add(Totals other) {
      points += other.points;
      crashes += other.crashes;
      failures += other.failures;
      cutStores += other.cutStores;
      damaged += other.damaged;
      replaced += other.replaced;
      clockSteps += other.clockSteps;
      events += other.events;
      duplicates += other.duplicates;
    }

    long points() {
      return points;
    }

    long crashes() {
      return crashes;
    }

    long failures() {
      return failures;
    }

    long cutStores() {
      return cutStores;
    }

    long damaged() {
      return damaged;
    }

    long replaced() {
      return replaced;
    }

    long clockSteps() {
      return clockSteps;
    }

    @Override
    public String toString() {
      return "%d points, %d kills, %d failures of the broker, %d checkpoints cut, %d damaged, %d files replaced or cut, %d clock steps, %d events, %d records twice"
          .formatted(
              points,
              crashes,
              failures,
              cutStores,
              damaged,
              replaced,
              clockSteps,
              events,
              duplicates);
    }
  }

  private final Path place;
  private final Path hotFile;
  private final Path earlierFile;
  private final Path closedFile;
  private final Crashes crashes;
  private final Random random;
  private final Random crashRandom;
  private final SimulatedWriter writer;
  private final Totals totals = new Totals();
  private final boolean mixed;
  private long nowNanos = 1_000_000_000L;
  private Instant wallBase = Instant.parse("2026-11-20T10:00:00Z");
  private boolean healed;

  // The broker.
  private final IdentityHashMap<byte[], SpecificRecord> values = new IdentityHashMap<>();
  private final Map<String, byte[]> bytes = new TreeMap<>();
  private final Map<String, Coverage> coverage = new HashMap<>();
  private final List<AuditEvent> arrivedEvents = new ArrayList<>();
  private final List<TrailState> states = new ArrayList<>();
  private final Set<String> mixedUp = new HashSet<>();
  private Optional<MockProducer<byte[], byte[]>> producer = Optional.empty();
  private int completed;

  // The checkpoint's files before the last change that was seen.
  private byte[] hotBefore = new byte[0];
  private byte[] hotNow = new byte[0];
  private byte[] earlierBefore = new byte[0];
  private byte[] earlierNow = new byte[0];
  private byte[] closedBefore = new byte[0];
  private byte[] closedNow = new byte[0];

  private Optional<Distribution> distribution = Optional.empty();

  Simulation(Path place, long seed, Crashes crashes) throws IOException {
    this.place = place;
    this.crashes = crashes;
    this.random = new Random(seed);
    this.crashRandom = new Random(~seed);
    Path state = Files.createDirectories(place.resolve("state"));
    this.hotFile = state.resolve("checkpoint");
    this.earlierFile = state.resolve("checkpoint.earlier");
    this.closedFile = state.resolve("checkpoint.closed");
    this.mixed = random.nextInt(4) == 0;
    this.writer =
        new SimulatedWriter(
            Files.createDirectories(place.resolve("trails")),
            new Random(random.nextLong()),
            this::wall,
            mixed,
            Files.readAllBytes(
                Path.of("src/test/resources/samples/bsm/subject32_record").toAbsolutePath()));
  }

  Totals totals() {
    return totals;
  }

  void run() throws Exception {
    for (int i = 0; i < ACTIONS; i++) {
      turn(
          () -> {
            for (int acts = random.nextInt(6); acts > 0; acts--) {
              writer.act();
              nowNanos += 1_100_000_000L; // a rotation a second at most
            }
          });
      if (random.nextInt(25) == 0) {
        wallBase = wallBase.plusSeconds(random.nextInt(7200) - 3600L);
        totals.clockSteps++;
      }
    }
    writer.finish();
    healed = true;
    for (int i = 0; !isDone(); i++) {
      assertThat(i)
          .as(
              "turns until all is closed: %s",
              distribution.map(each -> each.progress().toString()).orElse("not running"))
          .isLessThan(3000);
      boolean timeout = i % 100 == 50; // for events that never ended
      turn(() -> nowNanos += timeout ? Duration.ofHours(3).toNanos() : 100_000_000L);
    }
    totals.replaced = writer.replaced;
    totals.events = writer.events().size();
    check();
  }

  @Override
  public void close() {
    distribution.ifPresent(Distribution::release);
  }

  private interface Action {
    void run() throws Exception;
  }

  private void turn(Action outside) throws Exception {
    outside.run();
    try {
      if (distribution.isEmpty()) {
        distribution = Optional.of(start());
      }
      distribution.get().step();
    } catch (Killed e) {
      killed();
    }
    serve();
    nowNanos += random.nextInt(200_000_000);
  }

  private boolean isDone() {
    return distribution.isPresent()
        && distribution.get().progress().sources().stream().allMatch(s -> s.trailsOpen() == 0)
        && producer.map(open -> open.history().size() == completed).orElse(false);
  }

  private Distribution start() throws IOException {
    Map<String, String> settings = new HashMap<>();
    settings.put("bootstrap.servers", "localhost:1");
    settings.put("schema.registry.url", "http://localhost:1");
    settings.put("host", "testhost");
    settings.put("state.dir", place.resolve("state").toString());
    settings.put("heartbeat.ms", "3600000");
    settings.put("event.timeout.ms", "3600000");
    settings.put("event.distance.bytes", "4294967296");
    settings.put("in.flight.max.bytes", "65536");
    settings.put("checkpoint.interval.ms", "100");
    settings.put("sources.audit.type", "trails");
    settings.put("sources.audit.path", place.resolve("trails").toString());
    Serializer<SpecificRecord> serializer = (_, value) -> serialized(value);
    return new Distribution(
        AgentConfig.of(settings),
        HostFacts.read(),
        Checkpoint.load(hotFile),
        next -> new Publisher(next.host(), next.maxInFlightBytes(), serializer, this::producer),
        CaptureView.NONE,
        clock(),
        new Distribution.Pace(this::nanos, Duration.ZERO, new Random(1)));
  }

  private InstantSource clock() {
    return this::wall;
  }

  private Instant wall() {
    return wallBase.plusNanos(nowNanos);
  }

  // ---- kills

  private long nanos() {
    byte[] hot = contents(hotFile);
    if (!Arrays.equals(hot, hotNow)) {
      hotBefore = hotNow;
      hotNow = hot;
      earlierBefore = earlierNow;
      earlierNow = contents(earlierFile);
      closedBefore = closedNow;
      closedNow = contents(closedFile);
      point(true);
    } else {
      point(false);
    }
    nowNanos += 10_000;
    return nowNanos;
  }

  private void point(boolean stored) {
    totals.points++;
    boolean now =
        crashes.random()
            ? !healed && crashRandom.nextInt(stored ? 40 : 2000) == 0
            : totals.points == crashes.at();
    if (now) {
      if (stored && crashRandom.nextInt(3) > 0) {
        cutStore();
      }
      throw new Killed();
    }
  }

  /**
   * The closed trails are appended first, then the checkpoint is replaced, then the earlier one.
   */
  private void cutStore() {
    totals.cutStores++;
    try {
      set(earlierFile, earlierBefore);
      if (crashRandom.nextInt(3) > 0) {
        Files.write(
            hotFile.resolveSibling("checkpoint.tmp"),
            Arrays.copyOf(hotNow, crashRandom.nextInt(hotNow.length + 1)));
        set(hotFile, hotBefore);
        boolean appended =
            closedNow.length > closedBefore.length
                && Arrays.equals(Arrays.copyOf(closedNow, closedBefore.length), closedBefore);
        if (appended) {
          int length =
              closedBefore.length + crashRandom.nextInt(closedNow.length - closedBefore.length + 1);
          set(closedFile, Arrays.copyOf(closedNow, length));
        }
      }
      seen();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** In the checkpoint's place another file comes: the one it was may have another name, too. */
  private static void set(Path file, byte[] contents) throws IOException {
    Files.deleteIfExists(file);
    if (contents.length > 0) {
      Files.write(file, contents);
    }
  }

  /** The bytes of the checkpoint alone, where they lie, are others or fewer. */
  private void damage() throws IOException {
    byte[] whole = contents(hotFile);
    if (whole.length == 0) {
      return;
    }
    totals.damaged++;
    if (crashRandom.nextBoolean()) {
      Files.write(hotFile, Arrays.copyOf(whole, crashRandom.nextInt(whole.length)));
    } else {
      whole[crashRandom.nextInt(whole.length)] ^= (byte) (1 << crashRandom.nextInt(8));
      Files.write(hotFile, whole);
    }
    seen();
  }

  private void seen() {
    hotNow = contents(hotFile);
    earlierNow = contents(earlierFile);
    closedNow = contents(closedFile);
  }

  private void killed() throws IOException {
    totals.crashes++;
    distribution.ifPresent(Distribution::release);
    distribution = Optional.empty();
    if (producer.isPresent()) { // some of what it sent was on the wire
      for (int i = random.nextInt(20); i > 0 && completed < producer.get().history().size(); i--) {
        arrive(producer.get().history().get(completed++));
      }
    }
    producer = Optional.empty();
    if (crashes.random() && random.nextInt(4) == 0) {
      writer.cut();
    }
    if (crashes.random() && crashRandom.nextInt(4) == 0) {
      damage();
    }
  }

  private static byte[] contents(Path file) {
    try {
      return Files.exists(file) ? Files.readAllBytes(file) : new byte[0];
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  // ---- the broker

  private byte[] serialized(SpecificRecord value) {
    byte[] key = new byte[value instanceof AuditEvent event ? 200 * event.getRecords().size() : 50];
    values.put(key, value);
    return key;
  }

  private Producer<byte[], byte[]> producer() {
    Node node = new Node(1, "localhost", 1);
    List<PartitionInfo> partitions = new ArrayList<>();
    for (Topics topic : Topics.values()) {
      partitions.add(
          new PartitionInfo(topic.topic(), 0, node, new Node[] {node}, new Node[] {node}));
    }
    Cluster cluster = new Cluster("test", List.of(node), partitions, Set.of(), Set.of());
    MockProducer<byte[], byte[]> made =
        new MockProducer<>(
            cluster, false, null, new ByteArraySerializer(), new ByteArraySerializer()) {
          @Override
          public synchronized Future<RecordMetadata> send(
              ProducerRecord<byte[], byte[]> record, Callback callback) {
            point(false);
            return super.send(record, callback);
          }
        };
    producer = Optional.of(made);
    completed = 0;
    return made;
  }

  /** Takes some of what waits; refuses, loses or repeats some of that. */
  private void serve() {
    if (producer.isEmpty()) {
      return;
    }
    MockProducer<byte[], byte[]> open = producer.get();
    int most = healed ? 1000 : random.nextInt(4) == 0 ? 0 : random.nextInt(30);
    for (int i = 0; i < most && !open.closed() && completed < open.history().size(); i++) {
      boolean fails = !healed && random.nextInt(120) == 0;
      boolean arrives = !fails || random.nextBoolean(); // the acknowledgement may be what is lost
      for (int copies = arrives ? (random.nextInt(50) == 0 ? 2 : 1) : 0; copies > 0; copies--) {
        arrive(open.history().get(completed));
      }
      boolean there =
          fails ? open.errorNext(new NotEnoughReplicasException("refused")) : open.completeNext();
      completed += there ? 1 : 0;
      totals.failures += fails ? 1 : 0;
    }
  }

  private void arrive(ProducerRecord<byte[], byte[]> record) {
    SpecificRecord value = values.get(record.value());
    switch (value) {
      case AuditEvent event -> arrive(event);
      case TrailState state -> states.add(state);
      default -> {} // a heartbeat
    }
  }

  private void arrive(AuditEvent event) {
    Coverage before = coverage.computeIfAbsent(event.getTrail(), _ -> new Coverage());
    assertThat(before.covers(0, event.getAcked()))
        .as("%s: acked %s, there are %s", event.getTrail(), event.getAcked(), before)
        .isTrue();
    arrivedEvents.add(event);
    for (AuditRecord record : event.getRecords()) {
      String trail = record.getTrail().orElse(event.getTrail());
      int position = Math.toIntExact(record.getPosition());
      int end = position + record.getLength();
      byte[] held = bytes.getOrDefault(trail, new byte[0]);
      held = held.length < end ? Arrays.copyOf(held, end) : held;
      byte[] raw = new byte[record.getLength()];
      record.getRaw().duplicate().get(raw);
      Coverage there = coverage.computeIfAbsent(trail, _ -> new Coverage());
      if (there.covers(position, end)) {
        totals.duplicates++;
        if (!Arrays.equals(raw, Arrays.copyOfRange(held, position, end))) {
          mixedUp.add(trail);
        }
      }
      System.arraycopy(raw, 0, held, position, raw.length);
      bytes.put(trail, held);
      there.add(position, end);
    }
  }

  // ---- what must be true

  private void check() throws Exception {
    Set<String> damagedStarts = new HashSet<>();
    for (Lineage lineage : writer.lineages()) {
      if (lineage.damaged) {
        damagedStarts.add(lineage.start);
      }
    }
    for (String trail : mixedUp) {
      // Bytes that were sent, not acknowledged, and never reached the disk of a host that went
      // down.
      assertThat(damagedStarts)
          .as("different bytes at one position")
          .contains(trail.substring(0, 14));
    }
    Map<Lineage, String> ids = new HashMap<>();
    for (Lineage lineage : writer.lineages()) {
      if (!lineage.damaged) {
        ids.put(lineage, arrivedAs(lineage));
      }
    }
    for (TrailState state : states) {
      if (state.getSha256().isPresent() && !mixedUp.contains(state.getTrail())) {
        int size = Math.toIntExact(state.getSize());
        assertThat(missing(state.getTrail(), size)).as("%s", state).isEqualTo("[]");
        assertThat(sha256(held(state.getTrail(), size)))
            .as("%s", state)
            .isEqualTo(state.getSha256().get());
      }
    }
    checkChain();
    if (!mixed) {
      checkEvents(ids, damagedStarts);
    }
  }

  /** The last closing states of all trails are one chain, whatever was sent in between. */
  private void checkChain() {
    Map<String, TrailState> closings = new HashMap<>();
    for (TrailState state : states) {
      if (state.getState() != TrailStatus.OPENED) {
        closings.put(state.getTrail(), state);
      }
    }
    Map<String, String> follower = new HashMap<>();
    for (TrailState state : closings.values()) {
      String before = state.getPrevious().orElse("");
      assertThat(follower.put(before, state.getTrail()))
          .as("what names %s as the one before, besides %s", before, state)
          .isNull();
      assertThat(state.getPreviousSha256())
          .as("%s", state)
          .isEqualTo(Optional.ofNullable(closings.get(before)).flatMap(TrailState::getSha256));
    }
    int length = 0;
    for (String at = follower.get(""); at != null; at = follower.get(at)) {
      length++;
    }
    assertThat(length).as("trails in the chain").isEqualTo(closings.size());
  }

  /** The id under which all of it arrived and was closed. */
  private String arrivedAs(Lineage lineage) throws Exception {
    byte[] wanted = lineage.bytes.toByteArray();
    String digest = sha256(wanted);
    List<String> tried = new ArrayList<>();
    for (TrailState state : states) {
      if (state.getTrail().startsWith(lineage.start) && state.getState() != TrailStatus.OPENED) {
        boolean here =
            state.getSize() == wanted.length
                && state.getSha256().equals(Optional.of(digest))
                && missing(state.getTrail(), wanted.length).equals("[]")
                && Arrays.equals(held(state.getTrail(), wanted.length), wanted);
        if (here) {
          return state.getTrail();
        }
        tried.add(state + " has holes " + missing(state.getTrail(), wanted.length));
      }
    }
    throw new AssertionError(
        "%s (%s bytes, %s) did not arrive: %s"
            .formatted(lineage.start, wanted.length, digest, String.join("\n", tried)));
  }

  private void checkEvents(Map<Lineage, String> ids, Set<String> damagedStarts) {
    Map<Long, List<Set<String>>> bySerial = new HashMap<>();
    for (AuditEvent event : arrivedEvents) {
      Set<String> places = new HashSet<>();
      for (AuditRecord record : event.getRecords()) {
        places.add(record.getTrail().orElse(event.getTrail()) + "@" + record.getPosition());
      }
      bySerial.computeIfAbsent(event.getSerial(), _ -> new ArrayList<>()).add(places);
    }
    for (Written event : writer.events()) {
      Set<String> wanted = new HashSet<>();
      boolean intact = true;
      String start = "";
      for (Place at : event.places()) {
        intact &= !at.lineage().damaged && !damagedStarts.contains(at.lineage().start);
        // Over a clock that was set back: names tell the wrong order, and the right one is known
        // only as long as the checkpoint is.
        intact &= start.compareTo(at.lineage().start) <= 0;
        start = at.lineage().start;
        wanted.add(ids.get(at.lineage()) + "@" + at.position());
      }
      if (intact) {
        assertThat(bySerial.getOrDefault(event.serial(), List.of()))
            .as("event %s was never sent whole", event.serial())
            .contains(wanted);
      }
    }
  }

  private byte[] held(String trail, int size) {
    return Arrays.copyOf(bytes.getOrDefault(trail, new byte[0]), size);
  }

  private String missing(String trail, int size) {
    return coverage.getOrDefault(trail, new Coverage()).missing(size).toString();
  }

  private static String sha256(byte[] of) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(of));
  }
}
