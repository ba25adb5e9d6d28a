// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.WriterState.Problem;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes finished trails: those kept long enough, and those the disk needs the room of. Whatever
 * is not a regular file with a finished trail's name is not touched.
 *
 * <p>The writer's thread owns it.
 */
final class TrailRetention {
  /** Free space that cannot be told. */
  static final long UNKNOWN = Long.MAX_VALUE;

  private static final Logger LOG = LoggerFactory.getLogger(TrailRetention.class);
  private static final int MOST_A_LOOK = 64;
  private static final long HOLD_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final Comparator<TrailName> OLDEST_FIRST =
      Comparator.comparing(TrailName::start).thenComparing(TrailName::ending);

  private final Path directory;
  private final TrailSettings settings;
  private final Predicate<String> acknowledged;
  private final InstantSource clock;
  private final LongSupplier nanoClock;
  private final WriterState state;
  private Optional<FileStore> store = Optional.empty();
  private Optional<Long> heldSinceNanos = Optional.empty();

  TrailRetention(
      TrailSettings settings,
      Predicate<String> acknowledged,
      InstantSource clock,
      LongSupplier nanoClock,
      WriterState state) {
    this.directory = settings.directory();
    this.settings = settings;
    this.acknowledged = acknowledged;
    this.clock = clock;
    this.nanoClock = nanoClock;
    this.state = state;
  }

  /** Bytes the file system has free for us, {@link #UNKNOWN} if it does not tell. */
  long freeBytes() {
    try {
      if (store.isEmpty()) {
        store = Optional.of(Files.getFileStore(directory));
      }
      return store.get().getUsableSpace();
    } catch (IOException e) {
      store = Optional.empty(); // the directory is gone: the writer sees to that
      return UNKNOWN;
    }
  }

  /**
   * Removes finished trails of about this many bytes: acknowledged ones first, then, if it is so
   * configured, others; oldest first.
   *
   * <p>If what was removed does not come back as free space (something else holds it) nothing more
   * is removed for a second: that would lose all of them for nothing.
   *
   * @return whether anything was removed
   */
  boolean makeRoom(long wantedBytes) {
    long now = nanoClock.getAsLong();
    if (heldSinceNanos.isPresent() && now - heldSinceNanos.get() < HOLD_NANOS) {
      return false;
    }
    long freeBefore = freeBytes();
    long removed = 0;
    try {
      List<TrailName> finished = finished();
      for (TrailName name : finished) {
        if (removed < wantedBytes && acknowledged.test(name.start())) {
          removed += remove(name, true).orElse(0L);
        }
      }
      if (settings.onFull() == OnFull.DROP_OLDEST) {
        for (TrailName name : finished) {
          if (removed < wantedBytes && !acknowledged.test(name.start())) {
            removed += drop(name, freeBefore);
          }
        }
      }
    } catch (IOException e) {
      state.raise(
          Problem.REMOVING,
          TrailException.of("cannot look for trails to remove in", directory, e).getMessage());
    }
    boolean helped = removed > 0 && freeBytes() - freeBefore >= removed / 2;
    heldSinceNanos = helped ? Optional.empty() : Optional.of(now);
    return removed > 0;
  }

  /** Removes some of the trails that are acknowledged and were kept long enough. */
  void expire() {
    Instant kept = clock.instant().minus(settings.keep());
    int count = 0;
    try {
      for (TrailName name : finished()) {
        if (count < MOST_A_LOOK && acknowledged.test(name.start())) {
          Path file = directory.resolve(name.toString());
          try {
            if (!Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS)
                .toInstant()
                .isAfter(kept)) {
              count += remove(name, true).isPresent() ? 1 : 0;
            }
          } catch (NoSuchFileException e) {
            // removed by someone else
          }
        }
      }
    } catch (IOException e) {
      state.raise(
          Problem.REMOVING,
          TrailException.of("cannot look for expired trails in", directory, e).getMessage());
    }
  }

  private long drop(TrailName name, long freeBytes) {
    Optional<Long> size = remove(name, false);
    if (size.isEmpty()) {
      return 0;
    }
    state.trailsDropped.incrementAndGet();
    state.bytesDropped.addAndGet(size.get());
    LOG.error(
        "{} dropped, {} bytes that were not acknowledged: {} bytes are free, {} are to stay free"
            + " (make room on the file system, or let distribution catch up)",
        directory.resolve(name.toString()),
        size.get(),
        freeBytes,
        settings.minFreeBytes());
    return size.get();
  }

  /** Removes a file that may be open elsewhere, for its room's sake. */
  private static void free(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
      // In this order: cut and still there it would pass for a trail.
      Files.delete(file);
      Uninterrupted.run(() -> channel.truncate(0));
    }
  }

  /** Removes the file; its size, empty if it was not removed. */
  private Optional<Long> remove(TrailName name, boolean acked) {
    Path file = directory.resolve(name.toString());
    try {
      Map<String, Object> found =
          Files.readAttributes(file, "unix:size,nlink,isRegularFile", LinkOption.NOFOLLOW_LINKS);
      boolean linked = ((Number) found.get("nlink")).intValue() > 1;
      if (!(Boolean) found.get("isRegularFile") || (linked && !acked)) {
        return Optional.empty(); // another name keeps the room: removing it would gain nothing
      }
      if (acked) {
        Files.delete(file);
        state.trailsRemoved.incrementAndGet();
      } else {
        free(file);
      }
      state.clear(Problem.REMOVING);
      return Optional.of(((Number) found.get("size")).longValue());
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      state.raise(Problem.REMOVING, TrailException.of("cannot remove", file, e).getMessage());
      return Optional.empty();
    }
  }

  private List<TrailName> finished() throws IOException {
    List<TrailName> finished = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        TrailName.parse(entry.getFileName().toString())
            .filter(TrailName::isClosed)
            .ifPresent(finished::add);
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    finished.sort(OLDEST_FIRST);
    return finished;
  }
}
