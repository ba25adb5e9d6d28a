// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.util.Comparator;

/**
 * Which trail: the names a path is made of, so they are checked as what they are, untrusted input.
 *
 * <pre>
 *   host    1-253 of a-z 0-9 . _ -   not starting with . or -
 *   source  1-64 of  a-z 0-9 . _ -   starting with a letter or digit
 *   trail   14 digits, or 14 digits ~ 1-6 digits
 * </pre>
 *
 * <p>No name that passes can be {@code .} or {@code ..}, hold a separator or a NUL, be hidden, or
 * be longer than a file name may be.
 */
record TrailId(String host, String source, String trail) {
  static final int START_DIGITS = 14;

  /** Trails' ids by start, then by incarnation. */
  static final Comparator<String> OLDEST_FIRST =
      Comparator.comparing((String trail) -> trail.substring(0, START_DIGITS))
          .thenComparingInt(TrailId::incarnation)
          // START, START~1 and START~01 are three trails.
          .thenComparing(Comparator.naturalOrder());

  TrailId {
    checkName("host", host, 253, "_");
    checkName("source", source, 64, "");
    if (!isTrail(trail)) {
      throw new InvalidRecordException(
          "trail "
              + quoted(trail)
              + " of host "
              + host
              + ", source "
              + source
              + " is no trail id: wanted 14 digits (YYYYMMDDhhmmss), with ~N for an incarnation");
    }
  }

  private static void checkName(String what, String name, int maxLength, String alsoFirst) {
    boolean legal = !name.isEmpty() && name.length() <= maxLength;
    for (int i = 0; legal && i < name.length(); i++) {
      char c = name.charAt(i);
      boolean alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      legal =
          alphanumeric || (i == 0 ? alsoFirst.indexOf(c) >= 0 : (c == '.' || c == '_' || c == '-'));
    }
    if (!legal) {
      throw new InvalidRecordException(
          what
              + " "
              + quoted(name)
              + " cannot be a directory's name: wanted 1 to "
              + maxLength
              + " of a-z, 0-9, '.', '_', '-', the first a letter or digit, found length "
              + name.length());
    }
  }

  /** Whether the text is a trail's id. */
  static boolean isTrail(String text) {
    int length = text.length();
    if (length < START_DIGITS || !digits(text, 0, START_DIGITS)) {
      return false;
    }
    return length == START_DIGITS
        || (text.charAt(START_DIGITS) == '~'
            && length >= START_DIGITS + 2
            && length <= START_DIGITS + 7
            && digits(text, START_DIGITS + 1, length));
  }

  private static int incarnation(String trail) {
    return trail.length() == START_DIGITS ? 1 : Integer.parseInt(trail.substring(START_DIGITS + 1));
  }

  static boolean digits(String text, int from, int to) {
    for (int i = from; i < to; i++) {
      if (text.charAt(i) < '0' || text.charAt(i) > '9') {
        return false;
      }
    }
    return true;
  }

  /** The text as it may stand in a log line: printable ASCII, shortened. */
  static String quoted(String text) {
    StringBuilder shown = new StringBuilder("'");
    for (int i = 0; i < Math.min(text.length(), 80); i++) {
      char c = text.charAt(i);
      if (c >= ' ' && c < 0x7f) {
        shown.append(c);
      } else {
        shown.append(String.format("\\u%04x", (int) c));
      }
    }
    return shown.append(text.length() > 80 ? "'..." : "'").toString();
  }

  @Override
  public String toString() {
    return host + "/" + source + "/" + trail;
  }
}
