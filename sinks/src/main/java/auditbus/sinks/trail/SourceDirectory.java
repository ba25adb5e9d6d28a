// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One source's directory, {@code root/host/source}, held by this task alone, and the names of the
 * trails that are finished in it.
 *
 * <p>The exclusive lock on {@code .lock} fences zombies: a task whose partitions went to another
 * while it was stalled still holds its sources, and the new one waits until it let go or died. The
 * lock is the kernel's and dies with its process, however that dies. Closing <em>any</em>
 * descriptor of a file gives up the process's POSIX locks on it, so a task of the same JVM must not
 * even open a lock file another one holds: {@link #HELD} is asked first.
 *
 * <p>Not thread-safe: one task owns it.
 */
final class SourceDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SourceDirectory.class);
  private static final Map<Path, String> HELD = new ConcurrentHashMap<>();

  private final Path path;
  private final FileChannel lock;
  private final Map<String, String> finished;
  private boolean dirty;

  private SourceDirectory(Path path, FileChannel lock, Map<String, String> finished) {
    this.path = path;
    this.lock = lock;
    this.finished = finished;
  }

  /**
   * Opens a source's directory, making it and the host's where they are missing.
   *
   * @param root the collection's root, as a real path
   * @param owner who we are, for whoever finds the lock held
   * @throws TrailLockedException if another task holds it
   * @throws IOException also if a part of the way below the root is a symbolic link
   */
  static SourceDirectory open(Path root, TrailId id, String owner) throws IOException {
    Path host = root.resolve(id.host());
    Path path = host.resolve(id.source());
    makeDirectory(root, host);
    makeDirectory(host, path);
    Path real = path.toRealPath();
    if (!real.equals(path)) {
      throw new IOException(path + " leads to " + real + ": a link was planted; remove it");
    }
    String holder = HELD.putIfAbsent(path, owner);
    if (holder != null) {
      throw new TrailLockedException(path + " is held by " + holder + " in this process");
    }
    FileChannel lock = null;
    try {
      lock = lock(path, owner);
      return new SourceDirectory(path, lock, finished(path));
    } catch (IOException | RuntimeException e) {
      if (lock != null) {
        lock.close();
      }
      HELD.remove(path, owner);
      throw e;
    }
  }

  private static void makeDirectory(Path parent, Path path) throws IOException {
    if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      try {
        Files.createDirectory(path);
      } catch (FileAlreadyExistsException e) {
        throw new IOException(
            path
                + " is no directory but a link or a file: remove it, the sink writes nothing there",
            e);
      }
      // Not as an argument of createDirectory: the umask would narrow it.
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-x---"));
      DurableFile.syncDirectory(parent);
    }
  }

  private static FileChannel lock(Path path, String owner) throws IOException {
    Path file = path.resolve(".lock");
    // Before it is opened: closing another source's lock file by a second name would free it.
    DurableFile.isOwn(file);
    FileChannel channel =
        FileChannel.open(
            file,
            Set.of(
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r-----")));
    try {
      if (channel.tryLock() == null) {
        ByteBuffer holder = ByteBuffer.allocate(512);
        channel.read(holder, 0);
        throw new TrailLockedException(
            path
                + " is held by "
                + TrailId.quoted(
                    new String(holder.array(), 0, holder.position(), StandardCharsets.UTF_8)
                        .strip()));
      }
      channel.truncate(0);
      channel.write(ByteBuffer.wrap((owner + "\n").getBytes(StandardCharsets.UTF_8)), 0);
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static Map<String, String> finished(Path path) throws IOException {
    Map<String, String> finished = new HashMap<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(path)) {
      for (Path file : files) {
        Optional<FinalName> name = FinalName.ofFile(file.getFileName().toString());
        if (name.isPresent()) {
          if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            finished.put(name.get().trail(), file.getFileName().toString());
          } else {
            // Taken for finished, it would make the sink drop the trail's records as late ones.
            LOG.error("{} is no regular file: remove it, its trail cannot be finished", file);
          }
        }
      }
    }
    clean(path, finished);
    return finished;
  }

  // What a crash left of our own: half-written small files, sidecars of trails just finished.
  private static void clean(Path path, Map<String, String> finished) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(path, ".*.{tmp,coverage}")) {
      for (Path file : files) {
        String name = file.getFileName().toString();
        int dot = name.indexOf('.', 1);
        if (name.endsWith(".tmp") || finished.containsKey(name.substring(1, dot))) {
          Files.delete(file);
        }
      }
    }
  }

  Path path() {
    return path;
  }

  Path file(String name) {
    return path.resolve(name);
  }

  /** The name of the file a trail is finished in; empty while it is not. */
  Optional<String> finishedAs(String trail) {
    return Optional.ofNullable(finished.get(trail));
  }

  /** Remembers that a trail is finished, so that nothing opens it again. */
  void finish(String trail, String name) {
    finished.put(trail, name);
  }

  /** Says that entries changed: {@link #sync} has something to do. */
  void entriesChanged() {
    dirty = true;
  }

  /** Makes the directory's entries durable. */
  void sync() throws IOException {
    if (dirty) {
      DurableFile.syncDirectory(path);
      dirty = false;
    }
  }

  /** Lets go of the directory. Idempotent. */
  @Override
  public void close() {
    if (lock.isOpen()) {
      try {
        lock.close();
      } catch (IOException e) {
        LOG.debug("Closing {}'s lock failed; descriptor and lock are gone either way", path, e);
      } finally {
        HELD.remove(path);
      }
    }
  }
}
