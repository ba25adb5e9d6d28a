// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.netlink.Capability;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A rule audits the very calls by which a listener takes records. */
@ExtendWith(KernelAudit.class)
@Timeout(180)
class FeedbackLoopTest {
  private static final int UID = 64001;
  private static final Duration QUIET = Duration.ofSeconds(3);

  @TempDir Path scratch;
  private Path state;

  @BeforeEach
  void on() throws Exception {
    KernelAudit.auditctl("-e", "1");
    KernelAudit.auditctl("-b", "8192");
    state = ConfinedAgent.directoryOf(UID, scratch.resolve("state"));
  }

  @Test
  void withControl_theAgentLeavesItselfOut() throws Exception {
    try (ConfinedAgent agent = start(Capability.AUDIT_READ, Capability.AUDIT_CONTROL)) {
      agent.untilStatus("running", statusFile(), now -> state(now).equals("RUNNING"));
      audit();
      long own = ownCalls(agent);
      assertStaysFor(agent, "RUNNING");
      assertThat(ownCalls(agent)).isEqualTo(own);
      assertGoesOn(agent);
      assertThat(agent.stop()).isZero();
      assertThat(agent.said("ERROR")).as(agent.said()).isEmpty();
    }
  }

  @Test
  void withoutControl_theSourceFailsAndSaysWhichRuleIsWanted() throws Exception {
    try (ConfinedAgent agent = start(Capability.AUDIT_READ)) {
      agent.untilStatus("running", statusFile(), now -> state(now).equals("RUNNING"));
      audit();
      JsonNode status =
          agent.untilStatus("failed", statusFile(), now -> state(now).equals("FAILED"));
      String error = source(status).path("error").asText();
      assertThat(error).contains("every record makes another");
      Matcher rule = Pattern.compile("add auditctl (-A never,exit -F \\S+=\\d+),").matcher(error);
      assertThat(rule.find()).as(error).isTrue();
      assertThat(source(status).path("capture").path("attached").asBoolean()).isFalse();

      long bytes = bytes();
      assertStaysFor(agent, "FAILED");
      assertThat(bytes()).as("the loop ended").isEqualTo(bytes);
      assertThat(agent.said("ERROR")).as(agent.said()).singleElement().asString().contains(error);

      KernelAudit.auditctl(rule.group(1).split(" ", -1));
      agent.signal("USR2");
      agent.untilStatus("running", statusFile(), now -> state(now).equals("RUNNING"));
      assertGoesOn(agent);
      long own = ownCalls(agent);
      assertStaysFor(agent, "RUNNING");
      assertThat(ownCalls(agent)).isEqualTo(own);
      assertThat(agent.stop()).isZero();
    }
  }

  @Test
  void asTheAuditDaemon_theKernelLeavesItOut() throws Exception {
    try (ConfinedAgent agent =
        ConfinedAgent.start(
            scratch,
            ConfinedAgent.as(UID, List.of(), Capability.AUDIT_CONTROL),
            settings("kernel"),
            "--only",
            "capture")) {
      agent.untilStatus("running", statusFile(), now -> state(now).equals("RUNNING"));
      audit();
      long own = ownCalls(agent);
      assertStaysFor(agent, "RUNNING");
      assertThat(ownCalls(agent)).isEqualTo(own);
      assertThat(agent.stop()).isZero();
    }
  }

  private static void audit() throws Exception {
    KernelAudit.auditctl("-a", "always,exit", "-F", "arch=b64", "-S", "all", "-F", "uid=" + UID);
  }

  private ConfinedAgent start(Capability... capabilities) throws Exception {
    return ConfinedAgent.start(
        scratch,
        ConfinedAgent.as(UID, List.of(), capabilities),
        settings("readlog"),
        "--only",
        "capture");
  }

  private Map<String, String> settings(String type) {
    Map<String, String> settings = new HashMap<>();
    settings.put("state.dir", state.toString());
    settings.put("sources.source.type", type);
    settings.put("heartbeat.ms", "100");
    return settings;
  }

  private void assertGoesOn(ConfinedAgent agent) throws Exception {
    String marker = "goes-on-" + System.nanoTime();
    KernelAudit.auditctl("-m", marker);
    agent.until(
        marker,
        () ->
            ConfinedAgent.lines(state.resolve("trails/source")).stream()
                .anyMatch(line -> line.contains(marker)));
  }

  private void assertStaysFor(ConfinedAgent agent, String wanted) throws Exception {
    long end = System.nanoTime() + QUIET.toNanos();
    agent.until(
        wanted,
        () -> {
          JsonNode now = ConfinedAgent.status(statusFile());
          assertThat(state(now)).as("%s", now).isEqualTo(wanted);
          return System.nanoTime() > end;
        });
  }

  private long ownCalls(ConfinedAgent agent) throws Exception {
    return ConfinedAgent.lines(state.resolve("trails/source")).stream()
        .filter(
            line -> line.startsWith("type=SYSCALL ") && line.contains(" pid=" + agent.pid() + " "))
        .count();
  }

  private long bytes() throws Exception {
    long bytes = 0;
    for (Path trail : ConfinedAgent.trails(state.resolve("trails/source"))) {
      bytes += trail.toFile().length();
    }
    return bytes;
  }

  private Path statusFile() {
    return state.resolve("trails/capture.json");
  }

  private static JsonNode source(JsonNode status) {
    return status.path("sources").path(0);
  }

  private static String state(JsonNode status) {
    return source(status).path("state").asText();
  }
}
