// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.Topics;
import auditbus.sinks.manifest.Published;
import auditbus.sinks.manifest.Verification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Everything that may happen to a task, in any order: both topics at any pace, records twice,
 * batches twice, commits that are lost, rebalances, and crashes that take back, in the files, any
 * part of what was written since the last commit. The end is always the same: every trail whole.
 */
class TrailSinkSimulationTest {
  private static final int PARTITIONS = 3;

  @TempDir Path root;

  private Random random;
  private TestWorker worker;
  private final List<TestTrail> trails = new ArrayList<>();
  // What the disk is known to hold after a power cut: the open trails' bytes at the last commit.
  private final Map<Path, byte[]> durable = new HashMap<>();
  // Finished trails nothing more is delivered of.
  private final Set<Path> committed = new HashSet<>();

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void simulation_endsWithEveryTrailWhole(long seed) throws IOException {
    run(seed);
  }

  @Test
  void simulation_endsWithEveryTrailWholeForASeedNobodyChose() throws IOException {
    run(System.nanoTime());
  }

  private void run(long seed) throws IOException {
    System.out.println("seed " + seed);
    random = new Random(seed);
    worker = new TestWorker(root);
    worker.settings.put("open.files.max", "8");
    publish();
    worker.start(PARTITIONS);
    int crashes = 0;
    while (!caughtUp() || !finished()) {
      switch (random.nextInt(20)) {
        case 0 -> {
          crash();
          crashes++;
        }
        case 1 -> {
          rebalance();
        }
        case 2, 3, 4 -> commit(random.nextInt(4) > 0);
        default -> deliver();
      }
      assertThat(crashes).as("seed %d does not end", seed).isLessThan(1000);
    }
    commit(true);
    worker.task.stop();
    check(seed);
  }

  private void publish() {
    Map<Integer, List<List<AuditEvent>>> streams = new HashMap<>();
    for (int host = 0; host < 5; host++) {
      int partition = host % PARTITIONS;
      for (String source : List.of("auditd", "kernel")) {
        List<AuditEvent> stream = new ArrayList<>();
        for (int number = 0; number < 2; number++) {
          TestTrail trail =
              TestTrail.random(
                  random, "host" + host, source, "2026112010450" + number, 1 << random.nextInt(16));
          trails.add(trail);
          stream.addAll(trail.events(random, 1 << (4 + random.nextInt(8))));
          worker.send(partition, trail.opened(), trail.terminated());
        }
        streams.computeIfAbsent(partition, p -> new ArrayList<>()).add(resent(stream));
      }
    }
    streams.forEach(this::interleave);
  }

  // An agent that lost its acks sends again from where it was sure: the log holds a window twice.
  private List<AuditEvent> resent(List<AuditEvent> stream) {
    List<AuditEvent> sent = new ArrayList<>();
    for (int i = 0; i < stream.size(); i++) {
      sent.add(stream.get(i));
      if (random.nextInt(30) == 0) {
        i = Math.max(-1, i - random.nextInt(10));
      }
    }
    return sent;
  }

  private void interleave(int partition, List<List<AuditEvent>> streams) {
    List<ArrayList<AuditEvent>> left = new ArrayList<>();
    streams.forEach(stream -> left.add(new ArrayList<>(stream.reversed())));
    left.removeIf(List::isEmpty);
    while (!left.isEmpty()) {
      ArrayList<AuditEvent> stream = left.get(random.nextInt(left.size()));
      worker.send(partition, stream.removeLast());
      left.removeIf(List::isEmpty);
    }
  }

  private void deliver() {
    List<TopicPartition> partitions = new ArrayList<>(worker.positions.keySet());
    partitions.sort(
        Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition));
    TopicPartition tp = partitions.get(random.nextInt(partitions.size()));
    List<SinkRecord> batch = worker.poll(tp, 1 + random.nextInt(60));
    if (random.nextInt(10) == 0) {
      worker.task.put(batch.subList(0, random.nextInt(batch.size() + 1)));
    }
    worker.task.put(batch);
  }

  private void commit(boolean arrives) throws IOException {
    Map<TopicPartition, Long> before = new HashMap<>(worker.committed);
    worker.commit();
    if (!arrives) {
      worker.committed.clear();
      worker.committed.putAll(before);
    }
    if (arrives) {
      for (TestTrail trail : trails) {
        Path named = root.resolve(trail.host()).resolve(trail.source()).resolve(trail.name());
        if (Files.exists(named)) {
          committed.add(named);
        }
      }
    }
    remember();
  }

  private void rebalance() throws IOException {
    commit(random.nextBoolean());
    worker.task.close(worker.positions.keySet());
    worker.task.stop();
    worker.start(PARTITIONS);
  }

  private void remember() throws IOException {
    durable.clear();
    for (Path path : openTrails()) {
      durable.put(path, Files.readAllBytes(path));
    }
  }

  private List<Path> openTrails() throws IOException {
    try (var files = Files.walk(root)) {
      return files.filter(path -> path.toString().endsWith(".not_terminated")).toList();
    }
  }

  private void crash() throws IOException {
    worker.crash();
    for (Path path : openTrails()) {
      byte[] safe = durable.getOrDefault(path, new byte[0]);
      if (!durable.containsKey(path) && random.nextBoolean()) {
        Files.delete(path);
        continue;
      }
      byte[] written = Files.readAllBytes(path);
      int length = safe.length + random.nextInt(written.length - safe.length + 1);
      byte[] left = Arrays.copyOf(safe, length);
      for (int block = 0; block < length; block += 512) {
        if (random.nextBoolean()) {
          System.arraycopy(written, block, left, block, Math.min(512, length - block));
        }
      }
      Files.write(path, left);
    }
    crashWhileFinishing();
    worker.start(PARTITIONS);
    remember();
  }

  // The manifest's line is durable and the new name is not; the next line was cut short.
  private void crashWhileFinishing() throws IOException {
    for (TestTrail trail : trails) {
      Path directory = root.resolve(trail.host()).resolve(trail.source());
      Path named = directory.resolve(trail.name());
      if (Files.exists(named) && !committed.contains(named) && random.nextBoolean()) {
        Files.move(named, directory.resolve(trail.trail() + ".not_terminated"));
      }
      if (Files.exists(directory.resolve("MANIFEST")) && random.nextInt(4) == 0) {
        Files.writeString(
            directory.resolve("MANIFEST"), "9 finished 2026", StandardOpenOption.APPEND);
      }
    }
  }

  private boolean caughtUp() {
    return worker.log.entrySet().stream()
        .allMatch(entry -> worker.positions.get(entry.getKey()) == entry.getValue().size());
  }

  private boolean finished() {
    return trails.stream()
        .allMatch(
            trail ->
                Files.exists(
                    root.resolve(trail.host()).resolve(trail.source()).resolve(trail.name())));
  }

  private void check(long seed) throws IOException {
    for (TestTrail trail : trails) {
      assertThat(root.resolve(trail.host()).resolve(trail.source()).resolve(trail.name()))
          .as("seed %d", seed)
          .hasBinaryContent(trail.bytes());
    }
    try (var files = Files.walk(root)) {
      assertThat(
              files
                  .filter(path -> Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS))
                  .filter(path -> !path.endsWith(".lock") && !path.endsWith("MANIFEST")))
          .as("seed %d: nothing but the trails is left", seed)
          .hasSize(trails.size());
    }
    Published published = new Published();
    trails.forEach(trail -> published.add(trail.terminated()));
    Findings findings = new Findings();
    Verification.Totals totals =
        new Verification(
                findings,
                Optional.of(
                    new Verification.Against(published, Optional.empty(), Optional.empty())))
            .verify(root);
    assertThat(findings.misfits).as("seed %d", seed).isEmpty();
    assertThat(findings.remarks).as("seed %d", seed).isEmpty();
    assertThat(totals.trails()).isEqualTo(trails.size());
    assertThat(worker.refused).isEmpty();
    assertThat(worker.committed)
        .containsEntry(
            new TopicPartition(Topics.TRAILS.topic(), 0),
            (long) worker.log.get(new TopicPartition(Topics.TRAILS.topic(), 0)).size());
  }
}
