// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What the real auditd hands its plugins arrives in the trail. */
@ExtendWith(KernelAudit.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class AuditdFeedTest {
  @TempDir Path directory;

  @Test
  void socketOfAuditd_givesAllInOrderOverEveryRestart() throws Exception {
    Path socket = directory.resolve("events");
    try (RealAuditd auditd = new RealAuditd(directory.resolve("auditd"), Map.of());
        AgentProcess agent =
            AgentProcess.start(
                directory,
                Map.of("sources.auditd.type", "audisp", "sources.auditd.path", socket.toString()),
                "--only",
                "capture")) {
      agent.await("waiting for the socket", () -> agent.log().contains("auditd's socket"));
      auditd.serve(socket);
      auditd.start();
      awaitFeed(agent, "first");
      MixedActivity activity = new MixedActivity(directory);
      activity.run(10_000);
      awaitFeed(agent, "second");
      assertThat(MixedActivity.between(withoutEnds(agent.lines("auditd")), "first", "second"))
          .as("all that auditd logged in between")
          .hasSizeGreaterThan(20_000)
          .isEqualTo(MixedActivity.between(auditd.lines(), "first", "second"));

      auditd.stop();
      agent.await("the end of auditd", () -> agent.lines("auditd", "DAEMON_END").size() == 1);
      auditd.start();
      awaitFeed(agent, "third");

      Process flooding = activity.flood(20_000);
      long before = agent.lines("auditd").size();
      agent.await("the flood", () -> agent.lines("auditd").size() > before + 2_000);
      auditd.kill();
      activity.awaitEnd(flooding);
      auditd.start();
      awaitFeed(agent, "fourth");

      Files.delete(socket);
      KernelAudit.auditctl("-m", "nameless");
      agent.await("sent on", () -> count(agent.lines("auditd"), "text=nameless ") == 1);
      auditd.stop();
      auditd.start();
      awaitFeed(agent, "fifth");
      agent.signal("TERM", 1000);
      assertThat(agent.awaitExit()).as(agent.log()).isZero();

      List<String> ours = agent.lines("auditd");
      assertThat(new HashSet<>(ours)).as("nothing twice").hasSameSizeAs(ours);
      assertThat(ours.stream().filter(line -> line.startsWith("type=DAEMON_END"))).hasSize(2);
      Set<String> logged = new HashSet<>(auditd.lines());
      List<String> both = withoutEnds(ours);
      List<String> torn = both.stream().filter(line -> !logged.contains(line)).toList();
      // A kill may cut the line it hits, and the log is written before the socket.
      assertThat(torn).as("lines auditd has not logged").hasSizeLessThan(2);
      both.removeAll(torn);
      Set<String> taken = new HashSet<>(both);
      assertThat(both)
          .as("in auditd's order")
          .isEqualTo(auditd.lines().stream().filter(taken::contains).toList());
    }
  }

  @Test
  void startedByAuditd_takesItsInputAndEndsWithIt() throws Exception {
    Path pids = directory.resolve("pids");
    Path program = AgentProcess.plugin(directory, Map.of(), "--only", "capture");
    try (RealAuditd auditd = new RealAuditd(directory.resolve("auditd"), Map.of())) {
      // auditd 3.0.9 hands out nothing any more once its last plugin was turned off.
      auditd.serve(directory.resolve("events"));
      auditd.plugin("auditbus", program, true);
      auditd.start();
      MixedActivity activity = new MixedActivity(directory);
      activity.run(2_000);
      KernelAudit.auditctl("-m", "first");
      RealAuditd.await("the feed", () -> count(lines(), "text=first ") == 1);
      assertThat(lines().getFirst()).startsWith("type=DAEMON_START");
      List<String> all = auditd.lines();
      assertThat(withoutEnds(lines())).as("from its start").isEqualTo(all);

      auditd.plugin("auditbus", program, false);
      auditd.signal("HUP");
      awaitEnd(pids, 1);
      assertThat(trails()).singleElement().asString().matches(".*/\\d{14}\\.\\d{14}");
      auditd.plugin("auditbus", program, true);
      auditd.signal("HUP");
      RealAuditd.await("started again", () -> Files.readAllLines(pids).size() == 2);
      KernelAudit.auditctl("-m", "second");
      // auditd tells it to end also before it can tell what that means.
      RealAuditd.await("the feed again", () -> count(lines(), "text=second ") == 1);
      activity.run(10_000);
      KernelAudit.auditctl("-m", "third");
      // auditd 3.0.9 throws away what it has not handed out when it is stopped.
      RealAuditd.await("the third", () -> count(lines(), "text=third ") == 1);
      auditd.stop();
      awaitEnd(pids, 2);

      List<String> ours = lines();
      assertThat(trails())
          .hasSize(2)
          .allMatch(trail -> trail.toString().matches(".*\\d{14}\\.\\d{14}"));
      assertThat(new HashSet<>(ours)).as("nothing twice").hasSameSizeAs(ours);
      assertThat(MixedActivity.between(withoutEnds(ours), "second", "third"))
          .isEqualTo(MixedActivity.between(auditd.lines(), "second", "third"));
      assertThat(ours.getLast()).as("the last line").startsWith("type=DAEMON_END");
      assertThat(Files.readString(directory.resolve("log"))).doesNotContain("ERROR");
    }
  }

  /** A user message that is sent until it is in the trail; it is in it once. */
  private static void awaitFeed(AgentProcess agent, String message) throws Exception {
    agent.await(
        "connected",
        () -> {
          KernelAudit.auditctl("-m", "probe for " + message + " " + System.nanoTime());
          return count(agent.lines("auditd"), "text=probe for " + message + " ") > 0;
        });
    KernelAudit.auditctl("-m", message);
    agent.await(message, () -> count(agent.lines("auditd"), "text=" + message + " ") == 1);
  }

  private static long count(List<String> lines, String text) {
    return lines.stream().filter(line -> line.contains(text)).count();
  }

  private static List<String> withoutEnds(List<String> lines) {
    List<String> found = new ArrayList<>(lines);
    found.removeIf(line -> line.startsWith("type=EOE "));
    return found;
  }

  private static void awaitEnd(Path pids, int started) throws Exception {
    List<String> lines = Files.readAllLines(pids);
    assertThat(lines).hasSize(started);
    long pid = Long.parseLong(lines.getLast());
    RealAuditd.await(
        "the agent ended",
        () -> ProcessHandle.of(pid).map(process -> !process.isAlive()).orElse(true));
  }

  private List<Path> trails() throws Exception {
    Path place = directory.resolve("state/trails/auditd");
    if (!Files.exists(place)) {
      return List.of();
    }
    try (var files = Files.list(place)) {
      return files.filter(file -> !file.getFileName().toString().startsWith(".")).sorted().toList();
    }
  }

  private List<String> lines() throws Exception {
    List<String> found = new ArrayList<>();
    for (Path trail : trails()) {
      Files.readString(trail, StandardCharsets.ISO_8859_1).lines().forEach(found::add);
    }
    return found;
  }
}
