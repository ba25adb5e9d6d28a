// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.Attribution;
import auditbus.schemas.Evidence;
import auditbus.schemas.EvidenceKind;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.ShutdownAttribution;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What is said to people of the counts, as lines. */
final class Report {
  private static final int MOST_GAPS = 20;

  private Report() {}

  /** One line for a running standalone. */
  static String live(Tally.Counts counts, CollectedTrails.Found found, double eventsPerSecond) {
    long attributed =
        counts.shutdowns().stream()
            .filter(shutdown -> shutdown.getAttribution() == Attribution.USER)
            .count();
    return Amounts.count(counts.hosts(), "host")
        + ", "
        + String.format(Locale.ROOT, "%,.0f", eventsPerSecond)
        + " events/s, "
        + Amounts.bytes(counts.bytes())
        + " in -> "
        + Amounts.bytes(found.bytes())
        + " verified, "
        + Amounts.count(counts.openGaps().size(), "open gap")
        + ", "
        + Amounts.count(counts.shutdowns().size(), "shutdown")
        + " ("
        + Amounts.count(attributed)
        + " attributed)";
  }

  /** The closing summary. */
  static List<String> summary(Tally.Counts counts, CollectedTrails.Found found) {
    List<String> lines = new ArrayList<>();
    lines.add(
        Amounts.count(counts.events(), "event")
            + ", "
            + Amounts.count(counts.records(), "record")
            + ", "
            + Amounts.bytes(counts.bytes())
            + " from "
            + Amounts.count(counts.hosts(), "host")
            + (counts.resent() == 0
                ? ""
                : " (" + Amounts.count(counts.resent(), "record") + " sent again, counted once)"));
    lines.add(
        Amounts.count(counts.trails().size(), "trail")
            + ", "
            + Amounts.count(found.verified())
            + " verified ("
            + Amounts.bytes(found.bytes())
            + ")");
    lines.add(
        Amounts.count(counts.gaps(), "gap")
            + (counts.gaps() > 0 ? ", " + Amounts.count(counts.openGaps().size()) + " open" : ""));
    counts.openGaps().stream()
        .filter(gap -> !isOfBytes(gap))
        .limit(MOST_GAPS)
        .forEach(gap -> lines.add("  " + line(gap)));
    if (counts.incomplete() > 0) {
      lines.add(
          Amounts.count(counts.incomplete(), "event") + " lack records their own counts tell of:");
      counts.incompletePlaces().forEach(place -> lines.add("  " + place));
    }
    if (counts.shutdowns().isEmpty()) {
      lines.add("0 shutdowns");
    }
    counts.shutdowns().forEach(shutdown -> lines.add(line(shutdown)));
    return lines;
  }

  /**
   * What is missing, a line each; empty if nothing is.
   *
   * @param collected where final files are looked for
   */
  static List<String> missing(
      Tally.Counts counts,
      CollectedTrails.Found found,
      CollectedTrails collected,
      List<SourceProgress> sources) {
    List<String> lines = new ArrayList<>();
    for (SourceProgress source : sources) {
      source.error().ifPresent(error -> lines.add("source " + source.name() + ": " + error));
    }
    for (TrailTally trail : counts.trails()) {
      if (!trail.closed()) {
        lines.add(
            "trail "
                + trail.id()
                + " was not read to its end: start again with the input it came from");
      }
      trail
          .firstHole()
          .ifPresent(
              hole ->
                  lines.add(
                      "trail "
                          + trail.id()
                          + ": "
                          + Amounts.count(trail.arrived())
                          + " of "
                          + Amounts.count(trail.state().orElseThrow().getSize())
                          + " bytes arrived, the first missing is at position "
                          + hole));
    }
    for (TrailTally trail : found.waiting()) {
      lines.add("trail " + trail.id() + " is not verified: no " + collected.file(trail));
    }
    lines.addAll(found.faulty());
    counts.openGaps().stream().filter(Report::isOfBytes).map(Report::line).forEach(lines::add);
    if (counts.unparsed() > 0) {
      lines.add(
          Amounts.count(counts.unparsed(), "record")
              + " torn or not in the format (distributed and collected as they are), at "
              + String.join("; ", counts.unparsedPlaces())
              + (counts.unparsed() > counts.unparsedPlaces().size() ? "; ..." : ""));
    }
    if (counts.undecodable() > 0) {
      lines.add(
          Amounts.count(counts.undecodable(), "value")
              + " in the topics cannot be decoded: somebody else wrote them");
    }
    if (counts.deadLetters() > 0) {
      lines.add(
          Amounts.count(counts.deadLetters(), "record")
              + " in audit.dead-letters: their headers say why");
    }
    return lines;
  }

  /** One line: when, where, who and how that is known. */
  static String line(ShutdownAttribution shutdown) {
    StringBuilder line =
        new StringBuilder("shutdown ")
            .append(shutdown.getStopped())
            .append(' ')
            .append(shutdown.getHost())
            .append(' ')
            .append(shutdown.getDaemon());
    shutdown.getDaemonPid().ifPresent(pid -> line.append(" pid ").append(pid));
    line.append(": ");
    switch (shutdown.getAttribution()) {
      case USER -> {
        line.append("auid ").append(shutdown.getAuid().map(String::valueOf).orElse("?"));
        shutdown.getSession().ifPresent(session -> line.append(" session ").append(session));
      }
      case UNSET -> {
        line.append("unattributed, no login user: auid unset");
        shutdown.getUid().ifPresent(uid -> line.append(", uid ").append(uid));
      }
      case UNATTRIBUTED, UNKNOWN -> line.append(unproven(shutdown));
    }
    shutdown.getPid().ifPresent(pid -> line.append(" pid ").append(pid));
    shutdown.getComm().ifPresent(comm -> line.append(" (").append(comm).append(')'));
    String evidence =
        shutdown.getEvidence().stream()
            .map(Evidence::getKind)
            .map(Report::word)
            .distinct()
            .collect(Collectors.joining(", "));
    return line.append(" [")
        .append(shutdown.getCertainty())
        .append(": ")
        .append(evidence.isEmpty() ? "nothing" : evidence)
        .append(shutdown.getDisagreement() ? "; they disagree" : "")
        .append(']')
        .toString();
  }

  /** What signal info says is told, not believed. */
  private static String unproven(ShutdownAttribution shutdown) {
    return shutdown.getEvidence().stream()
        .filter(one -> one.getPid().isPresent() || one.getUid().isPresent())
        .findFirst()
        .map(
            one ->
                "unattributed, nothing proves who; told only: uid "
                    + one.getUid().map(String::valueOf).orElse("?")
                    + " pid "
                    + one.getPid().map(String::valueOf).orElse("?"))
        .orElse("unattributed, no evidence says who");
  }

  private static String word(EvidenceKind kind) {
    return kind.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  /** Whether bytes of a trail are missing: any other gap is of what never stood in one. */
  private static boolean isOfBytes(Gap gap) {
    return gap.getKind() == GapKind.TRAIL_COVERAGE;
  }

  private static String line(Gap gap) {
    StringBuilder line =
        new StringBuilder("gap ")
            .append(gap.getKind())
            .append(" (")
            .append(gap.getCertainty())
            .append(") ")
            .append(gap.getHost());
    gap.getSource().ifPresent(source -> line.append('/').append(source));
    gap.getTrail().ifPresent(trail -> line.append('/').append(trail));
    gap.getMissing()
        .ifPresent(
            missing ->
                line.append(": ")
                    .append(Amounts.count(missing))
                    .append(' ')
                    .append(gap.getUnit().name().toLowerCase(Locale.ROOT)));
    gap.getPosition().ifPresent(position -> line.append(" from position ").append(position));
    gap.getCause().ifPresent(cause -> line.append(", ").append(cause));
    return line.append(" missing").toString();
  }
}
