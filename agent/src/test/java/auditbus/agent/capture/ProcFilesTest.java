// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import auditbus.agent.RequiredTools;
import auditbus.agent.capture.Processes.Facts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ProcFilesTest {
  private static final Path PROC = Path.of("/proc");

  private final ProcFiles processes = new ProcFiles(PROC);

  @Test
  void thisProcess_isAsItSays() throws IOException {
    Facts own = processes.find((int) ProcessHandle.current().pid()).orElseThrow();
    assertThat(own.uid())
        .isEqualTo(((Number) Files.getAttribute(Path.of("/proc/self"), "unix:uid")).longValue());
    assertThat(own.loginUid())
        .hasValue(Long.parseLong(Files.readString(Path.of("/proc/self/loginuid")).strip()));
    assertThat(own.maySignal(own)).isTrue();
  }

  @Test
  void threads_areToldFromOtherProcesses() throws IOException {
    int own = (int) ProcessHandle.current().pid();
    try (Stream<Path> threads = Files.list(Path.of("/proc/self/task"))) {
      assertThat(threads.map(thread -> Integer.parseInt(thread.getFileName().toString())).toList())
          .hasSizeGreaterThan(1)
          .allMatch(processes.isThreadOf(own)::test);
    }
    assertThat(processes.isThreadOf(own).test(1)).isFalse();
  }

  @Test
  void endedProcess_isNone() throws IOException, InterruptedException {
    Process process = new ProcessBuilder("true").start();
    assertThat(process.waitFor()).isZero();
    assertThat(processes.find((int) process.pid())).isEmpty();
    assertThat(new ProcFiles(Path.of("/nowhere")).find(1)).isEmpty();
  }

  @Test
  void otherUser_maySignalOnlyItsOwn() throws IOException {
    assumeRoot();
    Facts own = processes.find((int) ProcessHandle.current().pid()).orElseThrow();
    Facts other = facts("setpriv", "--reuid=64998", "--clear-groups", "sleep", "60");
    assertThat(other.uid()).isEqualTo(64998);
    assertThat(other.mayKillAny()).isFalse();
    assertThat(other.maySignal(own)).isFalse();
    assertThat(own.maySignal(other)).isTrue();
    Facts capable =
        facts(
            "setpriv",
            "--reuid=64998",
            "--clear-groups",
            "--inh-caps=+kill",
            "--ambient-caps=+kill",
            "sleep",
            "60");
    assertThat(capable.maySignal(own)).isTrue();
    Facts root = facts("setpriv", "--bounding-set=-all", "--inh-caps=-all", "sleep", "60");
    assertThat(root.mayKillAny()).isFalse();
    assertThat(root.maySignal(own)).isTrue();
    assertThat(root.maySignal(other)).isFalse();
  }

  @Test
  void capabilitiesOfAnotherUserNamespace_countForNothing() throws IOException {
    assumeRoot();
    Facts own = processes.find((int) ProcessHandle.current().pid()).orElseThrow();
    Facts other =
        facts(
            "setpriv",
            "--reuid=64998",
            "--clear-groups",
            "unshare",
            "--user",
            "--map-root-user",
            "sleep",
            "60");
    assertThat(other.uid()).isEqualTo(64998);
    assertThat(other.mayKillAny()).isFalse();
    assertThat(other.maySignal(own)).isFalse();
  }

  private static void assumeRoot() {
    assumeTrue(
        System.getProperty("user.name").equals("root"), "only root can become somebody else");
  }

  /** What is seen of a program once it runs and sleeps. */
  private Facts facts(String... command) throws IOException {
    List<String> words = new ArrayList<>(List.of(command));
    words.set(0, RequiredTools.path(command[0]).toString());
    Process process = new ProcessBuilder(words).inheritIO().start();
    try {
      long deadlineNanos = System.nanoTime() + Duration.ofSeconds(20).toNanos();
      while (!Files.readString(PROC.resolve(process.pid() + "/comm")).strip().equals("sleep")) {
        assertThat(System.nanoTime()).as("time for %s", words).isLessThan(deadlineNanos);
        Thread.onSpinWait();
      }
      Optional<Facts> facts = processes.find((int) process.pid());
      return facts.orElseThrow();
    } finally {
      process.destroyForcibly();
    }
  }
}
