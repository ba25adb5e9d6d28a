// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.util.OptionalLong;

/**
 * A signal sent to the agent, as the kernel recorded it: an OBJ_PID record with the agent as target
 * and the SYSCALL of the same event.
 *
 * @param stamp {@code SECONDS.MILLIS:SERIAL}
 * @param timeMillis when the call was entered
 * @param serial the kernel's event number
 * @param signal its number; 0 for a probe
 * @param success whether the signal is known to have reached the agent: the call succeeded, and if
 *     it went to many processes its caller was allowed to signal this one
 * @param auid login uid of the sender, empty if unset
 * @param uid uid of the sender
 * @param session audit session of the sender, empty if unset
 * @param pid process id of the sender
 * @param arch as the record has it, for example {@code c000003e}
 * @param syscall number of the call
 */
public record KillEvent(
    String stamp,
    long timeMillis,
    long serial,
    int signal,
    boolean success,
    OptionalLong auid,
    long uid,
    OptionalLong session,
    int pid,
    String arch,
    int syscall) {

  /**
   * The uid signal info has for this sender: the login uid, or the plain one where that is unset.
   */
  long answeredUid() {
    return auid.orElse(uid);
  }
}
