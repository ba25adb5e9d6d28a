// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.Attribution;
import auditbus.schemas.Certainty;
import auditbus.schemas.Evidence;
import auditbus.schemas.EvidenceKind;
import auditbus.schemas.GapState;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailStatus;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ReportTest {
  @TempDir Path root;
  private final Tally tally = new Tally(new TestTopics.PlainValues());

  @Test
  void user_isNamedWithTheEvidence() {
    assertThat(
            Report.line(
                shutdown(Attribution.USER, Certainty.PROVEN)
                    .setAuid(1000L)
                    .setSession(5L)
                    .setPid(19342L)
                    .setComm("kill")
                    .setEvidence(
                        List.of(
                            evidence(EvidenceKind.KILL_EVENT), evidence(EvidenceKind.SIGNAL_INFO)))
                    .build()))
        .isEqualTo(
            "shutdown 2026-11-20T12:00:00Z web1 auditd pid 19320: auid 1000 session 5 pid 19342"
                + " (kill) [PROVEN: kill event, signal info]");
  }

  @Test
  void nobody_isSaidToBeNobody() {
    assertThat(
            Report.line(
                shutdown(Attribution.UNSET, Certainty.PROVEN)
                    .setUid(0L)
                    .setDisagreement(true)
                    .setEvidence(List.of(evidence(EvidenceKind.KILL_EVENT)))
                    .build()))
        .endsWith(
            ": unattributed, no login user: auid unset, uid 0 [PROVEN: kill event; they disagree]");
    assertThat(
            Report.line(
                shutdown(Attribution.UNATTRIBUTED, Certainty.SUSPECTED)
                    .setEvidence(List.of())
                    .build()))
        .endsWith(": unattributed, no evidence says who [SUSPECTED: nothing]");
  }

  @Test
  void whatIsMissing_isNamedOnce() throws Exception {
    tally.add(TestTopics.message(Topics.EVENTS, TestTopics.event(0, 1)));
    tally.add(TestTopics.message(Topics.TRAILS, TestTopics.state(TrailStatus.TERMINATED, 30)));
    tally.add(TestTopics.message(Topics.GAPS, TestTopics.gap(GapState.OPEN, 0)));

    assertThat(missing(new SourceProgress("auditd", 30, 10, 1, Optional.of("gone"), false)))
        .containsExactly(
            "source auditd: gone",
            "trail web1/auditd/20261120120000: 10 of 30 bytes arrived, the first missing is at"
                + " position 10",
            "trail web1/auditd/20261120120000 is not verified: no "
                + root.resolve("web1/auditd/20261120120000.20261120130000"),
            "gap TRAIL_COVERAGE (PROVEN) web1/auditd/20261120120000: 20 bytes from position 10"
                + " missing");
  }

  @Test
  void verifiedTrail_isNotMissing() throws Exception {
    tally.add(TestTopics.message(Topics.EVENTS, TestTopics.event(0, 3)));
    tally.add(TestTopics.message(Topics.TRAILS, TestTopics.state(TrailStatus.TERMINATED, 30)));
    Path file = collect(30);

    assertThat(missing()).isEmpty();
    assertThat(new CollectedTrails(root).look(tally.counts().trails()).bytes()).isEqualTo(30);

    Files.createFile(file.resolveSibling(file.getFileName() + ".unverified"));
    assertThat(missing()).singleElement().asString().contains("its digest is not known");
    Files.createFile(file.resolveSibling(file.getFileName() + ".quarantined"));
    assertThat(missing()).singleElement().asString().contains("is not what its agent read");
  }

  @Test
  void trailThatWasNotFinished_isNamed() {
    tally.add(TestTopics.message(Topics.EVENTS, TestTopics.event(0, 1)));
    tally.add(TestTopics.message(Topics.TRAILS, TestTopics.state(TrailStatus.OPENED, 10)));

    assertThat(missing())
        .containsExactly(
            "trail web1/auditd/20261120120000 was not read to its end: start again with the input"
                + " it came from");
  }

  @Test
  void amounts_areDecimal() {
    assertThat(Amounts.bytes(999)).isEqualTo("999 B");
    assertThat(Amounts.bytes(1000)).isEqualTo("1.0 kB");
    assertThat(Amounts.bytes(999_949)).isEqualTo("999.9 kB");
    assertThat(Amounts.bytes(999_950)).isEqualTo("1.0 MB");
    assertThat(Amounts.bytes(5_000_000_000_000_000L)).isEqualTo("5000.0 TB");
    assertThat(Amounts.count(1, "event")).isEqualTo("1 event");
    assertThat(Amounts.count(12_345, "event")).isEqualTo("12,345 events");
  }

  private Path collect(int bytes) throws Exception {
    Path directory = Files.createDirectories(root.resolve("web1/auditd"));
    return Files.write(directory.resolve("20261120120000.20261120130000"), new byte[bytes]);
  }

  private List<String> missing(SourceProgress... sources) {
    CollectedTrails collected = new CollectedTrails(root);
    Tally.Counts counts = tally.counts();
    return Report.missing(counts, collected.look(counts.trails()), collected, List.of(sources));
  }

  private static ShutdownAttribution.Builder shutdown(
      Attribution attribution, Certainty certainty) {
    return ShutdownAttribution.newBuilder()
        .setId("s1")
        .setHost("web1")
        .setDaemon("auditd")
        .setDaemonPid(19320L)
        .setStopped(TestTopics.NOON)
        .setMarker("DAEMON_END")
        .setAttribution(attribution)
        .setCertainty(certainty);
  }

  private static Evidence evidence(EvidenceKind kind) {
    return Evidence.newBuilder()
        .setKind(kind)
        .setSource("auditd")
        .setTrail(TestTopics.TRAIL)
        .setPosition(0)
        .setSerial(1)
        .build();
  }
}
