// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.Discovery.Found;
import auditbus.schemas.Format;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds a source's trails and follows them: which file is which trail, under which name, how long
 * it is and whether it has ended.
 *
 * <p>Every rule about names is here and in {@link TrailName}; no byte is given up for a name's
 * sake. What breaks a rule is said once, in the log and in the trail's states.
 *
 * <p>Not thread-safe.
 */
final class TrailFinder {
  private static final Logger LOG = LoggerFactory.getLogger(TrailFinder.class);
  private static final int UNSEEN_LOOKS = 3;
  private static final int MOST_LOOKS = 8;
  private static final int LONGEST_LINE = 64 * 1024;
  private static final Duration SETTLE = Duration.ofSeconds(1);

  /** How long nothing is written to a file that came with a closed trail's name. */
  private static final Duration COPY_SETTLE = Duration.ofSeconds(2);

  /** How long nothing is written to a trail before it may count as left over. */
  private static final Duration LEFT_OVER = Duration.ofHours(1);

  private static final String LEFT_OVER_REMARK = "left over as not_terminated";
  private static final String LATE_REMARK = "found when trail ";

  private final String name;
  private final Discovery discovery;
  private final TrailFormats formats;
  private final boolean once;
  private final InstantSource clock;
  private final KnownTrails known;
  private Optional<TrailSource.Captured> captured = Optional.empty();
  private boolean looked;
  private boolean unsaved;

  // The latest start known before this look.
  private String latestStart = "";

  TrailFinder(
      String name,
      Discovery discovery,
      TrailFormats formats,
      boolean once,
      InstantSource clock,
      KnownTrails known) {
    this.name = name;
    this.discovery = discovery;
    this.formats = formats;
    this.once = once;
    this.clock = clock;
    this.known = known;
  }

  void captured(Optional<TrailSource.Captured> by) {
    captured = by;
  }

  /** Whether a look succeeded. */
  boolean hasLooked() {
    return looked;
  }

  /** How many entries of the last listing were no trails. */
  long ignored() {
    return discovery.ignored();
  }

  /**
   * Looks at the place until what was listed stands still.
   *
   * @return whether something is known now that must be stored before it is published
   * @throws IOException if the place or a file cannot be read; the others are taken over
   */
  boolean find() throws IOException {
    known.open().forEach(Trail::tryAgain);
    if (once && looked) {
      return false; // the end was set; what comes later is not part of it
    }
    latestStart = known.latestStart();
    Look look = look();
    for (int i = 1; i < MOST_LOOKS && look.stale() && !once; i++) {
      look = look(); // else what comes after a trail that was renamed meanwhile would be read first
    }
    Optional<IOException> failure = look.failure();
    for (Trail trail : known.open()) {
      if (!look.seen().contains(trail)) {
        try {
          missing(trail);
        } catch (IOException e) {
          failure = failure.isEmpty() ? Optional.of(e) : failure; // it keeps no other waiting
        }
      }
    }
    known.forget();
    if (failure.isPresent()) {
      throw failure.get();
    }
    looked = true;
    return news();
  }

  /** As {@link #find} says; for when it threw, which does not undo what it found before. */
  boolean news() {
    boolean news = unsaved;
    unsaved = false;
    return news;
  }

  /** The trail's bytes can't be had any more: it is closed where reading has got to. */
  void lose(Trail trail, String cause) {
    LOG.error(
        "source {}: trail {}: {}. It is closed at {} bytes, without a digest",
        name,
        trail.id(),
        cause,
        trail.knownEnd());
    trail.lose(
        cause,
        captured
            .filter(by -> by.isOfThisRun(trail.id()))
            .map(by -> by.records(trail.id()) - trail.received())
            .orElse(0L));
  }

  /**
   * One listing, taken over.
   *
   * @param seen the open trails that are in it
   * @param stale whether a file had another name by the time it was looked at
   */
  private record Look(Set<Trail> seen, boolean stale, Optional<IOException> failure) {}

  private Look look() throws IOException {
    List<Found> listed;
    try {
      listed = discovery.list();
    } catch (IOException e) {
      growOpenFiles();
      throw e;
    }
    Optional<String> lastStart =
        listed.isEmpty() ? Optional.empty() : listed.getLast().name().map(TrailName::start);
    Map<Long, Trail> byInode = known.openByInode();
    known.startLook();
    boolean stale = false;
    Optional<IOException> failure = Optional.empty();
    Set<Trail> seen = new LinkedHashSet<>();
    Optional<Trail> before = Optional.empty();
    for (Found found : listed) {
      Optional<Trail> trail = Optional.ofNullable(byInode.get(found.inode()));
      Optional<String> closed = Optional.empty();
      try {
        if (trail.isPresent() && !trail.get().isIn(found)) {
          trail = Optional.empty();
        }
        closed = trail.isEmpty() ? known.closedIn(found) : Optional.empty();
        if (trail.isEmpty() && closed.isEmpty()) {
          trail = identify(found);
          trail.ifPresent(made -> byInode.put(found.inode(), made)); // it may have a second link
          unsaved |= trail.isPresent();
        }
        if (trail.isPresent() && !seen.contains(trail.get())) { // a second link says nothing new
          unsaved |= update(trail.get(), found, lastStart);
        }
      } catch (NoSuchFileException e) {
        // Renamed or removed since the listing: the next look has it under its new name.
        stale = true;
        trail = once ? trail : Optional.empty();
        failure = once && failure.isEmpty() ? Optional.of(e) : failure;
      } catch (IOException e) {
        failure = failure.isEmpty() ? Optional.of(e) : failure; // it keeps no other waiting
      }
      Optional<String> id = trail.isPresent() ? trail.map(Trail::id) : closed;
      if (id.isPresent()) {
        before.ifPresent(one -> one.next(id));
        trail.ifPresent(one -> one.next(Optional.empty()));
        before = trail;
      }
      trail.ifPresent(seen::add);
    }
    return new Look(seen, stale, failure);
  }

  // ---- which trail a file is

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
    for (int incarnation = 2; known.contains(id); incarnation++) {
      id = start.get() + "~" + incarnation;
    }
    Trail trail = new Trail(id, identity, formats.only(), found.path());
    boolean late = start.get().compareTo(latestStart) < 0;
    known.add(trail, late);
    if (!id.equals(start.get())) {
      LOG.warn(
          "source {}: {} is not the file that was trail {} before, or grew after it was closed:"
              + " it is distributed whole as trail {}",
          name,
          found.path(),
          start.get(),
          id);
    }
    if (late) {
      remark(
          trail,
          LATE_REMARK
              + latestStart
              + " was known already: the clock was set back, or the file was put there later");
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

  /** What breaks a rule and loses nothing: said once, also over restarts. */
  private void remark(Trail trail, String what) {
    if (trail.remark(what)) {
      unsaved = true;
      LOG.warn("source {}: trail {}: {}; it is sent all the same", name, trail.id(), what);
    }
  }

  // ---- what a listing says of a trail

  private boolean update(Trail trail, Found found, Optional<String> lastStart) throws IOException {
    trail.found(found.path());
    if (trail.isClosing() || trail.isEndSet()) {
      return false; // its size is told, or about to be: what comes after it is no part of it
    }
    Optional<TrailName> taken = renamed(trail, found);
    boolean ended = found.closed() && isWritten(trail, found);
    if (!found.closed() && isLeftOver(trail, found, lastStart)) {
      taken = found.name().map(left -> new TrailName(left.start(), TrailName.CRASH_RECOVERY));
      ended = true;
    }
    trail.found(found, taken, ended);
    boolean news = false;
    if (trail.format().isEmpty() && found.size() > 0) {
      Optional<Format> told = formats.of(trail.identity().firstBytes(found.path()), ended || once);
      told.ifPresent(trail::format);
      news = told.isPresent();
    }
    if (once) {
      if (found.name().isEmpty()) {
        trail.file().channel(); // a rotation may rename it from now on: the open file stays
      }
      trail.endAt(ended ? found.size() : settledSize(trail, found.size()));
    }
    if (trail.identity().length() < FileIdentity.MAX_LENGTH
        && found.size() > trail.identity().length()) {
      FileIdentity longer = FileIdentity.of(found.path());
      if (longer.inode() == trail.identity().inode()
          && longer.length() > trail.identity().length()) {
        trail.identity(longer);
        news = true;
      }
    }
    return news;
  }

  /**
   * Whether a file of a closed trail's name is no longer written to. One that was followed as
   * {@code not_terminated} was renamed by its writer; any other may be a copy that is still being
   * made.
   */
  private boolean isWritten(Trail trail, Found found) {
    boolean renamed = trail.name().filter(name -> !name.isClosed()).isPresent();
    return once
        || found.name().isEmpty()
        || renamed
        || trail.isEnded()
        || Math.abs(clock.millis() - found.modifiedMillis()) >= COPY_SETTLE.toMillis();
  }

  /** The name to go by: of an illegal rename the first closing name holds. */
  private Optional<TrailName> renamed(Trail trail, Found found) {
    Optional<TrailName> before = trail.name();
    if (before.isEmpty() || found.name().isEmpty()) {
      return found.name();
    }
    // What was taken for left over goes by a name its file does not have.
    boolean legal =
        before.get().mayBecome(found.name().get())
            || (before.get().ending().equals(TrailName.CRASH_RECOVERY)
                && trail.remark().filter(said -> said.contains(LEFT_OVER_REMARK)).isPresent());
    if (!legal) {
      remark(
          trail, "renamed from " + before.get() + " to " + found.name().get() + ", no legal way");
    }
    boolean firstCloses = before.get().isClosed() && found.closed();
    return legal || !firstCloses ? found.name() : before;
  }

  /**
   * Whether its writer died and nobody renamed it: a trail started after its last byte was written.
   * If that is wrong, what is written to it yet comes as another incarnation.
   */
  private boolean isLeftOver(Trail trail, Found found, Optional<String> lastStart) {
    long stillMillis = clock.millis() - found.modifiedMillis();
    if (once
        || found.name().isEmpty()
        || stillMillis < LEFT_OVER.toMillis()
        || lastStart.isEmpty()
        || trail.remark().filter(said -> said.contains(LATE_REMARK)).isPresent()) {
      return false;
    }
    String lastWritten = TrailName.stamp(Instant.ofEpochMilli(found.modifiedMillis()));
    boolean isLast = lastStart.get().equals(found.name().get().start());
    if (isLast || lastStart.get().compareTo(lastWritten) <= 0) {
      return false;
    }
    remark(
        trail,
        LEFT_OVER_REMARK
            + ", last written to at "
            + lastWritten
            + ", before trail "
            + lastStart.get()
            + " started: taken for a crash recovery");
    return true;
  }

  /**
   * Where a text trail that may still be written to ends now: behind a whole line, if its writer
   * finishes one soon. What writes BSM writes whole records.
   */
  private long settledSize(Trail trail, long size) throws IOException {
    if (trail.format().filter(format -> format == Format.LINUX).isEmpty()) {
      return size;
    }
    long deadline = System.nanoTime() + SETTLE.toNanos();
    Instant modified = Files.getLastModifiedTime(trail.file().path().orElseThrow()).toInstant();
    boolean still = modified.isBefore(clock.instant().minus(SETTLE.multipliedBy(2)));
    ByteBuffer tail = ByteBuffer.allocate(LONGEST_LINE);
    for (long end = size; end > 0; end = trail.file().size()) {
      long from = Math.max(0, size - 1);
      tail.clear().limit((int) Math.min(tail.capacity(), end - from));
      int count = trail.file().read(tail, from);
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
    for (Trail trail : known.open()) {
      if (trail.file().isOpen() && trail.isOpened() && !trail.isEnded()) {
        trail.grownTo(trail.file().size());
      }
    }
  }

  private void missing(Trail trail) throws IOException {
    if (trail.isClosing() || trail.lost().isPresent()) {
      return;
    }
    // What was seen in it and is not there any more is lost, also if it was not read yet.
    long wanted = Math.max(trail.size(), trail.knownEnd());
    boolean readable = trail.file().isOpen() && trail.file().size() >= wanted;
    // The inode is the same: the name may have been found, and other bytes behind it.
    boolean rewritten = trail.file().isOpen() && !trail.beginsAsBefore();
    if (rewritten) {
      lose(
          trail,
          "the file was emptied and written anew, "
              + trail.file().size()
              + " bytes so far, after "
              + trail.knownEnd()
              + " of "
              + wanted
              + " bytes were read");
      return;
    }
    if (readable) {
      trail.grownTo(trail.file().size());
    }
    // A listing made while a file is renamed may show neither of its names.
    if (!once && trail.missed() < UNSEEN_LOOKS) {
      return;
    }
    if (readable) {
      if (trail.file().path().isPresent()) {
        LOG.warn(
            "source {}: trail {} was removed or replaced while it was being read; reading on from"
                + " the open file",
            name,
            trail.id());
        trail.file().vanished();
      }
      trail.endHere();
      return;
    }
    long end = trail.knownEnd();
    lose(
        trail,
        trail.file().isOpen()
            ? "the file shrank to "
                + trail.file().size()
                + " of its "
                + wanted
                + " bytes after "
                + end
                + " were read"
            : "the file is gone or was replaced after "
                + end
                + " bytes were read; more may have stood in it");
  }
}
