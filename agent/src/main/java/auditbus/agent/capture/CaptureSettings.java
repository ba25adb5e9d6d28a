// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.time.Duration;
import java.util.Optional;

/**
 * How the kernel's stream is taken.
 *
 * @param receiveBufferBytes what the socket's buffer is to hold
 * @param livenessInterval time between two user records of our own; zero for none
 * @param startup what to do with the kernel's enabled flag
 * @param backlogLimit auditctl -b; left as it is if empty, like the following
 * @param backlogWaitTime auditctl --backlog_wait_time
 * @param failure auditctl -f
 * @param rateLimit auditctl -r
 */
public record CaptureSettings(
    int receiveBufferBytes,
    Duration livenessInterval,
    Startup startup,
    Optional<Long> backlogLimit,
    Optional<Long> backlogWaitTime,
    Optional<Long> failure,
    Optional<Long> rateLimit) {
  /** auditd's option -s. */
  public enum Startup {
    ENABLE,
    DISABLE,
    NOCHANGE
  }
}
