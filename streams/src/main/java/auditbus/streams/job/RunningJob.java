// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One job and its {@code KafkaStreams}. A thread that dies is replaced after a pause that doubles
 * from death to death, for ever.
 *
 * <p>Thread-safe.
 */
final class RunningJob {
  private static final Logger log = LoggerFactory.getLogger(RunningJob.class);

  private final String name;
  private final long backoffMs;
  private final long maxBackoffMs;
  private final KafkaStreams streams;
  private final CountDownLatch closing = new CountDownLatch(1);
  private long restarts;
  private long inARow;
  private long lastDeathNanos;
  private String lastError;

  RunningJob(Job job, JobConfig config) {
    name = job.name();
    backoffMs = config.milliseconds(JobConfig.RESTART_BACKOFF);
    maxBackoffMs = config.milliseconds(JobConfig.RESTART_BACKOFF_MAX);
    streams = new KafkaStreams(job.topology(config), config.streams(name));
    streams.setUncaughtExceptionHandler(this::died);
    streams.setStateListener(
        (state, before) -> log.info("job {}: {} (was {})", name, state, before));
  }

  void start() {
    streams.start();
  }

  synchronized JobState state() {
    return new JobState(name, streams.state(), restarts, Optional.ofNullable(lastError));
  }

  /** Called by the dying thread, which Kafka Streams replaces when this returns. */
  private StreamThreadExceptionResponse died(Throwable error) {
    long pauseMs = pause(error);
    log.error(
        "job {}: its thread died and is restarted in {} ms: {}", name, pauseMs, Blame.text(error));
    log.debug("job {}", name, error);
    try {
      if (closing.await(pauseMs, TimeUnit.MILLISECONDS)) {
        return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    return StreamThreadExceptionResponse.REPLACE_THREAD;
  }

  private synchronized long pause(Throwable error) {
    long now = System.nanoTime();
    long calmNanos = TimeUnit.MILLISECONDS.toNanos(2 * maxBackoffMs);
    inARow = inARow > 0 && now - lastDeathNanos < calmNanos ? inARow + 1 : 1;
    lastDeathNanos = now;
    restarts++;
    lastError = Blame.text(error);
    return Math.min(maxBackoffMs, backoffMs << Math.min(inARow - 1, 20));
  }

  boolean close(Duration timeout) {
    closing.countDown();
    // Else the next start waits until the group takes this member for dead.
    return streams.close(
        CloseOptions.timeout(timeout)
            .withGroupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
  }
}
