// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Who sent a signal, how that is known, and what the kernel's signal info says to it.
 *
 * @param proof what it is known from
 * @param auid login uid, empty if unset or not known
 * @param uid uid, empty if not known
 * @param session audit session, empty if unset or not known
 * @param pid process id, empty if not known
 * @param context security label, "" if there is none or it is not known
 * @param event the kill's own record, where {@code proof} is it
 * @param info what the kernel's answer is worth
 * @param answer that answer, empty where nobody was asked
 * @param coalesced further senders whose signal may be in the same delivery
 */
public record Sender(
    Proof proof,
    OptionalLong auid,
    OptionalLong uid,
    OptionalLong session,
    OptionalInt pid,
    String context,
    Optional<KillEvent> event,
    Info info,
    Optional<SignalAnswer> answer,
    int coalesced) {
  /** Nobody is known to have asked for anything. */
  static final Sender UNKNOWN =
      new Sender(
          Proof.UNKNOWN,
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalLong.empty(),
          OptionalInt.empty(),
          "",
          Optional.empty(),
          Info.NONE,
          Optional.empty(),
          0);

  /** What a sender is known from. */
  public enum Proof {
    /** The kernel's record of the call that sent the signal. */
    KILL_EVENT,
    /** Signal info and nothing else. */
    SIGNAL_INFO,
    /** Nothing: it is not known. */
    UNKNOWN
  }

  /** What a signal info is worth. */
  public enum Info {
    /** It names the sender of the kill event that decided. */
    AGREES,
    /** Nobody ever signalled an audit daemon. */
    EMPTY,
    /** It is what was there when the agent registered. */
    STALE,
    /** It names the agent. */
    OWN,
    /** It names a process whose signal was refused. */
    REFUSED,
    /** It names the sender of another signal. */
    COALESCED,
    /** It names a living process that may not signal the agent. */
    IMPLAUSIBLE,
    /** Nothing speaks for or against it. */
    UNPROVEN,
    /** Nobody was asked, or the kernel keeps none for this signal. */
    NONE
  }
}
