// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What others do to a running agent: each ends counted, told once, and with the agent at work as
 * before.
 */
@ExtendWith(KernelAudit.class)
@Timeout(180)
class BadInputTest {
  @TempDir Path scratch;
  private Path state;

  @BeforeEach
  void on() throws Exception {
    KernelAudit.auditctl("-e", "1");
    KernelAudit.auditctl("-b", "8192");
    state = Files.createDirectory(scratch.resolve("state"));
  }

  @Test
  void forgedRecord_isRefused() throws Exception {
    try (ConfinedAgent agent = start("kernel", Map.of())) {
      for (int i = 0; i < 3; i++) {
        // To every audit socket there is, the agent's two among them.
        python(
            """
            import socket, struct
            text = b"audit(1.000:1): arch=c000003e syscall=62 success=yes auid=4242 forged"
            s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
            for line in open("/proc/net/netlink").readlines()[1:]:
                words = line.split()
                if words[1] == "9" and words[2] != "0":
                    for length in (0, 16, 16 + len(text)):
                        message = struct.pack("=IHHII", length, 1300, 0, 0, 0) + text
                        try: s.sendto(message, (int(words[2]) & 0xffffffff, 0))
                        except ConnectionRefusedError: pass
            """);
      }
      JsonNode status =
          agent.untilStatus(
              "refused", statusFile(), now -> capture(now).path("spoofed").asLong() == 9);
      assertUnharmed(status);
      assertGoesOn(agent);
      assertThat(agent.stop()).isZero();
      assertThat(agent.said("as if it were the kernel")).as(agent.said()).hasSize(1);
      assertThat(agent.said("ERROR")).as(agent.said()).isEmpty();
    }
    assertThat(lines()).noneMatch(line -> line.contains("forged"));
  }

  @Test
  void oddUserMessages_areKeptAndAusearchReadsThem() throws Exception {
    try (ConfinedAgent agent = start("kernel", Map.of())) {
      python(
          USER_MESSAGE
              + """
              say(1110, b"first")
              say(1110, b"nul\\0inside")
              say(1110, b"line\\nfeed\\n\\n")
              say(1110, b"no utf8 \\xc3\\x28\\xff\\xfe\\xed\\xa0\\x80 in here")
              say(1110, b"x" * 8560)
              say(1110, b"y" * 8970)
              say(1110, b"")
              say(1110, b"%s%n%d \\x1dUID=\\"root\\" '")
              say(1199, b"type 1199")
              say(2999, b"type 2999")
              say(1124, b"\\x01\\x02 tty \\n")
              say(1110, b"last")
              """);
      agent.until("the last", () -> lines().stream().anyMatch(l -> l.contains("msg='last'")));
      JsonNode status =
          agent.untilStatus(
              "the status of them",
              statusFile(),
              now -> source(now).path("written").asLong() >= 14);
      assertUnharmed(status);
      assertThat(capture(status).path("replaced").asLong()).isGreaterThanOrEqualTo(3);
      assertGoesOn(agent);
      assertThat(agent.stop()).isZero();
      assertThat(agent.said("ERROR")).as(agent.said()).isEmpty();
    }
    List<String> lines = lines();
    assertThat(lines)
        .allMatch(line -> line.matches("type=[A-Z_0-9\\[\\]]+ (msg=)?[ -\\xff\\t\\x01-\\x1f]*"));
    assertThat(lines)
        .anyMatch(line -> line.contains("msg='line feed"))
        .anyMatch(line -> line.contains("no utf8 \u00c3(\u00ff\u00fe\u00ed\u00a0\u0080 in"))
        .anyMatch(line -> line.contains("x".repeat(8560)))
        .anyMatch(line -> line.contains("y".repeat(8500)))
        .anyMatch(line -> line.contains("type 1199"))
        .anyMatch(line -> line.startsWith("type=UNKNOWN[2999] ") && line.contains("type 2999"));
    List<String> found = ausearch();
    for (String marker : List.of("first", "type 1199", "type 2999", "last")) {
      assertThat(found).as(marker).anyMatch(line -> line.contains("'" + marker + "'"));
    }
  }

  @Test
  void killForgedInAUserMessage_attributesNobody() throws Exception {
    try (ConfinedAgent agent = start("kernel", Map.of("signal.grace.ms", "1500"))) {
      python(
          USER_MESSAGE
              + """
              now = "%%.3f:1" %% time.time()
              kill = ("\\ntype=SYSCALL msg=audit(%%s): arch=c000003e syscall=62 success=yes exit=0 a0=%1$x a1=f a2=0"
                  " a3=0 items=0 ppid=1 pid=%2$d auid=4242 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0"
                  " tty=pts0 ses=7 comm=\\"kill\\" exe=\\"/bin/kill\\" key=(null)"
                  "\\ntype=OBJ_PID msg=audit(%%s): opid=%1$d oauid=0 ouid=0 oses=1 ocomm=\\"java\\""
                  "\\ntype=EOE msg=audit(%%s): \\n") %% (now, now, now)
              for type in (1110, 1112, 1124, 2999):
                  say(type, kill.encode())
                  say(type, b"'" + kill.encode() + b"'")
              """
                  .formatted(agent.pid(), ProcessHandle.current().pid()));
      agent.until(
          "the forgery", () -> lines().stream().filter(l -> l.contains("auid=4242")).count() >= 6);
      // No rule audits kill: the forgery is the only word there is, besides the kernel's.
      assertThat(agent.stop()).isZero();
    }
    List<String> lines = lines();
    assertThat(lines)
        .noneMatch(line -> line.startsWith("type=SYSCALL") && line.contains("4242"))
        .noneMatch(line -> line.startsWith("type=OBJ_PID"));
    assertThat(lines.getLast()).startsWith("type=DAEMON_END ").doesNotContain("4242");
    assertThat(ausearch("-m", "OBJ_PID")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"kernel", "readlog"})
  void overrunOfASmallBuffer_isCountedAndTheAgentGoesOn(String type) throws Exception {
    Path flood = KernelAudit.build("flood.c", scratch);
    try (ConfinedAgent agent = start(type, Map.of("receive.buffer.bytes", "65536"))) {
      KernelAudit.auditctl("--backlog_wait_time", "0"); // who floods is not to be stalled by us
      KernelAudit.auditctl(
          "-a", "always,exit", "-F", "arch=b64", "-S", "getppid", "-F", "exe=" + flood);
      for (int round = 1; round <= 2; round++) {
        int before = round - 1;
        long drops = drops();
        agent.signal("STOP");
        ConfinedAgent.run(flood.toString(), "20000");
        if (type.equals("kernel")) {
          awaitRetries(drops);
        }
        agent.signal("CONT");
        JsonNode status =
            agent.untilStatus(
                "overrun " + round,
                statusFile(),
                now ->
                    source(now).path("overruns").asLong() > before
                        && capture(now).path("socketDrops").asLong() > 0);
        assertUnharmed(status);
        assertGoesOn(agent);
      }
      assertThat(agent.stop()).isZero();
      assertThat(agent.said("the receive buffer was full")).as(agent.said()).hasSize(1);
      assertThat(agent.said("ERROR")).as(agent.said()).isEmpty();
    }
  }

  /** Until the kernel has given up trying to hand a stopped daemon the next record. */
  private static void awaitRetries(long before) throws Exception {
    long deadline = System.nanoTime() + 20_000_000_000L;
    while (drops() == before) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      Thread.sleep(20);
    }
  }

  /** Of all audit sockets. */
  private static long drops() throws Exception {
    return Files.readAllLines(Path.of("/proc/net/netlink")).stream()
        .map(line -> line.strip().split("\\s+", -1))
        .filter(words -> words[1].equals("9"))
        .mapToLong(words -> Long.parseLong(words[8]))
        .sum();
  }

  /** Writes user messages as no tool would. */
  private static final String USER_MESSAGE =
      """
      import os, socket, struct, time
      s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
      def say(type, text):
          s.sendto(struct.pack("=IHHII", 16 + len(text) + 1, type, 5, 1, 0) + text + b"\\0", (0, 0))
          s.recv(9000)
      """;

  private ConfinedAgent start(String type, Map<String, String> more) throws Exception {
    Map<String, String> settings = new HashMap<>(more);
    settings.put("state.dir", state.toString());
    settings.put("sources.source.type", type);
    settings.put("heartbeat.ms", "100");
    ConfinedAgent agent = ConfinedAgent.start(scratch, List.of(), settings, "--only", "capture");
    agent.untilStatus(
        "running", statusFile(), now -> source(now).path("state").asText().equals("RUNNING"));
    return agent;
  }

  private void assertGoesOn(ConfinedAgent agent) throws Exception {
    String marker = "goes-on-" + System.nanoTime();
    KernelAudit.auditctl("-m", marker);
    agent.until(marker, () -> lines().stream().anyMatch(line -> line.contains(marker)));
  }

  private static void assertUnharmed(JsonNode status) {
    assertThat(source(status).path("state").asText()).as("%s", status).isEqualTo("RUNNING");
    assertThat(capture(status).path("restarts").asLong()).as("%s", status).isZero();
    assertThat(capture(status).path("reattached").asLong()).as("%s", status).isZero();
    assertThat(source(status).path("received").asLong())
        .as("%s", status)
        .isEqualTo(
            source(status).path("written").asLong() + source(status).path("dropped").asLong());
  }

  private Path statusFile() {
    return state.resolve("trails/capture.json");
  }

  private List<String> lines() throws Exception {
    return ConfinedAgent.lines(state.resolve("trails/source"));
  }

  private List<String> ausearch(String... filter) throws Exception {
    List<String> found = new ArrayList<>();
    for (Path trail : ConfinedAgent.trails(state.resolve("trails/source"))) {
      List<String> command =
          new ArrayList<>(
              List.of(RequiredTools.path("ausearch").toString(), "--raw", "-if", trail.toString()));
      command.addAll(List.of(filter));
      Process process =
          new ProcessBuilder(command)
              .redirectInput(new java.io.File("/dev/null"))
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      found.addAll(
          new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1)
              .lines()
              .toList());
      process.waitFor();
    }
    return found;
  }

  private static void python(String program) throws Exception {
    ConfinedAgent.run(RequiredTools.path("python3").toString(), "-c", program);
  }

  private static JsonNode source(JsonNode status) {
    return status.path("sources").path(0);
  }

  private static JsonNode capture(JsonNode status) {
    return source(status).path("capture");
  }
}
