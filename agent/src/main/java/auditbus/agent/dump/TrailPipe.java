// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Standard input or a FIFO: what comes now and then, and ends when its writers have.
 *
 * <p>A daemon thread of its own reads, since nothing can interrupt it there; it hands over at most
 * {@value #CHUNKS} chunks of {@value RecordCutter#READ_BYTES} bytes and then waits. All else
 * belongs to the thread that made it.
 */
final class TrailPipe implements TrailBytes {
  private static final int CHUNKS = 2;

  /** Opens the stream; a FIFO's opening may wait for its writer. */
  @FunctionalInterface
  interface Opening {
    InputStream open() throws IOException;
  }

  @SuppressWarnings("ArrayRecordComponent") // handed over, not shared
  private record Chunk(byte[] bytes, int length, IOException failure) {
    static final int END = -1;
  }

  private final String name;
  private final BlockingQueue<Chunk> chunks = new ArrayBlockingQueue<>(CHUNKS);
  private final Thread reader;
  private Chunk current = new Chunk(new byte[0], 0, null);
  private int taken;

  TrailPipe(String name, Opening opening) {
    this.name = name;
    this.reader = Thread.ofPlatform().daemon().name("dump-input").unstarted(() -> readAll(opening));
  }

  void start() {
    reader.start();
  }

  @Override
  public String name() {
    return name;
  }

  /** Waits for bytes; true if there are some, or the input ended. */
  boolean await(Duration atMost) throws InterruptedException {
    if (taken < current.length || current.length == Chunk.END) {
      return true;
    }
    Chunk next = chunks.poll(atMost.toNanos(), TimeUnit.NANOSECONDS);
    if (next == null) {
      return false;
    }
    current = next;
    taken = 0;
    return true;
  }

  @Override
  public boolean isAtHead() {
    return taken >= current.length && chunks.isEmpty();
  }

  boolean isEnded() {
    return current.length == Chunk.END;
  }

  @Override
  public int read(byte[] into, int at, int most) throws IOException {
    if (current.failure != null) {
      throw current.failure;
    }
    int count = Math.min(most, current.length - taken);
    if (count <= 0) {
      return -1;
    }
    System.arraycopy(current.bytes, taken, into, at, count);
    taken += count;
    return count;
  }

  @Override
  public void close() {
    reader.interrupt();
  }

  private void readAll(Opening opening) {
    try {
      try (InputStream in = opening.open()) {
        while (true) {
          byte[] bytes = new byte[RecordCutter.READ_BYTES];
          int count = in.read(bytes);
          if (count < 0) {
            break;
          }
          chunks.put(new Chunk(bytes, count, null));
        }
        chunks.put(new Chunk(new byte[0], Chunk.END, null));
      } catch (IOException e) {
        chunks.put(new Chunk(new byte[0], Chunk.END, e));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // nobody takes any more
    }
  }
}
