// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.ShutdownAttribution;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BiPredicate;
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
  /** Name of its store. */
  static final String STORE = "hosts";

  private static final Duration TICK = Duration.ofMillis(250);
  // How exactly facts are forgotten: to this part of the time they are kept.
  private static final int KEEP_STEPS = 24;

  /** Most characters of a host's name, as of RFC 1123. */
  private static final int MAX_HOST = 255;

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
    store = context.getStateStore(STORE);
    pending.clear();
    try (KeyValueIterator<String, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> one = all.next();
        if (HostFacts.decode(one.value).hasUntold()) {
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
    List<Fact> facts = FactReader.read(record.value(), record.timestamp());
    if (!facts.isEmpty()) {
      int length = record.value().getHost().length();
      if (length > MAX_HOST) {
        throw new IllegalArgumentException(
            "a host's name of " + length + " characters: " + MAX_HOST + " are allowed");
      }
      take(record.value().getHost(), facts);
    }
  }

  private void take(String host, List<Fact> news) {
    HostFacts facts = HostFacts.decode(store.get(host));
    boolean any = false;
    for (Fact fact : news) {
      if (!(fact instanceof Fact.Kill) && facts.isFull()) {
        // The oldest may be about to be forgotten: not before it was published.
        publish(host, facts, Endings.of(facts), (_, told) -> !told.isPublished());
      }
      any |= facts.add(fact);
    }
    if (!any) {
      return;
    }
    if (news.stream().noneMatch(facts::canMatter)) {
      store.put(host, facts.encode());
      return;
    }
    long earliest = news.getFirst().stamp().time() - windowMicros - Endings.LEGACY_TOLERANCE_MICROS;
    boolean isLate = news.stream().anyMatch(fact -> !(fact instanceof Fact.Kill));
    publish(
        host,
        facts,
        Endings.of(facts),
        // A signal cannot explain what was before it.
        (ending, told) -> isDue(told) && (isLate || ending.time() >= earliest));
    store.put(host, facts.encode());
    if (facts.hasUntold()) {
      pending.add(host);
    }
  }

  private boolean isDue(HostFacts.Told told) {
    return told.isPublished()
        || context.currentSystemTimeMs() - told.seenWallMs() >= graceMs
        || context.currentStreamTimeMs() - told.seenMs() >= graceMs;
  }

  /**
   * Publishes those of the stops that differ from what was published of them. Of one that does not
   * hold nothing is said, unless it was said before that it does.
   */
  private boolean publish(
      String host,
      HostFacts facts,
      List<Endings.Ending> endings,
      BiPredicate<Endings.Ending, HostFacts.Told> which) {
    boolean any = false;
    for (Endings.Ending ending : endings) {
      Optional<HostFacts.Told> known = facts.told(ending.id());
      if (!ending.holds() && !known.map(HostFacts.Told::isPublished).orElse(false)) {
        any |= known.isPresent();
        facts.untold(ending.id());
        continue;
      }
      HostFacts.Told told =
          known.orElseGet(
              () ->
                  new HostFacts.Told(
                      context.currentSystemTimeMs(),
                      ending.marker().stamp().arrivedMs(),
                      -1,
                      null));
      if (known.isEmpty()) {
        facts.told(ending.id(), told);
      }
      if (which.test(ending, told)) {
        ShutdownAttribution result = Attribution.of(host, ending, facts, windowMicros);
        String digest = Attribution.digest(result.toString());
        if (!digest.equals(told.published())) {
          facts.told(ending.id(), told.published(digest));
          result.setRevision(told.revision() + 1);
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
      if (publish(
          host, facts, Endings.of(facts), (_, told) -> !told.isPublished() && isDue(told))) {
        store.put(host, facts.encode());
      }
      if (!facts.hasUntold()) {
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
}
