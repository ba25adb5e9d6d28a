// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.runtime.SinkConnectorConfig;
import org.apache.kafka.connect.runtime.WorkerConfig;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.runtime.standalone.StandaloneConfig;
import org.junit.jupiter.api.Test;

/** Every key of the shipped settings is one that somebody reads, with a value they take. */
class EtcFilesTest {
  private static final String OVERRIDE = "consumer.override.";

  @Test
  void etc_holdsTheFourFilesTheReadmeNames() throws IOException {
    try (Stream<?> files = Files.list(EtcFiles.path(""))) {
      assertThat(files.map(Object::toString))
          .containsExactlyInAnyOrder(
              "etc/connect-distributed.properties",
              "etc/connect-standalone.properties",
              "etc/trail-sink.json",
              "etc/trail-sink.properties");
    }
  }

  @Test
  void connectorFiles_holdKeysTheSinkTheWorkerOrTheConsumerReads() throws IOException {
    assertThat(wrong(EtcFiles.connector())).isEmpty();
    assertThat(wrong(EtcFiles.properties("trail-sink.properties"))).isEmpty();
  }

  @Test
  void connectorFiles_sayTheSame() throws IOException {
    Map<String, String> standalone = EtcFiles.properties("trail-sink.properties");
    assertThat(standalone.remove("name")).isEqualTo("trails");
    assertThat(EtcFiles.connector()).isEqualTo(standalone);
    assertThat(Files.readString(EtcFiles.path("trail-sink.json"))).contains("\"name\": \"trails\"");
  }

  @Test
  void connectorFiles_areRefusedWithAKeyNobodyReads() throws IOException {
    Map<String, String> settings = EtcFiles.connector();
    settings.put("task.max", "4");
    settings.put(OVERRIDE + "session.timeout", "6000");
    settings.put("errors.tolerance", "some");
    assertThat(wrong(settings)).hasSize(3);
  }

  @Test
  void workerFiles_holdKeysTheWorkerReads() throws IOException {
    Map<String, String> distributed = EtcFiles.properties("connect-distributed.properties");
    assertThat(unknown(distributed, new DistributedConfig(distributed))).isEmpty();
    Map<String, String> standalone = EtcFiles.properties("connect-standalone.properties");
    assertThat(unknown(standalone, new StandaloneConfig(standalone))).isEmpty();
  }

  @Test
  void workerFiles_areRefusedWithAKeyNobodyReads() throws IOException {
    Map<String, String> distributed = EtcFiles.properties("connect-distributed.properties");
    distributed.put("plugins.path", "/tmp");
    assertThat(unknown(distributed, new DistributedConfig(distributed)))
        .containsExactly("plugins.path");
  }

  private static Set<String> unknown(Map<String, String> settings, WorkerConfig config) {
    Set<String> unknown = new HashSet<>(settings.keySet());
    unknown.removeAll(config.values().keySet());
    return unknown;
  }

  private static List<String> wrong(Map<String, String> settings) {
    List<String> wrong = new ArrayList<>();
    ConfigDef worker = SinkConnectorConfig.configDef();
    for (String key : settings.keySet()) {
      boolean read =
          key.startsWith(OVERRIDE)
              ? ConsumerConfig.configNames().contains(key.substring(OVERRIDE.length()))
              : worker.names().contains(key) || TrailSinkConfig.TABLE.names().contains(key);
      if (!read) {
        wrong.add("nobody reads " + key);
      }
    }
    for (ConfigDef table : List.of(worker, TrailSinkConfig.TABLE)) {
      table.validate(settings).stream()
          .filter(value -> settings.containsKey(value.name()))
          .map(ConfigValue::errorMessages)
          .forEach(wrong::addAll);
    }
    SinkConnectorConfig.validate(settings);
    return wrong;
  }
}
