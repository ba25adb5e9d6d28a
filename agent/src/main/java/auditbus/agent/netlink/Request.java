// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * One message to the kernel, built in place and sent as often as wanted.
 *
 * <p>All in the host's byte order; {@code struct sockaddr_nl} and {@code struct nlmsghdr} are in
 * {@code linux/netlink.h}:
 *
 * <pre>
 *    0 u16 nl_family = AF_NETLINK    2 u16 0    4 u32 nl_pid (0 = the kernel)    8 u32 nl_groups
 *   12 (4 bytes unused, so that the message is aligned)
 *   16 u32 nlmsg_len   20 u16 nlmsg_type   22 u16 nlmsg_flags   24 u32 nlmsg_seq   28 u32 nlmsg_pid
 *   32 payload
 * </pre>
 *
 * <p>Not thread-safe: its owner takes care.
 */
final class Request {
  private static final int MESSAGE_OFFSET = 16;
  private static final int PAYLOAD_OFFSET = MESSAGE_OFFSET + Netlink.HEADER_BYTES;

  private final ByteBuffer memory;

  Request(int peerPortId, int maxPayloadBytes) {
    memory = ByteBuffer.allocateDirect(PAYLOAD_OFFSET + maxPayloadBytes);
    memory.order(ByteOrder.nativeOrder());
    memory.putShort(0, (short) Netlink.AF_NETLINK);
    memory.putInt(4, peerPortId);
  }

  /** Begins a message; what is put into the buffer returned is its payload. */
  ByteBuffer start(int type, int flags, int sequence) {
    memory.clear();
    memory.putShort(MESSAGE_OFFSET + 4, (short) type);
    memory.putShort(MESSAGE_OFFSET + 6, (short) flags);
    memory.putInt(MESSAGE_OFFSET + 8, sequence);
    return memory.position(PAYLOAD_OFFSET);
  }

  /** Sends what was built; bytes sent or the negated errno. */
  int send(int fd) {
    int length = memory.position() - MESSAGE_OFFSET;
    memory.putInt(MESSAGE_OFFSET, length);
    return LibC.sendto(fd, memory, Netlink.ADDRESS_BYTES, MESSAGE_OFFSET, length);
  }
}
