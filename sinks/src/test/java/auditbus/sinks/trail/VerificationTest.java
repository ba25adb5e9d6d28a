// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.sinks.manifest.Manifest;
import auditbus.sinks.manifest.ManifestEntry;
import auditbus.sinks.manifest.Published;
import auditbus.sinks.manifest.Verification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trails that the sink really collected, then tampered with. */
class VerificationTest {
  @TempDir Path root;
  private final List<TestTrail> trails = new ArrayList<>();
  private final Published published = new Published();
  private List<String> misfits;
  private List<String> remarks;
  private Path auditd;

  @BeforeEach
  void collect() throws IOException {
    Random random = new Random(11);
    TestWorker worker = new TestWorker(root);
    worker.start(1);
    for (String host : List.of("db", "web1")) {
      for (String source : List.of("auditd", "kernel")) {
        Optional<TestTrail> previous = Optional.empty();
        for (int i = 0; i < 4; i++) {
          // The same size, so that a swap shows in the bytes alone.
          byte[] bytes = new byte[5000];
          random.nextBytes(bytes);
          TestTrail trail = new TestTrail(host, source, "2026112010450" + i, bytes);
          var state = previous.map(trail::terminatedAfter).orElseGet(trail::terminated);
          worker.send(trail.event(0, 5000), state);
          published.add(state);
          trails.add(trail);
          previous = Optional.of(trail);
        }
      }
    }
    worker.commit();
    worker.task.stop();
    auditd = root.resolve("web1/auditd");
  }

  private Verification.Totals verify(Path directory, Optional<Published> topic) throws IOException {
    Findings findings = new Findings();
    Optional<String> host = directory.equals(root) ? Optional.empty() : Optional.of("web1");
    Optional<String> source = directory.equals(auditd) ? Optional.of("auditd") : Optional.empty();
    Verification.Totals totals =
        new Verification(findings, topic.map(said -> new Verification.Against(said, host, source)))
            .verify(directory);
    misfits = findings.misfits;
    remarks = findings.remarks;
    assertThat(totals.misfits()).isEqualTo(misfits.size());
    return totals;
  }

  private String first() throws IOException {
    verify(root, Optional.empty());
    assertThat(misfits).isNotEmpty();
    return misfits.getFirst();
  }

  private Path file(int number) {
    return auditd.resolve("2026112010450" + number + "." + TestTrail.END);
  }

  private static void open(Path path) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-rw----"));
  }

  @Test
  void verify_findsNothingWrongWithWhatTheSinkWrote() throws IOException {
    for (Optional<Published> topic : List.of(Optional.<Published>empty(), Optional.of(published))) {
      Verification.Totals totals = verify(root, topic);
      assertThat(misfits).isEmpty();
      assertThat(remarks).isEmpty();
      assertThat(totals).isEqualTo(new Verification.Totals(4, 16, 80_000, 0, 0, 0, 0));
    }
    assertThat(verify(root.resolve("web1"), Optional.of(published)).trails()).isEqualTo(8);
    assertThat(verify(auditd, Optional.of(published)).trails()).isEqualTo(4);
    assertThat(misfits).isEmpty();
  }

  @Test
  void verify_namesAFileWithOneByteFlippedAnywhere() throws IOException {
    byte[] bytes = Files.readAllBytes(file(1));
    open(file(1));
    for (int at : new int[] {0, 1, 2500, 4999}) {
      byte[] flipped = bytes.clone();
      flipped[at] ^= 0x40;
      Files.write(file(1), flipped);
      assertThat(first())
          .startsWith("web1/auditd/20261120104501.20261120110000: its bytes changed: SHA-256");
      assertThat(misfits).hasSize(1);
    }
  }

  @Test
  void verify_namesADeletedFile() throws IOException {
    Files.delete(file(2));
    assertThat(first()).startsWith("web1/auditd/20261120104502.20261120110000: is missing");
    assertThat(misfits).hasSize(1);
  }

  @Test
  void verify_namesSwappedFiles() throws IOException {
    Path aside = auditd.resolve("aside");
    Files.move(file(1), aside);
    Files.move(file(2), file(1));
    Files.move(aside, file(2));
    assertThat(first())
        .startsWith("web1/auditd/20261120104501.20261120110000: its bytes changed")
        .endsWith("these are the bytes of 20261120104502.20261120110000");
    assertThat(misfits).hasSize(2);
  }

  @Test
  void verify_namesAFileThatWasCutOrHasGrown() throws IOException {
    byte[] bytes = Files.readAllBytes(file(3));
    open(file(3));
    Files.write(file(3), Arrays.copyOf(bytes, 4999));
    assertThat(first()).contains("20261120104503").contains("was cut: 4999 bytes");
    Files.write(file(3), Arrays.copyOf(bytes, 5001));
    assertThat(first()).contains("20261120104503").contains("has grown: 5001 bytes");
  }

  @Test
  void verify_namesAFileThatIsALinkNow() throws IOException {
    Path elsewhere = Files.move(file(0), root.resolve("elsewhere"));
    Files.createSymbolicLink(file(0), elsewhere);
    assertThat(first()).startsWith("web1/auditd/20261120104500.20261120110000: is missing");
    assertThat(misfits.getLast()).contains("is a link");
  }

  @Test
  void verify_namesAFileThatWasPutThere() throws IOException {
    Files.write(auditd.resolve("20261120104509.20261120110000"), new byte[10]);
    assertThat(first())
        .startsWith("web1/auditd/20261120104509.20261120110000: is not in the manifest");
  }

  @Test
  void verify_namesAManifestThatWasEdited() throws IOException {
    Path manifest = auditd.resolve("MANIFEST");
    String text = Files.readString(manifest);
    Files.writeString(manifest, text.replaceFirst("size=5000", "size=5001"));
    assertThat(first()).startsWith("web1/auditd/MANIFEST: line 2 does not follow");
    // A file and its line removed: the line below tells.
    List<String> lines = new ArrayList<>(text.lines().toList());
    lines.remove(2);
    Files.write(manifest, lines);
    Files.delete(file(1));
    assertThat(first()).startsWith("web1/auditd/MANIFEST: line 3 does not follow");
    assertThat(misfits).anyMatch(misfit -> misfit.contains("its predecessor 20261120104501"));
  }

  @Test
  void verify_namesAManifestThatIsGone() throws IOException {
    Files.delete(auditd.resolve("MANIFEST"));
    assertThat(first()).startsWith("web1/auditd/MANIFEST: is missing");
  }

  @Test
  void verify_namesDirectoriesThatWereSwapped() throws IOException {
    Path aside = root.resolve("web1/aside");
    Files.move(auditd, aside);
    Files.move(root.resolve("db/auditd"), auditd);
    Files.move(aside, root.resolve("db/auditd"));
    assertThat(first()).startsWith("db/auditd/MANIFEST: is of host web1");
    Files.delete(root.resolve("db/auditd/.lock"));
  }

  @Test
  void verify_findsAFileRemovedWithItsLineInARewrittenManifestByItsSuccessor() throws IOException {
    rewrite(1);
    assertThat(first())
        .startsWith("web1/auditd/20261120104502.20261120110000: its predecessor 20261120104501");
  }

  @Test
  void verify_findsTheFirstAndTheLastTrailRemovedAgainstTheTopicAlone() throws IOException {
    for (int gone : new int[] {0, 3}) {
      rewrite(gone);
      verify(root, Optional.empty());
      assertThat(misfits).isEmpty();
      verify(root, Optional.of(published));
      assertThat(misfits)
          .singleElement()
          .asString()
          .startsWith("web1/auditd/2026112010450" + gone + "." + TestTrail.END)
          .contains("nothing of it is here");
      cleanAndCollect();
    }
  }

  @Test
  void verify_findsATrailReplacedWithItsManifestAgainstTheTopicAlone() throws IOException {
    open(file(3));
    Files.write(file(3), new byte[5000]);
    ManifestEntry.Finished forged = null;
    List<ManifestEntry> entries = new ArrayList<>(Manifest.read(auditd).entries());
    for (ManifestEntry entry : entries) {
      if (entry instanceof ManifestEntry.Finished of && of.trail().endsWith("3")) {
        forged =
            new ManifestEntry.Finished(
                of.name(),
                of.proof(),
                of.format(),
                5000,
                new TestTrail("", "", "", new byte[5000]).sha256(),
                of.previous(),
                of.previousSha256(),
                of.at());
      }
    }
    entries.set(3, forged);
    write(entries);
    verify(root, Optional.empty());
    assertThat(misfits).isEmpty();
    verify(root, Optional.of(published));
    assertThat(misfits)
        .singleElement()
        .asString()
        .startsWith("web1/auditd/20261120104503." + TestTrail.END + ": the topic says 5000 bytes");
  }

  @Test
  void verify_findsAWholeHostRemovedAgainstTheTopic() throws IOException {
    try (var all = Files.walk(root.resolve("db"))) {
      for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
    verify(root, Optional.empty());
    assertThat(misfits).isEmpty();
    verify(root, Optional.of(published));
    assertThat(misfits).hasSize(8).allMatch(misfit -> misfit.startsWith("db/"));
  }

  @Test
  void verify_missesNoTrailThatExpired() throws IOException {
    TestWorker worker = new TestWorker(root);
    worker.settings.put("expire.after", "5000B");
    worker.start(1);
    worker.commit();
    worker.task.stop();
    Verification.Totals totals = verify(root, Optional.of(published));
    assertThat(misfits).isEmpty();
    assertThat(totals).isEqualTo(new Verification.Totals(4, 4, 20_000, 12, 0, 0, 0));
    // What was expired was what the topic says, or the manifest was written anew.
    Published other = new Published();
    TestTrail first = trails.getFirst();
    other.add(new TestTrail(first.host(), first.source(), first.trail(), new byte[3]).terminated());
    verify(root, Optional.of(other));
    assertThat(misfits).singleElement().asString().contains("the topic says 3 bytes");
  }

  @Test
  void verify_takesNoRootForAHostsDirectory() throws IOException {
    Path source = root.resolve("auditd");
    Files.move(auditd, source);
    for (String host : List.of("db", "web1")) {
      try (var all = Files.walk(root.resolve(host))) {
        for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
    verify(root, Optional.of(published));
    assertThat(misfits)
        .hasSize(1 + 12)
        .anyMatch(misfit -> misfit.startsWith("auditd/MANIFEST: lies 1 directories below"));
  }

  @Test
  void verify_namesASourceThatLiesNotWhereTheOthersDo() throws IOException {
    Files.createDirectories(root.resolve("zz"));
    Files.writeString(root.resolve("zz/MANIFEST"), "");
    assertThat(first()).startsWith("zz/MANIFEST: lies 1 directories below");
  }

  @Test
  void verify_doesNotCallAnUnfinishedTrailWrong() throws IOException {
    TestTrail next = new TestTrail("web1", "auditd", "20261120104509", new byte[100]);
    TestWorker worker = new TestWorker(root);
    worker.start(1);
    worker.send(next.event(0, 50), next.terminatedAfter(trails.getLast()));
    worker.commit();
    worker.task.stop();
    published.add(next.terminated());
    Verification.Totals totals = verify(root, Optional.of(published));
    assertThat(misfits).isEmpty();
    assertThat(totals.open()).isEqualTo(1);
    assertThat(remarks).singleElement().asString().contains("not collected whole yet");
  }

  @Test
  void verify_tellsWhatIsUnverifiedOrQuarantined() throws IOException {
    TestTrail lossy = new TestTrail("web1", "kernel", "20261120104508", new byte[100]);
    TestTrail wrong = new TestTrail("web1", "kernel", "20261120104509", new byte[100]);
    var state = wrong.terminated();
    state.setSha256("00".repeat(32));
    TestWorker worker = new TestWorker(root);
    worker.start(1);
    worker.send(lossy.event(0, 100), lossy.terminatedWithoutDigest("disk full"));
    worker.send(wrong.event(0, 100), state);
    worker.task.stop();
    assertThat(verify(root, Optional.empty()).unproven()).isEqualTo(2);
    assertThat(misfits).isEmpty();
    assertThat(remarks).hasSize(2);
    Path file = root.resolve("web1/kernel/" + lossy.name());
    open(file);
    Files.write(file, new byte[99]);
    assertThat(first()).contains(lossy.name()).contains("was cut");
  }

  @Test
  void sink_finishesAfterAStopBetweenTheManifestAndTheName() throws IOException {
    Files.move(file(3), auditd.resolve("20261120104503.not_terminated"));
    verify(root, Optional.empty());
    assertThat(misfits).isEmpty();
    TestWorker worker = new TestWorker(root);
    worker.start(1);
    worker.send(trails.getLast().event(0, 10));
    TestTrail late = trails.get(trails.size() - 5);
    assertThat(late.host() + late.source()).isEqualTo("web1auditd");
    worker.send(late.event(0, 10));
    worker.task.stop();
    assertThat(file(3)).hasBinaryContent(late.bytes());
    assertThat(verify(root, Optional.of(published)).trails()).isEqualTo(16);
    assertThat(misfits).isEmpty();
    assertThat(Manifest.read(auditd).entries()).hasSize(4);
  }

  @Test
  void sink_collectsAgainWhatWasRemoved() throws IOException {
    Files.delete(file(2));
    TestTrail gone = trails.get(trails.size() - 6);
    TestWorker worker = new TestWorker(root);
    worker.start(1);
    worker.send(gone.event(0, 5000), gone.terminatedAfter(trails.get(trails.size() - 7)));
    worker.task.stop();
    verify(root, Optional.of(published));
    assertThat(misfits).isEmpty();
  }

  @Test
  void sink_goesOnBelowADamagedManifestAndHealsNothing() throws IOException {
    Path manifest = auditd.resolve("MANIFEST");
    Files.writeString(
        manifest, Files.readString(manifest).replaceFirst("state=verified", "state=unverified"));
    TestTrail next = new TestTrail("web1", "auditd", "20261120104509", new byte[100]);
    TestWorker worker = new TestWorker(root);
    worker.start(1);
    worker.send(next.event(0, 100), next.terminated());
    worker.task.stop();
    assertThat(Manifest.read(auditd).entries()).hasSize(5);
    assertThat(first()).startsWith("web1/auditd/MANIFEST: line 2");
    // What the line claims now does not fit either.
    assertThat(misfits).hasSize(2);
    assertThat(misfits.getLast()).contains(TestTrail.END + ".unverified: is missing");
  }

  @Test
  void sink_tellsOfAPredecessorThatIsNotWhatItsSuccessorNames() throws IOException {
    TestTrail next = new TestTrail("web1", "auditd", "20261120104509", new byte[100]);
    TestTrail other = new TestTrail("web1", "auditd", "20261120104503", new byte[1]);
    TestWorker worker = new TestWorker(root);
    worker.start(1);
    worker.send(next.event(0, 100), next.terminatedAfter(other));
    assertThat(worker.task.counters().chainBreaks).hasValue(1);
    worker.task.stop();
    assertThat(first()).startsWith("web1/auditd/20261120104503." + TestTrail.END + ": is not what");
  }

  // As someone does who knows the format and may write: without one trail, all links anew.
  private void rewrite(int without) throws IOException {
    List<ManifestEntry> entries = new ArrayList<>(Manifest.read(auditd).entries());
    entries.remove(without);
    write(entries);
    Files.delete(file(without));
  }

  private void write(List<ManifestEntry> entries) throws IOException {
    Files.delete(auditd.resolve("MANIFEST"));
    Manifest.open(auditd, "web1", "auditd", Manifest.read(auditd)).append(entries);
    assertThat(Manifest.read(auditd).faults()).isEmpty();
  }

  private void cleanAndCollect() throws IOException {
    try (var all = Files.walk(root)) {
      for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
        if (!path.equals(root)) {
          Files.delete(path);
        }
      }
    }
    assertThat(Files.exists(auditd, LinkOption.NOFOLLOW_LINKS)).isFalse();
    trails.clear();
    collect();
  }
}
