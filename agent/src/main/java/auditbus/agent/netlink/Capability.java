// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

/** The capabilities audit asks for, with their bits of {@code linux/capability.h}. */
public enum Capability {
  /** To make a receive buffer larger than {@code net.core.rmem_max}. */
  NET_ADMIN(12),
  /** To write user messages. */
  AUDIT_WRITE(29),
  /** To be the audit daemon, to ask for and change settings and rules. */
  AUDIT_CONTROL(30),
  /** To listen beside an audit daemon. */
  AUDIT_READ(37);

  private final int bit;

  Capability(int bit) {
    this.bit = bit;
  }

  long mask() {
    return 1L << bit;
  }
}
