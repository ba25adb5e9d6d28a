// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The socket the kernel's audit records come through.
 *
 * <p>Two kinds. <em>Unicast</em> makes this process the audit daemon once {@link #register}ed:
 * there is one, the kernel makes processes wait for it, and it is not audited itself. <em>
 * Multicast</em> listens beside a daemon: nobody waits for it, what does not fit into its receive
 * buffer is lost, and its own system calls are audited as anybody's.
 *
 * <p>One thread receives and registers; everything else, {@link #close} too, may be called from any
 * thread. A receiving call that waits while another thread closes ends at its time-out.
 */
public final class AuditSocket implements Closeable {
  private static final int ACK_TIMEOUT_MILLIS = 2000;

  private final NetlinkSocket socket;

  private AuditSocket(NetlinkSocket socket) {
    this.socket = socket;
  }

  /**
   * Opens one for the audit daemon; not yet registered.
   *
   * @param receiveBufferBytes see {@link #receiveBufferBytes()}
   * @throws NetlinkException if the kernel has no audit
   */
  public static AuditSocket unicast(int receiveBufferBytes) throws NetlinkException {
    return sized(NetlinkSocket.open(Netlink.NETLINK_AUDIT, 0), receiveBufferBytes);
  }

  /**
   * Opens one that listens beside the audit daemon; needs {@link Capability#AUDIT_READ}. In another
   * network namespace than the host's it opens and stays silent.
   *
   * @param receiveBufferBytes see {@link #receiveBufferBytes()}
   */
  public static AuditSocket multicast(int receiveBufferBytes) throws NetlinkException {
    return sized(
        NetlinkSocket.open(Netlink.NETLINK_AUDIT, Netlink.READLOG_GROUPS), receiveBufferBytes);
  }

  /**
   * Takes a listening socket that was opened by whoever started this process, such as systemd with
   * {@code ListenNetlink=audit 1}: it holds what came before.
   *
   * @param receiveBufferBytes makes the buffer this large unless it is already, or as large as it
   *     may be made; never smaller
   * @throws NetlinkException if the file descriptor is not that
   */
  public static AuditSocket inherited(int fd, int receiveBufferBytes) throws NetlinkException {
    NetlinkSocket socket =
        NetlinkSocket.inherited(fd, Netlink.NETLINK_AUDIT, Netlink.READLOG_GROUPS);
    socket.growReceiveBuffer(receiveBufferBytes);
    return new AuditSocket(socket);
  }

  private static AuditSocket sized(NetlinkSocket socket, int receiveBufferBytes)
      throws NetlinkException {
    try {
      socket.receiveBuffer(receiveBufferBytes);
      return new AuditSocket(socket);
    } catch (NetlinkException e) {
      socket.close();
      throw e;
    }
  }

  /**
   * Makes this process the audit daemon, and returns when the kernel said so.
   *
   * <p>{@code AUDIT_SET} with the own pid, sent through this very socket: the kernel sends records
   * to where that came from. Records may come before its answer and are handed on. Where the answer
   * had no room in the receive buffer, the kernel is asked who is registered.
   *
   * @param batch receives
   * @param records takes what came besides the answer; at least one message in it
   * @throws NetlinkException if it is refused: {@code EEXIST} says who is registered instead
   */
  public void register(MessageBatch batch, Consumer<MessageBatch> records) throws NetlinkException {
    int pid = LibC.getpid();
    String call = "AUDIT_SET pid=" + pid;
    Request request = new Request(0, AuditStatus.BYTES);
    AuditStatus.writeChange(
        request.start(Netlink.AUDIT_SET, Netlink.NLM_F_REQUEST | Netlink.NLM_F_ACK, pid),
        AuditStatus.MASK_PID,
        pid);
    socket.send(request, call, Capability.AUDIT_CONTROL);
    long deadlineNanos = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ACK_TIMEOUT_MILLIS);
    boolean answered = false;
    while (!answered) {
      long leftMillis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
      if (leftMillis <= 0) {
        confirm(call, pid);
        return;
      }
      int received = socket.receive(batch, (int) leftMillis);
      for (int i = 0; i < received && !answered; i++) {
        if (batch.type(i) == Netlink.NLMSG_ERROR
            && batch.sequence(i) == pid
            && batch.senderPortId(i) == 0
            && batch.length(i) >= Integer.BYTES) {
          answered = true;
          int errno = -batch.buffer().getInt(batch.offset(i));
          if (errno != 0) {
            throw refused(call, errno);
          }
          batch.remove(i);
        }
      }
      if (batch.count() > 0) {
        records.accept(batch);
      }
    }
  }

  /**
   * Takes what is there, at most what the batch holds; waits for the first.
   *
   * @param timeoutMillis 0 to not wait
   * @return how many; 0 if none came in time, and then the batch is empty
   * @throws NetlinkException if the socket is closed or broken; losses are counted, not thrown
   */
  public int receive(MessageBatch batch, int timeoutMillis) throws NetlinkException {
    return socket.receive(batch, timeoutMillis);
  }

  /**
   * The receive buffer as the kernel counts it: twice what was asked for, unless {@code
   * net.core.rmem_max} is less and {@link #receiveBufferForced} is false. A record takes about a
   * kilobyte of it.
   */
  public int receiveBufferBytes() {
    return socket.receiveBufferBytes();
  }

  /**
   * Whether the receive buffer could be set without regard to {@code net.core.rmem_max}; needs
   * {@link Capability#NET_ADMIN}. False also where an inherited socket's larger one was kept.
   */
  public boolean receiveBufferForced() {
    return socket.receiveBufferForced();
  }

  /** How often the kernel said that the receive buffer had been full ({@code ENOBUFS}). */
  public long overruns() {
    return socket.overruns();
  }

  /**
   * The kernel's count of what had no room in the receive buffer ({@code SO_MEMINFO}), modulo 2^32.
   * Multicast: exactly the records lost. Unicast: how often the kernel gave up waiting for room,
   * 0.1 s each; it tries the record again.
   */
  public long drops() {
    return socket.drops();
  }

  /** The socket's address: {@code nl_pid} of {@code struct sockaddr_nl}. */
  public int portId() {
    return socket.portId();
  }

  /** Closes; does nothing the second time. The kernel notices at its next record. */
  @Override
  public void close() {
    socket.close();
  }

  private static void confirm(String call, int pid) throws NetlinkException {
    long registered;
    try (AuditControl control = AuditControl.open()) {
      registered = control.status().pid();
    }
    if (registered != pid) {
      throw new NetlinkException(
          call, Errno.ETIMEDOUT, "no answer in " + ACK_TIMEOUT_MILLIS + " ms");
    }
  }

  private static NetlinkException refused(String call, int errno) {
    return errno == Errno.EEXIST
        ? new NetlinkException(
            call,
            errno,
            registered()
                + " is the audit daemon already and there is only one: stop it, or listen beside it by"
                + " multicast")
        : NetlinkException.refused(call, errno, Capability.AUDIT_CONTROL);
  }

  private static String registered() {
    try (AuditControl control = AuditControl.open()) {
      long pid = control.status().pid();
      return "process " + pid + " (" + command(pid) + ")";
    } catch (IOException e) {
      return "another process (" + e.getMessage() + ")";
    }
  }

  private static String command(long pid) {
    try {
      return Files.readAllLines(Path.of("/proc", Long.toString(pid), "comm")).getFirst();
    } catch (IOException e) {
      return "no longer running";
    }
  }
}
