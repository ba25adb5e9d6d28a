// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.streams.report.HostsReport;
import auditbus.streams.report.Report;
import auditbus.streams.report.Scope;
import auditbus.streams.report.Screen;
import java.io.Console;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code hosts}: whether all are alive, and how far behind. */
@Command(
    name = "hosts",
    description = {
      "Prints how the hosts are: last heartbeat, sources, lag, losses, open gaps, last stop.",
      "SILENT: no heartbeat for three of its intervals, and its agent was not stopped.",
      "--since: from when on heartbeats are read; else the last million."
    },
    mixinStandardHelpOptions = true)
public final class HostsCommand extends PrintingCommand {
  @Mixin private Shown shown;

  /** Which hosts are printed, and how. */
  public static final class Shown extends ReportOptions {
    @Option(
        names = "--watch",
        description = "Every two seconds anew, hosts in trouble first, until interrupted.")
    private boolean watch;

    @Override
    Report report(Scope scope, boolean asJson) {
      return new HostsReport(scope, asJson, watch, terminal());
    }

    private static Optional<Screen> terminal() {
      // It is null where standard input or output is no terminal, whatever JDK 22 said.
      boolean is =
          Boolean.getBoolean("auditbus.terminal")
              || Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
      return is ? Optional.of(Screen.ofProcess()) : Optional.empty();
    }
  }

  /** What picocli makes. */
  public HostsCommand() {}

  @Override
  TopicPrinter shown() {
    return shown;
  }
}
