// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.util.Optional;
import org.apache.kafka.common.config.ConfigException;

/** What is wrong in a configuration, and with which key. */
final class ConfigError extends ConfigException {
  private static final long serialVersionUID = 1;

  private final String key;

  ConfigError(String key, Object value, String wanted) {
    super(key, value, wanted);
    this.key = key;
  }

  private ConfigError(String message, String key) {
    super(message);
    this.key = key;
  }

  /** One that says itself which key it is about. */
  static ConfigError of(String key, String message) {
    return new ConfigError(message, key);
  }

  /** The key, empty where none is there. */
  Optional<String> key() {
    return Optional.ofNullable(key);
  }

  /** The same with the place it stands in. */
  ConfigError at(String place) {
    return new ConfigError(place + ": " + getMessage(), key);
  }
}
