// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.auparse.AuparseDecoder;
import auditbus.agent.auparse.Limits;
import auditbus.agent.auparse.LineFraming;
import auditbus.agent.bsm.BsmDecoder;
import auditbus.agent.bsm.BsmFraming;
import auditbus.agent.event.Boot;
import auditbus.agent.event.Decoder;
import auditbus.agent.event.Framing;
import auditbus.agent.event.Origin;
import auditbus.agent.publish.Delivery;
import auditbus.agent.publish.PublishException;
import auditbus.agent.publish.Publisher;
import auditbus.agent.trail.Checkpoint;
import auditbus.agent.trail.Checkpoint.SourceMark;
import auditbus.agent.trail.CheckpointFile;
import auditbus.agent.trail.TrailFormats;
import auditbus.agent.trail.TrailNotice;
import auditbus.agent.trail.TrailSource;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.Format;
import auditbus.schemas.SchemaRegistryException;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.TrailState;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.random.RandomGenerator;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The distribution loop: trails to topics.
 *
 * <p>One thread reads, decodes, sends, takes acknowledgements, writes the checkpoint and makes
 * heartbeats. Each step does bounded work. A failure of publishing has one answer: give the
 * producer up, go back to what is acknowledged, open a new one after a pause of 0.1 to 2 s.
 */
final class Distribution implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(Distribution.class);
  private static final long MAX_PAUSE_MS = 2000;
  private static final Duration SILENCE = Duration.ofSeconds(5);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration DRAIN = Duration.ofMillis(500);
  // For the last heartbeat where sending the rest took all the time there is.
  private static final Duration LAST_WORD = Duration.ofMillis(500);
  // Many times the producer's max.block.ms as it is by default.
  private static final Duration LONG_CALL = Duration.ofSeconds(15);
  private static final long MOST_BLOCK_MS = TimeUnit.DAYS.toMillis(1);

  private final HostFacts facts;
  private final Boot boot;
  private final Function<AgentConfig, Publisher> publishers;
  private final CaptureView captures;
  private final InstantSource clock;
  private final Pace pace;
  private final Path checkpointPath;
  private final CheckpointFile checkpointFile;
  private final StatusFile statusFile;
  private final long epoch;
  private final Instant started;
  private final Lock wanted = new ReentrantLock();
  private final Condition changed = wanted.newCondition();
  // Guarded by `wanted`: what the loop is to do next.
  private boolean stopWanted;
  private Optional<Reconfiguration> reconfiguration = Optional.empty();
  // Of sources that were configured in this run and are not now: they come back where they were.
  private final Map<SourceConfig, Lane> parked = new LinkedHashMap<>();
  private final Map<String, SourceMark> unused = new LinkedHashMap<>();

  private AgentConfig config;
  private volatile Publisher publisher;
  private volatile Duration longCall;
  private List<Lane> lanes;
  private int lanesMade;
  private volatile AgentProgress progress;
  private Optional<String> failure = Optional.empty();
  private long failingSinceNanos;
  // Causes of failures since the last acknowledgement: each is told once.
  private final Set<Class<?>> said = new HashSet<>();
  private long pauseMs;
  private long retryNanos;
  private long restarts;
  private long heartbeats;
  private int heartbeatsInFlight;
  private long nextHeartbeatNanos;
  private long nextCheckpointNanos;
  private boolean dirty;
  private boolean unsaved = true;
  private boolean storeFailed;
  private long lastAckNanos;
  private Optional<AgentStatus> due = Optional.empty();
  // Between the wish to stop and the end.
  private boolean finishing;

  /**
   * How the loop's time passes.
   *
   * @param nanoClock as {@link System#nanoTime}
   * @param idle how long it waits at most for acknowledgements when there is nothing to do
   * @param random makes pauses uneven
   */
  record Pace(LongSupplier nanoClock, Duration idle, RandomGenerator random) {
    static final Pace REAL =
        new Pace(System::nanoTime, Duration.ofMillis(50), RandomGenerator.getDefault());
  }

  private record Reconfiguration(AgentConfig config, CompletableFuture<Void> done) {}

  /**
   * Makes the loop; nothing is opened.
   *
   * @param publishers makes a publisher for a configuration
   * @param captures what heartbeats say of captured sources
   */
  Distribution(
      AgentConfig config,
      HostFacts facts,
      Checkpoint checkpoint,
      Function<AgentConfig, Publisher> publishers,
      CaptureView captures,
      InstantSource clock) {
    this(config, facts, checkpoint, publishers, captures, clock, Pace.REAL);
  }

  Distribution(
      AgentConfig config,
      HostFacts facts,
      Checkpoint checkpoint,
      Function<AgentConfig, Publisher> publishers,
      CaptureView captures,
      InstantSource clock,
      Pace pace) {
    this.config = config;
    this.facts = facts;
    this.publishers = publishers;
    this.captures = captures;
    this.pace = pace;
    this.boot = new PresentBoot(facts.boot(), PresentBoot.STAT, pace.nanoClock());
    this.retryNanos = pace.nanoClock().getAsLong();
    this.lastAckNanos = retryNanos;
    this.publisher = publishers.apply(config);
    this.longCall = longCall(config);
    this.clock = clock;
    this.checkpointPath = config.stateDir().resolve("checkpoint");
    this.checkpointFile = new CheckpointFile(checkpointPath, config.readers());
    this.statusFile = new StatusFile(config.stateDir().resolve("status.json"), config.readers());
    this.started = clock.instant();
    this.epoch = Math.max(checkpoint.epoch() + 1, started.toEpochMilli());
    checkpoint.sources().forEach(mark -> unused.put(mark.name(), mark));
    this.lanes = lanes(config);
    this.nextHeartbeatNanos = pace.nanoClock().getAsLong();
    this.nextCheckpointNanos = nextHeartbeatNanos;
    this.progress = snapshot();
  }

  private List<Lane> lanes(AgentConfig next) {
    return next.sources().stream().map(source -> taken(next, source)).toList();
  }

  /** A source's lane: the one it had in this run, or a new one. */
  private Lane taken(AgentConfig next, SourceConfig source) {
    Lane known = parked.remove(source);
    if (known == null) {
      return lane(next, source);
    }
    known.reconfigure(decoders(next, source), next.scanInterval());
    return known;
  }

  private Lane lane(AgentConfig next, SourceConfig source) {
    // The same name for another place: what was known of the old one says nothing about it, but
    // identities in the mark tell the files apart.
    Optional<SourceMark> mark =
        parked.keySet().stream()
            .filter(old -> old.name().equals(source.name()))
            .findFirst()
            .map(parked::remove)
            .map(old -> old.trails().mark())
            .or(() -> Optional.ofNullable(unused.get(source.name())));
    unused.remove(source.name());
    TrailSource trails =
        source.type() == SourceType.AUDITLOG
            ? TrailSource.rotatedLog(
                source.name(), source.trails(), formats(source), next.once(), clock, mark)
            : TrailSource.directory(
                source.name(), source.trails(), formats(source), next.once(), clock, mark);
    Optional<TrailSource.Captured> captured = captures.captured(source.name());
    trails.captured(captured);
    return new Lane(
        lanesMade++,
        source,
        trails,
        decoders(next, source),
        pace.nanoClock(),
        next.scanInterval(),
        next.once(),
        captured.isPresent(),
        () -> captures.report(source.name()),
        origin(next, source));
  }

  private static TrailFormats formats(SourceConfig source) {
    Framing lines = new LineFraming();
    Framing bsm = new BsmFraming();
    return source
        .format()
        .map(format -> TrailFormats.only(format, format == Format.BSM ? bsm : lines))
        .orElseGet(() -> TrailFormats.byFirstBytes(lines, bsm));
  }

  private Function<Format, Decoder> decoders(AgentConfig next, SourceConfig source) {
    Origin origin = origin(next, source);
    Limits usual = Limits.defaults();
    Limits limits =
        new Limits(
            next.eventDistanceBytes(),
            next.eventTimeout(),
            usual.maxOpenEvents(),
            usual.maxOpenBytes());
    return format ->
        format == Format.BSM
            ? new BsmDecoder(origin)
            : new AuparseDecoder(origin, limits, pace.nanoClock());
  }

  private Origin origin(AgentConfig next, SourceConfig source) {
    // A directory of trails may have been copied from another machine, of whatever boot.
    Boot of = source.type() == SourceType.TRAILS ? Boot.UNKNOWN : boot;
    return new Origin(next.host(), source.name(), of, epoch);
  }

  AgentProgress progress() {
    return progress;
  }

  /** Asks the loop to end; it flushes what it can within {@code shutdown.timeout.ms}. */
  void stop() {
    wanted.lock();
    try {
      stopWanted = true;
      changed.signalAll();
    } finally {
      wanted.unlock();
    }
  }

  /**
   * Goes over to another configuration between two steps: the lanes that are in both go on, the
   * others stop or start.
   *
   * @return completed when it is in force
   */
  CompletableFuture<Void> reconfigure(AgentConfig next) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    wanted.lock();
    try {
      reconfiguration.ifPresent(earlier -> earlier.done().complete(null)); // overtaken
      reconfiguration = Optional.of(new Reconfiguration(next, done));
      changed.signalAll();
    } finally {
      wanted.unlock();
    }
    return done;
  }

  @Override
  public void run() {
    try {
      while (!stopping() && !(config.once() && isDone())) {
        step();
      }
      finish();
    } catch (InterruptedException | InterruptException e) {
      LOG.warn("stopped in the middle of a call to Kafka or the registry");
    } finally {
      // What is acknowledged is worth remembering however this ends; a pending interrupt would
      // close the file.
      boolean interrupted = Thread.interrupted();
      tryStore();
      progress = snapshot();
      release();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Ends a call to Kafka that does not end by itself; for the supervisor's thread. */
  void endLongCall() {
    Duration longest = longCall;
    if (publisher.endLongCall(longest)) {
      LOG.warn(
          "a call to Kafka took longer than {} s (was the clock set back?): beginning anew",
          longest.toSeconds());
    }
  }

  /** Some times what the producer may block. */
  private static Duration longCall(AgentConfig config) {
    Object block = config.producerSettings().get(ProducerConfig.MAX_BLOCK_MS_CONFIG);
    Duration twice =
        Duration.ofMillis(2 * Math.min(Long.parseLong(String.valueOf(block)), MOST_BLOCK_MS));
    return twice.compareTo(LONG_CALL) > 0 ? twice : LONG_CALL;
  }

  /** Lets go of producer and files as they are. */
  void release() {
    publisher.close();
    lanes.forEach(lane -> lane.trails().close());
    parked.values().forEach(lane -> lane.trails().close());
  }

  /** One turn of the loop: a bounded amount of each thing there is to do. */
  void step() throws InterruptedException {
    reconfigure();
    status();
    for (Lane lane : lanes) {
      unsaved |= lane.scan();
    }
    // Epoch and identities outlive us before the first byte is published under them.
    if (unsaved && tryStore()) {
      unsaved = false;
    }
    long pauseNanos = retryNanos - pace.nanoClock().getAsLong();
    if (pauseNanos > 0) {
      pause(Math.min(pauseNanos, pace.idle().toNanos()));
    } else {
      publish();
    }
    checkpoint();
    progress = snapshot();
  }

  private void publish() throws InterruptedException {
    boolean worked = false;
    try {
      publisher.open();
      if (publisher.inFlight() == 0) {
        lastAckNanos = pace.nanoClock().getAsLong(); // nothing is waited for up to now
      }
      if (!unsaved) {
        heartbeat();
        for (Lane lane : lanes) {
          worked |= lane.step(publisher, this::sendState);
        }
      }
      int acked = publisher.poll(worked ? Duration.ZERO : untilLook(), this::acked);
      if (worked && publisher.isFull()) {
        acked += publisher.poll(pace.idle(), this::acked);
      }
      watch(acked);
    } catch (PublishException e) {
      failed(e);
    }
  }

  /** How long there is nothing to do at most: until the next look at a source's trails. */
  private Duration untilLook() {
    long now = pace.nanoClock().getAsLong();
    long least = pace.idle().toNanos();
    for (Lane lane : lanes) {
      least = Math.min(least, lane.nanosUntilScan(now));
    }
    return Duration.ofNanos(least);
  }

  private void reconfigure() throws InterruptedException {
    Optional<Reconfiguration> due;
    wanted.lock();
    try {
      due = reconfiguration;
      reconfiguration = Optional.empty();
    } finally {
      wanted.unlock();
    }
    if (due.isEmpty()) {
      return;
    }
    AgentConfig next = due.get().config();
    Set<SourceConfig> stay = new HashSet<>(next.sources());
    List<Lane> leaving = lanes.stream().filter(lane -> !stay.contains(lane.config())).toList();
    leaving.forEach(Lane::end);
    drain(leaving);
    boolean readsAlike = config.readsLike(next);
    List<Lane> kept = new ArrayList<>();
    for (Lane lane : lanes) {
      if (readsAlike && stay.contains(lane.config())) {
        kept.add(lane);
      } else {
        lane.park();
        parked.put(lane.config(), lane);
      }
    }
    boolean publishesAlike = config.publishesLike(next);
    boolean someLeft = kept.size() < lanes.size();
    if (!publishesAlike || (someLeft && publisher.inFlight() > 0)) {
      // What is still on its way is of lanes that have gone back to what is acknowledged.
      kept.forEach(Lane::rewind);
      giveUp();
    }
    if (!publishesAlike) {
      publisher.close();
      publisher = publishers.apply(next);
    }
    List<Lane> order = new ArrayList<>();
    for (SourceConfig source : next.sources()) {
      Optional<Lane> running =
          kept.stream().filter(lane -> lane.config().equals(source)).findFirst();
      order.add(running.orElseGet(() -> taken(next, source)));
    }
    lanes = order;
    config = next;
    longCall = longCall(next);
    unsaved = true;
    nextHeartbeatNanos = pace.nanoClock().getAsLong();
    progress = snapshot();
    due.get().done().complete(null);
  }

  /**
   * Sends what captures that end have left, and takes acknowledgements of what is on its way, as
   * far as both are done soon.
   */
  private void drain(List<Lane> leaving) throws InterruptedException {
    long deadline = pace.nanoClock().getAsLong() + DRAIN.toNanos();
    try {
      boolean sent = false;
      while (publisher.isOpen()
          && failure.isEmpty()
          && pace.nanoClock().getAsLong() < deadline
          && !(sent && publisher.inFlight() == 0)) {
        boolean worked = false;
        for (Lane lane : leaving) {
          unsaved |= lane.scan();
          if (!unsaved) {
            worked |= lane.step(publisher, this::sendState);
          }
        }
        unsaved &= !tryStore();
        publisher.poll(worked ? Duration.ZERO : pace.idle(), this::acked);
        sent = leaving.stream().allMatch(Lane::isSent);
      }
    } catch (PublishException e) {
      failed(e);
    }
  }

  /** Says once when the broker stops acknowledging, and when it begins again. */
  private void watch(int acked) {
    long now = pace.nanoClock().getAsLong();
    if (acked > 0) {
      lastAckNanos = now;
    }
    if (acked > 0 && failure.isPresent()) {
      if (!said.isEmpty()) {
        LOG.info("publishing again");
      }
      said.clear();
      failure = Optional.empty();
      pauseMs = 0;
    } else if (said.isEmpty() && now - lastAckNanos > SILENCE.toNanos()) {
      String why = "Kafka has acknowledged nothing for " + SILENCE.toSeconds() + " s";
      said.add(PublishException.class);
      if (failure.isEmpty()) {
        failingSinceNanos = lastAckNanos;
      }
      failure = Optional.of(publisher.obstacle().map(found -> why + ": " + found).orElse(why));
      LOG.error(
          "{}, {} messages are waiting; is every broker of {} reachable and well? Trying on until it"
              + " works, nothing is lost meanwhile",
          failure.get(),
          publisher.inFlight(),
          servers());
    } else if (now - lastAckNanos > PATIENCE.toNanos()) {
      // Whatever a producer hangs in: a new one does not.
      throw new PublishException(
          "Kafka has acknowledged nothing for " + PATIENCE.toSeconds() + " s");
    }
  }

  private void acked(Delivery delivery) {
    dirty = true;
    if (delivery.source() < 0) {
      heartbeatsInFlight--;
    } else {
      for (Lane lane : lanes) {
        if (lane.number() == delivery.source()) {
          lane.acked(delivery);
        }
      } // what comes for a lane that was parked is sent again when it comes back: a duplicate
    }
  }

  private void failed(PublishException e) {
    if (e.isSolved()) {
      LOG.warn("{}", e.getMessage());
      restarts++;
      lanes.forEach(Lane::rewind);
      giveUp();
      return;
    }
    long now = pace.nanoClock().getAsLong();
    if (failure.isEmpty()) {
      failingSinceNanos = now;
    }
    Throwable cause = e.getCause() == null ? e : e.getCause();
    Throwable root = cause;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    // A first answer may take its time, on a busy host or after a broker's restart.
    boolean early =
        (cause instanceof TimeoutException || SchemaRegistryException.isRetriable(cause))
            && now - failingSinceNanos < SILENCE.toNanos();
    if (stopping()) {
      if (said.add(root.getClass())) {
        LOG.warn("stopping while {}; the rest is sent by the next run", e.getMessage());
      }
    } else if (!early && said.add(root.getClass())) {
      LOG.error(
          "{}{}; trying again until it works, nothing is lost meanwhile",
          e.getMessage(),
          cause instanceof TimeoutException ? " [bootstrap.servers=" + servers() + "]" : "");
    }
    failure = Optional.of(String.valueOf(e.getMessage()));
    restarts++;
    lanes.forEach(Lane::rewind);
    giveUp();
    pauseMs = Math.min(MAX_PAUSE_MS, Math.max(100, pauseMs * 2));
    long pause = pauseMs / 2 + pace.random().nextLong(pauseMs / 2 + 1);
    retryNanos = pace.nanoClock().getAsLong() + Duration.ofMillis(pause).toNanos();
  }

  /** What the producer holds is sent again by the next one, which has its own time to answer. */
  private void giveUp() {
    publisher.abort();
    heartbeatsInFlight = 0;
    lastAckNanos = pace.nanoClock().getAsLong();
  }

  private Object servers() {
    return config.producerSettings().get(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG);
  }

  /** Waits, unless there is something to do; to finish is done already. */
  private void pause(long atMostNanos) throws InterruptedException {
    wanted.lock();
    try {
      long nanos = atMostNanos;
      while (nanos > 0 && (finishing || !stopWanted) && reconfiguration.isEmpty()) {
        nanos = changed.awaitNanos(nanos);
      }
    } finally {
      wanted.unlock();
    }
  }

  private void finish() throws InterruptedException {
    tryStore();
    long now = pace.nanoClock().getAsLong();
    long patience = config.shutdownTimeout().toNanos();
    if (failure.isPresent() && now - failingSinceNanos > patience) {
      return; // publishing has not worked for so long already: nobody would hear a last heartbeat
    }
    finishing = true;
    long deadline = now + patience;
    // What was captured has come to its end, and is sent to there.
    lanes.forEach(Lane::end);
    do {
      step();
      boolean trying = pace.nanoClock().getAsLong() >= retryNanos;
      if (trying && lanes.stream().allMatch(Lane::isSent) && sayLast(deadline)) {
        return;
      }
    } while (pace.nanoClock().getAsLong() < deadline);
    if (failure.isEmpty()) {
      boolean _ = sayLast(pace.nanoClock().getAsLong() + LAST_WORD.toNanos());
    }
  }

  /**
   * Sends the last heartbeat behind all that is on its way.
   *
   * @return whether it is not worth trying again
   */
  private boolean sayLast(long deadlineNanos) throws InterruptedException {
    try {
      publisher.open();
      awaitAcks(deadlineNanos);
      send(statusNow(true));
      awaitAcks(deadlineNanos);
      return true;
    } catch (PublishException e) {
      failed(e);
      return false;
    }
  }

  private void awaitAcks(long deadlineNanos) throws InterruptedException {
    while (publisher.inFlight() > 0 && pace.nanoClock().getAsLong() < deadlineNanos) {
      publisher.poll(pace.idle(), this::acked);
    }
  }

  private boolean stopping() {
    wanted.lock();
    try {
      return stopWanted;
    } finally {
      wanted.unlock();
    }
  }

  private boolean isDone() {
    return lanes.stream().allMatch(Lane::isDone);
  }

  private void checkpoint() {
    long now = pace.nanoClock().getAsLong();
    if (dirty && now >= nextCheckpointNanos) {
      dirty = !tryStore();
      // One of many trails takes its time to write: most of the time is for sending them.
      long taken = pace.nanoClock().getAsLong() - now;
      nextCheckpointNanos = now + Math.max(config.checkpointInterval().toNanos(), 10 * taken);
    }
  }

  private boolean tryStore() {
    try {
      List<SourceMark> marks = new ArrayList<>();
      lanes.forEach(lane -> marks.add(lane.trails().mark()));
      parked.values().forEach(lane -> marks.add(lane.trails().mark()));
      marks.addAll(unused.values());
      checkpointFile.store(new Checkpoint(epoch, marks));
      if (storeFailed) {
        LOG.info("checkpoint {} is written again", checkpointPath);
      }
      storeFailed = false;
      for (int i = 0; i < lanes.size(); i++) {
        lanes.get(i).stored(marks.get(i));
      }
      return true;
    } catch (IOException e) {
      if (!storeFailed) {
        LOG.error(
            "checkpoint {} cannot be written: {}; make room or mend the disk. Until then a restart"
                + " sends again what was sent since",
            checkpointPath,
            e.toString());
      }
      storeFailed = true;
      return false;
    }
  }

  private void sendState(Lane lane, TrailNotice notice) {
    TrailState state =
        TrailState.newBuilder()
            .setHost(config.host())
            .setSource(lane.config().name())
            .setTrail(notice.trail())
            .setEpoch(epoch)
            .setMachineId(facts.machineId().orElse(null))
            .setBoot(facts.boot().orElse(null))
            .setFormat(notice.format())
            .setState(notice.state())
            .setName(notice.name())
            .setSize(notice.size())
            .setSha256(notice.sha256().orElse(null))
            .setPrevious(notice.previous().orElse(null))
            .setPreviousSha256(notice.previousSha256().orElse(null))
            .setAt(micros(clock.instant()))
            .setCause(notice.cause().orElse(null))
            .setDropped(notice.dropped())
            .build();
    publisher.state(lane.number(), notice, state);
  }

  /** Makes a heartbeat when one is due: on disk at once, to Kafka when it can be. */
  private void status() {
    long now = pace.nanoClock().getAsLong();
    if (now >= nextHeartbeatNanos) {
      nextHeartbeatNanos = now + config.heartbeat().toNanos();
      AgentStatus made = statusNow(false);
      statusFile.write(made);
      due = Optional.of(made);
    }
  }

  private void heartbeat() {
    if (due.isPresent() && heartbeatsInFlight == 0) {
      AgentStatus made = due.get();
      due = Optional.empty();
      send(made);
    }
  }

  private void send(AgentStatus made) {
    publisher.status(made);
    heartbeatsInFlight++;
  }

  private AgentStatus statusNow(boolean last) {
    List<SourceStatus> sources = lanes.stream().map(Lane::status).toList();
    return AgentStatus.newBuilder()
        .setHost(config.host())
        .setMachineId(facts.machineId().orElse(null))
        .setBoot(facts.boot().orElse(null))
        .setEpoch(epoch)
        .setVersion(Version.get())
        .setStarted(micros(started))
        .setAt(micros(clock.instant()))
        .setSequence(heartbeats++)
        .setIntervalMs(config.heartbeat().toMillis())
        .setStopping(last)
        .setRestarts(restarts)
        .setKernel(captures.kernel().orElse(null))
        .setSources(sources)
        .build();
  }

  private AgentProgress snapshot() {
    return new AgentProgress(
        epoch, config.once() && isDone(), failure, lanes.stream().map(Lane::progress).toList());
  }

  private static Instant micros(Instant time) {
    return time.truncatedTo(java.time.temporal.ChronoUnit.MICROS);
  }
}
