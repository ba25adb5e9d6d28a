// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.SchemaRegistryClient;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkConnector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrailSinkConfigTest {
  @TempDir Path root;

  private Map<String, String> settings() {
    Map<String, String> settings = new HashMap<>();
    settings.put("topics", "audit.trails, audit.events");
    settings.put("root", root.toString());
    settings.put("schema.registry.url", "http://127.0.0.1:8081");
    return settings;
  }

  @Test
  void config_defaultsAreThese() {
    Map<String, Object> defaults = new HashMap<>(TrailSinkConfig.TABLE.defaultValues());
    assertThat(defaults).containsEntry("expire.after", null);
    defaults.remove("expire.after");
    assertThat(defaults).containsKey("schema.registry.url");
    assertThat(defaults.remove("schema.registry.url")).isNull();
    assertThat(defaults)
        .containsExactlyInAnyOrderEntriesOf(
            Map.of(
                "events.topic",
                "audit.events",
                "trails.topic",
                "audit.trails",
                "root.network",
                false,
                "trail.max.bytes",
                68_719_476_736L,
                "open.files.max",
                256,
                "links.max",
                999,
                "retry.backoff.ms",
                2000L));
    assertThat(Limits.of(1, 2, 3)).isEqualTo(new Limits(1, 2, 262_144, 64, 65_536, 3, 268_435_456));
  }

  @Test
  void registryPassword_isNeitherLoggedNorInAnError() {
    Map<String, String> settings = with("schema.registry.url", "http://user:swordfish@host:8081");
    PrintStream before = System.err;
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
    try {
      TrailSinkConfig config = new TrailSinkConfig(settings);
      assertThat(new SchemaRegistryClient(config.originals()).toString()).contains("//host:8081");
      for (String wrong :
          List.of("user:swordfish@host", "ftp://user:swordfish@host", "swordfish")) {
        settings.put("schema.registry.url", wrong);
        assertThatThrownBy(
                () -> new SchemaRegistryClient(new TrailSinkConfig(settings).originals()))
            .hasMessageContaining("schema.registry.url")
            .hasMessageNotContaining("swordfish");
        assertThat(errors(settings)).noneMatch(error -> error.contains("swordfish"));
      }
    } finally {
      System.setErr(before);
    }
    assertThat(log.toString(StandardCharsets.UTF_8)).doesNotContain("swordfish");
  }

  @Test
  void config_ofEveryKeyIsDocumented() {
    TrailSinkConfig.TABLE
        .configKeys()
        .forEach((name, key) -> assertThat(key.documentation).as(name).hasSizeGreaterThan(20));
  }

  @Test
  void connector_isFoundByServiceLoader() {
    assertThat(ServiceLoader.load(SinkConnector.class).stream().map(ServiceLoader.Provider::type))
        .contains(TrailSinkConnector.class);
  }

  @Test
  void connector_givesEveryTaskTheSameSettingsAndItsNumber() {
    TrailSinkConnector connector = new TrailSinkConnector();
    connector.start(settings());
    assertThat(connector.taskConfigs(3))
        .containsExactly(
            with("task.number", "0"), with("task.number", "1"), with("task.number", "2"));
    assertThat(connector.taskClass()).isEqualTo(TrailSinkTask.class);
    connector.stop();
  }

  @Test
  void validate_acceptsWhatWorks() {
    assertThat(errors(settings())).isEmpty();
  }

  @Test
  void validate_namesWhatCannotWork() {
    assertThat(errors(with("root", "relative/path")))
        .singleElement()
        .asString()
        .contains("absolute");
    assertThat(errors(with("root", root.resolve("missing").toString())))
        .singleElement()
        .asString()
        .contains("install -d");
    assertThat(errors(with("root", "/proc"))).singleElement().asString().contains("/proc");
    assertThat(errors(with("topics", "audit.events")))
        .singleElement()
        .asString()
        .contains("topics=audit.events,audit.trails");
    assertThat(errors(with("topics", "audit.events,audit.trails,other"))).hasSize(1);
    assertThat(errors(with("topics.regex", "audit.*"))).hasSize(1);
    assertThat(errors(with("trails.topic", "audit.events"))).hasSize(1);
    assertThat(errors(with("trail.max.bytes", "0"))).hasSize(1);
    assertThat(errors(with("open.files.max", "0"))).hasSize(1);
    assertThat(errors(with("links.max", "-1"))).hasSize(1);
    assertThat(errors(with("expire.after", "60"))).singleElement().asString().contains("60d");
    assertThat(errors(with("schema.registry.url", ""))).hasSize(1);
  }

  @Test
  void validate_wantsTheRegistryWhereValuesComeAsBytes() {
    Map<String, String> settings = settings();
    settings.remove("schema.registry.url");
    assertThat(errors(settings)).as("the worker's converter is not known").isEmpty();
    settings.put("value.converter", "io.confluent.connect.avro.AvroConverter");
    assertThat(errors(settings)).isEmpty();
    settings.put("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter");
    assertThat(errors(settings))
        .singleElement()
        .asString()
        .contains("schema.registry.url is missing: set it")
        .contains("Avro converter");
    assertThatThrownBy(() -> new TrailSinkConnector().start(settings))
        .isInstanceOf(ConnectException.class)
        .hasMessageContaining("schema.registry.url is missing");
  }

  @Test
  void connector_startRefusesOtherTopics() {
    assertThatThrownBy(() -> new TrailSinkConnector().start(with("topics", "audit.events")))
        .isInstanceOf(ConnectException.class)
        .hasMessageContaining("audit.trails");
  }

  private Map<String, String> with(String name, String value) {
    Map<String, String> settings = settings();
    settings.put(name, value);
    return settings;
  }

  private static List<String> errors(Map<String, String> settings) {
    return new TrailSinkConnector()
        .validate(settings).configValues().stream()
            .map(ConfigValue::errorMessages)
            .flatMap(List::stream)
            .toList();
  }
}
