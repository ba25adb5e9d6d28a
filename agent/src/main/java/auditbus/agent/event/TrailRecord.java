// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import auditbus.schemas.Format;
import java.time.Instant;
import java.util.Objects;

/**
 * One framed record at its place in a trail: for Linux text a line with its line end.
 *
 * <p>Immutable by agreement: nobody writes to {@code raw} after construction (it is not copied, so
 * that a byte of a trail is copied once on its way into an event).
 *
 * @param trail id of the trail, e.g. {@code 20261120104500} or {@code 20261120104500~2}
 * @param position byte offset of the record in the trail, from 0
 * @param raw the record's bytes, line end included; at least 1
 * @param whole false for what is known to be no whole record: a torn tail, a chunk of something
 *     longer than a record may be. Such bytes are published as UNPARSED whatever they look like.
 * @param observed when the bytes were read
 * @param format what the trail's records are: it decides who decodes them
 */
@SuppressWarnings("ArrayRecordComponent") // not copied, see above
public record TrailRecord(
    String trail, long position, byte[] raw, boolean whole, Instant observed, Format format) {
  /** Checks the arguments. */
  public TrailRecord {
    Objects.requireNonNull(trail, "trail");
    Objects.requireNonNull(observed, "observed");
    Objects.requireNonNull(format, "format");
    if (position < 0 || raw.length == 0) {
      throw new IllegalArgumentException(
          "trail " + trail + ": record of " + raw.length + " bytes at position " + position);
    }
  }

  /** A record of Linux audit text. */
  public TrailRecord(String trail, long position, byte[] raw, boolean whole, Instant observed) {
    this(trail, position, raw, whole, observed, Format.LINUX);
  }

  /** Position after the record's last byte. */
  public long end() {
    return position + raw.length;
  }
}
