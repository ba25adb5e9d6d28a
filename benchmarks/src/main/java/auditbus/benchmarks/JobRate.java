// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import auditbus.schemas.Topics;
import auditbus.streams.gaps.GapsJob;
import auditbus.streams.job.Job;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.JobRunner;
import auditbus.streams.shutdown.ShutdownJob;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Runs one job over what {@code audit.events} has and says how fast it went: {@code JobRate
 * BOOTSTRAP REGISTRY STATE_DIRECTORY gaps|shutdown|reading|forwarding}.
 *
 * <p>The first third of the events warms up. Of the rest it prints the job, events, microseconds of
 * CPU an event of the job's thread, the same of the whole process (with the clients' threads,
 * RocksDB's, compilers and collector), milliseconds, and bytes of the state directory.
 */
public final class JobRate {
  private static final long LOOK_MS = 50;

  private JobRate() {}

  /** One sample of a run. */
  private record Sample(long events, long threadNanos, long processNanos, long atNanos) {}

  /** Measures and prints. */
  public static void main(String[] args) throws Exception {
    Job job =
        List.of(new GapsJob(), new ShutdownJob(), new PassThrough(false), new PassThrough(true))
            .stream()
            .filter(one -> one.name().equals(args[3]))
            .findFirst()
            .orElseThrow();
    Path state = Path.of(args[2]);
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers",
            args[0],
            "schema.registry.url",
            args[1],
            "state.dir",
            state.toString());
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]));
        JobRunner runner = new JobRunner(List.of(job), new JobConfig(settings))) {
      TopicPartition events = new TopicPartition(Topics.EVENTS.topic(), 0);
      long end =
          admin
              .listOffsets(Map.of(events, OffsetSpec.latest()))
              .partitionResult(events)
              .get(30, TimeUnit.SECONDS)
              .offset();
      runner.start();
      Sample from = null;
      Sample now = sample(admin, job, events);
      while (now.events() < end) {
        TimeUnit.MILLISECONDS.sleep(LOOK_MS);
        now = sample(admin, job, events);
        if (from == null && now.events() >= end / 3) {
          from = now;
        }
      }
      double count = now.events() - from.events();
      System.out.printf(
          Locale.ROOT,
          "%s %.0f %.2f %.2f %d %d%n",
          job.name(),
          count,
          (now.threadNanos() - from.threadNanos()) / count / 1000,
          (now.processNanos() - from.processNanos()) / count / 1000,
          TimeUnit.NANOSECONDS.toMillis(now.atNanos() - from.atNanos()),
          size(state));
    }
    System.exit(0);
  }

  private static Sample sample(Admin admin, Job job, TopicPartition events) throws Exception {
    OffsetAndMetadata done =
        admin
            .listConsumerGroupOffsets("auditbus-" + job.name())
            .partitionsToOffsetAndMetadata()
            .get(30, TimeUnit.SECONDS)
            .get(events);
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long nanos = 0;
    for (long id : threads.getAllThreadIds()) {
      ThreadInfo info = threads.getThreadInfo(id);
      if (info != null && info.getThreadName().matches(".*StreamThread-\\d+")) {
        nanos += threads.getThreadCpuTime(id);
      }
    }
    return new Sample(
        done == null ? 0 : done.offset(),
        nanos,
        ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime(),
        System.nanoTime());
  }

  private static long size(Path directory) throws IOException {
    try (var files = Files.walk(directory)) {
      return files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
    }
  }
}
