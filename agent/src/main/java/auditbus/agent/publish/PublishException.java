// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.publish;

/**
 * Publishing failed in a way the producer does not retry: everything not acknowledged is to be sent
 * again.
 */
public final class PublishException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final boolean solved;

  /** A failure found by the publisher's owner. */
  public PublishException(String message) {
    this(message, null, false);
  }

  PublishException(String message, Throwable cause) {
    this(message, cause, false);
  }

  PublishException(String message, Throwable cause, boolean solved) {
    super(message, cause);
    this.solved = solved;
  }

  /**
   * Whether the publisher has learned what to do otherwise, so that it needs no pause and nobody's
   * help. True only so many times in a row.
   */
  public boolean isSolved() {
    return solved;
  }
}
