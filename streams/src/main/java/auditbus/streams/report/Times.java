// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Times as they are read and written in reports. Thread-safe: stateless. */
public final class Times {
  private static final Pattern AGO = Pattern.compile("(\\d{1,9})([smhdw])");

  private Times() {}

  /**
   * The time meant by {@code 90s}, {@code 30m}, {@code 24h}, {@code 7d}, {@code 2w} (so long before
   * now), {@code 2026-11-20}, {@code 2026-11-20T10:28} (UTC) or ISO 8601 with an offset.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  public static Instant since(String text, Instant now) {
    Matcher ago = AGO.matcher(text);
    if (ago.matches()) {
      long count = Long.parseLong(ago.group(1));
      return now.minus(
          switch (ago.group(2)) {
            case "s" -> Duration.ofSeconds(count);
            case "m" -> Duration.ofMinutes(count);
            case "h" -> Duration.ofHours(count);
            case "d" -> Duration.ofDays(count);
            default -> Duration.ofDays(7 * count);
          });
    }
    try {
      if (!text.contains("T")) {
        return LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant();
      }
      boolean zoned = text.matches(".*T.*([zZ]|[+-]\\d\\d:?(\\d\\d)?)");
      return zoned
          ? java.time.OffsetDateTime.parse(text).toInstant()
          : LocalDateTime.parse(text).toInstant(ZoneOffset.UTC);
    } catch (DateTimeException e) {
      throw new IllegalArgumentException(
          "no time: '"
              + Printable.of(text)
              + "'; it is 24h, 7d, 2026-11-20 or 2026-11-20T10:28:00Z",
          e);
    }
  }

  /** ISO 8601 in UTC, milliseconds. */
  static String text(Instant time) {
    String text = time.truncatedTo(ChronoUnit.MILLIS).toString();
    // Instant leaves the fraction out where it is zero: columns are to be even.
    return text.contains(".") ? text : text.replace("Z", ".000Z");
  }

  /**
   * How long, in the one unit that tells most: {@code 0.3s}, {@code 42s}, {@code 5m}, {@code 3d}.
   */
  static String length(Duration length) {
    Duration of = length.isNegative() ? Duration.ZERO : length;
    if (of.toMillis() < 10_000) {
      return String.format(Locale.ROOT, "%.1fs", of.toMillis() / 1000.0);
    }
    if (of.toSeconds() < 120) {
      return of.toSeconds() + "s";
    }
    if (of.toMinutes() < 120) {
      return of.toMinutes() + "m";
    }
    return of.toHours() < 48 ? of.toHours() + "h" : of.toDays() + "d";
  }
}
