// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.ClosingState;
import auditbus.schemas.Gap;
import auditbus.schemas.Range;
import auditbus.schemas.TrailState;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Follows the coverage of every trail of one partition's hosts.
 *
 * <p>A grace is told by wall clock. Lest the job take its own deafness for bytes that do not come:
 * after a start, and after its thread stood still, a full grace passes first; and before a grace
 * ends something is written and committed, so that Kafka is known to be there, and read on for a
 * moment.
 *
 * <p>Not thread-safe: Kafka Streams calls it from one thread.
 */
final class GapsProcessor implements Processor<byte[], SpecificRecord, String, Gap> {
  /** Name of its store. */
  static final String STORE = "trails";

  private static final Duration TICK = Duration.ofMillis(500);

  // Between two ticks of a thread that runs there is less.
  private static final long STOOD_STILL_MS = 3000;
  // So long it reads on when it knows that Kafka is there: a fetch that failed is tried again in 1
  // s.
  private static final long READ_ON_MS = 1000;
  private static final char NO_TRAIL = GapId.SEPARATOR;
  private static final String PROBE = NO_TRAIL + "probe";

  // How exactly trails are forgotten: to this part of the time they are kept.
  private static final int KEEP_STEPS = 24;

  private final long graceMs;
  private final long publishIntervalMs;
  private final long keepMs;
  private final long keepIncompleteMs;
  private final int maxRanges;

  // Trails that may have something to publish when time passes; never lacks one that has.
  private final Set<String> pending = new HashSet<>();
  private ProcessorContext<String, Gap> context;
  private KeyValueStore<String, byte[]> store;
  private TopicHead head;
  // What came while nobody read is read first: no grace ends sooner after a start than it lasts.
  private long judgesFromWallMs;
  private long tickWallMs;
  private long probedWallMs;

  GapsProcessor(AbstractConfig settings) {
    graceMs = settings.getLong(GapsJob.GRACE);
    publishIntervalMs = settings.getLong(GapsJob.PUBLISH_INTERVAL);
    keepMs = settings.getLong(GapsJob.KEEP);
    keepIncompleteMs = settings.getLong(GapsJob.KEEP_INCOMPLETE);
    maxRanges = settings.getInt(GapsJob.MAX_RANGES);
  }

  @Override
  public void init(ProcessorContext<String, Gap> processorContext) {
    context = processorContext;
    store = context.getStateStore(STORE);
    head = new TopicHead(store);
    tickWallMs = context.currentSystemTimeMs();
    judgesFromWallMs = tickWallMs + graceMs;
    probedWallMs = 0;
    pending.clear();
    try (KeyValueIterator<String, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> one = all.next();
        if (isTrail(one.key)) {
          TrailCoverage trail = TrailCoverage.decode(one.value, maxRanges);
          if (trail.waiting() || trail.unpublished()) {
            pending.add(one.key);
          }
        }
      }
    }
    context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, this::timePassed);
    context.schedule(
        Duration.ofMillis(Math.max(1, keepMs / KEEP_STEPS)),
        PunctuationType.STREAM_TIME,
        this::expire);
  }

  @Override
  public void process(Record<byte[], SpecificRecord> record) {
    switch (record.value()) {
      case AuditEvent event -> event(event, record.timestamp());
      case TrailState state -> trailState(state, record.timestamp());
      case null ->
          throw new IllegalArgumentException("a record without a value: audit topics have none");
      default ->
          throw new IllegalArgumentException(
              "a " + record.value().getSchema().getFullName() + ": wanted AuditEvent, TrailState");
    }
  }

  private void event(AuditEvent event, long brokerMs) {
    // Everything is checked before anything is changed: a poison record leaves no trace.
    Map<String, List<AuditRecord>> byTrail = new LinkedHashMap<>(2);
    byTrail.put(event.getTrail(), new ArrayList<>(event.getRecords().size()));
    for (AuditRecord one : event.getRecords()) {
      check(one.getPosition(), one.getLength());
      byTrail
          .computeIfAbsent(one.getTrail().orElse(event.getTrail()), _ -> new ArrayList<>())
          .add(one);
    }
    if (event.getAcked() < 0) {
      throw new IllegalArgumentException("acked is " + event.getAcked());
    }
    Map<TrailKey, List<AuditRecord>> byKey = LinkedHashMap.newLinkedHashMap(byTrail.size());
    byTrail.forEach(
        (trail, records) ->
            byKey.put(new TrailKey(event.getHost(), event.getSource(), trail), records));
    head.event(context.recordMetadata().map(RecordMetadata::offset).orElse(0L), brokerMs);
    byKey.forEach(
        (key, records) -> {
          String text = key.text();
          TrailCoverage trail = load(key, text);
          boolean news = false;
          for (AuditRecord one : records) {
            news |= trail.add(one.getPosition(), one.getLength());
          }
          boolean more = key.trail().equals(event.getTrail()) && trail.acked(event.getAcked());
          if (news || more || brokerMs - trail.touchedMs() > keepMs / KEEP_STEPS) {
            keep(key, text, trail, news, brokerMs);
          }
        });
  }

  private void trailState(TrailState state, long brokerMs) {
    TrailKey key = new TrailKey(state.getHost(), state.getSource(), state.getTrail());
    if (state.getSize() < 0) {
      throw new IllegalArgumentException("size is " + state.getSize());
    }
    state.getDropped().forEach(range -> check(range.getPosition(), range.getLength()));
    String text = key.text();
    TrailCoverage trail = load(key, text);
    for (Range range : state.getDropped()) {
      trail.dropped(
          range.getPosition(),
          range.getLength(),
          brokerMs,
          context.currentSystemTimeMs() + graceMs);
    }
    state.getCause().ifPresent(trail::cause);
    if (ClosingState.isOne(state)) {
      trail.closed(state.getSize(), brokerMs);
    }
    keep(key, text, trail, true, brokerMs);
  }

  private void keep(TrailKey key, String text, TrailCoverage trail, boolean news, long brokerMs) {
    trail.touched(brokerMs);
    trail.judge(brokerMs);
    if (trail.waiting()) {
      if (news) {
        trail.waitUntil(context.currentSystemTimeMs() + graceMs);
      }
      pending.add(text);
    }
    publish(key, text, trail);
    store.put(text, trail.encode());
  }

  private void publish(TrailKey key, String text, TrailCoverage trail) {
    trail
        .publish(key, context.currentSystemTimeMs(), publishIntervalMs)
        .ifPresent(
            gap ->
                context.forward(
                    new Record<>(gap.getId(), gap, Math.max(0, context.currentStreamTimeMs()))));
    if (trail.unpublished()) {
      pending.add(text);
    }
  }

  private TrailCoverage load(TrailKey key, String text) {
    byte[] bytes = store.get(text);
    if (bytes != null) {
      return TrailCoverage.decode(bytes, maxRanges);
    }
    TrailCoverage trail = new TrailCoverage(maxRanges);
    if (head.follows(key.trail())) {
      trail.beganBeforeTheTopic();
    }
    return trail;
  }

  private void timePassed(long wallMs) {
    if (wallMs - tickWallMs > STOOD_STILL_MS) {
      judgesFromWallMs = wallMs + graceMs;
    }
    tickWallMs = wallMs;
    long sinceProbeMs = wallMs - probedWallMs;
    boolean isThere = sinceProbeMs >= READ_ON_MS && sinceProbeMs <= STOOD_STILL_MS;
    boolean due = false;
    for (String text : List.copyOf(pending)) {
      byte[] bytes = store.get(text);
      if (bytes == null) {
        pending.remove(text);
        continue;
      }
      TrailCoverage trail = TrailCoverage.decode(bytes, maxRanges);
      if (wallMs >= judgesFromWallMs && trail.due(wallMs)) {
        if (isThere) {
          trail.settle(wallMs, graceMs);
        } else {
          due = true;
        }
      }
      publish(TrailKey.parse(text), text, trail);
      byte[] changed = trail.encode();
      if (!Arrays.equals(bytes, changed)) {
        store.put(text, changed);
      }
      if (!trail.waiting() && !trail.unpublished()) {
        pending.remove(text);
      }
    }
    if (due && sinceProbeMs > STOOD_STILL_MS) {
      store.put(PROBE, ByteBuffer.allocate(Long.BYTES).putLong(wallMs).array());
      context.commit();
      probedWallMs = wallMs;
    }
  }

  private static boolean isTrail(String key) {
    return !key.isEmpty() && key.charAt(0) != NO_TRAIL;
  }

  private void expire(long streamMs) {
    List<String> expired = new ArrayList<>();
    try (KeyValueIterator<String, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> one = all.next();
        if (isTrail(one.key)) {
          TrailCoverage trail = TrailCoverage.decode(one.value, maxRanges);
          long keep = trail.complete() ? keepMs : keepIncompleteMs;
          if (streamMs - trail.touchedMs() > keep) {
            expired.add(one.key);
          }
        }
      }
    }
    expired.forEach(store::delete);
  }

  private static void check(long position, long length) {
    if (position < 0 || length < 1 || position + length < 0) {
      throw new IllegalArgumentException("range of " + length + " bytes at position " + position);
    }
  }
}
