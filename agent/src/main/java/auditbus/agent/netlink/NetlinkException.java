// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The kernel refused a call or a request: which, with which errno, and what can be done about it.
 */
public final class NetlinkException extends IOException {
  // include/uapi/linux/nsfs.h: the initial namespaces have numbers of their own.
  private static final String INITIAL_USER_NAMESPACE = "user:[4026531837]";
  private static final String INITIAL_PID_NAMESPACE = "pid:[4026531836]";

  private final int errno;

  /**
   * One that says this.
   *
   * @param call what was tried
   * @param advice why that may be and what to do, empty for nothing
   */
  NetlinkException(String call, int errno, String advice) {
    super(call + ": " + Errno.describe(errno) + (advice.isEmpty() ? "" : ": " + advice));
    this.errno = errno;
  }

  /**
   * One with the usual explanation of its errno.
   *
   * @param needed the capability the kernel asks for here
   */
  static NetlinkException refused(String call, int errno, Capability needed) {
    return new NetlinkException(call, errno, advice(errno, needed));
  }

  /** The kernel's errno; {@code ETIMEDOUT} (110) if it did not answer in time. */
  public int errno() {
    return errno;
  }

  private static String advice(int errno, Capability needed) {
    return switch (errno) {
      case Errno.EPERM -> whyNotPermitted(needed);
      case Errno.ECONNREFUSED ->
          "the kernel takes audit requests from the initial user namespace only: run this outside of"
              + " user namespaces, a container not rootless";
      case Errno.EPROTONOSUPPORT, Errno.EAFNOSUPPORT ->
          "this kernel has no audit: it was built without CONFIG_AUDIT or booted with audit=0";
      default -> "";
    };
  }

  private static String whyNotPermitted(Capability needed) {
    try {
      if (!Capabilities.ofThisProcess().has(needed)) {
        return "CAP_"
            + needed
            + " is missing: run as root, or grant it (systemd: "
            + "AmbientCapabilities=CAP_"
            + needed
            + "; container: --cap-add="
            + needed
            + ")";
      }
    } catch (IOException e) {
      return "CAP_" + needed + " may be missing (" + e + ")";
    }
    if (!isNamespace("user", INITIAL_USER_NAMESPACE)) {
      return "CAP_"
          + needed
          + " counts in the initial user namespace only: run this outside of user"
          + " namespaces, a container not rootless";
    }
    if (!isNamespace("pid", INITIAL_PID_NAMESPACE)) {
      return "the kernel takes this from the host's PID namespace only: run the container with it"
          + " (--pid=host)";
    }
    return "CAP_"
        + needed
        + " is there; auditing may be locked until the next boot (auditctl -s says"
        + " enabled 2), or a security module forbids it";
  }

  private static boolean isNamespace(String kind, String initial) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/ns", kind)).toString().equals(initial);
    } catch (IOException e) {
      return true; // cannot be told, so it is not blamed
    }
  }
}
