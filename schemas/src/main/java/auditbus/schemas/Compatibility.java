// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

/**
 * What a registry demands of a new version of a schema, by Confluent's names. auditbus evolves its
 * schemas {@link #BACKWARD_TRANSITIVE}: today's reader reads whatever was ever written.
 */
public enum Compatibility {
  /** Anything goes. */
  NONE,
  /** The new version reads what the newest one wrote. */
  BACKWARD,
  /** The new version reads what any version wrote. */
  BACKWARD_TRANSITIVE,
  /** The newest version reads what the new one writes. */
  FORWARD,
  /** Every version reads what the new one writes. */
  FORWARD_TRANSITIVE,
  /** Backward and forward. */
  FULL,
  /** Backward and forward, with every version. */
  FULL_TRANSITIVE
}
