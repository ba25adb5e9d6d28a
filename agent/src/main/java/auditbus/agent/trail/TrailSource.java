// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.agent.trail.Checkpoint.ClosedMark;
import auditbus.agent.trail.Checkpoint.SourceMark;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The trails of one source: found, read in order from where the broker's acknowledgements end, and
 * closed when every byte is acknowledged.
 *
 * <p>Nothing in a trail is cut or skipped: what is no record comes in pieces as it is, marked as no
 * whole record.
 *
 * <p>Design note: {@link TrailFinder} has the rules about files, {@link TrailReader} cuts records,
 * {@link TrailStates} says how trails were opened and closed; all three work on {@link
 * KnownTrails}.
 *
 * <p>Not thread-safe: the distribution thread owns it.
 */
public final class TrailSource implements Closeable {
  private final String name;
  private final boolean once;
  private final KnownTrails known;
  private final TrailFinder finder;
  private final TrailReader reader;
  private final TrailStates states;
  private Optional<Trail> current = Optional.empty();

  private TrailSource(
      String name,
      Discovery discovery,
      TrailFormats formats,
      boolean once,
      InstantSource clock,
      Optional<SourceMark> mark) {
    Optional<ClosedMark> last =
        mark.map(SourceMark::closed).filter(all -> !all.isEmpty()).map(List::getLast);
    this.name = name;
    this.once = once;
    this.known = new KnownTrails(mark, formats.only());
    this.finder = new TrailFinder(name, discovery, formats, once, clock, known);
    this.reader = new TrailReader(name, formats, clock);
    this.states =
        new TrailStates(
            known, once, clock, last.map(ClosedMark::id), last.flatMap(ClosedMark::knownSha256));
  }

  /**
   * Trails with auditdistd's names.
   *
   * @param path their directory, or one such file
   * @param formats what they hold
   * @param once end every trail where it ends now
   * @param mark what is known of the source from before
   */
  public static TrailSource directory(
      String name,
      Path path,
      TrailFormats formats,
      boolean once,
      InstantSource clock,
      Optional<SourceMark> mark) {
    return new TrailSource(name, new TrailDirectory(path), formats, once, clock, mark);
  }

  /**
   * auditd's own log and its rotated files.
   *
   * @param path the log being written, e.g. {@code /var/log/audit/audit.log}
   * @param formats what they hold
   * @param once end every trail where it ends now
   * @param mark what is known of the source from before
   */
  public static TrailSource rotatedLog(
      String name,
      Path path,
      TrailFormats formats,
      boolean once,
      InstantSource clock,
      Optional<SourceMark> mark) {
    return new TrailSource(name, new RotatedLog(path), formats, once, clock, mark);
  }

  /**
   * What is known of the trails of a source that this very process captures: then a trail that is
   * removed unread is known to have dropped so and so many records.
   */
  public interface Captured {
    /** Whether the trail was written in this agent run. */
    boolean isOfThisRun(String trail);

    /** Records written to it in this agent run. */
    long records(String trail);
  }

  /** Tells whose trails these are, empty for somebody else's. */
  public void captured(Optional<Captured> by) {
    finder.captured(by);
    reader.captured(by);
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
    return finder.find();
  }

  /** As {@link #scan} tells; for when it threw: what it found before that is known all the same. */
  public boolean news() {
    return finder.news();
  }

  /**
   * Hands on the next records, a bounded amount of one trail. What cannot be read is told by {@link
   * #problem} and tried again after the next {@link #scan}.
   *
   * @return bytes moved past; 0 at the head
   */
  public int read(Consumer<TrailRecord> out) {
    for (Trail trail : known.open()) {
      if (trail.isBetweenNames()) {
        return 0; // more may stand in it than is known: what comes after it waits
      }
      if (trail.hasUnread()) {
        try {
          int moved = reader.read(trail, out);
          if (moved > 0) {
            current = Optional.of(trail);
            return moved;
          }
        } catch (NoSuchFileException e) {
          if (once) {
            finder.lose(trail, "the file was removed before it was read");
          } else {
            trail.failed(e);
            return 0; // renamed since the look: the next one has its name
          }
        } catch (IOException e) {
          trail.failed(e);
        }
      }
    }
    return 0;
  }

  /**
   * Why a trail cannot be read at present, if one can't. A name that is gone since the last look is
   * no such thing: the next look has the new one, or finds the trail lost.
   */
  public Optional<IOException> problem() {
    for (Trail trail : known.open()) {
      Optional<IOException> failure = trail.failure();
      if (failure.isPresent() && !(failure.get() instanceof NoSuchFileException)) {
        return failure;
      }
    }
    return Optional.empty();
  }

  /** Whether every byte known to be there was read. */
  public boolean atHead() {
    for (Trail trail : known.open()) {
      if (trail.hasUnread()) {
        return false;
      }
    }
    return true;
  }

  /**
   * Whether the source was told to end, everything was read, and every trail's closing state is
   * acknowledged.
   */
  public boolean isDone() {
    return once && finder.hasLooked() && known.open().isEmpty();
  }

  /** The broker has these bytes. */
  public void acked(List<Span> spans) {
    for (Span span : spans) {
      known.open(span.trail()).ifPresent(trail -> trail.acked(span.position(), span.end()));
    }
  }

  /** Position of a trail below which every byte is acknowledged, 0 for one that is not open. */
  public long lowMark(String trail) {
    return known.open(trail).map(open -> open.coverage().lowMark()).orElse(0L);
  }

  /**
   * The next state to publish, if one is due; each is handed out once until {@link #rewind}. That
   * of a large trail takes several calls, see {@link #isDigesting}.
   */
  public Optional<TrailNotice> notice() {
    return states.next();
  }

  /** Whether a trail that is not closed was not in the last listing: gone, or being renamed. */
  public boolean isMissingOne() {
    return known.open().stream().anyMatch(Trail::isMissing);
  }

  /** Whether {@link #notice} would have more to say if it were asked again and again. */
  public boolean isDigesting() {
    return states.isDigesting();
  }

  /**
   * The broker has this state. Closing states are acknowledged in the order they were handed out;
   * one from before a {@link #rewind} says nothing new and is handed out again.
   */
  public void acked(TrailNotice notice) {
    states.acked(notice);
  }

  /** Everything not acknowledged is to be read again, because it did not get through. */
  public void rewind() {
    states.rewind();
  }

  /** What is to be remembered of the source. */
  public SourceMark mark() {
    return new SourceMark(
        name, known.open().stream().map(Trail::mark).toList(), known.closedMarks());
  }

  /** A place in a trail. */
  public record Place(String trail, long position) {}

  /** The end of the last trail in reading order, empty where none is open. */
  public Optional<Place> newest() {
    Trail last = null;
    for (Trail trail : known.open()) {
      last = trail;
    }
    return Optional.ofNullable(last).map(trail -> new Place(trail.id(), trail.size()));
  }

  /**
   * The trails from the first on that has a byte which is not acknowledged, in reading order, each
   * with the position below which every byte is.
   */
  public List<Place> unacked() {
    List<Place> places = new ArrayList<>();
    for (Trail trail : known.open()) {
      long lowMark = trail.coverage().lowMark();
      if (!places.isEmpty() || lowMark < trail.size()) {
        places.add(new Place(trail.id(), lowMark));
      }
    }
    return places;
  }

  /** The trail being read and its numbers. */
  public Standing standing() {
    KnownTrails.Sums sums = known.sums();
    return new Standing(
        current.map(Trail::id),
        current.map(Trail::size).orElse(0L),
        current.map(trail -> trail.coverage().lowMark()).orElse(0L),
        sums.bytes(),
        sums.acked(),
        known.open().size(),
        states.closedTrails(),
        reader.received(),
        reader.receivedCaptured(),
        sums.rewound(),
        reader.rereads(),
        sums.dropped(),
        sums.unreadDropped(),
        finder.ignored());
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
   * @param receivedCaptured those of them that this run captured
   * @param rewound records that are to be read again
   * @param rereads records handed on again so far
   * @param dropped records that were to be read, once more or at all, and can't be: their trail is
   *     gone
   * @param unreadDropped those of them that were never read
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
      long receivedCaptured,
      long rewound,
      long rereads,
      long dropped,
      long unreadDropped,
      long ignored) {}

  @Override
  public void close() {
    known.closeFiles();
    states.filesClosed();
  }
}
