// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.capture.AuditDaemon;
import auditbus.agent.capture.AuditDaemon.Signalled;
import auditbus.agent.capture.Signals.Delivery;
import auditbus.agent.publish.Publisher;
import auditbus.agent.trail.Checkpoint;
import auditbus.schemas.AvroSerializer;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent of one host: made of a configuration, started, told of signals, closed.
 *
 * <p>Thread-safe. Signals are handled one at a time.
 */
public final class Agent implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Agent.class);
  private static final Duration SUPERVISION = Duration.ofMillis(100);

  /** A new configuration is to be in force in less than 2 s, whoever asked for it. */
  private static final Duration LEAVING = Duration.ofMillis(500);

  private static final Duration TAKING_OVER = Duration.ofSeconds(2);

  /** An agent that ends takes so much longer than it may go on sending. */
  private static final Duration ENDING = Duration.ofSeconds(7);

  private final HostFacts facts;
  private final Reload reload;
  private final Captures captures;
  private final CaptureStatusFile captureStatus;
  private final CountDownLatch closing = new CountDownLatch(1);

  private volatile AgentConfig config;
  private volatile Optional<AuditDaemon> daemon = Optional.empty();
  private Optional<FileChannel> lock = Optional.empty();
  private Optional<Distribution> distribution = Optional.empty();
  private Optional<Thread> thread = Optional.empty();
  private Optional<Thread> supervisor = Optional.empty();
  private volatile Optional<Throwable> died = Optional.empty();

  /** Reads the configuration anew. */
  @FunctionalInterface
  public interface Reload {
    /**
     * The configuration as it is now.
     *
     * @throws IOException if it can't be read
     * @throws ConfigException if it is wrong
     */
    AgentConfig read() throws IOException;
  }

  /** Makes an agent whose configuration stays as it is; nothing is opened. */
  public Agent(AgentConfig config) {
    this(config, () -> config);
  }

  /**
   * Makes an agent; nothing is opened.
   *
   * @param reload what SIGHUP reads
   */
  public Agent(AgentConfig config, Reload reload) {
    this.config = config;
    this.reload = reload;
    this.facts = HostFacts.read();
    this.captures = new Captures(new CaptureFactory(() -> daemon.map(AuditDaemon::start)));
    this.captureStatus = new CaptureStatusFile(facts, captures);
  }

  /**
   * Takes the state directory and begins. Kafka and the registry need not be there yet, nor the
   * kernel be free for another audit daemon.
   *
   * @throws IOException if the state directory cannot be used, or another agent has it
   */
  public synchronized void start() throws IOException {
    if (supervisor.isPresent()) {
      return;
    }
    if (config.half().distributes()) {
      config.readers().makeDirectory(config.stateDir());
      lock = Optional.of(lock());
    }
    // The kernel's records are taken from here on; whatever else takes its time comes after.
    daemon = Optional.of(AuditDaemon.ofThisProcess(Version.get(), captures::ofKernel));
    if (config.half().captures()) {
      captures.apply(config, config, () -> "");
    }
    if (config.half().distributes()) {
      distribute();
    }
    Thread supervising = new Thread(this::supervise, "supervisor");
    supervising.setDaemon(true);
    supervisor = Optional.of(supervising);
    supervising.start();
  }

  private void distribute() throws IOException {
    Checkpoint checkpoint = Checkpoint.load(config.stateDir().resolve("checkpoint"));
    CaptureView view = config.half().captures() ? captures : CaptureStatusFile.reader(() -> config);
    Distribution loop =
        new Distribution(config, facts, checkpoint, Agent::publisher, view, InstantSource.system());
    Thread runner = new Thread(loop, "distribution");
    runner.setUncaughtExceptionHandler((dead, cause) -> died = Optional.of(cause));
    distribution = Optional.of(loop);
    thread = Optional.of(runner);
    runner.start();
  }

  /** Where the agent stands. */
  public AgentProgress progress() {
    return distribution().progress();
  }

  /** Names of the sources that are at work in this process. */
  public List<String> running() {
    List<String> names = new java.util.ArrayList<>();
    for (SourceConfig source : config.sources()) {
      boolean captured = source.type().isCaptured() && config.half().captures();
      if (!captured || captures.names().contains(source.name())) {
        names.add(source.name());
      }
    }
    return names;
  }

  /**
   * Waits until the agent ends by itself: with {@code once} when all is done, as a plugin of auditd
   * when that ends.
   *
   * @return whether it has ended
   * @throws IllegalStateException if its loop died; the cause says why
   */
  public boolean awaitEnd(Duration timeout) throws InterruptedException {
    Optional<Thread> runner;
    synchronized (this) {
      if (supervisor.isEmpty()) {
        throw new IllegalStateException("the agent was not started");
      }
      runner = thread;
    }
    boolean ended =
        runner.isPresent()
            ? runner.get().join(timeout)
            : closing.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
    if (died.isPresent()) {
      throw new IllegalStateException("the agent stopped: " + died.get().getMessage(), died.get());
    }
    return ended || captures.isEnded();
  }

  /** Why the agent's loop died, empty while it did not. */
  public Optional<Throwable> died() {
    return died;
  }

  /** Does what auditd does on that signal, but for the ones that stop it: see {@link #stop}. */
  public synchronized void handle(Delivery delivery) {
    Signalled by = signalled(delivery, config.capture().signalGrace());
    switch (delivery.signal()) {
      case HUP -> reconfigure(by);
      case USR1 -> {
        captures.rotate();
        daemon.orElseThrow().rotated(by);
      }
      case USR2 -> {
        captures.resume();
        daemon.orElseThrow().resumed(by, true);
      }
      case CONT -> captureStatus.report(config);
      case TERM, INT -> stop(Optional.of(delivery));
    }
  }

  private Signalled signalled(Delivery delivery, Duration grace) {
    return daemon
        .orElseThrow(() -> new IllegalStateException("the agent was not started"))
        .received(delivery, grace);
  }

  private void reconfigure(Signalled by) {
    AgentConfig before = config;
    AgentConfig next;
    try {
      next = reload.read();
      Optional<String> fixed = before.fixedKeyThatDiffers(next);
      if (fixed.isPresent()) {
        throw new ConfigException(
            fixed.get() + " cannot change while the agent runs: restart it for that");
      }
    } catch (IOException | ConfigException e) {
      LOG.error("{}; the configuration stays as it was", e.getMessage());
      daemon.orElseThrow().reconfigureFailed(by, String.valueOf(e.getMessage()));
      captures.revive(before);
      return;
    }
    if (next.half().captures()) {
      Last last = new Last(Optional.of(by), LEAVING);
      captures.apply(before, next, last::line);
    }
    config = next;
    captures.revive(next);
    if (distribution.isPresent()) {
      await(distribution.get().reconfigure(next));
    }
    LOG.info("configuration read again: sources {}", names(next));
    daemon.orElseThrow().reconfigured(by);
  }

  private static List<String> names(AgentConfig config) {
    return config.sources().stream().map(SourceConfig::name).toList();
  }

  private static void await(CompletableFuture<Void> done) {
    try {
      done.get(TAKING_OVER.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      LOG.warn("a call to Kafka or the registry hangs; sources change when it is over");
    } catch (ExecutionException e) {
      throw new IllegalStateException("the distribution loop", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Stops without a signal. Idempotent. */
  @Override
  public void close() {
    stop(Optional.empty());
  }

  /**
   * Stops: waits until it is known who asked for it, ends the trails, sends what it can within
   * {@code shutdown.timeout.ms}, stores the checkpoint. Idempotent.
   *
   * @param signal what asked for it
   */
  public synchronized void stop(Optional<Delivery> signal) {
    closing.countDown();
    supervisor.ifPresent(Agent::join);
    if (daemon.isPresent()) {
      Last last =
          new Last(
              signal.map(delivery -> signalled(delivery, config.capture().signalGrace())),
              config.capture().signalGrace().plus(ENDING));
      if (!captures.ofKernel().isEmpty()) {
        last.line(); // while they go on capturing: the record of the signal is to be among theirs
      }
      captures.close(last::line);
      daemon.get().close();
      daemon = Optional.empty();
    }
    stopDistribution();
  }

  private void stopDistribution() {
    distribution.ifPresent(Distribution::stop);
    if (thread.isPresent()) {
      try {
        if (!thread.get().join(config.shutdownTimeout().plusSeconds(2))) {
          thread.get().interrupt(); // hung in a call to Kafka: the checkpoint on disk is what holds
          thread.get().join(Duration.ofSeconds(2));
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    boolean runs = thread.map(Thread::isAlive).orElse(false);
    thread = Optional.empty();
    if (lock.isPresent() && !runs) { // else the lock goes with the process
      try {
        lock.get().close();
      } catch (IOException e) {
        // the lock goes with the process
      }
    }
    lock = Optional.empty();
  }

  /** The last record of the trails that end now: one and the same in all of them. */
  private final class Last {
    private final Optional<Signalled> by;
    private final Duration atMost;
    private Optional<String> line = Optional.empty();

    Last(Optional<Signalled> by, Duration atMost) {
      this.by = by;
      this.atMost = atMost;
    }

    synchronized String line() {
      if (line.isEmpty()) {
        line = Optional.of(daemon.orElseThrow().end(by, atMost));
      }
      return line.get();
    }
  }

  private void supervise() {
    try {
      while (!closing.await(SUPERVISION.toNanos(), TimeUnit.NANOSECONDS)) {
        round();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // nobody of ours does
    }
  }

  private void round() {
    try {
      AgentConfig now = config;
      captures.supervise(now);
      distribution.ifPresent(Distribution::endLongCall);
      if (!now.half().distributes()) {
        captureStatus.writeWhenDue(now);
      }
    } catch (RuntimeException e) {
      LOG.error("supervision goes on after", e); // one bad round is no reason to have no other
    }
  }

  private static void join(Thread ending) {
    boolean interrupted = false;
    while (ending.isAlive()) {
      try {
        ending.join();
      } catch (InterruptedException e) {
        interrupted = true; // it ends within a step
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static Publisher publisher(AgentConfig config) {
    AvroSerializer<SpecificRecord> serializer = new AvroSerializer<>();
    serializer.configure(config.registrySettings(), false);
    return new Publisher(
        config.host(),
        config.maxInFlightBytes(),
        serializer,
        () ->
            new KafkaProducer<>(
                config.producerSettings(), new ByteArraySerializer(), new ByteArraySerializer()));
  }

  private synchronized Distribution distribution() {
    return distribution.orElseThrow(() -> new IllegalStateException("the agent was not started"));
  }

  /**
   * Takes the state directory. auditd may start its plugin again while the one before still sends:
   * as that it waits for it.
   */
  private FileChannel lock() throws IOException {
    Path directory = config.stateDir();
    boolean plugin =
        config.sources().stream().anyMatch(source -> source.input().equals(SourceConfig.STDIN));
    Duration atMost = plugin ? config.shutdownTimeout().plus(ENDING) : Duration.ZERO;
    long deadline = System.nanoTime() + atMost.toNanos();
    Optional<FileChannel> taken = tryLock(directory.resolve("lock"));
    while (taken.isEmpty() && System.nanoTime() - deadline < 0) {
      LockSupport.parkNanos(SUPERVISION.toNanos());
      taken = tryLock(directory.resolve("lock"));
    }
    return taken.orElseThrow(
        () ->
            new IOException(
                "state.dir "
                    + directory
                    + " is in use by another agent ("
                    + directory.resolve("lock")
                    + " is locked)"));
  }

  private static Optional<FileChannel> tryLock(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      FileLock taken = channel.tryLock();
      if (taken != null) {
        return Optional.of(channel);
      }
    } catch (OverlappingFileLockException e) {
      // taken by this very process
    }
    channel.close();
    return Optional.empty();
  }
}
