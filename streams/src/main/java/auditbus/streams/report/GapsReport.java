// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapState;
import auditbus.schemas.GapUnit;
import auditbus.schemas.Topics;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** What is missing: a row or JSON line for each gap, in the order they were opened. */
public final class GapsReport implements Report {
  private static final List<String> HEADINGS =
      List.of(
          "OPENED",
          "KIND",
          "HOST",
          "SOURCE/TRAIL",
          "RANGE",
          ">MISSING",
          "UNIT",
          "SURE",
          "STATE",
          "CLOSED",
          "CAUSE");

  private final Scope scope;
  private final boolean openOnly;
  private final boolean json;

  /**
   * Makes it; nothing is read.
   *
   * @param openOnly no gap that was closed
   */
  public GapsReport(Scope scope, boolean openOnly, boolean json) {
    this.scope = scope;
    this.openOnly = openOnly;
    this.json = json;
  }

  @Override
  public void print(
      Map<String, ?> client,
      OutputStream out,
      BooleanSupplier stop,
      Consumer<String> problems,
      Consumer<String> notes)
      throws IOException {
    Statements.print(
        Topics.GAPS.topic(),
        scope,
        new Statements<>(
            Gap.class,
            Statements.MOST,
            gap -> Optional.of(gap.getOpened()).filter(_ -> isWanted(gap))),
        json ? Optional.empty() : Optional.of(new Statements.Layout<>(HEADINGS, GapsReport::cells)),
        client,
        out,
        stop,
        problems);
  }

  private boolean isWanted(Gap gap) {
    return scope.has(gap.getHost())
        && scope.has(gap.getOpened())
        && !(openOnly && gap.getState() == GapState.CLOSED);
  }

  static List<String> cells(Gap gap) {
    return List.of(
        Times.text(gap.getOpened()),
        gap.getKind().name(),
        gap.getHost(),
        gap.getSource().orElse("") + gap.getTrail().map(trail -> "/" + trail).orElse(""),
        range(gap),
        gap.getMissing().map(String::valueOf).orElse(""),
        gap.getUnit() == GapUnit.UNKNOWN ? "" : gap.getUnit().name().toLowerCase(Locale.ROOT),
        gap.getCertainty() == Certainty.UNKNOWN
            ? ""
            : gap.getCertainty().name().toLowerCase(Locale.ROOT),
        gap.getState() == GapState.UNKNOWN ? "" : gap.getState().name().toLowerCase(Locale.ROOT),
        gap.getClosed().map(Times::text).orElse(""),
        gap.getCause().orElse(""));
  }

  /** First and last of what is missing, both included; of a time from and to. */
  private static String range(Gap gap) {
    if (gap.getPosition().isPresent() && gap.getEnd().isPresent()) {
      int holes = gap.getHoles().size();
      return "bytes "
          + gap.getPosition().get()
          + "-"
          + (gap.getEnd().get() - 1)
          + (holes > 1 ? " in " + holes + (holes == 100 ? " holes or more" : " holes") : "");
    }
    if (gap.getPosition().isPresent()) {
      return "bytes " + gap.getPosition().get() + "-?";
    }
    if (gap.getFirstSerial().isPresent()) {
      return "serials "
          + gap.getFirstSerial().get()
          + "-"
          + gap.getLastSerial().map(String::valueOf).orElse("?");
    }
    if (gap.getFrom().isPresent() || gap.getTo().isPresent()) {
      return gap.getFrom().map(Times::text).orElse("?")
          + "/"
          + gap.getTo().map(Times::text).orElse("");
    }
    return "";
  }
}
