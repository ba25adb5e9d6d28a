// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.schemas.Format;
import auditbus.schemas.Range;
import auditbus.schemas.TrailStatus;
import java.util.List;
import java.util.Optional;

/**
 * A state of a trail that is to be published.
 *
 * @param trail id of the trail
 * @param format what its records are, UNKNOWN while it is empty and first bytes are to tell
 * @param state OPENED, TERMINATED or CRASH_RECOVERED
 * @param name file name in auditdistd's form, START being the id
 * @param size bytes; final where the trail is closed
 * @param sha256 digest of the whole trail, empty while open and where bytes were lost
 * @param previous id of the trail closed before this one
 * @param previousSha256 its digest
 * @param cause why, where it is not the ordinary way
 * @param dropped ranges that will never be sent
 */
public record TrailNotice(
    String trail,
    Format format,
    TrailStatus state,
    String name,
    long size,
    Optional<String> sha256,
    Optional<String> previous,
    Optional<String> previousSha256,
    Optional<String> cause,
    List<Range> dropped) {
  /** Copies the list. */
  public TrailNotice {
    dropped = List.copyOf(dropped);
  }

  /** Whether it is the trail's last state. */
  public boolean closes() {
    return state != TrailStatus.OPENED;
  }
}
