// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Where records come from on a host: the values of {@code sources.NAME.type}. */
public enum SourceType {
  /** A directory of trails with auditdistd's names, or one such file. */
  TRAILS,
  /** auditd's own {@code audit.log} and its rotated files. */
  AUDITLOG;

  /** As it is written in a configuration. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  static String words() {
    return Arrays.stream(values()).map(SourceType::word).collect(Collectors.joining(", "));
  }
}
