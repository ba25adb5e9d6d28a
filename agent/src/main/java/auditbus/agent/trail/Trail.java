// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.Checkpoint.TrailMark;
import auditbus.agent.trail.Discovery.Found;
import auditbus.schemas.Coverage;
import auditbus.schemas.Format;
import auditbus.schemas.Range;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.TreeSet;

/**
 * One trail of a source until its closing state is acknowledged: the file it stands in, how far it
 * was read and what of it is acknowledged. One thread owns it.
 */
final class Trail implements Closeable {
  /** How far its states went out. */
  private enum Phase {
    FOUND,
    OPENED,
    CLOSING
  }

  private final String id;
  private final FollowedFile file;
  private final Coverage coverage = new Coverage();

  // What listings say of it.
  private FileIdentity identity;
  private Optional<TrailName> name = Optional.empty();
  private Optional<Format> format;
  private Optional<String> next = Optional.empty();
  private long size;
  private boolean ended;
  private boolean endSet;
  private int unseen;
  private boolean verified;
  private Optional<String> lost = Optional.empty();
  private Optional<String> remark = Optional.empty();
  private Optional<IOException> failure = Optional.empty();

  // How far its states went out.
  private Phase phase = Phase.FOUND;
  private boolean openingSent;

  // How far it was read.
  private long readPosition;
  private long countedTo;
  private long waitsAt = -1;
  // Ends, from the low mark on, of pieces that what follows continues: where reading may go on, it
  // has to know. Bounded by what is handed on and not acknowledged.
  private final NavigableSet<Long> brokenEnds = new TreeSet<>();
  private boolean faulty;

  // Counted in this run.
  private long received;
  private long pending;
  private long rewound;
  private long unreadDropped;

  // SHA-256 of the bytes before tailPosition (the end of what is acknowledged), at most as many as
  // an identity has.
  private long tailPosition;
  private String tailDigest = "";

  /** A trail that was just found. */
  Trail(String id, FileIdentity identity, Optional<Format> format, Path path) {
    this.id = id;
    this.identity = identity;
    this.format = format;
    this.file = new FollowedFile(id, identity.inode(), Optional.of(path));
    this.verified = true;
  }

  /** A trail that is known from before; its file is still to be found. */
  Trail(TrailMark mark, Optional<Format> onlyFormat) {
    this.id = mark.id();
    this.identity = new FileIdentity(mark.inode(), mark.identityLength(), mark.identityDigest());
    this.format = onlyFormat.or(mark::knownFormat);
    this.file = new FollowedFile(id, mark.inode(), Optional.empty());
    for (long[] range : mark.covered()) {
      coverage.add(range[0], range[0] + range[1]);
    }
    this.tailPosition = mark.tailPosition();
    this.tailDigest = mark.tailDigest();
    this.remark = Optional.ofNullable(mark.remark());
    this.openingSent = mark.opened();
    this.phase = mark.opened() ? Phase.OPENED : Phase.FOUND;
    this.size = coverage.end();
    this.readPosition = coverage.lowMark();
    if (mark.continued()) {
      brokenEnds.add(readPosition);
    }
    this.countedTo = readPosition;
  }

  TrailMark mark() {
    List<long[]> covered =
        coverage.covered().stream()
            .map(range -> new long[] {range.getPosition(), range.getLength()})
            .toList();
    markTail();
    return new TrailMark(
        id,
        identity.inode(),
        identity.length(),
        identity.digest(),
        format.map(Format::name).orElse(null),
        covered,
        brokenEnds.contains(coverage.lowMark()),
        tailPosition,
        tailDigest,
        phase != Phase.FOUND,
        remark.orElse(null));
  }

  private void markTail() {
    long position = coverage.end();
    if (position == tailPosition || !file.isOpen()) {
      return;
    }
    try {
      tailDigest = file.digestBefore(position);
      tailPosition = position;
    } catch (IOException e) {
      tailPosition = 0; // nothing to compare with is no reason to lose the checkpoint
      tailDigest = "";
    }
  }

  String id() {
    return id;
  }

  /** The 14 digits its id begins with. */
  String start() {
    return id.substring(0, TrailName.STAMP_LENGTH);
  }

  FollowedFile file() {
    return file;
  }

  Coverage coverage() {
    return coverage;
  }

  FileIdentity identity() {
    return identity;
  }

  /** More of its first bytes are there now. */
  void identity(FileIdentity longer) {
    identity = longer;
  }

  /** What its records are; empty while too few of its bytes are there to tell. */
  Optional<Format> format() {
    return format;
  }

  void format(Format told) {
    format = Optional.of(told);
  }

  /** Its name, empty for a log named otherwise and for one not seen yet in this run. */
  Optional<TrailName> name() {
    return name;
  }

  /** Id of the trail that came after it in the last listing it was in. */
  Optional<String> next() {
    return next;
  }

  void next(Optional<String> following) {
    next = following;
  }

  /** Bytes that stand in the file, as far as they are to be read. */
  long size() {
    return size;
  }

  /** Whether its writer is done with it: its size is final. */
  boolean isEnded() {
    return ended;
  }

  /** Why its bytes can't be had whole; then the closing state has no digest. */
  Optional<String> lost() {
    return lost;
  }

  /** What is out of the ordinary with it, though nothing is lost. */
  Optional<String> remark() {
    return remark;
  }

  /** Adds to what is out of the ordinary; returns false if that is known already. */
  boolean remark(String what) {
    if (remark.filter(said -> said.contains(what)).isPresent()) {
      return false;
    }
    remark = Optional.of(remark.map(said -> said + "; " + what).orElse(what));
    return true;
  }

  /** Why it could not be read the last time; it is not tried again before the next look. */
  Optional<IOException> failure() {
    return failure;
  }

  void failed(IOException why) {
    failure = Optional.of(why);
  }

  void tryAgain() {
    failure = Optional.empty();
  }

  // ---- what a listing says

  /** It is in the listing, under that name. */
  void found(Path path) {
    file.movedTo(path);
    unseen = 0;
  }

  /** Takes over name, size and end from a listing. */
  void found(Found now, Optional<TrailName> takenName, boolean isEnded) {
    name = takenName;
    size = now.size();
    ended = isEnded;
  }

  /** Not in the listing; returns how many times in a row that is now. */
  int missed() {
    return ++unseen;
  }

  /** Whether the last listing did not have it. */
  boolean isMissing() {
    return unseen > 0;
  }

  /** The file goes on growing: nobody ended it. */
  void grownTo(long newSize) {
    size = Math.max(size, newSize);
  }

  /** Its end is here whatever is written to it later. */
  void endAt(long end) {
    size = end;
    ended = true;
    endSet = true;
  }

  /** Its file has no name any more, or not one that is known: what stands in it is the end. */
  void endHere() {
    ended = true;
  }

  boolean isEndSet() {
    return endSet;
  }

  /** Its bytes can't be had any more. */
  void lose(String cause, long neverRead) {
    lost = Optional.of(cause);
    unreadDropped = neverRead;
    size = knownEnd();
    ended = true;
    file.close();
    file.vanished();
  }

  /** Position after the last byte that was read or acknowledged. */
  long knownEnd() {
    return Math.max(coverage.end(), readPosition);
  }

  /**
   * Whether the file found is still this trail's.
   *
   * @throws IOException if its bytes cannot be compared
   */
  boolean isIn(Found found) throws IOException {
    if (lost.isPresent() || !startsLike(found)) {
      return false; // the inode was given to another trail
    }
    if (!verified) {
      file.movedTo(found.path());
      // A file cut by a crash and grown again has the same first bytes: those before the last
      // acknowledged one are compared, too.
      boolean same =
          identity.matches(found.path())
              && (tailPosition == 0 || file.digestBefore(tailPosition).equals(tailDigest));
      if (!same) {
        return false;
      }
      verified = true;
      rewind();
    }
    if (found.size() != size) {
      // Truncated and written again between two looks, it may even be longer: only its first
      // bytes tell.
      return found.size() >= knownEnd() && identity.matches(found.path());
    }
    return true;
  }

  /**
   * Whether the open file begins with this trail's first bytes: not where it was emptied and others
   * were written to it. An empty one, of which nothing can be said, does.
   */
  boolean beginsAsBefore() throws IOException {
    return file.size() < identity.length()
        || file.digestBefore(identity.length()).equals(identity.digest());
  }

  private boolean startsLike(Found found) {
    return found.name().isEmpty() || start().equals(found.name().get().start());
  }

  /** Not found at the last look, which may have met its renaming; the next ones tell. */
  boolean isBetweenNames() {
    boolean renamed = failure.filter(NoSuchFileException.class::isInstance).isPresent();
    return (renamed || (unseen > 0 && !ended)) && lost.isEmpty();
  }

  // ---- reading

  /** Whether there is something to read that was not seen to want more bytes. */
  boolean hasUnread() {
    return lost.isEmpty()
        && verified
        && failure.isEmpty()
        && readPosition < size
        && format.isPresent()
        && (ended || waitsAt != size);
  }

  /** Where reading goes on. */
  long readPosition() {
    return readPosition;
  }

  /** Whether the bytes at the reading position continue a piece that is no record. */
  boolean isContinued() {
    return brokenEnds.contains(readPosition);
  }

  /** What ends here is no record, and what follows belongs to the same broken thing. */
  void brokenUpTo(long end) {
    brokenEnds.add(end);
  }

  /** Everything before this position was handed on. */
  void readTo(long position) {
    readPosition = position;
    brokenEnds.headSet(coverage.lowMark()).clear();
  }

  /** What stands behind the reading position is no whole record yet. */
  void waitForMore() {
    waitsAt = size;
  }

  /** A piece of it is no record; returns whether it is the first one seen in this run. */
  boolean foundFault() {
    boolean first = !faulty;
    faulty = true;
    return first;
  }

  /** Counts a record that is handed on; returns whether for the first time in this run. */
  boolean handOn(long position, long end) {
    pending++;
    if (position >= countedTo) {
      countedTo = end;
      received++;
      return true;
    }
    rewound--;
    return false;
  }

  /** The broker has these bytes, which are one record. */
  void acked(long position, long end) {
    coverage.add(position, end);
    pending--;
  }

  /** Reading starts again at the first byte that is not acknowledged. */
  void rewind() {
    rewound += pending;
    pending = 0;
    readPosition = coverage.lowMark();
    waitsAt = -1;
    if (phase == Phase.CLOSING) {
      phase = Phase.OPENED;
    }
    openingSent = phase != Phase.FOUND;
  }

  /** Records counted in this run. */
  long received() {
    return received;
  }

  /** Records that were handed on before a rewind and are to be handed on again. */
  long rewound() {
    return rewound;
  }

  /** Records known to have stood in it that were never read, since it was lost. */
  long unreadDropped() {
    return unreadDropped;
  }

  // ---- states

  /** Whether its OPENED state is to be sent. */
  boolean isToBeOpened() {
    return phase == Phase.FOUND && !openingSent;
  }

  void openingSent() {
    openingSent = true;
  }

  /** Its OPENED state is acknowledged, maybe once more. */
  void opened() {
    if (phase == Phase.FOUND) {
      phase = Phase.OPENED;
    }
  }

  boolean isOpened() {
    return phase == Phase.OPENED;
  }

  /** Whether all of it is acknowledged, or nothing of a lost one is on its way any more. */
  boolean isToBeClosed() {
    return phase == Phase.OPENED
        && ended
        && failure.isEmpty()
        && (lost.isEmpty() ? coverage.covers(0, size) : pending <= 0);
  }

  void closingSent() {
    phase = Phase.CLOSING;
  }

  boolean isClosing() {
    return phase == Phase.CLOSING;
  }

  List<Range> holes() {
    return coverage.missing(size);
  }

  @Override
  public void close() {
    file.close();
  }
}
