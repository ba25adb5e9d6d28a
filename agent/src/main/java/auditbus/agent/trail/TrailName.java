// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * A trail file's name as auditdistd has it (openbsm {@code bin/auditdistd/trail.c}, {@code
 * bsm/auditd_lib.h}).
 *
 * <pre>
 *   20261120104500.not_terminated   being written
 *   20261120104500.20261120110000   terminated: start.end, UTC
 *   20261120104500.crash_recovery   its writer died
 *   20261120104500.not_terminated.myhost     the same with audit_control(5)'s host:
 * </pre>
 *
 * <p>The one legal rename is {@code not_terminated} to one of the others, START and host staying.
 *
 * @param start YYYYMMDDhhmmss
 * @param ending {@code not_terminated}, {@code crash_recovery} or YYYYMMDDhhmmss
 * @param host the host suffix, empty for none
 */
public record TrailName(String start, String ending, String host) {
  /** Ending of a trail that is being written. */
  public static final String NOT_TERMINATED = "not_terminated";

  /** Ending of a trail whose writer died. */
  public static final String CRASH_RECOVERY = "crash_recovery";

  static final int STAMP_LENGTH = 14;

  private static final Pattern HOST = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}");
  private static final Set<String> NO_HOSTS =
      Set.of(
          "gz", "bz2", "xz", "zst", "lz4", "lzo", "z", "zip", "tar", "tgz", "tmp", "bak", "old",
          "orig", "swp", "part", "sig", "asc", "sha256", "md5");
  private static final Instant FIRST = Instant.parse("0000-01-01T00:00:00Z");
  private static final Instant LAST = Instant.parse("9999-12-31T23:59:59Z");
  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("uuuuMMddHHmmss");

  /** A name without a host suffix. */
  public TrailName(String start, String ending) {
    this(start, ending, "");
  }

  /**
   * The name a file name spells, empty if it is no legal trail name or has a host suffix, which
   * none of our own has.
   */
  public static Optional<TrailName> parse(String fileName) {
    if (fileName.length() != 2 * STAMP_LENGTH + 1 || fileName.charAt(STAMP_LENGTH) != '.') {
      return Optional.empty();
    }
    String start = fileName.substring(0, STAMP_LENGTH);
    String ending = fileName.substring(STAMP_LENGTH + 1);
    boolean legalEnding =
        ending.equals(NOT_TERMINATED) || ending.equals(CRASH_RECOVERY) || isStamp(ending);
    return isStamp(start) && legalEnding
        ? Optional.of(new TrailName(start, ending))
        : Optional.empty();
  }

  /**
   * The name a file name spells, with a host suffix or without, empty if it is no legal trail name.
   * What a packer or an editor leaves behind ({@code .gz}, {@code .tmp}) is no host.
   */
  public static Optional<TrailName> parseWithHost(String fileName) {
    int bare = 2 * STAMP_LENGTH + 1;
    if (fileName.length() <= bare) {
      return parse(fileName);
    }
    String host = fileName.substring(bare + 1);
    if (fileName.charAt(bare) != '.'
        || !HOST.matcher(host).matches()
        || NO_HOSTS.contains(host.substring(host.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT))) {
      return Optional.empty();
    }
    return parse(fileName.substring(0, bare)).map(name -> name.at(host));
  }

  /** A moment as a name says it: YYYYMMDDhhmmss, UTC. */
  public static String stamp(Instant time) {
    try {
      return LocalDateTime.ofInstant(time, ZoneOffset.UTC).format(STAMP);
    } catch (DateTimeException e) {
      throw new IllegalArgumentException("no trail can start at " + time, e);
    }
  }

  /**
   * The first second whose stamp comes after these 14 digits, which need not be a date; empty where
   * no four-digit year is left.
   */
  static Optional<String> after(String stamp) {
    long low = FIRST.getEpochSecond();
    long high = LAST.getEpochSecond() + 1;
    while (low < high) { // INVARIANT: stamps sort as their seconds do
      long middle = low + (high - low) / 2;
      if (stamp(Instant.ofEpochSecond(middle)).compareTo(stamp) > 0) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low > LAST.getEpochSecond()
        ? Optional.empty()
        : Optional.of(stamp(Instant.ofEpochSecond(low)));
  }

  /** The file name it spells. */
  @Override
  public String toString() {
    return start + "." + ending + (host.isEmpty() ? "" : "." + host);
  }

  /** Whether a file of this name may go by that one later: the same, or a legal rename. */
  boolean mayBecome(TrailName later) {
    return start.equals(later.start)
        && host.equals(later.host)
        && (!isClosed() || ending.equals(later.ending));
  }

  private TrailName at(String itsHost) {
    return new TrailName(start, ending, itsHost);
  }

  /** Whether the trail's writer has closed it, or died. */
  public boolean isClosed() {
    return !ending.equals(NOT_TERMINATED);
  }

  private static boolean isStamp(String text) {
    return text.length() == STAMP_LENGTH && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }
}
