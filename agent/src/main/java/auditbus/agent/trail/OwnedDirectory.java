// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory one writer owns: made with its permissions, locked, and every name in it that has
 * to change changed without losing a byte.
 *
 * <p>What a crash leaves at any point, and what {@link #recover} makes of it:
 *
 * <pre>
 *   the writer died …                      there stands                    next time
 *   before the first file was made         nothing                         -
 *   while a trail was written              A.not_terminated, may be torn   A.crash_recovery
 *   rotating: B made                       A and B.not_terminated          A and B.crash_recovery
 *   rotating: A renamed                    A.B, B.not_terminated           A.B, B.crash_recovery
 *   rotating: A renamed, not on the disk,  as before it was renamed        A and B.crash_recovery
 *     and the host went down
 *   recovering                             some renamed                    the others are renamed
 *   restoring a removed file               A.not_terminated, a part        A.crash_recovery
 *   removing a finished trail              it is there or not              -
 * </pre>
 *
 * <p>Design note: the next file is made before the last is renamed, so that a rotation that cannot
 * be done leaves the trail going on.
 *
 * <p>Thread-safe: the writer's thread and its flusher share it.
 */
final class OwnedDirectory implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(OwnedDirectory.class);
  private static final String LOCK = ".lock";
  private static final int SHARED = 01002; // sticky, and anyone may write: /tmp
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rw-------");

  // A lock of ours would be let go if this process opened and closed its file once more.
  private static final Set<Object> OWNED_HERE = ConcurrentHashMap.newKeySet();

  private final Path path;
  private final Optional<String> groupName;
  private final InstantSource clock;
  private final WriterState state;
  private Optional<GroupPrincipal> group = Optional.empty();
  private Optional<Held> held = Optional.empty();
  private final AtomicBoolean unsynced = new AtomicBoolean();
  private final Object syncing = new Object();

  private record Held(FileLock lock, Object lockKey, Object directoryKey) {}

  OwnedDirectory(TrailSettings settings, InstantSource clock, WriterState state) {
    this.path = settings.directory();
    this.groupName = settings.group();
    this.clock = clock;
    this.state = state;
  }

  /**
   * Makes the directory where it is not there and locks it.
   *
   * @throws IOException if it is a link, shared, or another writer's
   */
  synchronized void open() throws IOException {
    if (groupName.isPresent()) {
      try {
        group =
            Optional.of(
                path.getFileSystem()
                    .getUserPrincipalLookupService()
                    .lookupPrincipalByGroupName(groupName.get()));
      } catch (UserPrincipalNotFoundException e) {
        throw new TrailException(
            "group " + groupName.get() + " cannot be given",
            path,
            "there is no such group",
            "groupadd --system " + groupName.get() + ", or configure another");
      }
    }
    make();
    lock();
  }

  /** Gives every left-over trail that is not terminated the name of a crash recovery, as it is. */
  void recover() throws IOException {
    setLeftOversAside();
    sync();
  }

  private synchronized void setLeftOversAside() throws IOException {
    for (TrailName name : names()) {
      if (!name.isClosed() && isRegular(path.resolve(name.toString()))) {
        setAside(name);
      }
    }
  }

  /**
   * A new trail that starts now, or behind whatever start stands here if that is later.
   *
   * <p>INVARIANT: a start is not given twice. The newest trail always stands here: only finished
   * ones are removed, and only while a newer one is written.
   *
   * @param last the start before it, empty for none
   */
  synchronized TrailFile create(String last) throws IOException {
    String latest = last;
    for (TrailName name : names()) {
      latest = name.start().compareTo(latest) > 0 ? name.start() : latest;
    }
    String now = TrailName.stamp(clock.instant());
    String start = now.compareTo(latest) > 0 ? now : after(latest);
    TrailFile file = makeFile(start);
    unsynced.set(true);
    return file;
  }

  /**
   * Gives a trail its closing name and brings that to the disk; its bytes were forced before. One
   * that failed may be called again.
   *
   * @throws NoSuchFileException if the file does not stand under its name
   */
  void finish(TrailFile file, String end) throws IOException {
    rename(file, end);
    sync();
    file.close();
  }

  /**
   * A new file under the same start with the bytes of one that lost its name; the directory is made
   * again if it is gone, and what stands under that name is set aside. The old one is closed.
   */
  synchronized TrailFile restore(TrailFile gone) throws IOException {
    if (gone.seesDamage()) {
      state.vanished.incrementAndGet();
    }
    make();
    TrailFile file;
    try {
      file = makeFile(gone.start());
    } catch (FileAlreadyExistsException e) {
      if (isRegular(gone.path())) {
        setAside(TrailName.parse(gone.path().getFileName().toString()).orElseThrow());
        file = makeFile(gone.start());
      } else {
        file = create(gone.start());
      }
    }
    unsynced.set(true);
    try {
      long copied = gone.isReadable() ? file.copyFrom(gone) : 0;
      long lost = gone.position() - copied;
      state.bytesDropped.addAndGet(lost);
      LOG.error(
          "{} was removed or replaced while it was written: its {} bytes stand in a new file there,"
              + " {} were lost with the old one; find out who did it",
          gone.path(),
          copied,
          lost);
    } catch (IOException e) {
      file.close();
      Files.deleteIfExists(file.path());
      throw e;
    }
    gone.close();
    return file;
  }

  /**
   * Makes the directory again if it is gone, and locks it again if the lock's file is gone.
   *
   * @throws IOException if that cannot be, or another writer has it now
   */
  synchronized void check() throws IOException {
    Optional<Object> directoryKey = key(path);
    Optional<Object> lockKey = key(path.resolve(LOCK));
    if (!directoryKey.equals(held.map(Held::directoryKey))
        || !lockKey.equals(held.map(Held::lockKey))) {
      make();
      unlock();
      lock();
    }
  }

  /** Brings new names to the disk. */
  void sync() throws IOException {
    synchronized (syncing) { // apart from the monitor: nobody else waits for the disk
      if (unsynced.getAndSet(false)) {
        try {
          sync(path);
        } catch (IOException e) {
          unsynced.set(true);
          throw e;
        }
      }
    }
  }

  /** Lets the directory go. */
  @Override
  public synchronized void close() {
    unlock();
  }

  // ---- names

  private List<TrailName> names() throws IOException {
    List<TrailName> names = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
      for (Path entry : entries) {
        TrailName.parse(entry.getFileName().toString()).ifPresent(names::add);
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return names;
  }

  private TrailFile makeFile(String start) throws IOException {
    return TrailFile.create(
        path,
        start,
        file ->
            grant(
                file,
                group.isPresent() ? PosixFilePermissions.fromString("rw-r-----") : OWNER_ONLY));
  }

  private synchronized void rename(TrailFile file, String end) throws IOException {
    if (!file.isFinished()) {
      Path target = free(file.start(), end);
      Files.move(file.path(), target, StandardCopyOption.ATOMIC_MOVE);
      file.finishedAs(target);
      unsynced.set(true);
      state.trailsWritten.incrementAndGet();
    }
  }

  private void setAside(TrailName name) throws IOException {
    Path file = path.resolve(name.toString());
    Path target = path.resolve(new TrailName(name.start(), TrailName.CRASH_RECOVERY).toString());
    if (exists(target)) {
      // rename(2), which auditd uses, would put the one in the other's place
      target = free(name.start(), end(name.start(), clock.instant()));
      LOG.error("{} and {} have one start: the second is named {}", target, file, target);
    }
    Files.move(file, target, StandardCopyOption.ATOMIC_MOVE);
    unsynced.set(true);
    state.trailsRecovered.incrementAndGet();
    LOG.warn(
        "{} was left by a writer that did not close it: it is {} now, {} bytes",
        file,
        target.getFileName(),
        Files.size(target));
  }

  private Path free(String start, String end) throws IOException {
    String ending = end;
    Path target = path.resolve(new TrailName(start, ending).toString());
    while (exists(target)) {
      ending = after(ending);
      target = path.resolve(new TrailName(start, ending).toString());
    }
    return target;
  }

  /** The end of a trail that ends now: never before its start. */
  static String end(String start, Instant now) {
    String stamp = TrailName.stamp(now);
    return stamp.compareTo(start) > 0 ? stamp : start;
  }

  private String after(String stamp) throws IOException {
    return TrailName.after(stamp)
        .orElseThrow(
            () ->
                new TrailException(
                    "no trail can be named in",
                    path,
                    "one there starts or ends at " + stamp + ", nothing comes after it",
                    "move that file elsewhere and see that the clock is right"));
  }

  // ---- the directory itself

  private void make() throws IOException {
    if (Files.isSymbolicLink(path)) {
      throw new TrailException(
          "trails cannot be written to",
          path,
          "it is a symbolic link to " + Files.readSymbolicLink(path),
          "configure the directory itself: a link can be turned elsewhere");
    }
    Deque<Path> missing = new ArrayDeque<>();
    for (Path next = path; next != null && !exists(next); next = next.getParent()) {
      missing.push(next);
    }
    Path making = path;
    try {
      for (Path directory : missing) {
        making = directory;
        Files.createDirectory(
            directory,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        grant(directory, directoryPermissions());
        sync(directory.getParent());
      }
      making = path;
      if (missing.isEmpty()) {
        claim();
      }
    } catch (IOException e) {
      throw TrailException.of("cannot make the trail directory", making, e);
    }
  }

  /** A directory that was there before gets the permissions it would have been made with. */
  private void claim() throws IOException {
    PosixFileAttributes found =
        Files.readAttributes(path, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!found.isDirectory()) {
      throw new TrailException(
          "trails cannot be written to",
          path,
          "Not a directory",
          "remove what stands in its place, or configure another directory");
    }
    int mode = (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    if ((mode & SHARED) == SHARED || path.getParent() == null) {
      throw new TrailException(
          "trails cannot be written to",
          path,
          "it is a directory for everyone",
          "configure one of its own");
    }
    boolean grouped = group.isEmpty() || group.get().equals(found.group());
    if (!found.permissions().equals(directoryPermissions()) || !grouped) {
      LOG.warn(
          "{} was {} {}: it is {} {} now, as trails are for nobody else",
          path,
          PosixFilePermissions.toString(found.permissions()),
          found.group(),
          PosixFilePermissions.toString(directoryPermissions()),
          group.map(GroupPrincipal::getName).orElse(found.group().getName()));
      grant(path, directoryPermissions());
    }
  }

  private Set<PosixFilePermission> directoryPermissions() {
    return PosixFilePermissions.fromString(group.isPresent() ? "rwxr-x---" : "rwx------");
  }

  private void grant(Path file, Set<PosixFilePermission> permissions) throws IOException {
    PosixFileAttributeView view =
        Files.getFileAttributeView(file, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
    if (group.isPresent()) {
      view.setGroup(group.get()); // before anyone else may read: until here it is another's group
    }
    view.setPermissions(permissions); // said again, because the umask took from it
  }

  private void lock() throws IOException {
    Object directoryKey = key(path).orElseThrow();
    if (!OWNED_HERE.add(directoryKey)) {
      throw held("a writer of this process");
    }
    // INVARIANT: from here on nothing but this channel opens the file.
    Path file = path.resolve(LOCK);
    FileChannel channel = null;
    try {
      channel =
          FileChannel.open(
              file,
              Set.of(
                  StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
              PosixFilePermissions.asFileAttribute(OWNER_ONLY));
      FileLock lock = channel.tryLock();
      if (lock == null) {
        throw held("another process");
      }
      held = Optional.of(new Held(lock, key(file).orElseThrow(), directoryKey));
    } catch (IOException e) {
      OWNED_HERE.remove(directoryKey);
      if (channel != null) {
        channel.close();
      }
      throw TrailException.of("cannot lock", file, e);
    }
  }

  private void unlock() {
    if (held.isPresent()) {
      try {
        held.get().lock().acquiredBy().close();
      } catch (IOException e) {
        LOG.warn("{}: {}", path.resolve(LOCK), TrailException.reason(e));
      }
      OWNED_HERE.remove(held.get().directoryKey());
      held = Optional.empty();
    }
  }

  private TrailException held(String by) {
    return new TrailException(
        "trails cannot be written to",
        path,
        by + " writes there",
        "two captures need two directories; fuser -v " + path.resolve(LOCK) + " names the process");
  }

  private static void sync(Path directory) throws IOException {
    Uninterrupted.run(
        () -> {
          try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
          }
        });
  }

  private static boolean exists(Path file) {
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
  }

  private static boolean isRegular(Path file) {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
  }

  private static Optional<Object> key(Path file) throws IOException {
    try {
      return Optional.ofNullable(
          Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
              .fileKey());
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }
}
