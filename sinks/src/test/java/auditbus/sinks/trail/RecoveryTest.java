// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.sinks.manifest.Manifest;
import auditbus.sinks.manifest.ManifestEntry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Starts on a directory that a stop, or somebody, left in another state than the sink would. */
class RecoveryTest {
  @TempDir Path root;
  private TestWorker worker;
  private TestTrail trail;
  private Path directory;

  @BeforeEach
  void start() {
    byte[] bytes = new byte[1000];
    new Random(7).nextBytes(bytes);
    trail = new TestTrail("web1", "auditd", "20261120104500", bytes);
    directory = root.resolve("web1/auditd");
    worker = new TestWorker(root);
    worker.start(1);
  }

  @Test
  void sink_finishesNoTrailByItsSizeAlone() throws IOException {
    worker.send(trail.event(0, 1000), trail.terminated());
    worker.commit();
    // Somebody removed it, and it is collected again, its last bytes first.
    Files.delete(directory.resolve(trail.name()));
    worker.restart();
    worker.send(trail.event(500, 1000));
    worker.commit();
    worker.restart();
    worker.send(trail.event(0, 10));
    assertThat(directory.resolve(trail.name())).doesNotExist();
    worker.send(trail.event(10, 500), trail.terminated());
    worker.commit();
    assertThat(directory.resolve(trail.name())).hasBinaryContent(trail.bytes());
    worker.task.stop();
  }

  @Test
  void sink_trustsNoSidecarBeyondItsFile() throws IOException {
    for (boolean removed : List.of(true, false)) {
      TestTrail cut =
          new TestTrail("web1", "auditd", "2026112010460" + (removed ? 1 : 2), trail.bytes());
      worker.send(cut.event(0, 500), cut.terminatedWithoutDigest("disk full"));
      worker.commit();
      worker.crash();
      Path file = directory.resolve(cut.trail() + ".not_terminated");
      if (removed) {
        Files.delete(file);
      } else {
        Files.write(file, java.util.Arrays.copyOf(cut.bytes(), 100));
      }
      worker.start(1);
      worker.send(cut.event(500, 1000));
      worker.commit();
      assertThat(directory.resolve(cut.name())).doesNotExist();
      assertThat(file).exists();
      worker.send(cut.event(0, 500));
      worker.commit();
      assertThat(directory.resolve(cut.name())).hasBinaryContent(cut.bytes());
    }
    worker.task.stop();
  }

  @Test
  void sink_takesNoTwoIncarnationsForOne() throws IOException {
    TestTrail first = new TestTrail("web1", "auditd", "20261120104500~1", new byte[10]);
    TestTrail padded = new TestTrail("web1", "auditd", "20261120104500~01", new byte[20]);
    worker.send(trail.event(0, 1000), trail.terminated());
    worker.send(first.event(0, 10), first.terminated(), padded.event(0, 20), padded.terminated());
    worker.commit();
    worker.task.stop();
    Kept kept = Kept.of(Manifest.read(directory).entries());
    assertThat(kept.all()).hasSize(3);
    try (var files = Files.newDirectoryStream(directory, "audit.log*")) {
      assertThat(files).hasSize(3);
    }
  }

  @Test
  void links_followATrailWhoseEndCameBeforeAStopAndItsBytesAfter() throws IOException {
    worker.send(trail.terminated());
    worker.commit();
    worker.restart();
    worker.send(trail.event(0, 10));
    worker.commit();
    assertThat(Files.isSymbolicLink(directory.resolve("audit.log"))).isTrue();
    worker.task.stop();
  }

  @Test
  void sink_holdsABoundedNumberOfTrailsOfOneSource() {
    worker.task.stop();
    worker.settings.put("open.files.max", "2");
    worker.start(1);
    long most = 0;
    for (int i = 0; i < 200; i++) {
      TestTrail one = new TestTrail("web1", "auditd", "20261120104500~" + (i + 2), new byte[10]);
      worker.send(one.event(0, 10));
      most = Math.max(most, worker.task.counters().trailsOpen.get());
    }
    assertThat(most).isLessThanOrEqualTo(33);
    worker.task.stop();
  }

  @Test
  void sidecar_withAnythingInItIsDamagedAndNoMore() {
    String body = "auditbus trail coverage 1\ntrail " + trail.trail() + "\ncovered 17\n";
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    byte[] whole =
        (body + String.format("crc32c %08x%n", crc.getValue())).getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> CoverageFile.decode(whole, trail.trail(), Path.of("x")))
        .isInstanceOf(CoverageFile.DamagedException.class);
  }

  @Test
  void sink_refusesStatesThatGiveUpTooManyRanges() {
    worker.task.stop();
    worker.start(1);
    var ranges = new java.util.ArrayList<auditbus.schemas.Range>();
    for (int i = 0; i < 65_537; i++) {
      ranges.add(new auditbus.schemas.Range(2L * i, 1L));
    }
    worker.send(
        trail
            .state(auditbus.schemas.TrailStatus.DROPPED, trail.trail() + ".not_terminated")
            .setDropped(ranges)
            .build());
    assertThat(worker.refused).singleElement().asString().contains("65536");
    worker.task.stop();
  }

  @Test
  void manifest_isNotWrittenThroughAHardLink() throws IOException {
    Path elsewhere = Files.writeString(root.resolve("elsewhere"), "somebody's\nno manifest");
    Files.createDirectories(directory);
    Files.createLink(directory.resolve("MANIFEST"), elsewhere);
    assertThatThrownBy(
            () ->
                Manifest.open(directory, "web1", "auditd", Manifest.read(directory))
                    .append(
                        List.of(
                            new ManifestEntry.Expired(
                                trail.name(), "1d", java.time.Instant.EPOCH))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("names");
    assertThat(elsewhere).hasContent("somebody's\nno manifest");
    worker.task.stop();
  }
}
