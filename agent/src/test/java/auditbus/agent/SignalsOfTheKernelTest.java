// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What the agent does on the signals auditd knows, and the records it leaves of them. */
@ExtendWith(KernelAudit.class)
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class SignalsOfTheKernelTest {
  private static final Map<String, String> KERNEL = Map.of("sources.kernel.type", "kernel");

  @TempDir Path directory;

  @Test
  void eachSignal_leavesTheRecordAuditdWould() throws Exception {
    rule();
    try (AgentProcess agent = begin(KERNEL)) {
      agent.signal("HUP", 1001);
      agent.await("reconfigured", () -> agent.lines("kernel", "DAEMON_CONFIG").size() == 1);
      agent.signal("USR1", 1002);
      agent.await("rotated", () -> agent.lines("kernel", "DAEMON_ROTATE").size() == 1);
      assertThat(agent.trails("kernel")).hasSize(2);
      agent.signal("USR2", 1003);
      agent.await("resumed", () -> agent.lines("kernel", "DAEMON_RESUME").size() == 1);
      agent.signal("CONT", 1004);
      Path report = directory.resolve("state/trails/kernel.state");
      agent.await("reported", () -> Files.exists(report));
      assertThat(report).content().contains("current log file = ").contains("received = ");
      agent.signal("TERM", 1005);
      assertThat(agent.awaitExit()).isZero();
      assertThat(agent.lines("kernel", "DAEMON_CONFIG").getFirst())
          .contains("op=reconfigure state=changed auid=1001 ")
          .contains(" res=success sender=kill-event ")
          .contains(" info=agrees info-uid=1001 ");
      assertThat(agent.lines("kernel", "DAEMON_ROTATE").getFirst())
          .contains("op=rotate-logs auid=1002 ");
      assertThat(agent.lines("kernel", "DAEMON_RESUME").getFirst())
          .contains("op=resume-logging auid=1003 ");
      assertThat(agent.lines("kernel", "DAEMON_END").getFirst())
          .contains("op=terminate auid=1005 ");
    }
  }

  @Test
  void withoutARuleForKills_signalInfoIsToldAsUnproven() throws Exception {
    try (AgentProcess agent =
        begin(Map.of("sources.kernel.type", "kernel", "signal.grace.ms", "300"))) {
      agent.signal("TERM", 1000);
      assertThat(agent.awaitExit()).isZero();
      assertThat(agent.lines("kernel", "DAEMON_END").getFirst())
          .contains("op=terminate auid=1000 ")
          .contains(" sender=signal-info info=unproven info-uid=1000 ");
    }
  }

  @Test
  void withoutARuleForKills_anUnsetLoginuidIsNotTakenForRoot() throws Exception {
    try (AgentProcess agent =
        begin(Map.of("sources.kernel.type", "kernel", "signal.grace.ms", "300"))) {
      agent.signal("TERM", 4294967295L);
      assertThat(agent.awaitExit()).isZero();
      assertThat(agent.lines("kernel", "DAEMON_END").getFirst())
          .contains("op=terminate auid=4294967295 ")
          .contains(" info-uid=0 ");
    }
  }

  @Test
  void twoSignalsAtOnceByTwoUsers_areToldApart() throws Exception {
    rule();
    try (AgentProcess agent = begin(KERNEL)) {
      String pid = Long.toString(agent.pid());
      // Stopped, so that the kernel's one slot has the second sender when the agent comes to ask.
      assertThat(new ProcessBuilder("kill", "-STOP", pid).start().waitFor()).isZero();
      agent.signal("HUP", 1001);
      agent.signal("TERM", 1002);
      assertThat(new ProcessBuilder("kill", "-CONT", pid).start().waitFor()).isZero();
      assertThat(agent.awaitExit()).isZero();
      assertThat(agent.lines("kernel", "DAEMON_END").getFirst())
          .contains("op=terminate auid=1002 ");
      List<String> configs = agent.lines("kernel", "DAEMON_CONFIG");
      assertThat(configs).hasSizeLessThanOrEqualTo(1);
      configs.forEach(
          line -> assertThat(line).contains(" auid=1001 ").contains(" info=coalesced "));
    }
  }

  @Test
  void readlog_besideNobody_isStoppedByWhoeverTheKillEventNames() throws Exception {
    rule();
    KernelAudit.auditctl("-e", "1");
    try (AgentProcess agent =
        AgentProcess.start(
            directory, Map.of("sources.readlog.type", "readlog"), "--only", "capture")) {
      agent.await("begun", () -> !agent.lines("readlog", "DAEMON_START").isEmpty());
      agent.signal("TERM", 1000);
      assertThat(agent.awaitExit()).isZero();
      assertThat(agent.lines("readlog", "DAEMON_END").getFirst())
          .contains("op=terminate auid=1000 ")
          .contains(" sender=kill-event ")
          .contains(" info=none");
      assertThat(KernelAudit.auditctl("-l")).as("its own rule is gone").doesNotContain("pid=");
    }
  }

  @Test
  void killed_theNextRunKeepsWhatItLeft() throws Exception {
    try (AgentProcess agent = begin(KERNEL)) {
      agent.signal("KILL", 1000);
      assertThat(agent.awaitExit()).isEqualTo(137);
      assertThat(agent.trails("kernel")).hasSize(1);
    }
    try (AgentProcess next = begin(KERNEL)) {
      next.await("two trails", () -> next.trails("kernel").size() == 2);
      assertThat(next.trails("kernel").getFirst().toString()).endsWith(".crash_recovery");
      next.signal("TERM", 1000);
      assertThat(next.awaitExit()).isZero();
      assertThat(next.lines("kernel", "DAEMON_START")).hasSize(2);
    }
  }

  private AgentProcess begin(Map<String, String> settings) throws Exception {
    AgentProcess agent = AgentProcess.start(directory, settings, "--only", "capture");
    agent.awaitRegistered();
    agent.await(
        "begun",
        () ->
            agent.lines("kernel", "DAEMON_START").stream()
                .anyMatch(line -> line.contains(" pid=" + agent.pid() + " ")));
    return agent;
  }

  private static void rule() throws Exception {
    KernelAudit.auditctl(
        "-a", "always,exit", "-F", "arch=b64", "-S", "kill,tkill,tgkill,pidfd_send_signal");
  }
}
