// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.EvidenceKind;
import auditbus.schemas.Outcome;
import auditbus.schemas.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Reads facts from BSM records: numbers and arguments as in FreeBSD's {@code audit_bsm.c} and
 * OpenBSM's {@code audit_event}.
 *
 * <p>AUE_audit_startup, AUE_audit_shutdown and AUE_audit_recovery are submitted by auditd about
 * itself: their audit id is its uid, their session its pid, and no requester is in them. Calls that
 * failed, or whose record does not say, are no fact.
 *
 * <p>Thread-safe: stateless.
 */
final class BsmFacts {
  static final String STARTUP = "AUE_audit_startup";
  static final String SHUTDOWN = "AUE_audit_shutdown";
  static final String RECOVERY = "AUE_audit_recovery";
  static final String SETCOND = "AUE_AUDITON_SETCOND";

  private static final int SEND_TRIGGER = 31; // A_SENDTRIGGER of bsm/audit.h
  private static final Set<Integer> OFF = Set.of(-1, 2); // AUC_DISABLED, AUC_NOAUDIT

  /** What init(8) of FreeBSD does at a signal. */
  private static final Map<Integer, String> INIT_SIGNALS =
      Map.of(
          2, "reboot (INT to init)",
          30, "halt (USR1 to init)",
          31, "poweroff (USR2 to init)",
          15, "single user (TERM to init)",
          28, "power cycle (WINCH to init)");

  private static final Map<String, String> SYSTEM =
      Map.of(
          "AUE_REBOOT", "reboot(2)",
          "AUE_halt", "halt",
          "AUE_reboot", "reboot",
          "AUE_uadmin", "uadmin",
          "AUE_shutdown", "shutdown",
          "AUE_poweroff", "poweroff");

  private BsmFacts() {}

  static boolean mayMatter(AuditEvent event) {
    return switch (event.getType()) {
      case STARTUP,
          SHUTDOWN,
          RECOVERY,
          SETCOND,
          "AUE_AUDITON",
          "AUE_KILL",
          "AUE_KILLPG",
          "AUE_PDKILL",
          "AUE_EXECVE",
          "AUE_FEXECVE" ->
          true;
      default -> SYSTEM.containsKey(event.getType());
    };
  }

  static List<Fact> read(AuditEvent event, Fact.Stamp stamp) {
    AuditRecord record = event.getRecords().getFirst();
    Fact.Actor actor = FactReader.actor(event);
    if (event.getOutcome() != Outcome.SUCCESS) {
      return List.of();
    }
    Optional<Fact> fact =
        switch (event.getType()) {
          case STARTUP ->
              Optional.of(new Fact.Start(stamp, STARTUP, FactReader.AUDITD, actor.pid()));
          case SHUTDOWN ->
              Optional.of(
                  new Fact.Stop(
                      stamp, SHUTDOWN, Fact.Mark.END, FactReader.AUDITD, actor.pid(), null));
          case RECOVERY -> Optional.of(new Fact.Boot(stamp, RECOVERY));
          case SETCOND ->
              argument(record, "setcond")
                  .filter(OFF::contains)
                  .map(
                      _ ->
                          new Fact.Stop(
                              stamp,
                              SETCOND,
                              Fact.Mark.SWITCHED_OFF,
                              FactReader.KERNEL,
                              null,
                              actor));
          case "AUE_AUDITON" ->
              argument(record, "cmd")
                  .filter(command -> command == SEND_TRIGGER)
                  .map(_ -> request(stamp, "audit trigger", FactReader.AUDITD, true, actor));
          case "AUE_KILL", "AUE_KILLPG", "AUE_PDKILL" -> kill(event, record, stamp, actor);
          case "AUE_EXECVE", "AUE_FEXECVE" -> command(record, stamp, actor);
          default ->
              Optional.of(
                  request(
                      stamp,
                      SYSTEM.get(event.getType()),
                      null,
                      !event.getType().equals("AUE_REBOOT"),
                      actor));
        };
    return fact.stream().toList();
  }

  private static Fact request(
      Fact.Stamp stamp, String what, String daemon, boolean command, Fact.Actor actor) {
    return new Fact.Request(stamp, EvidenceKind.BSM, what, daemon, command, actor);
  }

  private static Optional<Fact> kill(
      AuditEvent event, AuditRecord record, Fact.Stamp stamp, Fact.Actor actor) {
    Optional<Target> target = event.getTarget().filter(process -> process.getPid().isPresent());
    Optional<Integer> signal = argument(record, "signal");
    if (target.isEmpty() || signal.isEmpty()) {
      return Optional.empty();
    }
    long pid = target.get().getPid().orElseThrow();
    if (pid == 1) {
      return Optional.ofNullable(INIT_SIGNALS.get(signal.get()))
          .map(what -> request(stamp, what, null, false, actor));
    }
    return SignalCalls.isEnding(signal.get())
        ? Optional.of(
            new Fact.Kill(
                stamp,
                EvidenceKind.BSM,
                signal.get(),
                actor,
                List.of(new Fact.Target(pid, target.get().getUid().orElse(null), null))))
        : Optional.empty();
  }

  private static Optional<Fact> command(AuditRecord record, Fact.Stamp stamp, Fact.Actor actor) {
    Map<String, String> fields = record.getFields();
    String path = fields.getOrDefault("path", "");
    String name = path.substring(path.lastIndexOf('/') + 1);
    if (!Commands.isOne(name)) {
      return Optional.empty();
    }
    List<String> words = new ArrayList<>();
    for (int i = 0; i < Commands.MAX_WORDS && fields.containsKey("exec_args." + i); i++) {
      words.add(fields.get("exec_args." + i));
    }
    Fact.Actor who =
        new Fact.Actor(
            actor.auid(),
            actor.uid(),
            actor.session(),
            actor.pid(),
            FactReader.bounded(name, FactReader.MAX_COMM),
            FactReader.bounded(path, FactReader.MAX_EXE));
    return Commands.read(name, words)
        .map(asked -> request(stamp, asked.what(), asked.daemon(), true, who));
  }

  /**
   * The first argument token of that description, as the 32 bits it is: {@code 0xffffffff} is -1.
   */
  private static Optional<Integer> argument(AuditRecord record, String description) {
    for (int number = 1; number <= 3; number++) {
      String text = record.getFields().get("argument." + number + "." + description);
      if (text != null && text.matches("0x[0-9a-f]{1,16}")) {
        return Optional.of((int) Long.parseUnsignedLong(text.substring(2), 16));
      }
    }
    return Optional.empty();
  }
}
