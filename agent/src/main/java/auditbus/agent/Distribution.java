// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.auparse.AuparseDecoder;
import auditbus.agent.auparse.Limits;
import auditbus.agent.event.Origin;
import auditbus.agent.publish.Delivery;
import auditbus.agent.publish.PublishException;
import auditbus.agent.publish.Publisher;
import auditbus.agent.trail.Checkpoint;
import auditbus.agent.trail.TrailNotice;
import auditbus.agent.trail.TrailSource;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.Format;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.TrailState;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.errors.InterruptException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The distribution loop: trails to topics.
 *
 * <p>One thread reads, decodes, sends, takes acknowledgements, writes the checkpoint and makes
 * heartbeats. Each step does bounded work. A failure of publishing has one answer: give the
 * producer up, go back to what is acknowledged, open a new one after a pause of 0.1 to 5 s.
 */
final class Distribution implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(Distribution.class);
  private static final Duration IDLE = Duration.ofMillis(50);
  private static final long MAX_PAUSE_MS = 5000;
  private static final Duration SILENCE = Duration.ofSeconds(5);

  private final AgentConfig config;
  private final HostFacts facts;
  private final Publisher publisher;
  private final InstantSource clock;
  private final Path checkpointFile;
  private final StatusFile statusFile;
  private final long epoch;
  private final Instant started;
  private final List<Lane> lanes;

  private final CountDownLatch stop = new CountDownLatch(1);
  private volatile AgentProgress progress;
  private Optional<String> failure = Optional.empty();
  private long pauseMs;
  private long restarts;
  private long heartbeats;
  private int heartbeatsInFlight;
  private long nextHeartbeatNanos;
  private long nextCheckpointNanos;
  private boolean dirty;
  private boolean unsaved = true;
  private boolean storeFailed;
  private long lastAckNanos = System.nanoTime();
  private Optional<AgentStatus> due = Optional.empty();

  Distribution(
      AgentConfig config,
      HostFacts facts,
      Checkpoint checkpoint,
      Publisher publisher,
      InstantSource clock) {
    this.config = config;
    this.facts = facts;
    this.publisher = publisher;
    this.clock = clock;
    this.checkpointFile = config.stateDir().resolve("checkpoint");
    this.statusFile = new StatusFile(config.stateDir().resolve("status.json"));
    this.started = clock.instant();
    this.epoch = Math.max(checkpoint.epoch() + 1, started.toEpochMilli());
    this.lanes = lanes(checkpoint);
    this.nextHeartbeatNanos = System.nanoTime();
    this.nextCheckpointNanos = nextHeartbeatNanos;
    this.progress = snapshot();
  }

  private List<Lane> lanes(Checkpoint checkpoint) {
    List<Lane> made = new ArrayList<>();
    for (SourceConfig source : config.sources()) {
      Optional<Checkpoint.SourceMark> mark = checkpoint.source(source.name());
      TrailSource trails =
          switch (source.type()) {
            case TRAILS ->
                TrailSource.directory(source.name(), source.path(), config.once(), clock, mark);
            case AUDITLOG ->
                TrailSource.rotatedLog(source.name(), source.path(), config.once(), clock, mark);
          };
      // A trail on disk may be of any boot: the boot id is left to what is captured live.
      Origin origin = new Origin(config.host(), source.name(), Optional.empty(), epoch);
      Limits usual = Limits.defaults();
      Limits limits =
          new Limits(
              config.eventDistanceBytes(),
              config.eventTimeout(),
              usual.maxOpenEvents(),
              usual.maxOpenBytes());
      made.add(
          new Lane(
              made.size(),
              source,
              trails,
              () -> new AuparseDecoder(origin, limits, System::nanoTime),
              System::nanoTime,
              config.scanInterval(),
              config.once()));
    }
    return made;
  }

  AgentProgress progress() {
    return progress;
  }

  /** Asks the loop to end; it flushes what it can within {@code shutdown.timeout.ms}. */
  void stop() {
    stop.countDown();
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
      publisher.close();
      lanes.forEach(lane -> lane.trails().close());
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void step() throws InterruptedException {
    status();
    boolean worked = false;
    try {
      for (Lane lane : lanes) {
        unsaved |= lane.scan();
      }
      // Epoch and identities outlive us before the first byte is published under them.
      if (unsaved && tryStore()) {
        unsaved = false;
      }
      publisher.open();
      if (!unsaved) {
        heartbeat();
        for (Lane lane : lanes) {
          worked |= lane.step(publisher, this::sendState);
        }
      }
      int acked = publisher.poll(worked ? Duration.ZERO : IDLE, this::acked);
      if (worked && publisher.isFull()) {
        acked += publisher.poll(IDLE, this::acked);
      }
      watch(acked);
    } catch (PublishException e) {
      failed(e);
    }
    checkpoint();
    progress = snapshot();
  }

  /** Says once when the broker stops acknowledging, and when it begins again. */
  private void watch(int acked) {
    long now = System.nanoTime();
    if (acked > 0 || publisher.inFlight() == 0) {
      lastAckNanos = now;
    }
    if (acked > 0 && failure.isPresent()) {
      LOG.info("publishing again");
      failure = Optional.empty();
      pauseMs = 0;
    } else if (failure.isEmpty() && now - lastAckNanos > SILENCE.toNanos()) {
      failure = Optional.of("Kafka has acknowledged nothing for " + SILENCE.toSeconds() + " s");
      LOG.warn(
          "{}, {} messages are waiting; is bootstrap.servers reachable? Trying on until it works,"
              + " nothing is lost meanwhile",
          failure.get(),
          publisher.inFlight());
    }
  }

  private void acked(Delivery delivery) {
    dirty = true;
    if (delivery.source() < 0) {
      heartbeatsInFlight--;
    } else {
      lanes.get(delivery.source()).acked(delivery);
    }
  }

  private void failed(PublishException e) throws InterruptedException {
    if (stopping()) {
      LOG.warn("stopping while {}; the rest is sent by the next run", e.getMessage());
    } else if (failure.isEmpty()) {
      LOG.error("{}; trying again until it works, nothing is lost meanwhile", e.getMessage());
    }
    failure = Optional.of(String.valueOf(e.getMessage()));
    restarts++;
    lanes.forEach(Lane::rewind);
    publisher.abort();
    heartbeatsInFlight = 0;
    progress = snapshot();
    pauseMs = Math.min(MAX_PAUSE_MS, Math.max(100, pauseMs * 2));
    long pause = pauseMs / 2 + ThreadLocalRandom.current().nextLong(pauseMs / 2 + 1);
    boolean _ = stop.await(pause, TimeUnit.MILLISECONDS); // a stop cuts it short
  }

  private void finish() throws InterruptedException {
    tryStore();
    if (!publisher.isOpen() || failure.isPresent()) {
      return; // publishing does not work: nobody would hear a last heartbeat
    }
    long deadline = System.nanoTime() + config.shutdownTimeout().toNanos();
    try {
      while (publisher.inFlight() > 0 && System.nanoTime() < deadline) {
        publisher.poll(IDLE, this::acked);
      }
      send(statusNow(true));
      while (publisher.inFlight() > 0 && System.nanoTime() < deadline) {
        publisher.poll(IDLE, this::acked);
      }
    } catch (PublishException e) {
      LOG.warn("stopping while {}; the rest is sent by the next run", e.getMessage());
    }
  }

  private boolean stopping() {
    return stop.getCount() == 0;
  }

  private boolean isDone() {
    return lanes.stream().allMatch(Lane::isDone);
  }

  private void checkpoint() {
    long now = System.nanoTime();
    if (dirty && now >= nextCheckpointNanos) {
      dirty = !tryStore();
      // One of many trails takes its time to write: most of the time is for sending them.
      long taken = System.nanoTime() - now;
      nextCheckpointNanos = now + Math.max(config.checkpointInterval().toNanos(), 10 * taken);
    }
  }

  private boolean tryStore() {
    try {
      new Checkpoint(epoch, lanes.stream().map(lane -> lane.trails().mark()).toList())
          .store(checkpointFile);
      if (storeFailed) {
        LOG.info("checkpoint {} is written again", checkpointFile);
      }
      storeFailed = false;
      return true;
    } catch (IOException e) {
      if (!storeFailed) {
        LOG.error(
            "checkpoint {} cannot be written: {}; make room or mend the disk. Until then a restart"
                + " sends again what was sent since",
            checkpointFile,
            e.toString());
      }
      storeFailed = true;
      return false;
    }
  }

  private void sendState(int source, TrailNotice notice) {
    TrailState state =
        TrailState.newBuilder()
            .setHost(config.host())
            .setSource(config.sources().get(source).name())
            .setTrail(notice.trail())
            .setEpoch(epoch)
            .setMachineId(facts.machineId().orElse(null))
            .setBoot(facts.boot().orElse(null))
            .setFormat(Format.LINUX)
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
    publisher.state(source, notice, state);
  }

  /** Makes a heartbeat when one is due: on disk at once, to Kafka when it can be. */
  private void status() {
    long now = System.nanoTime();
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
