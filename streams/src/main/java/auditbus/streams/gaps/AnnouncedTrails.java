// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Certainty;
import auditbus.schemas.ClosingState;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapUnit;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The trails of one source that were announced and not closed, and which of them an agent left
 * behind: it lost its checkpoint, and by its next start the file was gone, so that no state of the
 * trail comes any more.
 *
 * <p>A trail is left behind when a later one is closed by a later agent run, which announced that
 * one itself. An intact agent may do that too while it holds the earlier one open (a {@code
 * not_terminated} that nobody renames), but mostly it is known by something else: it closes a trail
 * that a run before it announced. Whoever began anew announces each trail first. So where such a
 * trail was announced after the one in question, in a run that knew both, this run knows both.
 *
 * <p>Only the order of the partition counts: what comes before a trail's announcement does not
 * leave it behind, however its runs are numbered.
 *
 * <p>Bounded: {@value #MAX_TRAILS} trails. When one must go, those that were closed once go first,
 * then those left behind, which are said before, then the one announced longest ago. Not
 * thread-safe: the processor owns it.
 */
final class AnnouncedTrails {
  // INVARIANT: fewer than a ledger holds, which are all drafted at each look.
  static final int MAX_TRAILS = 192;

  /**
   * A trail.
   *
   * @param run the last agent run that is known to know it
   * @param announcedBy the last run that announced it
   * @param number place of that announcement among all of the source
   * @param closedOnce whether it was closed before it was announced again: then nothing is said
   * @param left how it was left behind
   */
  private record Announced(
      long run, long announcedBy, long number, boolean closedOnce, Optional<Left> left) {
    Announced knownTo(long other) {
      return new Announced(other, announcedBy, number, closedOnce, Optional.empty());
    }

    Announced left(Left how) {
      return new Announced(run, announcedBy, number, closedOnce, Optional.of(how));
    }
  }

  /** The later trail that was closed, and by which run. */
  private record Left(String trail, long run, long arrivedMs) {}

  private final String host;
  private final String source;
  private final Map<String, Announced> trails = new LinkedHashMap<>();
  private GapLedger ledger = new GapLedger();
  private long announcements;

  AnnouncedTrails(String host, String source) {
    this.host = host;
    this.source = source;
  }

  /**
   * Takes a trail's state.
   *
   * @param id the trail's
   * @param wasClosed whether the trail was closed before
   * @param mayPrecede whether a trail may have been closed in what the job could not see
   */
  void state(
      TrailState state,
      String id,
      boolean wasClosed,
      long brokerMs,
      long wallMs,
      Predicate<String> mayPrecede,
      Consumer<Gap> out) {
    long run = state.getEpoch();
    Optional<Announced> known = Optional.ofNullable(trails.get(id));
    boolean opens = state.getState() == TrailStatus.OPENED;
    boolean closes = ClosingState.isOne(state);
    if (!opens && known.isPresent() && known.get().announcedBy() < run) {
      goesOn(run, id, known.get(), brokerMs, out);
    }
    if (opens || (!closes && state.getState() == TrailStatus.DROPPED)) {
      if (known.filter(one -> isLaterThan(run, one)).isPresent()) {
        return; // late: a batch of a producer that was given up, or of a clone
      }
      cameBack(id, "a state of it came from agent run " + run, brokerMs, out);
      boolean anew = known.isEmpty() || (opens && known.get().announcedBy() != run);
      boolean closedOnce = wasClosed || known.filter(Announced::closedOnce).isPresent();
      keep(
          id,
          anew
              ? new Announced(run, run, ++announcements, closedOnce, Optional.empty())
              : known.get().knownTo(run),
          brokerMs,
          out);
      return;
    }
    if (!closes) {
      return; // a state of a later version
    }
    trails.remove(id);
    cameBack(id, "a state of it came from agent run " + run, brokerMs, out);
    // Of one that was not heard of, the announcement may be what compaction took out of the topic.
    if (known.filter(one -> one.announcedBy() == run).isPresent()) {
      leaveBehind(new Left(id, run, wallMs), mayPrecede);
    }
  }

  private static boolean isLaterThan(long run, Announced one) {
    return run < one.announcedBy() || one.left().filter(left -> run < left.run()).isPresent();
  }

  /** The run says more of a trail that one before it announced: it has that one's checkpoint. */
  private void goesOn(
      long run, String trail, Announced carriedOver, long brokerMs, Consumer<Gap> out) {
    trails.replaceAll(
        (id, one) -> {
          boolean knew =
              one.number() < carriedOver.number()
                  && one.run() >= carriedOver.announcedBy()
                  && one.run() < run
                  && one.left().filter(left -> left.run() > run).isEmpty();
          if (!knew) {
            return one;
          }
          cameBack(
              id,
              "agent run "
                  + run
                  + " goes on with trail "
                  + trail
                  + ", which was announced after it: so it knows this one too",
              brokerMs,
              out);
          return one.knownTo(run);
        });
  }

  private void leaveBehind(Left left, Predicate<String> mayPrecede) {
    trails.replaceAll(
        (id, one) ->
            one.left().isEmpty()
                    && !one.closedOnce()
                    && left.run() > one.run()
                    && isLater(left.trail(), id)
                    && !mayPrecede.test(id)
                ? one.left(left)
                : one);
  }

  private static boolean isLater(String one, String other) {
    String start = TrailChain.start(one);
    int sign = start.compareTo(TrailChain.start(other));
    if (sign != 0) {
      return sign > 0;
    }
    // ~2, ~3, ..., ~10
    return one.length() != other.length()
        ? one.length() > other.length()
        : one.compareTo(other) > 0;
  }

  private void keep(String id, Announced trail, long brokerMs, Consumer<Gap> out) {
    trails.remove(id);
    trails.put(id, trail);
    if (trails.size() > MAX_TRAILS) {
      String gone =
          first(Announced::closedOnce)
              .or(() -> first(one -> one.left().isPresent()))
              .orElseGet(() -> trails.keySet().iterator().next());
      Announced one = trails.remove(gone);
      one.left().ifPresent(left -> say(gone, one, left, brokerMs, out));
    }
  }

  private Optional<String> first(Predicate<Announced> which) {
    return trails.entrySet().stream()
        .filter(one -> which.test(one.getValue()))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /** When by wall clock {@link #judge} may next have something to say without a new record. */
  long dueMs(long graceMs, long wallMs) {
    long due = Draft.NEVER;
    for (Announced one : trails.values()) {
      long its = one.left().map(left -> left.arrivedMs() + graceMs).orElse(Draft.NEVER);
      due = its > wallMs ? Math.min(its, due) : due;
    }
    return due;
  }

  /** Hands on what was left behind and was not said yet. */
  void judge(long brokerMs, long wallMs, long graceMs, Consumer<Gap> out) {
    trails.forEach(
        (id, one) ->
            one.left()
                .filter(left -> wallMs - left.arrivedMs() >= graceMs)
                .ifPresent(left -> say(id, one, left, brokerMs, out)));
  }

  private void say(String id, Announced one, Left left, long brokerMs, Consumer<Gap> out) {
    Gap.Builder gap =
        gap(id)
            .setCause(
                "announced by agent run "
                    + one.announcedBy()
                    + " and never closed, while run "
                    + left.run()
                    + " closed trail "
                    + left.trail()
                    + ": what did not arrive of it is missing; the agent lost its checkpoint, or"
                    + " the file went");
    new Draft(gap, false).say(ledger, brokerMs, out);
  }

  private void cameBack(String id, String cause, long brokerMs, Consumer<Gap> out) {
    Gap.Builder gap = gap(id).setCause(cause);
    if (ledger.isOpen(gap.getId())) {
      new Draft(Draft.close(gap), false).say(ledger, brokerMs, out);
    }
  }

  private Gap.Builder gap(String id) {
    return Draft.of(
            host,
            GapKind.TRAIL_MISSING,
            Certainty.SUSPECTED,
            GapId.of(GapKind.TRAIL_MISSING, host, source, "open", id))
        .setSource(source)
        .setTrail(id)
        .setUnit(GapUnit.BYTES);
  }

  /** Writes the count of announcements, the trails, announced longest ago first, and the ledger. */
  void encode(DataOutputStream out) throws IOException {
    out.writeLong(announcements);
    out.writeShort(trails.size());
    for (Map.Entry<String, Announced> entry : trails.entrySet()) {
      Announced one = entry.getValue();
      out.writeUTF(entry.getKey());
      out.writeByte((one.closedOnce() ? 1 : 0) | (one.left().isPresent() ? 2 : 0));
      out.writeLong(one.run());
      out.writeLong(one.announcedBy());
      out.writeLong(one.number());
      if (one.left().isPresent()) {
        Left left = one.left().get();
        out.writeUTF(left.trail());
        out.writeLong(left.run());
        out.writeLong(left.arrivedMs());
      }
    }
    ledger.encode(out);
  }

  /** Reads what {@link #encode} wrote. */
  static AnnouncedTrails decode(String host, String source, DataInputStream in) throws IOException {
    AnnouncedTrails announced = new AnnouncedTrails(host, source);
    announced.announcements = in.readLong();
    for (int left = in.readShort(); left > 0; left--) {
      String id = in.readUTF();
      int flags = in.readByte();
      announced.trails.put(
          id,
          new Announced(
              in.readLong(),
              in.readLong(),
              in.readLong(),
              (flags & 1) != 0,
              (flags & 2) != 0
                  ? Optional.of(new Left(in.readUTF(), in.readLong(), in.readLong()))
                  : Optional.empty()));
    }
    announced.ledger = GapLedger.decode(in);
    return announced;
  }
}
