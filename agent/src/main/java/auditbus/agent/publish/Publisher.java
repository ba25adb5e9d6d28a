// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.publish;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Span;
import auditbus.agent.trail.TrailNotice;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.HostPartition;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.Serializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends events, trail states and heartbeats, and hands back what the broker acknowledged.
 *
 * <p>There is one failure path: anything the producer does not retry itself makes {@link #poll} or
 * a sending method throw {@link PublishException}; the owner then calls {@link #abort}, reads again
 * from what is acknowledged, and {@link #open}s. What an aborted producer still delivers is a
 * duplicate and harmless.
 *
 * <p>In-flight bytes are bounded by the owner asking {@link #isFull} before it reads on.
 *
 * <p>Not thread-safe: one thread owns it. The producer's own thread only adds to a queue.
 */
public final class Publisher implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Publisher.class);

  /**
   * Serialised size above which an event is sent in parts; headroom below the topic's limit for
   * keys and framing.
   */
  static final int MAX_VALUE_BYTES = Topics.MAX_MESSAGE_BYTES - 64 * 1024;

  /** Raw bytes of a part: decoded fields repeat the text and enriched ones add to it. */
  static final int PART_RAW_BYTES = 256 * 1024;

  private final String host;
  private final byte[] hostKey;
  private final Supplier<Producer<byte[], byte[]>> producers;
  private final Serializer<SpecificRecord> serializer;
  private final long maxInFlightBytes;
  private final int[] inFlightRecords;
  private final Map<Topics, Integer> partitions = new EnumMap<>(Topics.class);

  private Optional<Producer<byte[], byte[]>> producer = Optional.empty();
  private LinkedBlockingQueue<Completion> completions = new LinkedBlockingQueue<>();
  private long inFlightBytes;
  private int inFlight;

  private record Completion(Delivery delivery, long bytes, Optional<Exception> failure) {}

  /**
   * Makes a publisher; nothing is opened.
   *
   * @param host the agent's host, which decides the partition
   * @param sources number of sources
   * @param maxInFlightBytes value bytes sent and not acknowledged above which {@link #isFull} is
   *     true
   * @param producers makes the producer; called by each {@link #open}
   */
  public Publisher(
      String host,
      int sources,
      long maxInFlightBytes,
      Serializer<SpecificRecord> serializer,
      Supplier<Producer<byte[], byte[]>> producers) {
    this.host = host;
    this.hostKey = host.getBytes(StandardCharsets.UTF_8);
    this.maxInFlightBytes = maxInFlightBytes;
    this.serializer = serializer;
    this.producers = producers;
    this.inFlightRecords = new int[sources];
  }

  /**
   * Opens a producer, unless one is open.
   *
   * @throws PublishException if none can be made: the configuration is wrong, or no bootstrap
   *     server's name resolves
   */
  public void open() {
    if (producer.isEmpty()) {
      try {
        producer = Optional.of(producers.get());
      } catch (KafkaException e) {
        throw new PublishException(describe("no producer", e), e);
      }
    }
  }

  /** Whether a producer is open. */
  public boolean isOpen() {
    return producer.isPresent();
  }

  /** Whether as much is on its way as may be. */
  public boolean isFull() {
    return inFlightBytes >= maxInFlightBytes;
  }

  /** Messages sent and not acknowledged. */
  public int inFlight() {
    return inFlight;
  }

  /** Records of a source that were sent and are not acknowledged. */
  public int inFlightRecords(int source) {
    return inFlightRecords[source];
  }

  /**
   * Sends an event, in parts if it is too large for one message.
   *
   * @param acked position below which every byte of its trail is acknowledged
   */
  public void event(int source, DecodedEvent decoded, long acked) {
    AuditEvent event = decoded.event();
    event.setAcked(acked);
    byte[] value = serialize(Topics.EVENTS, event);
    if (value.length <= MAX_VALUE_BYTES || event.getRecords().size() == 1) {
      send(Topics.EVENTS, hostKey, value, delivery(source, event, decoded.spans(), true));
      return;
    }
    List<AuditRecord> records = event.getRecords();
    List<int[]> parts = parts(records);
    for (int i = 0; i < parts.size(); i++) {
      int from = parts.get(i)[0];
      int to = parts.get(i)[1];
      AuditEvent part =
          AuditEvent.newBuilder(event)
              .setPart(i)
              .setParts(parts.size())
              .setRecords(new ArrayList<>(records.subList(from, to)))
              .build();
      send(
          Topics.EVENTS,
          hostKey,
          serialize(Topics.EVENTS, part),
          delivery(source, part, decoded.spans().subList(from, to), i == parts.size() - 1));
    }
  }

  /** Sends a trail's state. */
  public void state(int source, TrailNotice notice, TrailState state) {
    String key = host + "/" + state.getSource() + "/" + state.getTrail();
    send(
        Topics.TRAILS,
        key.getBytes(StandardCharsets.UTF_8),
        serialize(Topics.TRAILS, state),
        new Delivery(source, List.of(), true, true, 0, Optional.of(notice)));
  }

  /** Sends a heartbeat. */
  public void status(AgentStatus status) {
    send(
        Topics.AGENTS,
        hostKey,
        serialize(Topics.AGENTS, status),
        new Delivery(-1, List.of(), true, true, 0, Optional.empty()));
  }

  /**
   * Hands back what was acknowledged since the last call.
   *
   * @param wait how long to wait for the first, at most
   * @return how many
   * @throws PublishException if one failed; what was acknowledged before it was handed back
   */
  public int poll(Duration wait, Consumer<Delivery> acked) throws InterruptedException {
    int count = 0;
    Completion completion = completions.poll(wait.toNanos(), TimeUnit.NANOSECONDS);
    while (completion != null) {
      if (completion.failure().isPresent()) {
        Exception failure = completion.failure().get();
        throw new PublishException(describe("sending failed", failure), failure);
      }
      inFlight--;
      inFlightBytes -= completion.bytes();
      Delivery delivery = completion.delivery();
      if (delivery.source() >= 0) {
        inFlightRecords[delivery.source()] -= delivery.spans().size();
      }
      acked.accept(delivery);
      count++;
      completion = completions.poll();
    }
    return count;
  }

  /** Gives up the producer and what it has not delivered. */
  public void abort() {
    closeProducer(Duration.ZERO);
    completions = new LinkedBlockingQueue<>(); // late completions of the old producer go nowhere
    inFlight = 0;
    inFlightBytes = 0;
    java.util.Arrays.fill(inFlightRecords, 0);
    partitions.clear();
  }

  /**
   * Waits for what is on its way, at most this long, and closes; {@link #poll} still hands back
   * what arrived.
   */
  public void close(Duration timeout) {
    closeProducer(timeout);
  }

  @Override
  public void close() {
    close(Duration.ZERO);
  }

  private void closeProducer(Duration timeout) {
    Optional<Producer<byte[], byte[]>> closing = producer;
    producer = Optional.empty();
    try {
      closing.ifPresent(open -> open.close(timeout));
    } catch (KafkaException e) {
      LOG.warn("the producer did not close in order, it is given up: {}", e.toString());
    }
  }

  private byte[] serialize(Topics topic, SpecificRecord value) {
    try {
      return serializer.serialize(topic.topic(), value);
    } catch (KafkaException e) {
      throw new PublishException(
          describe("a value for " + topic.topic() + " cannot be written", e), e);
    }
  }

  private void send(Topics topic, byte[] key, byte[] value, Delivery delivery) {
    Producer<byte[], byte[]> open = producer.orElseThrow();
    LinkedBlockingQueue<Completion> queue = completions;
    int bytes = value.length;
    try {
      int partition = HostPartition.of(host, partitions(open, topic));
      var _ =
          open.send(
              new ProducerRecord<>(topic.topic(), partition, key, value),
              (metadata, failure) ->
                  queue.add(new Completion(delivery, bytes, Optional.ofNullable(failure))));
    } catch (InterruptException e) {
      throw e;
    } catch (KafkaException | IllegalStateException e) {
      throw new PublishException(describe(topic.topic() + " cannot be written to", e), e);
    }
    inFlight++;
    inFlightBytes += bytes;
    if (delivery.source() >= 0) {
      inFlightRecords[delivery.source()] += delivery.spans().size();
    }
  }

  private int partitions(Producer<byte[], byte[]> open, Topics topic) {
    Integer known = partitions.get(topic);
    if (known == null) {
      known = open.partitionsFor(topic.topic()).size();
      partitions.put(topic, known);
    }
    return known;
  }

  private static Delivery delivery(int source, AuditEvent event, List<Span> spans, boolean last) {
    int unparsed = 0;
    for (AuditRecord record : event.getRecords()) {
      unparsed += record.getType() < 0 ? 1 : 0;
    }
    return new Delivery(source, spans, last, event.getComplete(), unparsed, Optional.empty());
  }

  /**
   * Splits whole records into runs of at most about {@link #PART_RAW_BYTES}, at least one record
   * each.
   */
  private static List<int[]> parts(List<AuditRecord> records) {
    List<int[]> parts = new ArrayList<>();
    int from = 0;
    long bytes = 0;
    for (int i = 0; i < records.size(); i++) {
      int length = records.get(i).getLength();
      if (i > from && bytes + length > PART_RAW_BYTES) {
        parts.add(new int[] {from, i});
        from = i;
        bytes = 0;
      }
      bytes += length;
    }
    parts.add(new int[] {from, records.size()});
    return parts;
  }

  private static String describe(String what, Exception e) {
    String advice =
        switch (e) {
          case AuthorizationException denied ->
              " (grant the agent's principal Write and Describe on the topic)";
          case UnknownTopicOrPartitionException unknown ->
              " (create the topics: auditbus topics create)";
          case TimeoutException timeout ->
              " (is bootstrap.servers right and reachable? are the topics there? auditbus topics create)";
          default -> "";
        };
    String cause = "";
    for (Throwable next = e.getCause(); next != null; next = next.getCause()) {
      cause = next.getMessage() == null ? cause : ": " + next.getMessage();
    }
    return what + ": " + e.getMessage() + cause + advice;
  }
}
