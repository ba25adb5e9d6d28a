// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.netlink.Capability;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The agent as a user who is not root, with a few capabilities and no way to more. */
@ExtendWith(KernelAudit.class)
@Timeout(180)
class LeastPrivilegeTest {
  private static final int UID = 64001;
  private static final int READERS = 64010;
  private static final long BUFFER = 128L << 20;

  @TempDir Path scratch;
  private Path state;

  @BeforeEach
  void on() throws Exception {
    KernelAudit.auditctl("-e", "1");
    KernelAudit.auditctl("-b", "8192");
    state = ConfinedAgent.directoryOf(UID, scratch.resolve("state"));
  }

  @Test
  void kernelSource_needsThreeCapabilitiesAndNoRoot() throws Exception {
    try (ConfinedAgent agent =
        start("kernel", Capability.AUDIT_CONTROL, Capability.AUDIT_READ, Capability.AUDIT_WRITE)) {
      agent.untilRegistered();
      KernelAudit.auditctl(
          "-a", "always,exit", "-F", "arch=b64", "-S", "kill", "-F", "a1=15", "-k", "signals");
      flood(2000);
      JsonNode status = agent.untilStatus("running", statusFile(), LeastPrivilegeTest::isRunning);
      assertThat(status.path("kernel").path("pid").asLong()).isEqualTo(agent.pid());
      assertThat(source(status).path("capture").path("receiveBuffer").asLong())
          .isEqualTo(2 * Math.min(rmemMax(), BUFFER));
      agent.until("a sign of life", () -> trails().stream().anyMatch(l -> l.contains("liveness")));

      ConfinedAgent.run(
          KernelAudit.asLoginuid(1000, "/bin/kill", "-TERM", "" + agent.pid())
              .toArray(String[]::new));
      assertThat(agent.await()).as(agent.said()).isZero();

      assertThat(agent.said("WARN"))
          .as(agent.said())
          .singleElement()
          .asString()
          .contains("the receive buffer holds " + rmemMax() + " bytes instead of " + BUFFER)
          .contains("CAP_NET_ADMIN");
      assertThat(agent.said("ERROR")).as(agent.said()).isEmpty();
    }
    List<String> lines = trails();
    assertThat(lines).filteredOn(LeastPrivilegeTest::isOfFlood).hasSize(2000);
    assertThat(lines.getLast()).startsWith("type=DAEMON_END ").contains(" auid=1000 ");
    for (Path trail : ConfinedAgent.trails(state.resolve("trails/source"))) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(trail)))
          .isEqualTo("rw-------");
      assertThat(Files.getAttribute(trail, "unix:uid", LinkOption.NOFOLLOW_LINKS)).isEqualTo(UID);
    }
    assertThat(KernelAudit.settings()).containsEntry("pid", "0");
  }

  @Test
  void withNetAdmin_theReceiveBufferIsAsLargeAsWanted() throws Exception {
    try (ConfinedAgent agent =
        start("kernel", Capability.AUDIT_CONTROL, Capability.AUDIT_WRITE, Capability.NET_ADMIN)) {
      JsonNode status = agent.untilStatus("running", statusFile(), LeastPrivilegeTest::isRunning);
      assertThat(source(status).path("capture").path("receiveBuffer").asLong())
          .isEqualTo(2 * BUFFER);
      assertThat(agent.stop()).isZero();
      assertThat(agent.said("WARN")).isEmpty();
    }
  }

  @Test
  void kernelSource_withControlAlone_capturesWithoutSignsOfLife() throws Exception {
    try (ConfinedAgent agent = start("kernel", Capability.AUDIT_CONTROL)) {
      agent.untilRegistered();
      flood(100);
      agent.until("said", () -> !agent.said("CAP_AUDIT_WRITE").isEmpty());
      assertThat(agent.stop()).isZero();
      assertThat(agent.said("without CAP_AUDIT_WRITE no signs of life are sent")).hasSize(1);
    }
    assertThat(trails()).filteredOn(LeastPrivilegeTest::isOfFlood).hasSize(100);
    assertThat(trails()).noneMatch(line -> line.contains("liveness"));
  }

  @Test
  void readlogSource_withReadAlone_listens() throws Exception {
    try (ConfinedAgent agent = start("readlog", Capability.AUDIT_READ)) {
      JsonNode status = agent.untilStatus("running", statusFile(), LeastPrivilegeTest::isRunning);
      flood(500);
      agent.until(
          "the flood",
          () -> trails().stream().filter(LeastPrivilegeTest::isOfFlood).count() == 500);
      assertThat(status.path("kernel").isNull()).as(status.toString()).isTrue();
      agent.until("said", () -> !agent.said("CAP_AUDIT_WRITE").isEmpty());
      assertThat(agent.stop()).isZero();
      assertThat(agent.said("without CAP_AUDIT_WRITE no signs of life are sent")).hasSize(1);
      assertThat(agent.said("without CAP_AUDIT_CONTROL the agent's own calls can't be left out"))
          .singleElement()
          .asString()
          .endsWith("auditctl -A never,exit -F uid=" + UID);
      assertThat(agent.said("ERROR")).as(agent.said()).isEmpty();
    }
    assertThat(trails()).noneMatch(line -> line.contains("liveness"));
  }

  @Test
  void readlogSource_withControl_asksTheKernelAndLeavesItselfOut() throws Exception {
    String rule;
    try (ConfinedAgent agent = start("readlog", Capability.AUDIT_READ, Capability.AUDIT_CONTROL)) {
      rule = "-a never,exit -S all -F pid=" + agent.pid();
      JsonNode status = agent.untilStatus("running", statusFile(), LeastPrivilegeTest::isRunning);
      assertThat(status.path("kernel").path("enabled").asLong()).isOne();
      assertThat(KernelAudit.auditctl("-l")).contains(rule);
      flood(500);
      assertThat(agent.stop()).isZero();
    }
    assertThat(trails()).filteredOn(LeastPrivilegeTest::isOfFlood).hasSize(500);
    assertThat(KernelAudit.auditctl("-l")).doesNotContain(rule);
  }

  @ParameterizedTest
  @CsvSource({"kernel, AUDIT_CONTROL", "readlog, AUDIT_READ"})
  void withoutAnyCapability_oneErrorNamesTheOneThatIsMissing(String type, String missing)
      throws Exception {
    try (ConfinedAgent agent = start(type)) {
      JsonNode status =
          agent.untilStatus(
              "failed",
              statusFile(),
              now ->
                  source(now).path("state").asText().equals("FAILED")
                      && now.path("sequence").asLong() > 10);
      assertThat(source(status).path("error").asText())
          .contains("EPERM (1): CAP_" + missing + " is missing: run as root, or grant it")
          .contains("AmbientCapabilities=CAP_" + missing);
      assertThat(source(status).path("capture").path("attached").asBoolean()).isFalse();
      assertThat(agent.stop()).isZero();
      assertThat(agent.said("ERROR"))
          .singleElement()
          .asString()
          .contains("source source: ")
          .contains("CAP_" + missing + " is missing")
          .endsWith("trying again until it works");
    }
  }

  @Test
  void trailGroup_mayReadTrailsAndNobodyElse() throws Exception {
    Map<String, String> settings = settings("kernel");
    settings.put("trail.group", "" + READERS);
    settings.put("trail.dir", state.resolve("trails").toString());
    try (ConfinedAgent agent =
        ConfinedAgent.start(
            scratch,
            ConfinedAgent.as(UID, List.of(READERS), Capability.AUDIT_CONTROL),
            settings,
            "--only",
            "capture")) {
      agent.untilStatus("running", statusFile(), LeastPrivilegeTest::isRunning);
      agent.signal("CONT");
      agent.until("the report", () -> Files.exists(state.resolve("trails/source.state")));
      assertThat(agent.stop()).isZero();
    }
    Path trails = state.resolve("trails");
    assertThat(access(trails)).isEqualTo("rwxr-x--- " + READERS);
    assertThat(access(trails.resolve("source"))).isEqualTo("rwxr-x--- " + READERS);
    assertThat(access(trails.resolve("capture.json"))).isEqualTo("rw-r----- " + READERS);
    assertThat(access(trails.resolve("source.state"))).isEqualTo("rw-r----- " + READERS);
    assertThat(access(ConfinedAgent.trails(trails.resolve("source")).getFirst()))
        .isEqualTo("rw-r----- " + READERS);
  }

  private ConfinedAgent start(String type, Capability... capabilities) throws Exception {
    return ConfinedAgent.start(
        scratch,
        ConfinedAgent.as(UID, List.of(), capabilities),
        settings(type),
        "--only",
        "capture");
  }

  private Map<String, String> settings(String type) {
    Map<String, String> settings = new HashMap<>();
    settings.put("state.dir", state.toString());
    settings.put("sources.source.type", type);
    settings.put("heartbeat.ms", "100");
    settings.put("liveness.interval.ms", "200");
    settings.put("receive.buffer.bytes", "" + BUFFER);
    return settings;
  }

  private Path statusFile() {
    return state.resolve("trails/capture.json");
  }

  private List<String> trails() throws Exception {
    return ConfinedAgent.lines(state.resolve("trails/source"));
  }

  private void flood(int calls) throws Exception {
    Path flood = KernelAudit.build("flood.c", scratch);
    KernelAudit.auditctl(
        "-a", "always,exit", "-F", "arch=b64", "-S", "getppid", "-F", "exe=" + flood);
    ConfinedAgent.run(flood.toString(), "" + calls);
  }

  private static String access(Path file) throws Exception {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file))
        + " "
        + Files.getAttribute(file, "unix:gid", LinkOption.NOFOLLOW_LINKS);
  }

  private static JsonNode source(JsonNode status) {
    return status.path("sources").path(0);
  }

  private static boolean isRunning(JsonNode status) {
    return source(status).path("state").asText().equals("RUNNING");
  }

  private static boolean isOfFlood(String line) {
    return line.startsWith("type=SYSCALL ") && line.contains("comm=\"flood\"");
  }

  private static long rmemMax() throws Exception {
    return Long.parseLong(
        Files.readAllLines(Path.of("/proc/sys/net/core/rmem_max")).getFirst().strip());
  }
}
