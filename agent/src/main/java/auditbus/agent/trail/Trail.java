// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.Checkpoint.TrailMark;
import auditbus.schemas.Coverage;
import auditbus.schemas.Range;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * One trail of a source: the file it stands in, how far it was read and what of it is acknowledged.
 * One thread owns it.
 */
final class Trail implements Closeable {
  /** How far its states went out. */
  enum Phase {
    FOUND,
    OPENED,
    CLOSING,
    CLOSED
  }

  private static final int HASH_BYTES = 1024 * 1024;

  final String id;
  final Coverage coverage = new Coverage();

  FileIdentity identity;
  Phase phase = Phase.FOUND;
  boolean openSent;
  Optional<TrailName> name = Optional.empty();

  /** Bytes that stand in the file, as far as they are to be read. */
  long size;

  /** Its writer is done with it: its size is final. */
  boolean ended;

  /** Why its bytes can't be had whole; then the closing state has no digest. */
  Optional<String> lost = Optional.empty();

  /** Where reading goes on. */
  long readPosition;

  /** Position below which records were counted in this run. */
  long countedTo;

  /**
   * Size at which its last bytes were seen to be no whole record; not read again until it grows.
   */
  long tornAt = -1;

  /** The bytes at the reading position continue something longer than a record may be. */
  boolean overlong;

  /** Reading goes on at a position that was not reached by reading. */
  private boolean resumed;

  /** Records handed on and not acknowledged. */
  long pending;

  /** Records that were handed on before a rewind and are to be handed on again. */
  long rewound;

  /** Looks at the directory since it was last seen there. */
  int unseen;

  /** Its end was set by once. */
  boolean settled;

  /** Why it could not be read the last time; not tried again before the next look. */
  Optional<IOException> failure = Optional.empty();

  /** SHA-256 of the bytes before {@code tailPosition}, at most as many as an identity has. */
  private long tailPosition;

  private String tailDigest = "";

  /** Whether its first bytes were compared since the agent started. */
  boolean verified;

  private Path path;
  private FileChannel channel;

  Trail(String id, FileIdentity identity, Path path) {
    this.id = id;
    this.identity = identity;
    this.path = path;
    this.verified = true;
  }

  Trail(TrailMark mark) {
    this.id = mark.id();
    this.identity = new FileIdentity(mark.inode(), mark.identityLength(), mark.identityDigest());
    for (long[] range : mark.covered()) {
      coverage.add(range[0], range[0] + range[1]);
    }
    this.tailPosition = mark.tailPosition();
    this.tailDigest = mark.tailDigest();
    this.openSent = mark.opened();
    this.phase = mark.closed() ? Phase.CLOSED : mark.opened() ? Phase.OPENED : Phase.FOUND;
    this.size = mark.closed() ? mark.size() : coverage.end();
    this.ended = mark.closed();
    this.readPosition = coverage.lowMark();
    this.resumed = readPosition > 0;
    this.countedTo = readPosition;
  }

  TrailMark mark() {
    List<long[]> covered =
        coverage.covered().stream()
            .map(range -> new long[] {range.getPosition(), range.getLength()})
            .toList();
    markTail();
    return new TrailMark(
        id,
        identity.inode(),
        identity.length(),
        identity.digest(),
        covered,
        tailPosition,
        tailDigest,
        phase != Phase.FOUND,
        phase == Phase.CLOSED,
        phase == Phase.CLOSED ? size : -1);
  }

  private void markTail() {
    long position = coverage.lowMark();
    if (position == tailPosition || channel == null) {
      return;
    }
    try {
      tailDigest = tailDigest(position);
      tailPosition = position;
    } catch (IOException e) {
      tailPosition = 0; // nothing to compare with is no reason to lose the checkpoint
      tailDigest = "";
    }
  }

  private String tailDigest(long position) throws IOException {
    int length = (int) Math.min(FileIdentity.MAX_LENGTH, position);
    ByteBuffer bytes = ByteBuffer.allocate(length);
    read(bytes, position - length);
    MessageDigest digest = FileIdentity.Digests.sha256();
    digest.update(bytes.flip());
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * Whether the bytes before the place where reading goes on are those that were acknowledged: a
   * file cut by a crash and grown again has the same first bytes.
   */
  boolean tailMatches() throws IOException {
    return tailPosition == 0 || tailDigest(tailPosition).equals(tailDigest);
  }

  Optional<Path> path() {
    return Optional.ofNullable(path);
  }

  /** The file goes by this name now; an open channel stays on it. */
  void movedTo(Path newPath) {
    path = newPath;
  }

  /** The file has no name any more; an open channel still has its bytes. */
  void vanished() {
    path = null;
  }

  boolean isOpen() {
    return channel != null;
  }

  boolean hasUnread() {
    return phase != Phase.CLOSED
        && lost.isEmpty()
        && verified
        && failure.isEmpty()
        && readPosition < size
        && (ended || tornAt != size);
  }

  /** Reads up to the buffer's room at a position; returns how much. */
  int read(ByteBuffer buffer, long position) throws IOException {
    FileChannel file = channel();
    int start = buffer.position();
    while (buffer.hasRemaining()) {
      int count = file.read(buffer, position + buffer.position() - start);
      if (count < 0) {
        break;
      }
    }
    return buffer.position() - start;
  }

  /** Current size of the open file. */
  long fileSize() throws IOException {
    return channel().size();
  }

  FileChannel channel() throws IOException {
    if (channel == null) {
      if (path == null) {
        throw new IOException("trail " + id + ": its file is gone");
      }
      FileChannel opened =
          FileChannel.open(path, StandardOpenOption.READ, java.nio.file.LinkOption.NOFOLLOW_LINKS);
      if (FileIdentity.inode(path) != identity.inode()) {
        opened.close();
        throw new IOException(
            "trail " + id + ": " + path + " was replaced while it was being opened");
      }
      channel = opened;
    }
    return channel;
  }

  /** Reading starts again at the first byte that is not acknowledged. */
  void rewind() {
    rewound += pending;
    pending = 0;
    readPosition = coverage.lowMark();
    tornAt = -1;
    overlong = false;
    resumed = readPosition > 0;
    if (phase == Phase.CLOSING) {
      phase = Phase.OPENED;
    }
    openSent = phase != Phase.FOUND;
  }

  /**
   * Before the first read after a rewind: whether it starts inside something longer than a record
   * may be.
   */
  void resume() throws IOException {
    if (resumed) {
      ByteBuffer last = ByteBuffer.allocate(1);
      overlong = read(last, readPosition - 1) == 1 && last.get(0) != '\n';
      resumed = false;
    }
  }

  boolean isCovered() {
    return coverage.covers(0, size);
  }

  List<Range> holes() {
    return coverage.missing(size);
  }

  /** SHA-256 of the trail's bytes as they stand in the file now. */
  String sha256() throws IOException {
    MessageDigest digest = FileIdentity.Digests.sha256();
    ByteBuffer buffer = ByteBuffer.allocate(HASH_BYTES);
    for (long position = 0; position < size; ) {
      buffer.clear().limit((int) Math.min(HASH_BYTES, size - position));
      int count = read(buffer, position);
      if (count == 0) {
        throw new IOException(
            "trail "
                + id
                + ": the file ends at "
                + position
                + ", "
                + size
                + " bytes were read from it before");
      }
      digest.update(buffer.flip());
      position += count;
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  @Override
  public void close() {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        // nothing was written: there is nothing to lose
      }
      channel = null;
    }
  }
}
