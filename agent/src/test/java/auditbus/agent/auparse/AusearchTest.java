// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.RequiredTools;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Syscalls;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The decoder finds in every sample what ausearch finds. */
class AusearchTest {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("MM/dd/yy HH:mm:ss").withZone(ZoneOffset.UTC);

  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("MM/dd/yy HH:mm:ss.SSS").withZone(ZoneOffset.UTC);

  private static final Set<String> IDS =
      Set.of(
          "auid",
          "uid",
          "euid",
          "suid",
          "fsuid",
          "gid",
          "egid",
          "sgid",
          "fsgid",
          "ouid",
          "ogid",
          "oauid",
          "old-auid",
          "loginuid");

  private static final Set<String> CAPABILITIES =
      Set.of(
          "cap_fp", "cap_fi", "fp", "fi", "old_pp", "old_pi", "old_pe", "old_pa", "pp", "pi", "pe",
          "pa");

  static List<Path> linux() {
    return Samples.linux();
  }

  static List<Path> all() {
    return Samples.all();
  }

  private static List<String> ausearch(Path file, String... options)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(RequiredTools.path("ausearch").toString());
    command.addAll(List.of("-if", file.toString()));
    command.addAll(Arrays.asList(options));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(Map.of("TZ", "UTC", "LC_ALL", "C"));
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    // ausearch prefers a pipe on its input to the file it was given.
    builder.redirectInput(Path.of("/dev/null").toFile());
    Process process = builder.start();
    byte[] output = process.getInputStream().readAllBytes();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return new String(output, StandardCharsets.UTF_8).lines().toList();
  }

  private static List<Map<String, String>> csv(Path file) throws IOException, InterruptedException {
    List<String> lines = ausearch(file, "--format", "csv", "--extra-keys");
    String[] header = lines.getFirst().split(",", -1);
    List<Map<String, String>> rows = new ArrayList<>();
    for (String line : lines.subList(1, lines.size())) {
      String[] columns = line.split(",", -1);
      Map<String, String> row = new HashMap<>();
      for (int column = 0; column < header.length; column++) {
        // Rows of events that ausearch cannot make sense of are short.
        row.put(header[column], column < columns.length ? columns[column] : "");
      }
      rows.add(row);
    }
    return rows;
  }

  private static List<AuditEvent> decoded(Path file) {
    return Samples.decode(Samples.bytes(file)).stream().map(DecodedEvent::event).toList();
  }

  private static String key(AuditEvent event) {
    return TIME.format(event.getTime().orElseThrow()) + " " + event.getSerial();
  }

  private static String key(Map<String, String> row) {
    return row.get("DATE") + " " + row.get("TIME") + " " + row.get("SERIAL_NUM");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cmd",
        "cwd",
        "acct",
        "exe",
        "grp",
        "new_group",
        "vm",
        "path",
        "file",
        "comm",
        "dir",
        "device",
        "cgroup",
        "root_dir",
        "old-disk"
      })
  void encodedFieldOfUserSpace_isDecodedAsAusearchDoes(String name, @TempDir Path directory)
      throws IOException, InterruptedException {
    Path trail = directory.resolve("audit.log");
    Files.writeString(
        trail,
        """
        type=USER_CMD msg=audit(1700000000.000:1): pid=1 uid=0 auid=0 ses=1 \
        msg='op=x %s=2F6D7920646972 terminal=? res=success'
        """
            .formatted(name));
    assertThat(String.join("\n", ausearch(trail, "-i"))).contains(" " + name + "=/my dir terminal");
    assertThat(decoded(trail).getFirst().getRecords().getFirst().getFields())
        .containsEntry("msg." + name, "/my dir");
  }

  @ParameterizedTest
  @MethodSource("linux")
  void csv_hasTheSameEventsWithTheSameFacts(Path sample) throws IOException, InterruptedException {
    List<Map<String, String>> rows = csv(sample);
    List<AuditEvent> events = decoded(sample);
    assertThat(new TreeSet<>(rows.stream().map(AusearchTest::key).toList()))
        .isEqualTo(new TreeSet<>(events.stream().map(AusearchTest::key).toList()));
    for (AuditEvent event : events) {
      // ausearch 3 makes two events of LOGIN + SYSCALL; the LOGIN comes first.
      Map<String, String> row =
          rows.stream()
              .filter(candidate -> key(candidate).equals(key(event)))
              .filter(candidate -> candidate.get("EVENT").equals(event.getType()))
              .findFirst()
              .orElseThrow(
                  () ->
                      new AssertionError(
                          sample + ": no row for " + event.getType() + " " + key(event)));
      assertThat(row.get("RESULT")).as("%s result", key(event)).isEqualTo(result(event));
      if (event.getType().equals("LOGIN")) {
        continue;
      }
      String session =
          event
              .getSubject()
              .flatMap(subject -> subject.getSession())
              .map(Object::toString)
              .orElse("unset");
      if (!row.get("SESSION").isEmpty()) {
        assertThat(row.get("SESSION").replace("-1", "unset"))
            .as("%s session", key(event))
            .isEqualTo(session);
      }
      String how = row.get("HOW");
      if (how.startsWith("/")) {
        assertThat(event.getSubject().flatMap(subject -> subject.getExe()))
            .as("%s executable", key(event))
            .contains(how);
      }
      if (event.getType().equals("SYSCALL")) {
        assertThat(String.join(" ", event.getKeys()))
            .as("%s keys", key(event))
            .isEqualTo(row.get("KEY"));
      }
    }
  }

  /** ausearch takes the SYSCALL's result, also where a CONFIG_CHANGE says it was refused. */
  private static String result(AuditEvent event) {
    return event.getRecords().stream()
        .map(record -> record.getFields().get("success"))
        .filter(Objects::nonNull)
        .findFirst()
        .map(success -> success.equals("yes") ? "success" : "failed")
        .orElse(
            switch (event.getOutcome()) {
              case SUCCESS -> "success";
              case FAILURE -> "failed";
              case UNKNOWN -> "";
            });
  }

  /**
   * Every field of every record stands in ausearch's interpreted text with the same value, or with
   * what ausearch makes of that value.
   */
  @ParameterizedTest
  @MethodSource("all")
  void interpretedText_saysTheSameOfEveryField(Path sample)
      throws IOException, InterruptedException {
    Map<String, String> interpreted = new HashMap<>();
    for (String line : ausearch(sample, "-i")) {
      int end = line.indexOf(") : ");
      if (line.startsWith("type=") && end > 0) {
        String stamp = line.substring(line.indexOf('(') + 1, end);
        String type = line.substring("type=".length(), line.indexOf(' '));
        String text = " " + line.substring(end + 4) + " ";
        // PATH records are shown in reverse.
        String item = type.equals("PATH") ? shown(text, " item=") : "";
        interpreted.putIfAbsent(type + item + " " + stamp, text);
      }
    }
    int same = 0;
    int resolved = 0;
    for (AuditEvent event : decoded(sample)) {
      for (AuditRecord record : event.getRecords()) {
        if (record.getName().equals("DAEMON") || event.getTime().isEmpty()) {
          continue; // ausearch 3 does not know the type of 2005, nor what is no record
        }
        Map<String, String> fields = record.getFields();
        String stamp = STAMP.format(event.getTime().orElseThrow()) + ":" + event.getSerial();
        String text =
            interpreted.get(record.getName() + fields.getOrDefault("item", "") + " " + stamp);
        assertThat(text).as("%s %s", record.getName(), stamp).isNotNull();
        for (Map.Entry<String, String> field : fields.entrySet()) {
          String name = field.getKey();
          // Inside msg='...' ausearch takes the sender's quotes for the end.
          String value =
              name.startsWith("msg.")
                  ? field.getValue().replace('\'', ' ').strip()
                  : field.getValue().replace("\n", "\\012");
          if (name.equals(name.toUpperCase(Locale.ROOT)) || value.isEmpty()) {
            continue; // the upper-case names are auditd's words for the others
          }
          boolean inside = name.startsWith("msg.");
          String from = inside ? text.substring(text.indexOf(" msg='")).replace('\'', ' ') : text;
          String rest = rest(from, " " + (inside ? name.substring(4) : name) + "=");
          if ((rest + " ").startsWith(value + " ")
              || (inside && rest.startsWith("\"" + value + "\""))) {
            same++;
          } else {
            assertThat(isInterpretation(name, value, fields, rest.substring(0, rest.indexOf(' '))))
                .as("%s %s: %s=%s, ausearch: %s", record.getName(), stamp, name, value, rest)
                .isTrue();
            resolved++;
          }
        }
      }
    }
    System.out.println(sample.getFileName() + ": " + same + " the same, " + resolved + " resolved");
    assertThat(same + resolved).isGreaterThan(sample.toString().contains("legacy") ? -1 : 50);
  }

  /** What follows the first occurrence of a name. */
  private static String rest(String text, String name) {
    int at = text.indexOf(name);
    return at < 0 ? " " : text.substring(at + name.length());
  }

  private static String shown(String text, String name) {
    String rest = rest(text, name);
    return rest.substring(0, rest.indexOf(' '));
  }

  /** Whether ausearch shows a raw value by a certain word. */
  private static boolean isInterpretation(
      String name, String value, Map<String, String> fields, String word) {
    String resolved = fields.get(name.toUpperCase(Locale.ROOT));
    return switch (name) {
      case "arch" -> Syscalls.architecture(Long.parseLong(value, 16)).orElse("").equals(word);
      case "syscall" ->
          !fields.containsKey("arch") // of 2005: ausearch takes it for one of this machine
              || Syscalls.name(Long.parseLong(fields.get("arch"), 16), Integer.parseInt(value))
                  .orElse("")
                  .equals(word);
      case "a0", "a1", "a2", "a3" -> word.equals("0x" + value) || word.matches("[A-Z].*");
      case "exit" -> value.startsWith("-") && word.startsWith("E");
      case "res" -> word.equals(value.equals("1") ? "yes" : "no");
      case "sig" -> word.equals(value.equals("9") ? "SIGKILL" : "SIGSEGV");
      case "mode" -> word.endsWith("," + value.substring(value.length() - 3));
      case "list" -> value.equals("4") && word.equals("exit");
      case "code" -> value.equals("0x0") && word.equals("kill");
      case "nl-mcgrp" -> value.equals("1") && word.equals("audit-netlink-multicast");
      // A forged one: ausearch reads what auditd resolved for the record's own auid=.
      case "msg.auid" -> value.equals("0") && word.equals("unset");
      case "ses", "old-ses" -> value.equals("4294967295") && word.equals("unset");
      default -> {
        if (CAPABILITIES.contains(name)) {
          yield value.matches("0+") ? word.equals("none") : word.startsWith("chown,");
        }
        boolean unset = value.equals("4294967295") || value.equals("-1");
        yield IDS.contains(name)
            && (resolved != null
                ? word.equals(resolved)
                : word.equals(unset ? "unset" : value.equals("0") ? "root" : word));
      }
    };
  }

  /** What auditd resolved into the record and what the table says of the raw numbers. */
  @ParameterizedTest
  @MethodSource("linux")
  void enrichedNames_areThoseOfTheTable(Path sample) {
    int compared = 0;
    for (AuditEvent event : decoded(sample)) {
      for (AuditRecord record : event.getRecords()) {
        Map<String, String> fields = record.getFields();
        if (fields.containsKey("SYSCALL")) {
          long arch = Long.parseLong(fields.get("arch"), 16);
          assertThat(Syscalls.architecture(arch)).contains(fields.get("ARCH"));
          assertThat(Syscalls.name(arch, Integer.parseInt(fields.get("syscall"))))
              .contains(fields.get("SYSCALL"));
          compared++;
        }
      }
    }
    assertThat(compared).isPositive();
  }

  @ParameterizedTest
  @MethodSource("all")
  void rawText_hasTheSameRecords(Path sample) throws IOException, InterruptedException {
    List<String> ours = new ArrayList<>();
    for (AuditEvent event : decoded(sample)) {
      if (!event.getType().equals("UNPARSED")) {
        for (AuditRecord record : event.getRecords()) {
          ByteArrayOutputStream line = new ByteArrayOutputStream();
          line.write(record.getRaw().array(), 0, record.getLength() - 1);
          ours.add(line.toString(StandardCharsets.UTF_8).stripTrailing());
        }
      }
    }
    assertThat(ausearch(sample, "--format", "raw").stream().map(String::stripTrailing))
        .containsExactlyInAnyOrderElementsOf(ours);
  }
}
