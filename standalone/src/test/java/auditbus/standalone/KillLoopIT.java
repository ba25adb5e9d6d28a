// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.AgentProcess;
import auditbus.schemas.AuditEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The agent killed at any moment, again and again, while trails are written, switched and, once
 * distributed, deleted by it.
 */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
final class KillLoopIT {
  private static final int KILLS = 30;

  @TempDir Path directory;

  @Test
  void killedAtAnyMoment_everyByteArrivesAndEveryEventWhole() throws Exception {
    long seed = System.nanoTime();
    String what = "seed " + seed;
    System.out.println(what);
    Random random = new Random(seed);
    Path trails = directory.resolve("trails");
    try (GuardedCluster cluster = new GuardedCluster(directory.resolve("kafka"))) {
      Map<String, String> settings = cluster.agent("killed", trails);
      settings.put("sources.bsd.delete", "acked");
      settings.put("checkpoint.interval.ms", "50");
      settings.put("in.flight.max.bytes", "1000000");
      Writer writer = new Writer(trails, random.nextLong());
      Thread writing = new Thread(writer, "writer");
      writing.start();
      int deletedMeanwhile = 0;
      Path checkpoint = directory.resolve("state/checkpoint");
      for (int kill = 0; kill < KILLS; kill++) {
        long begun = modified(checkpoint);
        try (AgentProcess agent = AgentProcess.start(directory, settings)) {
          ProcessHandle process = ProcessHandle.of(agent.pid()).orElseThrow();
          if (random.nextInt(3) > 0) { // most often while it publishes, else while it starts
            agent.await("at work", () -> modified(checkpoint) > begun);
            long stored = modified(checkpoint); // and the next one has acknowledgements in it
            agent.await("heard", () -> modified(checkpoint) > stored);
          }
          TimeUnit.MILLISECONDS.sleep(random.nextInt(1_000));
          assertThat(process.isAlive()).as("%s: %s", what, agent.log()).isTrue();
        } // SIGKILL
        deletedMeanwhile = writer.ended() - closedFiles(trails);
      }
      assertThat(deletedMeanwhile)
          .as("%s: nothing was deleted between two kills", what)
          .isPositive();
      writer.stop();
      writing.join();
      Map<String, byte[]> written = writer.written();
      try (AgentProcess agent = AgentProcess.start(directory, settings);
          Arrivals arrivals = cluster.arrivals("killed")) {
        agent.await(
            what,
            Duration.ofMinutes(3),
            () -> {
              arrivals.poll(Duration.ofMillis(50));
              // One topic may be read ahead of the other.
              return written.entrySet().stream()
                  .allMatch(
                      trail ->
                          arrivals.isTerminated(trail.getKey())
                              && arrivals.arrived(trail.getKey()) == trail.getValue().length);
            });
        agent.await(what + ": all is deleted", () -> closedFiles(trails) == 0);
        for (Map.Entry<String, byte[]> trail : written.entrySet()) {
          arrivals.assertWhole(trail.getKey(), trail.getValue());
          arrivals.assertTerminated(trail.getKey(), trail.getValue());
        }
        assertEventsWhole(arrivals.events, writer.events(), what);
        assertThat(agent.log().lines().filter(line -> line.contains("ERROR"))).as(what).isEmpty();
        System.out.println(
            "%d trails of %d bytes, %d messages, %d events, %d deleted between kills"
                .formatted(
                    written.size(),
                    written.values().stream().mapToLong(bytes -> bytes.length).sum(),
                    arrivals.events.size(),
                    writer.events(),
                    deletedMeanwhile));
      }
    }
  }

  /** Every event arrived with all its records, and no message had a part of one only. */
  private static void assertEventsWhole(List<AuditEvent> messages, int events, String what) {
    Map<Long, Integer> nextPart = new HashMap<>();
    Set<Long> whole = new HashSet<>();
    for (AuditEvent message : messages) {
      long serial = message.getSerial();
      assertThat(message.getComplete()).as("%s: %s", what, message).isTrue();
      assertThat(message.getRecords().getFirst().getName())
          .as("%s: serial %s part %s", what, serial, message.getPart())
          .isEqualTo(message.getPart() == 0 ? "SYSCALL" : "EXECVE");
      if (message.getPart() == 0) {
        nextPart.put(serial, 0);
      }
      // A kill may fall between two parts; then all come again.
      assertThat(nextPart).containsEntry(serial, message.getPart());
      nextPart.put(serial, message.getPart() + 1);
      if (message.getPart() == message.getParts() - 1) {
        whole.add(serial);
        assertThat(message.getRecords().getLast().getName()).isEqualTo("EOE");
      }
    }
    assertThat(whole).as(what).hasSize(events);
  }

  private static long modified(Path file) throws IOException {
    return Files.exists(file) ? Files.getLastModifiedTime(file).to(TimeUnit.NANOSECONDS) : 0;
  }

  private static int closedFiles(Path trails) throws IOException {
    try (Stream<Path> files = Files.list(trails)) {
      return (int) files.filter(file -> !file.toString().endsWith(".not_terminated")).count();
    }
  }

  /** Appends and switches until it is told to stop; its own thread. */
  private static final class Writer implements Runnable {
    private final Random random;
    private final GrowingTrail trail;
    private final Map<String, byte[]> written = new TreeMap<>();
    private final AtomicReference<Exception> failure = new AtomicReference<>();
    private volatile boolean stopped;
    private final AtomicInteger ended = new AtomicInteger();
    private int large;

    Writer(Path directory, long seed) throws IOException {
      this.random = new Random(seed);
      this.trail = new GrowingTrail(directory);
    }

    @Override
    public void run() {
      try {
        while (!stopped) {
          trail.events(1 + random.nextInt(60));
          if (random.nextInt(60) == 0) {
            trail.append(PublishingIT.execve(++large, 1_200_000));
          }
          if (random.nextInt(20) == 0) {
            keep();
            trail.rotate();
            int _ = ended.incrementAndGet();
          }
          TimeUnit.MILLISECONDS.sleep(random.nextInt(100));
        }
        keep();
        Path _ = trail.end();
      } catch (IOException | InterruptedException e) {
        failure.set(e);
      }
    }

    private void keep() throws IOException {
      written.put(GrowingTrail.id(trail.trails() - 1), Files.readAllBytes(trail.open()));
    }

    void stop() {
      stopped = true;
    }

    int ended() {
      return ended.get();
    }

    Map<String, byte[]> written() {
      assertThat(failure).hasValue(null);
      return written;
    }

    int events() {
      return trail.events() + large;
    }
  }
}
