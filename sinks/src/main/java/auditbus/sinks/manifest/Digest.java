// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.manifest;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * The SHA-256 of a file as it reads back, computed in bounded steps: a trail may be larger than
 * what can be read before the group coordinator takes the task for dead.
 *
 * <p>Not thread-safe.
 */
public final class Digest {
  private static final int CHUNK_BYTES = 256 << 10;

  private final MessageDigest digest;
  private long position;

  /** A digest of nothing yet. */
  public Digest() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /**
   * Reads on, at most so many bytes.
   *
   * @return how many were read; less than asked for only at the end of the file
   */
  public long read(FileChannel channel, ByteBuffer scratch, long maxBytes) throws IOException {
    long read = 0;
    while (read < maxBytes) {
      scratch.clear().limit((int) Math.min(scratch.capacity(), maxBytes - read));
      int n = channel.read(scratch, position);
      if (n < 0) {
        break;
      }
      digest.update(scratch.flip());
      position += n;
      read += n;
    }
    return read;
  }

  /** A buffer of the size reading is done with. */
  public static ByteBuffer scratch() {
    return ByteBuffer.allocateDirect(CHUNK_BYTES);
  }

  /** Bytes read so far. */
  public long position() {
    return position;
  }

  /** The digest as 64 lower-case hex digits. Call once. */
  public String hex() {
    return HexFormat.of().formatHex(digest.digest());
  }
}
