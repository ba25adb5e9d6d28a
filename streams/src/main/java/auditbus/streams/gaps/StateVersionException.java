// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import org.apache.kafka.streams.errors.InvalidStateStoreException;

/** The state was written by a version of the job that this one does not know. */
final class StateVersionException extends InvalidStateStoreException {
  private static final long serialVersionUID = 1;

  StateVersionException(int found, int wanted) {
    super(
        "state of version "
            + found
            + ", wanted "
            + wanted
            + ": run the version of auditbus that wrote it, or reset the application auditbus-gaps"
            + " (kafka-streams-application-reset) and delete its directory under state.dir");
  }
}
