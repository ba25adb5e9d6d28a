// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.manifest;

import auditbus.schemas.Format;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One line of a {@link Manifest}, without its number and its link.
 *
 * <pre>
 *   finished 20261120104500.20261120110000 state=verified format=LINUX size=9000 sha256=HEX
 *            previous=20261120103000 previousSha256=HEX at=2026-11-20T11:00:03Z
 *   expired  20261120104500.20261120110000 reason=60d at=2027-01-19T11:00:03Z
 * </pre>
 *
 * <p>What stands in a manifest may have been edited by anyone, so a name that could leave its
 * directory is no entry. Thread-safe: immutable.
 */
public sealed interface ManifestEntry {
  /** The file's name in the source's directory. */
  String name();

  /** When the entry was written. */
  Instant at();

  /** The entry as it stands in its line. */
  String text();

  /** The trail's id: what stands before the name's first dot. */
  default String trail() {
    return name().substring(0, name().indexOf('.'));
  }

  /** How a file is known to be what its agent read. */
  enum Proof {
    /** Its size and SHA-256 are those the agent published. */
    VERIFIED,
    /** The agent could not know its SHA-256; the coverage was checked. */
    UNVERIFIED,
    /** Something contradicts it. */
    QUARANTINED
  }

  /**
   * A trail got its final name.
   *
   * @param size in bytes
   * @param sha256 of the file as it was read back, 64 lower-case hex digits
   * @param previous id of the trail of this source that was closed before it, as its agent said
   * @param previousSha256 the digest of that trail, as the agent said
   */
  record Finished(
      String name,
      Proof proof,
      Format format,
      long size,
      String sha256,
      Optional<String> previous,
      Optional<String> previousSha256,
      Instant at)
      implements ManifestEntry {
    /** Checks that the entry can stand in a line. */
    public Finished {
      checkName(name);
      check(size >= 0, "size " + size);
      check(sha256.matches("[0-9a-f]{64}"), "sha256 " + sha256);
      check(previous.isEmpty() || previous.get().matches(TRAIL), "previous " + previous);
      check(
          previousSha256.isEmpty() || previousSha256.get().matches("[0-9a-f]{64}"),
          "previousSha256 " + previousSha256);
    }

    @Override
    public String text() {
      return "finished "
          + name
          + " state="
          + proof.name().toLowerCase(Locale.ROOT)
          + " format="
          + format
          + " size="
          + size
          + " sha256="
          + sha256
          + " previous="
          + previous.orElse(NONE)
          + " previousSha256="
          + previousSha256.orElse(NONE)
          + " at="
          + at;
    }

    /** Whether this tells the same of the file, whenever it was written. */
    public boolean tellsTheSameAs(Finished other) {
      return name.equals(other.name)
          && proof == other.proof
          && size == other.size
          && sha256.equals(other.sha256);
    }
  }

  /**
   * A verified trail was removed, as it was configured to be.
   *
   * @param reason the configured limit, without blanks
   */
  record Expired(String name, String reason, Instant at) implements ManifestEntry {
    /** Checks that the entry can stand in a line. */
    public Expired {
      checkName(name);
      check(reason.matches("[A-Za-z0-9_]{1,64}"), "reason " + reason);
    }

    @Override
    public String text() {
      return "expired " + name + " reason=" + reason + " at=" + at;
    }
  }

  /**
   * Reads an entry.
   *
   * @throws IllegalArgumentException if the text is none
   */
  static ManifestEntry parse(String text) {
    Matcher finished = FINISHED.matcher(text);
    try {
      if (finished.matches()) {
        return new Finished(
            finished.group(1),
            Proof.valueOf(finished.group(2).toUpperCase(Locale.ROOT)),
            Format.valueOf(finished.group(3)),
            Long.parseLong(finished.group(4)),
            finished.group(5),
            optional(finished.group(6)),
            optional(finished.group(7)),
            Instant.parse(finished.group(8)));
      }
      Matcher expired = EXPIRED.matcher(text);
      if (expired.matches()) {
        return new Expired(expired.group(1), expired.group(2), Instant.parse(expired.group(3)));
      }
    } catch (DateTimeException e) {
      throw new IllegalArgumentException("no time in it: " + e.getMessage(), e);
    }
    throw new IllegalArgumentException("wanted 'finished NAME ...' or 'expired NAME ...'");
  }

  private static Optional<String> optional(String value) {
    return value.equals(NONE) ? Optional.empty() : Optional.of(value);
  }

  private static void checkName(String name) {
    check(name.length() <= 200 && name.matches(TRAIL + "(?:\\.[A-Za-z0-9_-]+)+"), "name " + name);
  }

  private static void check(boolean legal, String what) {
    if (!legal) {
      throw new IllegalArgumentException("no entry of a manifest: " + what);
    }
  }

  /** What stands where there is no value. */
  String NONE = "-";

  /** A trail's id: its start, and which incarnation. */
  String TRAIL = "\\d{14}(?:~\\d{1,6})?";

  /** A finished line. */
  Pattern FINISHED =
      Pattern.compile(
          "finished (\\S+) state=([a-z]+) format=([A-Z]+) size=(\\d{1,18}) sha256=(\\S+)"
              + " previous=(\\S+) previousSha256=(\\S+) at=(\\S+)");

  /** An expired line. */
  Pattern EXPIRED = Pattern.compile("expired (\\S+) reason=(\\S+) at=(\\S+)");
}
