// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a writer and the parts that belong to it have to tell: counters, and problems that stand.
 *
 * <p>A problem is logged when it comes and when it is over, however often it is met in between.
 *
 * <p>Thread-safe.
 */
final class WriterState {
  private static final Logger LOG = LoggerFactory.getLogger(WriterState.class);

  /** What can be wrong; each stands or does not, apart from the others. */
  enum Problem {
    APPENDING("appending"),
    FLUSHING("forcing to the disk"),
    ROTATING("starting the next trail"),
    FINISHING("giving a finished trail its name"),
    STANDING("keeping the trail in its directory"),
    LOCKING("locking the directory"),
    REMOVING("removing trails");

    private final String doing;

    Problem(String doing) {
      this.doing = doing;
    }
  }

  final AtomicLong bytesWritten = new AtomicLong();
  final AtomicLong trailsWritten = new AtomicLong();
  final AtomicLong trailsRecovered = new AtomicLong();
  final AtomicLong trailsRemoved = new AtomicLong();
  final AtomicLong trailsDropped = new AtomicLong();
  final AtomicLong bytesDropped = new AtomicLong();
  final AtomicLong vanished = new AtomicLong();
  final AtomicLong flushes = new AtomicLong();
  final AtomicLong flushFailures = new AtomicLong();

  // Read once for every append, where mostly nothing is wrong.
  private volatile int standing;
  private final Map<Problem, String> problems = new EnumMap<>(Problem.class);

  /** The problem stands; logged unless it did already. */
  synchronized void raise(Problem problem, String message) {
    if (problems.put(problem, message) == null) {
      LOG.error("{}", message);
    }
    standing = problems.size();
  }

  /** The problem is over, if it stood. */
  void clear(Problem problem) {
    if (standing > 0) {
      synchronized (this) {
        if (problems.remove(problem) != null) {
          LOG.info("{} works again", problem.doing);
        }
        standing = problems.size();
      }
    }
  }

  /** The gravest problem that stands. */
  synchronized Optional<String> problem() {
    return problems.values().stream().findFirst();
  }

  TrailCounters counters() {
    return new TrailCounters(
        bytesWritten.get(),
        trailsWritten.get(),
        trailsRecovered.get(),
        trailsRemoved.get(),
        trailsDropped.get(),
        bytesDropped.get(),
        vanished.get(),
        flushes.get(),
        flushFailures.get());
  }
}
