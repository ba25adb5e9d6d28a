// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.io.IOException;

/** Receiving a record makes the next one: a rule audits the calls it takes. */
final class FeedbackLoopException extends IOException {
  private static final long serialVersionUID = 1;

  FeedbackLoopException(String message) {
    super(message);
  }
}
