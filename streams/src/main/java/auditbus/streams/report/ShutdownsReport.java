// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import auditbus.schemas.Evidence;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Who stopped auditing: a row or JSON line for each stop, in the order of their times.
 *
 * <p>User ids stay numbers: what name one has differs from host to host.
 */
public final class ShutdownsReport implements Report {
  private static final List<String> HEADINGS =
      List.of("WHEN", "HOST", "DAEMON", "WHO", "HOW SURE", "HOW KNOWN");

  private final Scope scope;
  private final boolean all;
  private final boolean json;

  /**
   * Makes it; nothing is read.
   *
   * @param all also the statements that another one has superseded or that were withdrawn
   */
  public ShutdownsReport(Scope scope, boolean all, boolean json) {
    this.scope = scope;
    this.all = all;
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
        Topics.SHUTDOWNS.topic(),
        scope,
        new Statements<>(
            ShutdownAttribution.class,
            Statements.MOST,
            one -> Optional.of(one.getStopped()).filter(_ -> isWanted(one))),
        json
            ? Optional.empty()
            : Optional.of(new Statements.Layout<>(HEADINGS, ShutdownsReport::cells)),
        client,
        out,
        stop,
        problems);
  }

  private boolean isWanted(ShutdownAttribution one) {
    return scope.has(one.getHost()) && scope.has(one.getStopped()) && (all || holds(one));
  }

  /** Whether it tells of a stop: neither does another tell of it, nor was there none. */
  static boolean holds(ShutdownAttribution one) {
    return one.getSupersededBy().isEmpty() && one.getWithdrawn().isEmpty();
  }

  static List<String> cells(ShutdownAttribution one) {
    return List.of(
        Times.text(one.getStopped()), one.getHost(), daemon(one), who(one), sure(one), known(one));
  }

  static String daemon(ShutdownAttribution one) {
    return one.getDaemon() + one.getDaemonPid().map(pid -> "[" + pid + "]").orElse("");
  }

  static String who(ShutdownAttribution one) {
    String process =
        java.util.stream.Stream.of(
                one.getUid().map(uid -> "uid " + uid),
                one.getSession().map(session -> "ses " + session))
            .flatMap(Optional::stream)
            .collect(Collectors.joining(", "));
    String as = process.isEmpty() ? "" : " (" + process + ")";
    return switch (one.getAttribution()) {
      case USER -> "auid " + one.getAuid().map(String::valueOf).orElse("?") + as;
      case UNSET -> "unset" + as;
      case UNATTRIBUTED, UNKNOWN -> "unattributed";
    };
  }

  static String sure(ShutdownAttribution one) {
    return switch (one.getCertainty()) {
      case PROVEN -> "proven";
      case SUSPECTED -> "suspected";
      case UNKNOWN -> "";
    };
  }

  private static String known(ShutdownAttribution one) {
    StringBuilder text =
        new StringBuilder(
            one.getEvidence().stream()
                .map(Evidence::getKind)
                .map(kind -> kind.name().toLowerCase(Locale.ROOT).replace('_', ' '))
                .distinct()
                .collect(Collectors.joining(", ")));
    if (text.isEmpty()) {
      text.append("no evidence");
    }
    if (one.getDisagreement()) {
      text.append(", disagrees");
    }
    one.getSupersededBy().ifPresent(id -> text.append(", superseded by ").append(id));
    one.getWithdrawn().ifPresent(why -> text.append(", withdrawn: ").append(why));
    if (one.getComm().isPresent() || one.getPid().isPresent() || one.getExe().isPresent()) {
      text.append("; by ").append(one.getComm().orElse("?"));
      one.getPid().ifPresent(pid -> text.append('[').append(pid).append(']'));
      one.getExe().ifPresent(exe -> text.append(' ').append(exe));
    }
    return text.toString();
  }
}
