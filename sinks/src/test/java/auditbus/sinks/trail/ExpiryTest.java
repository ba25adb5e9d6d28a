// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.Format;
import auditbus.schemas.TrailState;
import auditbus.sinks.manifest.Manifest;
import auditbus.sinks.manifest.ManifestEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the sink removes, and the links onto what it keeps. */
class ExpiryTest {
  private static final Instant START = Instant.parse("2026-11-20T12:00:00Z");
  private static final Duration MINUTE = Duration.ofMinutes(1);

  @TempDir Path root;
  private Instant now = START;
  private TestWorker worker;
  private Path directory;

  private void start(String rule) {
    worker = new TestWorker(root);
    worker.clock = () -> now;
    if (!rule.isEmpty()) {
      worker.settings.put("expire.after", rule);
    }
    worker.start(1);
    directory = root.resolve("web1/auditd");
  }

  @AfterEach
  void stop() {
    worker.task.stop();
  }

  private static TestTrail trail(int number) {
    return new TestTrail("web1", "auditd", "2026112010450" + number, new byte[1000]);
  }

  private void collect(int... numbers) {
    for (int number : numbers) {
      TestTrail trail = trail(number);
      worker.send(trail.event(0, 1000), trail.terminated());
    }
    worker.commit();
  }

  private List<String> names() throws IOException {
    try (var files = Files.list(directory)) {
      return files
          .filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
          .map(file -> file.getFileName().toString())
          .filter(name -> name.startsWith("2026"))
          .sorted()
          .toList();
    }
  }

  private List<String> links() throws IOException {
    List<String> links = new ArrayList<>();
    for (int i = 0; ; i++) {
      Path link = directory.resolve(i == 0 ? "audit.log" : "audit.log." + i);
      if (!Files.isSymbolicLink(link)) {
        return links;
      }
      links.add(Files.readSymbolicLink(link).toString());
    }
  }

  private void later(Duration duration) {
    now = now.plus(duration);
    worker.commit();
  }

  @Test
  void sink_removesVerifiedTrailsOfThatAgeAndRecordsIt() throws IOException {
    start("2d");
    collect(1);
    later(Duration.ofDays(1));
    collect(2);
    later(Duration.ofDays(1).minusSeconds(1));
    assertThat(names()).hasSize(2);
    later(MINUTE);
    assertThat(names()).containsExactly(trail(2).name());
    assertThat(worker.task.counters().trailsExpired).hasValue(1);
    assertThat(worker.task.counters().bytesExpired).hasValue(1000);
    Manifest.Contents manifest = Manifest.read(directory);
    assertThat(manifest.faults()).isEmpty();
    assertThat(manifest.entries().getLast())
        .isEqualTo(new ManifestEntry.Expired(trail(1).name(), "2d", now));
    // It is not collected again when its records come once more.
    worker.send(trail(1).event(0, 500), trail(1).terminated());
    worker.restart();
    worker.deliver(false);
    assertThat(names()).containsExactly(trail(2).name());
  }

  @Test
  void sink_removesTheOldestUntilTheRestFits() throws IOException {
    start("2500B");
    collect(3, 1, 2, 4);
    later(MINUTE);
    assertThat(names()).containsExactly(trail(3).name(), trail(4).name());
    assertThat(links()).containsExactly(trail(4).name(), trail(3).name());
  }

  @Test
  void sink_removesNothingThatIsOpenUnverifiedOrQuarantined() throws IOException {
    start("1s OR 1B");
    TestTrail open = trail(1);
    TestTrail unverified = trail(2);
    TestTrail quarantined = trail(3);
    TrailState wrong = quarantined.terminated();
    wrong.setSha256("00".repeat(32));
    worker.send(
        open.event(0, 10),
        unverified.event(0, 1000),
        unverified.terminatedWithoutDigest("lost"),
        quarantined.event(0, 1000),
        wrong);
    collect(4);
    later(Duration.ofDays(400));
    assertThat(names())
        .containsExactly(
            open.trail() + ".not_terminated",
            unverified.name(),
            unverified.name() + ".unverified",
            quarantined.name() + ".quarantined",
            quarantined.name() + ".quarantined.json");
  }

  @Test
  void sink_removesTrailsOfSourcesThatFellSilent() throws IOException {
    start("");
    collect(1, 2);
    worker.task.stop();
    start("1h");
    later(Duration.ofHours(2));
    assertThat(names()).isEmpty();
    assertThat(directory).isDirectoryContaining(path -> path.endsWith("MANIFEST"));
    // And lets go of them.
    worker.task.stop();
    start("");
    collect(3);
    assertThat(names()).containsExactly(trail(3).name());
  }

  @Test
  void sink_leavesSourcesAloneThatAnotherTaskHolds() throws IOException {
    start("");
    collect(1);
    TestWorker other = worker;
    start("1h");
    later(Duration.ofHours(2));
    assertThat(names()).hasSize(1);
    other.task.stop();
    later(MINUTE);
    assertThat(names()).isEmpty();
  }

  @Test
  void sink_removesAtItsNextStartWhatAStopLeft() throws IOException {
    start("");
    collect(1, 2);
    worker.task.stop();
    Manifest.open(directory, "web1", "auditd", Manifest.read(directory))
        .append(List.of(new ManifestEntry.Expired(trail(1).name(), "1h", now)));
    start("");
    worker.send(trail(2).event(0, 10));
    assertThat(names()).containsExactly(trail(2).name());
  }

  @Test
  void sink_removesNothingByAManifestThatDoesNotFit() throws IOException {
    start("");
    collect(1, 2);
    worker.task.stop();
    Path manifest = directory.resolve("MANIFEST");
    Files.writeString(manifest, Files.readString(manifest).replaceFirst("size=1000", "size=1001"));
    Manifest.open(directory, "web1", "auditd", Manifest.read(directory))
        .append(List.of(new ManifestEntry.Expired(trail(1).name(), "1h", now)));
    start("1h");
    worker.send(trail(2).event(0, 10));
    later(Duration.ofHours(2));
    assertThat(names()).containsExactly(trail(1).name(), trail(2).name());
  }

  @Test
  void sink_removesNothingUnlessItIsTold() throws IOException {
    start("");
    collect(1);
    later(Duration.ofDays(10_000));
    assertThat(names()).hasSize(1);
  }

  @Test
  void links_areOnTextTrailsNewestFirstAndFollowThem() throws IOException {
    start("");
    collect(1);
    worker.send(trail(2).event(0, 10));
    worker.commit();
    assertThat(links()).containsExactly(trail(2).trail() + ".not_terminated", trail(1).name());
    worker.send(trail(2).event(10, 1000), trail(2).terminated());
    TestTrail again = new TestTrail("web1", "auditd", trail(2).trail() + "~10", new byte[10]);
    TestTrail before = new TestTrail("web1", "auditd", trail(2).trail() + "~2", new byte[10]);
    worker.send(again.event(0, 10), again.terminated(), before.event(0, 10), before.terminated());
    worker.commit();
    List<String> all = List.of(again.name(), before.name(), trail(2).name(), trail(1).name());
    assertThat(links()).isEqualTo(all);
    // After a stop they are found again, and made again if they are gone.
    worker.crash();
    Files.delete(directory.resolve("audit.log"));
    Files.delete(directory.resolve("audit.log.2"));
    worker.start(1);
    worker.send(again.event(0, 10));
    worker.commit();
    assertThat(links()).isEqualTo(all);
  }

  @Test
  void links_followAnEndThatCameBeforeItsBytes() throws IOException {
    start("");
    worker.send(trail(1).terminated());
    worker.commit();
    worker.send(trail(1).event(0, 10));
    worker.commit();
    assertThat(links()).containsExactly(trail(1).trail() + ".not_terminated");
    worker.crash();
    Files.delete(directory.resolve("audit.log"));
    worker.start(1);
    worker.send(trail(1).event(0, 10));
    worker.commit();
    assertThat(links()).containsExactly(trail(1).trail() + ".not_terminated");
  }

  @Test
  void links_areNotOnBsmTrailsNorOnContradictedOnes() throws IOException {
    start("");
    AuditEvent bsm = trail(1).event(0, 1000);
    bsm.setFormat(Format.BSM);
    TrailState ended = trail(1).terminated();
    ended.setFormat(Format.BSM);
    worker.send(bsm, ended);
    byte[] other = new byte[1000];
    other[5] = 1;
    worker.send(trail(2).event(0, 100));
    worker.commit();
    assertThat(links()).hasSize(1);
    worker.send(new TestTrail("web1", "auditd", trail(2).trail(), other).event(0, 100));
    worker.commit();
    assertThat(links()).isEmpty();
  }

  @Test
  void links_areAtMostAsManyAsConfigured() throws IOException {
    start("");
    worker.task.stop();
    worker.settings.put("links.max", "2");
    worker.start(1);
    collect(1, 2, 3, 4);
    assertThat(links()).containsExactly(trail(4).name(), trail(3).name());
  }

  @Test
  void links_takeNothingElsesPlace() throws IOException {
    start("");
    Files.createDirectories(directory);
    Files.writeString(directory.resolve("audit.log"), "somebody's");
    collect(1);
    assertThat(directory.resolve("audit.log")).isRegularFile().hasContent("somebody's");
    assertThat(worker.committed).hasSize(2);
    assertThat(names()).containsExactly(trail(1).name());
  }
}
