// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Outcome;
import auditbus.schemas.Subject;
import auditbus.schemas.Syscall;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Reads facts from events.
 *
 * <p>Only records whose text the kernel or the audit daemon writes are looked at, by record type
 * ({@code SYSCALL}, {@code OBJ_PID}, {@code DAEMON_*}); fields inside {@code msg='…'} never are: a
 * user can write them.
 *
 * <p>Thread-safe: stateless.
 */
final class FactReader {
  static final String AUDITD = "auditd";
  static final String AUDITBUS = "auditbus";

  private static final long UNSET = 4294967295L;
  private static final int MAX_COMM = 64;
  private static final int MAX_EXE = 256;

  private FactReader() {}

  /** What the event says, if it is of interest; {@code arrivedMs} is its broker time. */
  static Optional<Fact> read(AuditEvent event, long arrivedMs) {
    if (event.getTime().isEmpty() || event.getRecords().isEmpty()) {
      return Optional.empty();
    }
    AuditRecord first = event.getRecords().getFirst();
    return switch (first.getName()) {
      case "DAEMON_START" ->
          Optional.of(
              new Fact.Start(
                  stamp(event, arrivedMs), daemon(first), number(first, "pid").orElse(null)));
      case "DAEMON_ABORT" ->
          Optional.of(new Fact.Abort(stamp(event, arrivedMs), number(first, "pid").orElse(null)));
      case "DAEMON_END" ->
          Optional.of(
              new Fact.Stop(
                  stamp(event, arrivedMs), "DAEMON_END", daemon(first), signalInfo(first)));
      default -> kill(event, arrivedMs);
    };
  }

  private static Optional<Fact> kill(AuditEvent event, long arrivedMs) {
    Syscall call = event.getSyscall().orElse(null);
    if (call == null) {
      return Optional.empty();
    }
    OptionalInt signal = SignalCalls.endingSignal(call);
    if (signal.isEmpty() || !succeeded(event)) {
      return Optional.empty();
    }
    List<Fact.Target> targets = new ArrayList<>();
    for (AuditRecord record : event.getRecords()) {
      if (record.getName().equals("OBJ_PID")) {
        number(record, "opid")
            .ifPresent(
                pid ->
                    targets.add(
                        new Fact.Target(
                            pid,
                            number(record, "ouid").orElse(null),
                            bounded(record.getFields().get("ocomm"), MAX_COMM))));
      }
    }
    if (targets.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new Fact.Kill(stamp(event, arrivedMs), signal.getAsInt(), sender(event), targets));
  }

  /** Whether a SYSCALL record says so; of an event in parts it may stand in another part. */
  private static boolean succeeded(AuditEvent event) {
    for (AuditRecord record : event.getRecords()) {
      if (record.getName().equals("SYSCALL")) {
        String success = record.getFields().get("success");
        return success == null ? event.getOutcome() == Outcome.SUCCESS : success.equals("yes");
      }
    }
    return event.getParts() > 1 && event.getOutcome() == Outcome.SUCCESS;
  }

  private static Fact.Actor sender(AuditEvent event) {
    Subject subject = event.getSubject().orElseGet(Subject::new);
    return new Fact.Actor(
        set(subject.getAuid()).orElse(null),
        set(subject.getUid()).orElse(null),
        set(subject.getSession()).orElse(null),
        set(subject.getPid()).orElse(null),
        bounded(subject.getComm().orElse(null), MAX_COMM),
        bounded(subject.getExe().orElse(null), MAX_EXE));
  }

  /**
   * {@code auid= uid= ses= pid=} of a DAEMON_END. What stands behind {@code subj=} may be what was
   * left in auditd's buffer from another record, so it is not believed.
   */
  private static Fact.Actor signalInfo(AuditRecord record) {
    int end = subjectLabel(record.getRaw());
    return new Fact.Actor(
        before(record, "auid", end),
        before(record, "uid", end),
        before(record, "ses", end),
        before(record, "pid", end),
        null,
        null);
  }

  private static Long before(AuditRecord record, String field, int end) {
    int at = find(record.getRaw(), " " + field + "=");
    return at >= 0 && at < end ? number(record, field).orElse(null) : null;
  }

  private static int subjectLabel(ByteBuffer raw) {
    int at = find(raw, " subj=");
    return at < 0 ? Integer.MAX_VALUE : at;
  }

  private static int find(ByteBuffer raw, String text) {
    return StandardCharsets.ISO_8859_1.decode(raw.duplicate()).toString().indexOf(text);
  }

  /**
   * Which daemon a DAEMON_* record is of: {@code auditbus} if its {@code ver} begins so, else
   * {@code auditd}, which alone writes such records otherwise.
   */
  private static String daemon(AuditRecord record) {
    return record.getFields().getOrDefault("ver", "").startsWith(AUDITBUS) ? AUDITBUS : AUDITD;
  }

  private static Optional<Long> number(AuditRecord record, String field) {
    String text = record.getFields().get(field);
    if (text == null || !text.matches("[0-9]{1,10}")) {
      return Optional.empty();
    }
    return set(Optional.of(Long.valueOf(text)));
  }

  private static Optional<Long> set(Optional<Long> number) {
    return number.filter(value -> value >= 0 && value < UNSET);
  }

  private static String bounded(String text, int limit) {
    return text == null || text.length() <= limit ? text : text.substring(0, limit - 1) + "\u2026";
  }

  private static Fact.Stamp stamp(AuditEvent event, long arrivedMs) {
    Instant time = event.getTime().orElseThrow();
    return new Fact.Stamp(
        ChronoUnit.MICROS.between(Instant.EPOCH, time),
        event.getSerial(),
        event.getNode().orElse(null),
        event.getBoot().orElse(null),
        event.getSource(),
        event.getRecords().getFirst().getTrail().orElse(event.getTrail()),
        event.getRecords().getFirst().getPosition(),
        Set.of(event.getSource()),
        arrivedMs);
  }
}
