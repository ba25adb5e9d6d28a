// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.util.Optional;
import java.util.OptionalLong;

/** What is known of the processes that are alive. */
interface Processes {
  /** Login uid and session of a process that has none. */
  long UNSET = 4294967295L;

  /** The process with an id, empty if there is none. */
  Optional<Facts> find(int pid);

  /**
   * A process.
   *
   * @param loginUid {@link #UNSET} if it has none, empty if that can't be known
   * @param session {@link #UNSET} if it has none, empty if that can't be known
   * @param uid real uid
   * @param effectiveUid effective uid
   * @param savedUid saved uid
   * @param mayKillAny whether it may signal every process of ours (CAP_KILL in our user namespace)
   */
  record Facts(
      OptionalLong loginUid,
      OptionalLong session,
      long uid,
      long effectiveUid,
      long savedUid,
      boolean mayKillAny) {

    /** Whether kill(2) would let it signal the other. */
    boolean maySignal(Facts other) {
      return mayKillAny
          || effectiveUid == other.uid
          || effectiveUid == other.savedUid
          || uid == other.uid
          || uid == other.savedUid;
    }
  }
}
