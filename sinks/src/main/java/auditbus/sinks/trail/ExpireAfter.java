// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.ConfigException;

/**
 * When verified trails are removed, in the words of {@code expire-after} of audit_control(5).
 *
 * <pre>
 *   60d            60 days after it was finished here; also s, h, d, y
 *   10G            while the source's trails need more than that; also B, K, M, G
 *   60d OR 10G     when either holds
 *   60d AND 10G    when both hold
 * </pre>
 *
 * @param age time since a trail was finished
 * @param bytes size of all finished trails of one source, in bytes
 * @param both whether both must be reached, where both are given
 * @param text as configured, blanks removed
 */
record ExpireAfter(Optional<Duration> age, OptionalLong bytes, boolean both, String text) {
  private static final Pattern ONE = Pattern.compile("(\\d{1,12})([shdyBKMG])");
  private static final Pattern RULE =
      Pattern.compile("(\\S+)(?:\\s+(AND|OR)\\s+(\\S+))?", Pattern.CASE_INSENSITIVE);

  /**
   * Reads a rule.
   *
   * @throws ConfigException if it is none
   */
  static ExpireAfter parse(String name, String rule) {
    Matcher matcher = RULE.matcher(rule.strip());
    if (!matcher.matches()) {
      throw wrong(name, rule);
    }
    Optional<Duration> age = Optional.empty();
    OptionalLong bytes = OptionalLong.empty();
    int terms = matcher.group(3) == null ? 1 : 2;
    for (String term : new String[] {matcher.group(1), matcher.group(3)}) {
      if (term == null) {
        continue;
      }
      Matcher one = ONE.matcher(term);
      if (!one.matches() || Long.parseLong(one.group(1)) == 0) {
        throw wrong(name, rule);
      }
      try {
        long number = Long.parseLong(one.group(1));
        switch (one.group(2)) {
          case "s" -> age = Optional.of(Duration.ofSeconds(number));
          case "h" -> age = Optional.of(Duration.ofHours(number));
          case "d" -> age = Optional.of(Duration.ofDays(number));
          case "y" -> age = Optional.of(Duration.ofDays(Math.multiplyExact(number, 365)));
          case "B" -> bytes = OptionalLong.of(number);
          case "K" -> bytes = OptionalLong.of(Math.multiplyExact(number, 1L << 10));
          case "M" -> bytes = OptionalLong.of(Math.multiplyExact(number, 1L << 20));
          default -> bytes = OptionalLong.of(Math.multiplyExact(number, 1L << 30));
        }
      } catch (ArithmeticException e) {
        throw wrong(name, rule);
      }
    }
    if ((age.isPresent() ? 1 : 0) + (bytes.isPresent() ? 1 : 0) != terms) {
      throw wrong(name, rule);
    }
    boolean both =
        matcher.group(2) != null && matcher.group(2).toUpperCase(Locale.ROOT).equals("AND");
    return new ExpireAfter(age, bytes, both, rule.strip().replaceAll("\\s+", "_"));
  }

  private static ConfigException wrong(String name, String rule) {
    return new ConfigException(
        name,
        rule,
        "wanted an age (60d; s, h, d, y), a size (10G; B, K, M, G), or one of each joined by AND or"
            + " OR");
  }

  /**
   * Whether a trail is to go.
   *
   * @param finished when it was finished
   * @param total size of all finished trails of its source, in bytes
   */
  boolean expires(Instant finished, long total, Instant now) {
    // Compared as durations: an age of centuries must not overflow.
    boolean old = age.isPresent() && Duration.between(finished, now).compareTo(age.get()) >= 0;
    boolean big = bytes.isPresent() && total > bytes.getAsLong();
    return both ? old && big : old || big;
  }
}
