// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.util.Objects;

/**
 * What the kernel answers when asked who signalled the audit daemon (AUDIT_SIGNAL_INFO): the last
 * process that tried to send it TERM, HUP, USR1 or USR2, refused or not.
 *
 * @param uid its login uid, or its plain uid if that was unset
 * @param pid its process id; 0 if nobody tried yet
 * @param context its security label, "" where there is none
 */
public record SignalAnswer(long uid, int pid, String context) {
  /** Checks the arguments. */
  public SignalAnswer {
    Objects.requireNonNull(context);
  }

  SignalAnswer(long uid, int pid) {
    this(uid, pid, "");
  }
}
