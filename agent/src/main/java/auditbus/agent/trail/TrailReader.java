// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.event.Framing;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.Format;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Cuts trails into records and hands on those the broker does not have.
 *
 * <p>Its one buffer has room for twice the longest record of the formats it met: {@value
 * #LEAST_BYTES} bytes for text, 2 MiB for BSM.
 *
 * <p>Not thread-safe.
 */
final class TrailReader {
  private static final Logger LOG = LoggerFactory.getLogger(TrailReader.class);
  private static final int LEAST_BYTES = 256 * 1024;

  private final String name;
  private final TrailFormats formats;
  private final InstantSource clock;
  private Optional<TrailSource.Captured> captured = Optional.empty();
  private ByteBuffer buffer = ByteBuffer.allocate(0);
  private long received;
  private long receivedCaptured;
  private long rereads;

  TrailReader(String name, TrailFormats formats, InstantSource clock) {
    this.name = name;
    this.formats = formats;
    this.clock = clock;
  }

  void captured(Optional<TrailSource.Captured> by) {
    captured = by;
  }

  /** Records read in this run, each once. */
  long received() {
    return received;
  }

  /** Those of them that this run captured. */
  long receivedCaptured() {
    return receivedCaptured;
  }

  /** Records handed on again. */
  long rereads() {
    return rereads;
  }

  /**
   * Hands on the trail's next records, at most a buffer's.
   *
   * @return bytes moved past; 0 if what stands there is no whole record yet
   * @throws IOException if the file cannot be read, or ends before the trail does
   */
  int read(Trail trail, Consumer<TrailRecord> out) throws IOException {
    Format format = trail.format().orElseThrow();
    Framing framing = formats.framing(format);
    if (buffer.capacity() < 2 * framing.maxRecordBytes()) {
      buffer = ByteBuffer.allocate(Math.max(LEAST_BYTES, 2 * framing.maxRecordBytes()));
    }
    long base = trail.readPosition();
    buffer.clear().limit((int) Math.min(buffer.capacity(), trail.size() - base));
    int count = trail.file().read(buffer, base);
    if (count < buffer.limit()) {
      throw new IOException(
          "trail "
              + trail.id()
              + ": the file ends at "
              + (base + count)
              + ", expected "
              + trail.size()
              + " bytes");
    }
    boolean tail = trail.isEnded() && base + count >= trail.size();
    Instant observed = clock.instant();
    byte[] bytes = buffer.array();
    boolean continued = trail.isContinued();
    int start = 0;
    while (start < count) {
      int end = framing.frameEnd(bytes, start, count, continued);
      if (end == 0 && !tail) {
        break;
      }
      boolean whole = end > 0;
      if (end == 0) {
        end = framing.tornEnd(bytes, start, count);
      } else if (end < 0) {
        end = ~end;
      }
      if (!whole) {
        fault(trail, base, start, end, framing);
      }
      hand(trail, base, start, end, whole, format, observed, out);
      continued = !whole && framing.continues(bytes[end - 1]);
      if (continued) {
        trail.brokenUpTo(base + end);
      }
      start = end;
    }
    if (start == 0) {
      trail.waitForMore();
    }
    trail.readTo(base + start);
    return start;
  }

  private void fault(Trail trail, long base, int start, int end, Framing framing) {
    if (trail.foundFault()) {
      LOG.warn(
          "source {}: trail {}: {} bytes from {} on are no record and are published as UNPARSED: {}."
              + " More of them in this trail are not told",
          name,
          trail.id(),
          end - start,
          base + start,
          framing.fault(buffer.array(), start, end));
    }
  }

  private void hand(
      Trail trail,
      long base,
      int start,
      int end,
      boolean whole,
      Format format,
      Instant observed,
      Consumer<TrailRecord> out) {
    long position = base + start;
    if (trail.coverage().covers(position, base + end)) {
      return; // acknowledged before the restart or rewind
    }
    byte[] raw = new byte[end - start];
    System.arraycopy(buffer.array(), start, raw, 0, raw.length);
    if (trail.handOn(position, base + end)) {
      received++;
      if (captured.isPresent() && captured.get().isOfThisRun(trail.id())) {
        receivedCaptured++;
      }
    } else {
      rereads++;
    }
    out.accept(new TrailRecord(trail.id(), position, raw, whole, observed, format));
  }
}
