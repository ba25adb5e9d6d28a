// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;

/**
 * Decides when a standalone that runs once is through, or gets no further.
 *
 * <pre>
 *   through      for as long as the jobs' grace lasts:
 *                the agent is done
 *                and all groups have committed what the agent sent
 *                and everything the topics hold was counted
 *                and every closed trail stands in the collected tree
 *   no further   nothing of this moved for the stall timeout; for a fraction of it where only the
 *                collector is left, which has taken everything and found something missing
 * </pre>
 *
 * <p>Not thread-safe: one thread owns it.
 */
final class Catchup {
  /** What is asked of the parts, in this order. */
  interface Parts {
    Standalone.State state();

    Map<String, Long> lags() throws InterruptedException;

    Map<TopicPartition, Long> ends() throws InterruptedException;
  }

  private final Parts parts;
  private final long stallNanos;
  private final long settleNanos;
  private final long graceNanos;
  private String signature = "";
  private long movedNanos;

  /**
   * Begins.
   *
   * @param stall without any movement for so long it gets no further
   * @param settle the same where only the collector is left
   * @param grace what the jobs wait before they call something missing
   */
  Catchup(Parts parts, Duration stall, Duration settle, Duration grace, long nowNanos) {
    this.parts = parts;
    this.stallNanos = stall.toNanos();
    this.settleNanos = settle.toNanos();
    this.graceNanos = grace.toNanos();
    this.movedNanos = nowNanos;
  }

  /**
   * A look at the parts.
   *
   * @param ended whether there is nothing to wait for
   * @param waitingFor what is not done, a phrase each; empty if all is
   */
  record Look(Standalone.State state, boolean ended, List<String> waitingFor) {
    Look {
      waitingFor = List.copyOf(waitingFor);
    }
  }

  /** Looks at the parts once. */
  Look look(long nowNanos) throws InterruptedException {
    Standalone.State before = parts.state();
    List<String> waitingFor = new ArrayList<>();
    StringBuilder moving = new StringBuilder();
    for (SourceProgress source : before.sources()) {
      moving.append(source.bytesKnown()).append('/').append(source.bytesAcked()).append(' ');
      if (!source.done()) {
        waitingFor.add(
            "source "
                + source.name()
                + " ("
                + Amounts.count(source.bytesAcked())
                + " of "
                + Amounts.count(source.bytesKnown())
                + " bytes acknowledged)");
      }
    }
    if (waitingFor.isEmpty() && !before.agentDone()) {
      waitingFor.add("the agent's last acknowledgements");
    }
    boolean agentDone = waitingFor.isEmpty();
    boolean onlyCollector = false;
    Standalone.State after = before;
    if (agentDone) {
      // In this order: what the jobs have committed is in their topics before the ends are asked
      // for, and what the ends say was counted before the counts are taken.
      for (Map.Entry<String, Long> lag : parts.lags().entrySet()) {
        moving.append(lag.getValue()).append(' ');
        if (lag.getValue() > 0) {
          waitingFor.add(lag.getKey() + " (" + Amounts.count(lag.getValue()) + " records behind)");
        }
      }
      Map<TopicPartition, Long> ends = parts.ends();
      after = parts.state();
      if (!after.read().reached(ends)) {
        waitingFor.add("the tally of the topics");
      }
      onlyCollector = waitingFor.isEmpty();
      if (!after.found().waiting().isEmpty()) {
        waitingFor.add(
            "the collector to verify "
                + Amounts.count(after.found().waiting().size(), "trail")
                + ", e.g. "
                + after.found().waiting().getFirst().id());
      }
    }
    moving.append(after.read().counts().messages()).append(' ').append(after.found().verified());
    if (!moving.toString().equals(signature)) {
      signature = moving.toString();
      movedNanos = nowNanos;
    }
    long still = nowNanos - movedNanos;
    boolean broken = after.failure().isPresent() || anyError(after);
    boolean ended =
        (waitingFor.isEmpty() && still >= graceNanos)
            || still >= stallNanos
            || ((onlyCollector || broken) && still >= settleNanos);
    return new Look(after, ended, waitingFor);
  }

  private static boolean anyError(Standalone.State state) {
    return state.sources().stream().map(SourceProgress::error).anyMatch(Optional::isPresent);
  }
}
