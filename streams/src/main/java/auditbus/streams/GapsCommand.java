// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.streams.report.GapsReport;
import auditbus.streams.report.Report;
import auditbus.streams.report.Scope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code gaps}: what is missing. */
@Command(
    name = "gaps",
    description = {
      "Prints what is missing: kind, place, how much, how sure, since when and why.",
      "Of a range both ends are missing. --since goes by when a gap was opened."
    },
    mixinStandardHelpOptions = true)
public final class GapsCommand extends PrintingCommand {
  @Mixin private Shown shown;

  /** Which gaps are printed, and how. */
  public static final class Shown extends ReportOptions {
    @Option(names = "--open", description = "Only what is missing still.")
    private boolean open;

    @Override
    Report report(Scope scope, boolean asJson) {
      return new GapsReport(scope, open, asJson);
    }
  }

  /** What picocli makes. */
  public GapsCommand() {}

  @Override
  TopicPrinter shown() {
    return shown;
  }
}
