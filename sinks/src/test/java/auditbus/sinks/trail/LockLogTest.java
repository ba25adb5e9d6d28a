// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The proof that no two tasks hold a directory at once can fail. */
class LockLogTest {
  private static final Instant NOON = Instant.parse("2026-11-20T12:00:00Z");
  private static final String ONE = "task trails-0 of process 1";
  private static final String TWO = "task trails-3 of process 2";

  private static Instant at(int millis) {
    return NOON.plusMillis(millis);
  }

  private static String line(int millis, String what, String owner) {
    return "2026-11-20T12:00:00.%03d INFO auditbus.sinks.locks - %s /r/web1/auditd as %s"
        .formatted(millis, what, owner);
  }

  private static List<LockLog.Holding> holdings(int ending, int ended, String... lines) {
    return LockLog.parse(Arrays.asList(lines), at(ending), at(ended));
  }

  private static LockLog.Verdict judge(List<List<LockLog.Holding>> processes) {
    return LockLog.judge(processes.stream().flatMap(List::stream).toList());
  }

  @Test
  void verdict_countsHandoversAndFindsNoFaultInOneAfterTheOther() {
    LockLog.Verdict verdict =
        judge(
            List.of(
                holdings(900, 910, line(1, "holds", ONE), "other line", line(5, "let go of", ONE)),
                holdings(300, 310, line(5, "holds", TWO)),
                holdings(950, 960, line(310, "holds", "task trails-1 of process 3"))));
    assertThat(verdict).isEqualTo(new LockLog.Verdict(3, 2, 0, List.of()));
  }

  @Test
  void verdict_findsTwoThatHeldAtOnce() {
    assertThat(
            judge(
                    List.of(
                        holdings(900, 910, line(1, "holds", ONE), line(7, "let go of", ONE)),
                        holdings(900, 910, line(6, "holds", TWO))))
                .overlaps())
        .singleElement()
        .asString()
        .contains(ONE)
        .contains(TWO);
  }

  @Test
  void verdict_findsOneThatHeldBeforeTheOthersProcessWasKilled() {
    List<LockLog.Holding> killed = holdings(300, 310, line(1, "holds", ONE));
    assertThat(judge(List.of(killed, holdings(900, 910, line(299, "holds", TWO)))).overlaps())
        .hasSize(1);
    LockLog.Verdict dying = judge(List.of(killed, holdings(900, 910, line(305, "holds", TWO))));
    assertThat(dying.overlaps()).isEmpty();
    assertThat(dying.whileDying()).isEqualTo(1);
  }

  @Test
  void verdict_findsAShortHoldingInsideALongOneAndOneAfterIt() {
    assertThat(
            judge(
                    List.of(
                        holdings(900, 910, line(1, "holds", ONE)),
                        holdings(900, 910, line(5, "holds", TWO), line(6, "let go of", TWO)),
                        holdings(900, 910, line(8, "holds", "task trails-1 of process 3"))))
                .overlaps())
        .hasSize(2);
  }

  @Test
  void verdict_findsTwoTasksOfOneProcess() {
    String other = "task trails-1 of process 1";
    assertThat(
            judge(List.of(holdings(900, 910, line(1, "holds", ONE), line(2, "holds", other))))
                .overlaps())
        .hasSize(1);
    assertThatThrownBy(() -> holdings(900, 910, line(1, "holds", ONE), line(2, "let go of", other)))
        .hasMessageContaining("was not held");
  }

  @Test
  void verdict_takesALineTheKillCutForNotWritten() {
    assertThat(
            holdings(300, 310, line(1, "holds", ONE), line(2, "let go of", ONE).substring(0, 50)))
        .singleElement()
        .returns(at(310), LockLog.Holding::until);
  }

  @Test
  void watch_findsAFileTwoProcessesHaveOpen(@TempDir Path root) throws Exception {
    Path source = Files.createDirectories(root.toRealPath().resolve("web1/auditd"));
    Path trail = Files.createFile(source.resolve("20261120104500.not_terminated"));
    Path other = Files.createFile(source.resolve("20261120104501.not_terminated"));
    Path lock = Files.createFile(source.resolve(".lock"));
    Process one = reading(trail);
    Process two = reading(other);
    Process three = reading(trail);
    Process four = reading(lock);
    Process five = reading(lock);
    try {
      OpenFileWatch watch = new OpenFileWatch(root.toRealPath(), Duration.ofMillis(75));
      watch.look(one.pid(), two.pid());
      watch.look(four.pid(), five.pid());
      assertThat(watch.shared()).isEmpty();
      assertThat(watch.looks()).isEqualTo(2);
      assertThat(watch.looksAtOpenFiles()).isEqualTo(1);
      watch.look(one.pid(), three.pid());
      assertThat(watch.shared()).singleElement().asString().contains(trail.toString());
    } finally {
      Stream.of(one, two, three, four, five).forEach(Process::destroyForcibly);
    }
  }

  private static Process reading(Path file) throws Exception {
    return new ProcessBuilder("sleep", "60").redirectInput(file.toFile()).start();
  }
}
