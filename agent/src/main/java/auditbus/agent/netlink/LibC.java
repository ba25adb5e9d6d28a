// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;

/**
 * The C library's socket calls, and the only place where the JVM is left; each returns what the C
 * function returns, or the negated errno, as the system calls below it do.
 *
 * <p>Every function is called through <em>one</em> linked handle that takes six 64-bit integers.
 * Linking is what a start waits for, and it is paid per signature. All 64-bit Linux ABIs pass the
 * first integer and pointer arguments alike, in registers or slots of 64 bits that a callee with
 * fewer parameters does not look at; none of these functions is variadic. A Java {@code int} is
 * widened with its sign, as the ABIs that care want it.
 *
 * <p>Memory is handed over as direct buffers. They live until the collector finds nobody refers to
 * them, and a fence keeps them referred to during the call, so no call can write to freed memory.
 *
 * <p>Thread-safe: what a call needs of its own, the captured errno, is per thread.
 */
@SuppressWarnings("restricted")
final class LibC {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final SymbolLookup SYMBOLS = LINKER.defaultLookup();
  private static final StructLayout ERRNO_LAYOUT = Linker.Option.captureStateLayout();
  private static final long ERRNO_OFFSET =
      ERRNO_LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement("errno"));
  private static final ThreadLocal<MemorySegment> ERRNO =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(ERRNO_LAYOUT));

  private static final MethodHandle CALL =
      LINKER.downcallHandle(
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG),
          Linker.Option.captureCallState("errno"));

  private static final MemorySegment SOCKET = function("socket");
  private static final MemorySegment BIND = function("bind");
  private static final MemorySegment GETSOCKNAME = function("getsockname");
  private static final MemorySegment SETSOCKOPT = function("setsockopt");
  private static final MemorySegment GETSOCKOPT = function("getsockopt");
  private static final MemorySegment SENDTO = function("sendto");
  private static final MemorySegment RECVMMSG = function("recvmmsg");
  private static final MemorySegment POLL = function("poll");
  private static final MemorySegment CLOSE = function("close");
  private static final MemorySegment GETPID = function("getpid");

  private LibC() {}

  /** socket(2). */
  static int socket(int domain, int type, int protocol) {
    return call(SOCKET, domain, type, protocol, 0, 0, 0);
  }

  /** bind(2) to the address that is all of {@code address}. */
  static int bind(int fd, ByteBuffer address) {
    try {
      return call(BIND, fd, at(address), address.limit(), 0, 0, 0);
    } finally {
      Reference.reachabilityFence(address);
    }
  }

  /** getsockname(2); {@code length} holds one int, the size of {@code address}. */
  static int getsockname(int fd, ByteBuffer address, ByteBuffer length) {
    try {
      return call(GETSOCKNAME, fd, at(address), at(length), 0, 0, 0);
    } finally {
      Reference.reachabilityFence(address);
      Reference.reachabilityFence(length);
    }
  }

  /** setsockopt(2) with the value that is all of {@code value}. */
  static int setsockopt(int fd, int level, int option, ByteBuffer value) {
    try {
      return call(SETSOCKOPT, fd, level, option, at(value), value.limit(), 0);
    } finally {
      Reference.reachabilityFence(value);
    }
  }

  /** getsockopt(2); {@code length} holds one int, the size of {@code value}. */
  static int getsockopt(int fd, int level, int option, ByteBuffer value, ByteBuffer length) {
    try {
      return call(GETSOCKOPT, fd, level, option, at(value), at(length), 0);
    } finally {
      Reference.reachabilityFence(value);
      Reference.reachabilityFence(length);
    }
  }

  /**
   * sendto(2) without waiting for room at the receiver: {@code memory} begins with the receiver's
   * address, {@code length} bytes of message stand at {@code offset}.
   */
  static int sendto(int fd, ByteBuffer memory, int addressLength, int offset, int length) {
    try {
      long base = at(memory);
      return call(SENDTO, fd, base + offset, length, Netlink.MSG_DONTWAIT, base, addressLength);
    } finally {
      Reference.reachabilityFence(memory);
    }
  }

  /**
   * recvmmsg(2) without waiting; {@code memory} begins with {@code messages} struct mmsghdr, and
   * all they point to is in it.
   */
  static int recvmmsg(int fd, ByteBuffer memory, int messages) {
    try {
      return call(RECVMMSG, fd, at(memory), messages, Netlink.MSG_DONTWAIT, 0, 0);
    } finally {
      Reference.reachabilityFence(memory);
    }
  }

  /** poll(2) on the one struct pollfd in {@code entry}. */
  static int poll(ByteBuffer entry, int timeoutMillis) {
    try {
      return call(POLL, at(entry), 1, timeoutMillis, 0, 0, 0);
    } finally {
      Reference.reachabilityFence(entry);
    }
  }

  /** close(2). */
  static int close(int fd) {
    return call(CLOSE, fd, 0, 0, 0, 0, 0);
  }

  /** getpid(2): in this process's own PID namespace, as {@code AUDIT_SET} wants it. */
  static int getpid() {
    return call(GETPID, 0, 0, 0, 0, 0, 0);
  }

  /** Where a direct buffer's bytes are; they are not kept alive by knowing it. */
  static long at(ByteBuffer direct) {
    return MemorySegment.ofBuffer(direct.duplicate().position(0)).address();
  }

  private static MemorySegment function(String name) {
    return SYMBOLS
        .find(name)
        .orElseThrow(() -> new UnsupportedOperationException("the C library has no " + name));
  }

  private static int call(MemorySegment function, long a, long b, long c, long d, long e, long f) {
    MemorySegment state = ERRNO.get();
    int result;
    try {
      // The upper half of a returned int is undefined; a returned ssize_t is a length of ours.
      result = (int) (long) CALL.invokeExact(function, state, a, b, c, d, e, f);
    } catch (RuntimeException | Error broken) {
      throw broken;
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
    return result == -1 ? -state.get(ValueLayout.JAVA_INT, ERRNO_OFFSET) : result;
  }
}
