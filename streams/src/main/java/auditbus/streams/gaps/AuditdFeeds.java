// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.SourceStatus;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Whether what auditd hands on still flows while the kernel's own stream does.
 *
 * <p>Both are counted in one heartbeat, so no order between topics matters: events of the live
 * source (readlog) are acknowledged while the source that auditd feeds (audisp, auditlog) receives
 * nothing, has nothing waiting, or failed. Where auditd said that it ended before, nothing is
 * suspected until it starts.
 *
 * <p>Bounded: {@value #MAX_FEEDS} sources, {@value #MAX_DROUGHTS} droughts, {@value #MAX_MARKS}
 * starts and ends, the oldest going first. Not thread-safe.
 */
final class AuditdFeeds {
  static final int MAX_FEEDS = 8;
  static final int MAX_DROUGHTS = 16;
  static final int MAX_MARKS = 16;

  private static final int MAX_NAME = 128;
  private static final int MAX_ERROR = 256;
  private static final Set<String> FED = Set.of("audisp", "auditlog");
  private static final String LIVE = "readlog";
  // How far from the last record through auditd what auditd says may be its cause.
  private static final long NEAR_MICROS = 60_000_000;
  private static final long NONE = Long.MIN_VALUE;

  /** A source auditd feeds, at the last heartbeat in which it had received more. */
  private record Feed(long epoch, long received, long atMicros, long live) {}

  /** A time for which a source was dry; NONE ends it while it is. */
  private record Drought(
      String source,
      long fromMicros,
      long toMicros,
      long arrivedMs,
      String failure,
      boolean removed) {
    boolean isOver() {
      return toMicros != NONE;
    }

    Drought over(long atMicros, boolean sourceRemoved) {
      return new Drought(source, fromMicros, atMicros, arrivedMs, failure, sourceRemoved);
    }
  }

  private final Map<String, Feed> feeds = new TreeMap<>();
  private final List<Drought> droughts = new ArrayList<>();
  // When auditd started and ended, by event time.
  private final TreeMap<Long, Boolean> starts = new TreeMap<>();
  private final TreeSet<Long> configs = new TreeSet<>();

  /**
   * auditd said something of itself.
   *
   * @return whether that may be news
   */
  boolean daemon(String type, long atMicros) {
    switch (type) {
      case "DAEMON_START" -> starts.put(atMicros, true);
      case "DAEMON_END" -> starts.put(atMicros, false);
      case "DAEMON_CONFIG" -> configs.add(atMicros);
      default -> {}
    }
    if (starts.size() > MAX_MARKS) {
      starts.pollFirstEntry();
    }
    if (configs.size() > MAX_MARKS) {
      configs.pollFirst();
    }
    return !droughts.isEmpty();
  }

  /** Whether auditd had ended when the source went dry, or just then. */
  private boolean isStopped(Drought drought) {
    for (Map.Entry<Long, Boolean> one :
        starts.headMap(drought.fromMicros() + NEAR_MICROS, true).descendingMap().entrySet()) {
      if (!one.getValue()) {
        return true;
      }
      if (one.getKey() <= drought.fromMicros()) {
        return false;
      }
    }
    return false;
  }

  /** Takes a heartbeat; true if a source went dry or flows again. */
  boolean seen(AgentStatus status, long wallMs, long quietMs, long events) {
    boolean news = removeOthers(status);
    long live = 0;
    boolean isLive = false;
    for (SourceStatus source : status.getSources()) {
      if (source.getType().equals(LIVE) && isRunning(source)) {
        isLive = true;
        live += source.getEvents();
      }
    }
    long at = Draft.micros(status.getAt());
    for (SourceStatus source : status.getSources()) {
      if (FED.contains(source.getType())) {
        news |= seen(status.getEpoch(), source, at, isLive ? live : NONE, wallMs, quietMs, events);
      }
    }
    return news;
  }

  private boolean seen(
      long epoch, SourceStatus source, long at, long live, long wallMs, long quietMs, long events) {
    String name = Draft.cut(source.getName(), MAX_NAME);
    Feed feed = feeds.get(name);
    if (feed == null && feeds.size() == MAX_FEEDS) {
      return false;
    }
    int open = open(name);
    boolean sameRun = feed != null && feed.epoch() == epoch;
    boolean flows = sameRun && source.getReceived() > feed.received();
    if (!sameRun || flows || live == NONE || live < feed.live()) {
      feeds.put(name, new Feed(epoch, source.getReceived(), at, live == NONE ? 0 : live));
      // A new run counts from 0: that it received what the last one had not read yet is no flow.
      if (flows && open >= 0) {
        droughts.set(open, droughts.get(open).over(at, false));
        return true;
      }
      return false;
    }
    Feed from = feed;
    if (open >= 0) {
      Long started = starts.floorKey(at);
      boolean again =
          started != null
              && started > droughts.get(open).fromMicros()
              && starts.get(started)
              && isStopped(droughts.get(open));
      if (!again) {
        return false;
      }
      // It was dry because auditd had ended; whether it is dry now counts from the start on.
      droughts.set(open, droughts.get(open).over(started, false));
      from = new Feed(epoch, feed.received(), started, feed.live());
      feeds.put(name, from);
    }
    boolean dry =
        (!isRunning(source) || source.getWaitingBytes() == 0)
            && at - from.atMicros() >= quietMs * 1000
            && live - from.live() >= events;
    if (dry) {
      String failure =
          isRunning(source)
              ? ""
              : Draft.cut("the source is FAILED: " + source.getError().orElse("?"), MAX_ERROR);
      droughts.add(new Drought(name, from.atMicros(), NONE, wallMs, failure, false));
      if (droughts.size() > MAX_DROUGHTS) {
        droughts.removeFirst();
      }
    }
    return dry || open >= 0;
  }

  /** Which drought of the source is not over, -1 for none. */
  private int open(String source) {
    for (int i = droughts.size() - 1; i >= 0; i--) {
      if (droughts.get(i).source().equals(source) && !droughts.get(i).isOver()) {
        return i;
      }
    }
    return -1;
  }

  /** Sources that are not configured any more are not dry. */
  private boolean removeOthers(AgentStatus status) {
    Set<String> there =
        status.getSources().stream()
            .filter(one -> FED.contains(one.getType()))
            .map(one -> Draft.cut(one.getName(), MAX_NAME))
            .collect(Collectors.toSet());
    boolean news = false;
    for (String name : List.copyOf(feeds.keySet())) {
      if (!there.contains(name)) {
        feeds.remove(name);
        int open = open(name);
        if (open >= 0) {
          droughts.set(open, droughts.get(open).over(Draft.micros(status.getAt()), true));
          news = true;
        }
      }
    }
    return news;
  }

  private static boolean isRunning(SourceStatus source) {
    return source.getState().equals("RUNNING");
  }

  /** When by wall clock a drought has had its grace, if one has not yet. */
  Optional<Long> dueMs(long graceMs, long wallMs) {
    return droughts.stream()
        .map(one -> one.arrivedMs() + graceMs)
        .filter(due -> due > wallMs)
        .min(Comparator.naturalOrder());
  }

  boolean isEmpty() {
    return droughts.isEmpty();
  }

  /** The gaps these facts come to. */
  List<Draft> drafts(String host, long wallMs, long graceMs) {
    return droughts.stream()
        .filter(one -> wallMs - one.arrivedMs() >= graceMs)
        .map(one -> draft(host, one))
        .toList();
  }

  private Draft draft(String host, Drought drought) {
    Gap.Builder gap =
        Draft.of(
                host,
                GapKind.DISPATCHER_DEAD,
                Certainty.SUSPECTED,
                GapId.of(
                    GapKind.DISPATCHER_DEAD,
                    host,
                    drought.source(),
                    Long.toString(drought.fromMicros())))
            .setSource(drought.source())
            .setFrom(Draft.instant(drought.fromMicros()));
    if (isStopped(drought)) {
      return new Draft(Draft.close(gap).setCause("auditd had been stopped"), false);
    }
    Long config = configs.floor(drought.fromMicros() + NEAR_MICROS);
    String cause =
        config != null && config >= drought.fromMicros() - NEAR_MICROS
            ? "records reach the kernel's listeners but not auditd's, since a reconfiguration at "
                + Draft.instant(config)
            : "records reach the kernel's listeners but not auditd's";
    gap.setCause(cause + (drought.failure().isEmpty() ? "" : "; " + drought.failure()));
    if (drought.removed()) {
      gap.setCause("the source is not configured any more");
    }
    if (drought.isOver()) {
      Draft.close(gap).setTo(Draft.instant(drought.toMicros()));
    }
    return new Draft(gap, !drought.removed());
  }

  void encode(DataOutputStream out) throws IOException {
    out.writeByte(configs.size());
    for (long one : configs) {
      out.writeLong(one);
    }
    out.writeByte(starts.size());
    for (Map.Entry<Long, Boolean> one : starts.entrySet()) {
      out.writeLong(one.getKey());
      out.writeBoolean(one.getValue());
    }
    out.writeByte(feeds.size());
    for (Map.Entry<String, Feed> one : feeds.entrySet()) {
      out.writeUTF(one.getKey());
      out.writeLong(one.getValue().epoch());
      out.writeLong(one.getValue().received());
      out.writeLong(one.getValue().atMicros());
      out.writeLong(one.getValue().live());
    }
    out.writeByte(droughts.size());
    for (Drought one : droughts) {
      out.writeUTF(one.source());
      out.writeLong(one.fromMicros());
      out.writeLong(one.toMicros());
      out.writeLong(one.arrivedMs());
      out.writeUTF(one.failure());
      out.writeBoolean(one.removed());
    }
  }

  static AuditdFeeds decode(DataInputStream in) throws IOException {
    AuditdFeeds all = new AuditdFeeds();
    for (int left = in.readByte(); left > 0; left--) {
      all.configs.add(in.readLong());
    }
    for (int left = in.readByte(); left > 0; left--) {
      all.starts.put(in.readLong(), in.readBoolean());
    }
    for (int left = in.readByte(); left > 0; left--) {
      all.feeds.put(
          in.readUTF(), new Feed(in.readLong(), in.readLong(), in.readLong(), in.readLong()));
    }
    for (int left = in.readByte(); left > 0; left--) {
      all.droughts.add(
          new Drought(
              in.readUTF(),
              in.readLong(),
              in.readLong(),
              in.readLong(),
              in.readUTF(),
              in.readBoolean()));
    }
    return all;
  }
}
