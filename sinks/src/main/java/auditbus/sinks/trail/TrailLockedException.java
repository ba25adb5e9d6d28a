// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;

/** A source's directory is held by another task, which may be a zombie: wait for it to let go. */
final class TrailLockedException extends IOException {
  TrailLockedException(String message) {
    super(message);
  }
}
