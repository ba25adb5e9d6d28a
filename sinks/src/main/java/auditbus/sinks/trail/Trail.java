// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.Coverage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One unfinished trail: takes records at their positions, knows what is missing, and finishes the
 * file once it ended, is whole and is proven.
 *
 * <pre>
 *   collecting -- ended and whole --> verifying -- digest fits ----> START.END (0440)
 *       |                                 |------- no digest known -> START.END + .unverified
 *       |                                 '------- digest differs --> START.END.quarantined
 *       '-- bytes contradict --> quarantined: goes on collecting, ends as START.END.quarantined
 * </pre>
 *
 * <p>Every method that does I/O may be called again after it failed: what is in memory changes only
 * after what it tells of succeeded, or is dirty until {@link #sync} did.
 *
 * <p>Not thread-safe: one task owns it.
 */
final class Trail {
  private static final Logger LOG = LoggerFactory.getLogger(Trail.class);

  private static final Set<PosixFilePermission> WRITTEN =
      PosixFilePermissions.fromString("rw-r-----");

  private final TrailId id;
  private final SourceDirectory directory;
  private final OpenFiles files;
  private final WriteBuffers buffers;
  private final ByteBuffer scratch;
  private final Limits limits;
  private final SinkCounters counters;

  // The partitions its records came from: one, unless a producer does not partition by host.
  private final BitSet partitions = new BitSet();
  private final Coverage coverage = new Coverage();
  private final Coverage lost = new Coverage();
  private Optional<FinalState> end = Optional.empty();
  private Optional<String> quarantined = Optional.empty();
  // True where the file was there before we knew what of it to trust: see prove().
  private boolean unproven;
  private boolean ended;
  private Digest digest;

  private FileChannel channel;
  private ByteBuffer buffer;
  private long bufferPosition;
  private boolean bytesDirty;
  private boolean stateDirty;

  private Trail(
      TrailId id,
      SourceDirectory directory,
      OpenFiles files,
      WriteBuffers buffers,
      ByteBuffer scratch,
      Limits limits,
      SinkCounters counters) {
    this.id = id;
    this.directory = directory;
    this.files = files;
    this.buffers = buffers;
    this.scratch = scratch;
    this.limits = limits;
    this.counters = counters;
  }

  /** Loads what the disk knows of a trail that is not finished: nothing, for a new one. */
  static Trail load(
      TrailId id,
      SourceDirectory directory,
      OpenFiles files,
      WriteBuffers buffers,
      ByteBuffer scratch,
      Limits limits,
      SinkCounters counters)
      throws IOException {
    Trail trail = new Trail(id, directory, files, buffers, scratch, limits, counters);
    Optional<CoverageFile> sidecar;
    try {
      sidecar = CoverageFile.read(directory.path(), id.trail());
    } catch (CoverageFile.DamagedException e) {
      Path path = CoverageFile.path(directory.path(), id.trail());
      Path aside = path.resolveSibling(path.getFileName() + ".damaged");
      Files.move(path, aside, StandardCopyOption.ATOMIC_MOVE);
      LOG.error(
          "Trail {}: its sidecar is damaged and was moved to {}: {}. What the trail's file holds"
              + " counts as missing until it is delivered again or the trail's SHA-256 proves it;"
              + " if it stays incomplete, reset the connector's offsets.",
          id,
          aside,
          e.getMessage());
      sidecar = Optional.empty();
      trail.stateDirty = true;
    }
    if (sidecar.isPresent()) {
      CoverageFile known = sidecar.get();
      known.covered().forEach(span -> trail.coverage.add(span.position(), span.end()));
      known.lost().forEach(span -> trail.lost.add(span.position(), span.end()));
      trail.end = known.finalState();
      trail.quarantined = known.quarantined();
      if (trail.quarantined.isPresent()) {
        trail.moveToQuarantine();
      }
    } else {
      trail.quarantined =
          Files.isRegularFile(
                  directory.file(id.trail() + FinalName.QUARANTINED), LinkOption.NOFOLLOW_LINKS)
              ? Optional.of("quarantined before its sidecar was damaged")
              : Optional.empty();
      trail.unproven = Files.exists(trail.path(), LinkOption.NOFOLLOW_LINKS);
    }
    trail.look();
    return trail;
  }

  TrailId id() {
    return id;
  }

  SourceDirectory directory() {
    return directory;
  }

  BitSet partitions() {
    return partitions;
  }

  boolean hasOpenFile() {
    return channel != null;
  }

  boolean isDirty() {
    return bytesDirty || stateDirty;
  }

  /** Whether it ended and has all its bytes, so that {@link #advance} has something to do. */
  boolean isWhole() {
    return ended;
  }

  /** Whether it ended and still misses bytes. */
  boolean isEndedIncomplete() {
    return end.isPresent() && !ended;
  }

  /** What is missing below its size, or below its last byte while the size is not known. */
  List<Span> holes() {
    return Span.of(coverage.missing(end.map(FinalState::size).orElse(coverage.end())));
  }

  /**
   * Takes one record's bytes.
   *
   * @param raw the bytes, at least 1, read from its position to its limit
   * @throws InvalidRecordException if the trail would fall into more pieces than the limit allows
   */
  void write(long position, ByteBuffer raw, Instant now) throws IOException {
    long stop = position + raw.remaining();
    if (end.isPresent() && end.get().sha256().isPresent() && stop > end.get().size()) {
      quarantine(
          "bytes "
              + position
              + " to "
              + stop
              + " lie beyond the size "
              + end.get().size()
              + " the agent gave",
          now);
      return;
    }
    if (!coverage.touches(position, stop)) {
      fill(position, raw);
      counters.recordsWritten.incrementAndGet();
    } else {
      writeOver(position, stop, raw, now);
    }
    look();
  }

  // A record some of whose bytes are there: they must be the same, the others are filled in.
  private void writeOver(long position, long stop, ByteBuffer raw, Instant now) throws IOException {
    boolean filled = false;
    int first = raw.position();
    for (long at = position; at < stop; ) {
      long runEnd = coverage.runEnd(at, stop);
      ByteBuffer piece = raw.slice(first + (int) (at - position), (int) (runEnd - at));
      if (!coverage.touches(at, runEnd)) {
        fill(at, piece);
        filled = true;
      } else {
        compare(at, piece, now);
      }
      at = runEnd;
    }
    (filled ? counters.recordsWritten : counters.recordsDuplicate).incrementAndGet();
  }

  private void fill(long position, ByteBuffer bytes) throws IOException {
    int length = bytes.remaining();
    boolean appends = position > 0 && coverage.covers(position - 1, position);
    if (!appends && coverage.ranges() >= limits.maxRanges()) {
      throw new InvalidRecordException(
          "trail "
              + id
              + ": bytes "
              + position
              + " to "
              + (position + length)
              + " would make more than "
              + limits.maxRanges()
              + " separate ranges");
    }
    if (buffer != null
        && (position != bufferPosition + buffer.position() || length > buffer.remaining())) {
      flush();
    }
    if (length >= buffers.bufferBytes()) {
      writeFully(channel(), bytes, position);
    } else {
      if (buffer == null) {
        buffer = buffers.lend(this);
        bufferPosition = position;
      }
      buffer.put(bytes.duplicate());
    }
    coverage.add(position, position + length);
    // What was read so far of an unproven file may just have been replaced.
    digest = null;
    bytesDirty = true;
    stateDirty = true;
    counters.bytesWritten.addAndGet(length);
  }

  private void compare(long position, ByteBuffer bytes, Instant now) throws IOException {
    if (buffer != null
        && position < bufferPosition + buffer.position()
        && position + bytes.remaining() > bufferPosition) {
      flush();
    }
    long at = position;
    ByteBuffer wanted = bytes.duplicate();
    while (wanted.hasRemaining()) {
      scratch.clear().limit(Math.min(scratch.capacity(), wanted.remaining()));
      int n = channel().read(scratch, at);
      if (n < 0) {
        quarantine(
            "the file ends at " + at + ", but bytes up to " + coverage.end() + " were written",
            now);
        return;
      }
      scratch.flip();
      int mismatch = scratch.mismatch(wanted.slice(wanted.position(), n));
      if (mismatch >= 0) {
        quarantine(
            "the byte at position "
                + (at + mismatch)
                + " was delivered again and differs from the file's: bytes "
                + position
                + " to "
                + (position + bytes.remaining())
                + " came twice and not the same",
            now);
        return;
      }
      wanted.position(wanted.position() + n);
      at += n;
    }
  }

  /** Takes ranges the agent gave up; they are missing for ever and not silently. */
  void lose(List<Span> spans) {
    for (Span span : spans) {
      if (!lost.covers(span.position(), span.end())) {
        lost.add(span.position(), span.end());
        stateDirty = true;
      }
    }
    look();
  }

  /** Takes the trail's final state; the last one holds. */
  void end(FinalState state) {
    if (!end.equals(Optional.of(state))) {
      if (end.isPresent() && !end.get().saysTheSame(state)) {
        counters.endsChanged.incrementAndGet();
        LOG.error(
            "Trail {} ended twice and not the same: first {}, {} bytes, SHA-256 {}; now {}, {}"
                + " bytes, SHA-256 {}. The last one holds.",
            id,
            end.get().name().name(),
            end.get().size(),
            end.get().sha256().orElse("unknown"),
            state.name().name(),
            state.size(),
            state.sha256().orElse("unknown"));
      }
      end = Optional.of(state);
      digest = null;
      stateDirty = true;
    }
    look();
    if (!ended) {
      LOG.info("Trail {} ended at {} bytes, missing so far: {}", id, state.size(), firstHoles());
    }
  }

  private String firstHoles() {
    List<Span> holes = holes();
    return holes.subList(0, Math.min(holes.size(), 5)) + (holes.size() > 5 ? " ..." : "");
  }

  // INVARIANT: ended is true exactly while the end is known and no byte below it is to be had.
  private void look() {
    ended = end.isPresent() && (isCovered(end.get()) || unproven);
  }

  private boolean isCovered(FinalState state) {
    if (coverage.covers(0, state.size())) {
      return true;
    }
    // A digest says there are bytes to be had for every position.
    if (state.sha256().isPresent() || (lost.ranges() == 0 && state.dropped().isEmpty())) {
      return false;
    }
    Coverage known = new Coverage();
    Span.of(coverage.covered()).forEach(span -> known.add(span.position(), span.end()));
    Span.of(lost.covered()).forEach(span -> known.add(span.position(), span.end()));
    state.dropped().forEach(span -> known.add(span.position(), span.end()));
    return known.covers(0, state.size());
  }

  /** Writes the gathered bytes to the file and gives the buffer back. */
  void flush() throws IOException {
    if (buffer != null) {
      writeFully(channel(), buffer.duplicate().flip(), bufferPosition);
      buffer = null;
      buffers.giveBack(this);
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes, long position)
      throws IOException {
    ByteBuffer left = bytes.duplicate();
    long at = position;
    while (left.hasRemaining()) {
      at += channel.write(left, at);
    }
  }

  /**
   * Makes the bytes durable, then the sidecar that tells of them. The caller syncs the directory.
   *
   * @throws SyncFailedException if the bytes' fsync failed: nothing since the last one is safe
   */
  void sync() throws IOException {
    flush();
    if (bytesDirty) {
      FileChannel dirty = channel();
      try {
        dirty.force(false);
      } catch (IOException e) {
        throw new SyncFailedException("fsync of " + path() + " failed: " + e, e);
      }
      bytesDirty = false;
    }
    if (stateDirty) {
      saveState();
    }
  }

  private void saveState() throws IOException {
    CoverageFile state =
        new CoverageFile(
            id.trail(), Span.of(coverage.covered()), Span.of(lost.covered()), end, quarantined);
    DurableFile.replace(CoverageFile.path(directory.path(), id.trail()), state.encode());
    directory.entriesChanged();
    stateDirty = false;
  }

  /**
   * Goes on with finishing a whole trail: reads back at most so many bytes.
   *
   * @return the bytes read; the trail is finished when {@link #isFinished}
   */
  long advance(long maxBytes, Instant now) throws IOException {
    FinalState state = end.orElseThrow();
    flush();
    FileChannel file = channel();
    if (quarantined.isPresent()) {
      moveToQuarantine();
      if (isCovered(state)) {
        finishQuarantined(state, quarantined.get(), now);
      } else {
        unproven = false;
        look();
      }
      return 0;
    }
    if (state.sha256().isEmpty()) {
      if (isCovered(state)) {
        finishUnverified(state);
      } else {
        unproven = false;
        look();
      }
      return 0;
    }
    if (file.size() != state.size()) {
      mismatch(state, "its size differs: wanted " + state.size() + ", found " + file.size(), now);
      return 0;
    }
    if (digest == null) {
      digest = new Digest();
    }
    long read = digest.read(file, scratch, maxBytes);
    if (digest.position() >= state.size()) {
      String found = digest.hex();
      digest = null;
      if (found.equals(state.sha256().get())) {
        finishVerified(state);
      } else {
        mismatch(
            state, "its SHA-256 differs: wanted " + state.sha256().get() + ", found " + found, now);
      }
    } else if (read == 0) {
      digest = null;
      throw new IOException(path() + " was shortened while it was verified");
    }
    return read;
  }

  boolean isFinished() {
    return directory.finishedAs(id.trail()).isPresent();
  }

  private void mismatch(FinalState state, String how, Instant now) throws IOException {
    if (!isCovered(state)) {
      // The file was not proven by its digest after all: the missing bytes have to come.
      unproven = false;
      look();
      return;
    }
    finishQuarantined(state, how, now);
  }

  private void finishVerified(FinalState state) throws IOException {
    finish(state.name().name());
    counters.trailsVerified.incrementAndGet();
    counters.bytesVerified.addAndGet(state.size());
    LOG.info("Trail {} verified: {}, {} bytes", id, state.name().name(), state.size());
  }

  private void finishUnverified(FinalState state) throws IOException {
    String name = state.name().name();
    StringBuilder marker = new StringBuilder();
    marker.append("The agent knows no SHA-256 of this trail; only its coverage was checked.\n");
    marker.append("cause: ").append(state.cause().orElse("not given").replace('\n', ' '));
    marker.append("\nsize: ").append(state.size()).append('\n');
    Span.of(coverage.missing(state.size()))
        .forEach(
            hole ->
                marker
                    .append("never sent: ")
                    .append(hole.length())
                    .append(" bytes at position ")
                    .append(hole.position())
                    .append('\n'));
    if (coverage.end() > state.size()) {
      marker.append("beyond the size: ").append(coverage.end() - state.size()).append(" bytes\n");
    }
    DurableFile.replace(
        directory.file(name + FinalName.UNVERIFIED),
        marker.toString().getBytes(StandardCharsets.UTF_8));
    directory.entriesChanged();
    finish(name);
    counters.trailsUnverified.incrementAndGet();
    LOG.warn(
        "Trail {} finished unverified: {}, {} bytes, cause: {}",
        id,
        name,
        state.size(),
        state.cause().orElse("not given"));
  }

  private void finishQuarantined(FinalState state, String reason, Instant now) throws IOException {
    String name = state.name().name();
    DurableFile.replace(
        directory.file(name + FinalName.REASON), Quarantine.reason(id, reason, now));
    directory.entriesChanged();
    finish(name + FinalName.QUARANTINED);
    Files.deleteIfExists(directory.file(id.trail() + FinalName.REASON));
    if (quarantined.isEmpty()) {
      counters.trailsQuarantined.incrementAndGet();
      LOG.error(
          "Trail {} is not what its agent sent: {}. Quarantined as {}",
          id,
          reason,
          directory.file(name + FinalName.QUARANTINED));
    }
  }

  private void finish(String name) throws IOException {
    Path from = path();
    Path to = directory.file(name);
    FileChannel file = channel();
    if (Files.exists(to, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(
          to + " appeared beside " + from + ": a finished trail is never replaced; remove one");
    }
    Files.setPosixFilePermissions(from, PosixFilePermissions.fromString("r--r-----"));
    try {
      file.force(true);
    } catch (IOException e) {
      throw new SyncFailedException("fsync of " + from + " failed: " + e, e);
    }
    bytesDirty = false;
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    // From here on the trail is finished: a failure below leaves a sidecar nobody needs.
    directory.finish(id.trail(), name);
    directory.entriesChanged();
    stateDirty = false;
    closeFile();
    directory.sync();
    try {
      Files.deleteIfExists(CoverageFile.path(directory.path(), id.trail()));
    } catch (IOException e) {
      LOG.warn(
          "Trail {} is finished; its sidecar stays until the next start: {}", id, e.toString());
    }
  }

  // Something contradicts the bytes: no final name any more, whatever comes. What is missing is
  // still collected, so that one forged record cannot keep a host's trail from the collector.
  private void quarantine(String reason, Instant now) throws IOException {
    if (quarantined.isPresent()) {
      LOG.debug("Trail {}, quarantined already: {}", id, reason);
      return;
    }
    channel();
    DurableFile.replace(
        directory.file(id.trail() + FinalName.REASON), Quarantine.reason(id, reason, now));
    quarantined = Optional.of(reason);
    stateDirty = true;
    sync();
    moveToQuarantine();
    counters.trailsQuarantined.incrementAndGet();
    LOG.error("Trail {}: {}. Quarantined as {}", id, reason, path());
  }

  private void moveToQuarantine() throws IOException {
    Path from = directory.file(id.trail() + FinalName.NOT_TERMINATED);
    if (Files.exists(from, LinkOption.NOFOLLOW_LINKS)) {
      Files.move(
          from, directory.file(id.trail() + FinalName.QUARANTINED), StandardCopyOption.ATOMIC_MOVE);
      directory.entriesChanged();
    }
  }

  private Path path() {
    return directory.file(
        id.trail() + (quarantined.isPresent() ? FinalName.QUARANTINED : FinalName.NOT_TERMINATED));
  }

  private FileChannel channel() throws IOException {
    if (channel != null) {
      files.used(this);
      return channel;
    }
    files.admit(this);
    try {
      if (quarantined.isPresent()) {
        moveToQuarantine();
      }
      Path path = path();
      boolean isNew = !DurableFile.isOwn(path);
      if (!isNew
          && !Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS)
              .contains(PosixFilePermission.OWNER_WRITE)) {
        // Read-only already, and a crash or the disk kept it from its final name.
        Files.setPosixFilePermissions(path, WRITTEN);
      }
      channel =
          FileChannel.open(
              path,
              Set.of(
                  StandardOpenOption.CREATE,
                  StandardOpenOption.READ,
                  StandardOpenOption.WRITE,
                  LinkOption.NOFOLLOW_LINKS),
              PosixFilePermissions.asFileAttribute(WRITTEN));
      if (isNew) {
        directory.entriesChanged();
      }
      return channel;
    } finally {
      if (channel == null) {
        files.closed(this);
      }
    }
  }

  /** Writes the gathered bytes out and closes the file; what is dirty stays dirty. */
  void closeFile() throws IOException {
    flush();
    if (channel != null) {
      FileChannel closing = channel;
      channel = null;
      files.closed(this);
      closing.close();
    }
  }

  /** Lets go of file and buffer without writing: as a process that dies. */
  void abandon() {
    buffer = null;
    buffers.giveBack(this);
    if (channel != null) {
      files.closed(this);
      try {
        channel.close();
      } catch (IOException e) {
        LOG.debug("Trail {}: closing failed, the descriptor is gone either way", id, e);
      }
      channel = null;
    }
  }
}
