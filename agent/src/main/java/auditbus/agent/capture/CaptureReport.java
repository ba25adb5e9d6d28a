// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.schemas.CaptureStatus;
import java.util.Optional;

/**
 * How a capture stands: one moment's figures, so that {@code received = written + dropped} holds.
 *
 * @param running whether it is at work, derived from its thread
 * @param error why it cannot do its work at present
 * @param received records that came: from the kernel, from auditd, and the agent's own
 * @param written those of them that stand in a trail or are on their way into it
 * @param dropped those given up
 * @param overruns socket overruns (ENOBUFS)
 * @param status the rest, as it goes into heartbeats
 */
public record CaptureReport(
    boolean running,
    Optional<String> error,
    long received,
    long written,
    long dropped,
    long overruns,
    CaptureStatus status) {}
