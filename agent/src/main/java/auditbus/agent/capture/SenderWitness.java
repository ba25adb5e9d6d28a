// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.trail.TrailPlace;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out who sent the agent a signal, from what the same agent captures: it looks through the
 * trail from a little before the signal on, while it is written, until the kill's record is there
 * or the grace period is over.
 *
 * <p>Nothing is looked at while there is no signal: capturing costs the same with it and without.
 *
 * <p>Thread-safe: inquiries are made one after the other.
 */
final class SenderWitness {
  private static final Logger LOG = LoggerFactory.getLogger(SenderWitness.class);
  private static final ProcFiles PROC = new ProcFiles(Path.of("/proc"));
  private static final long STEP_MILLIS = 5;

  /** A kill's record may be in the trail before the signal reaches us: looked for that far back. */
  static final Duration BEFORE = Duration.ofSeconds(2);

  private static final long MARK_NANOS = Duration.ofMillis(200).toNanos();

  private final Supplier<Optional<TrailPlace>> place;
  private final int ownPid;

  // Guarded by itself: the attendant adds while an inquiry goes on.
  private final ArrayDeque<Mark> marks = new ArrayDeque<>();
  private volatile SenderInquiry inquiry;
  // Guarded by inquiring: one inquiry at a time.
  private final ReentrantLock inquiring = new ReentrantLock();
  private Optional<KillWitness> reading = Optional.empty();
  private long readToNanos;
  private volatile boolean closed;

  private record Mark(long nanos, TrailPlace place) {}

  SenderWitness(Supplier<Optional<TrailPlace>> place, int ownPid) {
    this.place = place;
    this.ownPid = ownPid;
    this.inquiry = new SenderInquiry(ownPid, Optional.empty(), PROC);
  }

  /** What signal info says at the start of a registration: it is about somebody else. */
  void baseline(Optional<SignalAnswer> answer) {
    inquiry = new SenderInquiry(ownPid, answer, PROC);
  }

  /** Remembers where the trail ends now; to be called a few times a second. */
  void mark() {
    synchronized (marks) {
      addMark(System.nanoTime());
    }
  }

  private void addMark(long now) {
    if (!marks.isEmpty() && now - marks.getLast().nanos() < MARK_NANOS) {
      return;
    }
    Optional<TrailPlace> end = place.get();
    if (marks.isEmpty()) {
      // All of the first trail is younger than we can look back to.
      end = end.map(first -> new TrailPlace(first.trail(), first.path(), 0));
    }
    end.ifPresent(known -> marks.add(new Mark(now, known)));
    // The first one is the one to begin at: all others are younger than what is looked back to.
    while (marks.size() > 1) {
      Mark oldest = marks.removeFirst();
      if (now - marks.getFirst().nanos() < BEFORE.toNanos()) {
        marks.addFirst(oldest);
        return;
      }
    }
  }

  /**
   * Who sent a signal.
   *
   * @param delivered when the agent got it
   * @param answer what the kernel said when asked who sent it
   * @param deadlineNanos until when the kill's record is waited for
   */
  Sender sender(int signal, Instant delivered, Optional<SignalAnswer> answer, long deadlineNanos)
      throws InterruptedException {
    inquiring.lockInterruptibly();
    try {
      return inquire(signal, delivered, answer, deadlineNanos);
    } finally {
      if (closed) {
        letGo();
      }
      inquiring.unlock();
    }
  }

  private Sender inquire(
      int signal, Instant delivered, Optional<SignalAnswer> answer, long deadlineNanos)
      throws InterruptedException {
    SenderInquiry now = inquiry;
    try {
      begin();
      while (reading.isPresent() && !now.hasEvent(signal)) {
        reading.get().poll().forEach(now::see);
        boolean late = System.nanoTime() - deadlineNanos > 0;
        if (late || now.hasEvent(signal)) {
          break;
        }
        if (reading.get().isAtEnd()) {
          TimeUnit.MILLISECONDS.sleep(STEP_MILLIS); // for the trail to grow
        }
      }
    } catch (IOException e) {
      LOG.warn("the trail can't be looked through for a kill's record: {}", e.getMessage());
      reading.ifPresent(KillWitness::close);
      reading = Optional.empty();
    }
    readToNanos = System.nanoTime();
    return now.judge(signal, delivered, answer);
  }

  /** Lets go of the trail, after an inquiry that goes on; does not wait for it. */
  void close() {
    closed = true;
    if (inquiring.tryLock()) {
      try {
        letGo();
      } finally {
        inquiring.unlock();
      }
    }
  }

  private void letGo() {
    reading.ifPresent(KillWitness::close);
    reading = Optional.empty();
  }

  /** Goes on where the last inquiry ended, unless that is long ago. */
  private void begin() {
    Mark oldest;
    synchronized (marks) {
      addMark(System.nanoTime());
      if (marks.isEmpty()) {
        return; // no trail yet
      }
      oldest = marks.getFirst();
    }
    if (reading.isPresent() && readToNanos - oldest.nanos() >= 0) {
      return;
    }
    reading.ifPresent(KillWitness::close);
    reading =
        Optional.of(
            new KillWitness(
                oldest.place().path(),
                oldest.place().position(),
                PROC.isThreadOf(ownPid),
                String::isEmpty));
  }
}
