// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.schemas.Format;
import auditbus.schemas.TrailStatus;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Says which states of trails are to be published, each when it is due: that it is open, and how it
 * was closed once every byte is acknowledged. The closing states of a source are a chain: each
 * names the one sent before it.
 *
 * <p>Design note: the states of a host go to one partition, are acknowledged in the order they were
 * sent, and any failure rewinds all of them. So a closing state need not wait until the broker has
 * the one it names.
 *
 * <p>Not thread-safe.
 */
final class TrailStates {
  /** How many closing states may be on their way at a time. */
  static final int MAX_CLOSING = 64;

  /**
   * Bytes of the trails whose closing states are on their way, unless it is one trail: each is read
   * whole for its digest, and again after a rewind.
   */
  static final long MAX_CLOSING_BYTES = 16L * 1024 * 1024;

  /** Bytes of a trail that are read for its digest before other things have their turn. */
  static final int DIGEST_STEP_BYTES = 1024 * 1024;

  private final KnownTrails known;
  private final boolean once;
  private final InstantSource clock;
  // Trails for which a state was due when all were last gone through.
  private final Deque<Trail> due = new ArrayDeque<>();
  // Of a trail that is to be closed, until it is whole: also over a rewind, it is of the file.
  private Optional<FileDigest> digest = Optional.empty();
  // The first of those that are due waits for it.
  private boolean digesting;
  // Closing states on their way, in the order they were sent.
  private final Deque<TrailNotice> closing = new ArrayDeque<>();
  private long closingBytes;
  // The last closing state the broker has, and the last one sent to it.
  private Link acked;
  private Link sent;
  private long closedTrails;

  /** What a closing state says of the one before it. */
  private record Link(Optional<String> trail, Optional<String> sha256) {}

  TrailStates(
      KnownTrails known,
      boolean once,
      InstantSource clock,
      Optional<String> previous,
      Optional<String> previousSha256) {
    this.known = known;
    this.once = once;
    this.clock = clock;
    this.acked = new Link(previous, previousSha256);
    this.sent = acked;
  }

  /** Trails closed in this run. */
  long closedTrails() {
    return closedTrails;
  }

  /** Whether a closing state waits only for the rest of its trail's digest. */
  boolean isDigesting() {
    return digesting;
  }

  /** The files are closed: what comes back under their names may be others. */
  void filesClosed() {
    digest = Optional.empty();
  }

  /**
   * The next state to publish, if one is due and can be told; each is handed out once until {@link
   * #rewind}. A trail that lost bytes is closed when nothing of it is on its way any more. A digest
   * is taken a bounded part a call, in calls that have nothing else to hand out.
   */
  Optional<TrailNotice> next() {
    if (digesting) {
      Optional<TrailNotice> opening = opening();
      return opening.isPresent() ? opening : nextOfDue();
    }
    Optional<TrailNotice> notice = nextOfDue();
    if (notice.isEmpty() && !digesting) {
      gather();
      notice = nextOfDue();
    }
    return notice.isEmpty() && digesting ? opening() : notice;
  }

  private Optional<TrailNotice> opening() {
    return known.open().stream().filter(Trail::isToBeOpened).findFirst().map(this::open);
  }

  private void gather() {
    boolean room = true;
    for (Trail trail : known.open()) {
      if (trail.isToBeOpened()) {
        due.add(trail);
      } else if (room && trail.isToBeClosed()) {
        room = hasRoom(trail); // smaller ones do not overtake it for ever
        if (room) {
          due.add(trail);
        }
      }
    }
  }

  private Optional<TrailNotice> nextOfDue() {
    digesting = false;
    for (Trail trail = due.peek(); trail != null; trail = due.peek()) {
      if (trail.isToBeOpened()) {
        due.remove();
        return Optional.of(open(trail));
      }
      if (trail.isToBeClosed() && hasRoom(trail)) {
        try {
          Optional<TrailNotice> notice = closing(trail);
          if (digesting) {
            return Optional.empty(); // it stays the first
          }
          if (notice.isPresent()) {
            due.remove();
            return notice;
          }
        } catch (IOException e) {
          digest = Optional.empty();
          trail.failed(e);
        }
      }
      due.remove();
    }
    return Optional.empty();
  }

  private TrailNotice open(Trail trail) {
    trail.openingSent();
    return opening(trail);
  }

  private boolean hasRoom(Trail trail) {
    return closing.isEmpty()
        || (closing.size() < MAX_CLOSING && closingBytes + trail.size() <= MAX_CLOSING_BYTES);
  }

  /** The broker has this state. */
  void acked(TrailNotice notice) {
    Optional<Trail> trail = known.open(notice.trail());
    if (!notice.closes()) {
      trail.ifPresent(Trail::opened);
      return;
    }
    // INVARIANT: acknowledged in the order sent. Another one was sent before a rewind: it is sent
    // again, maybe in another place of the chain.
    if (!notice.equals(closing.peek())) {
      return;
    }
    closing.remove();
    closingBytes -= notice.size();
    acked = link(notice);
    if (trail.isPresent()) {
      known.close(trail.get(), notice.size(), notice.sha256());
      closedTrails++;
    }
  }

  /** What is not acknowledged is to be sent again: the chain goes on from the last one that is. */
  void rewind() {
    due.clear();
    digesting = false;
    closing.clear();
    closingBytes = 0;
    sent = acked;
    known.open().forEach(Trail::rewind);
  }

  private static Link link(TrailNotice notice) {
    return new Link(Optional.of(notice.trail()), notice.sha256());
  }

  private TrailNotice opening(Trail trail) {
    return new TrailNotice(
        trail.id(),
        trail.format().orElse(Format.UNKNOWN),
        TrailStatus.OPENED,
        trail.id() + "." + TrailName.NOT_TERMINATED,
        trail.size(),
        Optional.empty(),
        sent.trail(),
        sent.sha256(),
        trail.remark(),
        List.of());
  }

  private Optional<TrailNotice> closing(Trail trail) throws IOException {
    Optional<String> ending = ending(trail);
    if (ending.isEmpty()) {
      return Optional.empty();
    }
    boolean lost = trail.lost().isPresent();
    Optional<String> sha256 = lost ? Optional.empty() : takeDigest(trail);
    if (digesting) {
      return Optional.empty();
    }
    trail.closingSent();
    String cause =
        Stream.of(trail.lost(), trail.remark())
            .flatMap(Optional::stream)
            .collect(Collectors.joining("; "));
    TrailNotice notice =
        new TrailNotice(
            trail.id(),
            trail.format().orElse(Format.UNKNOWN),
            ending.get().equals(TrailName.CRASH_RECOVERY)
                ? TrailStatus.CRASH_RECOVERED
                : TrailStatus.TERMINATED,
            trail.id() + "." + ending.get(),
            trail.size(),
            sha256,
            sent.trail(),
            sent.sha256(),
            cause.isEmpty() ? Optional.empty() : Optional.of(cause),
            lost ? trail.holes() : List.of());
    closing.add(notice);
    closingBytes += notice.size();
    sent = link(notice);
    return Optional.of(notice);
  }

  /** Goes on with the digest of a trail; empty, and {@link #digesting}, while it is not whole. */
  private Optional<String> takeDigest(Trail trail) throws IOException {
    FileDigest taking =
        digest
            .filter(begun -> begun.isOf(trail.file(), trail.size()))
            .orElseGet(() -> trail.file().digesting(trail.size()));
    Optional<String> sha256 = taking.advance(DIGEST_STEP_BYTES);
    digesting = sha256.isEmpty();
    digest = digesting ? Optional.of(taking) : Optional.empty();
    return sha256;
  }

  /** How the closed trail's name ends; empty while it cannot be told yet. */
  private Optional<String> ending(Trail trail) throws IOException {
    Optional<String> named = trail.name().filter(TrailName::isClosed).map(TrailName::ending);
    if (named.isPresent()) {
      return named;
    }
    // A healthy rotation ends a trail where the next one starts: then a missing one shows in the
    // names.
    Optional<String> next = next(trail);
    if (next.isPresent() && next.get().compareTo(trail.id()) >= 0) {
      return Optional.of(next.get().substring(0, TrailName.STAMP_LENGTH));
    }
    boolean lost = trail.lost().isPresent();
    if (next.isEmpty() && !once && !lost) {
      return Optional.empty();
    }
    boolean readable = !lost && (trail.file().path().isPresent() || trail.file().isOpen());
    Optional<Instant> last =
        readable ? RecordStamp.last(trail.file().channel(), trail.size()) : Optional.empty();
    return Optional.of(TrailName.stamp(last.orElse(clock.instant())));
  }

  private Optional<String> next(Trail trail) {
    // One that has no name any more is in no listing: what came after it may be closed by now.
    return trail.file().path().isPresent()
        ? trail.next().or(() -> following(trail))
        : following(trail).or(trail::next).or(() -> known.closedAfter(trail));
  }

  private Optional<String> following(Trail trail) {
    return known.open().stream()
        .dropWhile(other -> other != trail)
        .skip(1)
        .findFirst()
        .map(Trail::id);
  }
}
