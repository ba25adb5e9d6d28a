// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the agent captures from the real kernel is an audit log: line by line what auditd writes,
 * and for ausearch and aureport the same.
 */
@ExtendWith(KernelAudit.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class CapturedTrailsTest {
  private static final Pattern STAMP = Pattern.compile("msg=audit\\((\\d+\\.\\d+:\\d+)\\)");
  private static final List<List<String>> SEARCHES =
      List.of(
          List.of("--format", "csv", "--extra-labels", "--extra-keys", "--extra-obj2"),
          List.of("--format", "text"),
          List.of("--format", "raw"),
          List.of("-i"));
  private static final List<List<String>> REPORTS =
      List.of(
          List.of(),
          List.of("-e"),
          List.of("-f", "--summary"),
          List.of("-x", "--summary"),
          List.of("-k", "--summary"),
          List.of("-s", "--summary"),
          List.of("-u", "--summary"),
          List.of("-c"),
          List.of("--failed", "--summary"));

  @TempDir Path directory;

  @Test
  void beside_auditd_hasTheSameLinesAndTheToolsSayTheSame() throws Exception {
    try (RealAuditd auditd = new RealAuditd(directory.resolve("auditd"), Map.of());
        AgentProcess agent =
            AgentProcess.start(
                directory,
                Map.of("sources.beside.type", "readlog", "liveness.interval.ms", "0"),
                "--only",
                "capture")) {
      auditd.start();
      agent.await(
          "capturing",
          () -> {
            KernelAudit.auditctl("-m", "probe");
            return !agent.lines("beside", "USER").isEmpty();
          });
      KernelAudit.auditctl("-m", "begin");
      MixedActivity activity = new MixedActivity(directory);
      activity.run(1_000);
      KernelAudit.auditctl("-m", "middle");
      activity.awaitEnd(activity.flood(20_000));
      KernelAudit.auditctl("-m", "end");
      agent.await("captured", () -> has(agent.lines("beside"), "text=end "));
      RealAuditd.await("auditd has it", () -> has(auditd.lines(), "text=end "));
      agent.signal("TERM", 4294967295L);
      assertThat(agent.awaitExit()).as(agent.log()).isZero();
      auditd.stop();

      List<String> ours = MixedActivity.lines(agent.trails("beside"));
      List<String> theirs = auditd.lines();
      theirs.removeIf(line -> line.startsWith("type=DAEMON_"));
      List<String> same = MixedActivity.between(ours, "begin", "end");
      same.removeIf(line -> line.startsWith("type=EOE "));
      assertThat(same)
          .hasSizeGreaterThan(40_000)
          .isEqualTo(MixedActivity.between(theirs, "begin", "end"));
      assertThat(types(same))
          .contains("EXECVE", "LOGIN", "CONFIG_CHANGE", "OBJ_PID", "SOCKADDR", "USER", "PATH");

      Path oursAlone = write("ours.log", MixedActivity.between(ours, "begin", "middle"));
      Path theirsAlone = write("theirs.log", MixedActivity.between(theirs, "begin", "middle"));
      assertThat(Files.size(oursAlone)).as("EOE").isGreaterThan(Files.size(theirsAlone));
      for (List<String> search : SEARCHES) {
        String[] options = search.toArray(String[]::new);
        assertSame(
            "ausearch " + search,
            withoutEnds(AuditTools.ausearch(oursAlone, options)),
            withoutEnds(AuditTools.ausearch(theirsAlone, options)));
      }
      for (List<String> report : REPORTS) {
        String[] options = report.toArray(String[]::new);
        assertSame(
            "aureport " + report,
            unnumbered(AuditTools.aureport(oursAlone, options)),
            unnumbered(AuditTools.aureport(theirsAlone, options)));
      }
    }
  }

  @Test
  void asAuditDaemon_eachOfItsTrailsAndAllOfThemAreAnAuditLog() throws Exception {
    try (AgentProcess agent =
        AgentProcess.start(
            directory,
            Map.of(
                "sources.kernel.type",
                "kernel",
                "liveness.interval.ms",
                "0",
                "trail.max.bytes",
                "1048576"),
            "--only",
            "capture")) {
      agent.awaitRegistered();
      new MixedActivity(directory).run(4_000);
      agent.signal("USR1", 1000);
      agent.await("rotated", () -> !agent.lines("kernel", "DAEMON_ROTATE").isEmpty());
      KernelAudit.auditctl("-m", "end");
      agent.await("captured", () -> has(agent.lines("kernel", "USER"), "text=end "));
      agent.signal("TERM", 1000);
      assertThat(agent.awaitExit()).as(agent.log()).isZero();

      List<Path> trails = agent.trails("kernel");
      assertThat(trails).hasSizeGreaterThan(3);
      List<String> lines = MixedActivity.lines(trails);
      assertThat(types(lines))
          .contains("DAEMON_START", "DAEMON_ROTATE", "DAEMON_END", "EOE", "LOGIN", "EXECVE");
      for (Path trail : trails) {
        assertSameEvents(trail);
      }
      Path all = write("all.log", lines);
      assertSameEvents(all);
      assertThat(events(AuditTools.ausearchOfPipe(all, "--format", "raw")))
          .isEqualTo(events(lines));
      // An event may straddle a rotation, of which these complain where they get the half of it.
      assertThat(AuditTools.ausearch(all, "--format", "text")).isNotEmpty();
      assertThat(csvEvents(AuditTools.ausearch(all, "--format", "csv")))
          .as("events by ausearch's csv")
          .hasSameSizeAs(secondsOf(events(lines)));
    }
  }

  private static void assertSameEvents(Path trail) throws Exception {
    Set<String> events = events(MixedActivity.lines(List.of(trail)));
    assertThat(events(AuditTools.ausearch(trail, "--format", "raw")))
        .as("ausearch -if %s", trail)
        .isEqualTo(events);
    assertThat(AuditTools.ausearch(trail, "-i")).isNotEmpty();
    List<String> summary = AuditTools.aureport(trail);
    String counted =
        summary.stream()
            .filter(line -> line.startsWith("Number of events: "))
            .findFirst()
            .orElseThrow();
    // aureport 3 counts an event with a LOGIN twice: the rest of it is one to it.
    assertThat(Long.parseLong(counted.substring("Number of events: ".length())))
        .as("%s: %s", trail, summary)
        .isBetween((long) events.size(), events.size() + 5L);
  }

  private static Set<String> secondsOf(Set<String> events) {
    Set<String> seconds = new TreeSet<>();
    events.forEach(event -> seconds.add(event.replaceFirst("\\.\\d+:", ":")));
    return seconds;
  }

  /** Seconds are all that csv has of the time. */
  private static Set<String> csvEvents(List<String> csv) {
    int date = List.of(csv.getFirst().split(",", -1)).indexOf("DATE");
    int time = List.of(csv.getFirst().split(",", -1)).indexOf("TIME");
    int serial = List.of(csv.getFirst().split(",", -1)).indexOf("SERIAL_NUM");
    Set<String> found = new TreeSet<>();
    for (String row : csv.subList(1, csv.size())) {
      String[] columns = row.split(",", -1);
      found.add(columns[date] + " " + columns[time] + ":" + columns[serial]);
    }
    return found;
  }

  private static boolean has(List<String> lines, String text) {
    return lines.stream().anyMatch(line -> line.contains(text));
  }

  /** The events of which there is more than their end. */
  private static Set<String> events(List<String> lines) {
    Set<String> found = new TreeSet<>();
    for (String line : lines) {
      Matcher stamp = STAMP.matcher(line);
      if (stamp.find() && !line.startsWith("type=EOE ")) {
        found.add(stamp.group(1));
      }
    }
    return found;
  }

  private static Set<String> types(List<String> lines) {
    Set<String> found = new TreeSet<>();
    lines.forEach(line -> found.add(line.substring("type=".length(), line.indexOf(' '))));
    return found;
  }

  /** An EOE is an empty line of ausearch -i. */
  private static List<String> withoutEnds(List<String> lines) {
    return lines.stream().filter(line -> !line.isEmpty() && !line.startsWith("type=EOE ")).toList();
  }

  /** The same lines; their order depends on when a tool takes an event for complete. */
  private static void assertSame(String what, List<String> ours, List<String> theirs) {
    Map<String, Long> difference = new TreeMap<>();
    ours.forEach(line -> difference.merge(line, 1L, Long::sum));
    theirs.forEach(line -> difference.merge(line, -1L, Long::sum));
    difference.values().removeIf(count -> count == 0);
    assertThat(ours).as(what).isNotEmpty();
    assertThat(difference.entrySet().stream().limit(20))
        .as("%s: lines that ours has more (or less) often, of %s", what, difference.size())
        .isEmpty();
  }

  /** Without the numbers in front: which event is which number depends on when it was complete. */
  private static List<String> unnumbered(List<String> lines) {
    return lines.stream().map(line -> line.replaceFirst("^\\d+\\. ", "")).sorted().toList();
  }

  private Path write(String name, List<String> lines) throws Exception {
    return Files.writeString(
        directory.resolve(name), String.join("\n", lines) + "\n", StandardCharsets.ISO_8859_1);
  }
}
