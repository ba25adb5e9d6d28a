// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The memory contiguous records are gathered in before they are written: a bounded number of
 * buffers, lent to the trails that write. When all are lent, the trail that has had its buffer
 * longest has to write its bytes out and hand it over.
 *
 * <p>Not thread-safe: one task owns it.
 */
final class WriteBuffers {
  private final int maxBuffers;
  private final int bufferBytes;
  private final ArrayDeque<ByteBuffer> idle = new ArrayDeque<>();
  private final Map<Trail, ByteBuffer> lent = new LinkedHashMap<>();

  WriteBuffers(int maxBuffers, int bufferBytes) {
    this.maxBuffers = maxBuffers;
    this.bufferBytes = bufferBytes;
  }

  int bufferBytes() {
    return bufferBytes;
  }

  /** An empty buffer for a trail that has none. */
  ByteBuffer lend(Trail trail) throws IOException {
    if (idle.isEmpty() && lent.size() >= maxBuffers) {
      lent.keySet().iterator().next().flush();
    }
    ByteBuffer buffer = idle.poll();
    if (buffer == null) {
      buffer = ByteBuffer.allocateDirect(bufferBytes);
    }
    lent.put(trail, buffer);
    return buffer;
  }

  /** Takes a trail's buffer back. */
  void giveBack(Trail trail) {
    ByteBuffer buffer = lent.remove(trail);
    if (buffer != null) {
      idle.push(buffer.clear());
    }
  }
}
