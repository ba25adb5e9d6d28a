// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Outcome;
import auditbus.schemas.Subject;
import auditbus.schemas.Syscall;
import auditbus.schemas.Target;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Audit logs of real kernels as the events an agent makes of them. A test's own small reader: this
 * module does not depend on the agent.
 */
public final class Samples {
  public static final String HOST = "web1";
  public static final String SOURCE = "auditd";
  public static final String TRAIL = "20261120104500";

  private static final Pattern STAMP =
      Pattern.compile(
          "(?:node=(\\S+) )?type=(\\S+) msg=audit\\((\\d+)\\.(\\d{3}):(\\d+)\\): ?(.*)",
          Pattern.DOTALL);
  private static final Pattern FIELD =
      Pattern.compile("([A-Za-z0-9_-]+)=(\"[^\"]*\"|'[^']*'|\\S*)");
  private static final Map<String, Integer> TYPES =
      Map.ofEntries(
          Map.entry("DAEMON_START", 1200),
          Map.entry("DAEMON_END", 1201),
          Map.entry("DAEMON_ABORT", 1202),
          Map.entry("DAEMON_CONFIG", 1203),
          Map.entry("SYSCALL", 1300),
          Map.entry("OBJ_PID", 1318),
          Map.entry("SOCKADDR", 1306),
          Map.entry("PROCTITLE", 1327),
          Map.entry("CONFIG_CHANGE", 1305),
          Map.entry("LOGIN", 1006),
          Map.entry("USER", 1005));

  private Samples() {}

  /** The events of a sample file. */
  public static List<AuditEvent> of(String file) {
    return events(text(file));
  }

  public static String text(String file) {
    try (InputStream in = Samples.class.getResourceAsStream("/samples/" + file)) {
      return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The events of a text of lines, in the order of their first records. */
  public static List<AuditEvent> events(String text) {
    Map<String, List<AuditRecord>> groups = new LinkedHashMap<>();
    Map<String, Matcher> stamps = new HashMap<>();
    long position = 0;
    for (String line : text.split("(?<=\n)", 0)) {
      Matcher stamp = STAMP.matcher(line.strip());
      if (!stamp.matches()) {
        throw new IllegalArgumentException(line);
      }
      String key =
          stamp.group(1)
              + "|"
              + stamp.group(3)
              + "."
              + stamp.group(4)
              + ":"
              + stamp.group(5)
              // What daemons stamp is their own numbering.
              + (stamp.group(2).startsWith("DAEMON_") ? "d" : "");
      stamps.putIfAbsent(key, stamp);
      groups.computeIfAbsent(key, _ -> new ArrayList<>()).add(record(line, position, stamp));
      position += line.length();
    }
    List<AuditEvent> events = new ArrayList<>();
    groups.forEach((key, records) -> events.add(event(stamps.get(key), records)));
    return events;
  }

  private static AuditRecord record(String line, long position, Matcher stamp) {
    Map<String, String> fields = new HashMap<>();
    Matcher field = FIELD.matcher(stamp.group(6).replace('\u001d', ' '));
    while (field.find()) {
      String value = field.group(2);
      boolean quoted = value.startsWith("\"") || value.startsWith("'");
      fields.putIfAbsent(field.group(1), quoted ? value.substring(1, value.length() - 1) : value);
      if (value.startsWith("'")) {
        Matcher inner = FIELD.matcher(value.substring(1, value.length() - 1));
        while (inner.find()) {
          fields.putIfAbsent("msg." + inner.group(1), inner.group(2).replace("\"", ""));
        }
      }
    }
    return AuditRecord.newBuilder()
        .setPosition(position)
        .setLength(line.length())
        .setType(TYPES.getOrDefault(stamp.group(2), 1999))
        .setName(stamp.group(2))
        .setRaw(ByteBuffer.wrap(line.getBytes(StandardCharsets.ISO_8859_1)))
        .setFields(fields)
        .build();
  }

  private static AuditEvent event(Matcher stamp, List<AuditRecord> records) {
    AuditEvent event =
        AuditEvent.newBuilder()
            .setHost(HOST)
            .setSource(SOURCE)
            .setTrail(TRAIL)
            .setNode(stamp.group(1))
            .setEpoch(1)
            .setTime(
                Instant.ofEpochSecond(Long.parseLong(stamp.group(3)))
                    .plusMillis(Long.parseLong(stamp.group(4))))
            .setObserved(Instant.ofEpochSecond(Long.parseLong(stamp.group(3)) + 1))
            .setSerial(Long.parseLong(stamp.group(5)))
            .setAcked(0)
            .setFormat(Format.LINUX)
            .setType(records.getFirst().getName())
            .setComplete(true)
            .setRecords(records)
            .build();
    for (AuditRecord record : records) {
      Map<String, String> fields = record.getFields();
      switch (record.getName()) {
        case "SYSCALL" -> {
          event.setSubject(subject(fields));
          event.setOutcome("yes".equals(fields.get("success")) ? Outcome.SUCCESS : Outcome.FAILURE);
          List<Long> args = new ArrayList<>();
          for (int i = 0; i < 4; i++) {
            args.add(Long.parseUnsignedLong(fields.get("a" + i), 16));
          }
          event.setSyscall(
              new Syscall(
                  Long.parseLong(fields.get("arch"), 16),
                  Integer.parseInt(fields.get("syscall")),
                  fields.get("SYSCALL"),
                  Long.parseLong(fields.get("exit")),
                  args));
        }
        case "OBJ_PID" -> {
          if (event.getTarget().isEmpty()) {
            event.setTarget(
                new Target(
                    id(fields.get("opid")),
                    id(fields.get("oauid")),
                    id(fields.get("ouid")),
                    id(fields.get("oses")),
                    fields.get("ocomm")));
          }
        }
        default -> {
          if (event.getSubject().isEmpty()
              && (fields.containsKey("pid") || fields.containsKey("auid"))) {
            event.setSubject(subject(fields));
          }
        }
      }
    }
    return event;
  }

  private static Subject subject(Map<String, String> fields) {
    return Subject.newBuilder()
        .setAuid(id(fields.get("auid")))
        .setUid(id(fields.get("uid")))
        .setEuid(id(fields.get("euid")))
        .setSession(id(fields.get("ses")))
        .setPid(id(fields.get("pid")))
        .setComm(fields.get("comm"))
        .setExe(fields.get("exe"))
        .build();
  }

  private static Long id(String text) {
    return text == null || !text.matches("\\d+") || text.equals("4294967295")
        ? null
        : Long.valueOf(text);
  }
}
