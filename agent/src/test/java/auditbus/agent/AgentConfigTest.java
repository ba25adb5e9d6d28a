// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AgentConfigTest {
  private static final Map<String, String> SMALLEST =
      Map.of(
          "bootstrap.servers", "broker1:9092",
          "schema.registry.url", "http://registry:8081",
          "host", "web1",
          "sources.auditd.type", "auditlog",
          "sources.auditd.path", "/var/log/audit/audit.log");

  @Test
  void smallest_hasTheseDefaults() {
    Map<String, Object> defaults = new TreeMap<>();
    AgentConfig.definition()
        .configKeys()
        .forEach(
            (name, key) -> defaults.put(name, key.hasDefault() ? key.defaultValue : "(needed)"));
    assertThat(defaults)
        .hasToString(
            "{auto.register.schemas=true, bootstrap.servers=(needed), checkpoint.interval.ms=250,"
                + " event.distance.bytes=4194304, event.timeout.ms=2000, heartbeat.ms=5000, host=,"
                + " in.flight.max.bytes=8388608, once=false, scan.interval.ms=50,"
                + " schema.registry.url=(needed), shutdown.timeout.ms=5000,"
                + " state.dir=/var/lib/auditbus}");
    AgentConfig config = AgentConfig.of(SMALLEST);
    assertThat(config.host()).isEqualTo("web1");
    assertThat(config.sources())
        .containsExactly(
            new SourceConfig("auditd", SourceType.AUDITLOG, Path.of("/var/log/audit/audit.log")));
    assertThat(config.producerSettings())
        .containsEntry("acks", "all")
        .containsEntry("enable.idempotence", true)
        .containsEntry("delivery.timeout.ms", Integer.MAX_VALUE);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bootstrap.server       | broker:9092 | unknown key 'bootstrap.server'",
        "bootstrap.servers      | banana      | host:port",
        "schema.registry.url    | banana      | http://host:port",
        "host                   | Web 1       | lower-case",
        "heartbeat.ms           | soon        | heartbeat.ms",
        "heartbeat.ms           | 1           | heartbeat.ms",
        "producer.acks          | 1           | producer.acks",
        "sources.auditd.type    | kernel      | this version has trails, auditlog",
        "sources.auditd.path    | ''          | a directory or file is wanted",
        "sources.Audit!.type    | trails      | a source's name wants",
        "sources.auditd.speed   | 3           | unknown key 'sources.auditd.speed'",
      })
  void wrongValue_isOneErrorThatNamesIt(String key, String value, String message) {
    Map<String, String> settings = new HashMap<>(SMALLEST);
    settings.put(key, value);
    assertThatThrownBy(() -> AgentConfig.of(settings))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(message);
  }

  @Test
  void readme_namesEveryKeyWithItsDefault() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    AgentConfig.definition()
        .configKeys()
        .forEach(
            (name, key) -> {
              assertThat(readme).contains("| `" + name + "` |");
              if (key.hasDefault() && !key.defaultValue.toString().isEmpty()) {
                assertThat(readme).contains("| `" + name + "` | `" + key.defaultValue + "` |");
              }
            });
  }
}
