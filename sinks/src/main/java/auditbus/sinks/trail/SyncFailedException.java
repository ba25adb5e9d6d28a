// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;

/**
 * An fsync failed. The kernel may have thrown the unwritten pages away and may call the next fsync
 * of the same file a success, so nothing written since the last good one can be trusted: the task
 * has to start again from the committed offsets.
 */
final class SyncFailedException extends IOException {
  SyncFailedException(String message, Throwable cause) {
    super(message, cause);
  }
}
