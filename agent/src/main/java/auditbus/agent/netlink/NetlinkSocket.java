// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A bound netlink socket: batches in, requests out, and what it lost on the way.
 *
 * <p>Design note: apart from {@link AuditSocket} and {@link AuditControl}, which share it, and of
 * any protocol, so that tests can send it over {@code NETLINK_USERSOCK} what the kernel never
 * would.
 *
 * <p>One thread receives. Everything else may be called from any thread; {@link #close} leaves the
 * file descriptor to a call that is using it, so that its number cannot come to mean another file
 * in between.
 */
final class NetlinkSocket implements Closeable {
  private static final Path RMEM_MAX = Path.of("/proc/sys/net/core/rmem_max");
  private static final long NANOS_PER_MILLI = TimeUnit.MILLISECONDS.toNanos(1);

  private final int fd;
  private final int portId;
  private final boolean owned;
  private final ByteBuffer pollEntry = allocate(8);
  private final AtomicLong overruns = new AtomicLong();

  // Owned by the receiving thread.
  private boolean maybeMore;

  // Guarded by this.
  private final ByteBuffer value = allocate((Netlink.SK_MEMINFO_DROPS + 1) * Integer.BYTES);
  private final ByteBuffer valueLength = allocate(Integer.BYTES);
  private int users;
  private boolean closed;
  private boolean forced;
  private long lastDrops;

  private NetlinkSocket(int fd, int portId, boolean owned) {
    this.fd = fd;
    this.portId = portId;
    this.owned = owned;
    pollEntry.putInt(0, fd);
    pollEntry.putShort(4, (short) Netlink.POLLIN);
  }

  /**
   * Opens one and binds it to a port id the kernel chooses.
   *
   * @param groups multicast groups to join, one bit each
   */
  static NetlinkSocket open(int protocol, int groups) throws NetlinkException {
    int fd = LibC.socket(Netlink.AF_NETLINK, Netlink.SOCK_RAW | Netlink.SOCK_CLOEXEC, protocol);
    if (fd < 0) {
      throw NetlinkException.refused(
          "socket(AF_NETLINK, " + protocol + ")", -fd, Capability.AUDIT_CONTROL);
    }
    ByteBuffer address = allocate(Netlink.ADDRESS_BYTES);
    address.putShort(0, (short) Netlink.AF_NETLINK);
    address.putInt(8, groups);
    int result = LibC.bind(fd, address);
    if (result == 0) {
      result = name(fd, address);
    }
    if (result < 0) {
      LibC.close(fd);
      throw NetlinkException.refused(
          "bind(AF_NETLINK, " + protocol + ", groups " + groups + ")",
          -result,
          Capability.AUDIT_READ);
    }
    return new NetlinkSocket(fd, address.getInt(4), true);
  }

  /**
   * Takes one that somebody else opened; it stays open when this is closed, to be taken again.
   *
   * @throws NetlinkException if it is no netlink socket of this protocol and these groups
   */
  static NetlinkSocket inherited(int fd, int protocol, int groups) throws NetlinkException {
    String call = "inherited file descriptor " + fd;
    String wanted = "wanted is a netlink socket of protocol " + protocol + " in group " + groups;
    ByteBuffer value = allocate(Integer.BYTES);
    ByteBuffer length = allocate(Integer.BYTES);
    for (int[] option :
        new int[][] {{Netlink.SO_DOMAIN, Netlink.AF_NETLINK}, {Netlink.SO_PROTOCOL, protocol}}) {
      length.putInt(0, Integer.BYTES);
      int result = LibC.getsockopt(fd, Netlink.SOL_SOCKET, option[0], value, length);
      if (result < 0) {
        throw new NetlinkException(call, -result, wanted);
      }
      if (value.getInt(0) != option[1]) {
        String found =
            (option[0] == Netlink.SO_DOMAIN ? "its address family is " : "its protocol is ")
                + value.getInt(0);
        throw new NetlinkException(call, Errno.EPROTONOSUPPORT, found + ", " + wanted);
      }
    }
    ByteBuffer address = allocate(Netlink.ADDRESS_BYTES);
    int result = name(fd, address);
    if (result < 0) {
      throw new NetlinkException(call, -result, wanted);
    }
    int joined = address.getInt(8);
    if ((joined & groups) != groups) {
      throw new NetlinkException(
          call, Errno.EINVAL, "its groups are " + Integer.toHexString(joined) + ", " + wanted);
    }
    return new NetlinkSocket(fd, address.getInt(4), false);
  }

  int portId() {
    return portId;
  }

  /** For tests, which send what no {@link Request} is. */
  int descriptor() {
    return fd;
  }

  long overruns() {
    return overruns.get();
  }

  /** The kernel's count of datagrams it could not put into this socket; after close the last. */
  synchronized long drops() {
    if (isOpen() && option(Netlink.SO_MEMINFO, value.capacity()) == 0) {
      lastDrops = Integer.toUnsignedLong(value.getInt(Netlink.SK_MEMINFO_DROPS * Integer.BYTES));
    }
    return lastDrops;
  }

  /** The receive buffer as the kernel counts it, twice what was asked for; 0 once closed. */
  synchronized int receiveBufferBytes() {
    return isOpen() && option(Netlink.SO_RCVBUF, Integer.BYTES) == 0 ? value.getInt(0) : 0;
  }

  /** Whether the receive buffer could be set without regard to {@code net.core.rmem_max}. */
  synchronized boolean receiveBufferForced() {
    return forced;
  }

  /** Asks for a receive buffer: whatever size is asked for, or what the host's limit allows. */
  synchronized void receiveBuffer(int bytes) throws NetlinkException {
    value.clear().limit(Integer.BYTES).putInt(0, bytes);
    int result = LibC.setsockopt(fd, Netlink.SOL_SOCKET, Netlink.SO_RCVBUFFORCE, value);
    forced = result == 0;
    if (!forced) {
      result = LibC.setsockopt(fd, Netlink.SOL_SOCKET, Netlink.SO_RCVBUF, value);
    }
    value.clear();
    if (result < 0) {
      throw new NetlinkException("setsockopt(SO_RCVBUF, " + bytes + ")", -result, "");
    }
  }

  /** Asks for a receive buffer, unless it has that size or a larger one than it would get. */
  void growReceiveBuffer(int bytes) throws NetlinkException {
    int before = receiveBufferBytes() / 2;
    if (before < Math.min(bytes, mostBytes())) {
      receiveBuffer(bytes);
    }
  }

  private static long mostBytes() {
    try {
      return Capabilities.ofThisProcess().has(Capability.NET_ADMIN)
          ? Integer.MAX_VALUE
          : Long.parseLong(Files.readString(RMEM_MAX).strip());
    } catch (IOException | NumberFormatException e) {
      return 0; // not known, so nothing is risked
    }
  }

  /**
   * Sends.
   *
   * @param call what it is, for the error
   * @param needed the capability that a refusal would be about
   */
  void send(Request request, String call, Capability needed) throws NetlinkException {
    enter();
    try {
      int result = request.send(fd);
      while (result == -Errno.EINTR) {
        result = request.send(fd);
      }
      if (result < 0) {
        throw NetlinkException.refused(call, -result, needed);
      }
    } finally {
      leave();
    }
  }

  /**
   * Takes what is there, at most what the batch holds; waits for the first.
   *
   * @return how many; 0 if none came in time
   */
  int receive(MessageBatch batch, int timeoutMillis) throws NetlinkException {
    if (timeoutMillis < 0) {
      throw new IllegalArgumentException("timeoutMillis: " + timeoutMillis);
    }
    batch.clear();
    enter();
    try {
      long deadlineNanos = System.nanoTime() + timeoutMillis * NANOS_PER_MILLI;
      int waitMillis = timeoutMillis;
      while (true) {
        // A full batch left more behind: that need not be asked for.
        int ready = maybeMore ? 1 : LibC.poll(pollEntry, waitMillis);
        maybeMore = false;
        int received = ready > 0 ? batch.receive(fd) : ready;
        if (received > 0) {
          maybeMore = received == batch.capacity();
          return received;
        }
        switch (-received) {
          case 0, Errno.EAGAIN, Errno.EINTR -> {}
          case Errno.ENOBUFS -> {
            // Said once per overrun; what did fit into the buffer is still there.
            overruns.incrementAndGet();
            maybeMore = true;
          }
          default -> throw new NetlinkException("recvmmsg", -received, "");
        }
        long leftNanos = deadlineNanos - System.nanoTime();
        if (leftNanos <= 0 && !maybeMore) {
          return 0;
        }
        waitMillis = (int) ((Math.max(0, leftNanos) + NANOS_PER_MILLI - 1) / NANOS_PER_MILLI);
      }
    } finally {
      leave();
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      drops();
      closed = true;
      if (users == 0 && owned) {
        LibC.close(fd);
      }
    }
  }

  private synchronized void enter() throws NetlinkException {
    if (closed) {
      throw new NetlinkException("netlink socket", Errno.EBADF, "it is closed");
    }
    users++;
  }

  private synchronized void leave() {
    users--;
    if (closed && users == 0 && owned) {
      LibC.close(fd);
    }
  }

  private boolean isOpen() {
    return !closed || users > 0;
  }

  private int option(int option, int bytes) {
    valueLength.putInt(0, bytes);
    return LibC.getsockopt(fd, Netlink.SOL_SOCKET, option, value, valueLength);
  }

  private static int name(int fd, ByteBuffer address) {
    ByteBuffer length = allocate(Integer.BYTES);
    length.putInt(0, Netlink.ADDRESS_BYTES);
    return LibC.getsockname(fd, address, length);
  }

  private static ByteBuffer allocate(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }
}
