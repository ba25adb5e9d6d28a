// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.GapKind;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Ids of gaps, made of what a gap is about. Thread-safe: stateless. */
final class GapId {
  static final char SEPARATOR = '\0';

  private static final int ID_BYTES = 16;

  private GapId() {}

  /**
   * The id of the gap of that kind about these things: 32 hex digits, the same on replay and in any
   * interleaving as long as they are.
   */
  static String of(GapKind kind, String... about) {
    try {
      String text = kind.name() + SEPARATOR + String.join(String.valueOf(SEPARATOR), about);
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, ID_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
