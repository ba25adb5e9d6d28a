// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Datagrams of any bytes that a {@link MessageBatch} has to take for the kernel's, or for whatever
 * sender is wanted: they come over a real socket, by recvmmsg(2).
 *
 * <p>The socket is an AF_UNIX one. A sender's abstract name is of any bytes, and four of them stand
 * where struct sockaddr_nl has the port id.
 */
public final class KernelDatagrams implements AutoCloseable {
  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM = 2;
  private static final int NAME_BYTES = 16;
  private static final int MESSAGE_AT = 32;
  private static final int MOST_BYTES = 65_536;
  private static final AtomicInteger NAMES = new AtomicInteger();

  private final int receiver;
  private final ByteBuffer to;

  public KernelDatagrams() {
    to = name(-1);
    receiver = open(to);
  }

  /** Sends one. */
  public void send(int senderPortId, byte[] datagram) {
    int sender = open(name(senderPortId));
    try {
      ByteBuffer memory = ByteBuffer.allocateDirect(MESSAGE_AT + MOST_BYTES);
      memory.put(0, to, 0, NAME_BYTES);
      memory.put(MESSAGE_AT, datagram);
      int sent = LibC.sendto(sender, memory, NAME_BYTES, MESSAGE_AT, datagram.length);
      if (sent != datagram.length) {
        throw new AssertionError("sendto of " + datagram.length + " bytes: " + sent);
      }
    } finally {
      LibC.close(sender);
    }
  }

  /** Sends one with a whole header. */
  public void send(int senderPortId, int type, byte[] payload, int lengthInHeader) {
    ByteBuffer message = ByteBuffer.allocate(Netlink.HEADER_BYTES + payload.length);
    message.order(ByteOrder.nativeOrder());
    message.putInt(lengthInHeader).putShort((short) type).putShort((short) 0).putInt(0).putInt(0);
    send(senderPortId, message.put(payload).array());
  }

  /** Takes what was sent. */
  public void receive(MessageBatch batch) {
    int count = batch.receive(receiver);
    if (count < 0) {
      throw new AssertionError("recvmmsg: " + count);
    }
  }

  @Override
  public void close() {
    LibC.close(receiver);
  }

  private static int open(ByteBuffer name) {
    int fd = LibC.socket(AF_UNIX, SOCK_DGRAM | Netlink.SOCK_CLOEXEC, 0);
    int bound = LibC.bind(fd, name);
    if (fd < 0 || bound < 0) {
      throw new AssertionError("socket: " + fd + ", bind: " + bound);
    }
    return fd;
  }

  private static ByteBuffer name(int portId) {
    ByteBuffer name = ByteBuffer.allocateDirect(NAME_BYTES).order(ByteOrder.nativeOrder());
    name.putShort(0, (short) AF_UNIX);
    name.putInt(4, portId);
    name.putInt(8, (int) ProcessHandle.current().pid());
    name.putInt(12, NAMES.incrementAndGet());
    return name;
  }
}
