// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * The sources at work are those of the configuration, whatever came before: auditd 2.3.6 lost its
 * dispatcher by a SIGHUP. Real processes, real signals, and no broker to be had all the while.
 */
@ExtendWith(KernelAudit.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class SupervisionTest {
  // An idle machine needs a fraction of a second; this is only for a busy one.
  private static final Duration SOON = Duration.ofSeconds(15);
  private static final int TIMES = 10;

  @TempDir Path directory;
  private final Map<String, String> settings = new HashMap<>();

  @BeforeEach
  void smallest() throws Exception {
    Path trails = Files.createDirectory(directory.resolve("bsm"));
    Files.writeString(
        trails.resolve("20261120102848.not_terminated"),
        "type=USER_CMD msg=audit(1795170528.499:6283): pid=1 uid=0 auid=0 ses=1 msg='op=x'\n");
    settings.put("bootstrap.servers", "127.0.0.1:1");
    settings.put("schema.registry.url", "http://127.0.0.1:1");
    settings.put("heartbeat.ms", "100");
    settings.put("signal.grace.ms", "500");
    settings.put("sources.stays.type", "trails");
    settings.put("sources.stays.path", trails.toString());
  }

  @Test
  void startedWithIt_hupAwayAndBack_tenTimes() throws Exception {
    with("kernel");
    KernelAudit.auditctl("-a", "always,exit", "-F", "arch=b64", "-S", "kill");
    try (AgentProcess agent = AgentProcess.start(directory, settings)) {
      assertRunning(agent, Duration.ofSeconds(30), "kernel", "stays");
      agent.awaitRegistered();
      for (int i = 0; i < TIMES; i++) {
        without("kernel");
        AgentProcess.configure(directory, settings);
        agent.signal("HUP", 1000);
        assertRunning(agent, SOON, "stays");
        assertThat(KernelAudit.settings()).as("time %s", i).containsEntry("pid", "0");
        with("kernel");
        hup(agent);
        assertRunning(agent, SOON, "kernel", "stays");
        agent.awaitRegistered();
      }
      stop(agent);
      assertThat(agent.lines("kernel", "DAEMON_START")).hasSize(TIMES + 1);
      List<String> ends = agent.lines("kernel", "DAEMON_END");
      assertThat(ends).hasSize(TIMES + 1);
      assertThat(ends.subList(0, TIMES))
          .as("who had it end")
          .allMatch(end -> end.contains(" auid=1000 ") && end.contains(" sender=kill-event "));
    }
  }

  @Test
  void changedCaptureSetting_takesItsPlaceAtOnceAndNamesWhoAsked() throws Exception {
    with("kernel");
    settings.put("signal.grace.ms", "5000");
    KernelAudit.auditctl("-a", "always,exit", "-F", "arch=b64", "-S", "kill");
    try (AgentProcess agent = AgentProcess.start(directory, settings)) {
      assertRunning(agent, Duration.ofSeconds(30), "kernel", "stays");
      agent.awaitRegistered();
      settings.put("trail.max.bytes", "1000000");
      AgentProcess.configure(directory, settings);
      agent.signal("HUP", 1001);
      agent.await("told", SOON, () -> agent.lines("kernel", "DAEMON_CONFIG").size() == 1);
      assertRunning(agent, SOON, "kernel", "stays");
      assertThat(agent.lines("kernel", "DAEMON_START")).hasSize(2);
      for (String type : List.of("DAEMON_END", "DAEMON_CONFIG")) {
        assertThat(agent.lines("kernel", type)).hasSize(1);
        assertThat(agent.lines("kernel", type).getFirst())
            .contains(" auid=1001 ")
            .contains(" sender=kill-event ");
      }
      stop(agent);
    }
  }

  @Test
  void startedWithoutIt_hupBackAndAway_tenTimes() throws Exception {
    try (AgentProcess agent = AgentProcess.start(directory, settings)) {
      assertRunning(agent, Duration.ofSeconds(30), "stays");
      for (int i = 0; i < TIMES; i++) {
        with("kernel");
        hup(agent);
        assertRunning(agent, SOON, "kernel", "stays");
        agent.awaitRegistered();
        without("kernel");
        hup(agent);
        assertRunning(agent, SOON, "stays");
        assertThat(KernelAudit.settings()).as("time %s", i).containsEntry("pid", "0");
      }
      stop(agent);
    }
  }

  @Test
  void sourceOnDisk_goesAndComesAsWell_andGoesOnWhereItWas() throws Exception {
    settings.put("sources.other.type", "trails");
    settings.put("sources.other.path", directory.resolve("bsm").toString());
    try (AgentProcess agent = AgentProcess.start(directory, settings)) {
      assertRunning(agent, Duration.ofSeconds(30), "other", "stays");
      for (int i = 0; i < TIMES; i++) {
        settings.remove("sources.other.type");
        settings.remove("sources.other.path");
        hup(agent);
        assertRunning(agent, SOON, "stays");
        settings.put("sources.other.type", "trails");
        settings.put("sources.other.path", directory.resolve("bsm").toString());
        hup(agent);
        assertRunning(agent, SOON, "other", "stays");
      }
      agent.await("its bytes", () -> source(agent, "other").path("waitingBytes").asInt() > 0);
      stop(agent);
    }
  }

  @Test
  void invalidFile_changesNothingAndIsOneErrorWithItsLine() throws Exception {
    with("kernel");
    KernelAudit.auditctl("-a", "always,exit", "-F", "arch=b64", "-S", "kill");
    try (AgentProcess agent = AgentProcess.start(directory, settings)) {
      assertRunning(agent, Duration.ofSeconds(30), "kernel", "stays");
      agent.awaitRegistered();
      Path file = directory.resolve("agent.properties");
      String valid = Files.readString(file);
      Files.writeString(file, "# first line\nheartbeat.ms=banana\nsources.new.type=kernel\n");
      agent.signal("HUP", 1000);
      agent.await("refused", () -> agent.lines("kernel", "DAEMON_CONFIG").size() == 1);
      assertThat(agent.lines("kernel", "DAEMON_CONFIG").getFirst())
          .contains("op=reconfigure state=no-change auid=1000 ")
          .contains(" res=failed ");
      assertThat(agent.log())
          .containsOnlyOnce(file + " line 2: ")
          .contains("heartbeat.ms")
          .contains("banana");
      assertRunning(agent, SOON, "kernel", "stays");
      Files.writeString(file, valid);
      agent.signal("HUP", 1000);
      agent.await("taken", () -> agent.lines("kernel", "DAEMON_CONFIG").size() == 2);
      assertThat(agent.lines("kernel", "DAEMON_CONFIG").getLast())
          .contains("state=changed auid=1000 ")
          .contains(" res=success ");
      stop(agent);
    }
  }

  @Test
  void whatCannotChangeWhileItRuns_isRefused() throws Exception {
    try (AgentProcess agent = AgentProcess.start(directory, settings)) {
      assertRunning(agent, Duration.ofSeconds(30), "stays");
      settings.put("host", "another");
      hup(agent);
      agent.await("refused", () -> agent.log().contains("host cannot change while the agent runs"));
      assertRunning(agent, SOON, "stays");
    }
  }

  @Test
  void directoryThatVanished_isMadeAgainAndNothingIsLost() throws Exception {
    with("kernel");
    try (AgentProcess agent = AgentProcess.start(directory, settings)) {
      assertRunning(agent, Duration.ofSeconds(30), "kernel", "stays");
      agent.awaitRegistered();
      KernelAudit.auditctl("-m", "before it vanished");
      agent.await("captured", () -> userRecords(agent).contains("before it vanished"));
      remove(directory.resolve("state/trails/kernel"));
      agent.await("made again", () -> userRecords(agent).contains("before it vanished"));
      hup(agent);
      assertRunning(agent, SOON, "kernel", "stays");
      KernelAudit.auditctl("-m", "after it vanished");
      agent.await("captured", () -> userRecords(agent).contains("after it vanished"));
      agent.await(
          "counted", () -> source(agent, "kernel").path("capture").path("vanished").asInt() == 1);
      stop(agent);
    }
  }

  @Test
  void sourcesDirectoryOrSocketThatVanished_isSaidSoAndTakenUpAgain() throws Exception {
    Path socket = directory.resolve("events");
    settings.put("sources.plugin.type", "audisp");
    settings.put("sources.plugin.path", socket.toString());
    Path trails = directory.resolve("bsm");
    try (AgentProcess agent = AgentProcess.start(directory, settings)) {
      assertRunning(agent, Duration.ofSeconds(30), "stays");
      assertThat(source(agent, "plugin").path("error").asText()).contains(socket.toString());
      for (int i = 0; i < 3; i++) {
        Files.move(trails, directory.resolve("elsewhere"));
        try (ServerSocketChannel auditd = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
          auditd.bind(UnixDomainSocketAddress.of(socket));
          hup(agent);
          assertRunning(agent, SOON, "plugin");
          assertThat(source(agent, "stays").path("error").asText()).contains("does not exist");
          SocketChannel connection = auditd.accept();
          connection.write(
              ByteBuffer.wrap(
                  ("type=USER msg=audit(1795170528.499:" + i + "): pid=1 msg='event'\n")
                      .getBytes(StandardCharsets.UTF_8)));
          int count = i + 1;
          agent.await("a record", () -> agent.lines("plugin", "USER").size() == count);
          connection.close();
        }
        Files.delete(socket);
        Files.move(directory.resolve("elsewhere"), trails);
        assertRunning(agent, Duration.ofSeconds(10), "stays");
      }
      stop(agent);
    }
  }

  @Test
  void threadThatDied_isReplacedWithoutASignalAndWithOne() throws Exception {
    with("kernel");
    AgentConfig config = AgentConfig.of(here());
    try (Agent agent = new Agent(config, () -> config)) {
      agent.start();
      for (int i = 0; i < 4; i++) {
        Thread capture = await("a capture at work", "capture-kernel");
        await(() -> KernelAudit.settings().get("pid").equals(ownPid()));
        capture.interrupt(); // nothing of ours does that: it ends
        assertThat(capture.join(Duration.ofSeconds(5))).isTrue();
        if (i % 2 == 1) {
          agent.handle(hupDelivery());
          assertThat(agent.running()).containsExactly("kernel", "stays");
        }
        await(() -> agent.running().contains("kernel"));
      }
      assertThat(agent.running()).containsExactly("kernel", "stays");
    }
    assertThat(KernelAudit.settings()).containsEntry("pid", "0");
  }

  private static auditbus.agent.capture.Signals.Delivery hupDelivery() {
    return new auditbus.agent.capture.Signals.Delivery(
        auditbus.agent.capture.HandledSignal.HUP, System.nanoTime(), java.time.Instant.now());
  }

  private Map<String, String> here() {
    Map<String, String> all = new HashMap<>(settings);
    all.put("state.dir", directory.resolve("state").toString());
    return all;
  }

  private static String ownPid() {
    return Long.toString(ProcessHandle.current().pid());
  }

  private static Thread await(String what, String name) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (true) {
      for (Thread thread : Thread.getAllStackTraces().keySet()) {
        if (thread.getName().equals(name) && thread.isAlive()) {
          return thread;
        }
      }
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  private static void await(java.util.concurrent.Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  private void with(String kernel) {
    settings.put("sources." + kernel + ".type", "kernel");
  }

  private void without(String kernel) {
    settings.remove("sources." + kernel + ".type");
  }

  private void hup(AgentProcess agent) throws Exception {
    AgentProcess.configure(directory, settings);
    agent.signal("HUP", 4294967295L);
  }

  private static void stop(AgentProcess agent) throws Exception {
    agent.signal("TERM", 4294967295L);
    assertThat(agent.awaitExit()).as(agent.log()).isZero();
  }

  /** What runs by its own word, in a heartbeat made after the question. */
  private static void assertRunning(AgentProcess agent, Duration within, String... names)
      throws Exception {
    Set<String> wanted = new TreeSet<>(Set.of(names));
    agent.await("running " + wanted, within, () -> running(agent).equals(wanted));
  }

  private static Set<String> running(AgentProcess agent) throws IOException {
    Set<String> found = new TreeSet<>();
    for (JsonNode source : agent.status().path("sources")) {
      if (source.path("state").asText().equals("RUNNING")) {
        found.add(source.path("name").asText());
      }
    }
    return found;
  }

  private static JsonNode source(AgentProcess agent, String name) throws IOException {
    for (JsonNode source : agent.status().path("sources")) {
      if (source.path("name").asText().equals(name)) {
        return source;
      }
    }
    throw new AssertionError("no source " + name + " in " + agent.status());
  }

  private static String userRecords(AgentProcess agent) throws IOException {
    return String.join("\n", agent.lines("kernel", "USER"));
  }

  private static void remove(Path place) throws IOException {
    try (var files = Files.list(place)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
    }
    Files.delete(place);
  }
}
