// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Who last signalled the registered audit daemon, as the kernel remembers it.
 *
 * <p>The kernel has one slot, filled for TERM, HUP, USR1 and USR2, also by a kill that is then
 * refused; a later signal overwrites it. Without a registered daemon it stays as it was. So it is
 * evidence, not proof.
 *
 * <p>{@code struct audit_sig_info} of the kernel's {@code include/linux/audit.h}, in the host's
 * byte order:
 *
 * <pre>
 *   0 u32  uid   the sender's loginuid, or its uid where that is not set
 *   4 s32  pid
 *   8 char ctx[] security context of the LSM, not there without one
 * </pre>
 *
 * @param uid the sender's loginuid if it has one, else its uid: 0 may be either; 4294967295 if
 *     there was no signal yet
 * @param pid the sender, 0 if there was no signal yet
 * @param context its security context, empty where the kernel has none
 */
public record SignalInfo(long uid, int pid, String context) {
  static final int FIXED_BYTES = 8;

  static SignalInfo read(ByteBuffer buffer, int offset, int length) {
    int end = length;
    while (end > FIXED_BYTES && buffer.get(offset + end - 1) == 0) {
      end--;
    }
    byte[] context = new byte[end - FIXED_BYTES];
    buffer.get(offset + FIXED_BYTES, context);
    return new SignalInfo(
        Integer.toUnsignedLong(buffer.getInt(offset)),
        buffer.getInt(offset + Integer.BYTES),
        new String(context, StandardCharsets.UTF_8));
  }
}
