// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/**
 * Asks the kernel's audit and tells it.
 *
 * <p>Design note: a socket of its own, so that no answer waits behind a backlog of records.
 *
 * <p>An answer is the one with the request's sequence number from the kernel's port; any other is
 * of a request that was given up, and skipped. An answer is waited for {@value #TIMEOUT_MILLIS} ms.
 *
 * <p><b>The sending itself can take as long as the backlog wait time</b>: while more records wait
 * than the backlog limit, the kernel ({@code audit_receive} in {@code kernel/audit.c}) puts whoever
 * sends it a request to sleep, the registered daemon too. So the thread that receives records must
 * not be the one that asks.
 *
 * <p>Thread-safe: one request at a time.
 */
public final class AuditControl implements Closeable {
  /** How long an answer is waited for. */
  static final int TIMEOUT_MILLIS = 2000;

  /** {@code AUDIT_MESSAGE_TEXT_MAX}: what the kernel keeps of a user message. */
  static final int MAX_TEXT_BYTES = 8560;

  private static final int MAX_PAYLOAD_BYTES = MAX_TEXT_BYTES + 1;

  private final NetlinkSocket socket;
  private final int peerPortId;
  private final int timeoutMillis;

  // Guarded by this.
  private final Request request;
  private final MessageBatch answers = new MessageBatch(16, 1024);
  private int sequence;

  /** One that asks whoever has this port; the kernel has 0. */
  AuditControl(NetlinkSocket socket, int peerPortId, int timeoutMillis) {
    this.socket = socket;
    this.peerPortId = peerPortId;
    this.timeoutMillis = timeoutMillis;
    this.request = new Request(peerPortId, MAX_PAYLOAD_BYTES);
  }

  /**
   * Opens one; needs no capability yet.
   *
   * @throws NetlinkException if the kernel has no audit
   */
  public static AuditControl open() throws NetlinkException {
    return new AuditControl(NetlinkSocket.open(Netlink.NETLINK_AUDIT, 0), 0, TIMEOUT_MILLIS);
  }

  /** How audit stands; needs {@link Capability#AUDIT_CONTROL}. */
  public synchronized AuditStatus status() throws NetlinkException {
    start(Netlink.AUDIT_GET, Netlink.NLM_F_REQUEST);
    int answer = ask("AUDIT_GET", Netlink.AUDIT_GET, AuditStatus.BYTES - 12);
    return AuditStatus.read(answers.buffer(), answers.offset(answer), answers.length(answer));
  }

  /** Switches auditing on or off; refused once it is locked. */
  public void enable(boolean enabled) throws NetlinkException {
    set("enabled", AuditStatus.MASK_ENABLED, enabled ? 1 : 0);
  }

  /** How many records may wait before those who cause them wait; 0 for any number. */
  public void backlogLimit(long records) throws NetlinkException {
    set("backlog_limit", AuditStatus.MASK_BACKLOG_LIMIT, records);
  }

  /** What the kernel does when a record is lost: 0 nothing, 1 printk, 2 panic. */
  public void failureMode(int mode) throws NetlinkException {
    set("failure", AuditStatus.MASK_FAILURE, mode);
  }

  /** How many records a second are made at most, the others being lost; 0 for any number. */
  public void rateLimit(long recordsPerSecond) throws NetlinkException {
    set("rate_limit", AuditStatus.MASK_RATE_LIMIT, recordsPerSecond);
  }

  /** How long a process is made to wait at most while the backlog is full. */
  public void backlogWaitTime(long jiffies) throws NetlinkException {
    set("backlog_wait_time", AuditStatus.MASK_BACKLOG_WAIT_TIME, jiffies);
  }

  /**
   * Ends being the audit daemon. What was sent before is in the data socket still; what the kernel
   * had queued is not sent any more, nor is the record of this change.
   *
   * @throws NetlinkException {@code EACCES} if another process that lives is registered
   */
  public void unregister() throws NetlinkException {
    try {
      set("pid", AuditStatus.MASK_PID, 0);
    } catch (NetlinkException e) {
      throw e.errno() == Errno.EACCES
          ? new NetlinkException(
              "AUDIT_SET pid=0",
              e.errno(),
              "another process is the audit daemon; only it can end it")
          : e;
    }
  }

  /**
   * Who last signalled the registered audit daemon. Only while this process is that does it tell of
   * signals to this process.
   */
  public synchronized SignalInfo signalInfo() throws NetlinkException {
    start(Netlink.AUDIT_SIGNAL_INFO, Netlink.NLM_F_REQUEST);
    int answer = ask("AUDIT_SIGNAL_INFO", Netlink.AUDIT_SIGNAL_INFO, SignalInfo.FIXED_BYTES);
    return SignalInfo.read(answers.buffer(), answers.offset(answer), answers.length(answer));
  }

  /**
   * Writes a record, {@code type=… msg=audit(…): pid=… … msg='TEXT'}; needs {@link
   * Capability#AUDIT_WRITE}. While auditing is off the kernel takes it and drops it.
   *
   * @param type 1005, 1100 to 1199 or 2100 to 2999
   * @param text printable ASCII without {@code '}, 1 to {@value #MAX_TEXT_BYTES} bytes
   */
  public synchronized void userMessage(int type, String text) throws NetlinkException {
    if (!isUserType(type)) {
      throw new IllegalArgumentException(
          "type: " + type + " is not 1005, 1100 to 1199 or 2100 to 2999");
    }
    if (text.isEmpty() || text.length() > MAX_TEXT_BYTES) {
      throw new IllegalArgumentException(
          "text: " + text.length() + " bytes are not 1 to " + MAX_TEXT_BYTES);
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < ' ' || c > '~' || c == '\'') {
        throw new IllegalArgumentException(
            "text: character " + (int) c + " at " + i + " would end or garble the record");
      }
    }
    // The kernel puts a zero over the last byte.
    start(type, Netlink.NLM_F_REQUEST | Netlink.NLM_F_ACK)
        .put(text.getBytes(StandardCharsets.US_ASCII))
        .put((byte) 0);
    tell("user message of type " + type, Capability.AUDIT_WRITE);
  }

  /**
   * Has the kernel leave a process's system calls alone, whatever the other rules say; does nothing
   * if that is so already. The rule outlives the process and would then hide whoever gets its pid:
   * {@link #includeProcess} ends it.
   */
  public void excludeProcess(int pid) throws NetlinkException {
    rule(Netlink.AUDIT_ADD_RULE, AuditRule.PREPEND, pid, Errno.EEXIST);
  }

  /** Ends what {@link #excludeProcess} began; does nothing if it did not. */
  public void includeProcess(int pid) throws NetlinkException {
    rule(Netlink.AUDIT_DEL_RULE, 0, pid, Errno.ENOENT);
  }

  /** Closes; does nothing the second time. A request that waits is answered or given up first. */
  @Override
  public void close() {
    socket.close();
  }

  private synchronized void rule(int type, int flags, int pid, int fine) throws NetlinkException {
    if (pid <= 0) {
      throw new IllegalArgumentException("pid: " + pid);
    }
    AuditRule.writeNeverForProcess(
        start(type, Netlink.NLM_F_REQUEST | Netlink.NLM_F_ACK), flags, pid);
    String call =
        (type == Netlink.AUDIT_ADD_RULE ? "AUDIT_ADD_RULE" : "AUDIT_DEL_RULE")
            + " never,exit pid="
            + pid;
    try {
      tell(call, Capability.AUDIT_CONTROL);
    } catch (NetlinkException e) {
      if (e.errno() != fine) {
        throw e;
      }
    }
  }

  private synchronized void set(String name, int mask, long value) throws NetlinkException {
    if (value < 0 || value > 0xffff_ffffL) {
      throw new IllegalArgumentException(name + ": " + value + " is not 0 to 4294967295");
    }
    AuditStatus.writeChange(
        start(Netlink.AUDIT_SET, Netlink.NLM_F_REQUEST | Netlink.NLM_F_ACK), mask, value);
    tell("AUDIT_SET " + name + "=" + value, Capability.AUDIT_CONTROL);
  }

  private ByteBuffer start(int type, int flags) {
    sequence = sequence == Integer.MAX_VALUE ? 1 : sequence + 1;
    return request.start(type, flags, sequence);
  }

  /** Sends a request that is only acknowledged. */
  private void tell(String call, Capability needed) throws NetlinkException {
    exchange(call, needed, Netlink.NLMSG_ERROR, Integer.BYTES);
  }

  /** Sends a request that is answered; the answer's index. */
  private int ask(String call, int answerType, int minBytes) throws NetlinkException {
    return exchange(call, Capability.AUDIT_CONTROL, answerType, minBytes);
  }

  private int exchange(String call, Capability needed, int answerType, int minBytes)
      throws NetlinkException {
    socket.send(request, call, needed);
    long deadlineNanos = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    int skipped = 0;
    while (true) {
      long leftMillis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
      int received = leftMillis <= 0 ? 0 : socket.receive(answers, (int) leftMillis);
      if (received == 0) {
        throw new NetlinkException(
            call,
            Errno.ETIMEDOUT,
            "no answer in " + timeoutMillis + " ms, " + skipped + " to other requests skipped");
      }
      for (int i = 0; i < received; i++) {
        if (answers.senderPortId(i) != peerPortId || answers.sequence(i) != sequence) {
          skipped++;
        } else if (answers.type(i) == Netlink.NLMSG_ERROR && answers.length(i) >= Integer.BYTES) {
          int errno = -answers.buffer().getInt(answers.offset(i));
          if (errno != 0) {
            throw NetlinkException.refused(call, errno, needed);
          }
          if (answerType == Netlink.NLMSG_ERROR) {
            return i;
          }
        } else if (answers.type(i) == answerType && answers.length(i) >= minBytes) {
          return i;
        }
      }
    }
  }

  private static boolean isUserType(int type) {
    return type == Netlink.AUDIT_USER
        || (type >= Netlink.AUDIT_FIRST_USER_MSG && type <= Netlink.AUDIT_LAST_USER_MSG)
        || (type >= Netlink.AUDIT_FIRST_USER_MSG2 && type <= Netlink.AUDIT_LAST_USER_MSG2);
  }
}
