// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Set;

/**
 * The file of one trail while it is written, and until it has its closing name.
 *
 * <p>Bytes are written at their position, never at "the end": a write that is repeated after an
 * interrupt or an error puts the same bytes in the same place.
 *
 * <p>One thread writes. {@link #force} and {@link #isGone} may be called by one other; the rest of
 * its state is volatile or under its monitor.
 */
final class TrailFile implements Closeable {
  private static final Set<OpenOption> OPEN =
      Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final int COPY_BYTES = 1024 * 1024;

  private final String start;
  private final Object key;
  private volatile Path path;
  private FileChannel channel; // guarded by this
  private volatile boolean closed;
  private volatile boolean finished;
  private volatile boolean damageSeen;

  private volatile long position;
  private long lineEnd;

  // What force has to do: bytes from `forced` on were never seen to reach the disk.
  private volatile boolean unforced;
  private volatile long forced;
  private volatile boolean forceFailed;

  private TrailFile(String start, Path path, FileChannel channel, Object key) {
    this.start = start;
    this.path = path;
    this.channel = channel;
    this.key = key;
  }

  /**
   * Makes the file of a new trail; it must not exist yet.
   *
   * @param access gives the new file group and permissions, while only its owner can open it
   */
  static TrailFile create(Path directory, String start, Access access) throws IOException {
    Path path = directory.resolve(new TrailName(start, TrailName.NOT_TERMINATED).toString());
    FileChannel channel =
        FileChannel.open(
            path,
            Set.of(
                StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
            OWNER_ONLY);
    try {
      access.grant(path);
      return new TrailFile(start, path, channel, key(path));
    } catch (IOException e) {
      channel.close();
      Files.deleteIfExists(path);
      throw e;
    }
  }

  /** Gives a new file group and permissions. */
  @FunctionalInterface
  interface Access {
    void grant(Path file) throws IOException;
  }

  /** The trail's id. */
  String start() {
    return start;
  }

  /** Its name now. */
  Path path() {
    return path;
  }

  /** Bytes written. */
  long position() {
    return position;
  }

  boolean isClosed() {
    return closed;
  }

  /** Whether bytes were written that no force is known to have brought to the disk. */
  boolean isUnforced() {
    return unforced;
  }

  /**
   * Writes the lines. Where it fails the buffer's position is behind the last byte written.
   *
   * @throws IOException the system's own
   */
  void write(ByteBuffer lines) throws IOException {
    int from = lines.position();
    try {
      Uninterrupted.run(
          () -> {
            while (lines.hasRemaining()) {
              int before = lines.position();
              try {
                channel().write(lines, position);
              } finally {
                unforced = true;
                moveTo(position + lines.position() - before);
              }
            }
          });
      lineEnd = position;
    } catch (IOException e) {
      for (int i = lines.position() - 1; i >= from; i--) {
        if (lines.get(i) == '\n') {
          lineEnd = position - (lines.position() - 1 - i);
          break;
        }
      }
      throw e;
    }
  }

  /** Whether its last line is not whole, because a write failed in the midst of it. */
  boolean isTorn() {
    return lineEnd < position;
  }

  /**
   * Takes a torn line at its end back, out of the file and into the buffer it came from.
   *
   * @return whether the trail ends with a whole line now
   */
  boolean takeTornLineBack(ByteBuffer lines) throws IOException {
    long torn = position - lineEnd;
    if (torn > lines.position()) {
      return false; // it is another buffer
    }
    if (torn > 0) {
      Uninterrupted.run(() -> channel().truncate(lineEnd));
      lines.position(lines.position() - (int) torn);
      forced = Math.min(forced, lineEnd);
      unforced = true;
      moveTo(lineEnd);
    }
    return true;
  }

  /**
   * Brings what was written to the disk (fdatasync).
   *
   * <p>After one that failed, what it should have brought there is written again: Linux tells of a
   * failed write-back once, and takes the pages for clean from then on.
   */
  void force() throws IOException {
    if (!unforced) {
      return;
    }
    unforced = false;
    long end = position;
    try {
      Uninterrupted.run(
          () -> {
            if (forceFailed) {
              rewrite(forced, end);
            }
            channel().force(false);
          });
      forced = end;
      forceFailed = false;
    } catch (IOException e) {
      forceFailed = true;
      unforced = true;
      throw e;
    }
  }

  /** Whether it was removed, or another file stands under its name. */
  boolean isGone() throws IOException {
    try {
      return !key.equals(key(path));
    } catch (NoSuchFileException e) {
      return true;
    }
  }

  /** How many of the bytes written were cut off by someone else, as far as can be told. */
  long missing() throws IOException {
    long[] size = {0};
    Uninterrupted.run(() -> size[0] = channel().size());
    return Math.max(0, position - size[0]);
  }

  /** Whether its bytes can still be read if it lost its name. */
  synchronized boolean isReadable() {
    return channel.isOpen();
  }

  /**
   * Takes over the bytes of a file that lost its name.
   *
   * @return how many
   */
  long copyFrom(TrailFile gone) throws IOException {
    Uninterrupted.run(
        () -> {
          FileChannel from = gone.channel();
          FileChannel to = channel().truncate(0);
          long size = Math.min(from.size(), gone.position);
          long at = 0;
          while (at < size) {
            long count = from.transferTo(at, Math.min(COPY_BYTES, size - at), to.position(at));
            if (count <= 0) {
              throw new IOException("copying stopped at byte " + at + " of " + size);
            }
            at += count;
          }
          unforced = true;
          moveTo(at);
        });
    lineEnd = Math.min(gone.lineEnd, position);
    return position;
  }

  /** It goes by its closing name now. */
  void finishedAs(Path closingName) {
    path = closingName;
    finished = true;
  }

  /** Whether it has its closing name. */
  boolean isFinished() {
    return finished;
  }

  /** Notes that it is gone or cut; whether that is news. */
  boolean seesDamage() {
    boolean first = !damageSeen;
    damageSeen = true;
    return first;
  }

  @Override
  public synchronized void close() {
    closed = true;
    try {
      channel.close();
    } catch (IOException e) {
      // What had to reach the disk was forced before; what had not was not promised.
    }
  }

  private void moveTo(long newPosition) {
    position = newPosition;
  }

  private void rewrite(long from, long to) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocateDirect((int) Math.min(COPY_BYTES, to - from));
    for (long at = from; at < to; at += bytes.limit()) {
      bytes.clear().limit((int) Math.min(bytes.capacity(), to - at));
      while (bytes.hasRemaining() && channel().read(bytes, at + bytes.position()) >= 0) {
        // until full; it cannot end before, unless it was cut
      }
      bytes.flip();
      if (!bytes.hasRemaining()) {
        return;
      }
      while (bytes.hasRemaining()) {
        channel().write(bytes, at + bytes.position());
      }
    }
  }

  /** The open channel; opened again if an interrupt closed it. */
  private synchronized FileChannel channel() throws IOException {
    if (closed) {
      throw new IOException("the file was closed");
    }
    if (!channel.isOpen()) {
      FileChannel again = FileChannel.open(path, OPEN);
      if (!Objects.equals(key(path), key)) {
        again.close();
        throw new NoSuchFileException(path.toString(), null, "another file stands in its place");
      }
      channel = again;
    }
    return channel;
  }

  private static Object key(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .fileKey();
  }
}
