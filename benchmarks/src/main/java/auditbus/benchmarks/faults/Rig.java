// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * The processes, their disks and the network between them, on this machine. {@link #tend} and the
 * faults may come from two threads.
 */
final class Rig {
  static final String HOST = "faulty";
  static final String SOURCE = "auditd";

  /** The host whose agent takes the kernel's messages: one of its own, so that no serials mix. */
  static final String CAPTURE_HOST = "faulty-kernel";

  static final String SINK = "auditbus-trails";
  private static final Duration START = Duration.ofMinutes(2);
  private static final String LIB = "benchmarks/target/lib";

  private final Path project;
  private final Path work;
  private final Clocks clocks;
  private final List<SmallDisk> disks = new ArrayList<>();
  private final HttpClient http =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();
  private final int brokerPort = freePort();
  private final int workerPort = freePort();
  private int restartedTasks;

  final Proxy kafka = new Proxy(brokerPort);
  private final int registryPort = freePort();
  final Proxy registry = new Proxy(registryPort);
  final SmallDisk brokerDisk;
  final SmallDisk agentDisk;
  final SmallDisk sinkDisk;
  final Node broker;
  final Node registryNode;
  final Node agent;
  final Node streams;
  final Node worker;
  final Optional<Node> capture;
  final Optional<SmallDisk> captureDisk;
  private boolean ended;

  /**
   * @param project the root of a built project
   * @param work a directory of its own, on a disk
   * @param clocks what is said to the processes' clocks
   * @param seconds for how long: what is kept must fit
   * @param kernel whether there is an agent for the kernel's messages
   */
  Rig(Path project, Path work, Clocks clocks, int seconds, boolean kernel)
      throws IOException, InterruptedException {
    this.project = project;
    this.work = work;
    this.clocks = clocks;
    for (String needed :
        List.of(
            "benchmarks/target/auditbus-benchmarks.jar",
            "agent/target/auditbus-agent.jar",
            "streams/target/auditbus-streams.jar",
            LIB,
            "sinks/target")) {
      if (!Files.exists(project.resolve(needed))) {
        throw new IOException(project.resolve(needed) + " is missing: build the project first");
      }
    }
    brokerDisk = mount("kafka", 400 + seconds / 2);
    agentDisk = mount("agent", 4);
    sinkDisk = mount("collected", 64 + seconds / 5);
    captureDisk = kernel ? Optional.of(mount("capture", 16)) : Optional.empty();
    Files.createDirectories(work.resolve("log"));
    unpack(work.resolve("plugins"));
    String own = "benchmarks/target/auditbus-benchmarks.jar";
    broker =
        node(
            "broker",
            384,
            List.of(
                "-cp",
                own,
                BrokerProcess.class.getName(),
                brokerDisk.directory() + "/data",
                Integer.toString(brokerPort),
                Integer.toString(kafka.port())));
    registryNode =
        node(
            "registry",
            64,
            List.of(
                "-cp",
                own,
                RegistryProcess.class.getName(),
                "127.0.0.1:" + kafka.port(),
                Integer.toString(registryPort)));
    Files.write(agentConfig(), agentSettings());
    agent = agentNode("agent", agentConfig());
    if (kernel) {
      Path config = work.resolve("capture.properties");
      Files.write(config, captureSettings());
      capture = Optional.of(agentNode(Schedule.CAPTURE, config));
    } else {
      capture = Optional.empty();
    }
    streams =
        node(
            "streams",
            256,
            List.of(
                "-jar",
                "streams/target/auditbus-streams.jar",
                "streams",
                "run",
                "--bootstrap",
                bootstrap(),
                "--registry",
                registryUrl(),
                "--state-dir",
                work.resolve("streams").toString(),
                "--status-file",
                streamsStatus().toString()));
    Files.write(work.resolve("worker.properties"), workerSettings());
    worker =
        node(
            "worker",
            160,
            List.of(
                "-cp",
                workerClassPath(),
                "org.apache.kafka.connect.cli.ConnectDistributed",
                work.resolve("worker.properties").toString()));
  }

  private SmallDisk mount(String name, int megabytes) throws IOException, InterruptedException {
    SmallDisk disk = SmallDisk.mount(work.resolve(name), megabytes);
    disks.add(disk);
    return disk;
  }

  private Node node(String name, int megabytes, List<String> program) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xmx" + megabytes + "m",
            "--sun-misc-unsafe-memory-access=allow",
            "--enable-native-access=ALL-UNNAMED",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"));
    if (name.equals("worker") || name.equals("broker")) {
      command.add("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
    }
    for (String part : program) {
      command.add(
          part.startsWith(LIB) || (part.endsWith(".jar") && !part.contains(":"))
              ? project.resolve(part).toString()
              : part);
    }
    return new Node(
        name, command, clocks.environment(name), work.resolve("log").resolve(name + ".log"));
  }

  private Node agentNode(String name, Path config) {
    return node(
        name,
        64,
        List.of("-jar", "agent/target/auditbus-agent.jar", "run", "--config", config.toString()));
  }

  private List<String> agentSettings() {
    return settings(
        HOST,
        agentDisk,
        "sources." + SOURCE + ".type=auditlog",
        "sources." + SOURCE + ".path=" + log());
  }

  private List<String> captureSettings() {
    return settings(
        CAPTURE_HOST,
        captureDisk.orElseThrow(),
        "trail.max.bytes=100000",
        "trail.keep.ms=60000",
        "space.min.free.bytes=1000000",
        "sources.kernel.type=kernel");
  }

  private List<String> settings(String host, SmallDisk disk, String... own) {
    List<String> settings = new ArrayList<>();
    settings.add("bootstrap.servers=" + bootstrap());
    settings.add("schema.registry.url=" + registryUrl());
    settings.add("host=" + host);
    settings.add("state.dir=" + disk.directory().resolve("state"));
    settings.addAll(List.of(own));
    return settings;
  }

  private List<String> workerSettings() throws IOException {
    Map<String, String> settings = new LinkedHashMap<>();
    for (String line :
        Files.readAllLines(project.resolve("sinks/etc/connect-distributed.properties"))) {
      if (!line.isBlank() && !line.startsWith("#")) {
        int sign = line.indexOf('=');
        settings.put(line.substring(0, sign), line.substring(sign + 1));
      }
    }
    settings.put("bootstrap.servers", bootstrap());
    settings.put("plugin.path", work.resolve("plugins").toString());
    settings.put("listeners", "http://127.0.0.1:" + workerPort);
    for (String topic : List.of("config", "offset", "status")) {
      settings.put(topic + ".storage.replication.factor", "1");
    }
    settings.put("scheduled.rebalance.max.delay.ms", "500");
    settings.put("offset.flush.interval.ms", "1000");
    return settings.entrySet().stream().map(each -> each.getKey() + "=" + each.getValue()).toList();
  }

  private String workerClassPath() throws IOException {
    try (var jars = Files.list(project.resolve(LIB))) {
      return jars.filter(jar -> !jar.getFileName().toString().matches("(auditbus|avro).*"))
          .map(Path::toString)
          .sorted()
          .reduce((one, other) -> one + ":" + other)
          .orElseThrow();
    }
  }

  private void unpack(Path plugins) throws IOException, InterruptedException {
    try (var files = Files.list(project.resolve("sinks/target"))) {
      Path zip =
          files
              .filter(file -> file.toString().endsWith(".zip"))
              .findFirst()
              .orElseThrow(() -> new IOException("sinks/target has no plugin zip: build first"));
      Files.createDirectories(plugins);
      int exit =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "jar").toString(),
                  "xf",
                  zip.toString())
              .directory(plugins.toFile())
              .inheritIO()
              .start()
              .waitFor();
      if (exit != 0) {
        throw new IOException("cannot unpack " + zip);
      }
    }
  }

  /** Starts all, one after the other as each needs the other. */
  void start() throws IOException, InterruptedException {
    broker.start();
    await("broker", () -> says(broker, "ready"));
    registryNode.start();
    await("registry", () -> says(registryNode, "ready"));
    agent.start();
    if (capture.isPresent()) {
      capture.get().start();
    }
    streams.start();
    worker.start();
    await("worker", () -> send("GET", "/connectors", "").isPresent());
    String connector =
        """
        {"connector.class": "auditbus.sinks.trail.TrailSinkConnector",
         "topics": "audit.events,audit.trails", "tasks.max": "2", "root": "%s",
         "schema.registry.url": "%s",
         "consumer.override.partition.assignment.strategy": "org.apache.kafka.clients.consumer.RangeAssignor",
         "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "audit.dead-letters",
         "errors.deadletterqueue.topic.replication.factor": "1"}
        """
            .formatted(sinkDisk.directory(), registryUrl());
    await("connector", () -> send("PUT", "/connectors/" + SINK + "/config", connector).isPresent());
    await("jobs and sink", () -> unwell().isEmpty());
    if (capture.isPresent()) {
      Path trails = captureDisk.orElseThrow().directory();
      await(Schedule.CAPTURE, () -> capture.get().hasOpen(trails));
    }
  }

  private void await(String what, BooleanSupplier condition)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START.toNanos();
    while (!condition.getAsBoolean()) {
      for (Node node : nodes()) {
        if (node.exitCode().isPresent()) {
          throw new IOException(
              node.name()
                  + " does not start: it ended with "
                  + node.exitCode().get()
                  + ", see "
                  + node.log());
        }
      }
      if (System.nanoTime() > deadline) {
        throw new IOException(
            what
                + " is not ready after "
                + START.toSeconds()
                + " s (what is not as it should be: "
                + unwell()
                + "): see "
                + work.resolve("log"));
      }
      Thread.sleep(200);
    }
  }

  private static boolean says(Node node, String text) {
    try {
      return Files.readString(node.log()).contains(text);
    } catch (IOException e) {
      return false;
    }
  }

  /** As service managers and operators do: starts what died, and restarts a failed task. */
  void tend() throws IOException {
    for (Node node : nodes()) {
      if (node.tend()) {
        System.out.printf("%s started again, it had ended: %s%n", Faults.clock(), node.name());
      }
    }
    if (worker.isAlive() && status().contains("FAILED")) {
      Optional<String> _ =
          send("POST", "/connectors/" + SINK + "/restart?includeTasks=true&onlyFailed=true", "");
      restartedTasks++;
    }
  }

  int restartedTasks() {
    return restartedTasks;
  }

  /** What is not as it should be, a line each. */
  List<String> unwell() {
    List<String> unwell = new ArrayList<>();
    for (Node node : nodes()) {
      if (!node.isAlive()) {
        unwell.add(node.name() + " does not run");
      }
    }
    String jobs = "";
    try {
      if (System.currentTimeMillis() - Files.getLastModifiedTime(streamsStatus()).toMillis()
          < 10_000) {
        jobs = Files.readString(streamsStatus());
      }
    } catch (IOException e) {
      jobs = e.toString();
    }
    if (!jobs.matches("(?s)(\\S+ RUNNING\\s*){2}")) {
      unwell.add("jobs: " + jobs.strip());
    }
    String sink = status();
    // The connector and two tasks.
    if (sink.split("\"RUNNING\"", -1).length != 4) {
      unwell.add("sink: " + sink);
    }
    return unwell;
  }

  private String status() {
    return send("GET", "/connectors/" + SINK + "/status", "").orElse("no answer");
  }

  private Optional<String> send(String method, String path, String body) {
    try {
      HttpResponse<String> answer =
          http.send(
              HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + workerPort + path))
                  .header("Content-Type", "application/json")
                  .timeout(Duration.ofSeconds(5))
                  .method(method, HttpRequest.BodyPublishers.ofString(body))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      return answer.statusCode() / 100 == 2 ? Optional.of(answer.body()) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }

  List<Node> nodes() {
    List<Node> nodes = new ArrayList<>(List.of(broker, registryNode, agent, streams, worker));
    capture.ifPresent(nodes::add);
    return nodes;
  }

  /** For whoever is not to suffer from the network's faults. */
  String bootstrap() {
    return "127.0.0.1:" + kafka.port();
  }

  String registryUrl() {
    return "http://127.0.0.1:" + registry.port();
  }

  Path log() {
    return work.resolve("host").resolve("audit.log");
  }

  Path agentConfig() {
    return work.resolve("agent.properties");
  }

  Path checkpoint() {
    return agentDisk.directory().resolve("state").resolve("checkpoint");
  }

  /** What the agent falls back on. */
  Path earlierCheckpoint() {
    return checkpoint().resolveSibling("checkpoint.earlier");
  }

  private Path streamsStatus() {
    return work.resolve("streams.status");
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  /** Whether the agent can look at the log. */
  boolean agentLooks() {
    return agent.isAwake() && agent.hasOpen(log().getParent()) && agentDisk.hasRoom();
  }

  /** Whether what agents send can be taken. */
  boolean kafkaTakes() {
    return broker.isAwake()
        && registryNode.isAwake()
        && kafka.passes()
        && registry.passes()
        && brokerDisk.hasRoom();
  }

  /** The last lines of what each process said. */
  void printLogs(int lines) throws IOException {
    for (Node node : nodes()) {
      System.out.println("==== " + node.log());
      if (Files.exists(node.log())) {
        List<String> all = Files.readAllLines(node.log(), StandardCharsets.ISO_8859_1);
        all.subList(Math.max(0, all.size() - lines), all.size()).forEach(System.out::println);
      }
    }
  }

  /** Copies what was collected, which is on a disk that goes with this process. */
  void keepTree() throws IOException, InterruptedException {
    int _ =
        new ProcessBuilder(
                "cp", "-a", sinkDisk.directory().toString(), work.resolve("log").toString())
            .inheritIO()
            .start()
            .waitFor();
  }

  /** Ends all; nothing of it can be started again. Does nothing the second time, and says so. */
  synchronized boolean stop() throws IOException, InterruptedException {
    if (ended) {
      return false;
    }
    ended = true;
    if (capture.isPresent()) {
      capture.get().signal("CONT");
      capture.get().end(); // it is to leave the kernel's audit
    }
    for (Node node : nodes().reversed()) {
      node.retire(); // a fault that is not over yet would start it again
    }
    kafka.close();
    registry.close();
    http.close();
    for (SmallDisk disk : disks) {
      disk.unmount();
    }
    return true;
  }
}
