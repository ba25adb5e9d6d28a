// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.ShutdownAttribution;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Remembers the facts of one partition's hosts and publishes what they come to.
 *
 * <p>Events that are no fact, nearly all, touch no state.
 *
 * <p>Not thread-safe: Kafka Streams calls it from one thread.
 */
final class ShutdownProcessor
    implements Processor<byte[], AuditEvent, String, ShutdownAttribution> {
  private static final Duration TICK = Duration.ofMillis(250);
  // How exactly facts are forgotten: to this part of the time they are kept.
  private static final int KEEP_STEPS = 24;

  private final long windowMicros;
  private final long graceMs;
  private final long keepMs;

  // Hosts that may have a stop not yet published; never lacks one that has.
  private final Set<String> pending = new HashSet<>();
  private ProcessorContext<String, ShutdownAttribution> context;
  private KeyValueStore<String, byte[]> store;

  ShutdownProcessor(AbstractConfig settings) {
    windowMicros = TimeUnit.MILLISECONDS.toMicros(settings.getLong(ShutdownJob.WINDOW));
    graceMs = settings.getLong(ShutdownJob.GRACE);
    keepMs = settings.getLong(ShutdownJob.KEEP);
  }

  @Override
  public void init(ProcessorContext<String, ShutdownAttribution> processorContext) {
    context = processorContext;
    store = context.getStateStore(ShutdownSupplier.STORE);
    pending.clear();
    try (KeyValueIterator<String, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> one = all.next();
        if (hasUnpublished(HostFacts.decode(one.value))) {
          pending.add(one.key);
        }
      }
    }
    context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, _ -> publishDue());
    context.schedule(
        Duration.ofMillis(Math.max(1, Math.min(graceMs, TICK.toMillis()))),
        PunctuationType.STREAM_TIME,
        _ -> publishDue());
    context.schedule(
        Duration.ofMillis(Math.max(1, keepMs / KEEP_STEPS)),
        PunctuationType.STREAM_TIME,
        this::forget);
  }

  @Override
  public void process(Record<byte[], AuditEvent> record) {
    if (record.value() == null) {
      throw new IllegalArgumentException("a record without a value: audit topics have none");
    }
    FactReader.read(record.value(), record.timestamp())
        .ifPresent(fact -> take(record.value().getHost(), fact));
  }

  private void take(String host, Fact fact) {
    HostFacts facts = HostFacts.decode(store.get(host));
    long wallMs = context.currentSystemTimeMs();
    if (fact instanceof Fact.Stop && facts.stories().size() == HostFacts.MAX_STOPS) {
      // The oldest is about to be forgotten: not before it was published.
      publish(host, facts, story -> !story.isPublished());
    }
    if (!facts.add(fact, wallMs)) {
      return;
    }
    if (hasUnpublished(facts)) {
      pending.add(host);
    }
    publish(
        host,
        facts,
        story ->
            isDue(story)
                && (!(fact instanceof Fact.Kill kill)
                    || Attribution.inReach(kill, story.stop(), windowMicros)));
    store.put(host, facts.encode());
  }

  private boolean isDue(HostFacts.Story story) {
    return story.isPublished()
        || context.currentSystemTimeMs() - story.arrivedWallMs() >= graceMs
        || context.currentStreamTimeMs() - story.stop().stamp().arrivedMs() >= graceMs;
  }

  /** Publishes those of the stops that differ from what was published of them. */
  private boolean publish(String host, HostFacts facts, Predicate<HostFacts.Story> which) {
    boolean any = false;
    for (HostFacts.Story story : List.copyOf(facts.stories())) {
      if (which.test(story)) {
        ShutdownAttribution result = Attribution.of(host, story.stop(), facts, windowMicros);
        String digest = Attribution.digest(result.toString());
        if (!digest.equals(story.published())) {
          facts.published(story, digest);
          result.setRevision(story.revision() + 1);
          context.forward(
              new Record<>(result.getId(), result, Math.max(0, context.currentStreamTimeMs())));
          any = true;
        }
      }
    }
    return any;
  }

  private void publishDue() {
    for (String host : List.copyOf(pending)) {
      HostFacts facts = HostFacts.decode(store.get(host));
      if (publish(host, facts, story -> !story.isPublished() && isDue(story))) {
        store.put(host, facts.encode());
      }
      if (!hasUnpublished(facts)) {
        pending.remove(host);
      }
    }
  }

  private void forget(long streamMs) {
    List<KeyValue<String, HostFacts>> changed = new ArrayList<>();
    try (KeyValueIterator<String, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> one = all.next();
        HostFacts facts = HostFacts.decode(one.value);
        if (facts.forget(streamMs - keepMs)) {
          changed.add(KeyValue.pair(one.key, facts));
        }
      }
    }
    changed.forEach(one -> store.put(one.key, one.value.encode()));
  }

  private static boolean hasUnpublished(HostFacts facts) {
    return facts.stories().stream().anyMatch(story -> !story.isPublished());
  }
}
