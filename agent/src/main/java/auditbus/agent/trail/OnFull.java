// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

/** What is done for room when no acknowledged trail is left to remove. */
public enum OnFull {
  /** The oldest finished trail is removed, whether it was sent or not; each is logged, counted. */
  DROP_OLDEST,

  /** Nothing: {@link TrailWriter#append} refuses with {@link NoSpaceException}. */
  BLOCK
}
