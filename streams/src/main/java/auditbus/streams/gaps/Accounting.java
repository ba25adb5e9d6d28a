// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapUnit;
import auditbus.streams.gaps.IncompleteEvents.Due;
import auditbus.streams.gaps.IncompleteEvents.Place;
import auditbus.streams.gaps.SerialRanges.Hole;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/**
 * The gaps there are, given what is known of a host's boots and losses: a pure function, so that
 * the order in which the facts came cannot matter.
 *
 * <p>Thread-safe: stateless.
 */
final class Accounting {
  /** Most episodes of missing serials told of one boot; what is older is given up. */
  static final int MAX_EPISODES = 16;

  /** Most places of incomplete events told of one boot; what is older is left out. */
  static final int MAX_PLACES = 4;

  private static final long EPISODE_MS = 60 * 60 * 1000L;
  private static final long LOW = BootSerials.ROUND - 1;
  private static final int NAMED = 10;

  private Accounting() {}

  static GapUnit unit(GapKind kind) {
    return kind == GapKind.KERNEL_LOST ? GapUnit.RECORDS : GapUnit.EVENTS;
  }

  /** Holes that were made in one hour, for a person one loss. */
  private static final class Episode {
    private final List<Hole> holes = new ArrayList<>();
    private long missing;
    private long fromMs = Long.MAX_VALUE;
    private long toMs = Long.MIN_VALUE;
    private long unparsed;
    private boolean proven = true;

    private void add(Hole hole, boolean holeProven, long unparsedAround) {
      holes.add(hole);
      missing += hole.count();
      fromMs = Math.min(fromMs, hole.fromMs());
      toMs = Math.max(toMs, hole.toMs());
      unparsed = Math.max(unparsed, unparsedAround);
      proven &= holeProven;
    }
  }

  /** What the missing serials of a boot come to. */
  record Missing(List<SpaceDraft> drafts, boolean again, boolean unproven) {}

  /**
   * The gaps of a boot's serials.
   *
   * @param key whose
   * @param boot its serials; holes of more than {@value #MAX_EPISODES} hours are given up
   * @param others what else is known of that node where one of both is of an unknown boot: it may
   *     be the same
   * @param losses the host's
   * @param activeSinceMs sources with an event since that broker time may still bring what is above
   *     their highest serial; {@link Long#MAX_VALUE}: none may
   * @param bytesMissing asks whether bytes of the host's trails are missing
   */
  static Missing serials(
      SpaceKey key,
      BootSerials boot,
      List<BootSerials> others,
      HostLosses losses,
      long activeSinceMs,
      BooleanSupplier bytesMissing) {
    while (true) {
      Optional<Missing> missing =
          withinBounds(key, boot, others, losses, activeSinceMs, bytesMissing);
      if (missing.isPresent()) {
        return missing.get();
      }
    }
  }

  /** As {@link #serials}; empty if holes were given up: what is left is to be looked at again. */
  private static Optional<Missing> withinBounds(
      SpaceKey key,
      BootSerials boot,
      List<BootSerials> others,
      HostLosses losses,
      long activeSinceMs,
      BooleanSupplier bytesMissing) {
    boolean again = false;
    boolean unproven = false;
    TreeMap<Long, Episode> episodes = new TreeMap<>();
    SerialRanges ranges = boot.ranges();
    for (int i = 1; i < ranges.size(); i++) {
      Hole hole = ranges.hole(i);
      if (!boot.isDue(hole)) {
        continue;
      }
      List<Hole> left = elsewhere(boot, hole, others);
      if (left.isEmpty()) {
        continue;
      }
      if (mayStillCome(boot, hole, others, activeSinceMs)) {
        again = true;
        continue;
      }
      long unparsed = boot.unparsedAround(hole);
      boolean proven = key.hasBoot() && unparsed == 0 && isProven(boot, hole, others, losses);
      unproven |= !proven;
      Episode episode =
          episodes.computeIfAbsent(Math.floorDiv(hole.beforeMs(), EPISODE_MS), _ -> new Episode());
      left.forEach(one -> episode.add(one, proven, unparsed));
      if (episodes.size() > MAX_EPISODES) {
        // The lowest holes are, but for a clock that was set back, the oldest.
        while (ranges.hole(1).first() <= episodes.firstEntry().getValue().holes.getLast().first()) {
          boot.giveUpLowest();
        }
        return Optional.empty();
      }
    }
    List<SpaceDraft> drafts = new ArrayList<>();
    episodes.forEach((hour, episode) -> drafts.add(draft(key, boot, hour, episode)));
    if (boot.givenUp() > 0) {
      drafts.add(givenUp(key, boot));
    }
    unexplained(key, boot, losses, episodes, bytesMissing).ifPresent(drafts::add);
    return Optional.of(new Missing(drafts, again, unproven));
  }

  /** What of a hole did not arrive under another name of the boot either. */
  private static List<Hole> elsewhere(BootSerials boot, Hole hole, List<BootSerials> others) {
    List<Hole> left = List.of(hole);
    for (BootSerials other : others) {
      if (!other.ranges().isEmpty()) {
        long rounds =
            Math.floorDiv(
                other.ranges().last() - boot.ranges().last() + BootSerials.ROUND / 2,
                BootSerials.ROUND);
        left =
            left.stream()
                .flatMap(one -> other.ranges().without(one, rounds * BootSerials.ROUND).stream())
                .toList();
      }
    }
    return left;
  }

  private static boolean mayStillCome(
      BootSerials boot, Hole hole, List<BootSerials> others, long activeSinceMs) {
    for (BootSerials other : others) {
      for (BootSerials.Progress source : other.sources()) {
        if (source.maxTimeMs() < hole.toMs() && source.touchedMs() > activeSinceMs) {
          return true;
        }
      }
    }
    for (BootSerials.Progress source : boot.sources()) {
      if (source.high() < hole.end() && source.touchedMs() > activeSinceMs) {
        return true;
      }
    }
    return false;
  }

  private static boolean isProven(
      BootSerials boot, Hole hole, List<BootSerials> others, HostLosses losses) {
    // Without a heartbeat nobody says that there is no other source.
    if (boot.hasMoreSources() || losses.sources().isEmpty()) {
      return false;
    }
    long until = hole.toMs() + BootSerials.STRETCH_MS;
    for (BootSerials other : others) {
      for (BootSerials.Progress source : other.sources()) {
        // Read from old trails: it may get there.
        if (source.maxTimeMs() < until && !losses.isGone(source.name())) {
          return false;
        }
      }
    }
    long latest = Long.MIN_VALUE;
    for (BootSerials.Progress source : boot.sources()) {
      latest = Math.max(latest, source.maxTimeMs());
    }
    boolean some = false;
    for (BootSerials.Progress source : boot.sources()) {
      if (source.isPast(hole.end())) {
        some = true;
      } else if (!losses.isGone(source.name())
          && !losses.broughtAll(source.name(), until, latest)) {
        return false;
      }
    }
    for (String name : losses.sources()) {
      if (boot.sources().stream().noneMatch(source -> source.name().equals(name))
          && !losses.broughtAll(name, until, latest)) {
        return false;
      }
    }
    return some;
  }

  private static SpaceDraft draft(SpaceKey key, BootSerials boot, long hour, Episode episode) {
    Hole first = episode.holes.getFirst();
    Hole last = episode.holes.getLast();
    StringBuilder cause = new StringBuilder("kernel serials ");
    int named = 0;
    for (Hole hole : episode.holes) {
      if (named == NAMED) {
        cause.append(" and ").append(episode.holes.size() - NAMED).append(" ranges more");
        break;
      }
      cause.append(named++ > 0 ? ", " : "").append(serials(hole));
    }
    cause.append(" did not arrive");
    if (!key.node().isEmpty()) {
      cause.append("; node ").append(key.node());
    }
    if (episode.unparsed > 0) {
      cause
          .append("; ")
          .append(episode.unparsed)
          .append(" unparsed records arrived about there: they may be some of them");
    }
    if (!key.hasBoot()) {
      cause
          .append("; read from source ")
          .append(key.source())
          .append(", which does not say which boot it was");
    }
    return new SpaceDraft(
        gap(GapKind.SERIAL, key)
            .setId(id(GapKind.SERIAL, key, boot, Long.toString(hour)))
            .setCertainty(episode.proven ? Certainty.PROVEN : Certainty.SUSPECTED)
            .setFirstSerial(first.first() & LOW)
            .setLastSerial((last.end() - 1) & LOW)
            .setFrom(Instant.ofEpochMilli(episode.fromMs))
            .setTo(Instant.ofEpochMilli(episode.toMs))
            .setMissing(episode.missing)
            .setCause(cause.toString()),
        key.text());
  }

  private static String serials(Hole hole) {
    long first = hole.first() & LOW;
    return hole.count() == 1 ? Long.toString(first) : first + "-" + ((hole.end() - 1) & LOW);
  }

  private static SpaceDraft givenUp(SpaceKey key, BootSerials boot) {
    Hole range = boot.givenUpRange();
    return new SpaceDraft(
        gap(GapKind.SERIAL, key)
            .setId(id(GapKind.SERIAL, key, boot, "given up"))
            .setCertainty(Certainty.SUSPECTED)
            .setFirstSerial(range.first() & LOW)
            .setLastSerial((range.end() - 1) & LOW)
            .setFrom(Instant.ofEpochMilli(range.fromMs()))
            .setTo(Instant.ofEpochMilli(range.toMs()))
            .setMissing(boot.givenUp())
            .setCause(
                "more ranges are missing than are followed: which serials these are, and whether"
                    + " they came later, is not known"),
        key.text());
  }

  /** The remainder: what is missing and nobody counted as lost. */
  private static Optional<SpaceDraft> unexplained(
      SpaceKey key,
      BootSerials boot,
      HostLosses losses,
      Map<Long, Episode> episodes,
      BooleanSupplier bytesMissing) {
    Optional<HostLosses.Boot> known =
        key.hasBoot() && key.node().isEmpty() ? losses.boot(key.boot()) : Optional.empty();
    if (known.isEmpty() || (episodes.isEmpty() && boot.givenUp() == 0)) {
      return Optional.empty();
    }
    long missing = boot.givenUp();
    boolean proven = boot.givenUp() == 0;
    long first = boot.givenUp() > 0 ? boot.givenUpRange().first() : Long.MAX_VALUE;
    long last = boot.givenUp() > 0 ? boot.givenUpRange().end() - 1 : 0;
    long fromMs = boot.givenUp() > 0 ? boot.givenUpRange().fromMs() : Long.MAX_VALUE;
    long toMs = boot.givenUp() > 0 ? boot.givenUpRange().toMs() : Long.MIN_VALUE;
    for (Episode episode : episodes.values()) {
      missing += episode.missing;
      proven &= episode.proven;
      first = Math.min(first, episode.holes.getFirst().first());
      last = Math.max(last, episode.holes.getLast().end() - 1);
      fromMs = Math.min(fromMs, episode.fromMs);
      toMs = Math.max(toMs, episode.toMs);
    }
    HostLosses.Boot lost = known.get();
    if (lost.kernel().lastMicros() == LostRecords.BOOT
        || lost.kernel().lastMicros() / 1000 < toMs) {
      return Optional.empty();
    }
    long kernel = lost.kernel().total(losses.resets(key.boot()));
    long drops = lost.socketDrops();
    long dropped = lost.dropped();
    long remainder = missing - kernel - drops - dropped;
    if (remainder <= 0) {
      return Optional.empty();
    }
    proven &= !bytesMissing.getAsBoolean();
    long span = last + 1 - boot.ranges().first();
    return Optional.of(
        new SpaceDraft(
            gap(GapKind.UNEXPLAINED, key)
                .setId(id(GapKind.UNEXPLAINED, key, boot))
                .setCertainty(proven ? Certainty.PROVEN : Certainty.SUSPECTED)
                .setFirstSerial(first & LOW)
                .setLastSerial(last & LOW)
                .setFrom(Instant.ofEpochMilli(fromMs))
                .setTo(Instant.ofEpochMilli(toMs))
                .setMissing(remainder)
                .setCause(
                    String.format(
                        "serials %d to %d: %d events = %d published + %d missing; lost and counted:"
                            + " %d records by the kernel, %d by sockets, %d by the agent; nobody"
                            + " counted %d of the missing events",
                        boot.ranges().first() & LOW,
                        last & LOW,
                        span,
                        span - missing,
                        missing,
                        kernel,
                        drops,
                        dropped,
                        remainder)),
            key.text()));
  }

  /** The gaps of a boot's incomplete events. */
  static List<SpaceDraft> incomplete(SpaceKey key, BootSerials boot, IncompleteEvents events) {
    List<SpaceDraft> drafts = new ArrayList<>();
    Map<Place, List<Due>> places = events.due(boot.settledMs());
    // Of more places the first are left out: names of trails are times.
    int skip = Math.max(0, places.size() - MAX_PLACES);
    for (Map.Entry<Place, List<Due>> one : places.entrySet()) {
      if (skip-- <= 0) {
        drafts.add(
            incomplete(key, boot, one.getKey(), one.getValue(), events.givenUp(one.getKey())));
      }
    }
    return drafts;
  }

  private static SpaceDraft incomplete(
      SpaceKey key, BootSerials boot, Place place, List<Due> due, long givenUp) {
    StringBuilder cause = new StringBuilder("events lack records: ");
    int named = 0;
    boolean proven = givenUp == 0;
    long fromMs = Long.MAX_VALUE;
    long toMs = Long.MIN_VALUE;
    for (Due event : due) {
      if (named < NAMED) {
        cause.append(named++ > 0 ? ", " : "").append(stamp(event));
      }
      proven &= event.proven();
      fromMs = Math.min(fromMs, event.timeMs());
      toMs = Math.max(toMs, event.timeMs());
    }
    if (due.size() > NAMED) {
      cause.append(" and ").append(due.size() - NAMED).append(" more");
    }
    if (givenUp > 0) {
      cause
          .append(due.isEmpty() ? "" : "; and ")
          .append(givenUp)
          .append(" which are no longer followed");
    }
    Gap.Builder gap =
        gap(GapKind.INCOMPLETE_EVENT, key)
            .setId(id(GapKind.INCOMPLETE_EVENT, key, boot, place.source(), place.trail()))
            .setSource(place.source())
            .setTrail(place.trail())
            .setCertainty(proven ? Certainty.PROVEN : Certainty.SUSPECTED)
            .setMissing(due.size() + givenUp)
            .setCause(cause.toString());
    if (!due.isEmpty()) {
      gap.setFirstSerial(due.getFirst().serial() & LOW)
          .setLastSerial(due.getLast().serial() & LOW)
          .setFrom(Instant.ofEpochMilli(fromMs))
          .setTo(Instant.ofEpochMilli(toMs));
    }
    return new SpaceDraft(gap, key.text());
  }

  private static String stamp(Due event) {
    return "%d.%03d:%d"
        .formatted(
            Math.floorDiv(event.timeMs(), 1000L),
            Math.floorMod(event.timeMs(), 1000L),
            event.serial() & LOW);
  }

  /** The gap of what the heartbeats say was lost. */
  static SpaceDraft lost(String host, HostLosses.Loss loss) {
    SpaceKey key = new SpaceKey(host, "", loss.boot(), "", "");
    Optional<String> source = loss.source();
    LostRecords.Episode one = loss.episode();
    boolean fromBoot = one.afterMicros() == LostRecords.BOOT;
    StringBuilder cause = new StringBuilder();
    if (source.isPresent()) {
      cause
          .append("socket overrun of source ")
          .append(source.get())
          .append(": what is missing in its serials is the same");
    } else {
      cause.append("the kernel's counter of lost records grew");
    }
    if (fromBoot) {
      cause.append("; before the first heartbeat that was heard of this boot");
    }
    if (one.resets() > 0) {
      cause.append("; the counter was reset ").append(one.resets()).append(" times meanwhile");
    }
    if (one.unknownReset()) {
      cause.append("; the counter fell, and no record of its reset arrived: at least so many");
    }
    Gap.Builder gap =
        gap(GapKind.KERNEL_LOST, key)
            .setId(
                GapId.of(
                    GapKind.KERNEL_LOST,
                    key.host(),
                    key.boot(),
                    source.orElse(""),
                    fromBoot ? "boot" : Long.toString(one.afterMicros())))
            .setSource(source.orElse(null))
            .setCertainty(Certainty.PROVEN)
            .setTo(micros(one.toMicros()))
            .setMissing(one.lost())
            .setCause(cause.toString());
    if (!fromBoot) {
      // A clock that was set back ends an episode before it began.
      gap.setFrom(micros(Math.min(one.afterMicros(), one.toMicros())));
    }
    return new SpaceDraft(gap, "");
  }

  private static Instant micros(long micros) {
    return Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
  }

  private static Gap.Builder gap(GapKind kind, SpaceKey key) {
    return Gap.newBuilder()
        .setKind(kind)
        .setBoot(key.hasBoot() ? key.boot() : null)
        .setUnit(unit(kind));
  }

  private static String id(GapKind kind, SpaceKey key, BootSerials boot, String... about) {
    // A boot of unknown id is named by where it begins.
    String name = key.hasBoot() ? key.boot() : boot.startTrail() + "@" + boot.startPosition();
    List<String> all = new ArrayList<>(List.of(key.host(), key.node(), key.source(), name));
    all.addAll(List.of(about));
    return GapId.of(kind, all.toArray(String[]::new));
  }
}
