// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.kafka.common.config.ConfigDef.ConfigKey;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What {@code etc/} has: it says what holds, and works with the programs it is for. */
@Timeout(120)
class EtcTest {
  private static final Path ETC = Path.of("etc");
  private static final int UID = 64001;
  private static final int READERS = 64010;

  /** Of keys without a default, and of those that are needed. */
  private static final Map<String, String> EXAMPLES =
      Map.of(
          "bootstrap.servers", "broker1:9092,broker2:9092",
          "schema.registry.url", "http://registry:8081",
          "kernel.backlog.limit", "8192",
          "kernel.backlog.wait.time", "15000",
          "kernel.failure", "1",
          "kernel.rate.limit", "0");

  @TempDir Path scratch;

  @AfterAll
  static void giveBack() throws Exception {
    KernelAudit.release();
  }

  @Test
  void properties_haveEveryKeyWithItsMeaningAndDefault() throws Exception {
    Path file = ETC.resolve("agent.properties");
    String marker = "# ---- every key, with its default ----\n";
    String text = Files.readString(file);
    String head = text.substring(0, text.indexOf(marker) + marker.length());
    String wanted = head + keys();
    if (Boolean.getBoolean("golden.rewrite")) {
      Files.writeString(file, wanted);
    }
    assertThat(Files.readString(file))
        .as("rewrite it by -Dgolden.rewrite=true and look at the difference")
        .isEqualTo(wanted);
  }

  @Test
  void properties_areAConfiguration_alsoWithEveryKeySet() throws Exception {
    Path file = ETC.resolve("agent.properties");
    AgentConfig config = AgentConfig.read(file, Map.of(), Half.BOTH);
    assertThat(config.sources()).hasSize(1);
    Path all = scratch.resolve("all.properties");
    Files.writeString(all, Files.readString(file).replaceAll("(?m)^#(?=[a-z.]+=)", ""));
    AgentConfig whole = AgentConfig.read(all, Map.of(), Half.BOTH);
    assertThat(whole.capture().maxBytes()).isEqualTo(config.capture().maxBytes());
    assertThat(whole.capture().backlogLimit()).contains(8192L);
  }

  @Test
  void units_areVerifiedBySystemd() throws Exception {
    Path units = unitsOfThisHost();
    List<String> command =
        new ArrayList<>(
            List.of(
                "env", "SYSTEMD_UNIT_PATH=" + units + ":", systemdAnalyze(), "verify", "--man=no"));
    try (Stream<Path> files = Files.list(units)) {
      files.forEach(file -> command.add(file.toString()));
    }
    assertThat(command).hasSize(5 + 4);
    assertThat(run(command)).isEmpty();
  }

  @Test
  void services_areHardened() throws Exception {
    Map<String, Double> exposures = new TreeMap<>();
    Path units = unitsOfThisHost();
    for (String service : List.of("agent", "capture", "distribution")) {
      Path unit = units.resolve("auditbus-" + service + ".service");
      String said = run(List.of(systemdAnalyze(), "security", "--offline=true", unit.toString()));
      Matcher exposure =
          Pattern.compile("Overall exposure level for \\S+: ([0-9.]+)").matcher(said);
      assertThat(exposure.find()).as(said).isTrue();
      exposures.put(service, Double.valueOf(exposure.group(1)));
    }
    System.out.println("systemd-analyze security: " + exposures);
    assertThat(exposures.get("agent")).isLessThan(2.2);
    assertThat(exposures.get("capture")).isLessThan(1.7);
    assertThat(exposures.get("distribution")).isLessThan(1.6);
  }

  @Test
  void users_areMadeBySysusers() throws Exception {
    Files.createDirectory(scratch.resolve("etc"));
    run(
        List.of(
            RequiredTools.path("systemd-sysusers").toString(),
            "--root=" + scratch,
            ETC.resolve("sysusers.d/auditbus.conf").toAbsolutePath().toString()));
    assertThat(Files.readString(scratch.resolve("etc/passwd")))
        .contains("auditbus:x:")
        .contains("auditbus-capture:x:");
    assertThat(Files.readAllLines(scratch.resolve("etc/group")))
        .singleElement()
        .asString()
        .startsWith("auditbus:x:");
  }

  @Test
  void rules_giveEverySignalThatCountsARecord_andNoOther() throws Exception {
    KernelAudit.require();
    String rules = Files.readString(ETC.resolve("audit.rules"));
    Path file = scratch.resolve("audit.rules");
    Files.writeString(
        file, rules.replace("#-A ", "-A ").replaceAll("uid=auditbus(-capture)?", "uid=" + UID));
    // As it is and with everything in it, to see that it can be loaded.
    KernelAudit.auditctl("-R", file.toString());
    assertThat(KernelAudit.auditctl("-l")).contains("-a never,exit -S all -F uid=" + UID);
    KernelAudit.auditctl("-D");
    KernelAudit.auditctl("-R", ETC.resolve("audit.rules").toAbsolutePath().toString());
    assertThat(KernelAudit.auditctl("-l").lines())
        .hasSize(8)
        .allMatch(line -> line.endsWith("-F key=auditbus-signal"));
    KernelAudit.auditctl("-e", "1");

    Path signals = KernelAudit.build("signals.c", scratch);
    Path state = Files.createDirectory(scratch.resolve("state"));
    String sent;
    try (ConfinedAgent agent =
        ConfinedAgent.start(
            scratch,
            List.of(),
            Map.of("state.dir", state.toString(), "sources.kernel.type", "kernel"),
            "--only",
            "capture")) {
      agent.untilRegistered();
      sent = run(List.of(signals.toString()));
      KernelAudit.auditctl("-m", "all-sent");
      agent.until("all", () -> lines(state).stream().anyMatch(l -> l.contains("all-sent")));
      assertThat(agent.stop()).isZero();
    } finally {
      KernelAudit.restore();
    }
    Set<String> wanted = new LinkedHashSet<>();
    for (String call : sent.lines().toList()) {
      String[] words = call.split(" ", -1);
      int signal = Integer.parseInt(words[2]);
      boolean byThread = Set.of("234", "297", "270", "335").contains(words[1]);
      if ((signal >= 1 && signal <= 15 && !(byThread && signal == 12)) || signal == 19) {
        wanted.add(call);
      }
    }
    assertThat(wanted).hasSize(2 * (6 * 7 - 2));
    wanted.add("c000003e 62 " + ((1L << 40) | 15));
    List<String> found = new ArrayList<>();
    Pattern record =
        Pattern.compile(
            "^type=SYSCALL .*: arch=(\\w+) syscall=(\\d+) .* a1=(\\w+) a2=(\\w+) .*comm=\"signals\".* key=\"auditbus-signal\"");
    for (String line : lines(state)) {
      Matcher fields = record.matcher(line);
      if (fields.find()) {
        boolean third = Set.of("234", "297", "270", "335").contains(fields.group(2));
        long signal = Long.parseLong(fields.group(third ? 4 : 3), 16);
        found.add(fields.group(1) + " " + fields.group(2) + " " + signal);
      }
    }
    assertThat(found).containsExactlyInAnyOrderElementsOf(wanted);
    assertThat(lines(state))
        .filteredOn(line -> line.startsWith("type=OBJ_PID "))
        .hasSizeGreaterThanOrEqualTo(wanted.size());
  }

  @Test
  void plugin_runsUnderAuditdWithoutItsRights() throws Exception {
    KernelAudit.require();
    Path state = ConfinedAgent.directoryOf(UID, scratch.resolve("capture"));
    Path config = scratch.resolve("agent.properties");
    Files.writeString(config, "sources.plugin.type=audisp\nsources.plugin.path=-\n");
    Path launcher = scratch.resolve("launcher");
    List<String> command = ConfinedAgent.command(List.of(), Map.of());
    Files.writeString(
        launcher,
        "#!/bin/sh\nshift 2\nexec "
            + String.join(" ", command)
            + " \"$@\" 2> "
            + state.resolve("err")
            + "\n");
    Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path plugin = scratch.resolve("auditbus-plugin");
    Files.writeString(
        plugin,
        Files.readString(ETC.resolve("auditbus-plugin"))
            .replace("/opt/auditbus/auditbus", launcher.toString())
            .replace("/var/lib/auditbus-capture", state.toString())
            .replace("--reuid=auditbus-capture", "--reuid=" + UID)
            .replace("--regid=auditbus", "--regid=" + READERS)
            .replace("trail.group=auditbus", "trail.group=" + READERS));
    Files.setPosixFilePermissions(plugin, PosixFilePermissions.fromString("rwxr-x---"));
    Files.createDirectory(scratch.resolve("plugins.d"));
    Files.createDirectory(scratch.resolve("log")); // auditd takes it for itself alone
    Files.writeString(
        scratch.resolve("plugins.d/auditbus.conf"),
        Files.readString(ETC.resolve("plugins.d/auditbus.conf"))
            .replace("/opt/auditbus/agent/etc/auditbus-plugin", plugin.toString())
            .replace("/etc/auditbus/agent.properties", config.toString()));
    Files.writeString(
        scratch.resolve("auditd.conf"), AUDITD_CONF.replace("SCRATCH", scratch.toString()));
    KernelAudit.auditctl("-e", "1");
    Process auditd =
        new ProcessBuilder(
                RequiredTools.path("auditd").toString(),
                "-n",
                "-s",
                "nochange",
                "-c",
                scratch.toString())
            .redirectErrorStream(true)
            .redirectOutput(scratch.resolve("auditd.out").toFile())
            .start();
    Path trails = state.resolve("plugin");
    try {
      until(
          () -> !ConfinedAgent.trails(trails).isEmpty(),
          scratch.resolve("auditd.out"),
          state.resolve("err"));
      KernelAudit.auditctl("-m", "through-the-plugin");
      until(
          () ->
              ConfinedAgent.lines(trails).stream().anyMatch(l -> l.contains("through-the-plugin")),
          scratch.resolve("auditd.out"),
          state.resolve("err"));
      ConfinedAgent.run("kill", "-TERM", "" + auditd.pid());
      assertThat(auditd.waitFor(30, TimeUnit.SECONDS)).isTrue();
      until(
          () ->
              ConfinedAgent.trails(trails).stream()
                  .noneMatch(trail -> trail.toString().endsWith(".not_terminated")),
          scratch.resolve("auditd.out"),
          state.resolve("err"));
    } finally {
      auditd.destroyForcibly().waitFor();
      KernelAudit.restore();
    }
    Path trail = ConfinedAgent.trails(trails).getFirst();
    assertThat(Files.getAttribute(trail, "unix:uid", LinkOption.NOFOLLOW_LINKS)).isEqualTo(UID);
    assertThat(Files.getAttribute(trail, "unix:gid", LinkOption.NOFOLLOW_LINKS)).isEqualTo(READERS);
    assertThat(ConfinedAgent.lines(trails).getLast()).startsWith("type=DAEMON_END ");
  }

  private static final String AUDITD_CONF =
      """
      local_events = yes
      write_logs = yes
      log_file = SCRATCH/log/audit.log
      log_format = RAW
      log_group = root
      flush = NONE
      name_format = NONE
      max_log_file = 100
      max_log_file_action = IGNORE
      space_left = 2
      space_left_action = IGNORE
      admin_space_left = 1
      admin_space_left_action = IGNORE
      disk_full_action = IGNORE
      disk_error_action = IGNORE
      plugin_dir = SCRATCH/plugins.d
      """;

  private static void until(Callable<Boolean> condition, Path... said) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!condition.call()) {
      if (System.nanoTime() > deadline) {
        StringBuilder all = new StringBuilder();
        for (Path file : said) {
          all.append(file)
              .append(Files.exists(file) ? ":\n" + Files.readString(file) : " is not there\n");
        }
        throw new AssertionError(all);
      }
      Thread.sleep(50);
    }
  }

  /** The units with a program this host has. */
  private Path unitsOfThisHost() throws IOException {
    Path units = Files.createDirectory(scratch.resolve("units"));
    try (Stream<Path> files = Files.list(ETC.resolve("systemd"))) {
      for (Path file : files.toList()) {
        Files.writeString(
            units.resolve(file.getFileName()),
            Files.readString(file).replace("/opt/auditbus/auditbus ", "/bin/true "));
      }
    }
    return units;
  }

  private static String systemdAnalyze() {
    return RequiredTools.path("systemd-analyze").toString();
  }

  private static List<String> lines(Path state) throws IOException {
    return ConfinedAgent.lines(state.resolve("trails/kernel"));
  }

  private static String keys() {
    StringBuilder text = new StringBuilder();
    Map<String, String> defaults = new HashMap<>();
    for (ConfigKey key : AgentConfig.definition().configKeys().values()) {
      String range = key.validator == null ? "" : " Values: " + key.validator + ".";
      boolean unset = key.hasDefault() && key.defaultValue == null;
      text.append('\n');
      wrap(text, key.documentation + range + (unset ? " Not set by default." : ""));
      String value =
          EXAMPLES.containsKey(key.name)
              ? EXAMPLES.get(key.name)
              : String.valueOf(key.defaultValue);
      defaults.put(key.name, value);
      text.append(key.hasDefault() ? "#" : "")
          .append(key.name)
          .append('=')
          .append(value)
          .append('\n');
    }
    assertThat(defaults).containsKeys(EXAMPLES.keySet().toArray(String[]::new));
    return text.toString();
  }

  private static void wrap(StringBuilder text, String words) {
    StringBuilder line = new StringBuilder("#");
    for (String word : words.split(" ", -1)) {
      if (line.length() + 1 + word.length() > 110) {
        text.append(line).append('\n');
        line = new StringBuilder("#");
      }
      line.append(' ').append(word);
    }
    text.append(line).append('\n');
  }

  private static String run(List<String> command) throws Exception {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectInput(new File("/dev/null"))
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
