// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.Span;
import auditbus.agent.event.Syscalls;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Outcome;
import auditbus.schemas.Subject;
import auditbus.schemas.Syscall;
import auditbus.schemas.Target;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Makes the Avro event of a list of records that belong together.
 *
 * <p>The leading record, which names the event, is the first one, as in {@code ausearch --format
 * csv}; where the first is only an auxiliary (records came out of order) it is the SYSCALL, else
 * the first that is more than that. What the process did is taken from the SYSCALL (or URINGOP)
 * record where there is one, else from the leading record: in LOGIN + SYSCALL events the SYSCALL
 * has the same login uid and all the rest. From inside {@code msg='...'}, which its sender wrote,
 * come only facts the kernel's prefix cannot hold: result, executable, terminal, address.
 */
final class EventBuilder {
  private static final String[] ARGUMENT_NAMES = {"a0", "a1", "a2", "a3"};

  private final Origin origin;

  EventBuilder(Origin origin) {
    this.origin = origin;
  }

  DecodedEvent build(List<LinuxRecord> records, boolean complete) {
    LinuxRecord first = records.getFirst();
    TrailRecord source = first.source();
    String trail = source.trail();
    LinuxRecord.Stamp stamp = first.stamp();
    LinuxRecord call = call(records);
    LinuxRecord leading = leading(records, call);

    AuditEvent event = new AuditEvent();
    event.setHost(origin.host());
    event.setSource(origin.source());
    event.setTrail(trail);
    event.setEpoch(origin.epoch());
    event.setObserved(source.observed());
    event.setPart(0);
    event.setParts(1);
    event.setFormat(Format.LINUX);
    event.setType(leading.type().name());
    event.setComplete(complete);
    event.setOutcome(Outcome.UNKNOWN);
    event.setKeys(List.of());
    if (stamp != null) {
      event.setTime(Instant.ofEpochSecond(stamp.seconds(), stamp.milliseconds() * 1_000_000L));
      event.setSerial(stamp.serial());
      event.setNode(stamp.node());
      if (stamp.node() == null || stamp.node().equalsIgnoreCase(origin.host())) {
        // What auditd took in from another machine is of no boot of ours.
        event.setBoot(
            origin.boot().of(event.getTime().orElseThrow(), source.observed()).orElse(null));
      }
      event.setOutcome(outcome(records, leading, call));
      event.setSubject(subject(call != null ? call : leading));
      event.setSyscall(syscall(records, call));
      event.setTarget(target(records));
      if (call != null) {
        event.setKeys(call.keys());
      }
    }

    Span[] spans = new Span[records.size()];
    List<AuditRecord> parts = new ArrayList<>(records.size());
    for (int index = 0; index < spans.length; index++) {
      LinuxRecord record = records.get(index);
      TrailRecord at = record.source();
      spans[index] = new Span(at.trail(), at.position(), at.end());
      parts.add(
          new AuditRecord(
              at.trail().equals(trail) ? null : at.trail(),
              at.position(),
              at.raw().length,
              record.type().number(),
              record.type().name(),
              ByteBuffer.wrap(at.raw()),
              record.fields(),
              record.escaped()));
    }
    event.setRecords(parts);
    return new DecodedEvent(event, List.of(spans));
  }

  private static LinuxRecord call(List<LinuxRecord> records) {
    for (int index = 0; index < records.size(); index++) {
      if (records.get(index).type().isCall()) {
        return records.get(index);
      }
    }
    return null;
  }

  private static LinuxRecord leading(List<LinuxRecord> records, LinuxRecord call) {
    LinuxRecord first = records.getFirst();
    if (!first.type().isAuxiliary()) {
      return first;
    }
    if (call != null) {
      return call;
    }
    for (int index = 1; index < records.size(); index++) {
      if (!records.get(index).type().isAuxiliary()) {
        return records.get(index);
      }
    }
    return first;
  }

  private static Outcome outcome(List<LinuxRecord> records, LinuxRecord leading, LinuxRecord call) {
    Outcome outcome = outcome(leading);
    if (outcome == Outcome.UNKNOWN && call != null) {
      outcome = outcome(call);
    }
    for (int index = 0; index < records.size() && outcome == Outcome.UNKNOWN; index++) {
      outcome = outcome(records.get(index));
    }
    return outcome;
  }

  private static Outcome outcome(LinuxRecord record) {
    String word = firstOf(record, "success", "res", "msg.res");
    if (word == null) {
      return Outcome.UNKNOWN;
    }
    return switch (word) {
      case "yes" -> Outcome.SUCCESS;
      case "no" -> Outcome.FAILURE;
      default ->
          switch (word.toLowerCase(Locale.ROOT)) {
            case "yes", "1", "success" -> Outcome.SUCCESS;
            case "no", "0", "failed", "fail" -> Outcome.FAILURE;
            default -> Outcome.UNKNOWN;
          };
    };
  }

  private static String firstOf(LinuxRecord record, String one, String two, String three) {
    String value = record.field(one);
    if (value == null) {
      value = record.field(two);
    }
    return value != null ? value : record.field(three);
  }

  private static Subject subject(LinuxRecord record) {
    Subject subject =
        new Subject(
            auid(record),
            record.id("uid"),
            record.id("euid"),
            record.id("gid"),
            record.id("egid"),
            record.id("ses"),
            record.id("pid"),
            record.id("ppid"),
            known(firstOf(record, "tty", "msg.terminal", "msg.tty")),
            known(firstOf(record, "comm", "msg.comm", "comm")),
            known(firstOf(record, "exe", "msg.exe", "exe")),
            known(firstOf(record, "addr", "msg.addr", "addr")));
    return isEmpty(subject) ? null : subject;
  }

  private static Long auid(LinuxRecord record) {
    return record.has("auid") ? record.id("auid") : record.id("loginuid");
  }

  private static boolean isEmpty(Subject subject) {
    for (int field = 0; field < subject.getSchema().getFields().size(); field++) {
      if (subject.get(field) != null) {
        return false;
      }
    }
    return true;
  }

  /** Null for the literals that stand for nothing. */
  private static String known(String text) {
    return text == null
            || text.isEmpty()
            || text.equals("?")
            || text.equals("(none)")
            || text.equals("(null)")
        ? null
        : text;
  }

  private static Syscall syscall(List<LinuxRecord> records, LinuxRecord call) {
    LinuxRecord record = call;
    for (int index = 0; index < records.size() && record == null; index++) {
      int type = records.get(index).type().number();
      if (type == RecordType.SECCOMP || type == RecordType.KERNEL) {
        record = records.get(index);
      }
    }
    if (record == null) {
      return null;
    }
    long number = record.decimal("syscall");
    if (number < 0 || number > Integer.MAX_VALUE) {
      return null;
    }
    List<Long> args = new ArrayList<>(ARGUMENT_NAMES.length);
    for (String name : ARGUMENT_NAMES) {
      Long arg = record.hex(name);
      if (arg == null) {
        break;
      }
      args.add(arg);
    }
    Long arch = record.hex("arch");
    return new Syscall(
        arch, (int) number, name(record, arch, (int) number), record.signed("exit"), args);
  }

  /** What auditd resolved on the event's own host; else what our table says. */
  private static String name(LinuxRecord record, Long arch, int number) {
    String name = record.field("SYSCALL");
    if (name != null && !name.startsWith("unknown")) {
      return name;
    }
    return arch == null ? null : Syscalls.name(arch, number).orElse(null);
  }

  private static Target target(List<LinuxRecord> records) {
    for (int index = 0; index < records.size(); index++) {
      LinuxRecord record = records.get(index);
      if (record.type().number() == RecordType.OBJ_PID) {
        return new Target(
            record.id("opid"),
            record.id("oauid"),
            record.id("ouid"),
            record.id("oses"),
            known(record.field("ocomm")));
      }
    }
    return null;
  }
}
