// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.agent.trail.Checkpoint.SourceMark;
import auditbus.agent.trail.Discovery.Found;
import auditbus.agent.trail.Trail.Phase;
import auditbus.schemas.TrailStatus;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The trails of one source: found, read in order from where the broker's acknowledgements end, and
 * closed when every byte is acknowledged.
 *
 * <p>Nothing in a trail is cut or skipped: a line is a record; what is longer than {@value
 * #MAX_RECORD_BYTES} bytes comes in chunks and the torn tail of an ended trail as it is, both
 * marked as no whole record.
 *
 * <p>Not thread-safe: the distribution thread owns it.
 */
public final class TrailSource implements Closeable {
  /**
   * Longest record in bytes; the kernel's longest line is 8,970 and auditd's enrichment can double
   * it.
   */
  public static final int MAX_RECORD_BYTES = 64 * 1024;

  private static final Logger LOG = LoggerFactory.getLogger(TrailSource.class);
  private static final int READ_BYTES = 4 * MAX_RECORD_BYTES;
  private static final int KEEP_CLOSED = 1000;
  private static final int UNSEEN_LOOKS = 3;
  private static final Duration SETTLE = Duration.ofSeconds(1);

  private final String name;
  private final Discovery discovery;
  private final boolean once;
  private final InstantSource clock;
  // INVARIANT: in reading order; ids are unique.
  private final Map<String, Trail> trails = new LinkedHashMap<>();
  private final ByteBuffer buffer = ByteBuffer.allocate(READ_BYTES);
  private Optional<String> previous = Optional.empty();
  private Optional<String> previousSha256 = Optional.empty();
  private Optional<Trail> current = Optional.empty();
  private boolean scannedOnce;
  private boolean unsaved;
  private long received;
  private long closedTrails;
  private long rereads;

  private TrailSource(
      String name,
      Discovery discovery,
      boolean once,
      InstantSource clock,
      Optional<SourceMark> mark) {
    this.name = name;
    this.discovery = discovery;
    this.once = once;
    this.clock = clock;
    for (SourceMark known : mark.stream().toList()) {
      known.trails().forEach(trail -> trails.put(trail.id(), new Trail(trail)));
      trails.values().forEach(trail -> trail.verified = false);
      previous = Optional.ofNullable(known.previous());
      previousSha256 = Optional.ofNullable(known.previousSha256());
    }
  }

  /**
   * Trails with auditdistd's names.
   *
   * @param path their directory, or one such file
   * @param once end every trail where it ends now
   * @param mark what is known of the source from before
   */
  public static TrailSource directory(
      String name, Path path, boolean once, InstantSource clock, Optional<SourceMark> mark) {
    return new TrailSource(name, new TrailDirectory(path), once, clock, mark);
  }

  /**
   * auditd's own log and its rotated files.
   *
   * @param path the log being written, e.g. {@code /var/log/audit/audit.log}
   * @param once end every trail where it ends now
   * @param mark what is known of the source from before
   */
  public static TrailSource rotatedLog(
      String name, Path path, boolean once, InstantSource clock, Optional<SourceMark> mark) {
    return new TrailSource(name, new RotatedLog(path), once, clock, mark);
  }

  /** The source's name. */
  public String name() {
    return name;
  }

  /**
   * Looks at the directory: new trails, new names, new sizes, ends.
   *
   * @return whether a trail was identified anew: its {@link #mark} must be stored before anything
   *     of it is published
   * @throws IOException if the place cannot be read; the message names it, what is known stays
   */
  public boolean scan() throws IOException {
    trails.values().forEach(trail -> trail.failure = Optional.empty());
    if (once && scannedOnce) {
      return false; // the end was set; what comes later is not part of it
    }
    List<Found> listed;
    try {
      listed = discovery.list();
    } catch (IOException e) {
      growOpenFiles();
      throw e;
    }
    Map<Long, Trail> byInode = new HashMap<>();
    for (Trail trail : trails.values()) {
      // The later of two incarnations on one inode holds.
      byInode.put(trail.identity.inode(), trail);
    }
    IOException failure = null;
    Set<Trail> seen = new LinkedHashSet<>();
    for (Found found : listed) {
      Optional<Trail> known = Optional.ofNullable(byInode.get(found.inode()));
      try {
        if (known.isPresent() && !same(known.get(), found)) {
          known = Optional.empty();
        }
        if (known.isEmpty()) {
          known = identify(found);
          unsaved |= known.isPresent();
        }
        if (known.isPresent()) {
          unsaved |= update(known.get(), found);
        }
      } catch (NoSuchFileException e) {
        // Renamed or removed since the listing: the next look has it under its new name.
        failure = once && failure == null ? e : failure;
      } catch (IOException e) {
        failure = failure == null ? e : failure; // one bad file keeps none of the others waiting
      }
      known.ifPresent(seen::add);
    }
    for (Trail trail : trails.values()) {
      if (!seen.contains(trail)) {
        missing(trail);
      }
    }
    reorder(seen);
    if (failure != null) {
      throw failure;
    }
    scannedOnce = true;
    boolean news = unsaved;
    unsaved = false;
    return news;
  }

  /**
   * Hands on the next records, at most about {@value #READ_BYTES} bytes of one trail. What cannot
   * be read is told by {@link #problem} and tried again after the next {@link #scan}.
   *
   * @return bytes moved past; 0 at the head
   */
  public int read(Consumer<TrailRecord> out) {
    for (Trail trail : trails.values()) {
      if (trail.hasUnread()) {
        try {
          int moved = read(trail, out);
          if (moved > 0) {
            current = Optional.of(trail);
            return moved;
          }
        } catch (NoSuchFileException e) {
          if (once) {
            lose(trail, "the file was removed before it was read");
          } else {
            trail.failure = Optional.of(e);
          }
        } catch (IOException e) {
          trail.failure = Optional.of(e);
        }
      }
    }
    return 0;
  }

  /** Why a trail cannot be read at present, if one can't. */
  public Optional<IOException> problem() {
    return trails.values().stream().flatMap(trail -> trail.failure.stream()).findFirst();
  }

  /** Whether every byte known to be there was read. */
  public boolean atHead() {
    return trails.values().stream().noneMatch(Trail::hasUnread);
  }

  /**
   * Whether the source was told to end, everything was read, and every trail's closing state is
   * acknowledged.
   */
  public boolean isDone() {
    return once
        && scannedOnce
        && trails.values().stream().allMatch(trail -> trail.phase == Phase.CLOSED);
  }

  /** The broker has these bytes. */
  public void acked(List<Span> spans) {
    for (Span span : spans) {
      Trail trail = trails.get(span.trail());
      if (trail != null) {
        trail.coverage.add(span.position(), span.end());
        trail.pending--;
      }
    }
  }

  /** Position of a trail below which every byte is acknowledged, 0 for an unknown one. */
  public long lowMark(String trail) {
    Trail known = trails.get(trail);
    return known == null ? 0 : known.coverage.lowMark();
  }

  /**
   * The next state to publish, if one is due; each is handed out once until {@link #rewind}. A
   * trail that lost bytes is closed when nothing of it is on its way any more.
   */
  public Optional<TrailNotice> notice() {
    boolean closing = trails.values().stream().anyMatch(trail -> trail.phase == Phase.CLOSING);
    for (Trail trail : trails.values()) {
      if (trail.phase == Phase.FOUND && !trail.openSent) {
        trail.openSent = true;
        return Optional.of(opening(trail));
      }
      // One closing at a time: each names the one before, whose acknowledgement makes it that.
      if (!closing && trail.phase == Phase.OPENED && trail.ended && trail.failure.isEmpty()) {
        boolean complete = trail.lost.isEmpty() ? trail.isCovered() : trail.pending <= 0;
        try {
          Optional<TrailNotice> notice = complete ? closing(trail) : Optional.empty();
          if (notice.isPresent()) {
            return notice;
          }
        } catch (IOException e) {
          trail.failure = Optional.of(e);
        }
      }
    }
    return Optional.empty();
  }

  /** The broker has this state. */
  public void acked(TrailNotice notice) {
    Trail trail = trails.get(notice.trail());
    if (trail == null) {
      return;
    }
    if (!notice.closes()) {
      trail.phase = Phase.OPENED;
      return;
    }
    trail.phase = Phase.CLOSED;
    trail.size = notice.size();
    trail.close();
    closedTrails++;
    previous = Optional.of(trail.id);
    previousSha256 = notice.sha256();
  }

  /** Everything not acknowledged is to be read again, because it did not get through. */
  public void rewind() {
    trails.values().forEach(Trail::rewind);
  }

  /** What is to be remembered of the source. */
  public SourceMark mark() {
    return new SourceMark(
        name,
        trails.values().stream().map(Trail::mark).toList(),
        previous.orElse(null),
        previousSha256.orElse(null));
  }

  /** The trail being read and its numbers. */
  public Standing standing() {
    long known = 0;
    long acked = 0;
    int open = 0;
    long rewound = 0;
    long dropped = 0;
    for (Trail trail : trails.values()) {
      known += trail.size;
      acked += Math.min(trail.coverage.bytes(), trail.size);
      open += trail.phase == Phase.CLOSED ? 0 : 1;
      if (trail.lost.isEmpty()) {
        rewound += trail.rewound;
      } else {
        dropped += trail.rewound;
      }
    }
    return new Standing(
        current.map(trail -> trail.id),
        current.map(trail -> trail.size).orElse(0L),
        current.map(trail -> trail.coverage.lowMark()).orElse(0L),
        known,
        acked,
        open,
        closedTrails,
        received,
        rewound,
        rereads,
        dropped,
        discovery.ignored());
  }

  /**
   * Where a source stands.
   *
   * @param trail the trail being read
   * @param head bytes known to stand in it
   * @param acked position in it below which all is acknowledged
   * @param bytesKnown bytes of all known trails
   * @param bytesAcked those acknowledged
   * @param trailsOpen trails whose closing state is not acknowledged
   * @param trailsClosed trails closed in this run
   * @param received records read in this run, each once
   * @param rewound records that are to be read again
   * @param rereads records handed on again so far
   * @param dropped records that were to be read again and can't be: their trail is gone
   * @param ignored directory entries that are no trails
   */
  public record Standing(
      Optional<String> trail,
      long head,
      long acked,
      long bytesKnown,
      long bytesAcked,
      int trailsOpen,
      long trailsClosed,
      long received,
      long rewound,
      long rereads,
      long dropped,
      long ignored) {}

  @Override
  public void close() {
    trails.values().forEach(Trail::close);
  }

  // ---- finding

  private boolean same(Trail trail, Found found) throws IOException {
    if (found.name().isPresent() && !trail.id.startsWith(found.name().get().start())) {
      return false; // the inode was given to another trail
    }
    if (trail.lost.isPresent()) {
      return false;
    }
    if (trail.phase == Phase.CLOSED && trail.size != found.size()) {
      return false; // a closed trail never changes: what stands there now is another incarnation
    }
    if (!trail.verified) {
      trail.movedTo(found.path());
      boolean first = trail.identity.matches(found.path());
      if (!first || (trail.phase != Phase.CLOSED && !trail.tailMatches())) {
        return false;
      }
      trail.verified = true;
      trail.rewind();
    }
    if (trail.phase != Phase.CLOSED && found.size() != trail.size) {
      // Truncated and written again between two looks, it may even be longer: only its first
      // bytes tell.
      boolean shrunk = found.size() < Math.max(trail.coverage.end(), trail.readPosition);
      return !shrunk && trail.identity.matches(found.path());
    }
    return true;
  }

  private Optional<Trail> identify(Found found) throws IOException {
    Optional<String> start = found.name().map(TrailName::start);
    if (start.isEmpty()) {
      start = startOf(found);
    }
    if (start.isEmpty()) {
      return Optional.empty();
    }
    FileIdentity identity = FileIdentity.of(found.path());
    if (identity.inode() != found.inode()) {
      throw new NoSuchFileException(found.path().toString(), null, "it was renamed meanwhile");
    }
    String id = start.get();
    for (int incarnation = 2; trails.containsKey(id); incarnation++) {
      id = start.get() + "~" + incarnation;
    }
    Trail trail = new Trail(id, identity, found.path());
    trails.put(id, trail);
    if (!id.equals(start.get())) {
      LOG.warn(
          "source {}: {} is not the file that was trail {} before, or grew after it was closed:"
              + " it is distributed whole as trail {}",
          name,
          found.path(),
          start.get(),
          id);
    }
    return Optional.of(trail);
  }

  private Optional<String> startOf(Found found) throws IOException {
    Optional<Instant> first = RecordStamp.first(found.path());
    boolean waitForMore =
        first.isEmpty() && found.size() < RecordStamp.REACH && !found.closed() && !once;
    if (waitForMore || found.size() == 0) {
      return Optional.empty();
    }
    return Optional.of(
        TrailName.stamp(first.orElse(Files.getLastModifiedTime(found.path()).toInstant())));
  }

  private boolean update(Trail trail, Found found) throws IOException {
    trail.movedTo(found.path());
    trail.unseen = 0;
    if (trail.phase == Phase.CLOSED || trail.phase == Phase.CLOSING || trail.settled) {
      return false; // its size is told, or about to be: what comes after it is no part of it
    }
    trail.name = found.name();
    trail.size = found.size();
    trail.ended = found.closed();
    if (once) {
      if (found.name().isEmpty()) {
        trail.channel(); // a rotation may rename it from now on: the open file stays
      }
      if (!trail.ended) {
        trail.size = settledSize(trail, found.size());
        trail.ended = true;
      }
      trail.settled = true;
    }
    if (trail.identity.length() < FileIdentity.MAX_LENGTH
        && found.size() > trail.identity.length()) {
      FileIdentity longer = FileIdentity.of(found.path());
      if (longer.inode() == trail.identity.inode() && longer.length() > trail.identity.length()) {
        trail.identity = longer;
        return true;
      }
    }
    return false;
  }

  /**
   * Where a trail that may still be written to ends now: behind a whole record, if its writer
   * finishes one soon.
   */
  private long settledSize(Trail trail, long size) throws IOException {
    long deadline = System.nanoTime() + SETTLE.toNanos();
    Instant modified = Files.getLastModifiedTime(trail.path().orElseThrow()).toInstant();
    boolean still = modified.isBefore(clock.instant().minus(SETTLE.multipliedBy(2)));
    ByteBuffer tail = ByteBuffer.allocate(MAX_RECORD_BYTES);
    for (long end = size; end > 0; end = trail.fileSize()) {
      long from = Math.max(0, size - 1);
      tail.clear().limit((int) Math.min(tail.capacity(), end - from));
      int count = trail.read(tail, from);
      for (int i = 0; i < count; i++) {
        if (tail.get(i) == '\n') {
          return from + i + 1;
        }
      }
      if (still || System.nanoTime() > deadline) {
        return size;
      }
      LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
    }
    return size;
  }

  /** What is written to files whose directory cannot be listed now. */
  private void growOpenFiles() throws IOException {
    for (Trail trail : trails.values()) {
      if (trail.isOpen() && trail.phase == Phase.OPENED && !trail.ended) {
        trail.size = Math.max(trail.size, trail.fileSize());
      }
    }
  }

  private void missing(Trail trail) throws IOException {
    if (trail.phase == Phase.CLOSED || trail.phase == Phase.CLOSING || trail.lost.isPresent()) {
      return;
    }
    boolean readable =
        trail.isOpen() && trail.fileSize() >= Math.max(trail.coverage.end(), trail.readPosition);
    if (readable) {
      trail.size = trail.fileSize();
    }
    // A listing made while a file is renamed may show neither of its names.
    if (!once && ++trail.unseen < UNSEEN_LOOKS) {
      return;
    }
    if (readable) {
      if (trail.path().isPresent()) {
        LOG.warn(
            "source {}: trail {} was removed or replaced while it was being read; reading on from"
                + " the open file",
            name,
            trail.id);
        trail.vanished();
      }
      trail.ended = true;
      return;
    }
    long size = Math.max(trail.coverage.end(), trail.readPosition);
    lose(
        trail,
        trail.isOpen()
            ? "the file shrank to " + trail.fileSize() + " bytes after " + size + " were read"
            : "the file is gone or was replaced after "
                + size
                + " bytes were read; more may have stood in it");
  }

  private void lose(Trail trail, String cause) {
    long size = Math.max(trail.coverage.end(), trail.readPosition);
    LOG.error(
        "source {}: trail {}: {}. It is closed at {} bytes, without a digest",
        name,
        trail.id,
        cause,
        size);
    trail.lost = Optional.of(cause);
    trail.size = size;
    trail.ended = true;
    trail.close();
    trail.vanished();
  }

  /** As listed; what is not listed any more stays behind what it came after. */
  private void reorder(Set<Trail> listed) {
    long forget =
        trails.values().stream()
                .filter(trail -> trail.phase == Phase.CLOSED && !listed.contains(trail))
                .count()
            - KEEP_CLOSED;
    List<Trail> order = new ArrayList<>(listed);
    Optional<Trail> before = Optional.empty();
    for (Trail trail : trails.values()) {
      if (!listed.contains(trail)) {
        if (trail.phase == Phase.CLOSED && forget-- > 0) {
          continue;
        }
        order.add(before.map(one -> order.indexOf(one) + 1).orElse(0), trail);
      }
      before = Optional.of(trail);
    }
    trails.clear();
    order.forEach(trail -> trails.put(trail.id, trail));
  }

  // ---- reading

  private int read(Trail trail, Consumer<TrailRecord> out) throws IOException {
    trail.resume();
    buffer.clear().limit((int) Math.min(buffer.capacity(), trail.size - trail.readPosition));
    int count = trail.read(buffer, trail.readPosition);
    boolean tail = trail.ended && trail.readPosition + count >= trail.size;
    if (count < buffer.limit()) {
      throw new IOException(
          "trail "
              + trail.id
              + ": the file ends at "
              + (trail.readPosition + count)
              + ", expected "
              + trail.size
              + " bytes");
    }
    byte[] bytes = buffer.array();
    long base = trail.readPosition;
    Instant observed = clock.instant();
    int start = 0;
    for (int end = recordEnd(bytes, start, count); end > 0; end = recordEnd(bytes, start, count)) {
      boolean lineEnd = bytes[end - 1] == '\n';
      hand(trail, base, start, end, lineEnd && !trail.overlong, observed, out);
      trail.overlong = !lineEnd;
      start = end;
    }
    if (tail && start < count) {
      LOG.warn(
          "source {}: trail {} ends inside a record at byte {} (no line end): its last {} bytes are published as UNPARSED",
          name,
          trail.id,
          base + count,
          count - start);
      hand(trail, base, start, count, false, observed, out);
      start = count;
    }
    if (start == 0) {
      trail.tornAt = trail.size;
    }
    trail.readPosition = base + start;
    return start;
  }

  /** Position after the next record or chunk, 0 if the bytes end before it does. */
  private static int recordEnd(byte[] bytes, int start, int limit) {
    int longest = Math.min(limit, start + MAX_RECORD_BYTES);
    for (int i = start; i < longest; i++) {
      if (bytes[i] == '\n') {
        return i + 1;
      }
    }
    return longest - start == MAX_RECORD_BYTES ? longest : 0;
  }

  private void hand(
      Trail trail,
      long base,
      int start,
      int end,
      boolean whole,
      Instant observed,
      Consumer<TrailRecord> out) {
    long position = base + start;
    if (trail.coverage.covers(position, base + end)) {
      return; // acknowledged before the restart or rewind
    }
    byte[] raw = new byte[end - start];
    System.arraycopy(buffer.array(), start, raw, 0, raw.length);
    trail.pending++;
    if (position >= trail.countedTo) {
      trail.countedTo = base + end;
      received++;
    } else {
      trail.rewound--;
      rereads++;
    }
    out.accept(new TrailRecord(trail.id, position, raw, whole, observed));
  }

  // ---- states

  private TrailNotice opening(Trail trail) {
    return new TrailNotice(
        trail.id,
        TrailStatus.OPENED,
        trail.id + "." + TrailName.NOT_TERMINATED,
        trail.size,
        Optional.empty(),
        previous,
        previousSha256,
        Optional.empty(),
        List.of());
  }

  private Optional<TrailNotice> closing(Trail trail) throws IOException {
    Optional<String> ending = ending(trail);
    if (ending.isEmpty()) {
      return Optional.empty();
    }
    TrailStatus state =
        ending.get().equals(TrailName.CRASH_RECOVERY)
            ? TrailStatus.CRASH_RECOVERED
            : TrailStatus.TERMINATED;
    Optional<String> sha256 = trail.lost.isEmpty() ? Optional.of(trail.sha256()) : Optional.empty();
    trail.phase = Phase.CLOSING;
    return Optional.of(
        new TrailNotice(
            trail.id,
            state,
            trail.id + "." + ending.get(),
            trail.size,
            sha256,
            previous,
            previousSha256,
            trail.lost,
            trail.lost.isEmpty() ? List.of() : trail.holes()));
  }

  /** How the closed trail's name ends; empty while it cannot be told yet. */
  private Optional<String> ending(Trail trail) throws IOException {
    Optional<String> named = trail.name.filter(TrailName::isClosed).map(TrailName::ending);
    if (named.isPresent()) {
      return named;
    }
    // A healthy rotation ends a trail where the next one starts: then a missing one shows in the
    // names.
    Optional<Trail> next =
        trails.values().stream().dropWhile(other -> other != trail).skip(1).findFirst();
    if (next.isPresent() && next.get().id.compareTo(trail.id) >= 0) {
      return Optional.of(next.get().id.substring(0, 14));
    }
    if (next.isEmpty() && !once && trail.lost.isEmpty()) {
      return Optional.empty();
    }
    boolean readable = trail.lost.isEmpty() && (trail.path().isPresent() || trail.isOpen());
    Optional<Instant> last =
        readable ? RecordStamp.last(trail.channel(), trail.size) : Optional.empty();
    return Optional.of(TrailName.stamp(last.orElse(clock.instant())));
  }
}
