// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.AgentProcess;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Everything that can stand between an agent and its topics, one after the other, before a real
 * broker: each is said in one line, waited out without spinning, and loses nothing.
 */
@Timeout(value = 6, unit = TimeUnit.MINUTES)
final class PublishingIT {
  private static final Duration LONG = Duration.ofSeconds(90);
  private static final long BACK_WITHIN_MILLIS = 5_000;

  @TempDir static Path shared;
  private static GuardedCluster cluster;

  @TempDir Path directory;
  private String host;
  private GrowingTrail trail;

  @BeforeAll
  static void openCluster() throws Exception {
    cluster = new GuardedCluster(shared.resolve("kafka"));
  }

  @AfterAll
  static void closeCluster() throws Exception {
    cluster.close();
  }

  @BeforeEach
  void beginTrail(TestInfo test) throws Exception {
    try (Admin admin = Admin.create(cluster.client)) {
      var _ = admin.deleteAcls(List.of(AclBindingFilter.ANY)).all().get(20, TimeUnit.SECONDS);
    }
    String name = test.getTestMethod().orElseThrow().getName().toLowerCase(java.util.Locale.ROOT);
    host = name.substring(0, Math.min(name.length(), 40));
    trail = new GrowingTrail(directory.resolve("trails"));
  }

  // ---- the broker

  @Test
  void brokerAwayFor35Seconds_publishesWithin5SecondsOfItsReturn() throws Exception {
    try (AgentProcess agent = AgentProcess.start(directory, settings());
        Arrivals arrivals = cluster.arrivals(host)) {
      trail.events(50);
      awaitAll(agent, arrivals);
      cluster.closeBroker();
      trail.events(50);
      assertIdle(agent, Duration.ofSeconds(35));
      trail.events(50);
      assertSaidOnce(agent, "bootstrap.servers", "127.0.0.1:");
      arrivals.since(System.currentTimeMillis());
      long backMillis = cluster.openBroker();
      awaitAll(agent, arrivals);
      assertBackInTime(arrivals, backMillis);
      agent.await("told", () -> agent.log().contains("publishing again"));
      assertEnd(agent, arrivals);
    }
  }

  @Test
  void brokerAwayAtTheStart_isFoundWhenItComes() throws Exception {
    cluster.closeBroker();
    trail.events(50);
    try (AgentProcess agent = AgentProcess.start(directory, settings())) {
      agent.await("told", () -> agent.log().contains("ERROR"));
      assertIdle(agent, Duration.ofSeconds(8));
      assertSaidOnce(agent, "is bootstrap.servers right and reachable?", "audit.");
      long backMillis = cluster.openBroker();
      try (Arrivals arrivals = cluster.arrivals(host)) {
        arrivals.since(0);
        awaitAll(agent, arrivals);
        assertBackInTime(arrivals, backMillis);
        assertEnd(agent, arrivals);
      }
    }
  }

  @Test
  void brokerThatTakesConnectionsAndNeverAnswers_isWaitedOut() throws Exception {
    try (AgentProcess agent = AgentProcess.start(directory, settings());
        Arrivals arrivals = cluster.arrivals(host)) {
      trail.events(50);
      awaitAll(agent, arrivals);
      cluster.proxy.stall();
      trail.events(5_000);
      assertIdle(agent, Duration.ofSeconds(14)); // beyond what one request is waited for
      assertSaidOnce(agent, "127.0.0.1:");
      long backMillis = System.currentTimeMillis();
      arrivals.since(backMillis);
      cluster.proxy.flow();
      awaitAll(agent, arrivals);
      assertBackInTime(arrivals, backMillis);
      assertEnd(agent, arrivals);
    } finally {
      cluster.proxy.flow();
    }
  }

  @Test
  void oneOfSeveralBootstrapServersDead_isPassedBy() throws Exception {
    Map<String, String> settings = settings();
    settings.merge(
        "bootstrap.servers", "127.0.0.1:1", (there, dead) -> dead + "," + there + "," + dead);
    trail.events(50);
    try (AgentProcess agent = AgentProcess.start(directory, settings);
        Arrivals arrivals = cluster.arrivals(host)) {
      awaitAll(agent, arrivals);
      assertThat(agent.log()).doesNotContain("ERROR");
      assertEnd(agent, arrivals);
    }
  }

  // ---- the registry

  @Test
  void registryAwayAtTheStart_isWaitedFor() throws Exception {
    cluster.closeRegistry();
    trail.events(50);
    try (AgentProcess agent = AgentProcess.start(directory, settings())) {
      agent.await("told", () -> agent.log().contains("ERROR"));
      assertIdle(agent, Duration.ofSeconds(6));
      assertSaidOnce(agent, cluster.registryUrl(), "Check that the schema registry runs");
      cluster.openRegistry();
      try (Arrivals arrivals = cluster.arrivals(host)) {
        awaitAll(agent, arrivals);
        assertEnd(agent, arrivals);
      }
    } finally {
      cluster.closeRegistry();
      cluster.openRegistry();
    }
  }

  @Test
  void registryAwayOnceItsIdsAreKnown_isNotMissed_andWaitedForWhenItIs() throws Exception {
    try (AgentProcess agent = AgentProcess.start(directory, settings());
        Arrivals arrivals = cluster.arrivals(host)) {
      trail.events(50);
      awaitAll(agent, arrivals);
      cluster.closeRegistry();
      trail.events(50);
      trail.rotate();
      trail.events(50);
      awaitAll(agent, arrivals);
      assertThat(agent.log()).doesNotContain("ERROR");

      Map<String, String> other = settings();
      other.put("in.flight.max.bytes", "4000000"); // another publisher, which knows no ids yet
      AgentProcess.configure(directory, other);
      agent.signal("HUP", 4294967295L);
      trail.events(50);
      agent.await("told", () -> agent.log().contains("ERROR"));
      assertIdle(agent, Duration.ofSeconds(6));
      assertSaidOnce(agent, cluster.registryUrl(), "Check that the schema registry runs");
      cluster.openRegistry();
      awaitAll(agent, arrivals);
      assertEnd(agent, arrivals);
    } finally {
      cluster.closeRegistry();
      cluster.openRegistry();
    }
  }

  // ---- topics and rights

  @Test
  void topicsMissing_areWaitedFor() throws Exception {
    try (Admin admin = Admin.create(cluster.client)) {
      deleteTopics(admin);
      trail.events(50);
      try (AgentProcess agent = AgentProcess.start(directory, settings())) {
        agent.await("told", () -> agent.log().contains("ERROR"));
        assertIdle(agent, Duration.ofSeconds(6));
        assertSaidOnce(agent, "audit.", "auditbus topics create");
        new TopicAdmin(admin).create(2, 1);
        try (Arrivals arrivals = cluster.arrivals(host)) {
          awaitAll(agent, arrivals);
          assertEnd(agent, arrivals);
        }
      }
    } finally {
      createTopics();
    }
  }

  @Test
  void topicDeletedInTheMiddleAndMadeAgain_goesOnByItself() throws Exception {
    try (Admin admin = Admin.create(cluster.client);
        AgentProcess agent = AgentProcess.start(directory, settings())) {
      try (Arrivals arrivals = cluster.arrivals(host)) {
        trail.events(50);
        awaitAll(agent, arrivals);
      }
      long before = Files.size(trail.open());
      deleteTopics(admin);
      trail.events(50);
      agent.await("told", () -> agent.log().contains("ERROR"));
      assertIdle(agent, Duration.ofSeconds(4));
      assertThat(errors(agent)).hasSizeBetween(1, 2); // its topics went one after the other
      new TopicAdmin(admin).create(2, 1);
      // What the deleted topic had is gone with it; what it never acknowledged comes.
      try (Arrivals arrivals = cluster.arrivals(host)) {
        await(
            agent,
            "the rest",
            () -> {
              arrivals.pollLoosely(Duration.ofMillis(100));
              return arrivals.covers(GrowingTrail.id(0), before, Files.size(trail.open()));
            });
      }
    } finally {
      createTopics();
    }
  }

  @Test
  void rightsMissing_areWaitedFor() throws Exception {
    Map<String, String> settings = cluster.agent(host, trail.directory(), GuardedCluster.PASSWORD);
    trail.events(50);
    try (Admin admin = Admin.create(cluster.client);
        AgentProcess agent = AgentProcess.start(directory, settings);
        Arrivals arrivals = cluster.arrivals(host)) {
      agent.await("told", () -> agent.log().contains("ERROR"));
      assertIdle(agent, Duration.ofSeconds(6));
      assertSaidOnce(agent, "Not authorized", "grant the agent's principal Write and Describe");
      grant(admin, AclOperation.DESCRIBE); // to see topics is not to write to them
      assertIdle(agent, Duration.ofSeconds(5));
      assertThat(errors(agent))
          .hasSizeBetween(1, 2)
          .allMatch(line -> line.contains("grant the agent's principal Write"));
      grant(admin, AclOperation.WRITE);
      awaitAll(agent, arrivals);
      assertEnd(agent, arrivals);
    }
  }

  @Test
  void wrongPassword_isSaidAndTheRightOneTakenWithTheNextConfiguration() throws Exception {
    trail.events(50);
    try (Admin admin = Admin.create(cluster.client);
        Arrivals arrivals = cluster.arrivals(host);
        AgentProcess agent =
            AgentProcess.start(
                directory, cluster.agent(host, trail.directory(), "not the password"))) {
      grant(admin, AclOperation.WRITE);
      agent.await("told", () -> agent.log().contains("ERROR"));
      assertIdle(agent, Duration.ofSeconds(6));
      assertSaidOnce(agent, "Authentication failed", "check security.protocol, sasl.*");
      AgentProcess.configure(
          directory, cluster.agent(host, trail.directory(), GuardedCluster.PASSWORD));
      agent.signal("HUP", 4294967295L);
      awaitAll(agent, arrivals);
      assertEnd(agent, arrivals);
    }
  }

  // ---- large events

  @Test
  void argumentsOfTwoMegabytes_arriveInPartsOfWholeRecords() throws Exception {
    trail.append(execve(1, 2_000_000));
    trail.events(20);
    try (AgentProcess agent = AgentProcess.start(directory, settings());
        Arrivals arrivals = cluster.arrivals(host)) {
      awaitAll(agent, arrivals);
      assertThat(agent.log()).doesNotContain("ERROR").doesNotContain("WARN");
      assertParts(arrivals, 3, 1_048_576);
      assertEnd(agent, arrivals);
    }
  }

  @Test
  void topicOfSmallMessages_getsSmallParts() throws Exception {
    ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, Topics.EVENTS.topic());
    try (Admin admin = Admin.create(cluster.client)) {
      limit(admin, topic, 65_536);
      trail.append(execve(1, 2_000_000));
      trail.events(20);
      try (AgentProcess agent = AgentProcess.start(directory, settings());
          Arrivals arrivals = cluster.arrivals(host)) {
        arrivals.holesMayPass();
        awaitAll(agent, arrivals);
        assertThat(errors(agent)).isEmpty();
        assertThat(agent.log()).contains("max.message.bytes", "are sent in parts from now on");
        assertParts(arrivals, 30, 65_536);
        assertEnd(agent, arrivals);
      } finally {
        limit(admin, topic, Topics.MAX_MESSAGE_BYTES);
      }
    }
  }

  /** An execve with so many bytes of arguments, as the kernel splits them. */
  static byte[] execve(int serial, int bytes) {
    java.util.Random random = new java.util.Random(serial); // does not compress
    String stamp = "msg=audit(1795170528.000:" + (4_000_000 + serial) + "): ";
    StringBuilder text = new StringBuilder();
    text.append("type=SYSCALL ").append(stamp).append("arch=c000003e syscall=59 success=yes\n");
    int pieces = bytes / 7_500;
    text.append("type=EXECVE ").append(stamp).append("argc=2 a0=\"x\" a1_len=").append(bytes);
    for (int i = 0; i < pieces; i++) {
      if (i > 0) {
        text.append("type=EXECVE ").append(stamp);
      }
      text.append(" a1[").append(i).append("]=\"");
      for (int c = 0; c < 7_500; c++) {
        text.append((char) ('A' + random.nextInt(26) + 32 * random.nextInt(2)));
      }
      text.append("\"\n");
    }
    text.append("type=EOE ").append(stamp).append('\n');
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void assertParts(Arrivals arrivals, int atLeast, int most) {
    List<AuditEvent> parts =
        arrivals.events.stream().filter(event -> event.getSerial() > 4_000_000).toList();
    int count = parts.getLast().getParts();
    assertThat(count).isGreaterThanOrEqualTo(atLeast);
    List<AuditEvent> whole = parts.subList(parts.size() - count, parts.size());
    for (int i = 0; i < count; i++) {
      assertThat(whole.get(i).getPart()).isEqualTo(i);
      assertThat(whole.get(i).getParts()).isEqualTo(count);
      assertThat(whole.get(i).getRecords())
          .extracting(AuditRecord::getName)
          .doesNotContain("UNPARSED");
      assertThat(whole.get(i).getRecords().stream().mapToInt(AuditRecord::getLength).sum())
          .isLessThan(most);
    }
    assertThat(whole.getFirst().getRecords().getFirst().getName()).isEqualTo("SYSCALL");
    assertThat(whole.getLast().getRecords().getLast().getName()).isEqualTo("EOE");
  }

  // ---- what the tests share

  private Map<String, String> settings() {
    return cluster.agent(host, trail.directory());
  }

  private void awaitAll(AgentProcess agent, Arrivals arrivals) throws Exception {
    String id = GrowingTrail.id(trail.trails() - 1);
    await(
        agent,
        "all of " + Files.size(trail.open()) + " bytes",
        () -> {
          arrivals.poll(Duration.ofMillis(50));
          return arrivals.arrived(id) == Files.size(trail.open());
        });
  }

  private static void await(AgentProcess agent, String what, Callable<Boolean> condition)
      throws Exception {
    agent.await(what, LONG, condition);
  }

  /** Every byte is there and the trail's end with its digest: then the agent has nothing to do. */
  private void assertEnd(AgentProcess agent, Arrivals arrivals) throws Exception {
    byte[] all = Files.readAllBytes(trail.end());
    String id = GrowingTrail.id(trail.trails() - 1);
    await(
        agent,
        "the end",
        () -> {
          arrivals.poll(Duration.ofMillis(50));
          return arrivals.isTerminated(id);
        });
    arrivals.assertWhole(id, all);
    arrivals.assertTerminated(id, all);
  }

  private static void assertBackInTime(Arrivals arrivals, long backMillis) {
    long took = arrivals.firstAfterMillis() - backMillis;
    System.out.println("publishing again " + took + " ms after the broker was back");
    assertThat(took).isLessThan(BACK_WITHIN_MILLIS);
  }

  /** Waits, and no more than a little is done meanwhile. */
  private static void assertIdle(AgentProcess agent, Duration time) throws Exception {
    ProcessHandle process = ProcessHandle.of(agent.pid()).orElseThrow();
    TimeUnit.SECONDS.sleep(2); // what it was at
    long connections = cluster.proxy.accepted();
    Duration before = process.info().totalCpuDuration().orElseThrow();
    TimeUnit.MILLISECONDS.sleep(time.minusSeconds(2).toMillis());
    Duration used = process.info().totalCpuDuration().orElseThrow().minus(before);
    System.out.println(
        "CPU in " + time.minusSeconds(2) + " of waiting: " + used.toMillis() + " ms");
    assertThat(used).isLessThan(time.minusSeconds(2).dividedBy(5));
    assertThat(cluster.proxy.accepted() - connections).isLessThan(4 * time.toSeconds());
    assertThat(process.isAlive()).isTrue();
  }

  private static List<String> errors(AgentProcess agent) throws Exception {
    return agent.log().lines().filter(line -> line.contains(" ERROR ")).toList();
  }

  private static void assertSaidOnce(AgentProcess agent, String... what) throws Exception {
    List<String> errors = errors(agent);
    System.out.println(String.join("\n", errors));
    assertThat(errors).singleElement().asString().contains(what).contains("nothing is lost");
  }

  private static void grant(Admin admin, AclOperation operation) throws Exception {
    admin
        .createAcls(
            List.of(
                new AclBinding(
                    new ResourcePattern(ResourceType.TOPIC, "audit.", PatternType.PREFIXED),
                    new AccessControlEntry(
                        "User:" + GuardedCluster.USER, "*", operation, AclPermissionType.ALLOW))))
        .all()
        .get(20, TimeUnit.SECONDS);
  }

  private static void limit(Admin admin, ConfigResource topic, int bytes) throws Exception {
    admin
        .incrementalAlterConfigs(
            Map.of(
                topic,
                List.of(
                    new AlterConfigOp(
                        new ConfigEntry("max.message.bytes", Integer.toString(bytes)),
                        AlterConfigOp.OpType.SET))))
        .all()
        .get(20, TimeUnit.SECONDS);
  }

  private static void deleteTopics(Admin admin) throws Exception {
    admin.deleteTopics(Topics.names()).all().get(20, TimeUnit.SECONDS);
    long deadline = System.nanoTime() + LONG.toNanos();
    while (admin.listTopics().names().get(20, TimeUnit.SECONDS).stream()
        .anyMatch(Topics.names()::contains)) {
      assertThat(System.nanoTime()).isLessThan(deadline);
    }
  }

  private static void createTopics() throws Exception {
    try (Admin admin = Admin.create(cluster.client)) {
      new TopicAdmin(admin).create(2, 1);
    }
  }
}
