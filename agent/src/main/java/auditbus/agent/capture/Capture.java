// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.trail.TrailCounters;
import auditbus.agent.trail.TrailPlace;
import auditbus.agent.trail.TrailWriter;
import auditbus.schemas.CaptureStatus;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes one source's stream into its trails, on a thread of its own that does nothing else.
 *
 * <p>What can be tried again is: a stream that can't be had, a disk that is full. What was received
 * waits in a bounded buffer then, and nothing more is received. Only a defect ends the thread;
 * {@link #isRunning} tells, and whoever supervises starts another.
 *
 * <p>Thread-safe.
 */
public abstract sealed class Capture permits KernelCapture, AudispCapture {
  private static final Logger LOG = LoggerFactory.getLogger(Capture.class);
  private static final int BUFFER_BYTES = 256 * 1024;
  private static final int MOST_REQUESTS = 64;
  private static final Duration TICK = Duration.ofMillis(100);
  private static final long LEAST_PAUSE_MS = 250;

  /** Until somebody has changed the rules: each try costs the host a second of the loop. */
  private static final long LOOP_PAUSE_MS = 60_000;

  private static final Duration MOST_PAUSE = Duration.ofSeconds(5);
  private static final Duration LAST_TRIES = Duration.ofSeconds(2);

  final String source;
  final CaptureCounters counters;
  final LineAssembler lines;
  private final Supplier<Optional<String>> first;
  private final TrailWriter writer;
  private final Thread thread;
  private final ArrayBlockingQueue<Request> requests = new ArrayBlockingQueue<>(MOST_REQUESTS);

  // Of the capturing thread.
  private long nextTickNanos = System.nanoTime();
  private long nextAttachNanos = System.nanoTime();
  private long pauseMs;
  private String incarnation = "";
  private String countedFor = "";
  private long vanished;

  private volatile boolean stopping;
  private volatile boolean disengaged;
  private volatile boolean attachNow;
  private volatile List<String> lastRecords = List.of();
  private volatile boolean attached;
  private volatile Optional<String> streamError = Optional.empty();
  private volatile Optional<String> writeError = Optional.empty();
  private volatile Optional<Throwable> death = Optional.empty();
  private boolean opened;
  private boolean begun;

  private sealed interface Request {
    record Own(String line) implements Request {}

    record Rotate() implements Request {}

    record Resume() implements Request {}
  }

  Capture(
      String source, Supplier<Optional<String>> first, TrailWriter writer, CaptureTotals totals) {
    this.source = source;
    this.first = first;
    this.writer = writer;
    this.counters = totals.counters();
    this.lines = new LineAssembler(BUFFER_BYTES, counters);
    this.thread = new Thread(this::run, "capture-" + source);
    thread.setUncaughtExceptionHandler(
        (_, cause) -> {
          death = Optional.of(cause);
          LOG.error("source {}: its capture died", source, cause);
        });
  }

  /** Opens the stream; called again after a failure, some time later. */
  abstract void attach() throws IOException;

  /** Has what comes through it sent to us; there is a trail to keep it in. */
  abstract void engage() throws IOException;

  /** Lets go of the stream. Idempotent. */
  abstract void detach();

  /**
   * Waits for the stream and moves what there is into {@link #lines}, {@link #write}ing them.
   *
   * @param atMost how long to wait
   * @return whether anything came
   * @throws IOException if the stream is lost: it is attached to anew
   */
  abstract boolean receive(Duration atMost) throws IOException;

  /**
   * Has nothing more sent, while what was sent is still being taken; called by another thread than
   * the capturing one, and may wait for the other end.
   */
  abstract void disengage();

  /** The same by the capturing thread, which cannot wait for what it has to take itself. */
  abstract void quit();

  /** Afterwards: takes what the stream still holds, in bounded time. */
  abstract void drain() throws IOException;

  /** The longest pause between two tries to have the stream. */
  Duration mostPause() {
    return MOST_PAUSE;
  }

  /** At the very end. */
  void finished() {
    // nothing to let go of
  }

  /** What a status says beyond the common. */
  abstract void describe(CaptureStatus.Builder status);

  /** Begins; a second call does nothing. */
  public final synchronized void start() {
    if (thread.getState() == Thread.State.NEW) {
      thread.start();
    }
  }

  /** Whether it is at work. */
  public final boolean isRunning() {
    return thread.isAlive();
  }

  /** Whether the stream was at an end by itself: standard input was closed. */
  public boolean isEnded() {
    return false;
  }

  /** Writes a line of the agent's own among those that come. */
  final void write(String record) {
    request(new Request.Own(record));
  }

  /** Ends the trail and begins the next. */
  public final void rotate() {
    request(new Request.Rotate());
  }

  /** Tries again at once what could not be had or written. */
  public final void resume() {
    attachNow = true;
    request(new Request.Resume());
  }

  /** Where the next record will be written, empty before the first trail. */
  public final Optional<TrailPlace> place() {
    return writer.place();
  }

  /** How it stands. */
  public final CaptureReport report() {
    TrailCounters trails = writer.counters();
    Optional<TrailPlace> place = writer.place();
    CaptureStatus.Builder status =
        CaptureStatus.newBuilder()
            .setAttached(attached)
            .setTrail(place.map(TrailPlace::trail).orElse(null))
            .setPosition(place.map(TrailPlace::position).orElse(0L))
            .setRestarts(counters.restarts.get())
            .setReattached(counters.reattached.get())
            .setSocketDrops(counters.socketDrops.get())
            .setTruncated(counters.truncated.get())
            .setSpoofed(counters.spoofed.get())
            .setMalformed(counters.malformed.get())
            .setUnstamped(counters.unstamped.get())
            .setReplaced(counters.replaced.get())
            .setOwnRecords(counters.ownRecords.get())
            .setVanished(trails.vanished())
            .setFlushFailures(trails.flushFailures())
            .setTrailsWritten(trails.trailsWritten())
            .setTrailsDropped(trails.trailsDropped())
            .setBytesDropped(trails.bytesDropped());
    describe(status);
    CaptureCounters.Flow flow = counters.flow();
    Optional<String> error =
        death
            .map(cause -> "its capture died: " + cause)
            .or(() -> streamError)
            .or(() -> writeError)
            .or(writer::problem);
    return new CaptureReport(
        isRunning() && attached,
        error,
        flow.received(),
        flow.written(),
        flow.dropped(),
        counters.overruns.get(),
        status.build());
  }

  /**
   * Ends: lets go of the stream, takes what it still holds, writes the last records and terminates
   * the trail.
   *
   * @param last lines of the agent's own
   */
  public final void close(List<String> last) {
    lastRecords = List.copyOf(last);
    try {
      if (attached && !stopping) {
        disengaged = true;
        disengage();
      }
    } finally {
      stopping = true;
      LockSupport.unpark(thread);
    }
    synchronized (this) {
      if (thread.getState() == Thread.State.NEW) {
        return;
      }
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true; // its end is bounded, and a trail is not left unfinished
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  final boolean isStopping() {
    return stopping;
  }

  private void request(Request request) {
    if (!requests.offer(request)) {
      LOG.warn("source {}: {} is left out, {} requests wait", source, request, MOST_REQUESTS);
    }
  }

  private void run() {
    try {
      while (!stopping) {
        if (!attached && !isEnded()) {
          tryAttach();
        }
        boolean flows = attached && !lines.isRetained();
        if (opened) {
          requests(flows ? Duration.ZERO : TICK);
        } else {
          LockSupport.parkNanos(TICK.toNanos()); // requests wait for a trail
        }
        if (lines.isRetained()) {
          write();
        } else if (flows) {
          step();
        }
        tick();
      }
      end();
    } finally {
      attached = false;
      try {
        detach();
        finished();
      } finally {
        finish();
      }
    }
  }

  private void finish() {
    try {
      writer.close();
    } catch (IOException e) {
      LOG.error("source {}: {}", source, e.getMessage());
    }
  }

  private void step() {
    try {
      boolean _ = receive(TICK);
    } catch (IOException e) {
      lost(e);
    }
  }

  private void lost(IOException e) {
    attached = false;
    fail(e); // at once: who looks sees no failed source without its error
    detach();
    boolean loop = e instanceof FeedbackLoopException;
    pauseMs =
        loop
            ? LOOP_PAUSE_MS
            : Math.min(mostPause().toMillis(), Math.max(LEAST_PAUSE_MS, 2 * pauseMs));
    nextAttachNanos = System.nanoTime() + Duration.ofMillis(pauseMs).toNanos();
  }

  private void fail(IOException e) {
    Optional<String> why = Optional.of(String.valueOf(e.getMessage()));
    boolean first = streamError.isEmpty();
    streamError = why;
    if (isEnded()) {
      LOG.info("source {}: {}", source, why.get());
    } else if (first) {
      LOG.error("source {}: {}; trying again until it works", source, why.get());
    }
  }

  private void tryAttach() {
    if (System.nanoTime() - nextAttachNanos < 0 && !attachNow) {
      return;
    }
    attachNow = false;
    try {
      attach();
      if (!opened) {
        // Who cannot keep what comes must not take it: the kernel would stall the host.
        writer.open();
        opened = true;
      }
      engage();
      attached = true;
      pauseMs = 0;
    } catch (IOException e) {
      lost(e);
      return;
    }
    if (!begun) {
      begun = true;
      first.get().ifPresent(this::own);
    } else {
      counters.reattached.incrementAndGet();
    }
    if (streamError.isPresent()) {
      LOG.info("source {}: receiving", source);
    }
    streamError = Optional.empty();
  }

  /** Takes requests; waits for the first one at most so long. */
  private void requests(Duration atMost) {
    try {
      Request request = requests.poll(atMost.toNanos(), TimeUnit.NANOSECONDS);
      while (request != null) {
        switch (request) {
          case Request.Own own -> own(own.line());
          case Request.Rotate _ -> rotateNow();
          case Request.Resume _ -> {
            if (lines.isRetained()) {
              write();
            }
          }
        }
        request = requests.poll();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      stopping = true; // nobody of ours interrupts it: whoever does wants it to end
    }
  }

  private void own(String record) {
    byte[] line = record.getBytes(StandardCharsets.UTF_8);
    if (!opened || (lines.isRetained() && !write()) || !lines.take(line, line.length)) {
      counters.dropped(1);
      return;
    }
    counters.ownRecords.incrementAndGet();
    write();
  }

  private void rotateNow() {
    if (opened && write()) {
      writer.rotate();
    }
  }

  /**
   * Writes what {@link #lines} has; if that fails it stays there.
   *
   * @return whether there is room again
   */
  final boolean write() {
    if (lines.records() == 0) {
      return true;
    }
    boolean again = lines.isRetained();
    ByteBuffer bytes = lines.lines();
    String trail = incarnation();
    if (!again) {
      counters.written(trail, lines.records());
    } else if (!trail.equals(countedFor)) {
      counters.moved(countedFor, trail, lines.recordsLeft()); // it was ended for want of room
    }
    countedFor = trail;
    try {
      writer.append(bytes, lines.records());
      lines.written();
      writeError = Optional.empty();
      return true;
    } catch (IOException e) {
      writeError = Optional.of(String.valueOf(e.getMessage())); // the writer has logged it
      return false;
    }
  }

  /** The trail being written as its reader will call it. */
  private String incarnation() {
    String trail = writer.trail();
    long gone = writer.counters().vanished();
    if (gone != vanished) {
      // What the nameless file had stands in its successor too, and is read there once more.
      String next = nextIncarnation(trail);
      counters.written(next, counters.records(incarnation));
      vanished = gone;
      incarnation = next;
    } else if (!incarnation.startsWith(trail)) {
      incarnation = trail;
    }
    return incarnation;
  }

  private String nextIncarnation(String trail) {
    if (!incarnation.startsWith(trail)) {
      return trail;
    }
    int tilde = incarnation.indexOf('~');
    int number = tilde < 0 ? 1 : Integer.parseInt(incarnation.substring(tilde + 1));
    return trail + "~" + (number + 1);
  }

  private void tick() {
    long now = System.nanoTime();
    if (opened && now - nextTickNanos >= 0) {
      nextTickNanos = now + TICK.toNanos();
      writer.tick();
      incarnation();
    }
  }

  private void end() {
    if (attached && !disengaged) {
      quit(); // it was attached only after it was told to end
    }
    if (attached) {
      try {
        drain();
      } catch (IOException e) {
        LOG.warn("source {}: at the end: {}", source, e.getMessage());
      }
    }
    requests(Duration.ZERO);
    for (String line : lastRecords) {
      own(line);
    }
    long deadline = System.nanoTime() + LAST_TRIES.toNanos();
    while (opened && !write() && System.nanoTime() - deadline < 0) {
      requests(TICK);
    }
    if (lines.isRetained()) {
      int left = lines.recordsLeft();
      counters.givenUp(countedFor, left);
      LOG.error(
          "source {}: stopped with {} records that could not be written: {}",
          source,
          left,
          writeError.orElse(""));
    }
  }
}
