// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import auditbus.streams.lines.TopicReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * What is known of every host from its last heartbeat, its open gaps and its stops.
 *
 * <p>Bounded: a heartbeat a host, as it came over the wire; the last {@value #MOST_STOPS} stops
 * published of a host; ids of {@value #MOST_OPEN} open gaps, further ones are only told of.
 *
 * <p>Not thread-safe.
 */
final class Fleet {
  static final int MOST_OPEN = 200_000;

  private static final int MOST_STOPS = 8;
  private static final int SILENT_AFTER_INTERVALS = 3;
  private static final long MOST_INTERVAL_MS = Duration.ofMinutes(10).toMillis();

  private final Scope scope;
  private final Map<String, Host> hosts = new TreeMap<>();
  private int open;
  private long uncounted;

  /** How a host is, by what its agent said last and when; the first are the worst. */
  enum State {
    /** No heartbeat for more than three of its intervals, and none that said it would end. */
    SILENT,
    /** No heartbeat was read; other topics name it. */
    UNSEEN,
    /** Its agent was stopped in order. */
    STOPPED,
    /** It lives. */
    UP
  }

  Fleet(Scope scope) {
    this.scope = scope;
  }

  void take(ConsumerRecord<byte[], byte[]> record, TopicReader reader) {
    take(record, reader::value);
  }

  void take(
      ConsumerRecord<byte[], byte[]> record,
      Function<ConsumerRecord<byte[], byte[]>, Optional<SpecificRecord>> values) {
    if (record.topic().equals(Topics.AGENTS.topic())) {
      String name = key(record);
      if (scope.has(name)) {
        if (record.value() == null) {
          forget(name);
        } else {
          host(name).heartbeat = Optional.of(record);
        }
      }
      return;
    }
    switch (values.apply(record).orElse(null)) {
      case Gap gap when scope.has(gap.getHost()) -> gap(gap);
      case ShutdownAttribution stop when scope.has(stop.getHost()) ->
          host(stop.getHost()).stopped(key(record), stop.getStopped(), stop, record);
      case null, default -> {} // unreadable, which was told, or of no host that is asked for
    }
  }

  /** Its heartbeat is deleted: what other topics tell of it stays. */
  private void forget(String name) {
    Host host = hosts.get(name);
    if (host != null) {
      host.heartbeat = Optional.empty();
      if (host.open.isEmpty() && host.stops.isEmpty()) {
        hosts.remove(name);
      }
    }
  }

  private static String key(ConsumerRecord<byte[], byte[]> record) {
    return record.key() == null ? "" : new String(record.key(), StandardCharsets.UTF_8);
  }

  private Host host(String name) {
    return hosts.computeIfAbsent(name, Host::new);
  }

  private void gap(Gap gap) {
    if (gap.getState() == GapState.CLOSED) {
      Host host = hosts.get(gap.getHost());
      open -= host != null && host.open.remove(gap.getId()) != null ? 1 : 0;
    } else if (open < MOST_OPEN) {
      open += host(gap.getHost()).open.put(gap.getId(), gap.getKind()) == null ? 1 : 0;
    } else {
      uncounted++;
    }
  }

  /** All hosts by name. */
  Collection<Host> hosts() {
    return hosts.values();
  }

  int openGaps() {
    return open;
  }

  /** Open gaps that are not counted, for there are too many. */
  long uncounted() {
    return uncounted;
  }

  /** One host. */
  static final class Host {
    private final String name;
    private final Map<String, GapKind> open = new HashMap<>(2);
    private final Map<String, Stop> stops = new LinkedHashMap<>(2);
    private Optional<ConsumerRecord<byte[], byte[]>> heartbeat = Optional.empty();

    private record Stop(Instant stopped, ConsumerRecord<byte[], byte[]> record) {}

    Host(String name) {
      this.name = name;
    }

    private void stopped(
        String id,
        Instant stopped,
        ShutdownAttribution statement,
        ConsumerRecord<byte[], byte[]> record) {
      stops.remove(id);
      if (ShutdownsReport.holds(statement)) {
        stops.put(id, new Stop(stopped, record));
      }
      if (stops.size() > MOST_STOPS) {
        stops.remove(stops.keySet().iterator().next());
      }
    }

    String name() {
      return name;
    }

    /** When the broker took the last heartbeat. */
    Optional<Instant> seen() {
      return heartbeat.map(record -> Instant.ofEpochMilli(record.timestamp()));
    }

    Optional<AgentStatus> status(TopicReader reader) {
      return heartbeat
          .flatMap(reader::value)
          .filter(AgentStatus.class::isInstance)
          .map(AgentStatus.class::cast);
    }

    /** The latest of the stops that hold. */
    Optional<ShutdownAttribution> lastStop(TopicReader reader) {
      return stops.values().stream()
          .max(java.util.Comparator.comparing(Stop::stopped))
          .flatMap(stop -> reader.value(stop.record()))
          .filter(ShutdownAttribution.class::isInstance)
          .map(ShutdownAttribution.class::cast);
    }

    boolean hasOpenGaps() {
      return !open.isEmpty();
    }

    /** How many gaps of each kind are open. */
    Map<GapKind, Integer> openGaps() {
      Map<GapKind, Integer> counts = new EnumMap<>(GapKind.class);
      open.values().forEach(kind -> counts.merge(kind, 1, Integer::sum));
      return counts;
    }

    State state(Optional<AgentStatus> status, Instant now) {
      if (status.isEmpty()) {
        return State.UNSEEN;
      }
      if (status.get().getStopping()) {
        return State.STOPPED;
      }
      Duration age = Duration.between(seen().orElseThrow(), now);
      Duration most =
          Duration.ofMillis(Math.clamp(status.get().getIntervalMs(), 0, MOST_INTERVAL_MS))
              .multipliedBy(SILENT_AFTER_INTERVALS);
      return age.compareTo(most) > 0 ? State.SILENT : State.UP;
    }
  }
}
