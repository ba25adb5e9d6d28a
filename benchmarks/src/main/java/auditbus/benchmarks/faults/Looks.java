// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * At which times the agent was able to look at the log, and to tell: sampled, not concluded from
 * what was done to it. Thread-safe.
 */
final class Looks implements Account.Watch {
  private static final Duration LOOKED = Duration.ofSeconds(5);
  private static final Duration TOLD = Duration.ofSeconds(10);

  /**
   * One sample.
   *
   * @param looks the agent runs, is not stopped, has a log open and a disk with free bytes
   * @param tells broker and registry run, are not stopped, and so is everything between
   */
  private record Sample(Instant at, boolean looks, boolean tells) {}

  private final List<Sample> samples = new ArrayList<>();
  private Instant forgotten = Instant.MIN;

  synchronized void add(boolean looks, boolean tells) {
    samples.add(new Sample(Instant.now(), looks, tells));
  }

  /** The agent's checkpoints were damaged, both: what it alone knew is known to nobody. */
  synchronized void forget() {
    forgotten = Instant.now();
  }

  /**
   * An agent that could look for 5 s of the file's life knows it, unless its checkpoint was damaged
   * later; one that could also tell for 10 s has told.
   */
  @Override
  public synchronized boolean mustBeKnown(Ledger.Life life) {
    boolean remembered = forgotten.isBefore(life.born());
    Instant looking = Instant.MAX;
    Instant telling = Instant.MAX;
    for (Sample sample : samples) {
      if (sample.at().isBefore(life.born()) || sample.at().isAfter(life.gone())) {
        continue;
      }
      looking = !sample.looks() ? Instant.MAX : earlier(looking, sample.at());
      telling = !sample.looks() || !sample.tells() ? Instant.MAX : earlier(telling, sample.at());
      if ((remembered && isFor(LOOKED, looking, sample)) || isFor(TOLD, telling, sample)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isFor(Duration duration, Instant since, Sample sample) {
    return !since.equals(Instant.MAX) && !since.plus(duration).isAfter(sample.at());
  }

  private static Instant earlier(Instant one, Instant other) {
    return one.isBefore(other) ? one : other;
  }
}
