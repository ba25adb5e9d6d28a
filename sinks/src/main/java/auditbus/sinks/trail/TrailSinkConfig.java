// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.Topics;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.sink.SinkTask;

/**
 * The sink's settings: one table, and the checks that need more than one of them or the disk.
 *
 * <p>Whatever else is set ({@code schema.registry.*}, {@code basic.auth.*}, ...) is handed to the
 * deserializer as it is.
 */
final class TrailSinkConfig extends AbstractConfig {
  static final String ROOT = "root";
  static final String ROOT_NETWORK = "root.network";
  static final String REGISTRY_URL = "schema.registry.url";
  static final String EVENTS_TOPIC = "events.topic";
  static final String TRAILS_TOPIC = "trails.topic";
  static final String TRAIL_MAX_BYTES = "trail.max.bytes";
  static final String OPEN_FILES_MAX = "open.files.max";
  static final String EXPIRE_AFTER = "expire.after";
  static final String LINKS_MAX = "links.max";
  static final String RETRY_BACKOFF_MS = "retry.backoff.ms";

  /** Given by the connector to each task, not by users: Connect tells a task its number nowhere. */
  static final String TASK_NUMBER = "task.number";

  static final String VALUE_CONVERTER = "value.converter";
  static final String BYTES_CONVERTER = "org.apache.kafka.connect.converters.ByteArrayConverter";

  static final ConfigDef TABLE =
      new ConfigDef()
          .define(
              ROOT,
              ConfigDef.Type.STRING,
              ConfigDef.NO_DEFAULT_VALUE,
              ConfigDef.LambdaValidator.with(TrailSinkConfig::checkPath, () -> "an absolute path"),
              Importance.HIGH,
              "Directory the trails are collected in, as <root>/<host>/<source>/. It must exist on"
                  + " every worker that may run a task, be the same one for all of them, and be"
                  + " on a file system with working fsync and locks.")
          .define(
              ROOT_NETWORK,
              ConfigDef.Type.BOOLEAN,
              false,
              Importance.MEDIUM,
              "Says of a root on a network file system or FUSE that its server writes to disk before"
                  + " it answers an fsync (NFS: exported 'sync') and that locks hold between all"
                  + " workers. Without it such a root is refused.")
          .define(
              REGISTRY_URL,
              ConfigDef.Type.STRING,
              null,
              new ConfigDef.NonEmptyString(),
              Importance.HIGH,
              "URL of the schema registry the agents register their schemas with. Needed with"
                  + " value.converter=ByteArrayConverter; an Avro converter has settings of its"
                  + " own.")
          .define(
              EVENTS_TOPIC,
              ConfigDef.Type.STRING,
              Topics.EVENTS.topic(),
              new ConfigDef.NonEmptyString(),
              Importance.LOW,
              "Topic of the audit events.")
          .define(
              TRAILS_TOPIC,
              ConfigDef.Type.STRING,
              Topics.TRAILS.topic(),
              new ConfigDef.NonEmptyString(),
              Importance.LOW,
              "Topic of the trail states.")
          .define(
              TRAIL_MAX_BYTES,
              ConfigDef.Type.LONG,
              Limits.DEFAULT_TRAIL_BYTES,
              ConfigDef.Range.between(1, 1L << 50),
              Importance.MEDIUM,
              "Largest trail taken, in bytes. Records that end beyond it are refused: a forged"
                  + " position must not make a huge sparse file.")
          .define(
              OPEN_FILES_MAX,
              ConfigDef.Type.INT,
              Limits.DEFAULT_OPEN_FILES,
              ConfigDef.Range.between(1, 1 << 20),
              Importance.MEDIUM,
              "Most trail files a task keeps open; the least recently used one is closed and"
                  + " opened again when needed. A task needs up to three times as many descriptors:"
                  + " sources are locked too.")
          .define(
              EXPIRE_AFTER,
              ConfigDef.Type.STRING,
              null,
              ConfigDef.LambdaValidator.with(
                  TrailSinkConfig::checkExpireAfter, () -> "60d, 10G, 60d AND 10G, 60d OR 10G"),
              Importance.MEDIUM,
              "When a verified trail is removed, as expire-after of audit_control(5): so long after"
                  + " it was finished here (60d; s, h, d, y), while the finished trails of its"
                  + " source need more than so much (10G; B, K, M, G), or both joined by AND or OR."
                  + " Oldest first; what is removed is recorded in MANIFEST. Unset: never. Trails"
                  + " that are open, unverified or quarantined are never removed.")
          .define(
              LINKS_MAX,
              ConfigDef.Type.INT,
              Limits.DEFAULT_LINKS,
              ConfigDef.Range.between(0, 99_999),
              Importance.LOW,
              "Most links audit.log, audit.log.1, ... onto the text trails of a source, newest"
                  + " first, so that 'ausearch -if' and 'aureport -if' read its directory; 0: none.")
          .define(
              RETRY_BACKOFF_MS,
              ConfigDef.Type.LONG,
              2000L,
              ConfigDef.Range.between(1, 600_000),
              Importance.LOW,
              "How long to wait, in milliseconds, before a batch is tried again that a full disk, a"
                  + " registry that is away or another task's lock stopped.");

  TrailSinkConfig(Map<String, String> properties) {
    // Not logged: a registry's URL may hold a password.
    super(TABLE, properties, false);
  }

  private static void checkPath(String name, Object value) {
    try {
      if (value == null || !Path.of((String) value).isAbsolute()) {
        throw new ConfigException(name, value, "wanted an absolute path");
      }
    } catch (InvalidPathException e) {
      throw new ConfigException(name, value, "is no path: " + e.getReason());
    }
  }

  private static void checkExpireAfter(String name, Object value) {
    if (value != null) {
      ExpireAfter.parse(name, (String) value);
    }
  }

  /** When verified trails are removed; empty for never. */
  Optional<ExpireAfter> expireAfter() {
    return Optional.ofNullable(getString(EXPIRE_AFTER))
        .map(rule -> ExpireAfter.parse(EXPIRE_AFTER, rule));
  }

  boolean hasRegistry() {
    return getString(REGISTRY_URL) != null;
  }

  /**
   * Checks that values which come as bytes can be decoded. Where the connector does not say which
   * converter it has, the worker's default holds, and only the first record can tell.
   *
   * @throws ConfigException saying what to set
   */
  void checkRegistry() {
    Object converter = originals().get(VALUE_CONVERTER);
    if (!hasRegistry() && BYTES_CONVERTER.equals(converter)) {
      throw new ConfigException(missingRegistry());
    }
  }

  /** What to do where values come as bytes and there is no registry to ask what they are. */
  static String missingRegistry() {
    return "Values come as bytes ("
        + VALUE_CONVERTER
        + "="
        + BYTES_CONVERTER
        + ") and "
        + REGISTRY_URL
        + " is missing: set it to the registry the agents use, or set "
        + VALUE_CONVERTER
        + " to an Avro converter";
  }

  String eventsTopic() {
    return getString(EVENTS_TOPIC);
  }

  String trailsTopic() {
    return getString(TRAILS_TOPIC);
  }

  long retryBackoffMillis() {
    return getLong(RETRY_BACKOFF_MS);
  }

  Limits limits() {
    return Limits.of(getLong(TRAIL_MAX_BYTES), getInt(OPEN_FILES_MAX), getInt(LINKS_MAX));
  }

  /**
   * Checks that exactly the two topics are subscribed.
   *
   * @throws ConfigException saying what to set
   */
  void checkTopics() {
    Map<String, String> all = originalsStrings();
    Set<String> wanted = new TreeSet<>(List.of(eventsTopic(), trailsTopic()));
    if (wanted.size() != 2) {
      throw new ConfigException(EVENTS_TOPIC, eventsTopic(), "is the same as " + TRAILS_TOPIC);
    }
    String topics = all.getOrDefault(SinkTask.TOPICS_CONFIG, "");
    Set<String> found =
        Arrays.stream(topics.split(",", -1))
            .map(String::strip)
            .filter(topic -> !topic.isEmpty())
            .collect(Collectors.toSet());
    if (!found.equals(wanted) || all.containsKey(SinkTask.TOPICS_REGEX_CONFIG)) {
      throw new ConfigException(
          "The trail sink needs both of its topics and no other: set "
              + SinkTask.TOPICS_CONFIG
              + "="
              + String.join(",", wanted)
              + " and no "
              + SinkTask.TOPICS_REGEX_CONFIG
              + ", found "
              + SinkTask.TOPICS_CONFIG
              + "="
              + topics
              + ". Where the topics have other names, set "
              + EVENTS_TOPIC
              + " and "
              + TRAILS_TOPIC
              + " too.");
    }
  }

  /**
   * Checks that the root is a directory this process can write durably to.
   *
   * @return its real path
   * @throws ConfigException saying what is wrong with it and what to do
   */
  Path openRoot() {
    Path root = Path.of(getString(ROOT));
    if (!Files.isDirectory(root)) {
      throw new ConfigException(
          ROOT,
          root,
          "is no directory on this worker: make it ('install -d -m 0750 -o USER "
              + root
              + "', USER being the one Connect runs as)");
    }
    Path probe = root.resolve(".probe-" + UUID.randomUUID());
    try {
      checkMount(root);
      if (Files.getFileAttributeView(root, PosixFileAttributeView.class) == null) {
        throw new ConfigException(ROOT, root, "is on a file system without POSIX permissions");
      }
      try (FileChannel channel =
          FileChannel.open(probe, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        channel.force(true);
        if (channel.tryLock() == null) {
          throw new IOException("a lock on a new file was refused");
        }
      } finally {
        Files.deleteIfExists(probe);
      }
      DurableFile.syncDirectory(root);
      return root.toRealPath();
    } catch (IOException e) {
      throw new ConfigException(
          ROOT,
          root,
          "cannot be written to durably by user "
              + System.getProperty("user.name")
              + ": "
              + e
              + ". It needs write permission, fsync and locks");
    }
  }

  private void checkMount(Path root) throws IOException {
    Optional<Mount> mount = Mount.of(root.toRealPath());
    if (mount.isPresent()) {
      checkMount(root, mount.get());
    }
  }

  /** Refuses a root whose fsync or locks are not known to work. */
  void checkMount(Path root, Mount mount) {
    if (!mount.isNetwork()) {
      return;
    }
    Optional<String> unsafe = mount.unsafeOption();
    if (unsafe.isPresent()) {
      throw new ConfigException(
          ROOT,
          root,
          "is on a network file system mounted with '"
              + unsafe.get()
              + "' ("
              + mount
              + "): locks or fsync do not reach its server, and two tasks could write one trail."
              + " Mount it without '"
              + unsafe.get()
              + "', or use a local disk");
    }
    if (!getBoolean(ROOT_NETWORK)) {
      throw new ConfigException(
          ROOT,
          root,
          "is on a network file system or FUSE ("
              + mount
              + "), where fsync and locks work only if its server sees to it. Use a local disk; or"
              + " see that the server writes before it answers (NFS: exported 'sync') and that"
              + " locks hold between all workers, and set "
              + ROOT_NETWORK
              + "=true");
    }
  }
}
