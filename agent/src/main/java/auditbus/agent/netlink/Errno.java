// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

/** The errors netlink sockets know, by {@code asm-generic/errno-base.h} and {@code errno.h}. */
final class Errno {
  static final int EPERM = 1;
  static final int ENOENT = 2;
  static final int EINTR = 4;
  static final int EBADF = 9;
  static final int EAGAIN = 11;
  static final int EACCES = 13;
  static final int EEXIST = 17;
  static final int EINVAL = 22;
  static final int ENOTSOCK = 88;
  static final int EMSGSIZE = 90;
  static final int EPROTONOSUPPORT = 93;
  static final int EAFNOSUPPORT = 97;
  static final int ENOBUFS = 105;
  static final int ETIMEDOUT = 110;
  static final int ECONNREFUSED = 111;

  private Errno() {}

  /** Name and number, {@code EPERM (1)}; only the number if the name is not one of these. */
  static String describe(int errno) {
    String name =
        switch (errno) {
          case EPERM -> "EPERM";
          case ENOENT -> "ENOENT";
          case EINTR -> "EINTR";
          case EBADF -> "EBADF";
          case EAGAIN -> "EAGAIN";
          case 12 -> "ENOMEM";
          case EACCES -> "EACCES";
          case 14 -> "EFAULT";
          case 16 -> "EBUSY";
          case EEXIST -> "EEXIST";
          case EINVAL -> "EINVAL";
          case 23 -> "ENFILE";
          case 24 -> "EMFILE";
          case ENOTSOCK -> "ENOTSOCK";
          case EMSGSIZE -> "EMSGSIZE";
          case EPROTONOSUPPORT -> "EPROTONOSUPPORT";
          case 95 -> "EOPNOTSUPP";
          case EAFNOSUPPORT -> "EAFNOSUPPORT";
          case ENOBUFS -> "ENOBUFS";
          case ETIMEDOUT -> "ETIMEDOUT";
          case ECONNREFUSED -> "ECONNREFUSED";
          default -> "errno";
        };
    return name + " (" + errno + ")";
  }
}
