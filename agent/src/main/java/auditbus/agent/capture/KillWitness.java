// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.trail.TrailName;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/**
 * Reads a trail while it is being written and tells which signals to the agent stand in it, from a
 * position on and into the trails that follow.
 *
 * <p>A trail is left for the next one, by start time, once it no longer goes by its name, a next
 * one is there, and it has been read to its end after that was seen. A last line without a line end
 * waits, and is given up with its trail.
 *
 * <p>One poll reads at most {@value #POLL_BYTES} bytes. Nothing is opened before the first. One
 * thread owns it; another may write the trail.
 *
 * <p>Design note: {@link KillFinder} knows lines, this knows files.
 */
final class KillWitness implements Closeable {
  /** Most bytes one poll reads. */
  static final int POLL_BYTES = 8 * 1024 * 1024;

  /**
   * Calls remembered while their targets are awaited. Records of one event were seen 8,165 serials
   * apart; only calls that send signals are remembered here.
   */
  static final int MOST_CALLS = 16 * 1024;

  private static final int BUFFER_BYTES = 128 * 1024;

  private final KillFinder finder;
  private final byte[] buffer;
  private final ByteBuffer view;

  private Path path;
  private long position;

  /** Bytes at the buffer's start that were read and begin a line that is not whole yet. */
  private int held;

  /** Reading is inside a line whose start is not known, or which is too long to be a record. */
  private boolean insideLine;

  private Optional<FileChannel> channel = Optional.empty();
  private Optional<Path> next = Optional.empty();
  private boolean atEnd;
  private long skippedTrails;

  /**
   * Makes a witness; nothing is opened.
   *
   * @param trail file of the trail; it may have been renamed since
   * @param position where to begin
   * @param isOurs whether a process id (or thread id) is the agent's
   * @param isOurNode whether a {@code node=} in front of a line is this host; asked with "" for
   *     lines without one
   */
  KillWitness(Path trail, long position, IntPredicate isOurs, Predicate<String> isOurNode) {
    this(trail, position, new KillFinder(isOurs, isOurNode, MOST_CALLS), BUFFER_BYTES);
  }

  KillWitness(Path trail, long position, KillFinder finder, int bufferBytes) {
    this.path = trail;
    this.position = position;
    this.finder = finder;
    this.buffer = new byte[bufferBytes];
    this.view = ByteBuffer.wrap(buffer);
  }

  /** What stands in the bytes that came since the last call; empty if nothing does. */
  List<KillEvent> poll() throws IOException {
    List<KillEvent> found = new ArrayList<>();
    long budget = POLL_BYTES;
    atEnd = false;
    while (budget > 0 && !atEnd && open()) {
      int count = fill();
      budget -= count;
      if (count > 0) {
        lines(found);
      } else if (next.isPresent()) {
        follow(next.get());
      } else {
        next = successor();
        atEnd = next.isEmpty();
      }
    }
    return found;
  }

  /** Whether the last poll saw the end of what was written. */
  boolean isAtEnd() {
    return atEnd;
  }

  /** File that is being read. */
  Path trail() {
    return path;
  }

  /** Where a witness that goes on after this one must begin: before the line that is not whole. */
  long position() {
    return position;
  }

  /** Calls forgotten before their target was seen, see {@link KillFinder#evicted}. */
  long evicted() {
    return finder.evicted();
  }

  /** Signals to us without a SYSCALL record, see {@link KillFinder#unmatched}. */
  long unmatched() {
    return finder.unmatched();
  }

  /** Trails that were gone before they could be read. */
  long skippedTrails() {
    return skippedTrails;
  }

  @Override
  public void close() {
    if (channel.isPresent()) {
      try {
        channel.get().close();
      } catch (IOException e) {
        // it was only read: there is nothing to lose
      }
      channel = Optional.empty();
    }
  }

  /** Opens the trail under the name it has now, or the one after it; false if there is none. */
  private boolean open() throws IOException {
    if (channel.isPresent()) {
      return true;
    }
    if (!tryOpen(path)) {
      // In this order: where a later one is, this one was made before, so what is not found now was
      // removed and is not merely to come.
      Optional<Path> later = sibling(this::hasLaterStart);
      Optional<Path> renamed = sibling(this::hasSameStart);
      if (renamed.isPresent()) {
        if (!tryOpen(renamed.get())) {
          return false; // renamed again: the next poll has its new name
        }
        path = renamed.get();
      } else if (later.isPresent() && tryOpen(later.get())) {
        skippedTrails++;
        path = later.get();
        position = 0;
      } else {
        atEnd = later.isEmpty(); // there will be one when the writer makes it
        return false;
      }
    }
    FileChannel file = channel.orElseThrow();
    if (position > file.size()) {
      long size = file.size();
      close();
      throw new IOException(
          path + " has " + size + " bytes, but was to be read from " + position + " on");
    }
    held = 0;
    insideLine = position > 0 && !isLineEnd(file, position - 1);
    return true;
  }

  private boolean tryOpen(Path file) throws IOException {
    try {
      channel =
          Optional.of(FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
      return true;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private static boolean isLineEnd(FileChannel file, long at) throws IOException {
    ByteBuffer one = ByteBuffer.allocate(1);
    return file.read(one, at) == 1 && one.get(0) == '\n';
  }

  private int fill() throws IOException {
    view.clear().position(held);
    return Math.max(0, channel.orElseThrow().read(view, position + held));
  }

  /** Looks through the whole lines that were read, and keeps what begins another. */
  private void lines(List<KillEvent> found) {
    int filled = view.position();
    int from = 0;
    if (insideLine) {
      from = firstLineEnd(filled);
      if (from < 0) {
        position += filled;
        held = 0;
        return;
      }
      insideLine = false;
    }
    int to = lastLineEnd(Math.max(from, held), filled);
    if (to > 0) {
      finder.scan(buffer, from, to, found::add);
    }
    int done = Math.max(from, to);
    if (done == 0 && filled == buffer.length) {
      insideLine = true; // no record is as long as the buffer
      done = filled;
    }
    System.arraycopy(buffer, done, buffer, 0, filled - done);
    held = filled - done;
    position += done;
  }

  /** Just after the first line end, or -1. */
  private int firstLineEnd(int to) {
    for (int i = 0; i < to; i++) {
      if (buffer[i] == '\n') {
        return i + 1;
      }
    }
    return -1;
  }

  /** Just after the last line end at or after a place, or -1. */
  private int lastLineEnd(int from, int to) {
    for (int i = to; i > from; i--) {
      if (buffer[i - 1] == '\n') {
        return i;
      }
    }
    return -1;
  }

  /** The trail after this one, if this one's writer is done with it. */
  private Optional<Path> successor() throws IOException {
    Optional<TrailName> name = name(path);
    boolean ended = name.isPresent() && (name.get().isClosed() || !Files.exists(path));
    return ended ? sibling(this::hasLaterStart) : Optional.empty();
  }

  private void follow(Path later) {
    close();
    next = Optional.empty();
    path = later;
    position = 0;
  }

  private boolean hasSameStart(TrailName other) {
    return name(path).filter(own -> own.start().equals(other.start())).isPresent();
  }

  private boolean hasLaterStart(TrailName other) {
    return name(path).filter(own -> own.start().compareTo(other.start()) < 0).isPresent();
  }

  private static Optional<TrailName> name(Path file) {
    return TrailName.parse(file.getFileName().toString());
  }

  /**
   * The file with the earliest start among those a rule admits.
   *
   * <p>A listing may miss a file that is renamed while it is made, and a trail's name changes once:
   * what the first misses the second has.
   */
  private Optional<Path> sibling(Predicate<TrailName> admitted) throws IOException {
    Optional<Path> first = listed(admitted);
    Optional<Path> second = first.isEmpty() ? first : listed(admitted);
    return first.isPresent() && second.isPresent() && isEarlier(first.get(), second.get())
        ? first
        : second;
  }

  private static boolean isEarlier(Path one, Path other) {
    return one.getFileName().compareTo(other.getFileName()) < 0;
  }

  private Optional<Path> listed(Predicate<TrailName> admitted) throws IOException {
    Optional<Path> earliest = Optional.empty();
    try (DirectoryStream<Path> entries =
        Files.newDirectoryStream(path.toAbsolutePath().getParent())) {
      for (Path entry : entries) {
        if (name(entry).filter(admitted).isPresent()
            && (earliest.isEmpty() || isEarlier(entry, earliest.get()))) {
          earliest = Optional.of(entry);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return earliest;
  }
}
