// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Which trail: the store's key.
 *
 * @param host the trail's host
 * @param source its source there
 * @param trail its id
 */
record TrailKey(String host, String source, String trail) {
  private static final int ID_BYTES = 16;
  private static final char SEPARATOR = '\0';

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
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(("TRAIL_COVERAGE" + SEPARATOR + text()).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, ID_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
