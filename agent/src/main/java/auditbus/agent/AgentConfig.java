// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.utils.Utils;

/**
 * An agent's configuration: Java properties, Kafka's names where Kafka has one.
 *
 * <p>Besides the table of {@link #definition} it takes {@code sources.NAME.type} and {@code
 * sources.NAME.path}; {@code producer.*} for the producer; {@code security.*}, {@code ssl.*} and
 * {@code sasl.*} for the connection to Kafka; {@code schema.registry.*} and {@code basic.auth.*}
 * for the registry. Any other key is an error.
 *
 * <p>Immutable.
 */
public final class AgentConfig {
  private static final Pattern HOST = Pattern.compile("[a-z0-9_][a-z0-9._-]{0,252}");
  private static final Pattern SOURCE = Pattern.compile("[a-z0-9][a-z0-9._-]{0,63}");
  private static final List<String> PASSED_ON =
      List.of(
          "producer.",
          "security.",
          "ssl.",
          "sasl.",
          "schema.registry.",
          "basic.auth.",
          "bearer.auth.");

  private static final List<String> FIXED =
      List.of(
          ProducerConfig.ACKS_CONFIG,
          ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG,
          ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
          ProducerConfig.BOOTSTRAP_SERVERS_CONFIG,
          ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG,
          ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG,
          ProducerConfig.TRANSACTIONAL_ID_CONFIG);

  private static final ConfigDef DEFINITION =
      new ConfigDef()
          .define(
              "bootstrap.servers",
              ConfigDef.Type.LIST,
              ConfigDef.NO_DEFAULT_VALUE,
              Importance.HIGH,
              "Kafka brokers to begin with, host:port, comma separated.")
          .define(
              "schema.registry.url",
              ConfigDef.Type.LIST,
              ConfigDef.NO_DEFAULT_VALUE,
              Importance.HIGH,
              "Schema registries, comma separated; tried in order.")
          .define(
              "host",
              ConfigDef.Type.STRING,
              "",
              Importance.HIGH,
              "This host's name in every event; empty for the lower-case host name. Decides the partition, so it must not change.")
          .define(
              "state.dir",
              ConfigDef.Type.STRING,
              "/var/lib/auditbus",
              Importance.HIGH,
              "Directory of the checkpoint; one agent at a time.")
          .define(
              "auto.register.schemas",
              ConfigDef.Type.BOOLEAN,
              true,
              Importance.MEDIUM,
              "Whether schemas the registry lacks are registered; if false a missing one is an error.")
          .define(
              "once",
              ConfigDef.Type.BOOLEAN,
              false,
              Importance.LOW,
              "End every trail where it ends now, and stop when all is acknowledged.")
          .define(
              "heartbeat.ms",
              ConfigDef.Type.LONG,
              5000L,
              Range.between(100, 3_600_000),
              Importance.MEDIUM,
              "Milliseconds between two AgentStatus messages.")
          .define(
              "event.timeout.ms",
              ConfigDef.Type.LONG,
              2000L,
              Range.between(1, 3_600_000),
              Importance.MEDIUM,
              "Milliseconds after its last record at which an event without an end is closed at the live head.")
          .define(
              "event.distance.bytes",
              ConfigDef.Type.LONG,
              4L * 1024 * 1024,
              Range.between(1024, 1L << 32),
              Importance.LOW,
              "Bytes read past its last record at which an event without an end is closed behind the head.")
          .define(
              "in.flight.max.bytes",
              ConfigDef.Type.LONG,
              8L * 1024 * 1024,
              Range.between(64 * 1024, 1L << 30),
              Importance.MEDIUM,
              "Bytes sent to Kafka and not acknowledged at which reading pauses.")
          .define(
              "checkpoint.interval.ms",
              ConfigDef.Type.LONG,
              250L,
              Range.between(10, 60_000),
              Importance.LOW,
              "Milliseconds between two checkpoints while there is something new in them.")
          .define(
              "scan.interval.ms",
              ConfigDef.Type.LONG,
              50L,
              Range.between(1, 60_000),
              Importance.LOW,
              "Milliseconds between two looks at a source's directory.")
          .define(
              "shutdown.timeout.ms",
              ConfigDef.Type.LONG,
              5000L,
              Range.between(0, 3_600_000),
              Importance.MEDIUM,
              "Milliseconds a stopping agent waits for acknowledgements; the rest is sent by the next run.");

  private final Map<String, String> given;
  private final AbstractConfig values;
  private final String host;
  private final List<SourceConfig> sources;

  private AgentConfig(Map<String, String> given) {
    this.given = Map.copyOf(given);
    refuseUnknownKeys();
    Map<String, String> defined = new HashMap<>(given);
    defined.keySet().retainAll(DEFINITION.names());
    this.values = new AbstractConfig(DEFINITION, defined, false);
    this.host =
        values.getString("host").isEmpty() ? HostFacts.hostName() : values.getString("host");
    if (!HOST.matcher(host).matches()) {
      throw new ConfigException(
          "host", host, "want lower-case letters, digits, '.', '-' or '_', at most 253");
    }
    refuseFixedSettings();
    checkAddresses();
    this.sources = List.copyOf(readSources());
  }

  /**
   * Checks a configuration.
   *
   * @throws ConfigException naming key, value and what is wanted
   */
  public static AgentConfig of(Map<String, String> properties) {
    return new AgentConfig(properties);
  }

  /**
   * Reads and checks a properties file.
   *
   * @throws IOException if the file cannot be read
   * @throws ConfigException naming key, value and what is wanted
   */
  public static AgentConfig read(Path file, Map<String, String> overrides) throws IOException {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      properties.load(reader);
    } catch (IllegalArgumentException e) {
      throw new ConfigException(file + " is no properties file: " + e.getMessage());
    }
    Map<String, String> all = new HashMap<>();
    properties
        .stringPropertyNames()
        .forEach(key -> all.put(key, properties.getProperty(key).strip()));
    all.putAll(overrides);
    return of(all);
  }

  /** The table of keys. */
  public static ConfigDef definition() {
    return new ConfigDef(DEFINITION);
  }

  /** The host's name in every event. */
  public String host() {
    return host;
  }

  /** The sources, by name. */
  public List<SourceConfig> sources() {
    return sources;
  }

  Path stateDir() {
    return Path.of(values.getString("state.dir"));
  }

  boolean once() {
    return values.getBoolean("once");
  }

  Duration heartbeat() {
    return millis("heartbeat.ms");
  }

  Duration eventTimeout() {
    return millis("event.timeout.ms");
  }

  long eventDistanceBytes() {
    return values.getLong("event.distance.bytes");
  }

  long maxInFlightBytes() {
    return values.getLong("in.flight.max.bytes");
  }

  Duration checkpointInterval() {
    return millis("checkpoint.interval.ms");
  }

  Duration scanInterval() {
    return millis("scan.interval.ms");
  }

  Duration shutdownTimeout() {
    return millis("shutdown.timeout.ms");
  }

  /** Settings of the serializer and its registry client. */
  Map<String, String> registrySettings() {
    Map<String, String> settings = startingWith("schema.registry.", "basic.auth.", "bearer.auth.");
    settings.putIfAbsent("schema.registry.retry.timeout.ms", "2000"); // the loop itself tries on
    settings.put("auto.register.schemas", values.getBoolean("auto.register.schemas").toString());
    settings.put("schema.registry.url", String.join(",", values.getList("schema.registry.url")));
    return settings;
  }

  /** Settings of the producer: ours, overridden by {@code producer.*}. */
  Map<String, Object> producerSettings() {
    Map<String, Object> settings = new HashMap<>();
    settings.put(ProducerConfig.CLIENT_ID_CONFIG, "auditbus-agent-" + host);
    settings.put(ProducerConfig.LINGER_MS_CONFIG, 5);
    settings.put(ProducerConfig.BATCH_SIZE_CONFIG, 128 * 1024);
    settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    settings.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 2 * maxInFlightBytes() + 2L * 1024 * 1024);
    settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, 5000);
    settings.put(ProducerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, 1000);
    settings.put(ProducerConfig.RETRY_BACKOFF_MAX_MS_CONFIG, 1000);
    settings.put(ProducerConfig.ENABLE_METRICS_PUSH_CONFIG, false);
    settings.putAll(startingWith("security.", "ssl.", "sasl."));
    startingWith("producer.")
        .forEach((key, value) -> settings.put(key.substring("producer.".length()), value));
    // What no loss and order rest on is not to be configured away.
    settings.put(
        ProducerConfig.BOOTSTRAP_SERVERS_CONFIG,
        String.join(",", values.getList("bootstrap.servers")));
    settings.put(ProducerConfig.ACKS_CONFIG, "all");
    settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    settings.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, Integer.MAX_VALUE);
    return settings;
  }

  private Duration millis(String key) {
    return Duration.ofMillis(values.getLong(key));
  }

  private Map<String, String> startingWith(String... prefixes) {
    Map<String, String> found = new HashMap<>();
    for (String prefix : prefixes) {
      given.forEach(
          (key, value) -> {
            if (key.startsWith(prefix)) {
              found.put(key, value);
            }
          });
    }
    return found;
  }

  private void refuseUnknownKeys() {
    for (String key : given.keySet()) {
      boolean known =
          DEFINITION.names().contains(key)
              || key.matches("sources\\..+\\.(type|path)")
              || PASSED_ON.stream().anyMatch(key::startsWith);
      if (!known) {
        throw new ConfigException(
            "unknown key '"
                + key
                + "'; known are "
                + new java.util.TreeSet<>(DEFINITION.names())
                + ", sources.NAME.type, sources.NAME.path and the prefixes "
                + PASSED_ON);
      }
    }
  }

  private void refuseFixedSettings() {
    for (String fixed : FIXED) {
      String key = "producer." + fixed;
      if (given.containsKey(key)) {
        throw new ConfigException(
            key, given.get(key), "that no loss and order rest on cannot be changed; leave it away");
      }
    }
  }

  private void checkAddresses() {
    for (String server : values.getList("bootstrap.servers")) {
      if (Utils.getHost(server) == null || Utils.getPort(server) == null) {
        throw new ConfigException("bootstrap.servers", server, "want host:port, comma separated");
      }
    }
    for (String url : values.getList("schema.registry.url")) {
      if (!url.matches("https?://[^/]+.*")) {
        throw new ConfigException(
            "schema.registry.url", url, "want http://host:port or https://host:port");
      }
    }
  }

  private List<SourceConfig> readSources() {
    TreeMap<String, Map<String, String>> byName = new TreeMap<>();
    startingWith("sources.")
        .forEach(
            (key, value) -> {
              int dot = key.lastIndexOf('.');
              byName
                  .computeIfAbsent(key.substring("sources.".length(), dot), name -> new HashMap<>())
                  .put(key.substring(dot + 1), value);
            });
    List<SourceConfig> found = new ArrayList<>();
    byName.forEach((name, settings) -> found.add(source(name, settings)));
    if (found.isEmpty()) {
      throw new ConfigException(
          "no source is configured: set sources.NAME.type and sources.NAME.path");
    }
    return found;
  }

  private static SourceConfig source(String name, Map<String, String> settings) {
    if (!SOURCE.matcher(name).matches()) {
      throw new ConfigException(
          "sources." + name,
          name,
          "a source's name wants lower-case letters, digits, '.', '-' or '_', at most 64");
    }
    String type = Optional.ofNullable(settings.get("type")).orElse("");
    SourceType known;
    try {
      known = SourceType.valueOf(type.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new ConfigException(
          "sources." + name + ".type", type, "this version has " + SourceType.words());
    }
    String path = settings.getOrDefault("path", "");
    if (path.isEmpty()) {
      throw new ConfigException("sources." + name + ".path", path, "a directory or file is wanted");
    }
    return new SourceConfig(name, known, Path.of(path).toAbsolutePath());
  }
}
