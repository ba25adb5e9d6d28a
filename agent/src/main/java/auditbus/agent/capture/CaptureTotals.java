// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.trail.TrailSource;

/** What all captures of one source have counted in an agent run. Thread-safe. */
public final class CaptureTotals {
  private final CaptureCounters counters = new CaptureCounters();

  CaptureCounters counters() {
    return counters;
  }

  /** What is known of the trails they wrote. */
  public TrailSource.Captured captured() {
    return counters;
  }

  /** Another capture takes over from one that died. */
  public void restarted() {
    counters.restarts.incrementAndGet();
  }
}
