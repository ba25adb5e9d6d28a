// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names files have in a source's directory, auditdistd's way.
 *
 * <pre>
 *   START.not_terminated          bytes are still missing, or the end is not known yet
 *   .START.coverage               its sidecar ({@link CoverageFile})
 *   START.END, START.crash_recovery    finished: never written again
 *   NAME.unverified               beside a finished trail whose digest nobody knows: the cause
 *   START.quarantined             still collected, but something contradicted its bytes
 *   NAME.quarantined              finished, and not what its agent said
 *   NAME.quarantined.json         why
 *   .lock                         held by the task that writes here
 * </pre>
 *
 * @param trail the trail's id (START)
 * @param name the whole file name
 */
record FinalName(String trail, String name) {
  static final String NOT_TERMINATED = ".not_terminated";
  static final String QUARANTINED = ".quarantined";
  static final String REASON = ".quarantined.json";
  static final String UNVERIFIED = ".unverified";

  private static final Pattern PATTERN =
      Pattern.compile(
          "(\\d{14}(?:~\\d{1,6})?)\\.(?:\\d{14}|crash_recovery)(?:\\.([A-Za-z0-9_-]{1,64}))?");

  FinalName {
    if (!trail.equals(parse(name).map(FinalNameParts::trail).orElse(null))) {
      throw new InvalidRecordException(
          "final name "
              + TrailId.quoted(name)
              + " of trail "
              + trail
              + " is none: wanted "
              + trail
              + ".YYYYMMDDhhmmss or "
              + trail
              + ".crash_recovery");
    }
  }

  /** The finished trail a file name stands for, quarantined ones included. */
  static Optional<FinalName> ofFile(String fileName) {
    String name =
        fileName.endsWith(QUARANTINED)
            ? fileName.substring(0, fileName.length() - QUARANTINED.length())
            : fileName;
    return parse(name).map(parts -> new FinalName(parts.trail(), name));
  }

  private static Optional<FinalNameParts> parse(String name) {
    Matcher matcher = PATTERN.matcher(name);
    if (!matcher.matches() || isOurs(matcher.group(2))) {
      return Optional.empty();
    }
    return Optional.of(new FinalNameParts(matcher.group(1)));
  }

  // A suffix of a source's own must not look like a marker of ours.
  private static boolean isOurs(String suffix) {
    return suffix != null
        && ("." + suffix).matches("\\.(not_terminated|quarantined|unverified|json|coverage)");
  }

  private record FinalNameParts(String trail) {}
}
