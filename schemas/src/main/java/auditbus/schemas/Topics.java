// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;

/**
 * Every topic of auditbus, once.
 *
 * <p>All are partitioned by host ({@link HostPartition}) with the same partition count, so that one
 * host is one ordered stream per topic, and use the broker's append time: event time as Kafka
 * timestamp would let retention delete late events.
 *
 * <p>Thread-safe: immutable.
 */
public enum Topics {
  /** {@code AuditEvent}, record key host. Written by agents. */
  EVENTS("audit.events", "delete"),
  /** {@code TrailState}, record key {@code host/source/trail}. Written by agents. */
  TRAILS("audit.trails", "compact,delete"),
  /** {@code AgentStatus}, record key host. Written by agents. */
  AGENTS("audit.agents", "compact,delete"),
  /** {@code Gap}, record key gap id. Written by the gaps job. */
  GAPS("audit.gaps", "compact"),
  /** {@code ShutdownAttribution}, record key shutdown id. Written by the shutdown job. */
  SHUTDOWNS("audit.shutdowns", "compact");

  /**
   * Partition count of every topic where nothing else is configured; fixed for a cluster's life.
   */
  public static final int DEFAULT_PARTITIONS = 24;

  /** Records the streams jobs could not process, as raw bytes with the error in headers. */
  public static final String DEAD_LETTERS = "audit.dead-letters";

  /** Largest record a topic takes, in bytes; agents send larger events in parts. */
  public static final int MAX_MESSAGE_BYTES = 1024 * 1024;

  private final String topic;
  private final String cleanup;

  Topics(String topic, String cleanup) {
    this.topic = topic;
    this.cleanup = cleanup;
  }

  /** The topic's name. */
  public String topic() {
    return topic;
  }

  /** The Avro schema of the topic's values. */
  public Schema schema() {
    return switch (this) {
      case EVENTS -> AuditEvent.getClassSchema();
      case TRAILS -> TrailState.getClassSchema();
      case AGENTS -> AgentStatus.getClassSchema();
      case GAPS -> Gap.getClassSchema();
      case SHUTDOWNS -> ShutdownAttribution.getClassSchema();
    };
  }

  /** The registry subject of the topic's values (TopicNameStrategy). */
  public String subject() {
    return topic + "-value";
  }

  /** Topic settings that differ from the broker's defaults. */
  public Map<String, String> settings() {
    return Map.of(
        "cleanup.policy",
        cleanup,
        "message.timestamp.type",
        "LogAppendTime",
        "max.message.bytes",
        Integer.toString(MAX_MESSAGE_BYTES));
  }

  /** All topics' names, the dead letters' included. */
  public static List<String> names() {
    return List.of(
        EVENTS.topic, TRAILS.topic, AGENTS.topic, GAPS.topic, SHUTDOWNS.topic, DEAD_LETTERS);
  }
}
