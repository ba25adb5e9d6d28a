// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.Coverage;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * What a consumer got of one host, and whether it got it whole and in order. One thread owns it.
 */
final class Arrivals implements AutoCloseable {
  /** Messages of events in the order of the partition. */
  final List<AuditEvent> events = new ArrayList<>();

  final List<TrailState> states = new ArrayList<>();

  private final String host;
  private final KafkaConsumer<byte[], byte[]> consumer;
  private final AvroDeserializer<org.apache.avro.specific.SpecificRecord> values =
      new AvroDeserializer<>();
  private final Map<String, byte[]> bytes = new HashMap<>();
  private final Map<String, Coverage> coverage = new HashMap<>();
  private long firstAfterMillis;
  private boolean holesMayPass;
  private long sinceMillis = Long.MAX_VALUE;

  Arrivals(String host, Map<String, Object> client, String registry) {
    this.host = host;
    this.consumer =
        new KafkaConsumer<>(client, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    values.configure(Map.of("schema.registry.url", registry), false);
  }

  /** Takes what there is from the beginning. */
  void begin() {
    List<TopicPartition> partitions = new ArrayList<>();
    for (Topics topic : List.of(Topics.EVENTS, Topics.TRAILS)) {
      for (PartitionInfo partition : consumer.partitionsFor(topic.topic())) {
        partitions.add(new TopicPartition(topic.topic(), partition.partition()));
      }
    }
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
  }

  /**
   * A message the broker refuses for itself is overtaken by those behind it that are on their way;
   * all of them come again after it.
   */
  void holesMayPass() {
    holesMayPass = true;
  }

  /** From here on the first message's arrival is of interest. */
  void since(long millis) {
    sinceMillis = millis;
    firstAfterMillis = 0;
  }

  /** When the broker appended the first event of the time that is of interest; 0 for none yet. */
  long firstAfterMillis() {
    return firstAfterMillis;
  }

  /** Takes what came, and checks its order. */
  void poll(Duration wait) {
    poll(wait, true);
  }

  /** Takes what came of trails whose beginning may be gone. */
  void pollLoosely(Duration wait) {
    poll(wait, false);
  }

  private void poll(Duration wait, boolean whole) {
    for (ConsumerRecord<byte[], byte[]> message : consumer.poll(wait)) {
      switch (values.deserialize(message.topic(), message.value())) {
        case AuditEvent event when event.getHost().equals(host) -> {
          if (message.timestamp() >= sinceMillis && firstAfterMillis == 0) {
            firstAfterMillis = message.timestamp();
          }
          assertThat(message.serializedValueSize()).isLessThan(Topics.MAX_MESSAGE_BYTES);
          if (whole) {
            take(event);
          } else {
            event.getRecords().forEach(record -> cover(event, record));
          }
        }
        case TrailState state when state.getHost().equals(host) -> states.add(state);
        default -> {
          // another test's
        }
      }
    }
  }

  private void take(AuditEvent event) {
    events.add(event);
    for (AuditRecord record : event.getRecords()) {
      String trail = record.getTrail().orElse(event.getTrail());
      Coverage known = coverage.computeIfAbsent(trail, _ -> new Coverage());
      int position = Math.toIntExact(record.getPosition());
      if (!holesMayPass) {
        // What was never sent before comes in order: no byte before it is still to come.
        assertThat((long) position).as("trail %s", trail).isLessThanOrEqualTo(known.lowMark());
      }
      int end = position + record.getLength();
      byte[] all = bytes.getOrDefault(trail, new byte[1 << 16]);
      if (all.length < end) {
        all = Arrays.copyOf(all, Math.max(end, 2 * all.length));
      }
      ByteBuffer raw = record.getRaw().duplicate();
      assertThat(raw.remaining()).isEqualTo(record.getLength());
      byte[] here = new byte[record.getLength()];
      raw.get(here);
      if (known.covers(position, end)) {
        assertThat(here)
            .as("sent again differently, trail %s position %s", trail, position)
            .isEqualTo(Arrays.copyOfRange(all, position, end));
      }
      System.arraycopy(here, 0, all, position, here.length);
      bytes.put(trail, all);
      known.add(position, end);
    }
  }

  private void cover(AuditEvent event, AuditRecord record) {
    coverage
        .computeIfAbsent(record.getTrail().orElse(event.getTrail()), _ -> new Coverage())
        .add(record.getPosition(), record.getPosition() + record.getLength());
  }

  boolean covers(String trail, long position, long end) {
    return coverage.getOrDefault(trail, new Coverage()).covers(position, end);
  }

  /** Bytes of a trail that arrived without a hole. */
  long arrived(String trail) {
    return coverage.getOrDefault(trail, new Coverage()).lowMark();
  }

  /** Bytes of all trails. */
  long arrived() {
    return coverage.values().stream().mapToLong(Coverage::bytes).sum();
  }

  boolean isTerminated(String trail) {
    return states.stream()
        .anyMatch(
            state -> state.getTrail().equals(trail) && state.getState() == TrailStatus.TERMINATED);
  }

  void assertWhole(String trail, byte[] wanted) {
    assertThat(arrived(trail)).as("trail %s", trail).isEqualTo(wanted.length);
    // Of one that ended without a byte nothing came.
    assertThat(coverage.getOrDefault(trail, new Coverage()).bytes()).isEqualTo(wanted.length);
    assertThat(Arrays.copyOf(bytes.getOrDefault(trail, new byte[0]), wanted.length))
        .isEqualTo(wanted);
  }

  void assertTerminated(String trail, byte[] wanted) throws Exception {
    String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(wanted));
    assertThat(states)
        .filteredOn(
            state -> state.getTrail().equals(trail) && state.getState() == TrailStatus.TERMINATED)
        .isNotEmpty()
        .allSatisfy(
            state -> {
              assertThat(state.getSize()).isEqualTo(wanted.length);
              assertThat(state.getSha256()).contains(digest);
            });
  }

  @Override
  public void close() {
    consumer.close();
  }
}
