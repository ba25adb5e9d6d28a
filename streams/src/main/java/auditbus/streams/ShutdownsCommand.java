// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.streams.report.Report;
import auditbus.streams.report.Scope;
import auditbus.streams.report.ShutdownsReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code shutdowns}: who stopped auditing. */
@Command(
    name = "shutdowns",
    description = {
      "Prints who stopped auditing: when, on which host, how sure that is and how it is known.",
      "auid is the user who logged in, whatever he became since; numbers are the host's own."
    },
    mixinStandardHelpOptions = true)
public final class ShutdownsCommand extends PrintingCommand {
  @Mixin private Shown shown;

  /** Which stops are printed, and how. */
  public static final class Shown extends ReportOptions {
    @Option(
        names = "--all",
        description = "Also statements that a later one, by stronger evidence, has superseded.")
    private boolean all;

    @Override
    Report report(Scope scope, boolean asJson) {
      return new ShutdownsReport(scope, all, asJson);
    }
  }

  /** What picocli makes. */
  public ShutdownsCommand() {}

  @Override
  TopicPrinter shown() {
    return shown;
  }
}
