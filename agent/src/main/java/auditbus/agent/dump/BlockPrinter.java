// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Syscalls;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Optional;

/**
 * Prints an event as a block, a record a line:
 *
 * <pre>
 *  ---- FILE@POSITION [incomplete]
 *  [node=N ]type=T msg=audit(TIME[:SERIAL]): name=value name=value(NAME) ... [raw="..."]
 *  type=UNPARSED position=P length=L reason="..." bytes="..."
 * </pre>
 *
 * <p>The line is that of {@code ausearch --interpret} with the time in UTC, values as {@link
 * SafeText} writes them, and numbers kept: what auditd resolved stands behind its number in
 * brackets, as in {@code id}'s output. Nothing is resolved here. BSM records have the same form,
 * without a serial.
 */
final class BlockPrinter implements EventPrinter {
  private static final int WRITE_CHARS = 64 * 1024;
  private static final int PREVIEW_BYTES = 160;
  private static final DateTimeFormatter SECOND =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss").withZone(ZoneOffset.UTC);

  private final OutputStream stream;
  private final boolean raw;
  private final ResolvedFields fields = new ResolvedFields();
  private final StringBuilder out = new StringBuilder(2 * WRITE_CHARS);

  // The second last written and its text: events of one second come together.
  private long second = Long.MIN_VALUE;
  private String secondText = "";

  BlockPrinter(OutputStream stream, boolean raw) {
    this.stream = stream;
    this.raw = raw;
  }

  @Override
  public void print(DecodedEvent decoded, String reason) throws IOException {
    AuditEvent event = decoded.event();
    out.append("---- ");
    SafeText.line(out, event.getTrail());
    out.append('@').append(decoded.spans().getFirst().position());
    if (!event.getComplete() && reason.isEmpty()) {
      out.append(" incomplete");
    }
    out.append('\n');
    String stamp = event.getTime().map(time -> stamp(time, event)).orElse("");
    for (AuditRecord record : event.getRecords()) {
      if (record.getType() == UNPARSED) {
        unparsed(record, reason);
      } else {
        record(event, record, stamp);
      }
      out.append('\n');
      if (out.length() >= WRITE_CHARS) {
        write();
      }
    }
  }

  @Override
  public void flush() throws IOException {
    write();
    stream.flush();
  }

  private void record(AuditEvent event, AuditRecord record, String stamp) {
    event
        .getNode()
        .ifPresent(
            node -> {
              out.append("node=");
              SafeText.value(out, node);
              out.append(' ');
            });
    out.append("type=").append(record.getName()).append(stamp);
    fields.read(record.getFields());
    for (int at = 0; at < fields.size(); at++) {
      if (!fields.isResolution(at)) {
        out.append(' ');
        SafeText.value(out, fields.name(at));
        out.append('=');
        SafeText.value(out, fields.value(at));
        meaning(event, at);
      }
    }
    if (raw) {
      raw(record);
    }
  }

  /** What auditd resolved, or a table has, behind the number. */
  private void meaning(AuditEvent event, int at) {
    String value = fields.value(at);
    Optional<String> resolved = fields.resolved(at);
    if (resolved.isEmpty()) {
      resolved =
          switch (fields.name(at)) {
            case "syscall" -> event.getSyscall().flatMap(call -> call.getName());
            case "arch" ->
                event.getSyscall().flatMap(call -> call.getArch()).flatMap(Syscalls::architecture);
            default -> Optional.empty();
          };
    }
    if (resolved.isPresent() && !resolved.get().equals(value)) {
      out.append('(');
      SafeText.value(out, resolved.get());
      out.append(')');
    }
  }

  private void unparsed(AuditRecord record, String reason) {
    out.append("type=UNPARSED position=").append(record.getPosition());
    out.append(" length=").append(record.getLength()).append(" reason=");
    SafeText.quoted(out, reason);
    out.append(" bytes=");
    SafeText.bytes(out, bytes(record), raw ? Integer.MAX_VALUE : PREVIEW_BYTES);
  }

  private void raw(AuditRecord record) {
    out.append(" raw=");
    SafeText.bytes(out, bytes(record), Integer.MAX_VALUE);
  }

  private static byte[] bytes(AuditRecord record) {
    byte[] bytes = new byte[record.getRaw().remaining()];
    record.getRaw().duplicate().get(bytes);
    return bytes;
  }

  private String stamp(Instant time, AuditEvent event) {
    if (time.getEpochSecond() != second) {
      second = time.getEpochSecond();
      secondText = SECOND.format(time);
    }
    int millis = time.getNano() / 1_000_000;
    String text =
        " msg=audit("
            + secondText
            + (millis < 10 ? ".00" : millis < 100 ? ".0" : ".")
            + millis
            + "Z";
    return event.getFormat() == auditbus.schemas.Format.BSM
        ? text + "):"
        : text + ":" + event.getSerial() + "):";
  }

  private void write() throws IOException {
    stream.write(out.toString().getBytes(StandardCharsets.UTF_8));
    out.setLength(0);
  }
}
