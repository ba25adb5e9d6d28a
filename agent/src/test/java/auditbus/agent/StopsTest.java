// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Who stopped the agent, asked of the real kernel as often as it takes to trust the answer: the
 * system property {@code auditbus.stops} says how often, 40 if it is not set.
 */
@ExtendWith(KernelAudit.class)
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class StopsTest {
  private static final int STOPS = Integer.getInteger("auditbus.stops", 40);
  private static final long UNSET = 4294967295L;

  @TempDir Path directory;

  @BeforeEach
  void ruleForSignals() throws Exception {
    for (String call : List.of("kill", "tkill", "tgkill", "pidfd_send_signal", "rt_sigqueueinfo")) {
      KernelAudit.auditctl("-a", "always,exit", "-F", "arch=b64", "-S", call, "-k", "sig");
    }
  }

  @Test
  void stoppedByAUser_namesHimEachTime() throws Exception {
    stops(1000, Optional.empty(), Optional.empty(), 2000);
  }

  @Test
  void stoppedByNobodyLoggedIn_saysUnsetAndNeverZero() throws Exception {
    stops(UNSET, Optional.empty(), Optional.empty(), 2000);
  }

  @Test
  void stoppedWhileSomebodyElseTriesAndIsRefused_namesWhoSucceeded() throws Exception {
    stops(1000, Optional.of(KernelAudit.build("spam.c", directory)), Optional.empty(), 2000);
  }

  @Test
  void stoppedUnderAFlood_namesHimEachTime() throws Exception {
    Path flood = KernelAudit.build("flood.c", directory);
    KernelAudit.auditctl(
        "-a", "always,exit", "-F", "arch=b64", "-S", "getpgid", "-F", "exe=" + flood);
    stops(1000, Optional.empty(), Optional.of(flood), 3000);
  }

  private void stops(long loginuid, Optional<Path> spam, Optional<Path> flood, int graceMillis)
      throws Exception {
    for (int stop = 1; stop <= STOPS; stop++) {
      Path place = Files.createDirectory(directory.resolve("stop" + stop));
      Map<String, String> settings = new HashMap<>();
      settings.put("sources.kernel.type", "kernel");
      settings.put("signal.grace.ms", Integer.toString(graceMillis));
      settings.put("kernel.backlog.limit", "8192");
      Optional<Process> busy = Optional.empty();
      Optional<Process> flooding = Optional.empty();
      try (AgentProcess agent = AgentProcess.start(place, settings, "--only", "capture")) {
        agent.awaitRegistered();
        agent.await("begun", () -> !agent.lines("kernel", "DAEMON_START").isEmpty());
        if (spam.isPresent()) {
          busy = Optional.of(start(spam.get().toString(), Long.toString(agent.pid())));
          agent.await("refused kills", () -> agent.lines("kernel", "OBJ_PID").size() > 100);
        }
        if (flood.isPresent()) {
          flooding = Optional.of(start(flood.get().toString(), "100000000", "1", "getpgid"));
          agent.await("a flood", () -> Files.size(agent.trails("kernel").getLast()) > 1_000_000);
        }
        agent.signal("TERM", loginuid);
        assertThat(agent.awaitExit()).as(agent.log()).isZero();
        // Without a daemon the kernel prints each of their records.
        flooding.ifPresent(StopsTest::kill);
        busy.ifPresent(StopsTest::kill);
        String what = "stop " + stop + ": " + agent.log();
        assertStop(agent, loginuid, what);
      } finally {
        flooding.ifPresent(StopsTest::kill);
        busy.ifPresent(StopsTest::kill);
      }
    }
  }

  private static void assertStop(AgentProcess agent, long loginuid, String what) throws Exception {
    List<String> ends = agent.lines("kernel", "DAEMON_END");
    assertThat(ends).as(what).hasSize(1);
    assertThat(ends.getFirst())
        .as(what)
        .contains(" op=terminate auid=" + loginuid + " ")
        .contains(" sender=kill-event ");
    String stamp = ends.getFirst().replaceFirst(".* event=(\\S+) .*", "$1");
    assertThat(agent.lines("kernel", "SYSCALL"))
        .as("%s: the kill's own event %s", what, stamp)
        .anyMatch(
            line ->
                line.contains("audit(" + stamp + "):")
                    && line.contains(" success=yes ")
                    && line.contains(" a1=f ")
                    && line.contains(" auid=" + loginuid + " "));
    assertThat(agent.lines("kernel", "OBJ_PID"))
        .as(what)
        .anyMatch(line -> line.contains("audit(" + stamp + "): opid=" + agent.pid() + " "));
    List<Path> trails = agent.trails("kernel");
    assertThat(trails)
        .as(what)
        .allMatch(trail -> trail.getFileName().toString().matches("\\d{14}\\.\\d{14}"));
    assertThat(Files.readString(trails.getLast(), java.nio.charset.StandardCharsets.ISO_8859_1))
        .as("%s: the last record is its end", what)
        .endsWith(ends.getFirst() + "\n");
    assertThat(KernelAudit.settings().get("pid")).as("unregistered").isEqualTo("0");
  }

  private static Process start(String... command) throws Exception {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static void kill(Process process) {
    process.destroyForcibly();
    process.onExit().join();
  }
}
