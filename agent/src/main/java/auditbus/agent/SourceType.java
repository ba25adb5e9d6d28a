// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Where records come from on a host: the values of {@code sources.NAME.type}. */
public enum SourceType {
  /** The kernel's audit stream as the audit daemon: unicast netlink, registered. */
  KERNEL,
  /** The kernel's audit stream beside an audit daemon: the multicast group READLOG. */
  READLOG,
  /** What auditd hands its plugins: its {@code af_unix} socket, or standard input. */
  AUDISP,
  /** auditd's own {@code audit.log} and its rotated files. */
  AUDITLOG,
  /** A directory of trails with auditdistd's names, or one such file. */
  TRAILS;

  /** As it is written in a configuration. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether it comes as a stream, which the agent captures into trails of its own first. */
  public boolean isCaptured() {
    return this == KERNEL || this == READLOG || this == AUDISP;
  }

  static String words() {
    return Arrays.stream(values()).map(SourceType::word).collect(Collectors.joining(", "));
  }
}
