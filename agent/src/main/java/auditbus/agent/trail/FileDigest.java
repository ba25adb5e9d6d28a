// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Optional;

/**
 * SHA-256 of a trail's first bytes as they stand in its file, taken part by part: of a large trail
 * it takes half a second, and nothing else could be done meanwhile.
 *
 * <p>Not thread-safe.
 */
final class FileDigest {
  private static final int BUFFER_BYTES = 64 * 1024;

  private final FollowedFile file;
  private final String trail;
  private final long end;
  private final MessageDigest digest = FileIdentity.Digests.sha256();
  private final ByteBuffer buffer;
  private long position;

  /** Reads nothing yet. */
  FileDigest(FollowedFile file, String trail, long end) {
    this.file = file;
    this.trail = trail;
    this.end = end;
    this.buffer = ByteBuffer.allocate((int) Math.min(BUFFER_BYTES, end));
  }

  /** Whether it is of so many first bytes of this file. */
  boolean isOf(FollowedFile other, long size) {
    return file == other && end == size;
  }

  /**
   * Goes on by about so many bytes.
   *
   * @return the digest, hex, once all are in it; not to be called again then
   * @throws IOException if the file has fewer bytes
   */
  Optional<String> advance(long bytes) throws IOException {
    long until = bytes < end - position ? position + bytes : end;
    while (position < until) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), end - position));
      int count = file.read(buffer, position);
      if (count == 0) {
        throw new IOException(
            "trail "
                + trail
                + ": the file ends at "
                + position
                + ", "
                + end
                + " bytes were read from it before");
      }
      digest.update(buffer.flip());
      position += count;
    }
    return position < end
        ? Optional.empty()
        : Optional.of(HexFormat.of().formatHex(digest.digest()));
  }
}
