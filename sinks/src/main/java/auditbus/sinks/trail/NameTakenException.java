// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;

/** Something the sink did not put there has the name a trail is to get: wait until it is gone. */
final class NameTakenException extends IOException {
  NameTakenException(String message) {
    super(message);
  }
}
