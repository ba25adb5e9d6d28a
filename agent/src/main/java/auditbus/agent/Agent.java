// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.publish.Publisher;
import auditbus.agent.trail.Checkpoint;
import auditbus.schemas.AvroSerializer;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The agent of one host: made of a configuration, started, closed.
 *
 * <p>Thread-safe.
 */
public final class Agent implements AutoCloseable {
  private final AgentConfig config;
  private final HostFacts facts;
  private Optional<FileChannel> lock = Optional.empty();
  private Optional<Distribution> distribution = Optional.empty();
  private Optional<Thread> thread = Optional.empty();
  private volatile Optional<Throwable> died = Optional.empty();

  /** Makes an agent; nothing is opened. */
  public Agent(AgentConfig config) {
    this.config = config;
    this.facts = HostFacts.read();
  }

  /**
   * Takes the state directory and begins. Kafka and the registry need not be there yet.
   *
   * @throws IOException if the state directory cannot be used, or another agent has it
   */
  public synchronized void start() throws IOException {
    if (thread.isPresent()) {
      return;
    }
    Path directory = config.stateDir();
    Files.createDirectories(
        directory,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    lock = Optional.of(lock(directory.resolve("lock")));
    Checkpoint checkpoint = Checkpoint.load(directory.resolve("checkpoint"));
    AvroSerializer<SpecificRecord> serializer = new AvroSerializer<>();
    serializer.configure(config.registrySettings(), false);
    Publisher publisher =
        new Publisher(
            config.host(),
            config.sources().size(),
            config.maxInFlightBytes(),
            serializer,
            () ->
                new KafkaProducer<>(
                    config.producerSettings(),
                    new ByteArraySerializer(),
                    new ByteArraySerializer()));
    Distribution loop =
        new Distribution(config, facts, checkpoint, publisher, InstantSource.system());
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

  /**
   * Waits until the agent ends by itself: with {@code once} when all is done.
   *
   * @return whether it has ended
   * @throws IllegalStateException if its loop died; the cause says why
   */
  public boolean awaitEnd(Duration timeout) throws InterruptedException {
    Thread runner;
    synchronized (this) {
      runner = thread.orElseThrow(() -> new IllegalStateException("the agent was not started"));
    }
    boolean ended = runner.join(timeout);
    if (died.isPresent()) {
      throw new IllegalStateException("the agent stopped: " + died.get().getMessage(), died.get());
    }
    return ended;
  }

  /** Why the agent's loop died, empty while it did not. */
  public Optional<Throwable> died() {
    return died;
  }

  /** Stops: sends what it can within {@code shutdown.timeout.ms}, stores the checkpoint. */
  @Override
  public synchronized void close() {
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

  private synchronized Distribution distribution() {
    return distribution.orElseThrow(() -> new IllegalStateException("the agent was not started"));
  }

  private static FileChannel lock(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      FileLock taken = channel.tryLock();
      if (taken != null) {
        return channel;
      }
    } catch (OverlappingFileLockException e) {
      // taken by this very process
    }
    channel.close();
    throw new IOException(
        "state.dir " + file.getParent() + " is in use by another agent (" + file + " is locked)");
  }
}
