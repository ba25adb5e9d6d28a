// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.schemas.Format;
import java.nio.file.Path;
import java.util.Optional;

/**
 * One configured source.
 *
 * @param name its name on this host
 * @param type what it reads
 * @param input the directory, file or socket it is read from; {@code -} for standard input; for the
 *     kernel's stream the same as {@code trails}
 * @param trails where its trails stand: what capture writes, or {@code input} itself
 * @param format what its trails hold, empty where each trail's first bytes tell
 * @param deletesAcked whether somebody else's trails are deleted once they are distributed
 */
public record SourceConfig(
    String name,
    SourceType type,
    Path input,
    Path trails,
    Optional<Format> format,
    boolean deletesAcked) {
  /** What is written for standard input. */
  public static final Path STDIN = Path.of("-");

  /** A source of any format, which leaves what it reads where it is. */
  public SourceConfig(String name, SourceType type, Path input, Path trails) {
    this(name, type, input, trails, Optional.empty(), false);
  }
}
