// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.event.Framing;
import auditbus.schemas.Format;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a source's trails hold, and how that is cut into records: one format for all of them, or
 * each trail's own, told by its first bytes.
 *
 * <pre>
 *   first byte(s)                          format
 *   11, 14, 15                             BSM    OTHER_FILE32, HEADER32, HEADER32_EX
 *   74 00, 79 00                           BSM    HEADER64(_EX) of a record below 16 MiB
 *   74 79 70 65 3d, 6e 6f 64 65 3d         LINUX  "type=", "node="
 *   else with 13 b1 05 in the first 1 KiB  BSM    a trailer: only the beginning is damaged
 *   else from 20 to 7e, or white space     LINUX
 *   else                                   LINUX  once there is 1 KiB, or the trail has ended
 * </pre>
 *
 * <p>Immutable and thread-safe.
 */
public final class TrailFormats {
  /** How many first bytes are looked at, at most. */
  static final int LOOK_BYTES = FileIdentity.MAX_LENGTH;

  private static final byte[] TYPE = "type=".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] NODE = "node=".getBytes(StandardCharsets.US_ASCII);

  private final Map<Format, Framing> framings;
  private final Optional<Format> only;

  private TrailFormats(Map<Format, Framing> framings, Optional<Format> only) {
    this.framings = new EnumMap<>(framings);
    this.only = only;
  }

  /** All trails are of one format. */
  public static TrailFormats only(Format format, Framing framing) {
    return new TrailFormats(Map.of(format, framing), Optional.of(format));
  }

  /** Each trail's first bytes tell. */
  public static TrailFormats byFirstBytes(Framing linux, Framing bsm) {
    return new TrailFormats(Map.of(Format.LINUX, linux, Format.BSM, bsm), Optional.empty());
  }

  /** The one format there is, empty where first bytes tell. */
  Optional<Format> only() {
    return only;
  }

  /** How records of a format are cut. */
  Framing framing(Format format) {
    return framings.get(format);
  }

  /**
   * The format of a trail that begins with these bytes, empty while they are too few to tell.
   *
   * @param first its first bytes, at most {@value #LOOK_BYTES}
   * @param ended whether no more come after them
   */
  Optional<Format> of(byte[] first, boolean ended) {
    if (only.isPresent()) {
      return only;
    }
    if (first.length == 0) {
      return Optional.empty();
    }
    // 't' of "type=" and 'y': in BSM a record's length follows, and none is 16 MiB long.
    boolean maybeHeader64 = first[0] == 0x74 || first[0] == 0x79;
    if (maybeHeader64 && first.length == 1 && !ended) {
      return Optional.empty();
    }
    boolean token =
        first[0] == 0x11
            || first[0] == 0x14
            || first[0] == 0x15
            || (maybeHeader64 && first.length > 1 && first[1] == 0);
    if (token || (!begins(first, TYPE) && !begins(first, NODE) && hasTrailer(first))) {
      return Optional.of(Format.BSM);
    }
    boolean told = ended || first.length >= LOOK_BYTES || isText(first[0]);
    return told ? Optional.of(Format.LINUX) : Optional.empty();
  }

  private static boolean begins(byte[] bytes, byte[] with) {
    return Arrays.mismatch(bytes, with) >= with.length || Arrays.equals(bytes, with);
  }

  private static boolean hasTrailer(byte[] bytes) {
    for (int i = 0; i + 2 < bytes.length; i++) {
      if (bytes[i] == 0x13 && bytes[i + 1] == (byte) 0xB1 && bytes[i + 2] == 0x05) {
        return true;
      }
    }
    return false;
  }

  private static boolean isText(byte first) {
    return (first >= 0x20 && first < 0x7f) || first == '\n' || first == '\r' || first == '\t';
  }
}
