// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.CaptureStatus;
import auditbus.schemas.SourceStatus;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a host's heartbeats say of losses, by boot, and the resets of the kernel's counter.
 *
 * <p>Bounded: {@value #MAX_BOOTS} boots of {@value #MAX_SOURCES} sources, {@value #MAX_RESETS}
 * resets, {@value #MAX_EPISODES} episodes of loss; the oldest go first, and an episode that goes is
 * handed out, to be told of for the last time.
 *
 * <p>The order of heartbeats is that of the agent's runs and their sequence: clocks are set back.
 *
 * <p>Not thread-safe: the host's state owns it.
 */
final class HostLosses {
  static final int MAX_BOOTS = 4;
  static final int MAX_SOURCES = 8;
  static final int MAX_RESETS = 32;
  // Of each counter the last must fit: it may go on.
  static final int MAX_EPISODES = 2 * MAX_BOOTS * (1 + MAX_SOURCES);

  /** More than any two heartbeats are apart. */
  private static final long HEARTBEATS_MS = 30_000;

  // Without a heartbeat of the present run for so long another counts, whatever its number.
  private static final long RUN_QUIET_MS = 60_000;

  private static final String READLOG = "readlog";

  /** A counter that begins anew with each run of the agent, summed up over a boot. */
  private static final class Counter {
    private long epoch;
    private long last;
    private long sum;

    private long take(long atEpoch, long now) {
      sum += atEpoch == epoch && now >= last ? now - last : now;
      epoch = atEpoch;
      last = now;
      return sum;
    }

    private void encode(DataOutputStream out) throws IOException {
      Numbers.writeSigned(epoch, out);
      Numbers.write(last, out);
      Numbers.write(sum, out);
    }

    private static Counter decode(DataInputStream in) throws IOException {
      Counter counter = new Counter();
      counter.epoch = Numbers.readSigned(in);
      counter.last = Numbers.read(in);
      counter.sum = Numbers.read(in);
      return counter;
    }
  }

  /** One source's losses in one boot. */
  static final class Source {
    private Counter drops = new Counter();
    private Counter dropped = new Counter();
    private LostRecords overruns = new LostRecords();

    /** Messages its multicast socket lost. */
    LostRecords overruns() {
      return overruns;
    }

    /** Records received that reached no trail. */
    long dropped() {
      return dropped.sum;
    }
  }

  /** One boot's losses. */
  static final class Boot {
    private LostRecords kernel = new LostRecords();
    private final LinkedHashMap<String, Source> sources = new LinkedHashMap<>();

    LostRecords kernel() {
      return kernel;
    }

    Map<String, Source> sources() {
      return sources;
    }

    /** Messages the sources' multicast sockets lost. */
    long socketDrops() {
      return sources.values().stream().mapToLong(one -> one.overruns.total(List.of())).sum();
    }

    /** Records the sources received that reached no trail. */
    long dropped() {
      return sources.values().stream().mapToLong(Source::dropped).sum();
    }
  }

  private record Known(LostRecords.Reset reset, String boot) {}

  /**
   * An episode of loss.
   *
   * @param boot the boot id, "" where it is not known
   * @param source whose socket, empty for the kernel's counter
   * @param episode when and how many
   */
  record Loss(String boot, Optional<String> source, LostRecords.Episode episode) {}

  /**
   * What a heartbeat or a reset came to.
   *
   * @param news whether it bears on a gap
   * @param gone losses that are no longer kept: nothing will change them
   */
  record Heard(boolean news, List<Loss> gone) {
    static final Heard NOTHING = new Heard(false, List.of());
  }

  /** A counter at hand. */
  private record Counted(
      String boot, Optional<String> source, LostRecords lost, List<LostRecords.Reset> resets) {
    Loss loss(LostRecords.Episode episode) {
      return new Loss(boot, source, episode);
    }
  }

  private final LinkedHashMap<String, Boot> boots = new LinkedHashMap<>();
  private final List<Known> resets = new ArrayList<>();

  // Of the last heartbeat: which it is, its broker time, its boot, its sources, and since when each
  // has nothing waiting (Long.MAX_VALUE: it has).
  private long epoch;
  private long startedMicros = Long.MIN_VALUE;
  private long sequence;
  private long heardMs = Long.MIN_VALUE;
  private String present = "";
  private long lastMicros = Long.MIN_VALUE;
  private final LinkedHashMap<String, Long> idleFromMicros = new LinkedHashMap<>();

  /** Takes a heartbeat; one that the agent made before the last says nothing. */
  Heard heartbeat(AgentStatus status, long brokerMs) {
    if (!isLater(status, brokerMs)) {
      return Heard.NOTHING;
    }
    long at = micros(status.getAt());
    epoch = status.getEpoch();
    startedMicros = micros(status.getStarted());
    sequence = status.getSequence();
    heardMs = brokerMs;
    lastMicros = at;
    List<Loss> gone = new ArrayList<>();
    String name = status.getBoot().orElse("");
    Boot boot = boot(name, gone);
    boolean news = false;
    if (status.getKernel().isPresent()) {
      news = boot.kernel.add(at, status.getKernel().get().getLost());
    }
    LinkedHashMap<String, Long> idle = new LinkedHashMap<>();
    for (SourceStatus one : status.getSources()) {
      if (idle.size() == MAX_SOURCES) {
        continue;
      }
      idle.put(
          one.getName(),
          one.getWaitingBytes() > 0
              ? Long.MAX_VALUE
              : Math.min(at, idleFromMicros.getOrDefault(one.getName(), at)));
      if (!boot.sources.containsKey(one.getName()) && boot.sources.size() == MAX_SOURCES) {
        continue;
      }
      Source source = boot.sources.computeIfAbsent(one.getName(), _ -> new Source());
      source.dropped.take(status.getEpoch(), one.getDropped());
      if (one.getType().equals(READLOG)) {
        long drops = one.getCapture().map(CaptureStatus::getSocketDrops).orElse(0L);
        news |= source.overruns.add(at, source.drops.take(status.getEpoch(), drops));
      }
    }
    idleFromMicros.clear();
    idleFromMicros.putAll(idle);
    for (Counted one : counted(name, boot)) {
      one.lost().bound(one.resets()).forEach(episode -> gone.add(one.loss(episode)));
    }
    if (news) {
      bound(gone);
    }
    return new Heard(news, gone);
  }

  /** Whether the agent made it after the last one. */
  private boolean isLater(AgentStatus status, long brokerMs) {
    long started = micros(status.getStarted());
    if (status.getEpoch() == epoch && started == startedMicros) {
      return status.getSequence() > sequence;
    }
    // An agent whose directory was lost begins again with its first run.
    return heardMs == Long.MIN_VALUE
        || status.getEpoch() > epoch
        || started > startedMicros
        || brokerMs - heardMs > RUN_QUIET_MS;
  }

  private Boot boot(String name, List<Loss> gone) {
    Boot boot = boots.computeIfAbsent(name, _ -> new Boot());
    Boot last = boots.get(present);
    if (!name.equals(present) && last != null && (name.isEmpty() || present.isEmpty())) {
      // An agent that learnt to tell the boot, or another that does not: the counter may be the
      // same. Where it is of another boot, this much of it is not counted.
      boot.kernel
          .goOnFrom(last.kernel, resets(name), resets(present))
          .forEach(one -> gone.add(new Loss(name, Optional.empty(), one)));
    }
    present = name;
    if (boots.size() > MAX_BOOTS) {
      String oldest = boots.firstEntry().getKey();
      for (Counted one : counted(oldest, boots.get(oldest))) {
        one.lost().episodes(one.resets()).forEach(episode -> gone.add(one.loss(episode)));
      }
      boots.remove(oldest);
    }
    return boot;
  }

  private List<Counted> counted(String name, Boot boot) {
    List<Counted> all = new ArrayList<>();
    all.add(new Counted(name, Optional.empty(), boot.kernel, resets(name)));
    boot.sources.forEach(
        (source, one) -> all.add(new Counted(name, Optional.of(source), one.overruns, List.of())));
    return all;
  }

  private void bound(List<Loss> gone) {
    List<Counted> all = new ArrayList<>();
    boots.forEach((name, boot) -> all.addAll(counted(name, boot)));
    int left = 0;
    for (Counted one : all) {
      left += one.lost().episodes(one.resets()).size();
    }
    for (; left > MAX_EPISODES; left--) {
      Counted oldest =
          all.stream()
              .filter(one -> one.lost().episodes(one.resets()).size() > 1)
              .min(
                  Comparator.comparingLong(
                      one -> one.lost().episodes(one.resets()).getFirst().toMicros()))
              .orElseThrow();
      oldest
          .lost()
          .forgetOldest(oldest.resets())
          .ifPresent(episode -> gone.add(oldest.loss(episode)));
    }
  }

  /** The losses that are kept, each counter's oldest first. */
  List<Loss> losses() {
    List<Loss> losses = new ArrayList<>();
    boots.forEach(
        (name, boot) -> {
          for (Counted one : counted(name, boot)) {
            one.lost().episodes(one.resets()).forEach(episode -> losses.add(one.loss(episode)));
          }
        });
    return losses;
  }

  /** Takes a reset of the kernel's counter; no news if it is known. */
  Heard reset(String boot, LostRecords.Reset reset) {
    int known = 0;
    while (known < resets.size()
        && (resets.get(known).reset().serial() != reset.serial()
            || resets.get(known).reset().atMicros() != reset.atMicros())) {
      known++;
    }
    if (known < resets.size()) {
      if (!resets.get(known).boot().isEmpty() || boot.isEmpty()) {
        return Heard.NOTHING;
      }
      resets.set(known, new Known(reset, boot));
    } else {
      resets.add(new Known(reset, boot));
      resets.sort(Comparator.comparingLong(one -> one.reset().atMicros()));
      if (resets.size() > MAX_RESETS) {
        resets.removeFirst();
      }
    }
    List<Loss> gone = new ArrayList<>();
    bound(gone);
    return new Heard(true, gone);
  }

  /** The boots heard of, oldest first; "" is the one whose id is not known. */
  Map<String, Boot> boots() {
    return boots;
  }

  Optional<Boot> boot(String boot) {
    return Optional.ofNullable(boots.get(boot));
  }

  /** The resets in that boot, oldest first. */
  List<LostRecords.Reset> resets(String boot) {
    Boot one = boots.get(boot);
    if (one == null) {
      return List.of();
    }
    // One of an unknown boot is of the boot whose heartbeats were about then.
    long first = one.kernel.firstMicros();
    return resets.stream()
        .filter(
            known ->
                known.boot().isEmpty()
                    ? known.reset().atMicros() >= first
                    : boot.isEmpty() || known.boot().equals(boot))
        .map(Known::reset)
        .toList();
  }

  /** Time of the last heartbeat. */
  long lastMicros() {
    return lastMicros;
  }

  /** Whether the last heartbeat names sources, and this is none of them. */
  boolean isGone(String source) {
    return !idleFromMicros.isEmpty() && !idleFromMicros.containsKey(source);
  }

  /** The sources of the last heartbeat; empty if there was none. */
  Set<String> sources() {
    return idleFromMicros.keySet();
  }

  /**
   * Whether all the source had by that time is acknowledged and stands before an event that was
   * processed: a heartbeat after that time says so, and an event was made after the heartbeat.
   *
   * @param latestMs the latest time of an event that was processed
   */
  boolean broughtAll(String source, long untilMs, long latestMs) {
    long idleFrom = idleFromMicros.getOrDefault(source, Long.MAX_VALUE);
    if (idleFrom == Long.MAX_VALUE) {
      return false;
    }
    long from = Math.max(untilMs, idleFrom / 1000);
    return Math.min(lastMicros / 1000, latestMs) - HEARTBEATS_MS >= from;
  }

  private static long micros(Instant time) {
    return ChronoUnit.MICROS.between(Instant.EPOCH, time);
  }

  void encode(DataOutputStream out) throws IOException {
    out.writeByte(boots.size());
    for (Map.Entry<String, Boot> boot : boots.entrySet()) {
      out.writeUTF(boot.getKey());
      boot.getValue().kernel.encode(out);
      out.writeByte(boot.getValue().sources.size());
      for (Map.Entry<String, Source> source : boot.getValue().sources.entrySet()) {
        out.writeUTF(source.getKey());
        source.getValue().drops.encode(out);
        source.getValue().dropped.encode(out);
        source.getValue().overruns.encode(out);
      }
    }
    out.writeByte(resets.size());
    for (Known known : resets) {
      out.writeUTF(known.boot());
      out.writeLong(known.reset().atMicros());
      Numbers.write(known.reset().serial(), out);
      Numbers.write(known.reset().old(), out);
    }
    Numbers.writeSigned(epoch, out);
    out.writeLong(startedMicros);
    Numbers.writeSigned(sequence, out);
    out.writeLong(heardMs);
    out.writeUTF(present);
    out.writeLong(lastMicros);
    out.writeByte(idleFromMicros.size());
    for (Map.Entry<String, Long> one : idleFromMicros.entrySet()) {
      out.writeUTF(one.getKey());
      out.writeLong(one.getValue());
    }
  }

  static HostLosses decode(DataInputStream in) throws IOException {
    HostLosses losses = new HostLosses();
    for (int left = in.readByte(); left > 0; left--) {
      String name = in.readUTF();
      Boot boot = new Boot();
      boot.kernel = LostRecords.decode(in);
      for (int sources = in.readByte(); sources > 0; sources--) {
        String sourceName = in.readUTF();
        Source source = new Source();
        source.drops = Counter.decode(in);
        source.dropped = Counter.decode(in);
        source.overruns = LostRecords.decode(in);
        boot.sources.put(sourceName, source);
      }
      losses.boots.put(name, boot);
    }
    for (int left = in.readByte(); left > 0; left--) {
      String boot = in.readUTF();
      losses.resets.add(
          new Known(
              new LostRecords.Reset(in.readLong(), Numbers.read(in), Numbers.read(in)), boot));
    }
    losses.epoch = Numbers.readSigned(in);
    losses.startedMicros = in.readLong();
    losses.sequence = Numbers.readSigned(in);
    losses.heardMs = in.readLong();
    losses.present = in.readUTF();
    losses.lastMicros = in.readLong();
    for (int left = in.readByte(); left > 0; left--) {
      losses.idleFromMicros.put(in.readUTF(), in.readLong());
    }
    return losses;
  }
}
