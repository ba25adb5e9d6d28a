// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.streams.report.Report;
import auditbus.streams.report.Scope;
import auditbus.streams.report.Times;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine.Option;

/** The options every report has. */
abstract class ReportOptions implements TopicPrinter {
  @Option(
      names = "--host",
      paramLabel = "HOST",
      description = "Only this host; may be given several times.")
  private List<String> hosts = List.of();

  @Option(
      names = "--since",
      paramLabel = "TIME",
      description =
          "Only from then on: 24h, 7d (so long ago), 2026-11-20, 2026-11-20T10:28:00Z; UTC where"
              + " it has no offset.")
  private String since;

  @Option(names = "--json", description = "JSON, one a line, with everything that is known.")
  private boolean json;

  abstract Report report(Scope scope, boolean asJson);

  @Override
  public final int print(Map<String, ?> client, OutputStream out, Appendable err)
      throws IOException {
    Scope scope =
        new Scope(
            Set.copyOf(hosts),
            Optional.ofNullable(since).map(text -> Times.since(text, Instant.now())));
    Report report = report(scope, json);
    return Printing.print(
        (to, problems, notes) ->
            report.print(client, to, Thread.currentThread()::isInterrupted, problems, notes),
        out,
        err);
  }
}
