// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.publish;

/**
 * Publishing failed in a way the producer does not retry: everything not acknowledged is to be sent
 * again.
 */
public final class PublishException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  PublishException(String message, Throwable cause) {
    super(message, cause);
  }
}
