// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.TrailState;
import auditbus.sinks.manifest.Manifest;
import auditbus.sinks.manifest.ManifestEntry;
import auditbus.sinks.manifest.Published;
import auditbus.sinks.manifest.Verification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What could make the proof look away, or cry out at a good tree. */
class VerificationBlindSpotsTest {
  @TempDir Path root;
  private final List<TestTrail> trails = new ArrayList<>();
  private final Published published = new Published();
  private List<String> misfits;
  private List<String> remarks;
  private TestWorker worker;
  private Path auditd;
  private Instant now = Instant.parse("2026-11-20T12:00:00Z");

  @BeforeEach
  void collect() {
    worker = new TestWorker(root);
    worker.clock = () -> now;
    worker.start(1);
    for (String host : List.of("db", "web1")) {
      for (int i = 0; i < 3; i++) {
        TestTrail trail = new TestTrail(host, "auditd", "2026112010450" + i, new byte[1000]);
        TrailState state = i == 0 ? trail.terminated() : trail.terminatedAfter(trails.getLast());
        worker.send(trail.event(0, 1000), state);
        published.add(state);
        trails.add(trail);
      }
    }
    worker.commit();
    worker.task.stop();
    auditd = root.resolve("web1/auditd");
  }

  private Verification.Totals verify(Path directory, Optional<Published> topic) throws IOException {
    Findings findings = new Findings();
    Verification.Totals totals =
        new Verification(
                findings,
                topic.map(
                    said -> new Verification.Against(said, Optional.empty(), Optional.empty())))
            .verify(directory);
    misfits = findings.misfits;
    remarks = findings.remarks;
    return totals;
  }

  private Path file(int number) {
    return auditd.resolve("2026112010450" + number + "." + TestTrail.END);
  }

  private void delete(Path tree) throws IOException {
    try (var all = Files.walk(tree)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  @Test
  void verify_isNotBlindedByAHostNamedLikeATrail() throws IOException {
    TestTrail named =
        new TestTrail("20261120104500.not_terminated", "x", "20261120104500", new byte[9]);
    TestTrail source =
        new TestTrail("web1", "20261120104500.unverified", "20261120104500", new byte[9]);
    worker.start(1);
    worker.send(named.event(0, 9), named.terminated(), source.event(0, 9), source.terminated());
    worker.task.stop();
    assertThat(verify(root, Optional.empty()).trails()).isEqualTo(8);
    assertThat(misfits).isEmpty();
    Files.delete(file(1));
    verify(root, Optional.empty());
    assertThat(misfits).singleElement().asString().contains("is missing");
  }

  @Test
  void verify_isNotBlindedByAPlantedManifestAboveTheSources() throws IOException {
    Files.delete(file(1));
    for (Path planted : List.of(root.resolve("MANIFEST"), root.resolve("web1/MANIFEST"))) {
      Files.createFile(planted);
      for (Optional<Published> topic :
          List.of(Optional.<Published>empty(), Optional.of(published))) {
        verify(root, topic);
        assertThat(misfits)
            .anyMatch(misfit -> misfit.startsWith("web1/auditd/20261120104501"))
            .anyMatch(misfit -> misfit.startsWith(root.relativize(planted).toString()));
      }
      Files.delete(planted);
    }
  }

  @Test
  void verify_againstTheTopicIsNotBlindedByAPlantedManifest() throws IOException {
    delete(root.resolve("db"));
    Files.createDirectory(root.resolve("x"));
    Files.createFile(root.resolve("x/MANIFEST"));
    verify(root, Optional.of(published));
    assertThat(misfits.stream().filter(misfit -> misfit.startsWith("db/"))).hasSize(3);
    delete(root.resolve("x"));
    Manifest.open(root, "x", "y", Manifest.read(root))
        .append(List.of(new ManifestEntry.Expired("20261120104500.20261120110000", "1d", now)));
    verify(root, Optional.of(published));
    assertThat(misfits.stream().filter(misfit -> misfit.startsWith("db/"))).hasSize(3);
  }

  @Test
  void verify_againstTheTopicTakesExpiredTrailsForWhatTheyAre() throws IOException {
    worker.settings.put("expire.after", "1d");
    worker.start(1);
    now = now.plus(Duration.ofDays(2));
    worker.commit();
    worker.task.stop();
    assertThat(file(0)).doesNotExist();
    assertThat(verify(root, Optional.of(published)).expired()).isEqualTo(6);
    assertThat(misfits).isEmpty();
  }

  @Test
  void verify_namesATrailThatCannotHaveExpired() throws IOException {
    TestTrail lossy = new TestTrail("web1", "auditd", "20261120104508", new byte[100]);
    worker.start(1);
    worker.send(lossy.event(0, 100), lossy.terminatedWithoutDigest("disk full"));
    worker.task.stop();
    Manifest.open(auditd, "web1", "auditd", Manifest.read(auditd))
        .append(
            List.of(
                new ManifestEntry.Expired(lossy.name(), "1d", now),
                new ManifestEntry.Expired("20261120104509.20261120110000", "1d", now)));
    Files.delete(auditd.resolve(lossy.name()));
    verify(root, Optional.empty());
    assertThat(misfits)
        .hasSize(2)
        .anyMatch(misfit -> misfit.startsWith("web1/auditd/" + lossy.name()))
        .anyMatch(misfit -> misfit.startsWith("web1/auditd/20261120104509"));
  }

  @Test
  void verify_namesOtherBytesInTheNameOfAnExpiredTrail() throws IOException {
    Manifest.open(auditd, "web1", "auditd", Manifest.read(auditd))
        .append(List.of(new ManifestEntry.Expired(file(0).getFileName().toString(), "1d", now)));
    // As a stop between the line and the removal leaves it.
    verify(root, Optional.empty());
    assertThat(misfits).isEmpty();
    Files.setPosixFilePermissions(file(0), PosixFilePermissions.fromString("rw-------"));
    Files.write(file(0), new byte[] {1});
    verify(root, Optional.empty());
    assertThat(misfits).singleElement().asString().startsWith("web1/auditd/20261120104500");
  }

  @Test
  void verify_isNotStoppedByNamesNoPathMayHave() throws IOException {
    TrailState state = trails.getFirst().terminated();
    state.setHost("a\0b");
    published.add(state);
    state.setHost("../outside");
    published.add(state);
    verify(root, Optional.of(published));
    assertThat(misfits).isEmpty();
    assertThat(remarks).hasSize(2);
  }

  @Test
  void verify_goesOnBehindWhatCannotBeRead() throws IOException {
    Path manifest = root.resolve("db/auditd/MANIFEST");
    Files.move(manifest, root.resolve("db/auditd/aside"));
    Files.createSymbolicLink(manifest, Path.of("aside"));
    Files.delete(file(1));
    verify(root, Optional.empty());
    assertThat(misfits)
        .anyMatch(misfit -> misfit.startsWith("db/auditd/MANIFEST"))
        .anyMatch(misfit -> misfit.startsWith("web1/auditd/20261120104501"));
  }

  @Test
  void verify_knowsAQuarantinedTrailThatHasNotYetItsName() throws IOException {
    TestTrail wrong = new TestTrail("web1", "auditd", "20261120104509", new byte[100]);
    TrailState state = wrong.terminated();
    worker.start(1);
    byte[] other = new byte[100];
    other[3] = 1;
    worker.send(
        wrong.event(0, 50),
        new TestTrail("web1", "auditd", wrong.trail(), other).event(0, 50),
        wrong.event(50, 100),
        state);
    worker.task.stop();
    Path quarantined = auditd.resolve(wrong.name() + ".quarantined");
    assertThat(quarantined).exists();
    Files.move(quarantined, auditd.resolve(wrong.trail() + ".quarantined"));
    verify(root, Optional.empty());
    assertThat(misfits).isEmpty();
  }

  @Test
  void verify_namesAMarkerThatIsGone() throws IOException {
    TestTrail lossy = new TestTrail("web1", "auditd", "20261120104508", new byte[100]);
    worker.start(1);
    worker.send(lossy.event(0, 100), lossy.terminatedWithoutDigest("disk full"));
    worker.task.stop();
    verify(root, Optional.empty());
    assertThat(misfits).isEmpty();
    Files.delete(auditd.resolve(lossy.name() + ".unverified"));
    verify(root, Optional.empty());
    assertThat(misfits).singleElement().asString().contains(lossy.name() + ".unverified");
  }

  @Test
  void verify_namesALinkThatLeadsToNoTrail() throws IOException {
    Path link = auditd.resolve("audit.log");
    assertThat(link).isSymbolicLink();
    Files.delete(link);
    Files.createSymbolicLink(link, Path.of("/tmp/forged"));
    verify(root, Optional.empty());
    assertThat(misfits).singleElement().asString().startsWith("web1/auditd/audit.log: ");
  }
}
