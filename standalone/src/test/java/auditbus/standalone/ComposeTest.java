// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.RequiredTools;
import auditbus.sinks.trail.TrailSinkConnector;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What can be said of {@code docker-compose.yml} without an engine: that Compose takes it, that it
 * keeps its own rules, and that the programs take the files it gives them.
 */
final class ComposeTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Set<String> ONE_SHOTS = Set.of("topics", "connector");
  private static final List<String> BROKERS = List.of("kafka1", "kafka2", "kafka3");

  @TempDir Path scratch;

  private JsonNode config() throws Exception {
    try (ChildProcess compose =
        ChildProcess.exec(
            scratch,
            List.of(
                RequiredTools.path("docker-compose").toString(),
                "-f",
                ROOT.resolve("docker-compose.yml").toString(),
                "--project-directory",
                ROOT.toString(),
                "config"))) {
      ChildProcess.Ended ended = compose.await(Duration.ofSeconds(60));
      assertThat(ended.code()).as(ended.err()).isZero();
      return new ObjectMapper(new YAMLFactory()).readTree(ended.out());
    }
  }

  @Test
  void services_haveFixedImagesLimitsAndAPolicyForRestarts() throws Exception {
    JsonNode services = config().get("services");
    Set<String> names = new TreeSet<>();
    services.fieldNames().forEachRemaining(names::add);
    assertThat(names)
        .contains("registry", "streams", "connect", "agent")
        .containsAll(BROKERS)
        .containsAll(ONE_SHOTS);
    services
        .properties()
        .forEach(
            service -> {
              JsonNode value = service.getValue();
              boolean oneShot = ONE_SHOTS.contains(service.getKey());
              assertThat(value.path("image").asText())
                  .as("image of %s", service.getKey())
                  .matches("[a-z/-]+:[0-9][0-9A-Za-z._-]*");
              assertThat(value.path("mem_limit").asText()).as(service.getKey()).isNotEmpty();
              assertThat(value.path("cpus").asDouble()).as(service.getKey()).isPositive();
              assertThat(value.path("restart").asText())
                  .as("restart of %s", service.getKey())
                  .isEqualTo(oneShot ? "no" : "unless-stopped");
              assertThat(value.has("healthcheck"))
                  .as("health check of %s", service.getKey())
                  .isEqualTo(!oneShot);
              value
                  .path("ports")
                  .forEach(port -> assertThat(port.asText()).startsWith("127.0.0.1:"));
            });
  }

  @Test
  void state_liesInNamedVolumesAndTheRestIsReadOnly() throws Exception {
    JsonNode config = config();
    Set<String> declared = new TreeSet<>();
    config.get("volumes").properties().forEach(volume -> declared.add(volume.getKey()));
    Set<String> used = new TreeSet<>();
    config
        .get("services")
        .properties()
        .forEach(
            service ->
                service
                    .getValue()
                    .path("volumes")
                    .forEach(
                        volume -> {
                          List<String> parts = List.of(volume.asText().split(":", -1));
                          if (parts.getFirst().startsWith("/")) {
                            assertThat(parts.getLast()).as(volume.asText()).isEqualTo("ro");
                            assertThat(Path.of(parts.getFirst())).exists();
                          } else {
                            used.add(parts.getFirst());
                          }
                        }));
    assertThat(used)
        .isEqualTo(declared)
        .containsExactlyInAnyOrder("kafka1", "kafka2", "kafka3", "streams", "agent", "collected");
  }

  @Test
  void dependencies_existAndAreWaitedForAsWhatTheyAre() throws Exception {
    JsonNode services = config().get("services");
    services
        .properties()
        .forEach(
            service ->
                service
                    .getValue()
                    .path("depends_on")
                    .properties()
                    .forEach(
                        needed -> {
                          assertThat(services.has(needed.getKey())).as(needed.getKey()).isTrue();
                          assertThat(needed.getValue().path("condition").asText())
                              .as("%s of %s", needed.getKey(), service.getKey())
                              .isEqualTo(
                                  ONE_SHOTS.contains(needed.getKey())
                                      ? "service_completed_successfully"
                                      : "service_healthy");
                        }));
  }

  @Test
  void brokers_copyEverythingThriceAndAreTheirOwnQuorum() throws Exception {
    JsonNode services = config().get("services");
    Set<String> nodes = new HashSet<>();
    for (String broker : BROKERS) {
      JsonNode environment = services.get(broker).get("environment");
      String id = environment.get("KAFKA_NODE_ID").asText();
      nodes.add(id + "@" + broker + ":9093");
      assertThat(List.of(environment.get("KAFKA_ADVERTISED_LISTENERS").asText().split(",")))
          .contains("PLAINTEXT://" + broker + ":9092");
      Map.of(
              "KAFKA_MIN_INSYNC_REPLICAS", "2",
              "KAFKA_DEFAULT_REPLICATION_FACTOR", "3",
              "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "3",
              "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "3",
              "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "2",
              "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR", "3",
              "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR", "2",
              "KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
          .forEach(
              (name, wanted) ->
                  assertThat(environment.path(name).asText()).as(name).isEqualTo(wanted));
    }
    for (String broker : BROKERS) {
      assertThat(
              services
                  .get(broker)
                  .get("environment")
                  .get("KAFKA_CONTROLLER_QUORUM_VOTERS")
                  .asText()
                  .split(","))
          .containsExactlyInAnyOrderElementsOf(nodes);
    }
    assertThat(services.get("topics").get("command").toString())
        .contains("\"--replication\",\"3\"", "\"--min-insync\",\"2\"");
  }

  @Test
  void agentConfiguration_isTakenByTheAgent() throws Exception {
    try (ChildProcess agent =
        ChildProcess.exec(
            scratch,
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                "auditbus.agent.Main",
                "check",
                "--config",
                ROOT.resolve("docker/agent.properties").toString(),
                "-D",
                "sources.samples.path=" + ROOT.resolve("docker/samples")))) {
      ChildProcess.Ended ended = agent.await(Duration.ofSeconds(60));
      assertThat(ended.code()).as(ended.err()).isZero();
      assertThat(ended.out().lines())
          .containsExactly(
              "host example", "source samples: trails " + ROOT.resolve("docker/samples"));
    }
  }

  @Test
  void workerConfiguration_isTakenByTheWorkerAndNamesNothingUnknown() throws Exception {
    Properties file = new Properties();
    try (Reader in = Files.newBufferedReader(ROOT.resolve("docker/connect-worker.properties"))) {
      file.load(in);
    }
    Map<String, String> settings = new TreeMap<>();
    file.stringPropertyNames().forEach(name -> settings.put(name, file.getProperty(name)));
    DistributedConfig config = new DistributedConfig(settings);
    assertThat(config.values().keySet()).containsAll(settings.keySet());
    for (String topic : List.of("config", "offset", "status")) {
      assertThat(config.getShort(topic + ".storage.replication.factor")).isEqualTo((short) 3);
    }
    JsonNode connector =
        new ObjectMapper().readTree(Files.readString(ROOT.resolve("docker/trail-sink.json")));
    assertThat(connector.get("connector.class").asText())
        .isEqualTo(TrailSinkConnector.class.getName());
    Map<String, String> sink = new TreeMap<>();
    connector
        .properties()
        .forEach(setting -> sink.put(setting.getKey(), setting.getValue().asText()));
    sink.put("root", scratch.toString());
    assertThat(new TrailSinkConnector().validate(sink).configValues())
        .flatExtracting(ConfigValue::errorMessages)
        .isEmpty();
  }
}
