// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.trail.TrailPlace;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.StandardOpenOption;

/**
 * Looks at text that was just captured. A trail that was renamed meanwhile has none: who looks
 * again has it under its new name.
 */
final class TrailText {
  /** Most that is looked at behind a place. */
  static final int MOST_BYTES = 16 * 1024 * 1024;

  private static final int CHUNK_BYTES = 64 * 1024;

  private TrailText() {}

  /** Whether something stands behind a place, within {@value #MOST_BYTES} bytes. */
  static boolean contains(TrailPlace place, String what) {
    byte[] wanted = what.getBytes(StandardCharsets.US_ASCII);
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
    try (FileChannel file = FileChannel.open(place.path(), StandardOpenOption.READ)) {
      long most = place.position() + MOST_BYTES;
      for (long at = place.position(); at < most; at += chunk.position() - wanted.length) {
        int count = file.read(chunk.clear(), at);
        if (count < wanted.length) {
          return false;
        }
        if (new String(chunk.array(), 0, count, StandardCharsets.ISO_8859_1).contains(what)) {
          return true;
        }
      }
    } catch (IOException e) {
      return false;
    }
    return false;
  }

  /** At most so many bytes in front of a place. */
  static String before(TrailPlace place, int most) {
    ByteBuffer bytes = ByteBuffer.allocate(most);
    try (FileChannel file = FileChannel.open(place.path(), StandardOpenOption.READ)) {
      file.read(bytes, Math.max(0, place.position() - most));
    } catch (IOException e) {
      return "";
    }
    return new String(bytes.array(), 0, bytes.position(), StandardCharsets.ISO_8859_1);
  }
}
