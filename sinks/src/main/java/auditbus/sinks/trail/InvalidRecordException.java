// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

/**
 * A record that must not be acted on, whatever is tried: its names, positions or values break the
 * contract. It goes to the errant record reporter.
 */
final class InvalidRecordException extends RuntimeException {
  InvalidRecordException(String message) {
    super(message);
  }

  InvalidRecordException(String message, Throwable cause) {
    super(message, cause);
  }
}
