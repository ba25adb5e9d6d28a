// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.Format;
import auditbus.sinks.manifest.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All trails of one task: finds or loads the one a record belongs to, makes everything durable when
 * asked, and keeps what it holds in memory and in descriptors bounded.
 *
 * <p>INVARIANT: {@link #sync} calls a partition durable only if no trail of it has a byte, a range
 * or an end that the disk does not have, and none is whole and unfinished. So whatever is not
 * redelivered after a crash needs no further work.
 *
 * <p>Not thread-safe: one task owns it.
 */
final class TrailStore implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TrailStore.class);

  private final Path root;
  private final String owner;
  private final Limits limits;
  private final Optional<Expiry> expiry;
  private final SinkCounters counters;
  private final InstantSource clock;
  private final OpenFiles files;
  private final WriteBuffers buffers;
  private final ByteBuffer scratch = Digest.scratch();

  private final Map<SourceId, SourceDirectory> sources = new HashMap<>();
  private final Map<TrailId, Trail> trails = new HashMap<>();
  private final Set<Trail> whole = new LinkedHashSet<>();
  private final Set<Trail> complained = new HashSet<>();

  /**
   * Does no I/O.
   *
   * @param root the collection's root, as a real path
   * @param owner who we are, for whoever finds a source locked
   * @param expireAfter when verified trails are removed; empty for never
   */
  TrailStore(
      Path root,
      String owner,
      Limits limits,
      Optional<ExpireAfter> expireAfter,
      SinkCounters counters,
      InstantSource clock) {
    this.root = root;
    this.owner = owner;
    this.limits = limits;
    this.counters = counters;
    this.clock = clock;
    this.files = new OpenFiles(limits.openFiles());
    this.expiry = expireAfter.map(rule -> new Expiry(rule, root, owner, counters));
    this.buffers = new WriteBuffers(limits.buffers(), limits.bufferBytes());
  }

  /**
   * Puts a record's bytes at their place. May be called again with the same record.
   *
   * @throws InvalidRecordException if the position is beyond the limit
   * @throws IOException if the disk refused; nothing is lost, call again
   */
  void write(int partition, TrailId id, Format format, long position, ByteBuffer raw)
      throws IOException {
    checkPosition(id, position, raw.remaining());
    Trail trail = unfinished(partition, id, format);
    if (trail == null) {
      counters.recordsLate.incrementAndGet();
      return;
    }
    trail.write(position, raw, clock.instant());
    noteWhole(trail);
  }

  /** Checks a record's place against the limit. */
  void checkPosition(TrailId id, long position, int length) {
    if (position < 0 || length < 1 || position > limits.maxTrailBytes() - length) {
      throw new InvalidRecordException(
          "trail "
              + id
              + ": "
              + length
              + " bytes at position "
              + position
              + " are refused: wanted at least 1 byte, ending at or below "
              + TrailSinkConfig.TRAIL_MAX_BYTES
              + "="
              + limits.maxTrailBytes());
    }
  }

  /** Takes ranges that will never come. */
  void lose(int partition, TrailId id, Format format, List<Span> spans) throws IOException {
    Trail trail = unfinished(partition, id, format);
    if (trail != null) {
      trail.lose(spans);
      noteWhole(trail);
    }
  }

  /** Takes a trail's final state. */
  void end(int partition, TrailId id, Format format, FinalState state) throws IOException {
    if (state.size() > limits.maxTrailBytes()) {
      throw new InvalidRecordException(
          "trail "
              + id
              + ": size "
              + state.size()
              + " is beyond "
              + TrailSinkConfig.TRAIL_MAX_BYTES
              + "="
              + limits.maxTrailBytes());
    }
    Trail trail = unfinished(partition, id, format);
    if (trail != null) {
      trail.end(state);
      noteWhole(trail);
    }
  }

  private Trail unfinished(int partition, TrailId id, Format format) throws IOException {
    Trail trail = trails.get(id);
    if (trail == null) {
      SourceDirectory directory = source(id);
      if (directory.finishedAs(id.trail()).isPresent()) {
        return null;
      }
      makeRoom();
      trail = load(id, source(id));
    }
    trail.partitions().set(partition);
    trail.know(format);
    return trail;
  }

  private void noteWhole(Trail trail) {
    if (trail.isWhole()) {
      whole.add(trail);
    }
  }

  private SourceDirectory source(TrailId id) throws IOException {
    SourceId key = SourceId.of(id);
    SourceDirectory directory = sources.get(key);
    if (directory == null) {
      makeRoom();
      directory = SourceDirectory.open(root, key, owner, limits.links());
      sources.put(key, directory);
    }
    return directory;
  }

  private Trail load(TrailId id, SourceDirectory directory) throws IOException {
    Trail trail = Trail.load(id, directory, files, buffers, scratch, limits, counters);
    trails.put(id, trail);
    count();
    return trail;
  }

  // What a task holds between two commits is bounded too: past the bound it commits to disk early.
  private void makeRoom() throws IOException {
    if (trails.size() >= 16L * limits.openFiles() || sources.size() >= 2L * limits.openFiles()) {
      for (Trail trail : trails.values()) {
        trail.sync();
      }
      for (SourceDirectory directory : sources.values()) {
        directory.sync();
      }
      forgetIdle();
    }
  }

  /**
   * Goes on with finishing whole trails, reading back at most the limit's bytes.
   *
   * @return whether something is left to do
   */
  boolean advance() throws IOException {
    long budget = limits.verifyBytes();
    long stuck = 0;
    Iterator<Trail> next = whole.iterator();
    while (next.hasNext() && budget > 0) {
      Trail trail = next.next();
      try {
        if (!trail.isFinished()) {
          budget -= trail.advance(budget, clock.instant());
        }
        complained.remove(trail);
      } catch (NameTakenException e) {
        // Its partition's offsets are held back; the other trails must not wait for an
        // administrator.
        stuck++;
        if (complained.add(trail)) {
          LOG.error(
              "Trail {} cannot be finished, its offsets are held back: {}",
              trail.id(),
              e.getMessage());
        }
        continue;
      }
      if (trail.isFinished()) {
        trails.remove(trail.id());
        next.remove();
      } else if (!trail.isWhole()) {
        next.remove();
      }
    }
    count();
    return whole.size() > stuck;
  }

  /**
   * Makes everything durable that can be.
   *
   * @return the partitions of which something could not be, or is whole and not finished yet
   * @throws SyncFailedException if an fsync failed: nothing since the last sync is safe
   */
  BitSet sync() throws SyncFailedException {
    BitSet held = new BitSet();
    Map<SourceDirectory, BitSet> entries = new HashMap<>();
    for (Trail trail : trails.values()) {
      entries.computeIfAbsent(trail.directory(), d -> new BitSet()).or(trail.partitions());
      if (trail.isDirty()) {
        hold(held, trail.partitions(), "trail " + trail.id(), trail::sync);
      }
    }
    for (SourceDirectory directory : sources.values()) {
      hold(
          held,
          entries.getOrDefault(directory, new BitSet()),
          directory.path().toString(),
          directory::sync);
    }
    whole.forEach(trail -> held.or(trail.partitions()));
    sources.values().forEach(SourceDirectory::refreshLinks);
    countIncomplete();
    forgetIdle();
    return held;
  }

  /** Removes a few of the trails that are to go; what cannot be removed now goes later. */
  void expire() {
    expiry.ifPresent(due -> due.step(sources, limits.links(), clock.instant()));
  }

  private interface Step {
    void run() throws IOException;
  }

  private static void hold(BitSet held, BitSet partitions, String what, Step step)
      throws SyncFailedException {
    try {
      step.run();
    } catch (SyncFailedException e) {
      throw e;
    } catch (IOException e) {
      held.or(partitions);
      LOG.error("{} could not be made durable, its offsets are held back: {}", what, e.toString());
    }
  }

  // Clean trails without an open file, then sources without trails, are loaded again when needed.
  private void forgetIdle() {
    if (trails.size() > limits.openFiles()) {
      trails
          .values()
          .removeIf(trail -> !trail.isDirty() && !trail.hasOpenFile() && !whole.contains(trail));
    }
    if (sources.size() > limits.openFiles()) {
      closeIdleSources();
    }
    count();
  }

  private void closeIdleSources() {
    Set<SourceDirectory> used = new LinkedHashSet<>();
    trails.values().forEach(trail -> used.add(trail.directory()));
    sources
        .values()
        .removeIf(
            directory -> {
              if (used.contains(directory)) {
                return false;
              }
              directory.close();
              return true;
            });
  }

  /** Makes the trails of these partitions durable as far as possible and lets go of them. */
  void release(Collection<Integer> partitions) {
    BitSet released = new BitSet();
    partitions.forEach(released::set);
    List<Trail> leaving = new ArrayList<>();
    trails.values().stream()
        .filter(trail -> trail.partitions().intersects(released))
        .forEach(leaving::add);
    for (Trail trail : leaving) {
      try {
        trail.sync();
        trail.directory().sync();
        trail.closeFile();
      } catch (IOException e) {
        LOG.warn(
            "Trail {}: its last bytes are dropped, they will be redelivered: {}",
            trail.id(),
            e.toString());
      }
      trail.abandon();
      trails.remove(trail.id());
      whole.remove(trail);
      complained.remove(trail);
    }
    closeIdleSources();
    count();
  }

  private void count() {
    counters.trailsOpen.set(trails.size());
  }

  private void countIncomplete() {
    counters.trailsEndedIncomplete.set(
        trails.values().stream().filter(Trail::isEndedIncomplete).count());
  }

  /** Lets go of everything without writing: as a process that dies. For tests of crashes. */
  void abandon() {
    trails.values().forEach(Trail::abandon);
    trails.clear();
    whole.clear();
    closeIdleSources();
  }

  /** Makes everything durable as far as possible and lets go of it. Idempotent. */
  @Override
  public void close() {
    BitSet all = new BitSet();
    trails.values().forEach(trail -> all.or(trail.partitions()));
    release(all.stream().boxed().toList());
    closeIdleSources();
  }
}
