// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Gap;
import auditbus.schemas.TrailState;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
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
 * Watches the hosts of one partition: who is silent, was down, does not audit, has lost a trail, is
 * two.
 *
 * <p>An event is looked at by its records' types and, but for the few that tell of auditing itself,
 * touches no state.
 *
 * <p>A silence is told by wall clock. What keeps a job that was down, lags, or is cut off itself
 * from taking its own deafness for the hosts' silence:
 *
 * <ul>
 *   <li>after a start, and after its thread stood still, a full limit passes first;
 *   <li>while records arrive, the silence must be one by their broker times too;
 *   <li>before the first host is called silent something is written and committed, so that Kafka is
 *       known to be there.
 * </ul>
 *
 * <p>Not thread-safe: Kafka Streams calls it from one thread.
 */
final class HostsProcessor implements Processor<byte[], SpecificRecord, String, Gap> {
  /** Name of its store. */
  static final String STORE = "hosts";

  static final Duration TICK = Duration.ofMillis(500);

  // Between two ticks of a thread that runs there is less.
  private static final long STOOD_STILL_MS = 3000;
  // Records that arrived so lately tell how far the job is.
  private static final long ARRIVING_MS = 5000;
  private static final long LOOK_AGAIN_MS = 1000;
  private static final int KEEP_STEPS = 24;
  private static final char SEPARATOR = GapId.SEPARATOR;
  private static final String HOST = "h" + SEPARATOR;
  private static final String CHAIN = "t" + SEPARATOR;
  private static final String EVENTS_HEAD = SEPARATOR + "events";
  private static final String TRAILS_HEAD = SEPARATOR + "trails";
  private static final String PROBE = SEPARATOR + "probe";

  private static final int DAEMON_START = 1200;
  private static final int DAEMON_END = 1201;
  private static final int DAEMON_CONFIG = 1203;
  private static final int AUDIT_STARTUP = 45_000;
  private static final int AUDIT_SHUTDOWN = 45_001;
  private static final int AUDIT_RECOVERY = 45_029;

  /** What must be known of a host to notice its silence. */
  private static final class Pulse {
    private long brokerMs;
    private long heardWallMs;
    private long limitMs;
  }

  private final HostWatch.Limits limits;
  private final long keepMs;

  // Hosts that are listened for; never lacks one.
  private final Map<String, Pulse> pulses = new HashMap<>();
  private final Deadlines silences = new Deadlines();
  // Keys of the store whose facts come to something new when time passes.
  private final Deadlines judgements = new Deadlines();
  private ProcessorContext<String, Gap> context;
  private KeyValueStore<String, byte[]> store;
  private TopicHead eventsHead;
  private TopicHead trailsHead;

  private long listeningSinceMs;
  private long tickMs;
  private long probedMs;
  private long recordWallMs = Long.MIN_VALUE / 2;
  private long recordBrokerMs;

  HostsProcessor(AbstractConfig settings) {
    limits =
        new HostWatch.Limits(
            settings.getLong(GapsJob.SILENT),
            settings.getLong(GapsJob.GRACE),
            settings.getLong(GapsJob.DISPATCHER),
            settings.getInt(GapsJob.DISPATCHER_EVENTS));
    keepMs = settings.getLong(GapsJob.KEEP_INCOMPLETE);
  }

  @Override
  public void init(ProcessorContext<String, Gap> processorContext) {
    context = processorContext;
    store = context.getStateStore(STORE);
    eventsHead = new TopicHead(store, EVENTS_HEAD);
    trailsHead = new TopicHead(store, TRAILS_HEAD);
    long wallMs = context.currentSystemTimeMs();
    listeningSinceMs = wallMs;
    tickMs = wallMs;
    probedMs = 0;
    pulses.clear();
    try (KeyValueIterator<String, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> one = all.next();
        if (one.key.startsWith(HOST)) {
          String host = one.key.substring(HOST.length());
          HostWatch watch = HostWatch.decode(host, one.value, limits);
          listen(host, watch, wallMs);
          if (watch.hasFacts()) {
            judgements.set(one.key, wallMs);
          }
        } else if (one.key.startsWith(CHAIN)) {
          // What came while nobody read is read first.
          judgements.set(one.key, wallMs + limits.graceMs());
        }
      }
    }
    context.schedule(TICK, PunctuationType.WALL_CLOCK_TIME, this::timePassed);
    context.schedule(
        Duration.ofMillis(Math.max(1, keepMs / KEEP_STEPS)),
        PunctuationType.STREAM_TIME,
        this::forget);
  }

  @Override
  public void process(Record<byte[], SpecificRecord> record) {
    recordWallMs = context.currentSystemTimeMs();
    recordBrokerMs = record.timestamp();
    switch (record.value()) {
      case AuditEvent event -> event(event, record.timestamp());
      case TrailState state -> trailState(state, record.timestamp());
      case AgentStatus status -> heartbeat(status, record.timestamp());
      case null -> {
        // The other processors say so.
      }
      default ->
          throw new IllegalArgumentException(
              "a "
                  + record.value().getSchema().getFullName()
                  + ": wanted AuditEvent, TrailState or AgentStatus");
    }
  }

  private void event(AuditEvent event, long brokerMs) {
    if (!isName(event.getHost()) || !isName(event.getSource())) {
      return; // the processor of coverage says so
    }
    eventsHead.event(offset(), brokerMs);
    boolean linux = event.getFormat() == Format.LINUX;
    for (AuditRecord record : event.getRecords()) {
      if (linux) {
        switch (record.getType()) {
          case AuditSwitch.CONFIG_CHANGE ->
              AuditSwitch.linux(event, record).ifPresent(one -> switched(event, one, brokerMs));
          case DAEMON_START, DAEMON_END, DAEMON_CONFIG -> {
            if (AuditSwitch.node(event).isEmpty()) {
              daemon(event, record, brokerMs); // another node's auditd does not feed these sources
            }
          }
          default -> {}
        }
      } else if (event.getFormat() == Format.BSM) {
        switch (record.getType()) {
          case AuditSwitch.SETCOND ->
              AuditSwitch.bsm(event, record).ifPresent(one -> switched(event, one, brokerMs));
          case AUDIT_STARTUP, AUDIT_SHUTDOWN, AUDIT_RECOVERY -> bsmDaemon(event, record, brokerMs);
          default -> {}
        }
      }
    }
  }

  private void switched(AuditEvent event, AuditSwitch one, long brokerMs) {
    withWatch(event.getHost(), watch -> watch.switched(one, brokerMs, recordWallMs, this::publish));
  }

  private void daemon(AuditEvent event, AuditRecord record, long brokerMs) {
    event
        .getTime()
        .ifPresent(
            time ->
                withWatch(
                    event.getHost(),
                    watch ->
                        watch.daemon(
                            record.getName(),
                            Draft.micros(time),
                            brokerMs,
                            recordWallMs,
                            this::publish)));
  }

  private void bsmDaemon(AuditEvent event, AuditRecord record, long brokerMs) {
    String key = chainKey(event.getHost(), event.getSource());
    TrailChain chain = chain(key);
    chain.daemon(
        record.getTrail().orElse(event.getTrail()), record.getType() != AUDIT_SHUTDOWN, brokerMs);
    keep(key, chain);
  }

  private void trailState(TrailState state, long brokerMs) {
    if (!isName(state.getHost()) || !isName(state.getSource()) || !isName(state.getTrail())) {
      return; // the processor of coverage says so
    }
    trailsHead.event(offset(), brokerMs);
    String key = chainKey(state.getHost(), state.getSource());
    TrailChain chain = chain(key);
    chain.state(state, brokerMs, recordWallMs, trailsHead::follows, this::publish);
    keep(key, chain);
    state
        .getMachineId()
        .ifPresent(
            id -> withWatch(state.getHost(), watch -> watch.trailOf(id, brokerMs, this::publish)));
  }

  private void heartbeat(AgentStatus status, long brokerMs) {
    String host = status.getHost();
    if (!isName(host)) {
      throw new IllegalArgumentException("host '" + host + "' of a heartbeat is no name");
    }
    HostWatch watch =
        withWatch(host, one -> one.heartbeat(status, brokerMs, recordWallMs, this::publish));
    listen(host, watch, recordWallMs);
  }

  private void listen(String host, HostWatch watch, long wallMs) {
    if (!watch.listening()) {
      pulses.remove(host);
      silences.clear(host);
      return;
    }
    Pulse pulse = pulses.computeIfAbsent(host, _ -> new Pulse());
    pulse.brokerMs = watch.heardBrokerMs();
    pulse.heardWallMs = wallMs;
    pulse.limitMs = watch.limitMs();
    silences.set(host, wallMs + pulse.limitMs);
  }

  private void timePassed(long wallMs) {
    if (wallMs - tickMs > STOOD_STILL_MS) {
      listeningSinceMs = wallMs;
    }
    tickMs = wallMs;
    lookForSilence(wallMs);
    for (String key : judgements.take(wallMs)) {
      judge(key, wallMs);
    }
  }

  private void lookForSilence(long wallMs) {
    List<String> silent = new ArrayList<>();
    boolean arriving = wallMs - recordWallMs <= ARRIVING_MS;
    for (String host : silences.take(wallMs)) {
      Pulse pulse = pulses.get(host);
      if (pulse == null) {
        continue;
      }
      long deadline = Math.max(pulse.heardWallMs, listeningSinceMs) + pulse.limitMs;
      if (deadline > wallMs) {
        silences.set(host, deadline);
      } else if (arriving && recordBrokerMs - pulse.brokerMs < pulse.limitMs) {
        silences.set(host, wallMs + LOOK_AGAIN_MS);
      } else {
        silent.add(host);
      }
    }
    if (silent.isEmpty()) {
      return;
    }
    if (probedMs <= listeningSinceMs || wallMs - probedMs > STOOD_STILL_MS) {
      store.put(PROBE, ByteBuffer.allocate(Long.BYTES).putLong(wallMs).array());
      context.commit();
      probedMs = wallMs;
      silent.forEach(host -> silences.set(host, wallMs + 1));
      return;
    }
    for (String host : silent) {
      pulses.remove(host);
      String key = HOST + host;
      byte[] bytes = store.get(key);
      if (bytes != null) {
        HostWatch watch = HostWatch.decode(host, bytes, limits);
        watch.silent(wallMs, this::publish);
        store.put(key, watch.encode());
      }
    }
  }

  private void judge(String key, long wallMs) {
    byte[] bytes = store.get(key);
    if (bytes == null) {
      return;
    }
    // What time shows is opened at the broker time the stream has come to.
    long brokerMs = Math.max(0, context.currentStreamTimeMs());
    if (key.startsWith(HOST)) {
      HostWatch watch = HostWatch.decode(key.substring(HOST.length()), bytes, limits);
      watch.judge(brokerMs, wallMs, this::publish);
      store.put(key, watch.encode());
      watch.dueMs(wallMs).ifPresent(due -> judgements.set(key, due));
    } else {
      TrailChain chain = chain(key);
      chain.judge(brokerMs, wallMs, limits.graceMs(), eventsHead::follows, this::publish);
      store.put(key, chain.encode());
      chain.dueMs(limits.graceMs(), wallMs).ifPresent(due -> judgements.set(key, due));
    }
  }

  private HostWatch withWatch(String host, Consumer<HostWatch> change) {
    String key = HOST + host;
    byte[] bytes = store.get(key);
    HostWatch watch =
        bytes == null ? new HostWatch(host, limits) : HostWatch.decode(host, bytes, limits);
    change.accept(watch);
    store.put(key, watch.encode());
    watch.dueMs(recordWallMs).ifPresent(due -> judgements.setEarlier(key, due));
    return watch;
  }

  private TrailChain chain(String key) {
    String[] parts = key.split("\0", -1);
    byte[] bytes = store.get(key);
    return bytes == null
        ? new TrailChain(parts[1], parts[2])
        : TrailChain.decode(parts[1], parts[2], bytes);
  }

  private void keep(String key, TrailChain chain) {
    store.put(key, chain.encode());
    chain.dueMs(limits.graceMs(), recordWallMs).ifPresent(due -> judgements.setEarlier(key, due));
  }

  private void forget(long streamMs) {
    List<String> forgotten = new ArrayList<>();
    try (KeyValueIterator<String, byte[]> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> one = all.next();
        if (one.key.startsWith(HOST)) {
          String host = one.key.substring(HOST.length());
          if (streamMs - HostWatch.decode(host, one.value, limits).touchedMs() > keepMs) {
            pulses.remove(host);
            forgotten.add(one.key);
          }
        } else if (one.key.startsWith(CHAIN)
            && streamMs - TrailChain.decode("", "", one.value).touchedMs() > keepMs) {
          forgotten.add(one.key);
        }
      }
    }
    forgotten.forEach(store::delete);
  }

  private void publish(Gap gap) {
    context.forward(new Record<>(gap.getId(), gap, Math.max(0, context.currentStreamTimeMs())));
  }

  private long offset() {
    return context.recordMetadata().map(RecordMetadata::offset).orElse(0L);
  }

  private static String chainKey(String host, String source) {
    return CHAIN + host + SEPARATOR + source;
  }

  private static boolean isName(String text) {
    return !text.isEmpty() && text.indexOf(SEPARATOR) < 0;
  }
}
