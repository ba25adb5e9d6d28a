// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import auditbus.agent.auparse.AuparseDecoder;
import auditbus.agent.auparse.Limits;
import auditbus.agent.auparse.LineFraming;
import auditbus.agent.bsm.BsmDecoder;
import auditbus.agent.bsm.BsmFraming;
import auditbus.agent.event.Boot;
import auditbus.agent.event.Decoder;
import auditbus.agent.event.Framing;
import auditbus.agent.event.Origin;
import auditbus.schemas.Format;
import java.time.Duration;

/**
 * What the bytes of a trail are, and who reads them: the agent's own decoders, so that a dump shows
 * what would be published.
 */
final class TrailFormat {
  /** As the agent's, but for the bytes: all of a dump is to fit into 64 MB. */
  private static final Limits LIMITS =
      new Limits(4L << 20, Duration.ofSeconds(2), 16_384, 8L << 20);

  private static final String TRAILER = "\u0013\u00b1\u0005";
  private static final Origin ORIGIN = new Origin("", "", Boot.UNKNOWN, 0);

  private TrailFormat() {}

  /**
   * Tells by the first bytes of a file: BSM where a header or file token begins them, or a trailer
   * stands among them and no text does; else audit text.
   *
   * @param first at least one byte
   */
  static Format of(byte[] first) {
    if (startsWith(first, "type=") || startsWith(first, "node=")) {
      return Format.LINUX;
    }
    boolean head = first[0] == 0x11 || first[0] == 0x14 || first[0] == 0x15;
    boolean text = contains(first, "type=", "msg=audit");
    return head || (!text && hasTrailer(first)) ? Format.BSM : Format.LINUX;
  }

  static Framing framing(Format format) {
    return format == Format.BSM ? new BsmFraming() : new LineFraming();
  }

  static Decoder decoder(Format format) {
    return format == Format.BSM
        ? new BsmDecoder(ORIGIN)
        : new AuparseDecoder(ORIGIN, LIMITS, System::nanoTime);
  }

  private static boolean startsWith(byte[] bytes, String text) {
    return indexOf(bytes, text, Math.min(bytes.length, text.length())) == 0;
  }

  private static boolean contains(byte[] bytes, String one, String other) {
    return indexOf(bytes, one, bytes.length) >= 0 && indexOf(bytes, other, bytes.length) >= 0;
  }

  private static boolean hasTrailer(byte[] bytes) {
    return indexOf(bytes, TRAILER, bytes.length) >= 0;
  }

  /** Where a text of ISO 8859-1 stands, or -1. */
  private static int indexOf(byte[] bytes, String text, int end) {
    for (int at = 0; at + text.length() <= end; at++) {
      int same = 0;
      while (same < text.length() && (bytes[at + same] & 0xff) == text.charAt(same)) {
        same++;
      }
      if (same == text.length()) {
        return at;
      }
    }
    return -1;
  }
}
