// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.OptionalInt;

/**
 * A schema registry did not do what it was asked. The message names the request, the registry's URL
 * without credentials, the status and error code it answered, and what to do.
 *
 * <p>Thread-safe: immutable.
 */
public final class SchemaRegistryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int status;
  private final int errorCode;
  private final boolean retriable;

  SchemaRegistryException(String message, int status, int errorCode, boolean retriable) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
    this.retriable = retriable;
  }

  SchemaRegistryException(String message, boolean retriable, Throwable cause) {
    super(message, cause);
    this.status = 0;
    this.errorCode = 0;
    this.retriable = retriable;
  }

  /** The HTTP status of the last answer, empty if none arrived. */
  public OptionalInt status() {
    return status == 0 ? OptionalInt.empty() : OptionalInt.of(status);
  }

  /** The registry's {@code error_code} (40401, 42201, ...), empty if the answer had none. */
  public OptionalInt errorCode() {
    return errorCode == 0 ? OptionalInt.empty() : OptionalInt.of(errorCode);
  }

  /** Whether the same request may succeed later: no connection, a server error, too busy. */
  public boolean retriable() {
    return retriable;
  }

  /**
   * Whether a failure comes from a registry that could not be asked just now: then nothing is known
   * about the record at hand, and it must be tried again, not set aside as unreadable.
   *
   * @param failure what a serializer or deserializer threw, however wrapped
   */
  public static boolean isRetriable(Throwable failure) {
    Throwable at = failure;
    for (int depth = 0; at != null && depth < 32; depth++) {
      if (at instanceof SchemaRegistryException registry) {
        return registry.retriable();
      }
      at = at.getCause();
    }
    return false;
  }
}
