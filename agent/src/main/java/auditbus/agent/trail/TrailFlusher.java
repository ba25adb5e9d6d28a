// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.WriterState.Problem;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits for the disk in the writer's place: forces trails, and gives finished ones their names.
 * What fails is tried again each second until it works.
 *
 * <p>Bounded: one force is waiting at most, and what comes meanwhile is done by it; the writer does
 * not start a trail while one is still to be finished.
 *
 * <p>The writer's thread asks, a thread of its own does; both share this object's monitor only.
 */
final class TrailFlusher implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(TrailFlusher.class);
  private static final int CLOSING_ATTEMPTS = 3;
  private static final long CLOSING_RETRY_MILLIS = 100;
  private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

  /**
   * Time between two forces of the trail being written. In a flood there is always something to
   * force; without a rest the disk's journal would be written without end, and appends would wait
   * for it.
   */
  private static final long REST_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final OwnedDirectory directory;
  private final WriterState state;
  private final Thread thread;

  private long forcedNanos = System.nanoTime() - REST_NANOS; // of its own thread

  // All guarded by this.
  private Optional<TrailFile> toForce = Optional.empty();
  private final Deque<Ending> toFinish = new ArrayDeque<>();
  private boolean closing;
  private int closingAttempts;

  /** A trail to be finished. */
  private static final class Ending {
    private TrailFile file;
    private final String end;

    Ending(TrailFile file, String end) {
      this.file = file;
      this.end = end;
    }
  }

  TrailFlusher(OwnedDirectory directory, WriterState state) {
    this.directory = directory;
    this.state = state;
    this.thread = Thread.ofPlatform().name("trail-flush").daemon().unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /** Asks for what was written to be forced. */
  synchronized void force(TrailFile file) {
    toForce = Optional.of(file);
    notifyAll();
  }

  /** The file was closed for another that has its bytes. */
  synchronized void forget(TrailFile file) {
    toForce = toForce.filter(other -> other != file);
  }

  /** Asks for a trail to be forced and to be given its closing name. */
  synchronized void finish(TrailFile file, String end) {
    toFinish.add(new Ending(file, end));
    notifyAll();
  }

  /** Whether a trail is still to be finished. */
  synchronized boolean isFinishing() {
    return !toFinish.isEmpty();
  }

  /**
   * Forces the trail being written now, on the caller's thread.
   *
   * @throws TrailException if it failed; reported
   */
  void forceNow(TrailFile file) throws TrailException {
    force(file, Problem.FLUSHING);
  }

  /** Does what is to be done once more, and ends; false if that takes longer than this. */
  boolean close(Duration timeout) {
    synchronized (this) {
      closing = true;
      notifyAll();
    }
    boolean interrupted = false;
    long deadline = System.nanoTime() + timeout.toNanos();
    while (thread.isAlive() && System.nanoTime() < deadline) {
      try {
        thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
      } catch (InterruptedException e) {
        interrupted = true; // a trail that is not finished is worth the wait
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return !thread.isAlive();
  }

  @Override
  public void close() {
    close(Duration.ZERO);
  }

  private void run() {
    try {
      while (true) {
        Optional<Ending> ending;
        Optional<TrailFile> file;
        synchronized (this) {
          while (toFinish.isEmpty() && (toForce.isEmpty() || isResting())) {
            if (toForce.isPresent()) {
              TimeUnit.NANOSECONDS.timedWait(this, REST_NANOS);
            } else if (closing) {
              return;
            } else {
              wait();
            }
          }
          ending = Optional.ofNullable(toFinish.peek());
          file = toForce;
          toForce = Optional.empty();
        }
        boolean done;
        try {
          done = ending.map(this::tryFinish).orElse(true);
          done &= file.map(this::tryForce).orElse(true);
          forcedNanos = System.nanoTime();
        } catch (RuntimeException e) {
          LOG.error("flushing failed in a way that nobody foresaw", e);
          done = false; // a thread that ended would be a trail that is never finished
        }
        if (!done && !awaitRetry()) {
          return;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // nobody does that: it ends without its work done
    }
  }

  private boolean isResting() {
    return !closing && System.nanoTime() - forcedNanos < REST_NANOS;
  }

  private void force(TrailFile file, Problem problem) throws TrailException {
    try {
      directory.sync(); // bytes without a name are no trail
      if (file.isUnforced()) {
        file.force();
        state.flushes.incrementAndGet();
      }
      state.clear(problem);
    } catch (IOException e) {
      if (!file.isClosed()) {
        state.flushFailures.incrementAndGet();
      }
      throw raise(problem, TrailException.of("cannot bring to the disk", file.path(), e));
    }
  }

  private TrailException raise(Problem problem, TrailException failure) {
    state.raise(problem, failure.getMessage());
    return failure;
  }

  private boolean tryForce(TrailFile file) {
    try {
      if (!file.isClosed()) { // else it is finished, or another file has its bytes
        forceNow(file);
      }
      return true;
    } catch (TrailException e) {
      if (file.isClosed()) {
        state.clear(Problem.FLUSHING); // it was closed meanwhile, that is all
        return true;
      }
      synchronized (this) {
        toForce = toForce.isEmpty() ? Optional.of(file) : toForce;
      }
      return false;
    }
  }

  private boolean tryFinish(Ending ending) {
    try {
      finishNow(ending);
    } catch (TrailException e) {
      return false; // reported
    }
    synchronized (this) {
      toFinish.remove(ending);
    }
    return true;
  }

  private void finishNow(Ending ending) throws TrailException {
    try {
      if (!ending.file.isFinished() && ending.file.isGone()) {
        ending.file = directory.restore(ending.file);
      }
      force(ending.file, Problem.FINISHING);
      directory.finish(ending.file, ending.end);
      state.clear(Problem.FINISHING);
    } catch (IOException e) {
      throw raise(Problem.FINISHING, TrailException.of("cannot finish", ending.file.path(), e));
    }
  }

  /** False when it is no use: the writer closes, and it was tried as often as that is worth. */
  private synchronized boolean awaitRetry() throws InterruptedException {
    if (closing) {
      TimeUnit.MILLISECONDS.timedWait(this, CLOSING_RETRY_MILLIS);
      return ++closingAttempts < CLOSING_ATTEMPTS;
    }
    long deadline = System.nanoTime() + RETRY_NANOS;
    while (!closing && System.nanoTime() < deadline) {
      TimeUnit.NANOSECONDS.timedWait(this, Math.max(1, deadline - System.nanoTime()));
    }
    return true;
  }
}
