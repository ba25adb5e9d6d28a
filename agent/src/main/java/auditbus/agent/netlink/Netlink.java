// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

/**
 * Numbers of the kernel's interface, by their names there: {@code linux/netlink.h}, {@code
 * linux/audit.h}, {@code asm-generic/socket.h}. Those of socket options are the ones of x86, arm64,
 * riscv, s390 and power; alpha, mips, parisc and sparc have others.
 */
final class Netlink {
  static final int AF_NETLINK = 16;
  static final int SOCK_RAW = 3;
  static final int SOCK_CLOEXEC = 0x80000;
  static final int NETLINK_AUDIT = 9;

  static final int SOL_SOCKET = 1;
  static final int SO_RCVBUF = 8;
  static final int SO_RCVBUFFORCE = 33;
  static final int SO_PROTOCOL = 38;
  static final int SO_DOMAIN = 39;

  /** Nine u32 of which the last, {@code SK_MEMINFO_DROPS}, counts. */
  static final int SO_MEMINFO = 55;

  static final int SK_MEMINFO_DROPS = 8;

  static final int MSG_TRUNC = 0x20;
  static final int MSG_DONTWAIT = 0x40;
  static final int POLLIN = 1;

  /** Bytes of struct sockaddr_nl. */
  static final int ADDRESS_BYTES = 12;

  /** Bytes of struct nlmsghdr. */
  static final int HEADER_BYTES = 16;

  static final int NLM_F_REQUEST = 1;
  static final int NLM_F_ACK = 4;
  static final int NLMSG_ERROR = 2;

  static final int AUDIT_GET = 1000;
  static final int AUDIT_SET = 1001;
  static final int AUDIT_USER = 1005;
  static final int AUDIT_SIGNAL_INFO = 1010;
  static final int AUDIT_ADD_RULE = 1011;
  static final int AUDIT_DEL_RULE = 1012;
  static final int AUDIT_FIRST_USER_MSG = 1100;
  static final int AUDIT_LAST_USER_MSG = 1199;
  static final int AUDIT_FIRST_USER_MSG2 = 2100;
  static final int AUDIT_LAST_USER_MSG2 = 2999;

  /** {@code AUDIT_NLGRP_READLOG} as the bit of it that bind(2) takes. */
  static final int READLOG_GROUPS = 1;

  private Netlink() {}
}
