// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

/**
 * The error numbers of return tokens (OpenBSM's {@code bsm/audit_errno.h}): Solaris's, whatever
 * system wrote the trail, and from 190 on OpenBSM's own for what Solaris does not have.
 *
 * <p>Thread-safe.
 */
final class BsmErrors {
  private static final String[] NAMES = new String[256];

  static {
    run(
        0,
        """
        success EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES
        EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY
        EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT
        EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EDEADLK ENOLCK ECANCELED ENOTSUP EDQUOT EBADE EBADR
        EXFULL ENOANO EBADRQC EBADSLT EDEADLOCK EBFONT EOWNERDEAD ENOTRECOVERABLE ENOSTR ENODATA
        ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO ELOCKUNMAPPED ENOTACTIVE
        EMULTIHOP\
        """);
    run(
        77,
        """
        EBADMSG ENAMETOOLONG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX
        ELIBEXEC EILSEQ ENOSYS ELOOP ERESTART ESTRPIPE ENOTEMPTY EUSERS ENOTSOCK EDESTADDRREQ
        EMSGSIZE EPROTOTYPE ENOPROTOOPT\
        """);
    run(
        120,
        """
        EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE
        EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
        ENOTCONN\
        """);
    run(
        143,
        """
        ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS
        ESTALE\
        """);
    run(
        190,
        """
        EPROCLIM EBADRPC ERPCMISMATCH EPROGUNAVAIL EPROGMISMATCH EPROCUNAVAIL EFTYPE EAUTH ENEEDAUTH
        ENOATTR EDOOFUS EJUSTRETURN ENOIOCTL EDIRIOCTL EPWROFF EDEVERR EBADEXEC EBADARCH ESHLIBVERS
        EBADMACHO EPOLICY EDOTDOT EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO ENOMEDIUM EMEDIUMTYPE
        ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED ENOTCAPABLE ECAPMODE\
        """);
    for (int number = 0; number < NAMES.length; number++) {
      if (NAMES[number] == null) {
        NAMES[number] = Integer.toString(number);
      }
    }
  }

  private BsmErrors() {}

  /**
   * The name of an error number from 0 to 255, {@code success} for 0; the number if it has none.
   */
  static String of(int number) {
    return NAMES[number];
  }

  private static void run(int first, String names) {
    int number = first;
    for (String name : names.split("\\s+", -1)) {
      NAMES[number++] = name;
    }
  }
}
