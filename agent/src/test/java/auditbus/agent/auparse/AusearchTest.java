// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.RequiredTools;
import auditbus.agent.event.DecodedEvent;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The decoder finds in every sample what ausearch finds. */
class AusearchTest {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("MM/dd/yy HH:mm:ss").withZone(ZoneOffset.UTC);

  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("MM/dd/yy HH:mm:ss.SSS").withZone(ZoneOffset.UTC);

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

  @ParameterizedTest
  @MethodSource("linux")
  void interpretedText_hasTheSameFields(Path sample) throws IOException, InterruptedException {
    Map<String, String> interpreted = new HashMap<>();
    for (String line : ausearch(sample, "-i")) {
      int end = line.indexOf(") : ");
      if (line.startsWith("type=") && end > 0) {
        String stamp = line.substring(line.indexOf('(') + 1, end);
        String type = line.substring("type=".length(), line.indexOf(' '));
        interpreted.putIfAbsent(type + " " + stamp, " " + line.substring(end + 4) + " ");
      }
    }
    int compared = 0;
    for (AuditEvent event : decoded(sample)) {
      for (AuditRecord record : event.getRecords()) {
        String stamp = STAMP.format(event.getTime().orElseThrow()) + ":" + event.getSerial();
        String text = interpreted.get(record.getName() + " " + stamp);
        assertThat(text).as("%s %s", record.getName(), stamp).isNotNull();
        for (String name :
            List.of(
                "pid", "ppid", "comm", "exe", "proctitle", "saddr", "opid", "ocomm", "op", "ver")) {
          String value = record.getFields().get(name);
          if (value != null) {
            assertThat(text).contains(" " + name + "=" + value + " ");
            compared++;
          }
        }
        String syscall = record.getFields().get("SYSCALL");
        if (syscall != null) {
          assertThat(text).contains(" syscall=" + syscall + " ");
          compared++;
        }
        for (String name : List.of("auid", "uid", "euid")) {
          String resolved = record.getFields().get(name.toUpperCase(java.util.Locale.ROOT));
          if (Objects.equals(resolved, "unset") || Objects.equals(resolved, "root")) {
            assertThat(text).contains(" " + name + "=" + resolved + " ");
            compared++;
          }
        }
      }
    }
    assertThat(compared).isGreaterThan(20);
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
