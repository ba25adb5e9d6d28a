// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.Coverage;
import auditbus.schemas.Gap;
import auditbus.schemas.GapState;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.sinks.manifest.Published;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** What the topics say from their beginning on, committed. One thread owns it. */
final class Topic implements AutoCloseable {
  private static final Pattern NUMBER = Pattern.compile(" msg='n=(\\d+) cmd=\\d+ res=success'\n$");
  private static final Duration POLL = Duration.ofMillis(200);

  /** Where a record was said to be. */
  record Place(String trail, long position, int length) {}

  /** By the record's number; each place once. */
  final Map<Long, List<Place>> arrived = new HashMap<>();

  final Map<String, Coverage> coverage = new TreeMap<>();
  final Map<String, TrailState> states = new TreeMap<>();
  final List<TrailState> allStates = new ArrayList<>();
  final Map<String, Gap> openGaps = new TreeMap<>();
  final Published published = new Published();
  Optional<AgentStatus> lastStatus = Optional.empty();
  long duplicates;
  long deadLetters;

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final AvroDeserializer<SpecificRecord> values = new AvroDeserializer<>();
  private List<TopicPartition> partitions = List.of();

  Topic(String bootstrap, String registry) {
    consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    values.configure(Map.of("schema.registry.url", registry), false);
  }

  /** Reads what is there now to its end. */
  void read() {
    if (partitions.isEmpty()) {
      partitions =
          Topics.names().stream()
              .flatMap(topic -> consumer.partitionsFor(topic).stream())
              .map(info -> new TopicPartition(info.topic(), info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
    }
    Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
    while (ends.entrySet().stream()
        .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
      for (ConsumerRecord<byte[], byte[]> message : consumer.poll(POLL)) {
        if (message.topic().equals(Topics.DEAD_LETTERS)) {
          deadLetters++;
        } else {
          take(values.deserialize(message.topic(), message.value()));
        }
      }
    }
  }

  private void take(SpecificRecord value) {
    switch (value) {
      case AuditEvent event -> event.getRecords().forEach(record -> take(event, record));
      case TrailState state -> {
        states.put(state.getTrail(), state);
        allStates.add(state);
        published.add(state);
      }
      case Gap gap -> {
        if (gap.getState() == GapState.CLOSED) {
          openGaps.remove(gap.getId());
        } else {
          openGaps.put(gap.getId(), gap);
        }
      }
      case AgentStatus status -> lastStatus = Optional.of(status);
      default -> {
        // who stopped auditing: not of interest here
      }
    }
  }

  private void take(AuditEvent event, AuditRecord record) {
    String trail = record.getTrail().orElse(event.getTrail());
    Place place = new Place(trail, record.getPosition(), record.getLength());
    coverage
        .computeIfAbsent(trail, _ -> new Coverage())
        .add(place.position(), place.position() + place.length());
    String raw = StandardCharsets.ISO_8859_1.decode(record.getRaw().duplicate()).toString();
    Matcher matcher = NUMBER.matcher(raw);
    if (matcher.find() && raw.startsWith("type=USER_CMD ")) {
      List<Place> places =
          arrived.computeIfAbsent(Long.valueOf(matcher.group(1)), _ -> new ArrayList<>(1));
      if (places.contains(place)) {
        duplicates++;
      } else {
        places.add(place);
      }
    }
  }

  @Override
  public void close() {
    consumer.close();
  }
}
