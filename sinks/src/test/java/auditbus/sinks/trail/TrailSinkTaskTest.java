// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.Format;
import auditbus.schemas.Range;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrailSinkTaskTest {
  private static final String START = "20261120104500";

  @TempDir Path root;
  private TestWorker worker;
  private final TestTrail trail = TestTrail.random(new Random(1), "web1", "auditd", START, 10_000);
  private Path directory;

  @BeforeEach
  void start() {
    directory = root.resolve("web1/auditd");
    worker = new TestWorker(root);
    worker.start(1);
  }

  @AfterEach
  void stop() {
    worker.task.stop();
  }

  @Test
  void sink_finishesAWholeTrailUnderItsNameReadOnly() throws IOException {
    worker.send(trail.opened());
    trail.events(new Random(2), 900).forEach(worker::send);
    worker.commit();
    assertThat(names()).containsExactly("." + START + ".coverage", START + ".not_terminated");
    worker.send(trail.terminated());

    Path file = directory.resolve(trail.name());
    assertThat(file).hasBinaryContent(trail.bytes());
    assertThat(names()).containsExactly(trail.name());
    assertThat(mode(file)).isEqualTo("r--r-----");
    assertThat(mode(directory)).isEqualTo("rwxr-x---");
    assertThat(mode(directory.getParent())).isEqualTo("rwxr-x---");
    assertThat(worker.task.counters().trailsVerified).hasValue(1);
  }

  @Test
  void sink_keepsAnEndThatComesBeforeItsBytesOverARestart() throws IOException {
    worker.send(trail.terminated());
    worker.commit();
    worker.restart();
    assertThat(worker.positions.get(new TopicPartition("audit.trails", 0))).isEqualTo(1);
    trail.events(new Random(3), 900).reversed().forEach(worker::send);
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
    assertThat(names()).containsExactly(trail.name());
  }

  @Test
  void sink_finishesAnEmptyTrail() throws IOException {
    TestTrail empty = new TestTrail("web1", "auditd", START, new byte[0]);
    worker.send(empty.terminated());
    assertThat(directory.resolve(empty.name())).isEmptyFile();
    assertThat(names()).containsExactly(empty.name());
  }

  @Test
  void sink_takesRecordsOfTheNextTrailInOneEvent() throws IOException {
    TestTrail next = TestTrail.random(new Random(9), "web1", "auditd", "20261120110000", 500);
    AuditEvent straddling = trail.event(trail.record(0, trail.bytes().length));
    var second = next.record(0, next.bytes().length);
    second.setTrail(next.trail());
    straddling.setRecords(List.of(straddling.getRecords().getFirst(), second));
    worker.send(straddling, trail.terminated(), next.terminated());
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
    assertThat(directory.resolve(next.name())).hasBinaryContent(next.bytes());
  }

  @Test
  void sink_leavesAnIncompleteTrailOpenWithItsHolesReadable() throws IOException {
    worker.send(trail.event(0, 100), trail.event(200, 300), trail.terminated());
    worker.commit();
    assertThat(names()).containsExactly("." + START + ".coverage", START + ".not_terminated");
    assertThat(directory.resolve("." + START + ".coverage"))
        .content()
        .contains("hole 100 100\n")
        .contains("hole 300 " + (trail.bytes().length - 300) + "\n")
        .contains("state TERMINATED\n");
    assertThat(worker.task.counters().trailsEndedIncomplete).hasValue(1);
    assertThat(worker.committed).hasSize(2);
  }

  @Test
  void sink_ignoresDuplicatesAndLateRecordsOfFinishedTrails() throws IOException {
    AuditEvent whole = trail.event(0, trail.bytes().length);
    worker.send(whole, whole);
    assertThat(worker.task.counters().recordsDuplicate).hasValue(1);
    worker.send(trail.terminated());
    byte[] other = new byte[50];
    worker.send(new TestTrail("web1", "auditd", START, other).event(0, 50), trail.terminated());
    worker.restart();
    worker.deliver(true);
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
    assertThat(names()).containsExactly(trail.name());
  }

  @Test
  void sink_quarantinesATrailWhoseDigestDiffers() throws IOException {
    var state = trail.terminated();
    state.setSha256("00".repeat(32));
    worker.send(trail.event(0, trail.bytes().length), state);
    assertThat(names())
        .containsExactly(trail.name() + ".quarantined", trail.name() + ".quarantined.json");
    assertThat(directory.resolve(trail.name() + ".quarantined")).hasBinaryContent(trail.bytes());
    assertThat(directory.resolve(trail.name() + ".quarantined.json"))
        .content()
        .contains("\"host\": \"web1\"")
        .contains(trail.sha256())
        .contains("00".repeat(32));
    worker.send(trail.event(0, 10));
    worker.restart();
    worker.send(trail.terminated());
    assertThat(names()).hasSize(2);
    assertThat(worker.refused).isEmpty();
  }

  @Test
  void sink_quarantinesATrailThatIsLongerThanItsAgentSays() throws IOException {
    var state = trail.terminated();
    state.setSize(trail.bytes().length - 1);
    worker.send(trail.event(0, trail.bytes().length), state);
    assertThat(names()).contains(trail.name() + ".quarantined");
    assertThat(directory.resolve(trail.name() + ".quarantined.json")).content().contains("size");
  }

  @Test
  void sink_quarantinesBytesThatDifferButGoesOnCollecting() throws IOException {
    byte[] forged = trail.bytes().clone();
    forged[150] ^= 1;
    worker.send(trail.event(0, 200));
    worker.commit();
    worker.send(new TestTrail("web1", "auditd", START, forged).event(100, 300));
    assertThat(names())
        .contains(START + ".quarantined", START + ".quarantined.json")
        .doesNotContain(START + ".not_terminated");
    assertThat(directory.resolve(START + ".quarantined.json")).content().contains("position 150");
    worker.restart();
    worker.deliver(false);
    worker.send(trail.event(300, trail.bytes().length), trail.terminated());
    assertThat(names())
        .containsExactly(trail.name() + ".quarantined", trail.name() + ".quarantined.json");
    assertThat(directory.resolve(trail.name() + ".quarantined")).hasBinaryContent(trail.bytes());
  }

  @Test
  void sink_quarantinesBytesBeyondTheEnd() throws IOException {
    TestTrail longer =
        new TestTrail(
            "web1", "auditd", START, Arrays.copyOf(trail.bytes(), trail.bytes().length + 5));
    worker.send(trail.terminated(), trail.event(0, 10));
    worker.send(longer.event(trail.bytes().length, trail.bytes().length + 5));
    assertThat(directory.resolve(START + ".quarantined")).hasSize(10);
  }

  @Test
  void sink_marksATrailWhoseDigestNobodyKnows() throws IOException {
    int length = trail.bytes().length;
    worker.send(
        trail.event(0, 100),
        trail.event(200, length),
        trail.terminatedWithoutDigest("disk full", new Range(100L, 100L)));
    assertThat(names()).containsExactly(trail.name(), trail.name() + ".unverified");
    assertThat(directory.resolve(trail.name() + ".unverified"))
        .content()
        .contains("disk full")
        .contains("100 bytes at position 100");
    assertThat(mode(directory.resolve(trail.name()))).isEqualTo("r--r-----");
  }

  @Test
  void sink_keepsBytesBeyondTheAckedSizeOfATrailThatLostItsTail() throws IOException {
    var state = trail.terminatedWithoutDigest("the file came back shorter");
    state.setSize(100);
    worker.send(trail.event(0, 150), state);
    assertThat(directory.resolve(trail.name())).hasSize(150);
    assertThat(directory.resolve(trail.name() + ".unverified")).content().contains("50 bytes");
  }

  @Test
  void sink_doesNotFinishATrailWithoutDigestThatMissesBytes() throws IOException {
    worker.send(trail.event(0, 100), trail.terminatedWithoutDigest("why"));
    worker.send(
        trail
            .state(TrailStatus.DROPPED, START + ".not_terminated")
            .setDropped(List.of(new Range(100L, 50L)))
            .build());
    worker.commit();
    assertThat(names()).contains(START + ".not_terminated");
    worker.restart();
    worker.send(trail.event(150, trail.bytes().length));
    assertThat(names()).containsExactly(trail.name(), trail.name() + ".unverified");
  }

  @Test
  void sink_recoversFromASidecarCutAtAnyByte() throws IOException {
    TestTrail small = TestTrail.random(new Random(5), "web1", "auditd", START, 300);
    int half = small.bytes().length / 2;
    worker.send(small.terminated(), small.event(0, half));
    worker.commit();
    Path sidecar = directory.resolve("." + START + ".coverage");
    byte[] whole = Files.readAllBytes(sidecar);
    worker.crash();
    for (int length = 0; length < whole.length; length++) {
      Files.write(sidecar, Arrays.copyOf(whole, length));
      Files.deleteIfExists(directory.resolve(small.name()));
      Files.write(directory.resolve(START + ".not_terminated"), Arrays.copyOf(small.bytes(), half));
      TestWorker again = new TestWorker(root);
      again.start(1);
      again.send(small.event(half, small.bytes().length));
      assertThat(names()).doesNotContain(small.name());
      // The agent says the end again, or the offsets were reset: either way nothing is lost.
      if (length % 2 == 0) {
        again.send(small.event(0, half));
      }
      again.send(small.terminated());
      again.task.stop();
      assertThat(directory.resolve(small.name()))
          .as("sidecar cut at %d of %d", length, whole.length)
          .hasBinaryContent(small.bytes());
    }
  }

  @Test
  void sink_provesByDigestWhatALostSidecarNoLongerTells() throws IOException {
    worker.send(trail.event(0, trail.bytes().length));
    worker.commit();
    worker.crash();
    Files.delete(directory.resolve("." + START + ".coverage"));
    worker.start(1);
    worker.send(trail.terminated());
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
  }

  @Test
  void sink_verifiesALargeTrailInStepsAndHoldsItsOffsets() throws IOException {
    TestTrail large = TestTrail.random(new Random(6), "web1", "auditd", START, 100_000);
    worker.send(large.event(0, large.bytes().length));
    SinkCounters counters = new SinkCounters();
    worker.task.stop();
    TrailStore store =
        new TrailStore(
            root.toRealPath(),
            "test",
            new Limits(1 << 20, 2, 1024, 2, 100, 0, 30_000),
            Optional.empty(),
            counters,
            java.time.InstantSource.system());
    TrailId id = new TrailId("web1", "auditd", START);
    store.end(3, id, Format.LINUX, FinalState.of(large.terminated()).orElseThrow());
    int steps = 0;
    while (store.advance()) {
      assertThat(store.sync().get(3)).as("held while verifying").isTrue();
      steps++;
    }
    assertThat(steps).isEqualTo((large.bytes().length - 1) / 30_000);
    assertThat(store.sync().isEmpty()).isTrue();
    assertThat(directory.resolve(large.name())).hasBinaryContent(large.bytes());
    store.close();
  }

  @Test
  void sink_keepsOpenFilesAndMemoryBoundedWithManyTrails() throws IOException {
    worker.task.stop();
    worker.settings.put("open.files.max", "2");
    worker.start(1);
    for (int round = 0; round < 3; round++) {
      for (int host = 0; host < 40; host++) {
        TestTrail one = new TestTrail("h" + host, "auditd", START, trail.bytes());
        worker.send(one.event(round * 100, round * 100 + 100));
      }
      worker.commit();
      assertThat(worker.task.counters().trailsOpen.get()).isLessThanOrEqualTo(2);
    }
    for (int host = 0; host < 40; host++) {
      TestTrail one = new TestTrail("h" + host, "auditd", START, Arrays.copyOf(trail.bytes(), 300));
      worker.send(one.terminated());
      assertThat(root.resolve("h" + host + "/auditd/" + one.name())).hasBinaryContent(one.bytes());
    }
  }

  @Test
  void sink_refusesNamesAndPositionsThatBreakTheContractAndGoesOn() throws IOException {
    for (String attack : NamesTest.attacks()) {
      worker.send(new TestTrail(attack, "auditd", START, trail.bytes()).event(0, 10));
      worker.send(new TestTrail("web1", attack, START, trail.bytes()).event(0, 10));
      worker.send(new TestTrail("web1", "auditd", attack, trail.bytes()).event(0, 10));
      var state = trail.terminated();
      state.setName(attack);
      worker.send(state);
      AuditEvent straddling = trail.event(0, 10);
      straddling.getRecords().getFirst().setTrail(attack);
      worker.send(straddling);
    }
    assertThat(worker.refused).hasSize(5 * NamesTest.attacks().length);
    AuditEvent far = trail.event(0, 10);
    far.getRecords().getFirst().setPosition(1L << 40);
    AuditEvent overflowing = trail.event(0, 10);
    overflowing.getRecords().getFirst().setPosition(Long.MAX_VALUE - 5);
    AuditEvent before = trail.event(0, 10);
    before.getRecords().getFirst().setPosition(-1);
    AuditEvent lying = trail.event(0, 10);
    lying.getRecords().getFirst().setLength(9);
    AuditEvent empty = trail.event(0, 0);
    var negative = trail.terminated();
    negative.setSize(-1);
    var digest = trail.terminated();
    digest.setSha256("xyz");
    worker.refused.clear();
    worker.send(far, overflowing, before, lying, empty, negative, digest);
    worker.sendBytes(Topics.EVENTS, 0, "not avro".getBytes(StandardCharsets.UTF_8));
    worker.sendBytes(Topics.TRAILS, 0, new byte[0]);
    worker.deliver(false);
    assertThat(worker.refused).hasSize(9);
    worker.send(trail.event(0, trail.bytes().length), trail.terminated());
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
    try (var all = Files.walk(root)) {
      assertThat(all.filter(path -> Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)))
          .containsExactlyInAnyOrder(
              directory.resolve(".lock"),
              directory.resolve("MANIFEST"),
              directory.resolve(trail.name()));
    }
  }

  @Test
  void sink_writesThroughNoPlantedLinkAndGoesOnWhenItIsGone(@TempDir Path elsewhere)
      throws IOException {
    TestTrail victim = new TestTrail("victim", "auditd", START, trail.bytes());
    Files.createSymbolicLink(root.resolve("victim"), elsewhere);
    worker.send(0, victim.event(0, 100));
    List<SinkRecord> batch = worker.poll(new TopicPartition("audit.events", 0), 10);
    assertThatThrownBy(() -> worker.task.put(batch))
        .isInstanceOf(RetriableException.class)
        .hasMessageContaining("victim");
    assertThat(worker.timeout).isPositive();
    assertThat(elsewhere).isEmptyDirectory();

    Files.delete(root.resolve("victim"));
    Files.createDirectories(root.resolve("victim"));
    Files.createSymbolicLink(root.resolve("victim/auditd"), elsewhere);
    assertThatThrownBy(() -> worker.task.put(batch)).isInstanceOf(RetriableException.class);
    assertThat(elsewhere).isEmptyDirectory();

    Files.delete(root.resolve("victim/auditd"));
    Files.createDirectories(root.resolve("victim/auditd"));
    Path target = Files.writeString(elsewhere.resolve("shadow"), "untouched");
    Path planted = root.resolve("victim/auditd/" + START + ".not_terminated");
    Files.createSymbolicLink(planted, target);
    assertThatThrownBy(
            () -> {
              worker.task.put(batch);
              worker.send(victim.terminated());
            })
        .isInstanceOf(RetriableException.class);
    assertThat(target).hasContent("untouched");

    Files.delete(planted);
    worker.task.put(batch);
    worker.commit();
    assertThat(Files.size(planted)).isEqualTo(100);
    assertThat(Files.isSymbolicLink(planted)).isFalse();
  }

  @Test
  void sink_holdsTheOffsetsOfWhatTheDiskRefusesAndResumesByItself() throws IOException {
    TestTrail other = new TestTrail("web2", "auditd", START, trail.bytes());
    worker.send(trail.event(0, 100));
    Path inTheWay = Files.createDirectories(directory.resolve("." + START + ".coverage/x"));
    worker.commit();
    assertThat(worker.committed).isEmpty();
    worker.send(other.event(0, other.bytes().length), other.terminated());
    assertThat(root.resolve("web2/auditd").resolve(other.name()))
        .as("another trail is not held up")
        .hasBinaryContent(other.bytes());
    Files.delete(inTheWay);
    Files.delete(inTheWay.getParent());
    worker.commit();
    assertThat(worker.committed).containsEntry(new TopicPartition(Topics.EVENTS.topic(), 0), 2L);
    worker.send(trail.event(100, trail.bytes().length), trail.terminated());
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
  }

  @Test
  void sink_goesOnWithOtherTrailsWhileAStrangersFileHasAFinalName() throws IOException {
    worker.send(trail.event(0, 10));
    Path planted = Files.writeString(directory.resolve(trail.name()), "somebody's");
    TestTrail other = new TestTrail("web2", "auditd", START, trail.bytes());
    int length = trail.bytes().length;
    worker.send(trail.event(0, length), trail.terminated());
    worker.send(other.event(0, length), other.terminated());
    assertThat(root.resolve("web2/auditd").resolve(other.name())).hasBinaryContent(other.bytes());
    assertThat(planted).hasContent("somebody's");
    worker.commit();
    assertThat(worker.committed).as("held back").isEmpty();
    assertThat(worker.timeout).as("not asked again and again at once").isNotEqualTo(1);
    Files.delete(planted);
    worker.commit();
    assertThat(planted).hasBinaryContent(trail.bytes());
    assertThat(worker.committed).hasSize(2);
  }

  @Test
  void sink_waitsForAnotherTaskThatHoldsTheSource() throws IOException {
    worker.send(trail.event(0, 100));
    TestWorker second = new TestWorker(root);
    second.start(1);
    second.send(0, trail.event(0, 100));
    List<SinkRecord> batch = second.poll(new TopicPartition("audit.events", 0), 10);
    assertThatThrownBy(() -> second.task.put(batch))
        .isInstanceOf(RetriableException.class)
        .hasMessageContaining("held by");
    worker.task.close(TestWorker.both(0));
    second.task.put(batch);
    assertThat(second.task.counters().recordsDuplicate).hasValue(1);
    second.task.stop();
  }

  @Test
  void sink_releasesDurablyOnClose() throws IOException {
    worker.send(trail.terminated(), trail.event(0, 100));
    worker.task.close(TestWorker.both(0));
    assertThat(directory.resolve("." + START + ".coverage")).content().contains("covered 0 100\n");
    assertThat(worker.task.counters().trailsOpen).hasValue(0);
  }

  @Test
  void sink_refusesToWorkWithOneTopicsPartitionAlone() {
    assertThatThrownBy(
            () -> worker.task.open(List.of(new TopicPartition(Topics.EVENTS.topic(), 7))))
        .isInstanceOf(ConnectException.class)
        .hasMessageContaining("[7]")
        .hasMessageContaining(
            "consumer.override.partition.assignment.strategy="
                + "org.apache.kafka.clients.consumer.RangeAssignor");
  }

  @Test
  void sink_saysWhichConverterToSet() {
    SinkRecord text = new SinkRecord(Topics.EVENTS.topic(), 0, null, null, null, "text", 0);
    assertThatThrownBy(() -> worker.task.put(List.of(text)))
        .isInstanceOf(ConnectException.class)
        .hasMessageContaining("org.apache.kafka.connect.converters.ByteArrayConverter");
  }

  @Test
  void sink_skipsTombstones() {
    worker.task.put(List.of(new SinkRecord(Topics.TRAILS.topic(), 0, null, null, null, null, 0)));
    assertThat(worker.refused).isEmpty();
  }

  // Besides what every source's directory has.
  private List<String> names() throws IOException {
    try (var files = Files.list(directory)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.matches("\\.lock|MANIFEST|audit\\.log(\\.\\d+)?"))
          .sorted()
          .toList();
    }
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(
        Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS));
  }
}
