// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Coverage;
import auditbus.schemas.Gap;
import auditbus.schemas.GapState;
import auditbus.schemas.SchemaRegistryException;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.standalone.TrailTally.TrailId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.SerializationException;

/**
 * What the topics say, counted: every event, record and byte once, however often it was sent.
 *
 * <p>Not thread-safe: one thread owns a tally.
 */
final class Tally {
  /** Most places named one by one; the counts go on. */
  private static final int MAX_NAMED = 20;

  private final TopicValues values;
  private final Set<String> hosts = new HashSet<>();
  private final Map<TrailId, Coverage> coverage = new HashMap<>();
  private final Map<TrailId, TrailState> states = new HashMap<>();
  private final Map<String, Gap> openGaps = new TreeMap<>();
  private final Map<String, ShutdownAttribution> shutdowns = new HashMap<>();
  private final List<String> unparsedPlaces = new ArrayList<>();
  private final List<String> incompletePlaces = new ArrayList<>();
  private long messages;
  private long events;
  private long records;
  private long bytes;
  private long resent;
  private long unparsed;
  private long incomplete;
  private long gaps;
  private long undecodable;
  private long deadLetters;

  Tally(TopicValues values) {
    this.values = values;
  }

  /**
   * A moment's counts.
   *
   * @param messages values of {@code audit.events} read, parts and resends included
   * @param resent records that came more than once
   * @param gaps gaps ever published, open or closed
   * @param undecodable values that could not be decoded
   * @param deadLetters records a job or the collector could not use
   * @param unparsedPlaces where the unparsed records lie, the first few
   * @param shutdowns in the order they happened
   */
  record Counts(
      int hosts,
      long messages,
      long events,
      long records,
      long bytes,
      long resent,
      long unparsed,
      long incomplete,
      long gaps,
      long undecodable,
      long deadLetters,
      List<String> unparsedPlaces,
      List<String> incompletePlaces,
      List<TrailTally> trails,
      List<Gap> openGaps,
      List<ShutdownAttribution> shutdowns) {
    /** Nothing read yet. */
    static final Counts NONE =
        new Counts(
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, List.of(), List.of(), List.of(), List.of(), List.of());

    Counts {
      unparsedPlaces = List.copyOf(unparsedPlaces);
      incompletePlaces = List.copyOf(incompletePlaces);
      trails = List.copyOf(trails);
      openGaps = List.copyOf(openGaps);
      shutdowns = List.copyOf(shutdowns);
    }
  }

  /** Counts one record of any of the topics. */
  void add(ConsumerRecord<byte[], byte[]> message) {
    String topic = message.topic();
    try {
      if (topic.equals(Topics.EVENTS.topic())) {
        addEvent(values.event(message.value()));
      } else if (topic.equals(Topics.TRAILS.topic())) {
        addTrail(values.trail(message.value()));
      } else if (topic.equals(Topics.GAPS.topic())) {
        addGap(values.gap(message.value()));
      } else if (topic.equals(Topics.SHUTDOWNS.topic())) {
        ShutdownAttribution shutdown = values.shutdown(message.value());
        if (shutdown.getSupersededBy().isEmpty() && shutdown.getWithdrawn().isEmpty()) {
          shutdowns.put(shutdown.getId(), shutdown);
        } else {
          shutdowns.remove(shutdown.getId());
        }
      } else {
        deadLetters++;
      }
    } catch (SerializationException e) {
      if (SchemaRegistryException.isRetriable(e)) {
        // That the registry is away says nothing against the value.
        throw e;
      }
      // Somebody else's record in our topic: counted, and no reason to stop counting.
      undecodable++;
    }
  }

  /** The counts now. */
  Counts counts() {
    TreeMap<TrailId, TrailTally> trails = new TreeMap<>();
    Set<TrailId> ids = new HashSet<>(states.keySet());
    ids.addAll(coverage.keySet());
    for (TrailId id : ids) {
      trails.put(id, trail(id));
    }
    return new Counts(
        hosts.size(),
        messages,
        events,
        records,
        bytes,
        resent,
        unparsed,
        incomplete,
        gaps,
        undecodable,
        deadLetters,
        unparsedPlaces,
        incompletePlaces,
        List.copyOf(trails.values()),
        List.copyOf(openGaps.values()),
        shutdowns.values().stream()
            .sorted(
                Comparator.comparing(ShutdownAttribution::getStopped)
                    .thenComparing(ShutdownAttribution::getId))
            .toList());
  }

  private TrailTally trail(TrailId id) {
    Optional<TrailState> state = Optional.ofNullable(states.get(id));
    Coverage arrived = coverage.getOrDefault(id, new Coverage());
    Optional<Long> firstHole =
        state.filter(said -> arrived.lowMark() < said.getSize()).map(said -> arrived.lowMark());
    return new TrailTally(id, state, arrived.bytes(), firstHole);
  }

  private void addEvent(AuditEvent event) {
    messages++;
    hosts.add(event.getHost());
    boolean first = event.getPart() == 0;
    for (AuditRecord record : event.getRecords()) {
      TrailId id =
          new TrailId(
              event.getHost(), event.getSource(), record.getTrail().orElse(event.getTrail()));
      long position = record.getPosition();
      long added =
          coverage
              .computeIfAbsent(id, unknown -> new Coverage())
              .add(position, position + record.getLength());
      if (added == 0) {
        resent++;
      } else {
        records++;
        bytes += added;
        String place = id + " position " + position;
        if (record.getName().equals("UNPARSED")) {
          unparsed++;
          name(unparsedPlaces, place + ", " + record.getLength() + " bytes");
        }
        if (first) {
          events++;
          // What could not be parsed is named as that.
          if (!event.getComplete() && !event.getType().equals("UNPARSED")) {
            incomplete++;
            name(
                incompletePlaces,
                place + ", serial " + event.getSerial() + " (" + event.getType() + ")");
          }
        }
      }
      first = false;
    }
  }

  private void addTrail(TrailState state) {
    hosts.add(state.getHost());
    states.put(new TrailId(state.getHost(), state.getSource(), state.getTrail()), state);
  }

  private void addGap(Gap gap) {
    if (gap.getRevision() == 0) {
      gaps++;
    }
    if (gap.getState() == GapState.CLOSED) {
      openGaps.remove(gap.getId());
    } else {
      openGaps.put(gap.getId(), gap);
    }
  }

  private static void name(List<String> places, String place) {
    if (places.size() < MAX_NAMED) {
      places.add(place);
    }
  }
}
