// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.PrintStream;
import org.apache.kafka.common.utils.Exit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/** The program: {@code standalone}, what prints topics, and what proves a collected tree. */
@Command(
    name = "auditbus",
    mixinStandardHelpOptions = true,
    versionProvider = auditbus.streams.Main.Version.class,
    subcommands = {
      StandaloneCommand.class,
      OfData.Events.class,
      OfData.Shutdowns.class,
      OfData.Gaps.class,
      OfData.Hosts.class,
      VerifyCommand.class
    })
public final class Main {
  /** The process's own; System.err is where libraries log to. */
  private static final PrintStream STDERR = System.err;

  private static final int UNUSABLE = 2;
  private static final int FAILED = 1;

  private Main() {}

  /** Runs a command and exits with its code. */
  public static void main(String[] arguments) {
    keepTheProcessOurs();
    System.exit(commandLine().execute(arguments));
  }

  /** The whole command line. */
  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setParameterExceptionHandler(Main::unusable)
        .setExecutionExceptionHandler((e, command, parsed) -> failed(e));
  }

  /**
   * Kafka's parts would end the process, or stop at its end, each by itself; here an order matters.
   */
  private static void keepTheProcessOurs() {
    Exit.setShutdownHookAdder((name, hook) -> {});
    Exit.setExitProcedure(
        (code, message) -> {
          throw new IllegalStateException(
              "a part of Kafka gave up: " + (message == null ? "its log says why" : message));
        });
    Exit.setHaltProcedure(
        (code, message) -> {
          error(
              "the broker gave up (is the disk full?): "
                  + (message == null ? "its log in the data directory says why" : message));
          Runtime.getRuntime().halt(FAILED);
        });
  }

  /** Tells the user of an error, one line. */
  static void error(String message) {
    STDERR.println("auditbus: " + message.replaceAll("\\s*\\R\\s*", " "));
  }

  private static int unusable(ParameterException e, String[] arguments) {
    error(e.getMessage() + " (see --help)");
    return UNUSABLE;
  }

  private static int failed(Exception e) {
    if (e instanceof StartException) {
      error(e.getMessage());
      return UNUSABLE;
    }
    error(e.getMessage() == null ? e.toString() : e.getMessage());
    if (!STDERR.equals(System.err)) {
      e.printStackTrace(); // into the log
    }
    return FAILED;
  }
}
