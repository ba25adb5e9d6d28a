// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Optional;

/**
 * A trail file's name as auditdistd has it (openbsm {@code bin/auditdistd/trail.c}, {@code
 * bsm/auditd_lib.h}).
 *
 * <pre>
 *   20261120104500.not_terminated   being written
 *   20261120104500.20261120110000   terminated: start.end, UTC
 *   20261120104500.crash_recovery   its writer died
 * </pre>
 *
 * @param start YYYYMMDDhhmmss
 * @param ending {@code not_terminated}, {@code crash_recovery} or YYYYMMDDhhmmss
 */
public record TrailName(String start, String ending) {
  /** Ending of a trail that is being written. */
  public static final String NOT_TERMINATED = "not_terminated";

  /** Ending of a trail whose writer died. */
  public static final String CRASH_RECOVERY = "crash_recovery";

  private static final int STAMP_LENGTH = 14;
  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("uuuuMMddHHmmss");

  /** The name a file name spells, empty if it is no legal trail name. */
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

  /** A moment as a name says it: YYYYMMDDhhmmss, UTC. */
  public static String stamp(Instant time) {
    try {
      return LocalDateTime.ofInstant(time, ZoneOffset.UTC).format(STAMP);
    } catch (DateTimeException e) {
      throw new IllegalArgumentException("no trail can start at " + time, e);
    }
  }

  /** Whether the trail's writer has closed it, or died. */
  public boolean isClosed() {
    return !ending.equals(NOT_TERMINATED);
  }

  private static boolean isStamp(String text) {
    return text.length() == STAMP_LENGTH && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }
}
