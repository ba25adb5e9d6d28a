// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import auditbus.schemas.Format;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * What is to be printed and how.
 *
 * @param places files, directories of trails, or {@code -} for standard input, in the order they
 *     are printed; at least one, exactly one with {@code follow}
 * @param format what the bytes are, empty to tell by the first of them
 * @param json one event a line instead of a block an event
 * @param raw the records' bytes, too
 * @param follow go on at the end with what is added, through renaming and rotation
 * @param types only events with a record of one of these types, all if empty
 * @param since only events of that time or later, and what has no time
 */
public record DumpSettings(
    List<String> places,
    Optional<Format> format,
    boolean json,
    boolean raw,
    boolean follow,
    Set<String> types,
    Optional<Instant> since) {
  /** Standard input as a place. */
  public static final String STDIN = "-";

  /**
   * Checks and copies.
   *
   * @throws IllegalArgumentException if there is no place, or more than one to follow
   */
  public DumpSettings {
    places = List.copyOf(places);
    types = Set.copyOf(types);
    Objects.requireNonNull(format, "format");
    Objects.requireNonNull(since, "since");
    if (places.isEmpty()) {
      throw new IllegalArgumentException("name a trail, a directory of trails, or - to read stdin");
    }
    if (follow && places.size() != 1) {
      throw new IllegalArgumentException(
          "--follow follows one file or directory, not " + places.size());
    }
  }
}
