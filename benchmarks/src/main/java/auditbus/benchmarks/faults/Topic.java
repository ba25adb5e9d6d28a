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
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** What the topics say from their beginning on. One thread owns it. */
final class Topic implements AutoCloseable {
  private static final Pattern NUMBER = Pattern.compile(" msg='n=(\\d+) cmd=\\d+ res=success'\n$");
  private static final Pattern SENT =
      Pattern.compile(" msg='op=faults n=(\\d+) res=success'\\s*\n$");
  private static final Duration POLL = Duration.ofMillis(200);

  /** Records of the log, by their numbers. */
  final ArrivedRecords arrived = new ArrivedRecords();

  /** The kernel's messages, by their numbers: the kernel's serials. */
  final Map<Integer, Long> messages = new TreeMap<>();

  /** Which serials of the kernel came. */
  final Coverage serials = new Coverage();

  final Map<String, Coverage> coverage = new TreeMap<>();
  final Map<String, TrailState> states = new TreeMap<>();
  final Map<String, Gap> openGaps = new TreeMap<>();
  final Published published = new Published();
  final Map<String, AgentStatus> lastStatus = new TreeMap<>();
  long duplicates;
  long deadLetters;

  /** Grows with what the log's agent catches up. */
  long caughtUp;

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final AvroDeserializer<SpecificRecord> values = new AvroDeserializer<>();
  private List<TopicPartition> partitions = List.of();

  /** One that knows nothing and reads nothing, to be filled by hand. */
  Topic() {
    consumer = null;
  }

  Topic(String bootstrap, String registry, String isolation) {
    consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrap, "isolation.level", isolation),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    values.configure(Map.of("schema.registry.url", registry), false);
  }

  /** A trail of any host: the log's by its id alone. */
  static String nameOf(String host, String trail) {
    return host.equals(Rig.HOST) ? trail : host + "/" + trail;
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

  /** Takes the next message, of whatever topic. */
  void take(SpecificRecord value) {
    switch (value) {
      case AuditEvent event -> {
        // What daemons write themselves they number themselves.
        if (event.getHost().equals(Rig.CAPTURE_HOST)
            && event.getSerial() > 0
            && !event.getType().startsWith("DAEMON_")) {
          long _ = serials.add(event.getSerial(), event.getSerial() + 1);
        }
        event.getRecords().forEach(record -> take(event, record));
      }
      case TrailState state -> {
        states.put(nameOf(state.getHost(), state.getTrail()), state);
        published.add(state);
        caughtUp += state.getHost().equals(Rig.HOST) ? 1 : 0;
      }
      case Gap gap -> {
        if (gap.getState() == GapState.CLOSED) {
          openGaps.remove(gap.getId());
        } else {
          openGaps.put(gap.getId(), gap);
        }
      }
      case AgentStatus status -> lastStatus.put(status.getHost(), status);
      default -> {
        // who stopped auditing: not of interest here
      }
    }
  }

  private void take(AuditEvent event, AuditRecord record) {
    String trail = nameOf(event.getHost(), record.getTrail().orElse(event.getTrail()));
    ArrivedRecords.Place place =
        new ArrivedRecords.Place(trail, record.getPosition(), record.getLength());
    boolean fresh =
        coverage
                .computeIfAbsent(trail, _ -> new Coverage())
                .add(place.position(), place.position() + place.length())
            > 0;
    String raw = StandardCharsets.ISO_8859_1.decode(record.getRaw().duplicate()).toString();
    if (event.getHost().equals(Rig.CAPTURE_HOST)) {
      Matcher matcher = SENT.matcher(raw);
      if (matcher.find()) {
        messages.put(Integer.valueOf(matcher.group(1)), event.getSerial());
        duplicates += fresh ? 0 : 1;
      }
      return;
    }
    caughtUp += fresh ? 1 : 0;
    Matcher matcher = NUMBER.matcher(raw);
    if (raw.startsWith("type=USER_CMD ")
        && matcher.find()
        && !arrived.add(Integer.parseInt(matcher.group(1)), place)) {
      duplicates++;
    }
  }

  @Override
  public void close() {
    consumer.close();
  }
}
