// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.WriterState.Problem;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one source's trails: a file after the other in a directory of its own, each ending where
 * the next one starts.
 *
 * <pre>
 *   20261120104500.20261120110000   finished: its bytes and its name are on the disk
 *   20261120110000.not_terminated   being written
 *   .lock                           held while a writer is open
 * </pre>
 *
 * <p>Nothing is lost of what was taken, and nothing written twice: an {@link #append} that fails
 * leaves in the buffer what was not written, and goes on there when it is called again. What cannot
 * be done beside that (rotating, forcing, removing, restoring) fails no append: it is logged when
 * it begins and when it is over, stands in {@link #problem} meanwhile, and is tried again.
 *
 * <p>An interrupt of the thread ends no operation; it stays set.
 *
 * <p>One thread owns it. {@link #problem}, {@link #counters}, {@link #trail}, {@link #position} and
 * {@link #path} may be asked by any.
 */
public final class TrailWriter implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(TrailWriter.class);
  private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long EXPIRE_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(30);

  /** Where the disk is full a trail of this size is ended, so that it can be removed. */
  private static final long WORTH_ENDING_BYTES = 256 * 1024;

  /** As long as so much is free beyond the reserve, free space is asked for once a second. */
  private static final long AMPLE_BYTES = 1024 * 1024;

  /** What a file takes beyond its bytes, at most, in most file systems. */
  private static final long BLOCK_BYTES = 4096;

  private final TrailSettings settings;
  private final InstantSource clock;
  private final LongSupplier nanoClock;
  private final WriterState state = new WriterState();
  private final OwnedDirectory directory;
  private final TrailRetention retention;

  private final long maxAgeNanos;

  private Optional<TrailFlusher> flusher = Optional.empty();
  private volatile Optional<TrailFile> current = Optional.empty();
  private long firstLineNanos;
  private long lookedNanos;
  private long expiredNanos;

  private boolean rotationDue;
  private Optional<Long> rotationFailedNanos = Optional.empty();

  private long unflushedRecords;
  private long unflushedSinceNanos;

  private long roomBytes;
  private long roomSeenNanos;

  /**
   * Makes a writer; nothing is touched before {@link #open}.
   *
   * @param acknowledged whether the trails with this start (14 digits), all its incarnations, are
   *     acknowledged by the broker to their end and may be removed; asked by the owner's thread
   * @param clock names trails
   * @param nanoClock measures ages and pauses
   */
  public TrailWriter(
      TrailSettings settings,
      Predicate<String> acknowledged,
      InstantSource clock,
      LongSupplier nanoClock) {
    this.settings = settings;
    this.clock = clock;
    this.nanoClock = nanoClock;
    this.maxAgeNanos = settings.maxAge().toNanos();
    this.directory = new OwnedDirectory(settings, clock, state);
    this.retention = new TrailRetention(settings, acknowledged, clock, nanoClock, state);
  }

  /**
   * Takes the directory, names what a dead writer left there, and starts a trail. One that failed
   * may be called again.
   *
   * @throws IOException if the directory cannot be had: a link, another writer's, not permitted
   */
  public void open() throws IOException {
    if (current.isPresent()) {
      throw new IllegalStateException(settings.directory() + " is open already");
    }
    try {
      directory.open();
      directory.recover();
      current = Optional.of(directory.create(""));
      directory.sync();
    } catch (IOException e) {
      current.ifPresent(TrailFile::close);
      current = Optional.empty();
      directory.close();
      throw TrailException.of("cannot start a trail in", settings.directory(), e);
    }
    long now = nanoClock.getAsLong();
    lookedNanos = now;
    expiredNanos = now;
    roomBytes = 0;
    TrailFlusher started = new TrailFlusher(directory, state);
    started.start();
    flusher = Optional.of(started);
  }

  /**
   * Writes whole lines. With {@link FlushPolicy.Sync} they are on the disk when it returns.
   *
   * @param lines from position to limit; a direct buffer is written without a copy
   * @param records how many records they are
   * @throws NoSpaceException if there is no room for them
   * @throws IOException if they cannot be written or forced. The failure is logged, once until it
   *     is over. The buffer's position is behind the last byte written: call again with the same
   *     buffer, also if nothing remains in it
   */
  public void append(ByteBuffer lines, int records) throws IOException {
    if (lines.hasRemaining()) {
      requireRoom(lines);
      try {
        seeWhetherCut(opened());
      } catch (IOException e) {
        throw failure(TrailException.of("cannot append to", path(), e));
      }
    }
    TrailFile file = opened();
    if (file.position() == 0) {
      firstLineNanos = nanoClock.getAsLong();
    }
    write(file, lines);
    flush(file, records);
    if (file.position() >= settings.maxBytes()) {
      rotationDue = true;
    }
    rotateIfDue();
  }

  /**
   * Does what is due: ends a trail that is old enough, asks for a flush, sees that the file still
   * stands where it should, removes what was kept long enough. To be called about every 100 ms; it
   * does not wait for the disk unless the flush policy is {@link FlushPolicy.Sync}.
   */
  public void tick() {
    if (current.isEmpty()) {
      return;
    }
    long now = nanoClock.getAsLong();
    if (now - lookedNanos >= LOOK_NANOS) {
      lookedNanos = now;
      look();
    }
    TrailFile file = opened();
    if (file.position() > 0 && now - firstLineNanos >= maxAgeNanos) {
      rotationDue = true;
    }
    rotateIfDue();
    if (settings.flush() instanceof FlushPolicy.Incremental due
        && unflushedRecords > 0
        && now - unflushedSinceNanos >= due.interval().toNanos()) {
      flushIncrementally(opened());
    }
    if (now - expiredNanos >= EXPIRE_NANOS) {
      expiredNanos = now;
      retention.expire();
    }
  }

  /**
   * Ends the trail and starts the next one; where that cannot be now it is done as soon as it can.
   */
  public void rotate() {
    opened();
    rotationDue = true;
    rotateIfDue();
  }

  /**
   * Finishes the trail and lets the directory go. A second call does nothing.
   *
   * @throws IOException if the trail could not be finished: it keeps its name and the next writer
   *     takes it for a crash's
   */
  @Override
  public void close() throws IOException {
    if (current.isEmpty()) {
      return;
    }
    TrailFile file = current.get();
    TrailFlusher last = flusher.orElseThrow();
    last.finish(file, OwnedDirectory.end(file.start(), clock.instant()));
    boolean ended = last.close(CLOSE_TIMEOUT);
    boolean finished = ended && !last.isFinishing();
    current = Optional.empty();
    flusher = Optional.empty();
    if (ended) { // else its thread still works there
      file.close();
      directory.close();
    }
    if (!finished) {
      throw new TrailException(
          "not finished:",
          file.path(),
          problem().orElse("the disk did not answer in " + CLOSE_TIMEOUT.toSeconds() + " s"),
          "the next start takes it for a crash's; nothing of it is lost");
    }
  }

  /**
   * Id of the trail being written: its start.
   *
   * @throws IllegalStateException if none is open
   */
  public String trail() {
    return opened().start();
  }

  /** Bytes written to the trail so far: where the next line will stand. */
  public long position() {
    return opened().position();
  }

  /** The file being written. */
  public Path path() {
    return opened().path();
  }

  /** Where the next line will stand, empty while none is open. May be called from any thread. */
  public Optional<TrailPlace> place() {
    return current.map(file -> new TrailPlace(file.start(), file.path(), file.position()));
  }

  /** What is wrong at present, the gravest first; empty if all is well. */
  public Optional<String> problem() {
    return state.problem();
  }

  /** What was done so far. */
  public TrailCounters counters() {
    return state.counters();
  }

  /** Whether the trail before is still to be forced and named. */
  boolean isFinishing() {
    return flusher.map(TrailFlusher::isFinishing).orElse(false);
  }

  private TrailFile opened() {
    return current.orElseThrow(
        () -> new IllegalStateException(settings.directory() + " is not open for writing"));
  }

  // ---- writing

  private void write(TrailFile file, ByteBuffer lines) throws IOException {
    long before = file.position();
    try {
      while (lines.hasRemaining()) {
        try {
          file.write(lines);
        } catch (IOException e) {
          long free = retention.freeBytes();
          if (!TrailException.isNoSpace(e) && free >= lines.remaining()) {
            throw failure(TrailException.of("cannot append to", file.path(), e));
          }
          if (!retention.makeRoom(wanted(lines.remaining(), free))) {
            throw full(file, lines, free);
          }
        }
      }
    } finally {
      long written = file.position() - before;
      state.bytesWritten.addAndGet(written);
      roomBytes -= written;
    }
    state.clear(Problem.APPENDING);
  }

  /** There is no room. If it is the trail being written that takes it, ending it helps. */
  private TrailException full(TrailFile file, ByteBuffer lines, long free) {
    try {
      if (file.position() >= Math.min(WORTH_ENDING_BYTES, settings.maxBytes())
          && file.takeTornLineBack(lines)) {
        rotationDue = true;
        rotateIfDue();
      }
    } catch (IOException e) {
      state.raise(Problem.ROTATING, TrailException.of("cannot end", file.path(), e).getMessage());
    }
    return failure(noSpace(free, lines.remaining()));
  }

  private void requireRoom(ByteBuffer lines) throws IOException {
    int bytes = lines.remaining();
    long now = nanoClock.getAsLong();
    boolean ample = roomBytes - AMPLE_BYTES >= bytes && now - roomSeenNanos < LOOK_NANOS;
    if (settings.minFreeBytes() == 0 || ample) {
      return;
    }
    long free = retention.freeBytes();
    long wanted = wanted(bytes, free);
    if (wanted > 0 && retention.makeRoom(wanted)) {
      free = retention.freeBytes();
    }
    roomBytes = free - settings.minFreeBytes();
    roomSeenNanos = now;
    if (roomBytes < bytes + BLOCK_BYTES && settings.onFull() == OnFull.BLOCK) {
      throw full(opened(), lines, free);
    }
  }

  private long wanted(int bytes, long free) {
    return Math.max(0, settings.minFreeBytes() - free + bytes + BLOCK_BYTES);
  }

  private NoSpaceException noSpace(long free, long wanted) {
    return new NoSpaceException(
        settings.directory(), free, wanted, settings.minFreeBytes(), settings.onFull());
  }

  private TrailException failure(TrailException failure) {
    state.raise(Problem.APPENDING, failure.getMessage());
    return failure;
  }

  // ---- flushing

  private void flush(TrailFile file, int records) throws IOException {
    switch (settings.flush()) {
      case FlushPolicy.None _ -> {}
      case FlushPolicy.Sync _ -> {
        if (file.isUnforced()) {
          flusher.orElseThrow().forceNow(file);
        }
      }
      case FlushPolicy.Incremental incremental -> {
        if (unflushedRecords == 0) {
          unflushedSinceNanos = nanoClock.getAsLong();
        }
        unflushedRecords += records;
        if (unflushedRecords >= incremental.records()) {
          flushIncrementally(file);
        }
      }
    }
  }

  private void flushIncrementally(TrailFile file) {
    flusher.orElseThrow().force(file);
    unflushedRecords = 0;
  }

  // ---- rotating

  private void rotateIfDue() {
    TrailFlusher last = flusher.orElseThrow();
    TrailFile file = opened();
    long now = nanoClock.getAsLong();
    boolean paused =
        rotationFailedNanos.isPresent() && now - rotationFailedNanos.get() < LOOK_NANOS;
    if (!rotationDue || paused || file.isTorn() || last.isFinishing()) {
      return; // INVARIANT: a line never stands in two trails
    }
    try {
      TrailFile next = directory.create(file.start());
      current = Optional.of(next);
      last.finish(file, next.start());
      rotationDue = false;
      rotationFailedNanos = Optional.empty();
      unflushedRecords = 0; // finishing forces them
      state.clear(Problem.ROTATING);
    } catch (IOException e) {
      // The trail goes on; better a long one than none.
      rotationFailedNanos = Optional.of(now);
      state.raise(
          Problem.ROTATING,
          TrailException.of("cannot start the next trail in", settings.directory(), e)
              .getMessage());
    }
  }

  // ---- what happens to the file behind the writer's back

  /** A trail that someone cut has a hole where it goes on: it ends here. */
  private void seeWhetherCut(TrailFile file) throws IOException {
    long missing = file.missing();
    if (missing > 0 && file.seesDamage()) {
      state.vanished.incrementAndGet();
      state.bytesDropped.addAndGet(missing);
      LOG.error(
          "{} was cut while it was written: {} of its {} bytes are lost; find out who did it",
          file.path(),
          missing,
          file.position());
      rotate();
    }
  }

  private void look() {
    try {
      directory.check();
      state.clear(Problem.LOCKING);
    } catch (IOException e) {
      state.raise(
          Problem.LOCKING,
          TrailException.of("cannot keep the lock of", settings.directory(), e).getMessage());
    }
    TrailFile file = opened();
    try {
      if (file.isGone()) {
        TrailFile restored = directory.restore(file);
        current = Optional.of(restored);
        flusher.orElseThrow().forget(file);
        switch (settings.flush()) {
          case FlushPolicy.None _ -> {}
          case FlushPolicy.Incremental _ -> flushIncrementally(restored);
          case FlushPolicy.Sync _ -> flusher.orElseThrow().forceNow(restored);
        }
      } else {
        seeWhetherCut(file);
      }
      state.clear(Problem.STANDING);
    } catch (IOException e) {
      state.raise(Problem.STANDING, TrailException.of("cannot keep", file.path(), e).getMessage());
    }
  }
}
