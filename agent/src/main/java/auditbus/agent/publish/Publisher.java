// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.publish;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Span;
import auditbus.agent.trail.TrailNotice;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.HostPartition;
import auditbus.schemas.SchemaRegistryException;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.BufferExhaustedException;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.RecordBatchTooLargeException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.SerializationException;
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
 * <p>Not thread-safe: one thread owns it. The producer's own thread only adds to a queue; {@link
 * #endLongCall} is for any.
 */
public final class Publisher implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Publisher.class);

  /**
   * Serialised size above which an event is sent in parts; headroom below the topic's limit for
   * keys and framing.
   */
  static final int MAX_VALUE_BYTES = Topics.MAX_MESSAGE_BYTES - 64 * 1024;

  /** However little the broker takes: what all parts of an event repeat needs room. */
  static final int MIN_VALUE_BYTES = 16 * 1024;

  private final String host;
  private final byte[] hostKey;
  private final Supplier<Producer<byte[], byte[]>> producers;
  private final Serializer<SpecificRecord> serializer;
  private final long maxInFlightBytes;
  private final Map<Integer, Integer> inFlightRecords = new HashMap<>();
  private final Map<Topics, Integer> partitions = new EnumMap<>(Topics.class);

  private volatile Optional<Producer<byte[], byte[]>> producer = Optional.empty();
  // Since when the producer is being handed a message or asked, by nanoTime; 0 while it is not.
  private volatile long askingSinceNanos;
  // The call that was ended last, by the same; of the thread that ends them.
  private volatile long endedSinceNanos;
  private LinkedBlockingQueue<Completion> completions = new LinkedBlockingQueue<>();
  private long inFlightBytes;
  private int inFlight;
  private int maxValueBytes = MAX_VALUE_BYTES;
  private boolean unwritableSeen;
  // What the producer said to the message it was being handed.
  private Optional<Exception> refused = Optional.empty();
  // Something was sent through the producer, or it failed itself.
  private boolean used;
  private long unwritable;

  private record Completion(
      Topics topic, Delivery delivery, int bytes, Optional<Exception> failure) {
    Completion with(Optional<Exception> found) {
      return found.isEmpty() ? this : new Completion(topic, delivery, bytes, found);
    }
  }

  /**
   * Makes a publisher; nothing is opened.
   *
   * @param host the agent's host, which decides the partition
   * @param maxInFlightBytes value bytes sent and not acknowledged above which {@link #isFull} is
   *     true
   * @param producers makes the producer; called by each {@link #open}
   */
  public Publisher(
      String host,
      long maxInFlightBytes,
      Serializer<SpecificRecord> serializer,
      Supplier<Producer<byte[], byte[]>> producers) {
    this.host = host;
    this.hostKey = host.getBytes(StandardCharsets.UTF_8);
    this.maxInFlightBytes = maxInFlightBytes;
    this.serializer = serializer;
    this.producers = producers;
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
        used = false;
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
    return inFlightRecords.getOrDefault(source, 0);
  }

  /** Events so far whose decoded fields could not be written and that went out as UNPARSED. */
  public long unwritable() {
    return unwritable;
  }

  /**
   * Sends an event, in parts if it is too large for one message. Its records count as sent, and
   * later as acknowledged, with its last part: what is read again after a failure is a whole event.
   *
   * <p>An event the schema refuses is a defect of its decoder: it goes out as UNPARSED.
   *
   * @param source the owner's number for its source, 0 or more
   * @param acked position below which every byte of its trail is acknowledged
   * @throws PublishException if it could not be handed to the producer, in part or at all
   */
  public void event(int source, DecodedEvent decoded, long acked) {
    decoded.event().setAcked(acked);
    try {
      send(source, decoded.event(), decoded.spans());
    } catch (UnwritableException e) {
      unwritable++;
      if (!unwritableSeen) {
        unwritableSeen = true;
        LOG.error(
            "a decoded event at {} cannot be written, it and any further such one are published as"
                + " UNPARSED: {}. This is a defect: please report it",
            decoded.spans().getFirst(),
            e.getMessage());
      }
      send(source, Unparsed.event(decoded.event()), decoded.spans());
    }
  }

  private void send(int source, AuditEvent event, List<Span> spans) {
    if (rawBytes(event) <= maxValueBytes) {
      byte[] value = serialize(Topics.EVENTS, event);
      if (value.length <= maxValueBytes) {
        send(Topics.EVENTS, hostKey, value, delivery(source, event, spans, 0));
        return;
      }
    }
    Parts parts = Parts.of(event, maxValueBytes, part -> serialize(Topics.EVENTS, part).length);
    for (AuditEvent part : parts.events()) {
      boolean last = part.getPart() == part.getParts() - 1;
      send(
          Topics.EVENTS,
          hostKey,
          serialize(Topics.EVENTS, part),
          last
              ? delivery(source, event, spans, parts.cut())
              : new Delivery(source, List.of(), false, true, 0, Optional.empty()));
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
        throw failed(completion, completion.failure().get());
      }
      inFlight--;
      inFlightBytes -= completion.bytes();
      Delivery delivery = completion.delivery();
      if (delivery.source() >= 0) {
        inFlightRecords.merge(delivery.source(), -delivery.spans().size(), Integer::sum);
      }
      acked.accept(delivery);
      count++;
      completion = completions.poll();
    }
    return count;
  }

  /**
   * What stands against writing events, as far as the brokers' metadata tell; may take a second.
   */
  public Optional<String> obstacle() {
    askingSinceNanos = Math.max(1, System.nanoTime());
    try {
      producer.ifPresent(open -> open.partitionsFor(Topics.EVENTS.topic()));
      return Optional.empty();
    } catch (InterruptException e) {
      throw e;
    } catch (KafkaException | IllegalStateException e) {
      return Optional.of(describe(Topics.EVENTS.topic() + " cannot be written to", e));
    } finally {
      askingSinceNanos = 0;
    }
  }

  /**
   * Gives up the producer and what it has not delivered. One that was never sent anything stays: it
   * goes on looking for the broker, sooner back than a new one.
   */
  public void abort() {
    if (used) {
      closeProducer(Duration.ZERO);
    }
    completions = new LinkedBlockingQueue<>(); // late completions of the old producer go nowhere
    inFlight = 0;
    inFlightBytes = 0;
    inFlightRecords.clear();
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

  /** A value its schema refuses. */
  private static final class UnwritableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UnwritableException(Exception cause) {
      super(cause.getMessage(), cause);
    }
  }

  private PublishException failed(Completion completion, Exception failure) {
    boolean tooLarge =
        failure instanceof RecordTooLargeException
            || failure instanceof RecordBatchTooLargeException;
    if (!tooLarge || completion.topic() != Topics.EVENTS || completion.bytes() <= MIN_VALUE_BYTES) {
      return new PublishException(
          describe("sending to " + completion.topic().topic() + " failed", failure), failure);
    }
    maxValueBytes = Math.max(MIN_VALUE_BYTES, Math.min(maxValueBytes, completion.bytes()) / 2);
    return new PublishException(
        "%s takes no value of %d bytes (max.message.bytes of the topic, message.max.bytes of the broker or producer.max.request.size; %d is what auditbus topics create sets): larger events than %d bytes are sent in parts from now on: %s"
            .formatted(
                Topics.EVENTS.topic(),
                completion.bytes(),
                Topics.MAX_MESSAGE_BYTES,
                maxValueBytes,
                failure.getMessage()),
        failure,
        true);
  }

  /**
   * Closes the producer if a call that may wait for the broker takes longer than that, so that the
   * owner's call fails and it begins anew; thread-safe.
   *
   * <p>The producer measures how long it blocks, and when it connects again, by the wall clock: set
   * back by an hour, it would do neither for an hour.
   *
   * @return whether it did; the call fails once the producer's thread has seen it, which may take
   *     {@code request.timeout.ms}
   */
  public boolean endLongCall(Duration longest) {
    long since = askingSinceNanos;
    Optional<Producer<byte[], byte[]>> open = producer;
    if (since == 0
        || since == endedSinceNanos
        || System.nanoTime() - since < longest.toNanos()
        || open.isEmpty()) {
      return false;
    }
    endedSinceNanos = since;
    // Closing waits for the producer's thread; the caller has other things to look after.
    Thread.ofPlatform()
        .daemon()
        .name("end-of-a-long-call")
        .start(() -> open.get().close(Duration.ZERO));
    return true;
  }

  private byte[] serialize(Topics topic, SpecificRecord value) {
    try {
      return serializer.serialize(topic.topic(), value);
    } catch (KafkaException e) {
      if (topic == Topics.EVENTS && isDefect(e)) {
        throw new UnwritableException(e);
      }
      throw new PublishException(
          describe("a value for " + topic.topic() + " cannot be written", e), e);
    }
  }

  private void send(Topics topic, byte[] key, byte[] value, Delivery delivery) {
    Producer<byte[], byte[]> open = producer.orElseThrow();
    int bytes = value.length;
    askingSinceNanos = Math.max(1, System.nanoTime());
    try {
      int partition = HostPartition.of(host, partitions(open, topic));
      hand(
          open,
          new ProducerRecord<>(topic.topic(), partition, key, value),
          new Completion(topic, delivery, bytes, Optional.empty()));
    } catch (InterruptException e) {
      throw e;
    } catch (KafkaException | IllegalStateException e) {
      used |= !(e instanceof RetriableException);
      throw new PublishException(describe(topic.topic() + " cannot be written to", e), e);
    } finally {
      askingSinceNanos = 0;
    }
    inFlight++;
    inFlightBytes += bytes;
    if (delivery.source() >= 0) {
      inFlightRecords.merge(delivery.source(), delivery.spans().size(), Integer::sum);
    }
  }

  /**
   * Hands a message to the producer. One it refuses at once is thrown here, not at the next poll.
   */
  private void hand(
      Producer<byte[], byte[]> open,
      ProducerRecord<byte[], byte[]> message,
      Completion completion) {
    LinkedBlockingQueue<Completion> queue = completions;
    Thread sender = Thread.currentThread();
    int waiting = -1;
    do {
      // Room comes with acknowledgements: as long as some come, what waits for it waits on.
      boolean acked = queue.size() > waiting;
      waiting = queue.size();
      refused = Optional.empty();
      used = true;
      askingSinceNanos = Math.max(1, System.nanoTime());
      var _ =
          open.send(
              message,
              (metadata, failure) -> {
                if (failure != null && Thread.currentThread().equals(sender)) {
                  refused = Optional.of(failure);
                } else {
                  queue.add(completion.with(Optional.ofNullable(failure)));
                }
              });
      if (refused.isPresent() && !(acked && refused.get() instanceof BufferExhaustedException)) {
        throw failed(completion, refused.get());
      }
    } while (refused.isPresent());
  }

  private int partitions(Producer<byte[], byte[]> open, Topics topic) {
    Integer known = partitions.get(topic);
    if (known == null) {
      known = open.partitionsFor(topic.topic()).size();
      partitions.put(topic, known);
    }
    return known;
  }

  /** Whether a value is at fault, not the registry that was asked for its schema's id. */
  private static boolean isDefect(KafkaException e) {
    for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
      if (cause instanceof SchemaRegistryException) {
        return false;
      }
    }
    return e instanceof SerializationException && e.getCause() != null;
  }

  private static long rawBytes(AuditEvent event) {
    List<AuditRecord> records = event.getRecords();
    long bytes = 0;
    for (int i = 0; i < records.size(); i++) {
      bytes += records.get(i).getLength();
    }
    return bytes;
  }

  private static Delivery delivery(int source, AuditEvent event, List<Span> spans, int cut) {
    int unparsed = cut;
    List<AuditRecord> records = event.getRecords();
    for (int i = 0; i < records.size(); i++) {
      unparsed += records.get(i).getType() < 0 ? 1 : 0;
    }
    return new Delivery(source, spans, true, event.getComplete(), unparsed, Optional.empty());
  }

  private static String describe(String what, Exception e) {
    String advice = "";
    String why = "";
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      advice = advice.isEmpty() ? advice(cause) : advice;
      why = cause.getMessage() == null ? why : cause.getMessage();
    }
    String message = String.valueOf(e.getMessage());
    return what + ": " + message + (message.contains(why) ? "" : ": " + why) + advice;
  }

  private static String advice(Throwable cause) {
    return switch (cause) {
      case AuthenticationException refused ->
          " (the broker does not take the agent for whom it says it is: check security.protocol, sasl.* and ssl.*)";
      case AuthorizationException denied ->
          " (grant the agent's principal Write and Describe on the topic)";
      case RecordTooLargeException tooLarge ->
          " (raise max.message.bytes of the topic to " + Topics.MAX_MESSAGE_BYTES + ")";
      case UnknownTopicOrPartitionException unknown ->
          " (create the topics: auditbus topics create)";
      case TimeoutException timeout ->
          " (is bootstrap.servers right and reachable? are the topics there? auditbus topics create)";
      default -> "";
    };
  }
}
