// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.trail.Readers;
import auditbus.schemas.Format;
import auditbus.schemas.ProvidedSettings;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.utils.Utils;

/**
 * An agent's configuration: Java properties, Kafka's names where Kafka has one.
 *
 * <p>Besides the table of {@link #definition} it takes {@code sources.NAME.type}, {@code
 * sources.NAME.path}, {@code sources.NAME.format} and, for trails, {@code sources.NAME.delete}
 * ({@code never}, the default, or {@code acked}: a closed trail is deleted once its last state is
 * acknowledged); {@code producer.*} for the producer; {@code security.*}, {@code ssl.*} and {@code
 * sasl.*} for the connection to Kafka; {@code schema.registry.*} and {@code basic.auth.*} for the
 * registry; {@code config.providers*} for secrets that stand elsewhere ({@link ProvidedSettings}).
 * Any other key is an error.
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

  private static final String AUDISP_SOCKET = "/run/audispd_events"; // auditd's af_unix.conf

  private final Map<String, String> given;
  private final Half half;
  private final AbstractConfig values;
  private final String host;
  private final List<SourceConfig> sources;

  private AgentConfig(Map<String, String> given, Half half) {
    this.given = Map.copyOf(given);
    this.half = half;
    refuseUnknownKeys();
    this.values = parse();
    this.host =
        values.getString("host").isEmpty() ? HostFacts.hostName() : values.getString("host");
    if (!HOST.matcher(host).matches()) {
      throw new ConfigError(
          "host", host, "want lower-case letters, digits, '.', '-' or '_', at most 253");
    }
    refuseFixedSettings();
    checkAddresses();
    checkKernelSettings();
    this.sources = List.copyOf(readSources());
  }

  private AbstractConfig parse() {
    Map<String, String> defined = new HashMap<>(given);
    defined.keySet().retainAll(ConfigKeys.DEFINITION.names());
    if (!half.distributes()) { // never asked, so not needed
      defined.putIfAbsent("bootstrap.servers", "");
      defined.putIfAbsent("schema.registry.url", "");
    }
    Optional<ConfigValue> wrong =
        ConfigKeys.DEFINITION.validate(defined).stream()
            .filter(value -> !value.errorMessages().isEmpty())
            .min(Comparator.comparing(value -> !given.containsKey(value.name()))); // missing: last
    if (wrong.isPresent()) {
      throw ConfigError.of(wrong.get().name(), wrong.get().errorMessages().getFirst());
    }
    return new AbstractConfig(ConfigKeys.DEFINITION, defined, false);
  }

  /**
   * Checks a configuration.
   *
   * @throws ConfigException naming key, value and what is wanted
   */
  public static AgentConfig of(Map<String, String> properties) {
    return of(properties, Half.BOTH);
  }

  /**
   * Checks a configuration for a process that runs one half; capture alone needs no Kafka.
   *
   * @throws ConfigException naming key, value and what is wanted
   */
  public static AgentConfig of(Map<String, String> properties, Half half) {
    return new AgentConfig(ProvidedSettings.resolve(properties), half);
  }

  /**
   * Reads and checks a properties file.
   *
   * @throws IOException if the file cannot be read
   * @throws ConfigException naming file, line, key, value and what is wanted
   */
  public static AgentConfig read(Path file, Map<String, String> overrides, Half half)
      throws IOException {
    String text = Files.readString(file);
    Properties properties = new Properties();
    try {
      properties.load(new StringReader(text));
    } catch (IllegalArgumentException e) {
      throw new ConfigException(file + " is no properties file: " + e.getMessage());
    }
    Map<String, String> all = new HashMap<>();
    properties
        .stringPropertyNames()
        .forEach(key -> all.put(key, properties.getProperty(key).strip()));
    all.putAll(overrides);
    try {
      return of(all, half);
    } catch (ConfigError e) {
      throw e.at(place(file, text, e.key(), overrides));
    }
  }

  private static String place(
      Path file, String text, Optional<String> key, Map<String, String> overrides) {
    if (key.isEmpty()) {
      return file.toString();
    }
    if (overrides.containsKey(key.get())) {
      return "-D " + key.get();
    }
    String[] lines = text.split("\\R", -1);
    for (int i = lines.length - 1; i >= 0; i--) { // of two lines with a key the last holds
      String line = lines[i].stripLeading();
      if (line.startsWith(key.get()) && line.substring(key.get().length()).matches("\\s*[=: ].*")) {
        return file + " line " + (i + 1);
      }
    }
    return file.toString();
  }

  /** The table of keys. */
  public static ConfigDef definition() {
    return new ConfigDef(ConfigKeys.DEFINITION);
  }

  /** The host's name in every event. */
  public String host() {
    return host;
  }

  /** The sources, by name. */
  public List<SourceConfig> sources() {
    return sources;
  }

  /** What this process is to run. */
  Half half() {
    return half;
  }

  /**
   * Whether a running agent can go over to that configuration; if not, the key that stands against
   * it.
   */
  Optional<String> fixedKeyThatDiffers(AgentConfig next) {
    return Stream.of("host", "state.dir", "once")
        .filter(key -> !values.values().get(key).equals(next.values.values().get(key)))
        .findFirst();
  }

  /** Whether both reach Kafka and the registry in the same way. */
  boolean publishesLike(AgentConfig other) {
    return half == other.half
        && (!half.distributes()
            || (producerSettings().equals(other.producerSettings())
                && registrySettings().equals(other.registrySettings())
                && maxInFlightBytes() == other.maxInFlightBytes()));
  }

  /** Whether both read trails in the same way. */
  boolean readsLike(AgentConfig other) {
    return eventTimeout().equals(other.eventTimeout())
        && eventDistanceBytes() == other.eventDistanceBytes()
        && scanInterval().equals(other.scanInterval());
  }

  /** How captured sources are captured. */
  CaptureConfig capture() {
    return CaptureConfig.of(values);
  }

  /** Who may read what the halves tell each other, and the trails. */
  Readers readers() {
    return new Readers(capture().group());
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
    // The loop itself tries on: one round, in which a node far away or busy has its time. The loop
    // stands still meanwhile, for these times and each node that is silent at most.
    settings.putIfAbsent("schema.registry.retry.timeout.ms", "0");
    settings.putIfAbsent("schema.registry.connect.timeout.ms", "1000");
    settings.putIfAbsent("schema.registry.read.timeout.ms", "2000");
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
    settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, 1000); // a SIGHUP waits for no broker
    // Publishing again within 5 s of a broker's return, however long it was away: nothing waits
    // longer than that for an answer that does not come, or before it asks again.
    settings.put(ProducerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, 1000);
    settings.put(ProducerConfig.RETRY_BACKOFF_MAX_MS_CONFIG, 1000);
    settings.put(ProducerConfig.SOCKET_CONNECTION_SETUP_TIMEOUT_MS_CONFIG, 2000);
    settings.put(ProducerConfig.SOCKET_CONNECTION_SETUP_TIMEOUT_MAX_MS_CONFIG, 4000);
    settings.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, 10_000);
    settings.put(CommonClientConfigs.METADATA_RECOVERY_REBOOTSTRAP_TRIGGER_MS_CONFIG, 10_000);
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
          ConfigKeys.DEFINITION.names().contains(key)
              || key.matches("sources\\..+\\.(type|path|format|delete)")
              || PASSED_ON.stream().anyMatch(key::startsWith);
      if (!known) {
        throw ConfigError.of(
            key,
            "unknown key '"
                + key
                + "'; known are "
                + new TreeSet<>(ConfigKeys.DEFINITION.names())
                + ", sources.NAME.type, sources.NAME.path, sources.NAME.format,"
                + " sources.NAME.delete and the prefixes "
                + PASSED_ON);
      }
    }
  }

  private void refuseFixedSettings() {
    for (String fixed : FIXED) {
      String key = "producer." + fixed;
      if (given.containsKey(key)) {
        throw new ConfigError(
            key, given.get(key), "that no loss and order rest on cannot be changed; leave it away");
      }
    }
  }

  private void checkAddresses() {
    for (String server : values.getList("bootstrap.servers")) {
      if (Utils.getHost(server) == null || Utils.getPort(server) == null) {
        throw new ConfigError("bootstrap.servers", server, "want host:port, comma separated");
      }
    }
    int number = 0;
    for (String url : values.getList("schema.registry.url")) {
      number++;
      if (!url.matches("https?://[^/]+.*")) {
        // It may hold a password, whatever its form: it is not repeated.
        throw ConfigError.of(
            "schema.registry.url",
            "schema.registry.url: URL number "
                + number
                + " must be http://host:port or https://host:port");
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
    if (values.getBoolean("once") && half.captures()) {
      found.stream()
          .filter(source -> source.type().isCaptured())
          .findFirst()
          .ifPresent(
              source -> {
                throw new ConfigError(
                    "once",
                    true,
                    "source " + source.name() + " is a stream, which has no end: leave once away");
              });
    }
    refuseSecond(
        found, source -> source.type() == SourceType.KERNEL, "a host has one audit daemon");
    refuseSecond(found, source -> source.type() == SourceType.READLOG, "it would say all twice");
    refuseSecond(
        found, source -> source.input().equals(SourceConfig.STDIN), "there is one standard input");
    return found;
  }

  private static void refuseSecond(
      List<SourceConfig> sources, Predicate<SourceConfig> which, String why) {
    List<SourceConfig> alike = sources.stream().filter(which).toList();
    if (alike.size() > 1) {
      throw new ConfigError(
          "sources." + alike.get(1).name() + ".type",
          alike.get(1).type().word(),
          "source " + alike.getFirst().name() + " is one already, and " + why);
    }
  }

  private void checkKernelSettings() {
    checkRange("kernel.backlog.limit", 0, 0xFFFF_FFFFL);
    checkRange("kernel.backlog.wait.time", 0, 0xFFFF_FFFFL);
    checkRange("kernel.failure", 0, 2);
    checkRange("kernel.rate.limit", 0, 0xFFFF_FFFFL);
    CaptureConfig.of(values);
  }

  private void checkRange(String key, long least, long most) {
    Long value = values.getLong(key);
    if (value != null && (value < least || value > most)) {
      throw new ConfigError(key, value, "want " + least + " to " + most);
    }
  }

  private SourceConfig source(String name, Map<String, String> settings) {
    String typeKey = "sources." + name + ".type";
    String pathKey = "sources." + name + ".path";
    if (!SOURCE.matcher(name).matches()) {
      throw new ConfigError(
          settings.containsKey("type") ? typeKey : pathKey,
          name,
          "a source's name wants lower-case letters, digits, '.', '-' or '_', at most 64");
    }
    String word = settings.getOrDefault("type", "");
    SourceType type;
    try {
      type = SourceType.valueOf(word.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new ConfigError(typeKey, word, "known are " + SourceType.words());
    }
    String path = settings.getOrDefault("path", "");
    Optional<Format> format = format(name, type, settings);
    String delete = settings.getOrDefault("delete", "never");
    String deleteKey = "sources." + name + ".delete";
    if (!delete.equals("never") && !delete.equals("acked")) {
      throw new ConfigError(deleteKey, delete, "known are never, acked");
    }
    boolean deletesAcked = delete.equals("acked");
    if (deletesAcked && type != SourceType.TRAILS) {
      throw new ConfigError(
          deleteKey,
          delete,
          "only trails are deleted, source " + name + " is of type " + type.word());
    }
    Path captured = trailDir().resolve(name);
    return switch (type) {
      case KERNEL, READLOG -> {
        if (!path.isEmpty()) {
          throw new ConfigError(
              pathKey, path, type.word() + " reads from the kernel: leave the path away");
        }
        yield new SourceConfig(name, type, captured, captured, format, false);
      }
      case AUDISP -> {
        String socket = path.isEmpty() ? AUDISP_SOCKET : path;
        Path input = socket.equals("-") ? SourceConfig.STDIN : Path.of(socket).toAbsolutePath();
        yield new SourceConfig(name, type, input, captured, format, false);
      }
      case AUDITLOG, TRAILS -> {
        if (path.isEmpty()) {
          throw new ConfigError(pathKey, path, "a directory or file is wanted");
        }
        Path input = Path.of(path).toAbsolutePath();
        yield new SourceConfig(name, type, input, input, format, deletesAcked);
      }
    };
  }

  private static Optional<Format> format(
      String name, SourceType type, Map<String, String> settings) {
    String key = "sources." + name + ".format";
    String word = settings.getOrDefault("format", "");
    if (type != SourceType.TRAILS) {
      if (!word.isEmpty()) {
        throw new ConfigError(key, word, type.word() + " is Linux audit text: leave it away");
      }
      return Optional.of(Format.LINUX);
    }
    return switch (word) {
      case "", "auto" -> Optional.empty();
      case "linux" -> Optional.of(Format.LINUX);
      case "bsm" -> Optional.of(Format.BSM);
      default -> throw new ConfigError(key, word, "known are auto, linux, bsm");
    };
  }

  /** Where captured sources have their trails. */
  Path trailDir() {
    String directory = values.getString("trail.dir");
    return (directory.isEmpty() ? stateDir().resolve("trails") : Path.of(directory))
        .toAbsolutePath();
  }
}
