// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import java.time.Instant;
import java.util.Optional;
import java.util.Set;

/**
 * What a report is about.
 *
 * @param hosts names of the hosts, empty for all
 * @param since nothing from before, empty for all
 */
public record Scope(Set<String> hosts, Optional<Instant> since) {
  /** Copies the hosts. */
  public Scope {
    hosts = Set.copyOf(hosts);
  }

  boolean has(String host) {
    return hosts.isEmpty() || hosts.contains(host);
  }

  boolean has(Instant time) {
    return since.isEmpty() || !time.isBefore(since.get());
  }
}
