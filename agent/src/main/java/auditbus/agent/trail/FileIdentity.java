// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;

/**
 * What makes a file the same file under another name: its inode and its first bytes.
 *
 * <p>An inode alone is not enough, because a file system gives a deleted file's inode to the next
 * one made.
 *
 * @param inode inode number
 * @param length how many first bytes {@code digest} is over, 0 to {@value #MAX_LENGTH}
 * @param digest SHA-256 of them, lower-case hex
 */
record FileIdentity(long inode, int length, String digest) {
  static final int MAX_LENGTH = 1024;

  /** The identity of the file as it is now. */
  static FileIdentity of(Path path) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      byte[] first = first(channel, MAX_LENGTH);
      return new FileIdentity(inode(path), first.length, sha256(first));
    }
  }

  /** Whether the file of that inode begins with the bytes this identity was made of. */
  boolean matches(Path path) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      byte[] first = first(channel, length);
      return first.length == length && sha256(first).equals(digest);
    }
  }

  /**
   * The file's first bytes, at most {@value #MAX_LENGTH}.
   *
   * @throws NoSuchFileException if the file of that name is not that of this identity any more
   */
  byte[] firstBytes(Path path) throws IOException {
    byte[] bytes;
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      bytes = first(channel, MAX_LENGTH);
    }
    if (inode(path) != inode) {
      throw new NoSuchFileException(path.toString(), null, "it was renamed meanwhile");
    }
    return bytes;
  }

  /** The file's inode; a link is not followed. */
  static long inode(Path path) throws IOException {
    return ((Number) Files.getAttribute(path, "unix:ino", LinkOption.NOFOLLOW_LINKS)).longValue();
  }

  private static byte[] first(FileChannel channel, int limit) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(limit);
    while (buffer.hasRemaining() && channel.read(buffer, buffer.position()) >= 0) {
      // until full or at the end of the file
    }
    byte[] bytes = new byte[buffer.position()];
    buffer.flip().get(bytes);
    return bytes;
  }

  private static String sha256(byte[] bytes) {
    return HexFormat.of().formatHex(Digests.sha256().digest(bytes));
  }

  /** Makes digests the platform is bound to have. */
  static final class Digests {
    private Digests() {}

    static MessageDigest sha256() {
      try {
        return MessageDigest.getInstance("SHA-256");
      } catch (java.security.NoSuchAlgorithmException e) {
        throw new IllegalStateException("this Java has no SHA-256, which every Java must have", e);
      }
    }
  }
}
