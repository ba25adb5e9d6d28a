// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/**
 * Creates the topics of {@link Topics} with the dead letters', and says how a cluster's differ from
 * what auditbus needs. Topics that exist are never changed: partition counts cannot be without
 * moving hosts between partitions, and the rest is the operator's.
 *
 * <p>The waits are those of the {@link Admin} ({@code default.api.timeout.ms}). Thread-safe.
 */
public final class TopicAdmin {
  /** How long dead letters are kept: 28 days, in milliseconds. */
  static final long DEAD_LETTERS_RETENTION_MS = 28L * 24 * 60 * 60 * 1_000;

  private static final Duration VISIBLE_TIMEOUT = Duration.ofSeconds(30);

  private final Admin admin;

  /** The admin stays the caller's to close. */
  public TopicAdmin(Admin admin) {
    this.admin = admin;
  }

  /**
   * Creates the topics that are missing.
   *
   * @param partitions the count for all topics, at least 1
   * @param replicationFactor copies of each partition; empty for the broker's default
   * @return the names of those that were created, none if all were there
   * @throws IllegalStateException if a topic exists with another partition count: nothing is
   *     created then
   * @throws KafkaException if the broker refuses or cannot be reached
   */
  public List<String> create(int partitions, Optional<Short> replicationFactor) {
    return create(partitions, replicationFactor, OptionalInt.empty());
  }

  /**
   * {@link #create(int, Optional)} that also says how many copies must have a record before it is
   * acknowledged.
   *
   * @param minInsyncReplicas at least 1 and at most the replication factor; empty for the broker's
   *     default
   */
  public List<String> create(
      int partitions, Optional<Short> replicationFactor, OptionalInt minInsyncReplicas) {
    if (minInsyncReplicas.isPresent()
        && (minInsyncReplicas.getAsInt() < 1
            || (replicationFactor.isPresent()
                && minInsyncReplicas.getAsInt() > replicationFactor.get()))) {
      throw new IllegalArgumentException(
          "minInsyncReplicas must be 1 to the replication factor, found "
              + minInsyncReplicas.getAsInt());
    }
    if (partitions < 1) {
      throw new IllegalArgumentException("partitions must be at least 1, found " + partitions);
    }
    Map<String, Integer> existing = partitionCounts();
    List<String> others =
        existing.entrySet().stream()
            .filter(e -> e.getValue() != partitions)
            .map(e -> e.getKey() + " has " + e.getValue())
            .toList();
    if (!others.isEmpty()) {
      throw new IllegalStateException(
          "the topics are to have %d partitions, but %s. All must have the same count, fixed for the cluster's life: use that one."
              .formatted(partitions, String.join(", ", others)));
    }
    List<NewTopic> missing =
        Topics.names().stream()
            .filter(name -> !existing.containsKey(name))
            .map(
                name ->
                    new NewTopic(name, Optional.of(partitions), replicationFactor)
                        .configs(settings(name, minInsyncReplicas)))
            .toList();
    List<String> created = new ArrayList<>();
    admin
        .createTopics(missing)
        .values()
        .forEach(
            (name, future) -> {
              try {
                get(future);
                created.add(name);
              } catch (TopicExistsException e) {
                // Somebody else creates them too: the count is compared again below.
              }
            });
    if (created.size() < missing.size()) {
      // The other one may have meant another count, or not be done.
      created.addAll(create(partitions, replicationFactor, minInsyncReplicas));
    }
    awaitVisible();
    return created.stream().sorted().toList();
  }

  /** The controller made them; the broker that is asked learns of it a moment later. */
  private void awaitVisible() {
    long begin = System.nanoTime();
    while (partitionCounts().size() < Topics.names().size()) {
      if (System.nanoTime() - begin > VISIBLE_TIMEOUT.toNanos()) {
        throw new KafkaException(
            "the topics were created, but after %d s the brokers know only %s"
                .formatted(VISIBLE_TIMEOUT.toSeconds(), partitionCounts().keySet()));
      }
      try {
        Thread.sleep(20);
      } catch (InterruptedException e) {
        throw new InterruptException(e);
      }
    }
  }

  /** {@link #create(int, Optional)} with a replication factor of at least 1. */
  public List<String> create(int partitions, int replicationFactor) {
    if (replicationFactor < 1 || replicationFactor > Short.MAX_VALUE) {
      throw new IllegalArgumentException(
          "replicationFactor must be at least 1, found " + replicationFactor);
    }
    return create(partitions, Optional.of((short) replicationFactor));
  }

  /**
   * How the cluster's topics differ from what auditbus needs, one line each; empty if they do not.
   *
   * @throws KafkaException if the broker refuses or cannot be reached
   */
  public List<String> check() {
    return check(OptionalInt.empty());
  }

  /** {@link #check()}, the partition count included. */
  public List<String> check(int partitions) {
    return check(OptionalInt.of(partitions));
  }

  private List<String> check(OptionalInt wanted) {
    List<String> differences = new ArrayList<>();
    Map<String, Integer> counts = partitionCounts();
    for (String name : Topics.names()) {
      if (!counts.containsKey(name)) {
        differences.add(name + ": does not exist; create it with 'auditbus topics create'");
      }
    }
    Set<Integer> distinct = new TreeSet<>(counts.values());
    if (wanted.isPresent()) {
      counts.forEach(
          (name, count) -> {
            if (count != wanted.getAsInt()) {
              differences.add(name + ": has " + count + " partitions, wanted " + wanted.getAsInt());
            }
          });
    } else if (distinct.size() > 1) {
      differences.add(
          "partition counts differ, so a host's partition is not the same in all topics: "
              + counts.entrySet().stream()
                  .map(e -> e.getKey() + "=" + e.getValue())
                  .collect(Collectors.joining(", ")));
    }
    configs(counts.keySet())
        .forEach(
            (name, config) ->
                settings(name)
                    .forEach((key, value) -> compare(name, key, value, config, differences)));
    return List.copyOf(differences);
  }

  private static void compare(
      String topic, String key, String wanted, Config config, List<String> differences) {
    ConfigEntry entry = config.get(key);
    String found = entry == null ? "nothing" : entry.value();
    boolean same =
        switch (key) {
          case TopicConfig.CLEANUP_POLICY_CONFIG -> set(found).equals(set(wanted));
          // More than needed does no harm.
          case TopicConfig.MAX_MESSAGE_BYTES_CONFIG -> number(found) >= number(wanted);
          // How long they are kept is the operator's choice.
          case TopicConfig.RETENTION_MS_CONFIG -> true;
          default -> found.equals(wanted);
        };
    if (!same) {
      differences.add(topic + ": " + key + " is " + found + ", wanted " + wanted);
    }
  }

  /** Partition counts of those of our topics that exist. */
  private Map<String, Integer> partitionCounts() {
    Map<String, Integer> counts = new TreeMap<>();
    admin
        .describeTopics(Topics.names())
        .topicNameValues()
        .forEach(
            (name, future) -> {
              try {
                TopicDescription description = get(future);
                counts.put(name, description.partitions().size());
              } catch (UnknownTopicOrPartitionException e) {
                // Missing: that is an answer too.
              }
            });
    return counts;
  }

  private Map<String, Config> configs(Collection<String> names) {
    List<ConfigResource> resources =
        names.stream().map(name -> new ConfigResource(ConfigResource.Type.TOPIC, name)).toList();
    Map<String, Config> configs = new LinkedHashMap<>();
    admin
        .describeConfigs(resources)
        .values()
        .forEach((resource, future) -> configs.put(resource.name(), get(future)));
    return new TreeMap<>(configs);
  }

  private static Map<String, String> settings(String name, OptionalInt minInsyncReplicas) {
    Map<String, String> settings = new TreeMap<>(settings(name));
    minInsyncReplicas.ifPresent(
        count -> settings.put(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG, Integer.toString(count)));
    return settings;
  }

  /** What a topic is created with. */
  static Map<String, String> settings(String name) {
    return Arrays.stream(Topics.values())
        .filter(t -> t.topic().equals(name))
        .findFirst()
        .map(Topics::settings)
        .orElseGet(
            () ->
                Map.of(
                    TopicConfig.CLEANUP_POLICY_CONFIG,
                    TopicConfig.CLEANUP_POLICY_DELETE,
                    TopicConfig.RETENTION_MS_CONFIG,
                    Long.toString(DEAD_LETTERS_RETENTION_MS),
                    TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG,
                    "LogAppendTime",
                    // A record of the largest size and what is said about it in headers.
                    TopicConfig.MAX_MESSAGE_BYTES_CONFIG,
                    Integer.toString(2 * Topics.MAX_MESSAGE_BYTES)));
  }

  private static Set<String> set(String list) {
    return Arrays.stream(list.split(",")).map(String::trim).collect(Collectors.toSet());
  }

  private static long number(String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  private static <T> T get(KafkaFuture<T> future) {
    try {
      return future.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof KafkaException kafka ? kafka : new KafkaException(e.getCause());
    } catch (InterruptedException e) {
      throw new InterruptException(e);
    }
  }
}
