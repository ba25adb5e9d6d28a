// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

/**
 * Something given by whoever starts the program cannot be used: a path, a port, a data directory.
 * The message is one line that names it, says what is wrong and what to do.
 */
final class StartException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  StartException(String message) {
    super(message);
  }

  StartException(String message, Throwable cause) {
    super(message, cause);
  }
}
