// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.agent.AgentJvm;
import auditbus.agent.AgentProcess;
import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.SchemaRegistryException;
import auditbus.schemas.Topics;
import auditbus.standalone.SecureCluster.Access;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.cli.ConnectDistributed;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every part as a process with a credential of its own and no more rights than SECURITY.md says, on
 * a broker that refuses everything else; no secret shows anywhere.
 */
@Timeout(value = 8, unit = TimeUnit.MINUTES)
final class SecureClusterIT {
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final List<String> CONFIG_LOGGERS =
      List.of(
          "org.apache.kafka.clients.producer.ProducerConfig",
          "org.apache.kafka.clients.consumer.ConsumerConfig",
          "org.apache.kafka.clients.admin.AdminClientConfig",
          "org.apache.kafka.streams.StreamsConfig",
          "org.apache.kafka.connect",
          "org.apache.kafka.common.config");

  @TempDir static Path shared;
  private static SecureCluster cluster;

  @TempDir Path directory;

  @BeforeAll
  static void openCluster() throws Exception {
    cluster = new SecureCluster(shared);
    writeSecrets();
  }

  @AfterAll
  static void closeCluster() throws Exception {
    cluster.close();
  }

  // ---- what works

  @ParameterizedTest
  @EnumSource(Access.class)
  void everyPartWithItsOwnCredential_collectsVerifiesAndAttributes_andNoSecretShows(Access access)
      throws Exception {
    String host = "web-" + access.name().toLowerCase(Locale.ROOT);
    byte[] trail = Files.readAllBytes(Trees.sample("02-term-auid1000-sender-exits.log"));
    Path trails = Files.createDirectories(directory.resolve("trails"));
    Files.write(trails.resolve("20261120102848.20261120102849"), trail);
    Path collected = Files.createDirectories(shared.resolve("collected"));
    int rest = Ports.free();
    int refusedBefore = cluster.refusedByRegistry();

    try (ChildProcess streams = startStreams(access);
        ChildProcess worker = startWorker(access, rest)) {
      Path ofAgent = Files.createDirectories(directory.resolve("agent"));
      try (AgentProcess agent =
          AgentProcess.start(ofAgent, agent(access, host, trails), loggingByEnvironment())) {
        assertThat(agent.awaitExit()).as(agent.log()).isZero();
        assertThat(agent.log()).doesNotContain("ERROR");
      }
      String connector = putSink(rest, collected);
      until(
          "a verified trail: " + connector,
          () -> !Trees.trails(collected, host, "bsd").isEmpty() && verified(collected, host));
      assertThat(Trees.trails(collected, host, "bsd"))
          .singleElement()
          .satisfies(
              found -> {
                assertThat(found).hasFileName("20261120102848.20261120102849");
                assertThat(found).hasBinaryContent(trail);
              });
      until(
          "who stopped auditd",
          () -> shutdowns(access, host).contains("\"certainty\":\"PROVEN\",\"auid\":1000,"));

      // What a stolen credential of an agent can do: jobs and sink put it aside, each with its own.
      byte[] garbage = ("garbage by " + access).getBytes(StandardCharsets.UTF_8);
      write(Map.copyOf(cluster.client("agent", access)), "audit.events", garbage);
      until("dead letters", () -> putAsideBy(access, garbage).equals(Set.of("jobs", "sink")));
      removeEvents(); // garbage is not for the other tests
      assertThat(cluster.refusedByRegistry()).isEqualTo(refusedBefore);

      Files.writeString(directory.resolve("rest.json"), restAnswers(rest));
      Files.writeString(directory.resolve("commands.txt"), agentCommands(ofAgent));
      assertThat(restAnswers(rest)).contains("${dir:" + secretsOf("sink") + ":registry}");
      worker.terminate();
      streams.terminate();
      worker.await(LONG);
      streams.await(LONG);
    }
    assertNoSecretIn(collected, shared.resolve("kafka"), directory);
  }

  // ---- what does not

  @Test
  void acls_areThoseOfTheTable() throws Exception {
    Set<AclBinding> table = new HashSet<>();
    for (String line : Files.readAllLines(Path.of("..", "SECURITY.md"))) {
      String[] cells = line.split("\\s*\\|\\s*", -1);
      if (cells.length == 6 && SecureCluster.PRINCIPALS.contains(cells[1].replace("`", ""))) {
        table.addAll(bindings(cells));
      }
    }
    try (Admin admin = cluster.admin()) {
      assertThat(admin.describeAcls(AclBindingFilter.ANY).values().get(30, TimeUnit.SECONDS))
          .containsExactlyInAnyOrderElementsOf(table);
    }
  }

  /** {@code | principal | resource | names | operations |}; a name that ends with * is a prefix. */
  private static List<AclBinding> bindings(String[] cells) {
    List<AclBinding> bindings = new ArrayList<>();
    for (String quoted : cells[3].split(", ", -1)) {
      String name = quoted.replace("`", "");
      boolean prefix = name.endsWith("*");
      for (String operation : cells[4].split(", ", -1)) {
        bindings.add(
            new AclBinding(
                new ResourcePattern(
                    ResourceType.fromString(cells[2].replace(' ', '_')),
                    prefix ? name.substring(0, name.length() - 1) : name,
                    prefix ? PatternType.PREFIXED : PatternType.LITERAL),
                new AccessControlEntry(
                    "User:" + cells[1].replace("`", ""),
                    "*",
                    AclOperation.fromString(operation.replace(' ', '_')),
                    AclPermissionType.ALLOW)));
      }
    }
    return bindings;
  }

  @ParameterizedTest
  @EnumSource(Access.class)
  void principals_readAndWriteNoTopicButTheirs(Access access) throws Exception {
    Map<String, Set<String>> reads =
        Map.of(
            "agent", Set.of(),
            "streams", Set.of("audit.events", "audit.trails", "audit.agents"),
            "sink", Set.of("audit.events", "audit.trails"),
            "reader", Set.copyOf(Topics.names()));
    Map<String, Set<String>> writes =
        Map.of(
            "agent", Set.of("audit.events", "audit.trails", "audit.agents"),
            "streams", Set.of("audit.gaps", "audit.shutdowns", "audit.dead-letters"),
            "sink", Set.of("audit.dead-letters"),
            "reader", Set.of());
    for (String principal : SecureCluster.PRINCIPALS) {
      Map<String, Object> client = Map.copyOf(cluster.client(principal, access));
      for (String topic : Topics.names()) {
        if (reads.get(principal).contains(topic)) {
          read(client, topic);
        } else {
          assertThatThrownBy(() -> read(client, topic))
              .as("%s reads %s", principal, topic)
              .isInstanceOf(AuthorizationException.class);
        }
        if (!writes.get(principal).contains(topic)) {
          assertThatThrownBy(() -> write(client, topic))
              .as("%s writes %s", principal, topic)
              .isInstanceOf(AuthorizationException.class);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Access.class)
  void principals_changeNothingOfTheCluster(Access access) throws Exception {
    ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "audit.events");
    TopicPartition partition = new TopicPartition("audit.events", 0);
    AclBinding everything =
        new AclBinding(
            new ResourcePattern(ResourceType.TOPIC, "*", PatternType.LITERAL),
            new AccessControlEntry("User:agent", "*", AclOperation.ALL, AclPermissionType.ALLOW));
    for (String principal : SecureCluster.PRINCIPALS) {
      try (Admin admin = Admin.create(Map.copyOf(cluster.client(principal, access)))) {
        Map<String, KafkaFuture<?>> attempts = new LinkedHashMap<>();
        attempts.put("delete", admin.deleteTopics(List.of("audit.events")).all());
        attempts.put(
            "create", admin.createTopics(List.of(new NewTopic("audit.more", 1, (short) 1))).all());
        attempts.put(
            "configs",
            admin
                .incrementalAlterConfigs(
                    Map.of(
                        topic,
                        List.of(
                            new AlterConfigOp(
                                new ConfigEntry("retention.ms", "1"), AlterConfigOp.OpType.SET))))
                .all());
        attempts.put(
            "partitions",
            admin.createPartitions(Map.of("audit.events", NewPartitions.increaseTo(9))).all());
        attempts.put(
            "records",
            admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(0))).all());
        attempts.put("acls", admin.createAcls(List.of(everything)).all());
        attempts.put(
            "users",
            admin
                .alterUserScramCredentials(
                    List.of(
                        new UserScramCredentialDeletion(
                            "admin", org.apache.kafka.clients.admin.ScramMechanism.SCRAM_SHA_512)))
                .all());
        attempts.forEach(
            (what, attempt) ->
                assertThatThrownBy(() -> attempt.get(30, TimeUnit.SECONDS))
                    .as("%s: %s", principal, what)
                    .isInstanceOf(ExecutionException.class)
                    .hasCauseInstanceOf(AuthorizationException.class));
      }
    }
    try (Admin admin = cluster.admin()) {
      assertThat(admin.listTopics().names().get(30, TimeUnit.SECONDS))
          .containsAll(Topics.names())
          .doesNotContain("audit.more");
    }
  }

  @Test
  void clientsWithoutCertificateOrWithForeignOneOrWithWrongPassword_areRefused() {
    assertThatThrownBy(() -> write(Map.copyOf(cluster.nobody()), "audit.events"))
        .isInstanceOf(SslAuthenticationException.class);
    assertThatThrownBy(() -> write(Map.copyOf(cluster.foreigner()), "audit.events"))
        .isInstanceOf(SslAuthenticationException.class);
    assertThatThrownBy(() -> write(Map.copyOf(cluster.scram("agent", "wrong")), "audit.events"))
        .isInstanceOf(SaslAuthenticationException.class);
    int before = cluster.refusedByRegistry();
    assertThatThrownBy(
            () ->
                new SchemaRegistryClient(cluster.registry("not-it-4242"))
                    .register(Topics.EVENTS.subject(), Topics.EVENTS.schema()))
        .isInstanceOf(SchemaRegistryException.class)
        .hasMessageContaining("401")
        .message()
        .doesNotContain("4242");
    assertThat(cluster.refusedByRegistry()).isGreaterThan(before);
  }

  @Test
  void secretChangedInItsFile_isTakenWithTheNextSighup() throws Exception {
    GrowingTrail trail = new GrowingTrail(directory.resolve("trails"));
    trail.events(50);
    Path secrets = directory.resolve("secrets.properties");
    String others = "registry=" + cluster.secrets().get("registry") + "\n";
    Files.writeString(secrets, "scram=wrong\n" + others);
    Map<String, String> settings = new HashMap<>(providers());
    settings.putAll(cluster.scram("agent", "${file:" + secrets + ":scram}"));
    settings.putAll(source("sighup", trail.directory()));
    settings.putAll(registry("${file:" + secrets + ":%s}"));
    Map<String, Object> reader = Map.copyOf(cluster.client("reader", Access.CERTIFICATE));
    try (AgentProcess agent = AgentProcess.start(directory, settings);
        Arrivals arrivals = new Arrivals("sighup", reader, cluster.openRegistryUrl())) {
      arrivals.begin();
      agent.await("told", () -> agent.log().contains("ERROR"));
      Files.writeString(secrets, "scram=" + cluster.secrets().get("agent") + "\n" + others);
      agent.signal("HUP", 4294967295L);
      agent.await(
          "all of it",
          LONG,
          () -> {
            arrivals.poll(Duration.ofMillis(50));
            return arrivals.arrived(GrowingTrail.id(0)) == Files.size(trail.open());
          });
      assertThat(agent.log().lines().filter(line -> line.contains("ERROR")))
          .singleElement()
          .asString()
          .contains("check security.protocol, sasl.*", "nothing is lost");
    }
  }

  // ---- clients

  private static void read(Map<String, Object> client, String topic) {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(client, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      TopicPartition partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seek(partition, 0);
      // Two answers to fetches: the first may be to who only asked where the partition is.
      for (int poll = 0; poll < 4; poll++) {
        consumer.poll(Duration.ofMillis(500));
      }
    }
  }

  private static void write(Map<String, Object> client, String topic) throws Exception {
    write(client, topic, new byte[1]);
  }

  private static void write(Map<String, Object> client, String topic, byte[] value)
      throws Exception {
    Map<String, Object> settings = new HashMap<>(client);
    settings.put("max.block.ms", "30000");
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.send(new ProducerRecord<>(topic, 0, null, value)).get(30, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw (Exception) e.getCause();
    } catch (KafkaException e) {
      // Refused a producer id before it came to send: why is inside.
      throw e.getCause() instanceof AuthorizationException refused ? refused : e;
    }
  }

  // ---- the parts, each told its secrets by a provider only

  private static void writeSecrets() throws IOException {
    for (String principal : SecureCluster.PRINCIPALS) {
      Path own = Files.createDirectories(secretsOf(principal));
      List<String> lines = new ArrayList<>();
      for (Map.Entry<String, String> secret : secretsBy(principal).entrySet()) {
        Files.writeString(own.resolve(secret.getKey()), secret.getValue());
        lines.add(secret.getKey() + "=" + secret.getValue());
      }
      Files.write(own.resolve("all.properties"), lines);
    }
  }

  private static Path secretsOf(String principal) {
    return shared.resolve("secrets").resolve(principal);
  }

  private static Map<String, String> secretsBy(String principal) {
    return new TreeMap<>(
        Map.of(
            "scram", cluster.secrets().get(principal),
            "stores", cluster.secrets().get("stores"),
            "registry", cluster.secrets().get("registry")));
  }

  private static Map<String, String> providers() {
    String of = "org.apache.kafka.common.config.provider.";
    return Map.of(
        "config.providers", "file,dir,env",
        "config.providers.file.class", of + "FileConfigProvider",
        "config.providers.dir.class", of + "DirectoryConfigProvider",
        "config.providers.env.class", of + "EnvVarConfigProvider");
  }

  /** A client's settings with a variable of that form in each secret's place. */
  private static Map<String, String> client(String principal, Access access, String variable) {
    Map<String, String> client = cluster.client(principal, access);
    client.replaceAll(
        (key, value) -> {
          String hidden = value;
          for (Map.Entry<String, String> secret : secretsBy(principal).entrySet()) {
            hidden = hidden.replace(secret.getValue(), variable.formatted(secret.getKey()));
          }
          return hidden;
        });
    assertThat(client.values()).noneMatch(value -> value.contains("4711"));
    return client;
  }

  private static Map<String, String> registry(String variable) {
    return cluster.registry(variable.formatted("registry"));
  }

  private static Map<String, String> source(String host, Path trails) {
    return Map.of(
        "host",
        host,
        "heartbeat.ms",
        "500",
        "sources.bsd.type",
        "trails",
        "sources.bsd.path",
        trails.toString());
  }

  private static Map<String, String> agent(Access access, String host, Path trails) {
    String variable = "${file:" + secretsOf("agent").resolve("all.properties") + ":%s}";
    Map<String, String> settings = new HashMap<>(providers());
    settings.putAll(client("agent", access, variable));
    settings.putAll(source(host, trails));
    settings.putAll(registry(variable));
    settings.put("once", "true");
    return settings;
  }

  private static List<String> logging() {
    List<String> flags = new ArrayList<>();
    for (String logger : CONFIG_LOGGERS) {
      flags.add("-Dorg.slf4j.simpleLogger.log." + logger + "=debug");
    }
    return flags;
  }

  private static List<String> loggingByEnvironment() {
    return List.of("/usr/bin/env", "JAVA_TOOL_OPTIONS=" + String.join(" ", logging()));
  }

  private static List<String> java() {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"));
    command.addAll(
        List.of("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(logging());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    return command;
  }

  private ChildProcess startStreams(Access access) throws IOException {
    Map<String, String> settings = new HashMap<>(providers());
    settings.putAll(client("streams", access, "${env:OF_STREAMS_%s}"));
    settings.putAll(registry("${env:OF_STREAMS_%s}"));
    settings.put("state.dir", directory.resolve("streams").toString());
    settings.put("replication.factor", "1");
    settings.put("commit.interval.ms", "200");
    settings.put("shutdown.grace.ms", "0");
    List<String> command = new ArrayList<>(List.of("/usr/bin/env"));
    secretsBy("streams").forEach((name, value) -> command.add("OF_STREAMS_" + name + "=" + value));
    command.addAll(java());
    command.addAll(
        List.of(
            "auditbus.streams.Main",
            "streams",
            "run",
            "--config",
            write("streams.properties", settings)));
    return ChildProcess.exec(directory, command);
  }

  private ChildProcess startWorker(Access access, int rest) throws IOException {
    Map<String, String> client = client("sink", access, "${dir:" + secretsOf("sink") + ":%s}");
    Map<String, String> settings = new HashMap<>(providers());
    for (String whose : List.of("", "consumer.", "producer.", "admin.")) {
      client.forEach((key, value) -> settings.put(whose + key, value));
    }
    settings.put("group.id", "auditbus-sinks");
    settings.put("listeners", "http://127.0.0.1:" + rest);
    settings.put("plugin.discovery", "service_load");
    settings.put("key.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    settings.put("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    for (String storage : List.of("config", "offset", "status")) {
      settings.put(storage + ".storage.replication.factor", "1");
    }
    settings.put("config.storage.topic", "auditbus-sinks-configs");
    settings.put("offset.storage.topic", "auditbus-sinks-offsets");
    settings.put("status.storage.topic", "auditbus-sinks-status");
    settings.put("offset.storage.partitions", "1");
    settings.put("status.storage.partitions", "1");
    settings.put("offset.flush.interval.ms", "500");
    settings.put("scheduled.rebalance.max.delay.ms", "1000");
    List<String> command = new ArrayList<>(java());
    command.addAll(
        List.of(ConnectDistributed.class.getName(), write("worker.properties", settings)));
    return ChildProcess.exec(directory, command);
  }

  private String putSink(int rest, Path collected) throws Exception {
    Map<String, String> sink = new TreeMap<>(registry("${dir:" + secretsOf("sink") + ":%s}"));
    sink.put("connector.class", "auditbus.sinks.trail.TrailSinkConnector");
    sink.put("topics", "audit.events,audit.trails");
    sink.put("tasks.max", "1");
    sink.put("root", collected.toString());
    sink.put(
        "consumer.override.partition.assignment.strategy",
        "org.apache.kafka.clients.consumer.RangeAssignor");
    sink.put("errors.tolerance", "all");
    sink.put("errors.deadletterqueue.topic.name", Topics.DEAD_LETTERS);
    sink.put("errors.deadletterqueue.topic.replication.factor", "1");
    sink.put("errors.deadletterqueue.context.headers.enable", "true");
    String json =
        sink.entrySet().stream()
            .map(entry -> "\"%s\":\"%s\"".formatted(entry.getKey(), entry.getValue()))
            .collect(Collectors.joining(",", "{", "}"));
    URI config = URI.create("http://127.0.0.1:" + rest + "/connectors/trails/config");
    HttpRequest request =
        HttpRequest.newBuilder(config)
            .header("Content-Type", "application/json")
            .PUT(HttpRequest.BodyPublishers.ofString(json))
            .build();
    String[] last = new String[1];
    until(
        "the worker takes the connector",
        () -> {
          Optional<HttpResponse<String>> answer = send(request);
          last[0] = answer.map(HttpResponse::body).orElse("no answer");
          return answer.isPresent() && answer.get().statusCode() / 100 == 2;
        });
    return last[0];
  }

  private static Optional<HttpResponse<String>> send(HttpRequest request) throws Exception {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return Optional.of(http.send(request, HttpResponse.BodyHandlers.ofString()));
    } catch (IOException e) {
      return Optional.empty(); // it does not listen yet
    }
  }

  private static String restAnswers(int rest) throws Exception {
    StringBuilder answers = new StringBuilder();
    for (String path :
        List.of(
            "connectors/trails",
            "connectors/trails/config",
            "connectors/trails/tasks",
            "connectors/trails/status",
            "connectors?expand=info&expand=status")) {
      URI uri = URI.create("http://127.0.0.1:" + rest + "/" + path);
      HttpResponse<String> answer = send(HttpRequest.newBuilder(uri).build()).orElseThrow();
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      answers.append(answer.body()).append('\n');
    }
    assertThat(answers).doesNotContain("FAILED");
    return answers.toString();
  }

  private static boolean verified(Path collected, String host) throws IOException {
    Path manifest = collected.resolve(host).resolve("bsd").resolve("MANIFEST");
    if (!Files.exists(manifest.resolveSibling("20261120102848.20261120102849"))) {
      return false; // the manifest's line comes before the name
    }
    return Files.exists(manifest) && Files.readString(manifest).contains(" finished ");
  }

  private static void removeEvents() throws Exception {
    try (Admin admin = cluster.admin()) {
      RecordsToDelete all = RecordsToDelete.beforeOffset(-1);
      admin
          .deleteRecords(Map.of(new TopicPartition("audit.events", 0), all))
          .all()
          .get(30, TimeUnit.SECONDS);
    }
  }

  /** Who put that aside, as the reader sees it. */
  private static Set<String> putAsideBy(Access access, byte[] value) {
    Set<String> by = new HashSet<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.copyOf(cluster.client("reader", access)),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(Topics.DEAD_LETTERS).stream()
              .map(info -> new TopicPartition(info.topic(), info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(of -> consumer.position(of) < ends.get(of))) {
        for (ConsumerRecord<byte[], byte[]> letter : consumer.poll(Duration.ofMillis(200))) {
          if (Arrays.equals(letter.value(), value)) {
            boolean ofConnect = letter.headers().lastHeader("__connect.errors.topic") != null;
            by.add(ofConnect ? "sink" : "jobs");
          }
        }
      }
    }
    return by;
  }

  /** What an operator's command prints, with the reader's credential. */
  private String shutdowns(Access access, String host) throws Exception {
    String variable = "${file:" + secretsOf("reader").resolve("all.properties") + ":%s}";
    Map<String, String> settings = new HashMap<>(providers());
    settings.putAll(client("reader", access, variable));
    settings.putAll(registry(variable));
    List<String> command = new ArrayList<>(java());
    command.addAll(List.of("auditbus.streams.Main", "shutdowns", "--host", host, "--json"));
    command.addAll(List.of("--config", write("reader.properties", settings)));
    try (ChildProcess shutdowns = ChildProcess.exec(directory, command)) {
      ChildProcess.Ended ended = shutdowns.await(LONG);
      assertThat(ended.code()).as(ended.err()).isZero();
      return ended.out();
    }
  }

  private static String agentCommands(Path directory) throws Exception {
    StringBuilder said = new StringBuilder();
    for (String word : List.of("check", "status")) {
      List<String> command = new ArrayList<>(loggingByEnvironment());
      command.addAll(
          AgentJvm.command(
              System.getProperty("java.class.path"),
              word,
              "--config",
              directory.resolve("agent.properties").toString()));
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      said.append(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
      assertThat(process.waitFor()).as(said.toString()).isZero();
    }
    return said.toString();
  }

  private String write(String name, Map<String, String> settings) throws IOException {
    return Files.write(
            directory.resolve(name),
            settings.entrySet().stream()
                .map(setting -> setting.getKey() + "=" + setting.getValue())
                .toList())
        .toString();
  }

  // ---- secrets

  private static void assertNoSecretIn(Path... trees) throws IOException {
    Map<String, String> secrets = cluster.secrets();
    StringBuilder all = new StringBuilder();
    for (Path tree : trees) {
      for (Path file : files(tree)) {
        String text = Files.readString(file, StandardCharsets.ISO_8859_1);
        secrets.forEach(
            (whose, secret) ->
                assertThat(text.contains(secret)).as("%s in %s", whose, file).isFalse());
        all.append(file.toString().endsWith(".txt") || file.endsWith("log") ? text : "");
      }
    }
    // The search finds what is there, and what could have shown the secrets was on.
    Path planted = shared.resolve("secrets");
    assertThat(files(planted)).isNotEmpty();
    for (String secret : secrets.values()) {
      assertThat(files(planted))
          .anySatisfy(
              file ->
                  assertThat(Files.readString(file, StandardCharsets.ISO_8859_1)).contains(secret));
    }
    for (String printed :
        List.of("ProducerConfig values:", "ConsumerConfig values:", "AdminClientConfig values:")) {
      assertThat(all).contains(printed);
    }
    assertThat(all).contains("ssl.truststore.password = [hidden]");
  }

  /** What may hold text; indexes of the broker are large and hold numbers. */
  private static List<Path> files(Path tree) throws IOException {
    try (Stream<Path> files = Files.walk(tree)) {
      return files
          .filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
          .filter(file -> !file.toString().matches(".*(index|\\.snapshot)"))
          .toList();
    }
  }

  private static void until(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + LONG.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as("not %s in %s", what, LONG).isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(200);
    }
  }
}
