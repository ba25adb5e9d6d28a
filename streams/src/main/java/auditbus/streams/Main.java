// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import java.util.concurrent.CancellationException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/**
 * The command line of this module: {@code streams}, {@code topics}, {@code events}, {@code
 * shutdowns}, {@code gaps}, {@code hosts}. Errors are one line; exit code 2 for wrong usage, 1 for
 * failure.
 */
@Command(
    name = "auditbus",
    description = "Streams jobs and topics of auditbus.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    subcommands = {
      StreamsCommand.class,
      TopicsCommand.class,
      EventsCommand.class,
      ShutdownsCommand.class,
      GapsCommand.class,
      HostsCommand.class
    })
public final class Main {
  /** Tells the version the jar was built with. */
  public static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {"auditbus " + (version == null ? "(not packaged)" : version)};
    }
  }

  private Main() {}

  /** Runs a command line and exits with its code. */
  public static void main(String[] args) {
    Logging.quiet();
    System.exit(commandLine().execute(args));
  }

  /** The whole command line, for another main to add to or run. */
  public static CommandLine commandLine() {
    return lenient(new CommandLine(new Main()));
  }

  /** Gives a command line the way errors are told here. */
  public static CommandLine lenient(CommandLine commandLine) {
    return commandLine
        .setParameterExceptionHandler(Main::wrongUsage)
        .setExecutionExceptionHandler(
            (error, command, _) -> {
              if (!(error instanceof CancellationException)) {
                command.getErr().println(name(command) + ": " + Failure.text(error));
              }
              return CommandLine.ExitCode.SOFTWARE;
            });
  }

  private static int wrongUsage(ParameterException error, String[] args) {
    CommandLine command = error.getCommandLine();
    command
        .getErr()
        .println(name(command) + ": " + error.getMessage() + " (see " + name(command) + " --help)");
    return CommandLine.ExitCode.USAGE;
  }

  private static String name(CommandLine command) {
    return command.getCommandSpec().qualifiedName();
  }
}
