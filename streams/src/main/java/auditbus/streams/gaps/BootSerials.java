// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The serials of one boot of one node: which were seen, and how far each source has shown itself
 * past what was not.
 *
 * <p>A hole is due, that is, may be told of, when it has been there for a grace: {@link #settled}.
 * A source is past a hole when it sent nothing below it over a stretch of its trail longer than any
 * serial is late, {@value #STRETCH_SERIALS} serials or {@value #STRETCH_MS} ms of event time, and
 * then said that every byte up to the end of that stretch is acknowledged: those events stand in
 * the same partition before the one that says so.
 *
 * <p>In the store it is, after a version byte 1, the fields in the order of {@link #encode} as
 * {@link Numbers} and text. One boot with one source and no hole takes about 100 bytes, each hole 4
 * to 12 more.
 *
 * <p>Not thread-safe: the processor owns it.
 */
final class BootSerials {
  static final long ROUND = 1L << 32;
  static final long STRETCH_SERIALS = 8_192;
  static final long STRETCH_MS = 10_000;
  static final int MAX_SOURCES = 8;
  static final int MAX_MARKS = 16;
  // Around an unparsed record, the serials it may have had.
  static final long MARK_SERIALS = STRETCH_SERIALS;

  private static final int VERSION = 1;
  private static final long NONE = -1;
  // A serial this much below the highest is of another boot: measured lateness is 2,731.
  private static final long NEVER_LATE = 100_000;
  private static final long WRAP_ZONE = 1L << 20;
  private static final long REBOOT_MS = 1_000;

  /** How far one source came. */
  static final class Progress {
    private final String name;
    private String trail;
    private long position;
    private long high;
    private long touchedMs;
    private long maxTimeMs;
    private long stretchMs;
    private long stretchSerial;
    private long stretchLow = Long.MAX_VALUE;
    private long waitingFor = NONE;
    private long waitingLow;
    private long passed = NONE;

    private Progress(String name, String trail) {
      this.name = name;
      this.trail = trail;
    }

    String name() {
      return name;
    }

    /** Its highest serial. */
    long high() {
      return high;
    }

    /** Broker time of its last event. */
    long touchedMs() {
      return touchedMs;
    }

    /** The latest event time it brought. */
    long maxTimeMs() {
      return maxTimeMs;
    }

    /** What is missing below this serial it will not bring any more. */
    boolean isPast(long end) {
      return passed >= end;
    }

    private boolean isBefore(String otherTrail, long otherPosition) {
      int order = trail.compareTo(otherTrail);
      return order < 0 || (order == 0 && position < otherPosition);
    }

    /** Takes an event; true if it is past more than before. */
    private boolean take(String atTrail, long at, long acked, long serial, long timeMs) {
      if (!isBefore(atTrail, at)) {
        return false;
      }
      boolean more = false;
      if (!atTrail.equals(trail)) {
        trail = atTrail;
        if (waitingFor != NONE) {
          waitingFor = at;
        }
      }
      position = at;
      high = Math.max(high, serial);
      maxTimeMs = Math.max(maxTimeMs, timeMs);
      if (waitingFor != NONE && acked >= waitingFor) {
        more = waitingLow > passed;
        passed = Math.max(passed, waitingLow);
        waitingFor = NONE;
      }
      if (stretchLow == Long.MAX_VALUE) {
        stretchMs = maxTimeMs;
        stretchSerial = high;
      }
      stretchLow = Math.min(stretchLow, serial);
      if (waitingFor == NONE
          && (high - stretchSerial >= STRETCH_SERIALS || maxTimeMs - stretchMs >= STRETCH_MS)) {
        waitingFor = at + 1;
        waitingLow = stretchLow;
        stretchLow = Long.MAX_VALUE;
      }
      return more;
    }

    private void encode(DataOutputStream out) throws IOException {
      out.writeUTF(name);
      out.writeUTF(trail);
      Numbers.write(position, out);
      Numbers.write(high, out);
      Numbers.writeSigned(touchedMs, out);
      Numbers.writeSigned(maxTimeMs, out);
      Numbers.writeSigned(stretchMs, out);
      Numbers.write(stretchSerial, out);
      Numbers.write(stretchLow == Long.MAX_VALUE ? 0 : stretchLow, out);
      Numbers.writeSigned(waitingFor, out);
      Numbers.write(waitingLow, out);
      Numbers.writeSigned(passed, out);
    }

    private static Progress decode(DataInputStream in) throws IOException {
      Progress one = new Progress(in.readUTF(), in.readUTF());
      one.position = Numbers.read(in);
      one.high = Numbers.read(in);
      one.touchedMs = Numbers.readSigned(in);
      one.maxTimeMs = Numbers.readSigned(in);
      one.stretchMs = Numbers.readSigned(in);
      one.stretchSerial = Numbers.read(in);
      long low = Numbers.read(in);
      one.stretchLow = low == 0 ? Long.MAX_VALUE : low;
      one.waitingFor = Numbers.readSigned(in);
      one.waitingLow = Numbers.read(in);
      one.passed = Numbers.readSigned(in);
      return one;
    }
  }

  private final int maxRanges;
  private SerialRanges ranges = new SerialRanges();
  private final List<Progress> sources = new ArrayList<>(2);
  private boolean moreSources;

  // For boots of unknown id: where in the source's trails it begins.
  private String startTrail = "";
  private long startPosition;

  private long unparsed;
  private final List<Long> marks = new ArrayList<>();
  private int incomplete;

  private long givenUp;
  private long givenUpFirst;
  private long givenUpLast;
  private long givenUpFromMs;
  private long givenUpToMs;

  private long settled;
  private long graceEnd = NONE;
  private long graceMs;
  private long settledMs = Long.MIN_VALUE;

  private long touchedMs;
  private boolean news;
  private boolean unproven;

  BootSerials(int maxRanges) {
    this.maxRanges = maxRanges;
  }

  /** A boot of unknown id that begins at this place of its source. */
  void beganAt(String trail, long position) {
    startTrail = trail;
    startPosition = position;
  }

  String startTrail() {
    return startTrail;
  }

  long startPosition() {
    return startPosition;
  }

  /** Whether the place lies before this boot's beginning. */
  boolean beganAfter(String trail, long position) {
    int order = startTrail.compareTo(trail);
    return order > 0 || (order == 0 && startPosition > position);
  }

  /**
   * Whether an event that stands behind all others of its source is of a later boot. Only for boots
   * of unknown id: elsewhere the id says it.
   */
  boolean isFollowedBy(String trail, long position, long serial, long timeMs) {
    if (ranges.isEmpty()) {
      return false;
    }
    Progress source = sources.getFirst();
    if (!source.isBefore(trail, position)) {
      return false;
    }
    long last = ranges.last() & (ROUND - 1);
    if (serial >= last || (last >= ROUND - WRAP_ZONE && serial < WRAP_ZONE)) {
      return false;
    }
    if (last - serial > NEVER_LATE) {
      return true;
    }
    long whole = whole(serial);
    return timeMs - source.maxTimeMs > REBOOT_MS
        && (whole < ranges.first() || ranges.contains(whole));
  }

  /** The 64-bit serial: the one nearest to the highest seen. */
  long whole(long serial) {
    if (ranges.isEmpty()) {
      return ROUND + serial;
    }
    long last = ranges.last();
    long near = (last & -ROUND) | serial;
    if (near - last > ROUND / 2) {
      return near - ROUND;
    }
    return last - near > ROUND / 2 ? near + ROUND : near;
  }

  /**
   * Takes an event.
   *
   * @param serial its 64-bit serial
   * @return whether the serial is new
   */
  boolean take(
      String source,
      String trail,
      long position,
      long acked,
      long serial,
      long timeMs,
      long brokerMs,
      long waitMs) {
    touchedMs = Math.max(touchedMs, brokerMs);
    boolean fills = !ranges.isEmpty() && serial < settled;
    boolean more = ranges.add(serial, timeMs);
    news |= more && fills;
    while (ranges.size() > maxRanges) {
      giveUpLowest();
    }
    Progress progress = source(source, trail);
    if (progress != null) {
      progress.touchedMs = Math.max(progress.touchedMs, brokerMs);
      boolean further = progress.take(trail, position, acked, serial, timeMs);
      news |= further && unproven;
    }
    streamTime(brokerMs, waitMs);
    if (graceEnd == NONE && hasHoleAbove(settled)) {
      graceEnd = ranges.last();
      graceMs = brokerMs;
    }
    return more;
  }

  /** Takes a record without a readable stamp: what is missing around here may have been it. */
  void unparsed(long brokerMs) {
    touchedMs = Math.max(touchedMs, brokerMs);
    unparsed++;
    if (!ranges.isEmpty()) {
      if (marks.size() == MAX_MARKS) {
        marks.removeFirst();
      }
      marks.add(ranges.last());
    }
    news |= ranges.size() > 1;
  }

  private Progress source(String name, String trail) {
    for (Progress one : sources) {
      if (one.name.equals(name)) {
        return one;
      }
    }
    if (sources.size() == MAX_SOURCES) {
      moreSources = true;
      return null;
    }
    Progress fresh = new Progress(name, trail);
    fresh.position = NONE;
    sources.add(fresh);
    return fresh;
  }

  private boolean hasHoleAbove(long serial) {
    return ranges.size() > 1 && ranges.topStart() > serial;
  }

  /** Ends the grace if the events' broker time says so. */
  void streamTime(long eventsMs, long waitMs) {
    if (isWaiting() && eventsMs - graceMs >= waitMs) {
      settle();
    }
  }

  /** Ends the grace: what was missing when it began is due. */
  void settle() {
    if (!isWaiting()) {
      return;
    }
    if (graceEnd != NONE) {
      settled = Math.max(settled, graceEnd);
    }
    settledMs = Math.max(settledMs, graceMs);
    graceEnd = NONE;
    news = true;
  }

  /** An incomplete event was taken, or is none any more. */
  void incomplete(int open, long brokerMs) {
    news |= open < incomplete;
    if (open > 0 && graceEnd == NONE && open > incomplete) {
      graceEnd = Math.max(settled, 0);
      graceMs = brokerMs;
    }
    incomplete = open;
  }

  int incomplete() {
    return incomplete;
  }

  /** Whether a grace is running. */
  boolean isWaiting() {
    return graceEnd != NONE;
  }

  /** Broker time of the event that began the grace. */
  long graceMs() {
    return graceMs;
  }

  /** Broker time up to which incomplete events are due. */
  long settledMs() {
    return settledMs;
  }

  /** Begins a grace for what came up during the last one. */
  void resume(boolean undueIncomplete) {
    if (!isWaiting() && (hasHoleAbove(settled) || undueIncomplete)) {
      graceEnd = ranges.last();
      graceMs = touchedMs;
    }
  }

  /** Whether the place lies behind all its events. */
  boolean endsBefore(String trail, long position) {
    return sources.stream().allMatch(source -> source.isBefore(trail, position));
  }

  /** Whether the serial is near the beginning: events end in another order than they begin. */
  boolean isNearStart(long serial) {
    return ranges.isEmpty() || Math.abs(whole(serial) - ranges.first()) <= NEVER_LATE;
  }

  /** Whether there may be something to publish. */
  boolean hasNews() {
    return news;
  }

  /** What there was to publish has been looked at. */
  void looked(boolean again, boolean someUnproven) {
    news = again;
    unproven = someUnproven;
  }

  void giveUpLowest() {
    SerialRanges.Hole hole = ranges.fillLowest();
    if (givenUp == 0) {
      givenUpFirst = hole.first();
      givenUpFromMs = hole.fromMs();
    }
    givenUp += hole.count();
    givenUpLast = hole.end() - 1;
    givenUpFromMs = Math.min(givenUpFromMs, hole.fromMs());
    givenUpToMs = Math.max(givenUpToMs, hole.toMs());
    news = true;
  }

  /** Whether the hole has been there for the grace. */
  boolean isDue(SerialRanges.Hole hole) {
    return hole.end() <= settled;
  }

  /** How many records without a stamp may have been of this hole. */
  long unparsedAround(SerialRanges.Hole hole) {
    if (unparsed > marks.size()) {
      return unparsed;
    }
    return marks.stream()
        .filter(mark -> mark >= hole.first() - MARK_SERIALS && mark <= hole.end() + MARK_SERIALS)
        .count();
  }

  SerialRanges ranges() {
    return ranges;
  }

  List<Progress> sources() {
    return sources;
  }

  /** Whether more sources than are followed brought events. */
  boolean hasMoreSources() {
    return moreSources;
  }

  long givenUp() {
    return givenUp;
  }

  /** Around what was given up. */
  SerialRanges.Hole givenUpRange() {
    return new SerialRanges.Hole(givenUpFirst, givenUpLast + 1, givenUpFromMs, givenUpToMs);
  }

  long touchedMs() {
    return touchedMs;
  }

  byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(192);
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(VERSION);
      out.writeByte((moreSources ? 1 : 0) | (news ? 2 : 0) | (unproven ? 4 : 0));
      out.writeUTF(startTrail);
      Numbers.write(startPosition, out);
      Numbers.write(unparsed, out);
      out.writeByte(marks.size());
      for (long mark : marks) {
        Numbers.write(mark, out);
      }
      Numbers.write(incomplete, out);
      Numbers.write(givenUp, out);
      if (givenUp > 0) {
        Numbers.write(givenUpFirst, out);
        Numbers.write(givenUpLast, out);
        Numbers.writeSigned(givenUpFromMs, out);
        Numbers.writeSigned(givenUpToMs, out);
      }
      Numbers.write(settled, out);
      Numbers.writeSigned(graceEnd, out);
      Numbers.writeSigned(graceMs, out);
      Numbers.writeSigned(settledMs, out);
      Numbers.writeSigned(touchedMs, out);
      out.writeByte(sources.size());
      for (Progress source : sources) {
        source.encode(out);
      }
      ranges.encode(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  static BootSerials decode(byte[] bytes, int maxRanges) {
    if (bytes.length == 0 || bytes[0] != VERSION) {
      throw new StateVersionException(bytes.length == 0 ? 0 : bytes[0], VERSION);
    }
    BootSerials boot = new BootSerials(maxRanges);
    try (DataInputStream in =
        new DataInputStream(new ByteArrayInputStream(bytes, 1, bytes.length - 1))) {
      int flags = in.readByte();
      boot.moreSources = (flags & 1) != 0;
      boot.news = (flags & 2) != 0;
      boot.unproven = (flags & 4) != 0;
      boot.startTrail = in.readUTF();
      boot.startPosition = Numbers.read(in);
      boot.unparsed = Numbers.read(in);
      for (int left = in.readByte(); left > 0; left--) {
        boot.marks.add(Numbers.read(in));
      }
      boot.incomplete = (int) Numbers.read(in);
      boot.givenUp = Numbers.read(in);
      if (boot.givenUp > 0) {
        boot.givenUpFirst = Numbers.read(in);
        boot.givenUpLast = Numbers.read(in);
        boot.givenUpFromMs = Numbers.readSigned(in);
        boot.givenUpToMs = Numbers.readSigned(in);
      }
      boot.settled = Numbers.read(in);
      boot.graceEnd = Numbers.readSigned(in);
      boot.graceMs = Numbers.readSigned(in);
      boot.settledMs = Numbers.readSigned(in);
      boot.touchedMs = Numbers.readSigned(in);
      for (int left = in.readByte(); left > 0; left--) {
        boot.sources.add(Progress.decode(in));
      }
      boot.ranges = SerialRanges.decode(in);
    } catch (IOException e) {
      throw new UncheckedIOException("serials of " + bytes.length + " bytes are cut", e);
    }
    return boot;
  }
}
