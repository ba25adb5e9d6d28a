// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.GapKind;

/**
 * Which trail: the store's key.
 *
 * @param host the trail's host
 * @param source its source there
 * @param trail its id
 */
record TrailKey(String host, String source, String trail) {
  private static final char SEPARATOR = GapId.SEPARATOR;

  TrailKey {
    if (host.isEmpty() || source.isEmpty() || trail.isEmpty()) {
      throw new IllegalArgumentException(
          "host, source or trail is empty: '" + host + "' '" + source + "' '" + trail + "'");
    }
    if (host.indexOf(SEPARATOR) >= 0
        || source.indexOf(SEPARATOR) >= 0
        || trail.indexOf(SEPARATOR) >= 0) {
      throw new IllegalArgumentException("a NUL in host, source or trail");
    }
  }

  static TrailKey parse(String text) {
    String[] parts = text.split("\0", -1);
    return new TrailKey(parts[0], parts[1], parts[2]);
  }

  String text() {
    return host + SEPARATOR + source + SEPARATOR + trail;
  }

  /** The id of the trail's gap, the same in any interleaving: 32 hex digits. */
  String gapId() {
    return GapId.of(GapKind.TRAIL_COVERAGE, host, source, trail);
  }
}
