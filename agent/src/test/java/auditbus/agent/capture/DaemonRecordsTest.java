// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.RequiredTools;
import auditbus.agent.capture.Processes.Facts;
import auditbus.agent.capture.Sender.Info;
import auditbus.agent.capture.Sender.Proof;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DaemonRecordsTest {
  private static final Instant NOW = Instant.parse("2026-11-20T10:28:48.007Z");
  private static final Optional<Facts> OWN =
      Optional.of(
          new Facts(
              OptionalLong.of(Processes.UNSET), OptionalLong.of(Processes.UNSET), 0, 0, 0, true));

  @TempDir Path directory;

  private static DaemonRecords records(Optional<String> label) {
    return new DaemonRecords("0.1.0", "6.18.44", 19288, OWN, label, InstantSource.fixed(NOW), 6282);
  }

  private static Sender witnessed(long auid, Info info, SignalAnswer answer) {
    return new Sender(
        Proof.KILL_EVENT,
        auid < 0 ? OptionalLong.empty() : OptionalLong.of(auid),
        OptionalLong.of(0),
        auid < 0 ? OptionalLong.empty() : OptionalLong.of(2),
        OptionalInt.of(19342),
        "",
        KillSamples.find(KillSamples.kill(19, 15, true, auid, 19342, 7), 7).stream().findFirst(),
        info,
        Optional.of(answer),
        info == Info.COALESCED ? 2 : 0);
  }

  private static Sender told(String context) {
    return new Sender(
        Proof.SIGNAL_INFO,
        OptionalLong.of(1000),
        OptionalLong.empty(),
        OptionalLong.empty(),
        OptionalInt.of(31347),
        context,
        Optional.empty(),
        Info.UNPROVEN,
        Optional.of(new SignalAnswer(1000, 31347, context)),
        0);
  }

  private static Sender unknown(Info info, Optional<SignalAnswer> answer) {
    return new Sender(
        Proof.UNKNOWN,
        OptionalLong.empty(),
        OptionalLong.empty(),
        OptionalLong.empty(),
        OptionalInt.empty(),
        "",
        Optional.empty(),
        info,
        answer,
        0);
  }

  private static List<String> all() {
    DaemonRecords records = records(Optional.empty());
    return List.of(
        records.start(),
        records.reconfigured(witnessed(1000, Info.AGREES, new SignalAnswer(1000, 19342))),
        records.reconfigureFailed(
            witnessed(1000, Info.COALESCED, new SignalAnswer(1001, 31814)), "no: auid=0\nx"),
        records.rotate(told(""), true),
        records.resume(unknown(Info.STALE, Optional.of(new SignalAnswer(1000, 31347))), false),
        records.end(witnessed(-1, Info.REFUSED, new SignalAnswer(65534, 32034))),
        records.end(unknown(Info.NONE, Optional.empty())),
        records.abort("set-pid", "another daemon"),
        records.error("write-trail", "No space left on device"));
  }

  @Test
  void records_haveAuditdsFieldsInItsOrderAndThenOurs() {
    assertThat(all())
        .containsExactly(
            "type=DAEMON_START msg=audit(1795170528.007:6282): op=start ver=auditbus-0.1.0"
                + " format=raw kernel=6.18.44 auid=4294967295 pid=19288 uid=0 ses=4294967295"
                + " res=success\n",
            "type=DAEMON_CONFIG msg=audit(1795170528.007:6283): op=reconfigure state=changed"
                + " auid=1000 uid=0 ses=2 pid=19342 res=success sender=kill-event"
                + " event=1795170528.496:19 info=agrees info-uid=1000 info-pid=19342\n",
            "type=DAEMON_CONFIG msg=audit(1795170528.007:6284): op=reconfigure state=no-change"
                + " auid=1000 uid=0 ses=2 pid=19342 res=failed sender=kill-event"
                + " event=1795170528.496:19 info=coalesced info-uid=1001 info-pid=31814"
                + " coalesced=2 reason=6E6F3A20617569643D300A78\n",
            "type=DAEMON_ROTATE msg=audit(1795170528.007:6285): op=rotate-logs auid=1000"
                + " uid=4294967295 ses=4294967295 pid=31347 res=success sender=signal-info"
                + " info=unproven info-uid=1000 info-pid=31347\n",
            "type=DAEMON_RESUME msg=audit(1795170528.007:6286): op=resume-logging auid=4294967295"
                + " uid=4294967295 ses=4294967295 pid=-1 res=failed sender=unknown info=stale"
                + " info-uid=1000 info-pid=31347\n",
            "type=DAEMON_END msg=audit(1795170528.007:6287): op=terminate auid=4294967295 uid=0"
                + " ses=4294967295 pid=19342 res=success sender=kill-event"
                + " event=1795170528.496:19 info=refused info-uid=65534 info-pid=32034\n",
            "type=DAEMON_END msg=audit(1795170528.007:6288): op=terminate auid=4294967295"
                + " uid=4294967295 ses=4294967295 pid=-1 res=success sender=unknown info=none\n",
            "type=DAEMON_ABORT msg=audit(1795170528.007:6289): op=set-pid auid=4294967295"
                + " pid=19288 uid=0 ses=4294967295 res=failed reason=616E6F74686572206461656D6F6E\n",
            "type=DAEMON_ERR msg=audit(1795170528.007:6290): op=write-trail auid=4294967295"
                + " pid=19288 uid=0 ses=4294967295 res=failed"
                + " reason=4E6F207370616365206C656674206F6E20646576696365\n");
  }

  @Test
  void label_standsWhereAuditdHasIt() {
    DaemonRecords records = records(Optional.of("system_u:system_r:auditd_t:s0"));
    assertThat(records.start())
        .contains(" ses=4294967295 subj=system_u:system_r:auditd_t:s0 res=success\n");
    assertThat(records.end(told("unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023")))
        .contains(
            " pid=31347 subj=unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023 res=success ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x res=success auid=0",
        "x\ntype=SYSCALL msg=audit(1.000:1): auid=0",
        "x\u001dAUID=\"root\"",
        "x'\"",
        "\u00e9",
        ""
      })
  void textFromElsewhere_forgesNothing(String text) {
    DaemonRecords records =
        new DaemonRecords(
            text, text, 19288, OWN, Optional.of(text), InstantSource.fixed(NOW), 6282);
    for (String line :
        List.of(
            records.start(),
            records.abort(text, text),
            records.error(text, text),
            records.reconfigureFailed(told(text), text))) {
      assertThat(line).matches("[!-~ ]+\n").doesNotContain("'", "\"", "type=SYSCALL", "auid=0");
      assertThat(line.split(" auid=", -1)).hasSize(2);
      assertThat(line.split(" res=", -1)).hasSize(2);
      assertThat(line).hasSizeLessThan(8970);
    }
    assertThat(records.error("write-trail", "x".repeat(100_000))).hasSizeLessThan(2000);
  }

  @Test
  void thisProcess_startsAsItself() throws IOException {
    Set<String> serials = new HashSet<>();
    for (int i = 0; i < 50; i++) {
      DaemonRecords records =
          DaemonRecords.ofThisProcess("0.1.0", Path.of("/proc"), InstantSource.fixed(NOW));
      String line = records.start();
      assertThat(line)
          .contains(" kernel=" + System.getProperty("os.version") + " ")
          .contains(" pid=" + ProcessHandle.current().pid() + " ")
          .contains(" auid=" + Files.readString(Path.of("/proc/self/loginuid")).strip() + " ");
      String serial = line.substring(line.indexOf(':') + 1, line.indexOf(')'));
      assertThat(Integer.parseInt(serial)).isBetween(1, 9999);
      serials.add(serial);
    }
    assertThat(serials).hasSizeGreaterThan(40);
  }

  /** The audit tools make of our records what they make of auditd's. */
  @Test
  void auditTools_readThemAsAuditds() throws IOException, InterruptedException {
    Path ours = directory.resolve("ours.log");
    Path auditds = directory.resolve("auditds.log");
    Files.writeString(ours, String.join("", all()));
    // auditd's form: nothing after res=
    Files.writeString(
        auditds, String.join("", all()).replaceAll("(?m)( res=(?:success|failed)) .*$", "$1"));
    assertThat(Files.readString(auditds)).doesNotContain("sender=").doesNotContain("reason=");
    for (List<String> options :
        List.of(
            List.of("ausearch", "--format", "csv", "--extra-time", "--extra-obj2"),
            List.of("ausearch", "--format", "text"),
            List.of("aureport", "--summary"),
            List.of("aureport", "--config", "-i"),
            List.of("aureport", "--user", "-i"),
            List.of("aureport", "--pid", "-i"),
            List.of("aureport", "--event"),
            List.of("aureport", "--log"))) {
      List<String> of = run(ours, options);
      assertThat(of).as("%s", options).isNotEmpty();
      assertThat(of.stream().map(line -> line.replace("ours.log", "auditds.log")))
          .as("%s", options)
          .isEqualTo(run(auditds, options));
    }
    for (List<String> search :
        List.of(
            List.of("--pid", "19342"),
            List.of("--pid", "32034"),
            List.of("--pid", "31814"),
            List.of("--loginuid", "1000"),
            List.of("--loginuid", "1001"),
            List.of("--loginuid", "65534"),
            List.of("--uid", "0"),
            List.of("--session", "2"),
            List.of("--success", "yes"),
            List.of("--success", "no"))) {
      List<String> options = new ArrayList<>(List.of("ausearch", "--format", "csv"));
      options.addAll(search);
      assertThat(run(ours, options)).as("%s", search).isEqualTo(run(auditds, options));
    }
    assertThat(run(ours, List.of("ausearch", "--format", "raw")))
        .isEqualTo(all().stream().map(String::strip).toList());
  }

  @Test
  void ausearch_interpretsThem() throws IOException, InterruptedException {
    Path ours = directory.resolve("ours.log");
    Files.writeString(ours, String.join("", all()));
    List<String> lines =
        run(ours, List.of("ausearch", "-i")).stream()
            .filter(line -> line.startsWith("type="))
            .toList();
    assertThat(lines).hasSize(all().size());
    for (String line : all()) {
      String type = line.substring(0, line.indexOf(' '));
      String serial = line.substring(line.indexOf(':') + 1, line.indexOf(')'));
      String interpreted =
          lines.stream()
              .filter(other -> other.startsWith(type) && other.contains(":" + serial + ") : "))
              .findFirst()
              .orElseThrow();
      // Our own fields come out as they were written.
      String own = line.replaceAll("(?s).* res=(success|failed)", "").strip();
      assertThat(interpreted.strip()).endsWith(own);
      assertThat(interpreted)
          .contains(line.contains("auid=4294967295") ? " auid=unset " : " auid=")
          .doesNotContain(" auid=root ");
    }
  }

  private static List<String> run(Path file, List<String> options)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(RequiredTools.path(options.getFirst()).toString());
    command.addAll(List.of("-if", file.toString()));
    command.addAll(options.subList(1, options.size()));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(Map.of("TZ", "UTC", "LC_ALL", "C"));
    builder.redirectErrorStream(true);
    // ausearch prefers a pipe on its input to the file it was given.
    builder.redirectInput(Path.of("/dev/null").toFile());
    Process process = builder.start();
    byte[] output = process.getInputStream().readAllBytes();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return new String(output, StandardCharsets.UTF_8)
        .lines()
        .map(line -> line.toLowerCase(Locale.ROOT).equals("<no matches>") ? "" : line)
        .toList();
  }
}
