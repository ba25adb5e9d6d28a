// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.nio.ByteBuffer;

/**
 * How the kernel's audit stands, as {@code auditctl -s} shows it.
 *
 * <p>{@code struct audit_status} of {@code linux/audit.h}, all in the host's byte order. Kernels
 * before 3.14 end it at 36 or 40 bytes, before 5.9 at 40 or 44: what is not there is 0.
 *
 * <pre>
 *    0 u32 mask               which of the settings AUDIT_SET is to change
 *    4 u32 enabled            0 off, 1 on, 2 on and locked until the next boot
 *    8 u32 failure            what a lost record leads to: 0 nothing, 1 printk, 2 panic
 *   12 u32 pid                the registered audit daemon, 0 for none
 *   16 u32 rate_limit         records a second, 0 for any
 *   20 u32 backlog_limit      records that may wait for the daemon, 0 for any
 *   24 u32 lost               records lost since boot or the last reset
 *   28 u32 backlog            records waiting
 *   32 u32 feature_bitmap
 *   36 u32 backlog_wait_time          jiffies
 *   40 u32 backlog_wait_time_actual   jiffies
 * </pre>
 *
 * @param enabled 0 off, 1 on, 2 on and locked until the next boot
 * @param failure what the kernel does when a record is lost: 0 nothing, 1 printk, 2 panic
 * @param pid the registered audit daemon, 0 for none; one that was killed stands until the kernel
 *     next tries to send
 * @param rateLimit records a second, 0 for any
 * @param backlogLimit records that may wait before those who cause them wait, 0 for any
 * @param lost records the kernel could not keep, since boot or the last reset
 * @param backlog records waiting now
 * @param backlogWaitTime jiffies a process is made to wait at most while the backlog is full
 * @param backlogWaitTimeActual jiffies that processes were made to wait since boot or reset
 */
public record AuditStatus(
    long enabled,
    long failure,
    long pid,
    long rateLimit,
    long backlogLimit,
    long lost,
    long backlog,
    long backlogWaitTime,
    long backlogWaitTimeActual) {
  /** Bytes of the struct. */
  static final int BYTES = 44;

  static final int MASK_ENABLED = 0x01;
  static final int MASK_FAILURE = 0x02;
  static final int MASK_PID = 0x04;
  static final int MASK_RATE_LIMIT = 0x08;
  static final int MASK_BACKLOG_LIMIT = 0x10;
  static final int MASK_BACKLOG_WAIT_TIME = 0x20;

  static AuditStatus read(ByteBuffer buffer, int offset, int length) {
    return new AuditStatus(
        field(buffer, offset, length, 1),
        field(buffer, offset, length, 2),
        field(buffer, offset, length, 3),
        field(buffer, offset, length, 4),
        field(buffer, offset, length, 5),
        field(buffer, offset, length, 6),
        field(buffer, offset, length, 7),
        field(buffer, offset, length, 9),
        field(buffer, offset, length, 10));
  }

  /** Writes a struct that changes one setting. */
  static void writeChange(ByteBuffer buffer, int mask, long value) {
    int start = buffer.position();
    for (int i = 0; i < BYTES; i += Integer.BYTES) {
      buffer.putInt(0);
    }
    // The bits of the mask are in the order of the fields, but for the last.
    int field = mask == MASK_BACKLOG_WAIT_TIME ? 9 : 1 + Integer.numberOfTrailingZeros(mask);
    buffer.putInt(start, mask);
    buffer.putInt(start + field * Integer.BYTES, (int) value);
  }

  private static long field(ByteBuffer buffer, int offset, int length, int field) {
    int at = field * Integer.BYTES;
    return at + Integer.BYTES <= length ? Integer.toUnsignedLong(buffer.getInt(offset + at)) : 0;
  }
}
