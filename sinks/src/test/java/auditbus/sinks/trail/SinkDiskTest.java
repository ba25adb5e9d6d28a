// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.Topics;
import auditbus.sinks.manifest.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Full and read-only disks: small file systems that really are that. */
class SinkDiskTest {
  private static final String START = "20261120104500";
  private static final TopicPartition EVENTS = new TopicPartition(Topics.EVENTS.topic(), 0);
  private static final TopicPartition TRAILS = new TopicPartition(Topics.TRAILS.topic(), 0);

  @TempDir Path temporary;
  private TemporaryMount mount;
  private TestWorker worker;

  private void start(String options) throws IOException {
    mount = TemporaryMount.tmpfs(Files.createDirectory(temporary.resolve("small")), options);
    worker = new TestWorker(mount.path());
    worker.start(1);
  }

  @AfterEach
  void stop() throws IOException {
    if (worker != null && worker.task != null) {
      worker.task.stop();
    }
    if (mount != null) {
      mount.close();
    }
  }

  @Test
  void sink_resumesWhenTheDiskHasRoomAgain() throws IOException {
    start("size=4m");
    Path ballast = Files.write(mount.path().resolve("ballast"), new byte[3 << 20]);
    Random random = new Random(31);
    List<TestTrail> trails = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      byte[] bytes = new byte[400_000];
      random.nextBytes(bytes);
      trails.add(new TestTrail("web" + i, "auditd", START, bytes));
    }
    for (TestTrail trail : trails) {
      worker.send(0, trail.terminated());
      trail.events(random, 20_000).forEach(event -> worker.send(0, event));
    }
    worker.task.put(worker.poll(TRAILS, Integer.MAX_VALUE));
    int failed = 0;
    int commits = 0;
    while (worker.positions.get(EVENTS) < worker.log.get(EVENTS).size()) {
      List<SinkRecord> batch = worker.poll(EVENTS, 10);
      // The worker gives the same batch until it is taken, and commits meanwhile.
      while (true) {
        try {
          worker.task.put(batch);
          break;
        } catch (RetriableException e) {
          assertThat(e).hasMessageContaining("No space left on device");
          assertThat(worker.timeout).isEqualTo(2_000);
          failed++;
        }
        if (failed == 3) {
          worker.committed.clear();
          worker.commit();
          assertThat(worker.committed).as("held while nothing fits").isEmpty();
          assertThat(debris()).isEmpty();
          assertNothingWronglyFinal(trails);
          commits++;
          Files.delete(ballast);
        }
        assertThat(failed).isLessThan(10);
      }
    }
    assertThat(commits).as("the disk was full").isEqualTo(1);
    worker.deliver(true);
    worker.commit();
    for (TestTrail trail : trails) {
      assertThat(file(trail)).hasBinaryContent(trail.bytes());
    }
    assertThat(worker.task.counters().trailsVerified).hasValue(trails.size());
    assertThat(worker.committed)
        .containsEntry(EVENTS, (long) worker.log.get(EVENTS).size())
        .containsEntry(TRAILS, (long) trails.size());
    assertThat(debris()).isEmpty();
  }

  @Test
  void sink_losesNothingIfItDiesWhileTheDiskIsFull() throws IOException {
    start("size=2m");
    TestTrail trail = trail(1_700_000, 32);
    Path ballast = Files.write(mount.path().resolve("ballast"), new byte[1 << 20]);
    trail.events(new Random(33), 50_000).forEach(event -> worker.send(0, event));
    worker.send(0, trail.terminated());
    List<SinkRecord> batch = worker.poll(EVENTS, Integer.MAX_VALUE);
    assertThatThrownBy(() -> worker.task.put(batch)).isInstanceOf(RetriableException.class);
    worker.positions.put(EVENTS, 0L); // the worker's own position is behind what it delivers
    worker.commit();
    assertThat(worker.committed.getOrDefault(EVENTS, 0L)).isZero();
    worker.crash();
    Files.delete(ballast);
    worker.start(1);
    worker.deliver(true);
    worker.commit();
    assertThat(file(trail)).hasBinaryContent(trail.bytes());
    assertThat(worker.committed).hasSize(2);
  }

  @Test
  void sink_leavesNoHalfSidecarOnAFullDisk() throws IOException {
    start("size=1m");
    TestTrail trail = trail(5_000, 34);
    worker.send(trail.event(0, 4_000));
    worker.commit();
    byte[] before = Files.readAllBytes(sidecar(trail));
    // Over 4 kB: many holes, so that the sidecar needs a page it cannot get.
    List<AuditEvent> scattered = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      scattered.add(trail.event(4_000 + 2 * i, 4_001 + 2 * i));
    }
    scattered.forEach(event -> worker.send(0, event));
    worker.deliver(false);
    Path ballast = fill();
    worker.committed.clear();
    worker.commit();
    assertThat(worker.committed).doesNotContainKey(EVENTS);
    assertThat(sidecar(trail)).as("the old one").hasBinaryContent(before);
    assertThat(debris()).isEmpty();
    Files.delete(ballast);
    worker.commit();
    assertThat(worker.committed).containsEntry(EVENTS, 401L);
    assertThat(Files.readString(sidecar(trail))).contains("covered 4798 1\n");
    worker.send(trail.event(0, 5_000), trail.terminated());
    assertThat(file(trail)).hasBinaryContent(trail.bytes());
    assertThat(debris()).isEmpty();
  }

  @Test
  void sink_quarantinesAllTheSameWhereTheReasonFoundNoRoom() throws IOException {
    start("size=1m");
    TestTrail trail = trail(5_000, 35);
    byte[] forged = trail.bytes().clone();
    forged[7] ^= 1;
    worker.send(trail.event(0, 4_000));
    worker.commit();
    Path ballast = fill();
    worker.send(0, new TestTrail("web1", "auditd", START, forged).event(0, 10));
    List<SinkRecord> batch = worker.poll(EVENTS, 10);
    assertThatThrownBy(() -> worker.task.put(batch))
        .isInstanceOf(RetriableException.class)
        .hasMessageContaining("No space left on device");
    assertThat(debris()).isEmpty();
    assertThat(names(trail)).contains(START + ".not_terminated");
    Files.delete(ballast);
    worker.task.put(batch);
    assertThat(names(trail)).contains(START + ".quarantined", START + ".quarantined.json");
    assertThat(debris()).isEmpty();
  }

  @Test
  void sink_marksAllTheSameWhereTheMarkerFoundNoRoom() throws IOException {
    start("size=1m");
    TestTrail trail = trail(5_000, 36);
    worker.send(trail.event(0, 5_000));
    worker.commit();
    Path ballast = fill();
    worker.send(0, trail.terminatedWithoutDigest("why"));
    List<SinkRecord> batch = worker.poll(TRAILS, 10);
    assertThatThrownBy(() -> worker.task.put(batch)).isInstanceOf(RetriableException.class);
    worker.committed.clear();
    worker.commit();
    assertThat(worker.committed).as("whole and not finished yet").isEmpty();
    assertThat(debris()).isEmpty();
    assertNothingWronglyFinal(List.of(trail));
    Files.delete(ballast);
    worker.commit();
    assertThat(names(trail))
        .containsExactly(
            ".lock", trail.name(), trail.name() + ".unverified", "MANIFEST", "audit.log");
  }

  @Test
  void sink_finishesAllTheSameWhereTheManifestFoundNoRoom() throws IOException {
    start("size=1m");
    TestTrail trail = trail(5_000, 40);
    worker.send(trail.event(0, 5_000));
    worker.commit();
    Path ballast = fill();
    worker.send(0, trail.terminated());
    List<SinkRecord> batch = worker.poll(TRAILS, 10);
    assertThatThrownBy(() -> worker.task.put(batch))
        .isInstanceOf(RetriableException.class)
        .hasMessageContaining("No space left on device");
    worker.committed.clear();
    worker.commit();
    assertThat(worker.committed).as("whole and not finished yet").isEmpty();
    assertNothingWronglyFinal(List.of(trail));
    Files.delete(ballast);
    worker.commit();
    assertThat(file(trail)).hasBinaryContent(trail.bytes());
    Manifest.Contents manifest = Manifest.read(file(trail).getParent());
    assertThat(manifest.faults()).isEmpty();
    assertThat(manifest.entries()).hasSize(1);
  }

  @Test
  void sink_waitsWhileNoFileCanBeMade() throws IOException {
    start("size=1m,nr_inodes=5"); // the root, host, source, lock and one more
    TestTrail trail = trail(5_000, 37);
    worker.send(trail.event(0, 4_000));
    worker.commit();
    assertThat(worker.committed).as("no inode for the sidecar").doesNotContainKey(EVENTS);
    mount.remount("nr_inodes=50");
    worker.commit();
    assertThat(worker.committed).containsEntry(EVENTS, 1L);
    worker.send(trail.event(4_000, 5_000), trail.terminated());
    assertThat(file(trail)).hasBinaryContent(trail.bytes());
  }

  @Test
  void sink_resumesWhenTheRootIsWritableAgain() throws IOException {
    start("size=4m");
    TestTrail trail = trail(50_000, 38);
    worker.send(trail.event(0, 20_000), trail.terminated());
    worker.commit();
    worker.task.close(TestWorker.both(0)); // or the kernel would not make it read-only
    mount.remount("ro");
    worker.task.open(TestWorker.both(0));
    worker.send(0, trail.event(20_000, 50_000));
    List<SinkRecord> batch = worker.poll(EVENTS, 10);
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> worker.task.put(batch))
          .isInstanceOf(RetriableException.class)
          .hasMessageContaining("Read-only file system");
    }
    TestWorker second = new TestWorker(mount.path());
    assertThatThrownBy(() -> second.start(1))
        .isInstanceOf(ConnectException.class)
        .hasMessageContaining("Read-only file system")
        .hasMessageContaining("write permission");
    mount.remount("rw");
    worker.task.put(batch);
    worker.commit();
    assertThat(file(trail)).hasBinaryContent(trail.bytes());
    assertThat(names(trail)).containsExactly(".lock", trail.name(), "MANIFEST", "audit.log");
    assertThat(worker.committed).containsEntry(EVENTS, 2L);
  }

  @Test
  void sink_opensATrailThatIsReadOnlyAlreadyAndHasNotItsNameYet() throws IOException {
    start("size=4m");
    TestTrail trail = trail(50_000, 39);
    worker.send(trail.event(0, 20_000));
    worker.commit();
    worker.crash();
    Path open = file(trail).resolveSibling(START + ".not_terminated");
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("r--r-----"));
    worker.start(1);
    worker.send(trail.event(20_000, 30_000));
    worker.commit();
    assertThat(Files.getPosixFilePermissions(open)).contains(PosixFilePermission.OWNER_WRITE);
    worker.send(trail.event(30_000, 50_000), trail.terminated());
    assertThat(file(trail)).hasBinaryContent(trail.bytes());
  }

  private TestTrail trail(int length, long seed) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return new TestTrail("web1", "auditd", START, bytes);
  }

  private Path fill() throws IOException {
    Path ballast = mount.path().resolve("ballast");
    try (var out = Files.newOutputStream(ballast)) {
      for (int i = 0; i < 4_096; i++) {
        out.write(new byte[1_024]);
      }
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("No space left on device");
      return ballast;
    }
    throw new AssertionError("the disk is not full");
  }

  private Path file(TestTrail trail) {
    return mount.path().resolve(trail.host()).resolve(trail.source()).resolve(trail.name());
  }

  private Path sidecar(TestTrail trail) {
    return file(trail).resolveSibling("." + trail.trail() + ".coverage");
  }

  private List<String> names(TestTrail trail) throws IOException {
    try (var files = Files.list(file(trail).getParent())) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private List<Path> debris() throws IOException {
    try (var files = Files.walk(mount.path())) {
      return files.filter(file -> file.toString().endsWith(".tmp")).toList();
    }
  }

  private void assertNothingWronglyFinal(List<TestTrail> trails) {
    for (TestTrail trail : trails) {
      if (Files.exists(file(trail))) {
        assertThat(file(trail)).hasBinaryContent(trail.bytes());
      }
    }
  }
}
