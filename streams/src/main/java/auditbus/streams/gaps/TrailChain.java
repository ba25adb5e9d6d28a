// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Certainty;
import auditbus.schemas.ClosingState;
import auditbus.schemas.Format;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapUnit;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The trails of one source as their states tell of them, and which are missing between.
 *
 * <p>Three rules. The agent's: each state names the trail closed before it and that one's digest,
 * and that was sent before to the same partition; and what it announced it closes ({@link
 * AnnouncedTrails}), with a digest unless it lost bytes. And auditdistd's (openbsm {@code
 * bin/auditdistd/trail.c}), for BSM, whose daemon names its trails: one ends where the next one
 * starts, unless the daemon stopped or started there or died.
 *
 * <p>Bounded: {@value #MAX_TRAILS} trails, {@value #MAX_WANTED} missing ones, the ones not heard of
 * for longest going first. Not thread-safe: the processor owns it.
 */
final class TrailChain {
  static final int MAX_TRAILS = 128;
  static final int MAX_WANTED = 64;

  private static final int VERSION = 2;
  private static final int FIRST_VERSION = 1;
  private static final int MAX_TRAIL = 64;
  private static final int MAX_CAUSE = 1000;
  private static final long NO_STATE = Long.MIN_VALUE;
  private static final int SHA_LENGTH = 64;
  private static final int STAMP_LENGTH = 14;
  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("uuuuMMddHHmmss");

  /**
   * A trail.
   *
   * @param closed whether a closing state came
   * @param ending what its name ends with, empty while it is open or no state came
   * @param sha256 digest of the closing state, empty for none
   * @param named whether the daemon gave the names
   * @param began whether it holds a record of the daemon's start
   * @param ended whether it holds a record of the daemon's end
   */
  private record Known(
      boolean closed,
      String ending,
      String sha256,
      boolean named,
      boolean began,
      boolean ended,
      long arrivedMs) {}

  /** A trail that was named as closed before, and how. */
  private record Wanted(String by, String sha256, long arrivedMs) {}

  private final String host;
  private final String source;
  private final Map<String, Known> trails = new LinkedHashMap<>();
  private final Map<String, Wanted> wanted = new LinkedHashMap<>();
  private AnnouncedTrails announced;
  private GapLedger ledger = new GapLedger();
  // Of gaps that are said once: apart, lest they push out those that may close.
  private GapLedger ends = new GapLedger();
  // Trails that start up to here may have open ones between them that were forgotten.
  private String blindTo = "";
  private long touchedMs;

  TrailChain(String host, String source) {
    this.host = host;
    this.source = source;
    this.announced = new AnnouncedTrails(host, source);
  }

  /** Broker time of the last record that changed this. */
  long touchedMs() {
    return touchedMs;
  }

  /**
   * Takes a trail's state.
   *
   * @param mayPrecede whether a trail may have been closed in what the job could not see
   */
  void state(
      TrailState state,
      long brokerMs,
      long wallMs,
      Predicate<String> mayPrecede,
      Consumer<Gap> out) {
    touchedMs = Math.max(touchedMs, brokerMs);
    String id = cut(state.getTrail());
    boolean closed = ClosingState.isOne(state);
    Known before = trails.get(id);
    boolean wasClosed = before != null && before.closed();
    boolean isClosed = closed || wasClosed;
    String sha256 = state.getSha256().map(TrailChain::sha).orElse("");
    keep(
        id,
        new Known(
            isClosed,
            closed ? ending(state.getName()) : before == null ? "" : before.ending(),
            closed || before == null ? sha256 : before.sha256(),
            state.getFormat() == Format.BSM,
            before != null && before.began(),
            before != null && before.ended(),
            before == null || before.closed() != isClosed || before.arrivedMs() == NO_STATE
                ? wallMs
                : before.arrivedMs()));
    announced.state(state, id, wasClosed, brokerMs, wallMs, mayPrecede, out);
    if (closed) {
      came(id, sha256, brokerMs, out);
      end(state, id, brokerMs, out);
    }
    Optional<String> previous = state.getPrevious().map(TrailChain::cut);
    if (previous.isPresent()) {
      String claimed = state.getPreviousSha256().map(TrailChain::sha).orElse("");
      want(previous.get(), id, claimed, wallMs, mayPrecede);
    }
  }

  private void came(String id, String sha256, long brokerMs, Consumer<Gap> out) {
    Wanted missing = wanted.get(id);
    if (missing != null && agree(missing.sha256(), sha256)) {
      wanted.remove(id);
      new Draft(Draft.close(missing(id, missing)), false).say(ledger, brokerMs, out);
    }
  }

  /** Of a trail that was closed without a digest nobody knows how far it went. */
  private void end(TrailState state, String id, long brokerMs, Consumer<Gap> out) {
    if (state.getState() == TrailStatus.DROPPED
        || state.getSha256().isPresent()
        || state.getCause().isEmpty()) {
      return;
    }
    Gap.Builder gap =
        Draft.of(
                host,
                GapKind.TRAIL_COVERAGE,
                Certainty.SUSPECTED,
                GapId.of(GapKind.TRAIL_COVERAGE, host, source, id, "end"))
            .setSource(source)
            .setTrail(id)
            .setUnit(GapUnit.BYTES)
            .setPosition(state.getSize())
            .setCause(Draft.cut(state.getCause().get(), MAX_CAUSE));
    new Draft(gap, false).say(ends, brokerMs, out);
  }

  private void want(
      String id, String by, String sha256, long wallMs, Predicate<String> mayPrecede) {
    Known known = trails.remove(id);
    if (known != null) {
      trails.put(id, known); // it may be named by many: it must not be the oldest
    }
    boolean there =
        (known == null || !known.closed()) ? mayPrecede.test(id) : agree(sha256, known.sha256());
    if (there || wanted.containsKey(id)) {
      return;
    }
    wanted.put(id, new Wanted(by, sha256, wallMs));
    if (wanted.size() > MAX_WANTED) {
      Iterator<String> oldest = wanted.keySet().iterator();
      oldest.next();
      oldest.remove();
    }
  }

  private static boolean agree(String one, String other) {
    return one.isEmpty() || other.isEmpty() || one.equals(other);
  }

  /** The daemon wrote, in this trail, that it starts or ends. */
  void daemon(String trail, boolean start, long brokerMs) {
    touchedMs = Math.max(touchedMs, brokerMs);
    String id = cut(trail);
    Known before = trails.getOrDefault(id, new Known(false, "", "", true, false, false, NO_STATE));
    keep(
        id,
        new Known(
            before.closed(),
            before.ending(),
            before.sha256(),
            before.named(),
            before.began() || start,
            before.ended() || !start,
            before.arrivedMs()));
  }

  private void keep(String id, Known trail) {
    trails.remove(id);
    trails.put(id, trail);
    if (trails.size() > MAX_TRAILS) {
      Iterator<Map.Entry<String, Known>> oldest = trails.entrySet().iterator();
      Map.Entry<String, Known> out = oldest.next();
      oldest.remove();
      if (!out.getValue().closed() && start(out.getKey()).compareTo(blindTo) > 0) {
        blindTo = start(out.getKey());
      }
    }
  }

  /** When by wall clock {@link #judge} may have something to say without a new record. */
  Optional<Long> dueMs(long graceMs, long wallMs) {
    long due = announced.dueMs(graceMs, wallMs);
    for (Wanted one : wanted.values()) {
      due = later(one.arrivedMs() + graceMs, wallMs, due);
    }
    for (Known one : trails.values()) {
      if (one.named() && one.arrivedMs() != NO_STATE) {
        due = later(one.arrivedMs() + graceMs, wallMs, due);
      }
    }
    return due == Draft.NEVER ? Optional.empty() : Optional.of(due);
  }

  private static long later(long one, long wallMs, long other) {
    return one > wallMs ? Math.min(one, other) : other;
  }

  /**
   * Hands on what is missing and was not said yet.
   *
   * @param mayPrecede whether what a trail holds may have been in what the job could not see
   */
  void judge(
      long brokerMs, long wallMs, long graceMs, Predicate<String> mayPrecede, Consumer<Gap> out) {
    wanted.forEach(
        (id, one) -> {
          if (wallMs - one.arrivedMs() >= graceMs) {
            new Draft(missing(id, one), false).say(ledger, brokerMs, out);
          }
        });
    announced.judge(brokerMs, wallMs, graceMs, out);
    betweenNames(brokerMs, wallMs, graceMs, mayPrecede, out);
  }

  private Gap.Builder missing(String id, Wanted one) {
    Known known = trails.get(id);
    boolean differs = known != null && known.closed() && !agree(one.sha256(), known.sha256());
    return Draft.of(
            host,
            GapKind.TRAIL_MISSING,
            Certainty.SUSPECTED,
            GapId.of(GapKind.TRAIL_MISSING, host, source, id))
        .setSource(source)
        .setTrail(id)
        .setUnit(GapUnit.TRAILS)
        .setMissing(1L)
        .setCause(
            differs
                ? "trail "
                    + one.by()
                    + " names it with digest "
                    + one.sha256()
                    + ", its own state says "
                    + known.sha256()
                    + ": somebody changed it, or the agent lost its checkpoint"
                : "trail " + one.by() + " names it as closed before, and no such state came");
  }

  private void betweenNames(
      long brokerMs, long wallMs, long graceMs, Predicate<String> mayPrecede, Consumer<Gap> out) {
    TreeMap<String, List<String>> byStart = new TreeMap<>();
    trails.forEach(
        (id, one) -> {
          if (one.named() && isStamp(start(id)) && one.arrivedMs() != NO_STATE) {
            byStart.computeIfAbsent(start(id), _ -> new ArrayList<>()).add(id);
          }
        });
    byStart.forEach(
        (start, ids) -> {
          for (String id : ids) {
            Known one = trails.get(id);
            if (!one.closed() || !isStamp(one.ending()) || start.compareTo(blindTo) < 0) {
              continue;
            }
            String next = byStart.higherKey(start);
            Gap.Builder gap = between(id, one.ending());
            boolean filled = byStart.containsKey(one.ending());
            if (filled || next == null || next.compareTo(one.ending()) <= 0) {
              if (ledger.isOpen(gap.getId())) {
                closeBetween(gap, one.ending(), brokerMs, out);
              }
              continue;
            }
            boolean planned =
                one.ended()
                    || byStart.get(next).stream().anyMatch(after -> trails.get(after).began());
            if (planned) {
              if (ledger.isOpen(gap.getId())) {
                closeBetween(gap, one.ending(), brokerMs, out);
              }
            } else if (wallMs - one.arrivedMs() >= graceMs
                && byStart.get(next).stream()
                    .allMatch(after -> wallMs - trails.get(after).arrivedMs() >= graceMs)
                && !mayPrecede.test(id)) {
              gap.setTo(instant(next))
                  .setCause(
                      "trail "
                          + id
                          + " ends at "
                          + one.ending()
                          + ", the next one starts at "
                          + next
                          + ", and no record says that the daemon stopped");
              new Draft(gap, false).say(ledger, brokerMs, out);
            }
          }
        });
  }

  private void closeBetween(Gap.Builder gap, String ending, long brokerMs, Consumer<Gap> out) {
    gap.setTo(instant(ending))
        .setCause("a trail that starts there, or a record of the daemon's stop or start, came");
    new Draft(Draft.close(gap), false).say(ledger, brokerMs, out);
  }

  private Gap.Builder between(String id, String ending) {
    return Draft.of(
            host,
            GapKind.TRAIL_MISSING,
            Certainty.SUSPECTED,
            GapId.of(GapKind.TRAIL_MISSING, host, source, "after", id))
        .setSource(source)
        .setUnit(GapUnit.TRAILS)
        .setMissing(1L)
        .setFrom(instant(ending));
  }

  /** The start of a trail: its id without the incarnation. */
  static String start(String id) {
    return id.length() > STAMP_LENGTH && id.charAt(STAMP_LENGTH) == '~'
        ? id.substring(0, STAMP_LENGTH)
        : id;
  }

  private static String ending(String name) {
    int dot = name.indexOf('.');
    return dot < 0 ? "" : cut(name.substring(dot + 1));
  }

  private static boolean isStamp(String text) {
    if (text.length() != STAMP_LENGTH) {
      return false;
    }
    try {
      LocalDateTime.parse(text, STAMP);
      return true;
    } catch (DateTimeException e) {
      return false;
    }
  }

  private static Instant instant(String stamp) {
    return LocalDateTime.parse(stamp, STAMP).toInstant(ZoneOffset.UTC);
  }

  private static String cut(String text) {
    return Draft.cut(text, MAX_TRAIL);
  }

  private static String sha(String text) {
    return Draft.cut(text, SHA_LENGTH);
  }

  byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(VERSION);
      out.writeUTF(blindTo);
      out.writeLong(touchedMs);
      out.writeShort(trails.size());
      for (Map.Entry<String, Known> one : trails.entrySet()) {
        Known trail = one.getValue();
        out.writeUTF(one.getKey());
        out.writeByte(
            (trail.closed() ? 1 : 0)
                | (trail.named() ? 2 : 0)
                | (trail.began() ? 4 : 0)
                | (trail.ended() ? 8 : 0));
        out.writeUTF(trail.ending());
        out.writeUTF(trail.sha256());
        out.writeLong(trail.arrivedMs());
      }
      out.writeShort(wanted.size());
      for (Map.Entry<String, Wanted> one : wanted.entrySet()) {
        out.writeUTF(one.getKey());
        out.writeUTF(one.getValue().by());
        out.writeUTF(one.getValue().sha256());
        out.writeLong(one.getValue().arrivedMs());
      }
      ledger.encode(out);
      announced.encode(out);
      ends.encode(out);
    } catch (IOException e) {
      throw new UncheckedIOException("memory never fails", e);
    }
    return bytes.toByteArray();
  }

  static TrailChain decode(String host, String source, byte[] bytes) {
    TrailChain chain = new TrailChain(host, source);
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      int version = in.readByte();
      if (version < FIRST_VERSION || version > VERSION) {
        throw new StateVersionException(version, VERSION);
      }
      chain.blindTo = in.readUTF();
      chain.touchedMs = in.readLong();
      for (int left = in.readShort(); left > 0; left--) {
        String id = in.readUTF();
        int flags = in.readByte();
        chain.trails.put(
            id,
            new Known(
                (flags & 1) != 0,
                in.readUTF(),
                in.readUTF(),
                (flags & 2) != 0,
                (flags & 4) != 0,
                (flags & 8) != 0,
                in.readLong()));
      }
      for (int left = in.readShort(); left > 0; left--) {
        chain.wanted.put(in.readUTF(), new Wanted(in.readUTF(), in.readUTF(), in.readLong()));
      }
      chain.ledger = GapLedger.decode(in);
      if (version > FIRST_VERSION) { // else nobody knows which run announced what is open
        chain.announced = AnnouncedTrails.decode(host, source, in);
        chain.ends = GapLedger.decode(in);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("a source's state of " + bytes.length + " bytes is cut", e);
    }
    return chain;
  }
}
