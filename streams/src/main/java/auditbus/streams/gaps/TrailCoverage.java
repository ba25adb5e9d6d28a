// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Certainty;
import auditbus.schemas.Coverage;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.GapUnit;
import auditbus.schemas.Range;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What is known of one trail: which bytes arrived, how far it was acknowledged, its final size, and
 * what was published about it.
 *
 * <p>A byte is proven missing if it did not arrive and one of these holds: it lies below {@code
 * acked}; it was given up by the agent and a grace is over; the trail is closed, it lies below its
 * size, and the grace since its last new byte is over.
 *
 * <p>Design note: what the agent gives up it may have sent before, and that stands in another
 * topic. An open trail is never quiet, so the grace of what was given up does not begin anew with
 * other bytes; what is given up while one grace runs waits for the next.
 *
 * <p>In the store it is, after a version byte 2 (1: without what waits for its grace), the fields
 * in the order of {@link #encode}: longs of 8 bytes, text as by {@link DataOutputStream#writeUTF}
 * ("" for none), ranges as a count and then distances (gap before, length) as variable-length
 * numbers of 7 bits a byte, lowest first. A complete trail takes about 110 bytes, one of 10,000
 * ranges about 50 KB.
 *
 * <p>Not thread-safe: the job's processor owns it.
 */
final class TrailCoverage {
  static final int MAX_HOLES = 100;

  private static final int VERSION = 2;
  private static final int FIRST_VERSION = 1;
  private static final long NONE = -1;
  private static final int MAX_CAUSE = 1000;

  private final int maxRanges;
  private final Coverage covered = new Coverage();
  private final Coverage dropped = new Coverage();
  // Given up, and not judged before then.
  private Coverage dropping = new Coverage();
  private Coverage droppingNext = new Coverage();
  private long droppingUntilWallMs;
  private long droppedMs;

  private long acked;
  private long size = NONE;
  private long closedAtMs = NONE;
  private long quietUntilWallMs;
  private boolean settled;
  private boolean headUnknown;
  private long swallowed;
  private long touchedMs;
  private String cause = "";

  private long openedMs = NONE;
  private long filledMs = NONE;
  private int revision = (int) NONE;
  private long publishedWallMs;
  private long publishedPrint;
  private boolean publishedOpen;
  private boolean unpublished;

  /** A trail nothing is known of. */
  TrailCoverage(int maxRanges) {
    this.maxRanges = maxRanges;
  }

  /** The trail began before the topic does: bytes before the first that arrives are not judged. */
  void beganBeforeTheTopic() {
    headUnknown = true;
  }

  /**
   * Takes bytes that arrived.
   *
   * @return whether any of them is new
   */
  boolean add(long position, long length) {
    if (headUnknown) {
      headUnknown = false;
      settled = false;
      covered.add(0, position);
    }
    if (covered.add(position, position + length) == 0) {
      return false;
    }
    unpublished = true;
    while (covered.ranges() > maxRanges) {
      Range lowest = covered.missing(covered.end()).getFirst();
      covered.add(lowest.getPosition(), lowest.getPosition() + lowest.getLength());
      swallowed += lowest.getLength();
    }
    return true;
  }

  /** Takes how far the trail was acknowledged. */
  boolean acked(long position) {
    if (position <= acked) {
      return false;
    }
    acked = position;
    unpublished = true;
    return true;
  }

  /**
   * Takes bytes the agent gave up.
   *
   * @param untilWallMs until when they may still come: the agent may have sent them before
   */
  void dropped(long position, long length, long brokerMs, long untilWallMs) {
    droppedMs = Math.max(droppedMs, brokerMs);
    if (dropping.bytes() == 0) {
      droppingUntilWallMs = untilWallMs;
    }
    add(untilWallMs <= droppingUntilWallMs ? dropping : droppingNext, position, position + length);
  }

  private void add(Coverage coverage, long from, long to) {
    // Beyond the limit they are missing only where acked or the trail's end proves it.
    if (coverage.ranges() < maxRanges) {
      coverage.add(from, to);
    }
  }

  /** Takes why the trail is not as it should be. */
  void cause(String text) {
    String bounded = text.length() > MAX_CAUSE ? text.substring(0, MAX_CAUSE) : text;
    unpublished |= !bounded.equals(cause);
    cause = bounded;
  }

  /** Takes the final size. */
  void closed(long finalSize, long brokerMs) {
    size = finalSize;
    if (closedAtMs == NONE) {
      closedAtMs = brokerMs;
    }
  }

  /** A record told of the trail at that broker time. */
  void touched(long brokerMs) {
    touchedMs = Math.max(touchedMs, brokerMs);
  }

  /** Whatever changed has been taken: notes when a gap opened or filled. */
  void judge(long brokerMs) {
    if (anyMissing()) {
      filledMs = NONE;
      if (openedMs == NONE) {
        openedMs = brokerMs;
      }
    } else if (openedMs != NONE && filledMs == NONE) {
      filledMs = brokerMs;
    }
  }

  /** New bytes of a closed trail: more may be on the way. */
  void waitUntil(long wallMs) {
    quietUntilWallMs = wallMs;
  }

  /** Whether a closed trail, or what was given up, waits for its grace to end. */
  boolean waiting() {
    return closing() || dropping.bytes() > 0;
  }

  private boolean closing() {
    return size != NONE && !settled && !complete();
  }

  /** Whether the time has come for a grace to end. */
  boolean due(long wallMs) {
    return (closing() && wallMs >= quietUntilWallMs)
        || (dropping.bytes() > 0 && wallMs >= droppingUntilWallMs);
  }

  /** Ends each grace whose time has come. */
  void settle(long wallMs, long graceMs) {
    if (closing() && wallMs >= quietUntilWallMs) {
      settled = true;
      unpublished = true;
      judge(closedAtMs);
    }
    if (dropping.bytes() > 0 && wallMs >= droppingUntilWallMs) {
      dropping.covered().forEach(range -> add(dropped, range.getPosition(), end(range)));
      dropping = droppingNext;
      droppingNext = new Coverage();
      droppingUntilWallMs = wallMs + graceMs;
      unpublished = true;
      judge(droppedMs);
    }
  }

  /** Whether the trail is closed and all its bytes arrived. */
  boolean complete() {
    return size != NONE && covered.covers(0, size) && swallowed == 0;
  }

  long touchedMs() {
    return touchedMs;
  }

  /** Whether a gap was published or is to be. */
  boolean hasGap() {
    return openedMs != NONE;
  }

  /** Cheap: whether any byte is proven missing. */
  boolean anyMissing() {
    if (headUnknown) {
      return false;
    }
    if (swallowed > 0 || covered.lowMark() < limit()) {
      return true;
    }
    return dropped.bytes() > 0
        && dropped.covered().stream()
            .anyMatch(range -> !covered.covers(range.getPosition(), end(range)));
  }

  /** Where judging by acknowledgement and size ends. */
  private long limit() {
    return settled ? size : acked;
  }

  /**
   * The gap to publish now, if it differs from what was published and the interval is over. The
   * first is at once.
   */
  Optional<Gap> publish(TrailKey key, long wallMs, long intervalMs) {
    if (!unpublished() || (revision != NONE && wallMs - publishedWallMs < intervalMs)) {
      return Optional.empty();
    }
    unpublished = false;
    List<Range> holes = holes();
    long missing = swallowed + holes.stream().mapToLong(Range::getLength).sum();
    boolean open = missing > 0;
    String why = open ? why(holes) : "";
    long print = print(holes, missing, why);
    if (revision != NONE && publishedOpen == open && publishedPrint == print) {
      return Optional.empty();
    }
    revision++;
    publishedWallMs = wallMs;
    publishedPrint = print;
    publishedOpen = open;
    Gap.Builder gap =
        Gap.newBuilder()
            .setId(key.gapId())
            .setHost(key.host())
            .setSource(key.source())
            .setTrail(key.trail())
            .setKind(GapKind.TRAIL_COVERAGE)
            .setCertainty(Certainty.PROVEN)
            .setState(open ? GapState.OPEN : GapState.CLOSED)
            .setHoles(holes.size() > MAX_HOLES ? holes.subList(0, MAX_HOLES) : holes)
            .setMissing(missing)
            .setUnit(GapUnit.BYTES)
            .setCause(why.isEmpty() ? null : why)
            .setOpened(Instant.ofEpochMilli(openedMs))
            .setClosed(open ? null : Instant.ofEpochMilli(filledMs))
            .setRevision(revision);
    if (!holes.isEmpty()) {
      gap.setPosition(holes.getFirst().getPosition()).setEnd(end(holes.getLast()));
    }
    return Optional.of(gap.build());
  }

  /** Whether something changed about the gap that was not yet looked at for publishing. */
  boolean unpublished() {
    return unpublished && hasGap();
  }

  private List<Range> holes() {
    if (headUnknown) {
      return List.of();
    }
    List<Range> known = covered.missing(limit());
    if (dropped.bytes() == 0) {
      return known;
    }
    Coverage holes = new Coverage();
    known.forEach(hole -> holes.add(hole.getPosition(), end(hole)));
    for (Range hole : covered.missing(dropped.end())) {
      for (Range drop : dropped.covered()) {
        long from = Math.max(hole.getPosition(), drop.getPosition());
        long to = Math.min(end(hole), end(drop));
        if (from < to) {
          holes.add(from, to);
        }
      }
    }
    return holes.covered();
  }

  private String why(List<Range> holes) {
    StringBuilder text = new StringBuilder();
    long given = 0;
    for (Range hole : holes) {
      for (Range drop : dropped.covered()) {
        given +=
            Math.max(
                0,
                Math.min(end(hole), end(drop)) - Math.max(hole.getPosition(), drop.getPosition()));
      }
    }
    if (given > 0) {
      text.append(given).append(" bytes were given up by the agent and will never be sent");
    }
    if (!cause.isEmpty()) {
      text.append(text.isEmpty() ? "" : ": ").append(cause);
    }
    if (swallowed > 0) {
      text.append(text.isEmpty() ? "" : "; ")
          .append(swallowed)
          .append(" missing bytes lie in more than ")
          .append(maxRanges)
          .append(" holes: which they are, and whether they came later, is not known");
    }
    return text.toString();
  }

  private static long print(List<Range> holes, long missing, String why) {
    long print = 31 * missing + why.hashCode();
    for (Range hole : holes) {
      print = (print * 1_000_003 + hole.getPosition()) * 1_000_003 + hole.getLength();
    }
    return print;
  }

  private static long end(Range range) {
    return range.getPosition() + range.getLength();
  }

  byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(VERSION);
      out.writeLong(acked);
      out.writeLong(size);
      out.writeLong(closedAtMs);
      out.writeLong(quietUntilWallMs);
      out.writeByte(
          (settled ? 1 : 0)
              | (headUnknown ? 2 : 0)
              | (publishedOpen ? 4 : 0)
              | (unpublished ? 8 : 0)
              | (dropping.bytes() > 0 ? 16 : 0));
      out.writeLong(swallowed);
      out.writeLong(touchedMs);
      out.writeUTF(cause);
      out.writeLong(openedMs);
      out.writeLong(filledMs);
      out.writeInt(revision);
      out.writeLong(publishedWallMs);
      out.writeLong(publishedPrint);
      write(covered, out);
      write(dropped, out);
      if (dropping.bytes() > 0) {
        out.writeLong(droppingUntilWallMs);
        out.writeLong(droppedMs);
        write(dropping, out);
        write(droppingNext, out);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("memory never fails", e);
    }
    return bytes.toByteArray();
  }

  static TrailCoverage decode(byte[] bytes, int maxRanges) {
    TrailCoverage trail = new TrailCoverage(maxRanges);
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      int version = in.readByte();
      if (version < FIRST_VERSION || version > VERSION) {
        throw new StateVersionException(version, VERSION);
      }
      trail.acked = in.readLong();
      trail.size = in.readLong();
      trail.closedAtMs = in.readLong();
      trail.quietUntilWallMs = in.readLong();
      int flags = in.readByte();
      trail.settled = (flags & 1) != 0;
      trail.headUnknown = (flags & 2) != 0;
      trail.publishedOpen = (flags & 4) != 0;
      trail.unpublished = (flags & 8) != 0;
      trail.swallowed = in.readLong();
      trail.touchedMs = in.readLong();
      trail.cause = in.readUTF();
      trail.openedMs = in.readLong();
      trail.filledMs = in.readLong();
      trail.revision = in.readInt();
      trail.publishedWallMs = in.readLong();
      trail.publishedPrint = in.readLong();
      read(trail.covered, in);
      read(trail.dropped, in);
      if ((flags & 16) != 0) {
        trail.droppingUntilWallMs = in.readLong();
        trail.droppedMs = in.readLong();
        read(trail.dropping, in);
        read(trail.droppingNext, in);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("a trail's state of " + bytes.length + " bytes is cut", e);
    }
    return trail;
  }

  private static void write(Coverage coverage, DataOutputStream out) throws IOException {
    List<Range> ranges = coverage.covered();
    out.writeInt(ranges.size());
    long position = 0;
    for (Range range : ranges) {
      writeNumber(range.getPosition() - position, out);
      writeNumber(range.getLength(), out);
      position = end(range);
    }
  }

  private static void read(Coverage coverage, DataInputStream in) throws IOException {
    long position = 0;
    for (int left = in.readInt(); left > 0; left--) {
      long from = position + readNumber(in);
      position = from + readNumber(in);
      coverage.add(from, position);
    }
  }

  private static void writeNumber(long number, DataOutputStream out) throws IOException {
    long rest = number;
    while (rest > 0x7F) {
      out.writeByte((int) (rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    out.writeByte((int) rest);
  }

  private static long readNumber(DataInputStream in) throws IOException {
    long number = 0;
    for (int shift = 0; ; shift += 7) {
      int one = in.readByte();
      number |= (one & 0x7FL) << shift;
      if (one >= 0) {
        return number;
      }
    }
  }
}
