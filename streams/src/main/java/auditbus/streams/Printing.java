// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import picocli.CommandLine;

/**
 * Prints as a part of a pipe: problems and notes go elsewhere, a reader that leaves ends it.
 * Stateless.
 */
final class Printing {
  private static final int BUFFER_BYTES = 1 << 16;

  private Printing() {}

  /** What is printed. */
  @FunctionalInterface
  interface Body {
    void print(OutputStream out, Consumer<String> problems, Consumer<String> notes)
        throws IOException;
  }

  /** Prints; the exit code. */
  static int print(Body body, OutputStream out, Appendable err) throws IOException {
    AtomicLong problems = new AtomicLong();
    try {
      body.print(
          new BufferedOutputStream(out, BUFFER_BYTES),
          text -> {
            problems.incrementAndGet();
            tell(err, text);
          },
          text -> tell(err, text));
    } catch (IOException e) {
      if (!isBrokenPipe(e)) {
        throw e;
      }
      return CommandLine.ExitCode.OK;
    }
    return problems.get() == 0 ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
  }

  private static void tell(Appendable err, String text) {
    try {
      err.append(text).append(System.lineSeparator());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isBrokenPipe(IOException e) {
    String message = e.getMessage() == null ? "" : e.getMessage().toLowerCase(Locale.ROOT);
    return message.contains("broken pipe") || message.contains("connection reset");
  }
}
