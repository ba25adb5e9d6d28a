// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.nio.ByteBuffer;

/**
 * The one rule the agent needs: {@code -A never,exit -F pid=PID}.
 *
 * <p>{@code struct audit_rule_data} of {@code linux/audit.h}, in the host's byte order:
 *
 * <pre>
 *      0 u32 flags            filter list, and whether the rule goes to its front
 *      4 u32 action
 *      8 u32 field_count      of 64
 *     12 u32 mask[64]         one bit per system call
 *    268 u32 fields[64]
 *    524 u32 values[64]
 *    780 u32 fieldflags[64]   comparison operators
 *   1036 u32 buflen           of the strings that follow
 * </pre>
 */
final class AuditRule {
  /** {@code AUDIT_FILTER_PREPEND}: to the front of the list. Part of adding, not of the rule. */
  static final int PREPEND = 0x10;

  private static final int AUDIT_FILTER_EXIT = 4;
  private static final int AUDIT_NEVER = 0;
  private static final int AUDIT_PID = 0;
  private static final int AUDIT_EQUAL = 0x4000_0000;
  private static final int ARRAY = 64;

  private AuditRule() {}

  static void writeNeverForProcess(ByteBuffer buffer, int flags, int pid) {
    buffer.putInt(AUDIT_FILTER_EXIT | flags).putInt(AUDIT_NEVER).putInt(1);
    for (int i = 0; i < ARRAY; i++) {
      buffer.putInt(-1);
    }
    array(buffer, AUDIT_PID);
    array(buffer, pid);
    array(buffer, AUDIT_EQUAL);
    buffer.putInt(0);
  }

  private static void array(ByteBuffer buffer, int first) {
    buffer.putInt(first);
    for (int i = 1; i < ARRAY; i++) {
      buffer.putInt(0);
    }
  }
}
