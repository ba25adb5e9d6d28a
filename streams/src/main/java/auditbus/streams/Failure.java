// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

/** Tells an error on one line. Stateless. */
final class Failure {
  private static final int MAX_CAUSES = 10;

  private Failure() {}

  /** The messages of the error and its causes, each once. */
  static String text(Throwable error) {
    StringBuilder text = new StringBuilder();
    Throwable cause = error;
    for (int depth = 0; cause != null && depth < MAX_CAUSES; depth++) {
      String message =
          cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
      String line = message.strip().replaceAll("\\s*\\R\\s*", " ");
      if (text.indexOf(line) < 0) {
        text.append(text.isEmpty() ? "" : ": ").append(line);
      }
      cause = cause.getCause();
    }
    return text.toString();
  }
}
