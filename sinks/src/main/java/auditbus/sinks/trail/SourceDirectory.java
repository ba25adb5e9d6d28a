// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.Format;
import auditbus.sinks.manifest.Digest;
import auditbus.sinks.manifest.Manifest;
import auditbus.sinks.manifest.ManifestEntry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
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
  // Who holds what and since when, for people and proofs: of its own name so that it can be set
  // apart.
  private static final Logger LOCKS = LoggerFactory.getLogger("auditbus.sinks.locks");
  private static final Map<Path, String> HELD = new ConcurrentHashMap<>();

  private static final long MOST_READ_AT_START_BYTES = 256L << 20;

  private final Path path;
  private final String owner;
  private final FileChannel lock;
  private final Manifest manifest;
  private final AuditLogLinks links;
  private final Map<String, String> finished = new HashMap<>();
  private Kept kept = new Kept();
  private boolean faulty;
  private boolean dirty;

  private SourceDirectory(
      Path path, String owner, FileChannel lock, Manifest manifest, int maxLinks) {
    this.path = path;
    this.owner = owner;
    this.lock = lock;
    this.manifest = manifest;
    this.links = new AuditLogLinks(path, maxLinks);
  }

  /**
   * Opens a source's directory, making it and the host's where they are missing.
   *
   * @param root the collection's root, as a real path
   * @param owner who we are, for whoever finds the lock held
   * @param maxLinks most links {@code audit.log...}
   * @throws TrailLockedException if another task holds it
   * @throws IOException also if a part of the way below the root is a symbolic link
   */
  static SourceDirectory open(Path root, SourceId id, String owner, int maxLinks)
      throws IOException {
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
      // INVARIANT: nothing but the lock file is touched before this line is logged, or after the
      // one that lets go.
      LOCKS.info("holds {} as {}", path, owner);
      Manifest.Contents contents = Manifest.read(path);
      Manifest manifest = Manifest.open(path, id.host(), id.source(), contents);
      SourceDirectory directory = new SourceDirectory(path, owner, lock, manifest, maxLinks);
      directory.recover(contents);
      return directory;
    } catch (IOException | RuntimeException e) {
      if (lock != null) {
        LOCKS.info("let go of {} as {}", path, owner);
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

  // What is finished here: what the manifest says and the directory has. First comes what a crash
  // left on the way, which the manifest told of before it happened.
  private void recover(Manifest.Contents contents) throws IOException {
    faulty = !contents.faults().isEmpty();
    if (faulty) {
      LOG.error(
          "{}: {} ('auditbus verify' shows all). What is collected now is recorded below it",
          path.resolve(Manifest.NAME),
          contents.faults().getFirst());
    }
    kept = Kept.of(contents.entries());
    for (ManifestEntry entry : contents.entries()) {
      if (entry instanceof ManifestEntry.Expired && kept.get(entry.trail()).isEmpty()) {
        finished.put(entry.trail(), entry.name());
        // A line that does not fit may be a forged one: nothing is removed by such a manifest.
        if (!faulty) {
          removeExpired(entry.name());
        }
      }
    }
    List<String> missing = new ArrayList<>();
    for (ManifestEntry.Finished entry : kept.all()) {
      if (isThere(entry.name()) || takesItsName(entry)) {
        finished.put(entry.trail(), entry.name());
        link(entry);
      } else {
        missing.add(entry.name());
      }
    }
    if (!missing.isEmpty()) {
      LOG.error(
          "{}: {} finished trails are missing, first {}: restore them, or reset the connector's"
              + " offsets to collect them again",
          path,
          missing.size(),
          missing.getFirst());
    }
    for (Path file : DurableFile.list(path)) {
      recover(file.getFileName().toString());
    }
    clean();
  }

  private void recover(String fileName) throws IOException {
    Optional<FinalName> name = FinalName.ofFile(fileName);
    if (name.isPresent() && !isThere(fileName)) {
      // Taken for finished, it would make the sink drop the trail's records as late ones.
      LOG.error(
          "{} is no regular file: remove it, its trail cannot be finished", path.resolve(fileName));
    } else if (name.isPresent()) {
      if (finished.putIfAbsent(name.get().trail(), fileName) == null) {
        LOG.error(
            "{}: is not in {}: it was put there or the manifest was cut; its trail counts as"
                + " finished",
            path.resolve(fileName),
            Manifest.NAME);
      }
    } else if (fileName.endsWith(FinalName.NOT_TERMINATED)) {
      String trail = fileName.substring(0, fileName.length() - FinalName.NOT_TERMINATED.length());
      if (TrailId.isTrail(trail)) {
        try {
          CoverageFile.read(path, trail).ifPresent(state -> unfinished(trail, state.format()));
        } catch (CoverageFile.DamagedException e) {
          LOG.debug("told when the trail is loaded", e);
        }
      }
    }
  }

  // A crash between the manifest's entry and the rename: all bytes are there. Its size alone does
  // not say so: a trail that was removed and is collected again has holes. What is too large to be
  // read at once is left: its offsets were not committed, so its records come again and it is
  // proven in steps.
  private boolean takesItsName(ManifestEntry.Finished entry) throws IOException {
    List<String> names =
        entry.proof() == ManifestEntry.Proof.QUARANTINED
            ? List.of(FinalName.NOT_TERMINATED, FinalName.QUARANTINED)
            : List.of(FinalName.NOT_TERMINATED);
    for (String before : names) {
      Path from = path.resolve(entry.trail() + before);
      if (Files.isRegularFile(from, LinkOption.NOFOLLOW_LINKS)
          && Files.size(from) == entry.size()
          && entry.size() <= MOST_READ_AT_START_BYTES
          && isProven(from, entry)) {
        Files.setPosixFilePermissions(from, PosixFilePermissions.fromString("r--r-----"));
        Files.move(from, path.resolve(entry.name()), StandardCopyOption.ATOMIC_MOVE);
        entriesChanged();
        LOG.info("{}: finished after a stop on the way", path.resolve(entry.name()));
        return true;
      }
    }
    return false;
  }

  private static boolean isProven(Path file, ManifestEntry.Finished entry) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))) {
      Digest digest = new Digest();
      digest.read(channel, Digest.scratch(), Long.MAX_VALUE);
      if (!digest.hex().equals(entry.sha256())) {
        return false;
      }
      try {
        channel.force(true);
      } catch (IOException e) {
        throw new SyncFailedException("fsync of " + file + " failed: " + e, e);
      }
      return true;
    }
  }

  private boolean isThere(String name) {
    return Files.isRegularFile(path.resolve(name), LinkOption.NOFOLLOW_LINKS);
  }

  // What a crash left of our own: half-written small files, sidecars of trails just finished.
  private void clean() throws IOException {
    for (Path file : DurableFile.list(path)) {
      String name = file.getFileName().toString();
      int dot = name.indexOf('.', 1);
      if (name.startsWith(".")
          && dot > 0
          && (name.endsWith(".tmp")
              || (name.endsWith(".coverage") && finished.containsKey(name.substring(1, dot))))) {
        Files.delete(file);
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

  /** What the manifest says of a finished trail that was not expired. */
  Optional<ManifestEntry.Finished> kept(String trail) {
    return kept.get(trail);
  }

  /**
   * Records that a trail is about to get its final name. Durable when this returns; again for the
   * same file it does nothing.
   */
  void record(ManifestEntry.Finished entry) throws IOException {
    if (kept.get(entry.trail()).filter(entry::tellsTheSameAs).isEmpty()) {
      manifest.append(List.of(entry));
      kept.add(entry);
    }
  }

  /** Remembers that a recorded trail has its name, so that nothing opens it again. */
  void finish(ManifestEntry.Finished entry) {
    finished.put(entry.trail(), entry.name());
    link(entry);
  }

  private void link(ManifestEntry.Finished entry) {
    if (entry.format() == Format.LINUX && entry.proof() != ManifestEntry.Proof.QUARANTINED) {
      links.put(entry.trail(), entry.name());
    } else {
      links.remove(entry.trail());
    }
  }

  /** Remembers that a trail is being collected, and what its records are. */
  void unfinished(String trail, Format format) {
    if (format == Format.LINUX) {
      links.put(trail, trail + FinalName.NOT_TERMINATED);
    }
  }

  /** Remembers that an unfinished trail is contradicted by something. */
  void contradicted(String trail) {
    links.remove(trail);
  }

  /** Says that an unfinished trail's file was made: {@link #sync} has something to do. */
  void appeared() {
    entriesChanged();
    links.changed();
  }

  /** Makes the links {@code audit.log...} fit what is here. */
  void refreshLinks() {
    links.refresh();
  }

  /** Removes verified trails the rule says are to go, at most 256, each recorded before. */
  void expire(ExpireAfter rule, Instant now, SinkCounters counters) throws IOException {
    List<ManifestEntry.Finished> due = kept.toExpire(rule, now);
    if (due.isEmpty()) {
      return;
    }
    if (faulty) {
      throw new IOException(
          path.resolve(Manifest.NAME)
              + " does not fit ('auditbus verify' tells): nothing is removed until it does");
    }
    manifest.append(
        due.stream()
            .map(entry -> new ManifestEntry.Expired(entry.name(), rule.text(), now))
            .toList());
    for (ManifestEntry.Finished entry : due) {
      kept.remove(entry.trail());
      links.remove(entry.trail());
      counters.trailsExpired.incrementAndGet();
      counters.bytesExpired.addAndGet(entry.size());
    }
    for (ManifestEntry.Finished entry : due) {
      removeExpired(entry.name());
    }
    links.refresh();
    sync();
    LOG.info(
        "{}: {} trails expired ({}), {} to {}",
        path,
        due.size(),
        rule.text(),
        due.getFirst().name(),
        due.getLast().name());
  }

  private void removeExpired(String name) throws IOException {
    if (Files.deleteIfExists(path.resolve(name))) {
      entriesChanged();
    }
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
      LOCKS.info("let go of {} as {}", path, owner);
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
