// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.EvidenceKind;
import auditbus.schemas.Format;
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
 * ({@code SYSCALL}, {@code OBJ_PID}, {@code EXECVE}, {@code CONFIG_CHANGE}, {@code DAEMON_*});
 * fields inside {@code msg='…'} never are, because a user can write them, but for the unit of a
 * SERVICE_STOP which the kernel says process 1 sent. SYSTEM_BOOT is a user's word and makes a note,
 * no more.
 *
 * <p>Thread-safe: stateless.
 */
final class FactReader {
  static final String AUDITD = "auditd";
  static final String AUDITBUS = "auditbus";

  /** Instead of a daemon: auditing itself. */
  static final String KERNEL = "kernel";

  static final String UNKNOWN = "unknown";

  /** Type of the audit daemon's records until 2005, whose times are whole seconds. */
  static final String LEGACY = "DAEMON";

  private static final int CONTENT_DIGITS = 16;
  private static final int MAX_NAME = 128;
  private static final long UNSET = 4294967295L;
  static final int MAX_COMM = 64;
  static final int MAX_EXE = 256;
  private static final int MAX_ARGUMENTS = Commands.MAX_WORDS + 4;

  private FactReader() {}

  /**
   * Whether the event may be of interest. Asks for nothing but what an event says before its
   * records' bytes and fields, so that nearly all events are read no further.
   */
  static boolean mayMatter(AuditEvent event) {
    if (event.getTime().isEmpty() || event.getRecords().isEmpty()) {
      return false;
    }
    if (event.getFormat() == Format.BSM) {
      return BsmFacts.mayMatter(event);
    }
    Optional<Syscall> call = event.getSyscall();
    if (call.isPresent()
        && (SignalCalls.endingSignal(call.get()).isPresent()
            || (event.getOutcome() == Outcome.FAILURE && SignalCalls.isRemembered(call.get())))) {
      return true;
    }
    if (call.isPresent()
        && event.getSubject().flatMap(Subject::getComm).filter(Commands::isOne).isPresent()) {
      return true;
    }
    for (AuditRecord record : event.getRecords()) {
      switch (record.getName()) {
        case "DAEMON_START", "DAEMON_ABORT", "DAEMON_END", "DAEMON", "KERNEL", "CONFIG_CHANGE" -> {
          return true;
        }
        case "SERVICE_STOP", "SYSTEM_BOOT" -> {
          return true;
        }
        default -> {}
      }
    }
    return false;
  }

  /** What the event says, if it is of interest; {@code arrivedMs} is its broker time. */
  static List<Fact> read(AuditEvent event, long arrivedMs) {
    if (!mayMatter(event)) {
      return List.of();
    }
    AuditRecord first = event.getRecords().getFirst();
    Fact.Stamp stamp = stamp(event, arrivedMs);
    if (event.getFormat() == Format.BSM) {
      return BsmFacts.read(event, stamp);
    }
    return switch (first.getName()) {
      case "DAEMON_START" ->
          List.of(
              new Fact.Start(
                  stamp, "DAEMON_START", daemon(first), number(first, "pid").orElse(null)));
      case "DAEMON_ABORT" -> List.of(new Fact.Abort(stamp, number(first, "pid").orElse(null)));
      case "DAEMON_END" ->
          List.of(
              new Fact.Stop(
                  stamp, "DAEMON_END", Fact.Mark.END, daemon(first), null, signalInfo(first)));
      case "DAEMON" -> legacyDaemon(first, stamp);
      case "KERNEL" -> legacyKill(event, stamp);
      case "SERVICE_STOP" -> serviceStop(event, first, stamp);
      case "SYSTEM_BOOT" -> List.of(new Fact.Boot(stamp, "SYSTEM_BOOT"));
      default -> {
        List<Fact> facts = new ArrayList<>();
        configChanges(event, stamp, facts);
        kill(event, stamp).ifPresent(facts::add);
        command(event, stamp).ifPresent(facts::add);
        yield facts;
      }
    };
  }

  /** {@code type=DAEMON msg=auditd(TIME) auditd normal halt, pid=P}, and its start. */
  private static List<Fact> legacyDaemon(AuditRecord record, Fact.Stamp stamp) {
    String text = record.getFields().getOrDefault("text", "");
    Long pid = number(record, "pid").orElse(null);
    if (text.startsWith("auditd normal halt")) {
      return List.of(new Fact.Stop(stamp, LEGACY, Fact.Mark.END, AUDITD, pid, null));
    }
    return text.startsWith("auditd start")
        ? List.of(new Fact.Start(stamp, LEGACY, AUDITD, pid))
        : List.of();
  }

  /** The target is argument 0: such records have no OBJ_PID. */
  private static List<Fact> legacyKill(AuditEvent event, Fact.Stamp stamp) {
    Optional<Syscall> call = event.getSyscall();
    OptionalInt signal =
        call.isPresent() ? SignalCalls.legacyEndingSignal(call.get()) : OptionalInt.empty();
    long pid = signal.isPresent() ? call.get().getArgs().getFirst() : 0;
    return pid > 0 && pid <= Integer.MAX_VALUE
        ? List.of(
            new Fact.Kill(
                stamp,
                EvidenceKind.LEGACY_KILL,
                signal.getAsInt(),
                actor(event),
                List.of(new Fact.Target(pid, null, null))))
        : List.of();
  }

  /**
   * A user message, so only its sender, whom the kernel attests, says that it is the service
   * manager's: then the unit is its word.
   */
  private static List<Fact> serviceStop(AuditEvent event, AuditRecord record, Fact.Stamp stamp) {
    boolean byInit = number(record, "pid").filter(pid -> pid == 1).isPresent();
    String unit = record.getFields().getOrDefault("msg.unit", "");
    return byInit
        ? Commands.daemonOf(unit).stream()
            .<Fact>map(daemon -> new Fact.ServiceStop(stamp, daemon, actor(event)))
            .toList()
        : List.of();
  }

  /**
   * {@code audit_enabled=0}, {@code audit_pid=0}, and a daemon that was refused. The kernel writes
   * these records (no user may send type 1305), before it makes the change.
   */
  private static void configChanges(AuditEvent event, Fact.Stamp stamp, List<Fact> facts) {
    for (AuditRecord record : event.getRecords()) {
      if (!record.getName().equals("CONFIG_CHANGE")) {
        continue;
      }
      boolean done = "1".equals(record.getFields().get("res"));
      Optional<Long> pid = number(record, "audit_pid");
      Optional<Long> old = number(record, "old");
      if (pid.isPresent() && !done && pid.get() > 0 && !pid.equals(old)) {
        facts.add(new Fact.Abort(stamp, pid.get()));
      }
      if (old.isEmpty() || old.get() == 0 || !done) {
        continue;
      }
      if (pid.isPresent() && pid.get() == 0) {
        facts.add(
            new Fact.Stop(
                stamp,
                "CONFIG_CHANGE",
                Fact.Mark.UNREGISTERED,
                daemonNamed(event),
                old.get(),
                actor(event)));
      }
      if (number(record, "audit_enabled").filter(enabled -> enabled == 0).isPresent()) {
        facts.add(
            new Fact.Stop(
                stamp, "CONFIG_CHANGE", Fact.Mark.SWITCHED_OFF, KERNEL, null, actor(event)));
      }
    }
  }

  /** The daemon that unregistered is the process of the call. */
  private static String daemonNamed(AuditEvent event) {
    return event.getSubject().flatMap(Subject::getComm).filter(AUDITD::equals).isPresent()
        ? AUDITD
        : UNKNOWN;
  }

  /** A command that was executed: EXECVE's words, by the name of the file. */
  private static Optional<Fact> command(AuditEvent event, Fact.Stamp stamp) {
    String name = event.getSubject().flatMap(Subject::getComm).orElse("");
    if (!Commands.isOne(name) || !succeeded(event)) {
      return Optional.empty();
    }
    List<String> words = new ArrayList<>();
    for (AuditRecord record : event.getRecords()) {
      if (record.getName().equals("EXECVE")) {
        for (int i = words.size(); i < MAX_ARGUMENTS; i++) {
          String word = record.getFields().get("a" + i);
          if (word == null) {
            break;
          }
          words.add(word);
        }
      }
    }
    // Of a script the interpreter and its arguments come first.
    while (words.size() > 1 && !lastOf(words.getFirst()).equals(name)) {
      boolean here = words.stream().anyMatch(word -> lastOf(word).equals(name));
      if (!here) {
        break;
      }
      words.removeFirst();
    }
    return words.isEmpty()
        ? Optional.empty()
        : Commands.read(name, words)
            .map(
                asked ->
                    new Fact.Request(
                        stamp,
                        EvidenceKind.SERVICE_MANAGER,
                        asked.what(),
                        asked.daemon(),
                        true,
                        actor(event)));
  }

  private static String lastOf(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private static Optional<Fact> kill(AuditEvent event, Fact.Stamp stamp) {
    Syscall call = event.getSyscall().orElse(null);
    if (call == null) {
      return Optional.empty();
    }
    if (event.getOutcome() == Outcome.FAILURE && SignalCalls.isRemembered(call)) {
      return refusal(event, stamp);
    }
    OptionalInt signal = SignalCalls.endingSignal(call);
    if (signal.isEmpty() || !succeeded(event)) {
      return Optional.empty();
    }
    boolean toMany = SignalCalls.isToMany(call);
    List<Fact.Target> targets = new ArrayList<>();
    for (AuditRecord record : event.getRecords()) {
      if (record.getName().equals("OBJ_PID") && (!toMany || mayReach(event, record))) {
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
        new Fact.Kill(stamp, EvidenceKind.KILL_EVENT, signal.getAsInt(), actor(event), targets));
  }

  /** Of a daemon only: the kernel remembers no other. */
  private static Optional<Fact> refusal(AuditEvent event, Fact.Stamp stamp) {
    List<Fact.Target> targets = new ArrayList<>();
    for (AuditRecord record : event.getRecords()) {
      Optional<Long> pid = number(record, "opid");
      if (record.getName().equals("OBJ_PID") && pid.isPresent()) {
        Fact.Target target =
            new Fact.Target(
                pid.get(),
                number(record, "ouid").orElse(null),
                bounded(record.getFields().get("ocomm"), MAX_COMM));
        if (Attribution.namedLikeADaemon(target) && targets.isEmpty()) {
          targets.add(target);
        }
      }
    }
    return targets.isEmpty()
        ? Optional.empty()
        : Optional.of(new Fact.Refusal(stamp, actor(event), targets));
  }

  /**
   * Whether a call to many reached that one, as kill(2) has it: root, or the same user. A sender
   * who is not root and has CAP_KILL counts as one who may not: better nobody than the wrong one.
   */
  private static boolean mayReach(AuditEvent event, AuditRecord target) {
    Subject sender = event.getSubject().orElseGet(Subject::new);
    Optional<Long> owner = number(target, "ouid");
    return sender.getEuid().filter(euid -> euid == 0).isPresent()
        || (owner.isPresent() && (owner.equals(sender.getEuid()) || owner.equals(sender.getUid())));
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

  static Fact.Actor actor(AuditEvent event) {
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

  static String bounded(String text, int limit) {
    return text == null || text.length() <= limit ? text : text.substring(0, limit - 1) + "\u2026";
  }

  /** A name no longer than {@link #MAX_NAME}; different long ones stay different. */
  private static String name(String text) {
    if (text == null || text.length() <= MAX_NAME) {
      return text;
    }
    String digest = Attribution.digest(text).substring(0, CONTENT_DIGITS);
    return bounded(text, MAX_NAME - CONTENT_DIGITS) + digest;
  }

  private static String digest(ByteBuffer raw) {
    byte[] bytes = new byte[raw.remaining()];
    raw.duplicate().get(bytes);
    return Attribution.digest(bytes).substring(0, CONTENT_DIGITS);
  }

  private static Fact.Stamp stamp(AuditEvent event, long arrivedMs) {
    Instant time = event.getTime().orElseThrow();
    return new Fact.Stamp(
        ChronoUnit.MICROS.between(Instant.EPOCH, time),
        event.getSerial(),
        event.getSerial() == 0 ? digest(event.getRecords().getFirst().getRaw()) : null,
        name(event.getNode().orElse(null)),
        name(event.getBoot().orElse(null)),
        name(event.getSource()),
        name(event.getRecords().getFirst().getTrail().orElse(event.getTrail())),
        event.getRecords().getFirst().getPosition(),
        Set.of(name(event.getSource())),
        arrivedMs);
  }
}
