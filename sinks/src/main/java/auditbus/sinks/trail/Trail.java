// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.Coverage;
import auditbus.schemas.Format;
import auditbus.sinks.manifest.Digest;
import auditbus.sinks.manifest.ManifestEntry;
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
import java.time.temporal.ChronoUnit;
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
  private Coverage coverage = new Coverage();
  private final Coverage lost = new Coverage();
  private Format format = Format.UNKNOWN;
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
      trail.format = known.format();
      known.covered().forEach(span -> trail.coverage.add(span.position(), span.end()));
      known.lost().forEach(span -> trail.lost.add(span.position(), span.end()));
      trail.end = known.finalState();
      trail.quarantined = known.quarantined();
      if (trail.quarantined.isPresent()) {
        trail.moveToQuarantine();
      } else if (!Files.exists(trail.path(), LinkOption.NOFOLLOW_LINKS)) {
        trail.quarantined = trail.quarantinedByName("before its sidecar could tell");
      }
      trail.distrustWhatIsNotThere();
    } else {
      trail.quarantined = trail.quarantinedByName("before its sidecar was damaged");
      trail.unproven = Files.exists(trail.path(), LinkOption.NOFOLLOW_LINKS);
    }
    if (trail.quarantined.isEmpty()) {
      directory.unfinished(id.trail(), trail.format);
    }
    trail.look();
    return trail;
  }

  private Optional<String> quarantinedByName(String when) {
    return Files.isRegularFile(
            directory.file(id.trail() + FinalName.QUARANTINED), LinkOption.NOFOLLOW_LINKS)
        ? Optional.of("quarantined " + when)
        : Optional.empty();
  }

  // A sidecar is written after its bytes: if the file ends before, somebody cut or removed it. The
  // rest would be zeros, and where no digest is known nothing else would tell.
  private void distrustWhatIsNotThere() throws IOException {
    if (coverage.end() == 0) {
      return;
    }
    Path path = path();
    long size = DurableFile.isOwn(path) ? Files.size(path) : 0;
    if (coverage.end() <= size) {
      return;
    }
    LOG.error(
        "Trail {}: {} ends at {}, but bytes up to {} were collected: it was cut or removed. They"
            + " count as missing; reset the connector's offsets to collect them again.",
        id,
        path,
        size,
        coverage.end());
    List<Span> known = Span.of(coverage.covered());
    coverage = new Coverage();
    for (Span span : known) {
      if (span.position() < size) {
        coverage.add(span.position(), Math.min(span.end(), size));
      }
    }
    stateDirty = true;
  }

  /** Says what the trail's records are; what is known does not change. */
  void know(Format told) {
    if (format == Format.UNKNOWN && told != Format.UNKNOWN) {
      format = told;
      stateDirty = true;
      if (quarantined.isEmpty()) {
        directory.unfinished(id.trail(), format);
      }
    }
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
    long more = spans.stream().filter(span -> !lost.covers(span.position(), span.end())).count();
    if (more > 0 && lost.ranges() + more > limits.maxRanges()) {
      throw new InvalidRecordException(
          "trail " + id + ": more than " + limits.maxRanges() + " ranges would be given up");
    }
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
            id.trail(),
            format,
            Span.of(coverage.covered()),
            Span.of(lost.covered()),
            end,
            quarantined);
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
    if (quarantined.isPresent()) {
      moveToQuarantine();
    }
    boolean provable = quarantined.isEmpty() && state.sha256().isPresent();
    if (!provable && !isCovered(state)) {
      unproven = false;
      look();
      return 0;
    }
    // Before the whole file is read back for nothing.
    checkNameIsFree(directory.file(state.name().name()));
    FileChannel file = channel();
    if (provable && !isCovered(state) && file.size() != state.size()) {
      unproven = false;
      look();
      return 0;
    }
    if (digest == null) {
      digest = new Digest();
    }
    long read = digest.read(file, scratch, maxBytes);
    if (read == maxBytes) {
      return read;
    }
    long size = digest.position();
    String found = digest.hex();
    digest = null;
    finish(state, size, found, now);
    return read;
  }

  private void checkNameIsFree(Path name) throws IOException {
    if (Files.exists(name, LinkOption.NOFOLLOW_LINKS)) {
      throw new NameTakenException(
          name + " appeared beside " + path() + ": a finished trail is never replaced; remove one");
    }
  }

  boolean isFinished() {
    return directory.finishedAs(id.trail()).isPresent();
  }

  private void finish(FinalState state, long size, String found, Instant now) throws IOException {
    if (quarantined.isPresent()) {
      finishQuarantined(state, quarantined.get(), size, found, now);
    } else if (state.sha256().isEmpty()) {
      finishUnverified(state, size, found, now);
    } else if (size == state.size() && found.equals(state.sha256().get())) {
      finishVerified(state, found, now);
    } else if (!isCovered(state)) {
      // The file was not proven by its digest after all: the missing bytes have to come.
      unproven = false;
      look();
    } else if (size != state.size()) {
      String how = "its size differs: wanted " + state.size() + ", found " + size;
      finishQuarantined(state, how, size, found, now);
    } else {
      String how = "its SHA-256 differs: wanted " + state.sha256().get() + ", found " + found;
      finishQuarantined(state, how, size, found, now);
    }
  }

  private void finishVerified(FinalState state, String found, Instant now) throws IOException {
    finish(state, state.name().name(), ManifestEntry.Proof.VERIFIED, state.size(), found, now);
    counters.trailsVerified.incrementAndGet();
    counters.bytesVerified.addAndGet(state.size());
    LOG.info("Trail {} verified: {}, {} bytes", id, state.name().name(), state.size());
  }

  private void finishUnverified(FinalState state, long size, String found, Instant now)
      throws IOException {
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
    finish(state, name, ManifestEntry.Proof.UNVERIFIED, size, found, now);
    counters.trailsUnverified.incrementAndGet();
    LOG.warn(
        "Trail {} finished unverified: {}, {} bytes, cause: {}",
        id,
        name,
        state.size(),
        state.cause().orElse("not given"));
  }

  private void finishQuarantined(
      FinalState state, String reason, long size, String found, Instant now) throws IOException {
    String name = state.name().name();
    DurableFile.replace(
        directory.file(name + FinalName.REASON), Quarantine.reason(id, reason, now));
    directory.entriesChanged();
    finish(state, name + FinalName.QUARANTINED, ManifestEntry.Proof.QUARANTINED, size, found, now);
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

  // The bytes, then the manifest's line, then the name: each is durable before the next.
  private void finish(
      FinalState state,
      String name,
      ManifestEntry.Proof proof,
      long size,
      String found,
      Instant now)
      throws IOException {
    Path from = path();
    Path to = directory.file(name);
    FileChannel file = channel();
    checkNameIsFree(to);
    Files.setPosixFilePermissions(from, PosixFilePermissions.fromString("r--r-----"));
    try {
      file.force(true);
    } catch (IOException e) {
      throw new SyncFailedException("fsync of " + from + " failed: " + e, e);
    }
    bytesDirty = false;
    ManifestEntry.Finished entry =
        new ManifestEntry.Finished(
            name,
            proof,
            format,
            size,
            found,
            state.previous(),
            state.previousSha256(),
            now.truncatedTo(ChronoUnit.MILLIS));
    // Also the name it has now: an entry must not outlive a file that was made just before.
    directory.sync();
    directory.record(entry);
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    // From here on the trail is finished: a failure below leaves a sidecar nobody needs.
    directory.finish(entry);
    directory.entriesChanged();
    stateDirty = false;
    closeFile();
    directory.sync();
    checkPredecessor(state);
    try {
      Files.deleteIfExists(CoverageFile.path(directory.path(), id.trail()));
    } catch (IOException e) {
      LOG.warn(
          "Trail {} is finished; its sidecar stays until the next start: {}", id, e.toString());
    }
  }

  private void checkPredecessor(FinalState state) {
    Optional<ManifestEntry.Finished> before = state.previous().flatMap(directory::kept);
    if (before.isPresent()
        && before.get().proof() == ManifestEntry.Proof.VERIFIED
        && state.previousSha256().isPresent()
        && !state.previousSha256().get().equals(before.get().sha256())) {
      counters.chainBreaks.incrementAndGet();
      LOG.error(
          "Trail {} follows {} with SHA-256 {}, says its agent; the one collected has {}",
          id,
          before.get().name(),
          state.previousSha256().get(),
          before.get().sha256());
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
    directory.contradicted(id.trail());
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
        directory.appeared();
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
