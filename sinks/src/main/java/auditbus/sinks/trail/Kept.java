// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.sinks.manifest.ManifestEntry;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The finished trails of a source that were not expired, as its manifest tells, oldest first.
 *
 * <p>Not thread-safe.
 */
final class Kept {
  private static final int MOST_AT_ONCE = 256;

  private final TreeMap<String, ManifestEntry.Finished> trails =
      new TreeMap<>(TrailId.OLDEST_FIRST);
  private long bytes;

  static Kept of(List<ManifestEntry> entries) {
    Kept kept = new Kept();
    for (ManifestEntry entry : entries) {
      switch (entry) {
        case ManifestEntry.Finished finished -> kept.add(finished);
        case ManifestEntry.Expired expired -> kept.remove(expired.trail());
      }
    }
    return kept;
  }

  void add(ManifestEntry.Finished entry) {
    remove(entry.trail());
    trails.put(entry.trail(), entry);
    bytes += entry.size();
  }

  void remove(String trail) {
    ManifestEntry.Finished removed = trails.remove(trail);
    if (removed != null) {
      bytes -= removed.size();
    }
  }

  Optional<ManifestEntry.Finished> get(String trail) {
    return Optional.ofNullable(trails.get(trail));
  }

  Collection<ManifestEntry.Finished> all() {
    return trails.values();
  }

  /** What is to go now, oldest first, at most 256; never what is not verified. */
  List<ManifestEntry.Finished> toExpire(ExpireAfter rule, Instant now) {
    List<ManifestEntry.Finished> due = new ArrayList<>();
    long left = bytes;
    for (ManifestEntry.Finished entry : trails.values()) {
      if (due.size() == MOST_AT_ONCE) {
        break;
      }
      if (entry.proof() == ManifestEntry.Proof.VERIFIED && rule.expires(entry.at(), left, now)) {
        due.add(entry);
        left -= entry.size();
      }
    }
    return due;
  }
}
