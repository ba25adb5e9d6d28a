// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import auditbus.schemas.Topics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Links, FIFOs and strangers' files planted where the sink writes. */
class SinkPathsTest {
  private static final String START = "20261120104500";
  private static final TopicPartition EVENTS = new TopicPartition(Topics.EVENTS.topic(), 0);

  @TempDir Path root;
  @TempDir Path elsewhere;
  private TestWorker worker;
  private final TestTrail trail = new TestTrail("web1", "auditd", START, new byte[3_000]);
  private Path directory;
  private Path target;

  @BeforeEach
  void start() throws IOException {
    new Random(51).nextBytes(trail.bytes());
    directory = Files.createDirectories(root.resolve("web1/auditd"));
    target = Files.writeString(elsewhere.resolve("shadow"), "untouched");
    worker = new TestWorker(root);
    worker.start(1);
  }

  @AfterEach
  void stop() {
    worker.task.stop();
  }

  static List<String> written() {
    return List.of(".lock", START + ".not_terminated");
  }

  @ParameterizedTest
  @MethodSource("written")
  void sink_writesThroughNoLink(String name) throws IOException {
    Path planted = Files.createSymbolicLink(directory.resolve(name), target);
    refusedUntilGone(planted);
  }

  @ParameterizedTest
  @MethodSource("written")
  void sink_makesNoFileAtTheEndOfALink(String name) throws IOException {
    Path absent = elsewhere.resolve("absent");
    Path planted = Files.createSymbolicLink(directory.resolve(name), absent);
    refusedUntilGone(planted);
    assertThat(absent).doesNotExist();
  }

  @ParameterizedTest
  @MethodSource("written")
  void sink_writesToNoFileWithASecondName(String name) throws IOException {
    Path planted = Files.createLink(directory.resolve(name), target);
    assertThat(refusedUntilGone(planted)).contains("2 names (hard links)").contains("remove");
  }

  @ParameterizedTest
  @MethodSource("written")
  void sink_hangsOnNoFifo(String name) throws IOException {
    fifo(name);
    assertThat(refusedUntilGone(directory.resolve(name))).contains("FIFO").contains("remove");
  }

  @Test
  void sink_readsNoSidecarThroughALinkOrFromAFifo() throws IOException {
    String name = "." + START + ".coverage";
    Path planted = Files.createSymbolicLink(directory.resolve(name), target);
    refusedUntilGone(planted);
    worker.crash();
    Files.delete(directory.resolve(trail.name()));
    worker.start(1);
    fifo(name);
    refusedUntilGone(planted);
  }

  @Test
  void sink_replacesWhatStandsInTheWayOfAHalfWrittenSidecar() throws IOException {
    Path planted = directory.resolve("." + START + ".coverage.tmp");
    for (int kind = 0; kind < 3; kind++) {
      switch (kind) {
        case 0 -> Files.createSymbolicLink(planted, target);
        case 1 -> Files.createLink(planted, target);
        default -> fifo(planted.getFileName().toString());
      }
      worker.send(trail.event(100 * kind, 100 * kind + 100));
      assertTimeoutPreemptively(Duration.ofSeconds(30), worker::commit);
      assertThat(planted).doesNotExist();
      assertThat(target).hasContent("untouched");
      assertThat(directory.resolve("." + START + ".coverage")).isRegularFile();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".quarantined"})
  void sink_takesNoLinkForAFinishedTrail(String suffix) throws IOException {
    Path planted = directory.resolve(trail.name() + suffix);
    Files.createSymbolicLink(planted, target);
    worker.send(trail.event(0, 3_000));
    assertThat(worker.task.counters().recordsLate).as("not dropped").hasValue(0);
    assertThat(worker.task.counters().recordsWritten).hasValue(1);
    if (suffix.isEmpty()) {
      worker.send(trail.terminated());
      worker.committed.clear();
      worker.commit();
      assertThat(worker.committed).as("held back").isEmpty();
      assertThat(planted).isSymbolicLink();
      Files.delete(planted);
      worker.commit();
    } else {
      worker.send(trail.terminated());
    }
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
    assertThat(target).hasContent("untouched");
  }

  @Test
  void sink_hangsOnNoFifoWithAFinalName() throws IOException {
    fifo(trail.name());
    worker.send(trail.event(0, 3_000));
    assertTimeoutPreemptively(Duration.ofSeconds(30), () -> worker.send(trail.terminated()));
    worker.committed.clear();
    worker.commit();
    assertThat(worker.committed).as("held back").isEmpty();
    Files.delete(directory.resolve(trail.name()));
    worker.commit();
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
  }

  @Test
  void sink_quarantinesThroughNoLink() throws IOException {
    Files.createSymbolicLink(directory.resolve(trail.name() + ".quarantined.json"), target);
    Files.createSymbolicLink(directory.resolve(START + ".quarantined"), target);
    Files.createSymbolicLink(directory.resolve(START + ".quarantined.json"), target);
    worker.send(trail.event(0, 3_000));
    worker.commit();
    var state = trail.terminated();
    state.setSha256("00".repeat(32));
    worker.send(state);
    assertThat(target).hasContent("untouched");
    assertThat(directory.resolve(trail.name() + ".quarantined")).hasBinaryContent(trail.bytes());
    assertThat(
            Files.isRegularFile(
                directory.resolve(trail.name() + ".quarantined.json"), LinkOption.NOFOLLOW_LINKS))
        .isTrue();
  }

  @Test
  void sink_marksThroughNoLink() throws IOException {
    Path marker = directory.resolve(trail.name() + ".unverified");
    Files.createSymbolicLink(marker, target);
    worker.send(trail.event(0, 3_000), trail.terminatedWithoutDigest("why"));
    assertThat(target).hasContent("untouched");
    assertThat(Files.isRegularFile(marker, LinkOption.NOFOLLOW_LINKS)).isTrue();
  }

  @Test
  void sink_entersNoDirectoryThatIsALink() throws IOException {
    TestTrail victim = new TestTrail("victim", "auditd", START, trail.bytes());
    Path host = Files.createSymbolicLink(root.resolve("victim"), elsewhere);
    worker.send(0, victim.event(0, 100));
    List<SinkRecord> batch = worker.poll(EVENTS, 10);
    assertThatThrownBy(() -> worker.task.put(batch))
        .isInstanceOf(RetriableException.class)
        .hasMessageContaining("remove it");
    Files.delete(host);
    Files.createDirectory(host);
    Files.createSymbolicLink(host.resolve("auditd"), elsewhere);
    assertThatThrownBy(() -> worker.task.put(batch)).isInstanceOf(RetriableException.class);
    assertThat(elsewhere.toFile().list()).containsExactly("shadow");
  }

  // The batch is retried, nothing of the target changes, and all is well once it is gone.
  private String refusedUntilGone(Path planted) throws IOException {
    worker.send(0, trail.event(0, 3_000), trail.terminated());
    List<SinkRecord> batch = worker.poll(EVENTS, 10);
    String[] message = new String[1];
    assertTimeoutPreemptively(
        Duration.ofSeconds(30),
        () ->
            assertThatThrownBy(
                    () -> {
                      worker.task.put(batch);
                      worker.task.put(
                          worker.poll(new TopicPartition(Topics.TRAILS.topic(), 0), 10));
                    })
                .isInstanceOf(RetriableException.class)
                .satisfies(e -> message[0] = e.getMessage()));
    worker.commit();
    assertThat(target).hasContent("untouched");
    Files.delete(planted);
    worker.task.put(batch);
    worker.positions.put(new TopicPartition(Topics.TRAILS.topic(), 0), 0L);
    worker.deliver(true);
    worker.commit();
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
    assertThat(target).hasContent("untouched");
    return message[0];
  }

  private void fifo(String name) {
    TemporaryMount.required(TemporaryMount.run("mkfifo", directory.resolve(name).toString()));
  }
}
