// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.trail.TrailWriter;
import auditbus.schemas.CaptureStatus;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Takes what auditd hands its plugins: lines of text, through the socket of its {@code af_unix}
 * plugin or on standard input where auditd started this very process.
 *
 * <p>Lines are kept as they come. One that auditd's end cuts short gets a line end, so that what
 * comes after a new connection is a line of its own; one too long for the buffer comes in pieces.
 *
 * <p>A thread of its own waits for the stream, since neither standard input nor the end of a
 * capture can be waited for together with it.
 */
public final class AudispCapture extends Capture {
  private static final int READ_BYTES = 64 * 1024;
  private static final int CHUNKS = 4;
  private static final Duration RECONNECT = Duration.ofMillis(250);
  private static final Duration QUIET = Duration.ofMillis(50);
  private static final Duration DRAIN = Duration.ofSeconds(1);

  private final Optional<Path> socket;

  // Of the capturing thread.
  private final LineSplitter splitter = new LineSplitter(lines);
  private byte[] chunk = new byte[0];
  private int at;

  private volatile Optional<Feed> feed = Optional.empty();
  private volatile boolean ended;

  /**
   * Makes a capture; nothing is opened.
   *
   * @param socket auditd's socket, empty for standard input
   */
  public AudispCapture(
      String source, Optional<Path> socket, TrailWriter writer, CaptureTotals totals) {
    super(source, Optional::empty, writer, totals);
    this.socket = socket;
  }

  @Override
  public boolean isEnded() {
    return ended;
  }

  /** What auditd hands out while nobody is connected goes to nobody. */
  @Override
  Duration mostPause() {
    return RECONNECT;
  }

  @Override
  void attach() throws IOException {
    feed = Optional.of(open());
  }

  @Override
  void engage() {
    feed.orElseThrow().start();
  }

  private Feed open() throws IOException {
    if (socket.isEmpty()) {
      return Feed.ofStandardInput();
    }
    try {
      return new Feed(SocketChannel.open(UnixDomainSocketAddress.of(socket.get())));
    } catch (IOException e) {
      throw new IOException(
          "auditd's socket "
              + socket.get()
              + ": "
              + e.getMessage()
              + " (is auditd running, with active = yes in plugins.d/af_unix.conf?)",
          e);
    }
  }

  @Override
  void detach() {
    if (socket.isPresent()) {
      feed.ifPresent(Feed::close); // standard input can't be had a second time
    }
    feed = Optional.empty();
  }

  @Override
  boolean receive(Duration atMost) throws IOException {
    if (at < chunk.length) {
      take();
      return true;
    }
    Optional<byte[]> next = feed.orElseThrow().poll(atMost);
    if (next.isEmpty()) {
      return false;
    }
    chunk = next.get();
    at = 0;
    if (chunk.length > 0) {
      take();
      return true;
    }
    finishLine();
    ended = socket.isEmpty();
    throw new IOException(
        ended
            ? "standard input was closed: auditd has ended"
            : "auditd closed its socket " + socket.get());
  }

  @Override
  void quit() {
    // as disengage
  }

  @Override
  void disengage() {
    // auditd sends on until the connection is closed
  }

  @Override
  void drain() {
    // A plugin that is told to end has its last lines before it, and then the end; a socket goes
    // on.
    long deadline = System.nanoTime() + DRAIN.toNanos();
    try {
      boolean more = true;
      while (more && !lines.isRetained() && System.nanoTime() - deadline < 0) {
        more = receive(QUIET) || socket.isEmpty();
      }
    } catch (IOException e) {
      return; // the stream's own end
    }
    if (lines.isRetained()) {
      counters.dropped(linesLeft());
    } else {
      finishLine();
    }
  }

  /** Lines that came and can't be written any more. */
  private long linesLeft() {
    Feed left = feed.orElseThrow();
    boolean within = splitter.isWithinLine();
    long count = 0;
    int from = at;
    Optional<byte[]> next = Optional.of(chunk);
    while (next.isPresent()) {
      for (int i = from; i < next.get().length; i++) {
        within = next.get()[i] != '\n';
        count += within ? 0 : 1;
      }
      from = 0;
      next = left.poll(Duration.ZERO).filter(bytes -> bytes.length > 0);
    }
    return within ? count + 1 : count;
  }

  @Override
  void describe(CaptureStatus.Builder status) {
    // nothing but the common
  }

  /** Takes the lines of the chunk, as far as they can be written. */
  private void take() {
    boolean room = true;
    while (room && at < chunk.length) {
      at = splitter.take(chunk, at);
      room = write();
    }
  }

  /** What auditd's end cut short becomes a line of its own. */
  private void finishLine() {
    if (splitter.isWithinLine()) {
      counters.unstamped.incrementAndGet();
    }
    if (!splitter.finish()) {
      throw new IllegalStateException("no room, though everything was written");
    }
    boolean _ = write();
  }

  /** Reads the stream ahead, a few chunks; an empty one is its end. */
  private static final class Feed {
    /** There is one, and a capture that follows another goes on with it. Guarded by the class. */
    private static Optional<Feed> standardInput = Optional.empty();

    private final ReadableByteChannel channel;
    private final ArrayBlockingQueue<byte[]> chunks = new ArrayBlockingQueue<>(CHUNKS);
    private final Thread thread = new Thread(this::run, "audisp");

    Feed(ReadableByteChannel channel) {
      this.channel = channel;
      thread.setDaemon(true); // a read from standard input can't be ended
    }

    static Feed ofStandardInput() {
      synchronized (Feed.class) {
        Feed only =
            standardInput.orElseGet(
                () -> new Feed(new FileInputStream(FileDescriptor.in).getChannel()));
        standardInput = Optional.of(only);
        return only;
      }
    }

    synchronized void start() {
      if (thread.getState() == Thread.State.NEW) {
        thread.start();
      }
    }

    Optional<byte[]> poll(Duration atMost) {
      try {
        Optional<byte[]> next =
            Optional.ofNullable(chunks.poll(atMost.toNanos(), TimeUnit.NANOSECONDS));
        if (next.isPresent() && next.get().length == 0) {
          boolean _ = chunks.offer(next.get()); // it stays the end, whoever asks
        }
        return next;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return Optional.empty();
      }
    }

    void close() {
      thread.interrupt(); // closes the channel under a read that waits
      try {
        channel.close();
      } catch (IOException e) {
        // nothing was written to it
      }
    }

    private void run() {
      ByteBuffer buffer = ByteBuffer.allocate(READ_BYTES);
      try {
        while (channel.read(buffer.clear()) >= 0) {
          byte[] chunk = new byte[buffer.flip().remaining()];
          buffer.get(chunk);
          if (chunk.length > 0) {
            chunks.put(chunk);
          }
        }
      } catch (IOException e) {
        // the end of the stream, as the other one
      } catch (InterruptedException e) {
        return; // closed
      }
      try {
        chunks.put(new byte[0]);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt(); // closed: nobody waits for it
      }
    }
  }
}
