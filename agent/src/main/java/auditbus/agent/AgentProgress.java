// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.util.List;
import java.util.Optional;

/**
 * Where an agent stands; a snapshot.
 *
 * @param epoch the agent run
 * @param done with {@code once}: everything is acknowledged and every trail closed
 * @param publishing empty while publishing works, else why it does not
 * @param sources in the order of their names
 */
public record AgentProgress(
    long epoch, boolean done, Optional<String> publishing, List<Source> sources) {
  /** Copies the list. */
  public AgentProgress {
    sources = List.copyOf(sources);
  }

  /**
   * One source.
   *
   * @param type as configured
   * @param trailsOpen trails whose closing state is not acknowledged
   * @param trailsClosed trails closed in this run
   * @param bytesKnown bytes of all its trails
   * @param bytesAcked those acknowledged, earlier runs' included
   * @param records records acknowledged in this run
   * @param events events acknowledged in this run
   * @param unparsed records of them that could not be parsed
   * @param incomplete events of them with complete = false
   * @param error why it is not running
   * @param done with {@code once}: nothing of it is left to do
   */
  public record Source(
      String name,
      String type,
      int trailsOpen,
      long trailsClosed,
      long bytesKnown,
      long bytesAcked,
      long records,
      long events,
      long unparsed,
      long incomplete,
      Optional<String> error,
      boolean done) {}
}
