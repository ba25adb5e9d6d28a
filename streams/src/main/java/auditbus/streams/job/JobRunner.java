// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs jobs, each in a {@code KafkaStreams} of its own with application id {@code auditbus-NAME},
 * exactly once, from {@link #start} to {@link #close}.
 *
 * <p>Nothing stops a job: a record that cannot be read or processed goes to the dead letters; a
 * thread that dies is replaced after a pause.
 *
 * <p>Thread-safe.
 */
public final class JobRunner implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(JobRunner.class);

  private final List<Job> jobs;
  private final JobConfig config;
  private final Map<String, RunningJob> running = new LinkedHashMap<>();
  private boolean closed;

  /** Takes the jobs, of different names; connects to nothing yet. */
  public JobRunner(List<? extends Job> jobs, JobConfig config) {
    this.jobs = List.copyOf(jobs);
    this.config = config;
    if (this.jobs.stream().map(Job::name).distinct().count() != jobs.size()) {
      throw new IllegalArgumentException(
          "two jobs have one name: " + this.jobs.stream().map(Job::name).toList());
    }
  }

  /**
   * Starts all jobs and returns; {@link #state} says when they run.
   *
   * @throws org.apache.kafka.common.KafkaException if a client cannot be made, e.g. no broker name
   *     resolves; what was started is stopped again
   */
  public synchronized void start() {
    if (closed || !running.isEmpty()) {
      throw new IllegalStateException("jobs were started or closed before");
    }
    try {
      for (Job job : jobs) {
        RunningJob one = new RunningJob(job, config);
        running.put(job.name(), one);
        one.start();
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** How each job is doing, by name, in the order given; empty before start. */
  public synchronized Map<String, JobState> state() {
    Map<String, JobState> states = new LinkedHashMap<>();
    running.forEach((name, job) -> states.put(name, job.state()));
    return states;
  }

  /** Stops all jobs, each after a last commit; does nothing the second time. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    long timeoutMs = config.milliseconds(JobConfig.CLOSE_TIMEOUT);
    running.forEach(
        (name, job) -> {
          if (!job.close(Duration.ofMillis(timeoutMs))) {
            log.warn(
                "job {} did not stop in {} ms; the next start does its last part again",
                name,
                timeoutMs);
          }
        });
  }
}
