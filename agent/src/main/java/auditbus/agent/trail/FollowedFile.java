// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Optional;

/**
 * A trail's file, followed by its inode through its names: once open it stays open, whatever it is
 * called, until {@link #close}; reading opens it again by its last name.
 *
 * <p>Not thread-safe.
 */
final class FollowedFile implements Closeable {
  private final String trail;
  private final long inode;
  private Optional<Path> path;
  private Optional<FileChannel> channel = Optional.empty();

  /**
   * Makes one; nothing is opened.
   *
   * @param trail the trail's id, for messages
   * @param path its name now, empty while none is known
   */
  FollowedFile(String trail, long inode, Optional<Path> path) {
    this.trail = trail;
    this.inode = inode;
    this.path = path;
  }

  Optional<Path> path() {
    return path;
  }

  /** The file goes by this name now. */
  void movedTo(Path newPath) {
    path = Optional.of(newPath);
  }

  /** The file has no name any more. */
  void vanished() {
    path = Optional.empty();
  }

  boolean isOpen() {
    return channel.isPresent();
  }

  /**
   * The open file; it is opened if it was not.
   *
   * @throws IOException if it has no name, or another file has it
   */
  FileChannel channel() throws IOException {
    if (channel.isEmpty()) {
      Path name = path.orElseThrow(() -> new IOException("trail " + trail + ": its file is gone"));
      FileChannel opened =
          FileChannel.open(name, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
      try {
        if (FileIdentity.inode(name) != inode) {
          throw new NoSuchFileException( // as good as gone: the next look tells what became of it
              name.toString(), null, "trail " + trail + ": another file has that name now");
        }
      } catch (IOException e) {
        opened.close();
        throw e;
      }
      channel = Optional.of(opened);
    }
    return channel.get();
  }

  /** Its size in bytes now. */
  long size() throws IOException {
    return channel().size();
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

  /** SHA-256 of the at most {@value FileIdentity#MAX_LENGTH} bytes before a position, hex. */
  String digestBefore(long position) throws IOException {
    int length = (int) Math.min(FileIdentity.MAX_LENGTH, position);
    ByteBuffer bytes = ByteBuffer.allocate(length);
    read(bytes, position - length);
    MessageDigest digest = FileIdentity.Digests.sha256();
    digest.update(bytes.flip());
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * SHA-256 of its first {@code end} bytes as they stand in it now, hex.
   *
   * @throws IOException if it has fewer
   */
  String digest(long end) throws IOException {
    return digesting(end).advance(Long.MAX_VALUE).orElseThrow();
  }

  /** The same, taken part by part. */
  FileDigest digesting(long end) {
    return new FileDigest(this, trail, end);
  }

  @Override
  public void close() {
    if (channel.isPresent()) {
      try {
        channel.get().close();
      } catch (IOException e) {
        // nothing was written: there is nothing to lose
      }
      channel = Optional.empty();
    }
  }
}
