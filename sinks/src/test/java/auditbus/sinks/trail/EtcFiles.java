// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;

/** The settings files the plugin is shipped with, as they are in {@code sinks/etc}. */
final class EtcFiles {
  private static final ObjectMapper JSON = new ObjectMapper();

  private EtcFiles() {}

  static Path path(String name) {
    return Path.of("etc").resolve(name);
  }

  static Map<String, String> properties(String name) throws IOException {
    Properties read = new Properties();
    try (Reader reader = Files.newBufferedReader(path(name))) {
      read.load(reader);
    }
    Map<String, String> settings = new HashMap<>();
    read.forEach((key, value) -> settings.put((String) key, (String) value));
    return settings;
  }

  /** The settings in {@code trail-sink.json}. */
  static Map<String, String> connector() throws IOException {
    JsonNode request = JSON.readTree(path("trail-sink.json").toFile());
    return new HashMap<>(
        JSON.convertValue(request.get("config"), new TypeReference<Map<String, String>>() {}));
  }

  static String json(Map<String, String> settings) throws IOException {
    return JSON.writeValueAsString(settings);
  }
}
