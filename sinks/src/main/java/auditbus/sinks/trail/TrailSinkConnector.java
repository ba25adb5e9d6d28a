// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkConnector;

/**
 * Writes the trails of all hosts back to disk, byte for byte: {@code audit.events} and {@code
 * audit.trails} to {@code <root>/<host>/<source>/<trail>.<end>}.
 *
 * <p>Set {@code value.converter} to {@code org.apache.kafka.connect.converters.ByteArrayConverter},
 * or to an Avro converter. Every task does the same work for the partitions it is given, and knows
 * its number for the log; {@code tasks.max} up to the topics' partition count is useful.
 */
public final class TrailSinkConnector extends SinkConnector {
  private Optional<Map<String, String>> properties = Optional.empty();

  /** For the worker. */
  public TrailSinkConnector() {}

  @Override
  public String version() {
    return Version.CURRENT;
  }

  @Override
  public ConfigDef config() {
    return TrailSinkConfig.TABLE;
  }

  @Override
  public Class<? extends Task> taskClass() {
    return TrailSinkTask.class;
  }

  /** Checks the settings and the root, as this worker sees it. */
  @Override
  public Config validate(Map<String, String> connectorConfigs) {
    Config config = super.validate(connectorConfigs);
    if (config.configValues().stream().allMatch(value -> value.errorMessages().isEmpty())) {
      TrailSinkConfig checked = new TrailSinkConfig(connectorConfigs);
      report(config, TrailSinkConfig.EVENTS_TOPIC, checked::checkTopics);
      report(config, TrailSinkConfig.REGISTRY_URL, checked::checkRegistry);
      report(config, TrailSinkConfig.ROOT, checked::openRoot);
    }
    return config;
  }

  private static void report(Config config, String name, Runnable check) {
    try {
      check.run();
    } catch (ConfigException e) {
      config.configValues().stream()
          .filter(value -> value.name().equals(name))
          .forEach((ConfigValue value) -> value.addErrorMessage(e.getMessage()));
    }
  }

  /**
   * {@inheritDoc}
   *
   * @throws ConnectException if the settings cannot work
   */
  @Override
  public void start(Map<String, String> props) {
    try {
      TrailSinkConfig checked = new TrailSinkConfig(props);
      checked.checkTopics();
      checked.checkRegistry();
    } catch (ConfigException e) {
      throw new ConnectException(e.getMessage(), e);
    }
    properties = Optional.of(Map.copyOf(props));
  }

  @Override
  public List<Map<String, String>> taskConfigs(int maxTasks) {
    List<Map<String, String>> tasks = new ArrayList<>();
    for (int number = 0; number < maxTasks; number++) {
      Map<String, String> task = new HashMap<>(properties.orElseThrow());
      task.put(TrailSinkConfig.TASK_NUMBER, Integer.toString(number));
      tasks.add(task);
    }
    return tasks;
  }

  @Override
  public void stop() {
    properties = Optional.empty();
  }
}
