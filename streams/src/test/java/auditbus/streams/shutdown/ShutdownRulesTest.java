// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import auditbus.schemas.Attribution;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Certainty;
import auditbus.schemas.Evidence;
import auditbus.schemas.EvidenceKind;
import auditbus.schemas.Format;
import auditbus.schemas.Outcome;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Subject;
import auditbus.schemas.Target;
import auditbus.schemas.Topics;
import auditbus.streams.Drive;
import auditbus.streams.Samples;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each rule, and beside it what must not be taken for it. */
class ShutdownRulesTest {
  private static final String UNSET = "4294967295";

  private Drive<ShutdownAttribution> drive = drive();
  private final Map<String, ShutdownAttribution> published = new LinkedHashMap<>();

  private static Drive<ShutdownAttribution> drive() {
    return new Drive<>(new ShutdownJob(), Topics.SHUTDOWNS, Map.of("shutdown.grace.ms", "0"));
  }

  @AfterEach
  void close() {
    drive.close();
  }

  private static String start(String time, int pid) {
    return "type=DAEMON_START msg=audit(%s:8): op=start ver=3.0.9 pid=%d uid=0 res=success\n"
        .formatted(time, pid);
  }

  private static String end(String time, String info) {
    return "type=DAEMON_END msg=audit(%s:9): op=terminate %s res=success\n".formatted(time, info);
  }

  private static String end(String time) {
    return end(time, "auid=-1 uid=-1 ses=-1 pid=-1 subj=?");
  }

  private static String abort(String time, int pid) {
    return "type=DAEMON_ABORT msg=audit(%s:8): op=set-pid auid=%s pid=%d res=failed\n"
        .formatted(time, UNSET, pid);
  }

  private static String call(
      String time, String serial, String call, long pid, String user, String comm) {
    String[] who = user.split("/", -1);
    return ("type=SYSCALL msg=audit(%s:%s): arch=c000003e %s a2=0 a3=0 items=0 ppid=9 pid=%d"
            + " auid=%s uid=0 gid=0 euid=0 egid=0 tty=pts0 ses=%s comm=\"%s\" exe=\"/usr/bin/%s\""
            + " key=(null)\n")
        .formatted(time, serial, call, pid, who[0], who[1], comm, comm);
  }

  /** A successful kill; user is AUID/SESSION. */
  private static String kill(String time, int signal, long target, long pid, String user) {
    return kill(time, signal, target, pid, user, "auditd");
  }

  private static String kill(
      String time, int signal, long target, long pid, String user, String comm) {
    String serial = time.replace(".", "");
    return call(
            time,
            serial,
            "syscall=62 success=yes exit=0 a0=%x a1=%x".formatted(target, signal),
            pid,
            user,
            "kill")
        + "type=OBJ_PID msg=audit(%s:%s): opid=%d oauid=-1 ouid=0 oses=-1 ocomm=\"%s\"\n"
            .formatted(time, serial, target, comm);
  }

  private static String execve(String time, String user, String line) {
    return execve(time, user, line, "yes");
  }

  private static String execve(String time, String user, String line, String success) {
    List<String> words = List.of(line.split(" ", -1));
    String first = words.getFirst().startsWith("/bin/") ? words.get(1) : words.getFirst();
    String comm = first.substring(first.lastIndexOf('/') + 1);
    String serial = time.replace(".", "") + user.replaceAll("[^0-9]", "");
    StringBuilder argv = new StringBuilder();
    for (int i = 0; i < words.size(); i++) {
      argv.append(" a").append(i).append("=\"").append(words.get(i)).append('"');
    }
    return call(
            time,
            serial.substring(0, 9),
            "syscall=59 success=" + success + " exit=0 a0=1 a1=2",
            1500,
            user,
            comm)
        + "type=EXECVE msg=audit(%s:%s): argc=%d%s\n"
            .formatted(time, serial.substring(0, 9), words.size(), argv);
  }

  private static String serviceStop(String time, long pid, String unit) {
    return ("type=SERVICE_STOP msg=audit(%s:4): pid=%d uid=0 auid=%s ses=%s msg='unit=%s"
            + " comm=\"systemd\" res=success'\n")
        .formatted(time, pid, UNSET, UNSET, unit);
  }

  private static String config(String time, String what, String old, String auid, String result) {
    return "type=CONFIG_CHANGE msg=audit(%s:31): op=set %s old=%s auid=%s ses=3 res=%s\n"
        .formatted(time, what, old, auid, result);
  }

  private static String unregistered(String time, long pid) {
    return config(time, "audit_pid=0", Long.toString(pid), UNSET, "1")
        + call(time, "31", "syscall=44 success=yes exit=60 a0=3 a1=1", pid, "-1/-1", "auditd")
            .replace("auid=-1", "auid=" + UNSET)
            .replace("ses=-1", "ses=" + UNSET);
  }

  private static List<AuditEvent> events(String... texts) {
    return Samples.events(String.join("", texts));
  }

  private void send(String... texts) {
    send(events(texts));
  }

  private void send(List<AuditEvent> events) {
    events.forEach(event -> drive.send(Topics.EVENTS, event));
    drive.results().forEach(stop -> published.put(stop.getId(), stop));
  }

  /** What holds, by time. */
  private List<ShutdownAttribution> stops() {
    Map<Instant, ShutdownAttribution> byTime = new TreeMap<>();
    published.values().stream()
        .filter(stop -> stop.getSupersededBy().isEmpty() && stop.getWithdrawn().isEmpty())
        .forEach(stop -> assertThat(byTime.put(stop.getStopped(), stop)).isNull());
    return List.copyOf(byTime.values());
  }

  private ShutdownAttribution stop() {
    assertThat(stops()).hasSize(1);
    return stops().getFirst();
  }

  private static List<EvidenceKind> kinds(ShutdownAttribution stop) {
    return stop.getEvidence().stream().map(Evidence::getKind).toList();
  }

  // The next start.

  @Test
  void startWithoutAnEndBefore_marksTheEndOfTheEarlierRun() {
    send(start("100.000", 500), start("200.000", 600));
    ShutdownAttribution stop = stop();
    assertThat(stop.getMarker()).isEqualTo("DAEMON_START");
    assertThat(stop.getStopped()).isEqualTo(Instant.ofEpochSecond(200));
    assertThat(stop.getDaemonPid()).contains(500L);
    assertThat(stop.getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
    assertThat(kinds(stop)).containsExactly(EvidenceKind.DAEMON_START);
  }

  @Test
  void firstStart_marksNothing() {
    send(start("100.000", 500), start("100.000", 500));
    assertThat(stops()).isEmpty();
  }

  @Test
  void startAfterAnEnd_marksNothing() {
    send(start("100.000", 500), end("150.000"), start("200.000", 600));
    assertThat(stop().getMarker()).isEqualTo("DAEMON_END");
    assertThat(published).hasSize(1);
  }

  @Test
  void startOfAnotherNodeOrDaemon_marksNothing() {
    AuditEvent agents =
        events(start("200.000", 600).replace("ver=3.0.9", "ver=auditbus-0.1.0")).getFirst();
    agents.setSource("kernel");
    AuditEvent one = events(start("100.000", 500)).getFirst();
    one.setNode("a");
    AuditEvent other = events(start("300.000", 500)).getFirst();
    other.setNode("b");
    send(List.of(one, agents, other));
    assertThat(stops()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "type=DAEMON_ABORT msg=audit(200.010:8): op=set-pid auid=0 pid=600 res=failed\n",
        "type=CONFIG_CHANGE msg=audit(200.010:8): op=set audit_pid=600 old=500 auid=0 ses=3 res=0\n"
      })
  void startThatGaveUp_isWithdrawn(String gaveUp) {
    send(start("100.000", 500), start("200.000", 600));
    assertThat(stops()).hasSize(1);
    send(gaveUp);
    assertThat(stops()).isEmpty();
    assertThat(published.values().iterator().next().getWithdrawn().orElse("")).contains("gave up");
    send(end("300.000"));
    assertThat(stop().getDaemonPid()).contains(500L);
  }

  @Test
  void abortOfALaterProcessWithTheSamePid_doesNotUndoAStart() {
    send(start("100.000", 500), start("200.000", 600), abort("290.000", 600));
    assertThat(stops()).hasSize(1);
  }

  @Test
  void endThatComesLate_supersedesTheStart() {
    send(start("100.000", 500), start("200.000", 600));
    String weaker = stop().getId();
    send(end("150.000"));
    ShutdownAttribution stop = stop();
    assertThat(stop.getMarker()).isEqualTo("DAEMON_END");
    ShutdownAttribution superseded = published.get(weaker);
    assertThat(superseded.getSupersededBy()).contains(stop.getId());
    assertThat(superseded.getRevision()).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({
    "9, 150.000, auditd, USER, PROVEN",
    "15, 150.000, auditd, USER, PROVEN",
    "15, 99.900, auditd, UNATTRIBUTED, UNKNOWN",
    "15, 200.005, auditd, UNATTRIBUTED, UNKNOWN",
    "3, 150.000, auditd, UNATTRIBUTED, UNKNOWN",
    "9, 150.000, bash, UNATTRIBUTED, UNKNOWN"
  })
  void signalBetweenTwoStarts_isEvidenceWhereItFitsPidTimeAndName(
      int signal, String time, String comm, Attribution who, Certainty certainty) {
    send(
        start("100.000", 500), kill(time, signal, 500, 700, "1000/3", comm), start("200.000", 600));
    assertThat(stop().getAttribution()).isEqualTo(who);
    assertThat(stop().getCertainty()).isEqualTo(certainty);
  }

  /** auditd 500 died unseen, its successor's start was lost; a user ended a process of pid 500. */
  @ParameterizedTest
  @CsvSource({
    "auditd, 0, USER",
    "sleep, 0, UNATTRIBUTED",
    "sleep, 1000, UNATTRIBUTED",
    "auditd, 1000, UNATTRIBUTED"
  })
  void killOfAProcessThatIsPlainlyNotAuditd_namesNobody(String comm, int uid, Attribution who) {
    send(
        start("100.000", 500),
        kill("149.990", 15, 500, 700, "1000/3", comm).replace(" ouid=0 ", " ouid=" + uid + " "),
        end("150.000"));
    assertThat(stop().getAttribution()).isEqualTo(who);
  }

  @Test
  void signalsAtAPidThatIsGone_areNoEvidence() {
    send(
        start("100.000", 500),
        kill("150.000", 9, 500, 700, "1000/3"),
        kill("160.000", 9, 500, 800, "1001/4"),
        kill("190.000", 15, 500, 801, "1001/4"),
        start("200.000", 600));
    assertThat(stop().getAuid()).contains(1000L);
    assertThat(stop().getDisagreement()).isFalse();
    assertThat(stop().getEvidence()).hasSize(2);
  }

  @Test
  void bootInBetween_isSaid() {
    AuditEvent before = events(start("100.000", 500)).getFirst();
    before.setBoot("b1");
    AuditEvent after = events(start("200.000", 600)).getFirst();
    after.setBoot("b2");
    send(List.of(before, after));
    assertThat(stop().getEvidence().getFirst().getNote().orElse("")).contains("booted");
    assertThat(stop().getBoot()).contains("b1");
    drive.close();
    drive = drive();
    published.clear();
    send(
        start("100.000", 500),
        "type=SYSTEM_BOOT msg=audit(190.000:1): pid=9 uid=0 auid=0 ses=1 msg='op=x res=success'\n",
        start("200.000", 600));
    assertThat(stop().getEvidence().getFirst().getNote().orElse("")).contains("booted");
  }

  @Test
  void runWhoseEndWasForgotten_isNotEndedAgain() {
    send(start("100.000", 500), end("150.000"));
    assertThat(stops()).hasSize(1);
    drive.brokerPasses(Duration.ofDays(3));
    send(start("100.000", 500));
    send(start("90.000", 400), start("300000.000", 600));
    assertThat(stops()).hasSize(1);
  }

  // The kernel's records.

  @ParameterizedTest
  @CsvSource({"1000, USER", "4294967295, UNSET"})
  void auditingSwitchedOff_isAStopOfItsOwn(String auid, Attribution who) {
    send(start("100.000", 500), config("150.000", "audit_enabled=0", "1", auid, "1"));
    ShutdownAttribution stop = stop();
    assertThat(stop.getMarker()).isEqualTo("CONFIG_CHANGE");
    assertThat(stop.getDaemon()).isEqualTo("kernel");
    assertThat(stop.getAttribution()).isEqualTo(who);
    assertThat(stop.getCertainty()).isEqualTo(Certainty.PROVEN);
    send(end("160.000"));
    assertThat(stops()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "type=CONFIG_CHANGE msg=audit(150.000:31): op=set audit_enabled=0 old=1 auid=1 ses=3 res=0",
        "type=CONFIG_CHANGE msg=audit(150.000:31): op=set audit_enabled=0 old=0 auid=1 ses=3 res=1",
        "type=CONFIG_CHANGE msg=audit(150.000:31): op=set audit_enabled=1 old=0 auid=1 ses=3 res=1",
        "type=CONFIG_CHANGE msg=audit(150.000:31): op=set audit_pid=0 old=500 auid=1 ses=3 res=0",
        "type=CONFIG_CHANGE msg=audit(150.000:31): op=set audit_pid=500 old=0 auid=1 ses=3 res=1",
        "type=CONFIG_CHANGE msg=audit(150.000:31): op=set audit_failure=0 old=1 auid=1 ses=3 res=1",
        "type=USER msg=audit(150.000:31): pid=5 uid=0 auid=1 ses=3"
            + " msg='op=set audit_enabled=0 old=1 auid=0 res=1'"
      })
  void otherConfigChanges_areNoStop(String line) {
    send(start("100.000", 500), line + "\n");
    assertThat(stops()).isEmpty();
  }

  @Test
  void unregisteredDaemon_isAStopUntilItsEndComes() {
    send(
        start("100.000", 500),
        kill("149.990", 15, 500, 700, "1000/3"),
        unregistered("150.020", 500));
    ShutdownAttribution weaker = stop();
    assertThat(weaker.getMarker()).isEqualTo("CONFIG_CHANGE");
    assertThat(weaker.getDaemon()).isEqualTo("auditd");
    assertThat(weaker.getAuid()).contains(1000L);
    send(start("200.000", 600));
    assertThat(published).hasSize(1);
    send(end("150.000"));
    assertThat(stop().getMarker()).isEqualTo("DAEMON_END");
    assertThat(published.get(weaker.getId()).getSupersededBy()).contains(stop().getId());
    assertThat(kinds(stop()))
        .containsExactly(
            EvidenceKind.KILL_EVENT, EvidenceKind.SIGNAL_INFO, EvidenceKind.CONFIG_CHANGE);
  }

  @Test
  void unregisteredDaemonWhoseStopWasForgotten_isNotEndedAgain() {
    send(start("100.000", 500), config("150.000", "audit_pid=0", "500", UNSET, "1"));
    assertThat(stop().getDaemon()).isEqualTo("auditd");
    drive.brokerPasses(Duration.ofDays(3));
    send(start("100.000", 500));
    send(start("300000.000", 600));
    assertThat(stops()).hasSize(1);
  }

  @Test
  void sourceThatLacksTheCallsRecord_leavesTheFullerOneInPlace() {
    AuditEvent poor = events(config("150.000", "audit_enabled=0", "1", "1000", "1")).getFirst();
    poor.setSource("other");
    List<AuditEvent> full =
        events(
            config("150.000", "audit_enabled=0", "1", "1000", "1"),
            call("150.000", "31", "syscall=44 success=yes exit=60 a0=3 a1=1", 77, "1000/3", "x"));
    send(List.of(poor));
    assertThat(stop().getPid()).isEmpty();
    send(full);
    assertThat(stop().getPid()).contains(77L);
    send(List.of(poor));
    assertThat(stop().getPid()).contains(77L);
  }

  @Test
  void unregisteredDaemonOfAnotherPid_isAnotherStop() {
    send(start("100.000", 500), unregistered("150.020", 501), end("150.000"));
    assertThat(stops()).hasSize(2);
  }

  // The service manager.

  private static final String BY_INIT = kill("149.990", 15, 500, 1, UNSET + "/" + UNSET);
  private static final String END_BY_INIT = end("150.000", "auid=0 uid=0 ses=4294967295 pid=1");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "systemctl stop auditd",
        "systemctl --no-block restart auditd.service",
        "systemctl -s KILL kill auditd",
        "/bin/sh /usr/sbin/service auditd stop",
        "service auditd restart",
        "initctl stop auditd",
        "/etc/init.d/auditd stop",
        "auditctl --signal stop",
        "shutdown -h now",
        "reboot",
        "systemctl poweroff",
        "init 0",
        "telinit 6"
      })
  void oneUsersCommandBeforeTheServiceManagersStop_namesHimAsSuspected(String line) {
    send(start("100.000", 500), execve("149.000", "1000/3", line), BY_INIT, END_BY_INIT);
    ShutdownAttribution stop = stop();
    assertThat(stop.getAttribution()).isEqualTo(Attribution.USER);
    assertThat(stop.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(stop.getAuid()).contains(1000L);
    assertThat(stop.getDisagreement()).isFalse();
    assertThat(kinds(stop))
        .containsExactly(
            EvidenceKind.KILL_EVENT, EvidenceKind.SIGNAL_INFO, EvidenceKind.SERVICE_MANAGER);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "systemctl status auditd",
        "systemctl stop sshd",
        "systemctl stop auditbus-agent",
        "systemctl reload auditd",
        "service auditd rotate",
        "auditctl --signal rotate",
        "auditctl -s",
        "shutdown -c",
        "shutdown -k now",
        "reboot --help",
        "init 3",
        "cat stop auditd"
      })
  void otherCommands_nameNobody(String line) {
    send(start("100.000", 500), execve("149.000", "1000/3", line), BY_INIT, END_BY_INIT);
    ShutdownAttribution stop = stop();
    assertThat(stop.getAttribution()).isEqualTo(Attribution.UNSET);
    assertThat(stop.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(stop.getPid()).contains(1L);
    assertThat(kinds(stop)).containsExactly(EvidenceKind.KILL_EVENT, EvidenceKind.SIGNAL_INFO);
  }

  @ParameterizedTest
  @CsvSource({
    "auditbus-agent, USER",
    "auditbus-agent.service, USER",
    "auditbus-capture, USER",
    "auditbus, USER",
    "auditbus-connect, UNSET",
    "auditbus-distribution.service, UNSET",
    "auditbusted, UNSET"
  })
  void commandForAnotherServiceOfOurs_isNotForTheDaemon(String unit, Attribution who) {
    send(
        start("100.000", 500).replace("ver=3.0.9", "ver=auditbus-0.1.0"),
        execve("149.000", "1000/3", "systemctl stop " + unit),
        BY_INIT,
        END_BY_INIT);
    assertThat(stop().getDaemon()).isEqualTo("auditbus");
    assertThat(stop().getAttribution()).isEqualTo(who);
  }

  @Test
  void commandThatFailedOrLiesOutsideTheWindow_namesNobody() {
    send(
        start("10.000", 500),
        execve("89.000", "1000/3", "systemctl stop auditd"),
        execve("150.010", "1001/4", "systemctl stop auditd"),
        execve("149.000", "1002/5", "systemctl stop auditd", "no"),
        BY_INIT,
        END_BY_INIT);
    assertThat(stop().getAttribution()).isEqualTo(Attribution.UNSET);
    assertThat(stop().getEvidence()).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource({"1001/4", "1000/4", "4294967295/4294967295"})
  void severalWhoAsked_nameNobodyAndAreAllListed(String other) {
    send(
        start("100.000", 500),
        execve("148.000", "1000/3", "systemctl stop auditd"),
        execve("149.000", other, "systemctl restart auditd"),
        BY_INIT,
        END_BY_INIT);
    assertThat(stop().getAttribution()).isEqualTo(Attribution.UNSET);
    assertThat(stop().getAuid()).isEmpty();
    assertThat(kinds(stop())).filteredOn(EvidenceKind.SERVICE_MANAGER::equals).hasSize(2);
  }

  @Test
  void oneUserWhoAskedTwice_isNamed() {
    send(
        start("100.000", 500),
        execve("148.000", "1000/3", "service auditd stop"),
        execve("149.000", "1000/3", "systemctl stop auditd"),
        BY_INIT,
        END_BY_INIT);
    assertThat(stop().getAuid()).contains(1000L);
  }

  @Test
  void commandThatComesLate_updatesTheRecord() {
    send(start("100.000", 500), BY_INIT, END_BY_INIT);
    assertThat(stop().getAttribution()).isEqualTo(Attribution.UNSET);
    send(execve("149.000", "1000/3", "systemctl stop auditd"));
    assertThat(stop().getRevision()).isEqualTo(1);
    assertThat(stop().getAuid()).contains(1000L);
  }

  @Test
  void kill_byAUser_leavesCommandsNoEvidence() {
    send(
        start("100.000", 500),
        execve("149.000", "1000/3", "systemctl stop auditd"),
        kill("149.990", 15, 500, 700, "1001/4"),
        end("150.000"),
        serviceStop("150.040", 1, "auditd"));
    assertThat(stop().getAuid()).contains(1001L);
    assertThat(stop().getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(kinds(stop())).containsExactly(EvidenceKind.KILL_EVENT, EvidenceKind.SIGNAL_INFO);
  }

  @ParameterizedTest
  @CsvSource({
    "1, auditd, 150.040, USER",
    "1, auditd.service, 150.040, USER",
    "4242, auditd, 150.040, UNATTRIBUTED",
    "1, sshd, 150.040, UNATTRIBUTED",
    "1, auditd, 149.000, UNATTRIBUTED",
    "1, auditd, 170.000, UNATTRIBUTED"
  })
  void serviceStop_countsWhereProcess1SaysItOfThisStop(
      long pid, String unit, String time, Attribution who) {
    send(
        start("100.000", 500),
        execve("148.000", "1000/3", "systemctl stop auditd"),
        end("150.000"),
        start("160.000", 600),
        serviceStop(time, pid, unit));
    assertThat(stop().getAttribution()).isEqualTo(who);
  }

  @Test
  void signalInfoOfAProcessThatIsNotInit_isNotTheServiceManagers() {
    send(
        start("100.000", 500),
        execve("149.000", "1000/3", "systemctl stop auditd"),
        end("150.000", "auid=0 uid=0 ses=4294967295 pid=4711"),
        serviceStop("150.040", 1, "auditd"));
    assertThat(stop().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
  }

  /** A service manager that restarts a daemon that gives up, and somebody who kills processes. */
  @Test
  void crashLoop_doesNotMakeEveryKillDear() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 24; i++) {
      String second = "10%02d".formatted(i);
      text.append(start(second + ".000", 700 + i))
          .append(config(second + ".100", "audit_pid=0", "" + (700 + i), "0", "1"))
          .append(end(second + ".110"));
      if (i > 11) {
        text.append(abort(second + ".200", 700 + i));
      }
    }
    // Minutes, where each fact is compared with each pair of the others.
    assertTimeout(Duration.ofSeconds(15), () -> send(text.toString()));
    StringBuilder kills = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      kills.append(kill("1030." + (100 + i), 15, 5000 + i, 900 + i, "1000/3", "sleep"));
    }
    assertTimeout(Duration.ofSeconds(5), () -> send(kills.toString()));
    assertThat(stops()).hasSizeGreaterThan(23);
  }

  @Test
  void longNames_makeNeitherStateNorStatementTooLargeForItsTopic() {
    send(start("100.000", 500));
    List<AuditEvent> events = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      AuditEvent kill = events(kill("149.9" + (10 + i), 15, 500, 700 + i, "1000/3")).getFirst();
      kill.setSource(i + "s".repeat(100_000));
      events.add(kill);
      AuditEvent end = events(end("200.0" + (10 + i))).getFirst();
      end.setNode(i + "n".repeat(100_000));
      events.add(end);
    }
    events.add(events(end("150.000")).getFirst());
    send(events);
    assertThat(stops()).hasSize(21);
    assertThat(stops().getFirst().getEvidence()).hasSize(21);
    assertThat(stops().getFirst().toString().length()).isLessThan(40_000);
    assertThat(facts().encode().length).isLessThan(100_000);
  }

  @Test
  void sameEventFromMoreSourcesThanAreKept_isOneFact() {
    List<AuditEvent> events = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      AuditEvent end = events(end("150.000")).getFirst();
      end.setSource("s" + i);
      events.add(end);
    }
    send(events);
    assertThat(stops()).hasSize(1);
    assertThat(facts().stops().getFirst().stamp().sources()).hasSize(16);
  }

  @Test
  void stateWhereEverythingIsFullOfOddLongText_fitsItsChangelog() {
    String odd = "\u0001".repeat(126);
    Set<String> sources = new TreeSet<>();
    for (int i = 0; i < 16; i++) {
      sources.add(odd + (10 + i));
    }
    HostFacts full = new HostFacts();
    for (long i = 0; i < 200; i++) {
      Fact.Stamp stamp = new Fact.Stamp(i, i, null, odd, odd, odd, odd, 1, sources, 1);
      full.add(new Fact.Start(stamp, "DAEMON_START", "auditd", i));
      full.add(
          new Fact.Stop(stamp, "DAEMON_END", Fact.Mark.END, "auditd", null, Fact.Actor.UNKNOWN));
      full.add(
          new Fact.Kill(
              stamp,
              EvidenceKind.KILL_EVENT,
              15,
              new Fact.Actor(i, i, i, i, odd, odd),
              List.of(new Fact.Target(i % 3, 0L, "auditd"))));
    }
    byte[] bytes = full.encode();
    assertThat(bytes.length).isBetween(HostFacts.MAX_BYTES / 8, HostFacts.MAX_BYTES);
    assertThat(HostFacts.decode(bytes).stops()).isNotEmpty();
  }

  @Test
  void hostWithATooLongName_goesToTheDeadLetters() {
    AuditEvent start = events(start("100.000", 500)).getFirst();
    start.setHost("h".repeat(256));
    send(List.of(start));
    assertThat(drive.deadLetters()).hasSize(1);
    assertThat(stops()).isEmpty();
  }

  @Test
  void requestsAreBounded_andOneUserCannotPushOutAnother() {
    send(start("100.000", 500), execve("140.000", "1000/3", "systemctl stop auditd"));
    for (int i = 0; i < 300; i++) {
      send(execve("141." + (100 + i), "1001/4", "systemctl stop auditd"));
    }
    send(BY_INIT, END_BY_INIT);
    assertThat(stop().getAttribution()).isEqualTo(Attribution.UNSET);
    assertThat(facts().requests())
        .hasSize(HostFacts.MAX_REQUESTS)
        .anyMatch(request -> request.actor().auid() == 1000);
  }

  @Test
  void killsOfOneUser_doNotPushOutThoseOfAnother() {
    send(kill("149.990", 15, 500, 700, "1000/3").replace(" ocomm=\"auditd\"", ""));
    for (int i = 0; i < 300; i++) {
      send(kill("141." + (100 + i), 15, 9000 + i, 701, "1001/4", "sleep"));
    }
    send(end("150.000"), start("100.000", 500));
    assertThat(stop().getAuid()).contains(1000L);
  }

  private HostFacts facts() {
    return HostFacts.decode(
        drive.driver.<String, byte[]>getKeyValueStore("hosts").get(Samples.HOST));
  }

  // The kill.

  @ParameterizedTest
  @CsvSource({"7, 500, USER, SUSPECTED", "300, 500, USER, SUSPECTED", "9, 500, USER, PROVEN"})
  void endWhoseNumberDoesNotFollowTheStarts_mayBeOfAnotherRun(
      int serial, long target, Attribution who, Certainty certainty) {
    send(
        start("100.000", 500),
        kill("149.000", 15, target, 700, "1000/3"),
        end("150.000").replace(":9)", ":" + serial + ")"));
    assertThat(stop().getAttribution()).isEqualTo(who);
    assertThat(stop().getCertainty()).isEqualTo(certainty);
  }

  @Test
  void killOfTheDaemonWhoseStartWasLost_countsBeforeTheEarlierOnes() {
    send(
        start("100.000", 500),
        kill("149.000", 15, 500, 700, "1000/3"),
        kill("149.900", 15, 600, 701, "1001/4"),
        end("150.000").replace(":9)", ":5000)"));
    assertThat(stop().getAuid()).contains(1001L);
    assertThat(stop().getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(stop().getDaemonPid()).contains(600L);
  }

  @ParameterizedTest
  @CsvSource({"700, auditd, UNATTRIBUTED", "701, auditd, USER", "700, sleep, USER"})
  void refusedCallOfWhomSignalInfoNames_refutesIt(long pid, String comm, Attribution who) {
    send(
        start("100.000", 500),
        kill("149.990", 15, 500, pid, "1000/3", comm).replace("success=yes", "success=no"),
        end("150.000", "auid=1000 uid=1000 ses=3 pid=700"));
    assertThat(stop().getAttribution()).isEqualTo(who);
    assertThat(stop().getEvidence().getFirst().getNote().orElse("").contains("refuted"))
        .isEqualTo(who == Attribution.UNATTRIBUTED);
  }

  @Test
  void signalThatTheDaemonIgnores_namesNobodyEvenAlone() {
    send(start("100.000", 500), kill("149.990", 3, 500, 700, "1000/3"), end("150.000"));
    assertThat(stop().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
    assertThat(kinds(stop())).containsExactly(EvidenceKind.KILL_EVENT, EvidenceKind.SIGNAL_INFO);
  }

  // 2005.

  @ParameterizedTest
  @CsvSource({
    "469d, f, 37, 0, 1111114589.580, USER",
    "469d, f, 37, 0, 1111114591.900, USER",
    "469d, f, 37, 0, 1111114592.100, UNATTRIBUTED",
    "469e, f, 37, 0, 1111114589.580, UNATTRIBUTED",
    "469d, 1, 37, 0, 1111114589.580, UNATTRIBUTED",
    "469d, f, 62, 0, 1111114589.580, UNATTRIBUTED",
    "469d, f, 37, -1, 1111114589.580, UNATTRIBUTED"
  })
  void legacyKill_mustFitPidSignalCallResultAndTime(
      String a0, String a1, int call, long exit, String time, Attribution who) {
    AuditEvent halt =
        events("type=DAEMON msg=audit(1111114591.000:0): pid=18077, uid=0\n").getFirst();
    halt.getRecords()
        .getFirst()
        .setFields(Map.of("text", "auditd normal halt, pid=18077, uid=0", "pid", "18077"));
    AuditEvent kill =
        events(
                "type=SYSCALL msg=audit(%s:41): arch=0 syscall=%d success=yes exit=%d a0=%s a1=%s"
                        .formatted(time, call, exit, a0, a1)
                    + " a2=0 a3=0 auid=500 uid=0 pid=18094\n")
            .getFirst();
    kill.setType("KERNEL");
    kill.getRecords().getFirst().setName("KERNEL");
    kill.getSyscall().orElseThrow().setArch(null);
    send(List.of(kill, halt));
    assertThat(stop().getAttribution()).isEqualTo(who);
    assertThat(stop().getMarker()).isEqualTo("DAEMON");
    assertThat(stop().getDaemonPid()).contains(18077L);
    if (who == Attribution.USER) {
      assertThat(stop().getAuid()).contains(500L);
      assertThat(kinds(stop())).containsExactly(EvidenceKind.LEGACY_KILL);
    }
  }

  // BSM.

  private static AuditEvent bsm(
      String type, double time, long auid, long pid, Map<String, String> fields) {
    String text = type + time + auid + pid + fields;
    return AuditEvent.newBuilder()
        .setHost(Samples.HOST)
        .setSource("bsm")
        .setTrail(Samples.TRAIL)
        .setEpoch(1)
        .setTime(Instant.ofEpochMilli(Math.round(time * 1000)))
        .setObserved(Instant.EPOCH)
        .setSerial(0)
        .setAcked(0)
        .setFormat(Format.BSM)
        .setType(type)
        .setOutcome(Outcome.SUCCESS)
        .setComplete(true)
        .setSubject(
            Subject.newBuilder()
                .setAuid(auid < 0 ? null : auid)
                .setUid(0L)
                .setSession(auid)
                .setPid(pid)
                .build())
        .setTarget(
            fields.containsKey("target")
                ? new Target(Long.valueOf(fields.get("target")), null, 0L, 0L, null)
                : null)
        .setRecords(
            List.of(
                AuditRecord.newBuilder()
                    .setPosition(Math.round(time * 1000))
                    .setLength(text.length())
                    .setType(1)
                    .setName(type)
                    .setRaw(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)))
                    .setFields(fields)
                    .build()))
        .build();
  }

  private static final AuditEvent UP = bsm("AUE_audit_startup", 100, 0, 700, Map.of());
  private static final AuditEvent DOWN = bsm("AUE_audit_shutdown", 150, 0, 700, Map.of());

  private static AuditEvent bsmKill(double time, int signal, int target) {
    return bsm(
        "AUE_KILL",
        time,
        1001,
        801,
        Map.of("argument.2.signal", "0x%x".formatted(signal), "target", "" + target));
  }

  @ParameterizedTest
  @CsvSource({
    "15, 700, 149.9, USER, PROVEN",
    "15, 701, 149.9, UNATTRIBUTED, UNKNOWN",
    "1, 700, 149.9, UNATTRIBUTED, UNKNOWN",
    "15, 700, 80, UNATTRIBUTED, UNKNOWN",
    "15, 700, 150.1, UNATTRIBUTED, UNKNOWN",
    "2, 1, 149, USER, SUSPECTED",
    "30, 1, 149, USER, SUSPECTED",
    "31, 1, 149, USER, SUSPECTED",
    "15, 1, 149, USER, SUSPECTED",
    "28, 1, 149, USER, SUSPECTED",
    "1, 1, 149, UNATTRIBUTED, UNKNOWN"
  })
  void bsmKill_ofAuditdIsProofAndOfInitIsSuspicion(
      int signal, int target, double time, Attribution who, Certainty certainty) {
    send(List.of(UP, bsmKill(time, signal, target), DOWN));
    assertThat(stop().getAttribution()).isEqualTo(who);
    assertThat(stop().getCertainty()).isEqualTo(certainty);
    assertThat(stop().getMarker()).isEqualTo("AUE_audit_shutdown");
    assertThat(stop().getAuid().orElse(-1L)).isNotZero();
  }

  @ParameterizedTest
  @CsvSource({"0x1f, USER", "0x1e, UNATTRIBUTED"})
  void bsmTrigger_isAuditonWithCommand31(String command, Attribution who) {
    send(
        List.of(UP, bsm("AUE_AUDITON", 149.9, 1001, 801, Map.of("argument.1.cmd", command)), DOWN));
    assertThat(stop().getAttribution()).isEqualTo(who);
  }

  @Test
  void bsmTwoWhoAskedNobodyIsNamed_andFailuresDoNotCount() {
    Map<String, String> trigger = Map.of("argument.1.cmd", "0x1f");
    AuditEvent failed = bsm("AUE_AUDITON", 149.5, 1002, 802, trigger);
    failed.setOutcome(Outcome.FAILURE);
    send(List.of(UP, bsm("AUE_AUDITON", 149.9, 1001, 801, trigger), failed, DOWN));
    assertThat(stop().getAuid()).contains(1001L);
    send(List.of(bsm("AUE_REBOOT", 149, 1003, 803, Map.of())));
    assertThat(stop().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
    assertThat(stop().getEvidence()).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource({
    "/sbin/shutdown, shutdown -r now, USER",
    "/usr/sbin/audit, audit -t, USER",
    "/usr/sbin/audit, audit -n, UNATTRIBUTED",
    "/usr/sbin/service, service auditd onestop, USER",
    "/bin/ls, shutdown -r now, UNATTRIBUTED"
  })
  void bsmExecution_countsByTheFile(String path, String line, Attribution who) {
    Map<String, String> fields = new TreeMap<>(Map.of("path", path));
    List<String> words = List.of(line.split(" ", -1));
    for (int i = 0; i < words.size(); i++) {
      fields.put("exec_args." + i, words.get(i));
    }
    send(List.of(UP, bsm("AUE_EXECVE", 149, 1001, 801, fields), DOWN));
    assertThat(stop().getAttribution()).isEqualTo(who);
  }

  @ParameterizedTest
  @CsvSource({"0xffffffff, 1", "0x2, 1", "0xffffffffffffffff, 1", "0x1, 0"})
  void bsmSetcond_isAStopWhereItSwitchesOff(String condition, int count) {
    send(
        List.of(
            UP,
            bsm("AUE_AUDITON_SETCOND", 140, 1001, 801, Map.of("argument.3.setcond", condition))));
    assertThat(stops()).hasSize(count);
    assertThat(stops()).allMatch(stop -> stop.getAuid().orElse(0L) == 1001);
    assertThat(stops()).allMatch(stop -> stop.getDaemon().equals("kernel"));
  }

  @Test
  void bsmCrash_namesNobodyWhoOnceTriggered() {
    send(
        List.of(
            UP,
            bsm("AUE_AUDITON", 120, 1001, 801, Map.of("argument.1.cmd", "0x1f")),
            bsm("AUE_audit_startup", 200, 0, 690, Map.of()),
            bsm("AUE_audit_recovery", 200.01, 0, 690, Map.of("path", "x"))));
    assertThat(stop().getMarker()).isEqualTo("AUE_audit_startup");
    assertThat(stop().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
    assertThat(stop().getEvidence().getFirst().getNote().orElse("")).contains("recovered");
  }

  @Test
  void bsmKill9BeforeTheNextStart_isSuspicion_sinceNothingButThePidSaysWhatItHit() {
    send(List.of(UP, bsmKill(120, 9, 700), bsm("AUE_audit_startup", 200, 0, 690, Map.of())));
    assertThat(stop().getAuid()).contains(1001L);
    assertThat(stop().getCertainty()).isEqualTo(Certainty.SUSPECTED);
  }

  // Several systems under one name, and any order.

  @Test
  void twoNodesWithTheSameTimeAndSerial_areTwoStops() {
    List<AuditEvent> ends = new ArrayList<>();
    for (String node : List.of("b", "a")) {
      AuditEvent end = events(end("150.000")).getFirst();
      end.setNode(node);
      ends.add(end);
    }
    send(ends);
    assertThat(published).hasSize(2);
    assertThat(published.values()).extracting(stop -> stop.getNode().orElse("")).contains("a", "b");
  }

  @Test
  void storyInAnyOrderWithRepeats_comesToTheSame() {
    List<AuditEvent> story = new ArrayList<>();
    story.addAll(
        events(
            start("100.000", 500),
            execve("149.000", "1000/3", "systemctl stop auditd"),
            BY_INIT,
            END_BY_INIT,
            serviceStop("150.040", 1, "auditd"),
            start("160.000", 510),
            kill("170.000", 9, 510, 700, "1001/4"),
            start("200.000", 600),
            start("210.000", 601),
            abort("210.020", 601),
            config("220.000", "audit_enabled=0", "1", "1002", "1"),
            kill("229.990", 15, 600, 702, "1003/6"),
            start("300.000", 610)));
    story.addAll(events(unregistered("230.020", 600)));
    Map<String, String> wanted = outcome(story);
    assertThat(wanted).hasSize(4);
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 40; round++) {
      List<AuditEvent> events = new ArrayList<>(story);
      for (int i = 0; i < 8; i++) {
        events.add(story.get(random.nextInt(story.size())));
      }
      Collections.shuffle(events, random);
      assertThat(outcome(events)).as("seed %s round %s", seed, round).isEqualTo(wanted);
    }
  }

  private Map<String, String> outcome(List<AuditEvent> events) {
    drive.close();
    drive = drive();
    published.clear();
    send(events);
    Map<String, String> outcome = new TreeMap<>();
    for (ShutdownAttribution stop : stops()) {
      stop.setRevision(0);
      outcome.put(stop.getId(), stop.toString());
    }
    return outcome;
  }
}
