// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.Attribution;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Certainty;
import auditbus.schemas.Evidence;
import auditbus.schemas.EvidenceKind;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import auditbus.streams.Drive;
import auditbus.streams.Samples;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShutdownJobTest {
  private static final String START =
      "type=DAEMON_START msg=audit(1000.000:77): op=start ver=3.0.9 format=enriched kernel=6.18"
          + " auid=4294967295 pid=500 uid=0 ses=4294967295 res=success\n";
  private static final String END_UNKNOWN =
      "type=DAEMON_END msg=audit(2000.000:78): op=terminate auid=-1 uid=-1 ses=-1 pid=-1 subj=?"
          + " res=success\n";
  private static final String END_1000 =
      "type=DAEMON_END msg=audit(2000.000:78): op=terminate auid=1000 uid=1000 ses=3 pid=700"
          + " res=success\n";

  private Drive<ShutdownAttribution> drive = atOnce();

  private static Drive<ShutdownAttribution> atOnce() {
    return new Drive<>(new ShutdownJob(), Topics.SHUTDOWNS, Map.of("shutdown.grace.ms", "0"));
  }

  @AfterEach
  void close() {
    drive.close();
  }

  /** A SYSCALL + OBJ_PID event of user 1000's process 700, 5 ms before the ends above. */
  private static String kill(Map<String, String> change) {
    Map<String, String> values = new HashMap<>();
    values.put("stamp", "1999.995:1234");
    values.put("arch", "c000003e");
    values.put("syscall", "62");
    values.put("success", "yes");
    values.put("a1", "f");
    values.put("a2", "0");
    values.put("auid", "1000");
    values.put("pid", "700");
    values.put("opid", "500");
    values.put("ouid", "0");
    values.put("ocomm", "auditd");
    values.putAll(change);
    String text =
        "type=SYSCALL msg=audit({stamp}): arch={arch} syscall={syscall} success={success} exit=0"
            + " a0=1f4 a1={a1} a2={a2} a3=0 items=0 ppid=1 pid={pid} auid={auid} uid=1000 gid=0"
            + " euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"kill\""
            + " exe=\"/usr/bin/kill\" key=\"sig\"\n"
            + "type=OBJ_PID msg=audit({stamp}): opid={opid} oauid=-1 ouid={ouid} oses=-1"
            + " ocomm=\"{ocomm}\"\n";
    for (Map.Entry<String, String> value : values.entrySet()) {
      text = text.replace("{" + value.getKey() + "}", value.getValue());
    }
    return text;
  }

  private static String kill(String... change) {
    Map<String, String> map = new HashMap<>();
    for (int i = 0; i < change.length; i += 2) {
      map.put(change[i], change[i + 1]);
    }
    return kill(map);
  }

  private void send(String... texts) {
    for (AuditEvent event : Samples.events(String.join("", texts))) {
      drive.send(Topics.EVENTS, event);
    }
  }

  private ShutdownAttribution last() {
    List<ShutdownAttribution> all = drive.results();
    assertThat(all).isNotEmpty();
    return all.getLast();
  }

  private ShutdownAttribution sample(String file) {
    Samples.of(file).forEach(event -> drive.send(Topics.EVENTS, event));
    return last();
  }

  @Test
  void sample01_withoutKillEvent_isUnattributed() {
    ShutdownAttribution stop = sample("01-term-auid1000-sender-alive.log");
    assertThat(stop.getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
    assertThat(stop.getAuid()).isEmpty();
    assertThat(stop.getUid()).isEmpty();
    assertThat(stop.getDaemonPid()).contains(19288L);
    assertThat(stop.getDaemon()).isEqualTo("auditd");
    assertThat(stop.getMarker()).isEqualTo("DAEMON_END");
    assertThat(stop.getStopped()).isEqualTo(Instant.ofEpochMilli(1795170527339L));
    assertThat(stop.getEvidence())
        .extracting(Evidence::getKind)
        .containsExactly(EvidenceKind.SIGNAL_INFO);
    assertThat(stop.getEvidence().getFirst().getNote().orElse("")).contains("says nothing");
    assertThat(stop.getRevision()).isZero();
  }

  @Test
  void sample02_killEvent_provesUser() {
    ShutdownAttribution stop = sample("02-term-auid1000-sender-exits.log");
    assertThat(stop.getAttribution()).isEqualTo(Attribution.USER);
    assertThat(stop.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(stop.getAuid()).contains(1000L);
    assertThat(stop.getUid()).contains(0L);
    assertThat(stop.getSession()).contains(2L);
    assertThat(stop.getPid()).contains(19342L);
    assertThat(stop.getComm()).contains("kill");
    assertThat(stop.getExe()).contains("/usr/bin/kill");
    assertThat(stop.getDisagreement()).isFalse();
    assertThat(stop.getEvidence())
        .extracting(Evidence::getKind)
        .containsExactly(EvidenceKind.KILL_EVENT, EvidenceKind.SIGNAL_INFO);
    assertThat(stop.getEvidence().getFirst().getSignal()).contains(15);
    assertThat(stop.getEvidence().getFirst().getSerial()).isEqualTo(19);
    assertThat(stop.getEvidence().getLast().getUid()).isEmpty();
  }

  @Test
  void sample03_killEventWithUnsetAuid_isUnsetAndNeverRoot() {
    ShutdownAttribution stop = sample("03-term-auid-unset-uid0.log");
    assertThat(stop.getAttribution()).isEqualTo(Attribution.UNSET);
    assertThat(stop.getCertainty()).isEqualTo(Certainty.PROVEN);
    assertThat(stop.getAuid()).isEmpty();
    assertThat(stop.getUid()).contains(0L);
    assertThat(stop.getSession()).isEmpty();
    assertThat(stop.getPid()).contains(19382L);
    assertThat(stop.getDisagreement()).isFalse();
  }

  @Test
  void sample10_signalsThatDoNotEnd_attributeNobody() {
    ShutdownAttribution stop = sample("10-coalesced-hup1000-term1001.log");
    assertThat(stop.getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
    assertThat(stop.getEvidence()).hasSize(1);
  }

  @Test
  void sample11_refusedKillAndHup_doNotAttribute() {
    ShutdownAttribution stop = sample("11-eperm-poison.log");
    assertThat(stop.getAttribution()).isEqualTo(Attribution.UNSET);
    assertThat(stop.getPid()).contains(31782L);
    assertThat(stop.getEvidence()).hasSize(2);
    assertThat(stop.getDisagreement()).isFalse();
  }

  @Test
  void sample14_secondDaemonThatAborted_isNotTheOneThatEnded() {
    assertThat(sample("14-second-auditd-abort.log").getDaemonPid()).contains(32192L);
  }

  @Test
  void sample17_otherSignalsAndInjectedText_attributeNobody() {
    ShutdownAttribution stop = sample("17-other-signal-syscalls-and-injection.log");
    assertThat(stop.getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
    assertThat(stop.getAuid()).isEmpty();
    assertThat(stop.getEvidence()).hasSize(1);
    assertThat(stop.getEvidence().getFirst().getNote().orElse("")).contains("ambiguous");
  }

  @Test
  void id_isDerivedFromHostMarkerTimeAndSerial() {
    ShutdownAttribution stop = sample("01-term-auid1000-sender-alive.log");
    String text = "web1\0DAEMON_END\0" + "1795170527339000\0" + "6319";
    assertThat(stop.getId())
        .hasSize(32)
        .isEqualTo(auditbus.streams.shutdown.Attribution.digest(text).substring(0, 32));
  }

  @Test
  void recordKey_isTheId() {
    send(START, END_UNKNOWN);
    TestRecord<String, ShutdownAttribution> record = drive.records().getFirst();
    assertThat(record.key()).isEqualTo(record.value().getId());
  }

  @Test
  void signalInfoAlone_suspectsTheUser() {
    send(START, END_1000);
    ShutdownAttribution stop = last();
    assertThat(stop.getAttribution()).isEqualTo(Attribution.USER);
    assertThat(stop.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(stop.getAuid()).contains(1000L);
    assertThat(stop.getPid()).contains(700L);
  }

  @Test
  void staleBytesBehindSubj_areNotBelieved() {
    send(
        START,
        "type=DAEMON_END msg=audit(2000.000:78): op=terminate auid=1001 pid=12333 subj=24970.09:6):"
            + " pid=12323 uid=0 ses=9 msg='op=PAM:setcred' res=success\n");
    Evidence info = last().getEvidence().getFirst();
    assertThat(info.getAuid()).contains(1001L);
    assertThat(info.getPid()).contains(12333L);
    assertThat(info.getUid()).isEmpty();
    assertThat(info.getSession()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "c000003e,62,f,0", "c000003e,200,f,0", "c000003e,234,1f4,f", "c000003e,424,f,0",
    "c000003e,129,f,0", "c000003e,297,1f4,f", "40000003,37,f,0", "40000003,238,f,0",
    "40000003,270,1f4,f", "40000003,424,f,0", "40000003,178,f,0", "40000003,335,1f4,f",
    "c00000b7,129,f,0", "c00000b7,130,f,0", "c00000b7,131,1f4,f", "c00000b7,424,f,0",
    "c00000b7,138,f,0", "c00000b7,240,1f4,f", "c000003e,62,ffffffff0000000f,0"
  })
  void everyCallThatSendsTerm_isEvidence(String arch, String call, String a1, String a2) {
    send(START, kill("arch", arch, "syscall", call, "a1", a1, "a2", a2), END_UNKNOWN);
    assertThat(last().getCertainty()).isEqualTo(Certainty.PROVEN);
  }

  @ParameterizedTest
  @CsvSource({"c000003e,37,f,0", "c000003e,63,f,0", "c00000b7,62,f,0", "c000003e,234,f,1"})
  void otherCalls_areNoEvidence(String arch, String call, String a1, String a2) {
    send(START, kill("arch", arch, "syscall", call, "a1", a1, "a2", a2), END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
  }

  @Test
  void callKnownByNameOnAnotherArchitecture_isEvidence() {
    AuditEvent event = Samples.events(kill("arch", "80000016", "syscall", "37")).getFirst();
    event.getSyscall().orElseThrow().setName("kill");
    send(START);
    drive.send(Topics.EVENTS, event);
    send(END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.USER);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "1", "a", "c", "11", "12", "13", "14", "1c"})
  void signalsThatEndNothing_areNoEvidence(String signal) {
    send(START, kill("a1", signal), END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
  }

  @Test
  void failedKill_isNoEvidence() {
    send(START, kill("success", "no"), END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
  }

  /**
   * What kernel 6.18 writes of {@code kill -TERM -1} by somebody without rights over the daemon.
   */
  @ParameterizedTest
  @CsvSource({
    "ffffffffffffffff,1000,1000,0,false",
    "ffffffffffffffff,1000,0,0,true",
    "ffffffffffffffff,1000,1000,1000,true",
    "fffffe0c,1000,1000,0,false",
    "0,1000,1000,0,false",
    "1f4,1000,1000,0,true"
  })
  void killOfMany_isEvidenceOnlyWhereItsSenderMayReachTheDaemon(
      String a0, String uid, String euid, String owner, boolean evidence) {
    String text =
        kill("ouid", owner)
            .replace(" a0=1f4 ", " a0=" + a0 + " ")
            .replace(" uid=1000 ", " uid=" + uid + " ")
            .replace(" euid=0 ", " euid=" + euid + " ");
    // Only this one may run as somebody else than root.
    send(START.replaceFirst("ver=\\S+", "ver=auditbus-0.1.0"), text, END_UNKNOWN);
    assertThat(last().getAttribution())
        .isEqualTo(evidence ? Attribution.USER : Attribution.UNATTRIBUTED);
  }

  @Test
  void killOfAnotherProcessNamedAuditd_isNoEvidenceWherePidIsKnown() {
    send(START, kill("opid", "501"), END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
  }

  @Test
  void withoutStart_targetMustBeRootsAuditd() {
    send(kill("ocomm", "sshd"), kill("ouid", "1000", "stamp", "1999.990:8"), END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
    drive.close();
    drive = atOnce();
    send(kill(), END_UNKNOWN);
    ShutdownAttribution stop = last();
    assertThat(stop.getAttribution()).isEqualTo(Attribution.USER);
    assertThat(stop.getDaemonPid()).contains(500L);
    assertThat(stop.getEvidence().getFirst().getNote().orElse("")).contains("by its name");
  }

  @ParameterizedTest
  @CsvSource({
    "1939.999,false",
    "1940.000,true",
    "2000.000,true",
    "2000.004,true",
    "2000.005,false"
  })
  void kill_mustStandInTheWindow(String time, boolean evidence) {
    send(START, kill("stamp", time + ":9"), END_UNKNOWN);
    assertThat(last().getAttribution())
        .isEqualTo(evidence ? Attribution.USER : Attribution.UNATTRIBUTED);
  }

  @ParameterizedTest
  @CsvSource({"1989.995,false", "1989.996,true"})
  void kill_mustFollowTheDaemonsStart(String time, boolean evidence) {
    send(START.replace("1000.000", "1990.000"), kill("stamp", time + ":9"), END_UNKNOWN);
    assertThat(last().getAttribution())
        .isEqualTo(evidence ? Attribution.USER : Attribution.UNATTRIBUTED);
  }

  @Test
  void killBeforeAnEarlierStop_isThatStops() {
    send(
        kill("stamp", "1989.000:5"),
        END_UNKNOWN.replace("2000.000:78", "1990.000:70"),
        END_UNKNOWN);
    Map<Instant, ShutdownAttribution> stops =
        drive.results().stream()
            .collect(Collectors.toMap(ShutdownAttribution::getStopped, s -> s, (_, b) -> b));
    assertThat(stops.get(Instant.ofEpochSecond(1990)).getAttribution()).isEqualTo(Attribution.USER);
    assertThat(stops.get(Instant.ofEpochSecond(2000)).getAttribution())
        .isEqualTo(Attribution.UNATTRIBUTED);
  }

  @Test
  void newestKillWins_andTheOtherDisagrees() {
    send(
        START,
        kill("stamp", "1999.100:5", "auid", "1001", "pid", "701"),
        kill("stamp", "1999.900:6"),
        END_UNKNOWN);
    ShutdownAttribution stop = last();
    assertThat(stop.getAuid()).contains(1000L);
    assertThat(stop.getDisagreement()).isTrue();
    assertThat(stop.getEvidence())
        .extracting(evidence -> evidence.getAuid().orElse(-1L))
        .containsExactly(1000L, 1001L, -1L);
  }

  @Test
  void ignoredSignalAfterTheTerm_doesNotTakeTheBlame() {
    send(
        START,
        kill(),
        kill("stamp", "1999.999:5", "auid", "1001", "pid", "701", "a1", "3"),
        END_UNKNOWN);
    ShutdownAttribution stop = last();
    assertThat(stop.getAuid()).contains(1000L);
    assertThat(stop.getEvidence()).hasSize(3);
  }

  @Test
  void signalInfoOfAnotherSender_isADisagreement() {
    send(START, kill("pid", "701", "auid", "1001"), END_1000);
    ShutdownAttribution stop = last();
    assertThat(stop.getAuid()).contains(1001L);
    assertThat(stop.getCertainty()).isEqualTo(Certainty.SUSPECTED);
    assertThat(stop.getDisagreement()).isTrue();
    assertThat(stop.getEvidence().getLast().getAuid()).contains(1000L);
    assertThat(stop.getEvidence().getLast().getNote().orElse("")).contains("disagrees");
  }

  @Test
  void signalInfoWithTheUidOfAnUnsetSender_agrees() {
    send(START, kill("auid", "4294967295"), END_1000);
    ShutdownAttribution stop = last();
    assertThat(stop.getAttribution()).isEqualTo(Attribution.UNSET);
    assertThat(stop.getDisagreement()).isFalse();
  }

  @Test
  void killThatComesLate_updatesTheRecord() {
    send(START, END_UNKNOWN);
    ShutdownAttribution before = last();
    send(kill());
    ShutdownAttribution after = last();
    assertThat(after.getId()).isEqualTo(before.getId());
    assertThat(after.getRevision()).isEqualTo(1);
    assertThat(after.getAuid()).contains(1000L);
  }

  @Test
  void startThatComesLate_updatesTheRecord() {
    send(kill().replace(" ocomm=\"auditd\"", ""), END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
    send(START);
    assertThat(last().getAttribution()).isEqualTo(Attribution.USER);
  }

  @Test
  void eventsSentAgainOrFromAnotherSource_changeNothing() {
    List<AuditEvent> events = Samples.events(START + kill() + END_1000);
    events.forEach(event -> drive.send(Topics.EVENTS, event));
    assertThat(drive.results()).hasSize(1);
    events.forEach(event -> drive.send(Topics.EVENTS, event));
    for (AuditEvent event : events) {
      AuditEvent other = AuditEvent.newBuilder(event).setSource("kernel").setTrail("1").build();
      drive.send(Topics.EVENTS, other);
    }
    assertThat(drive.results()).isEmpty();
  }

  @Test
  void killReadFromAnotherSource_isEvidence() {
    send(START);
    drive.send(
        Topics.EVENTS,
        AuditEvent.newBuilder(Samples.events(kill()).getFirst()).setSource("kernel").build());
    send(END_UNKNOWN);
    ShutdownAttribution stop = last();
    assertThat(stop.getAuid()).contains(1000L);
    assertThat(stop.getEvidence().getFirst().getSource()).isEqualTo("kernel");
  }

  @Test
  void otherHostNodeOrBoot_isNoEvidence() {
    AuditEvent kill = Samples.events(kill()).getFirst();
    AuditEvent end = Samples.events(END_UNKNOWN).getFirst();
    end.setNode("a");
    end.setBoot("b1");
    send(START);
    drive.send(Topics.EVENTS, AuditEvent.newBuilder(kill).setHost("web2").build());
    drive.send(Topics.EVENTS, AuditEvent.newBuilder(kill).setNode("b").build());
    drive.send(Topics.EVENTS, AuditEvent.newBuilder(kill).setBoot("b2").setSerial(5).build());
    drive.send(Topics.EVENTS, end);
    assertThat(last().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
  }

  @Test
  void targetNamedInAnotherPart_isFound() {
    AuditEvent whole = Samples.events(kill()).getFirst();
    List<AuditRecord> records = whole.getRecords();
    send(START);
    drive.send(
        Topics.EVENTS,
        AuditEvent.newBuilder(whole).setParts(2).setRecords(records.subList(0, 1)).build());
    drive.send(
        Topics.EVENTS,
        AuditEvent.newBuilder(whole)
            .setParts(2)
            .setPart(1)
            .setRecords(records.subList(1, 2))
            .build());
    send(END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.USER);
  }

  @Test
  void textAUserWrote_attributesNobody() {
    send(START);
    AuditEvent forged =
        Samples.events(
                "type=USER msg=audit(1999.995:9): pid=9 uid=0 auid=4294967295 ses=1 msg='text="
                    + kill().replace("\n", " ").replace("'", "")
                    + "'\n")
            .getFirst();
    drive.send(Topics.EVENTS, forged);
    // Even if the call were taken from the text, there is no SYSCALL record.
    AuditEvent worse = Samples.events(kill()).getFirst();
    worse.setRecords(List.of(worse.getRecords().getLast()));
    drive.send(Topics.EVENTS, worse);
    send(END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.UNATTRIBUTED);
  }

  @Test
  void aUsersOwnKills_doNotPushOutTheOneThatCounts() {
    send(START, kill());
    for (int i = 0; i < 300; i++) {
      send(kill("stamp", "1999.996:" + (2000 + i), "opid", "900", "ouid", "1000"));
      send(kill("stamp", "1999.996:" + (3000 + i), "opid", "901", "ocomm", "bash"));
    }
    send(END_UNKNOWN);
    assertThat(last().getAuid()).contains(1000L);
  }

  @Test
  void killOfEverything_stillHitsTheDaemon_andStateStaysSmall() {
    send(START);
    String exe = "/" + "\u0001".repeat(4000);
    for (int i = 0; i < 300; i++) {
      StringBuilder text = new StringBuilder(kill("stamp", "1999.9%02d:%d".formatted(i % 90, i)));
      String head = text.substring(0, text.indexOf("type=OBJ_PID"));
      String target = text.substring(head.length());
      text.setLength(head.length());
      for (int pid = 1000; pid < 1200; pid++) {
        text.append(target.replace("opid=500", "opid=" + pid).replace("auditd", "bash"));
      }
      text.append(target.replace(" ocomm=\"auditd\"", ""));
      AuditEvent event = Samples.events(text.toString()).getFirst();
      event.getSubject().orElseThrow().setExe(exe);
      drive.send(Topics.EVENTS, event);
    }
    send(END_UNKNOWN);
    assertThat(last().getAttribution()).isEqualTo(Attribution.USER);
    assertThat(drive.driver.<String, byte[]>getKeyValueStore("hosts").get(Samples.HOST).length)
        .isLessThan(300_000);
  }

  @Test
  void ownDaemon_isCalledAuditbus() {
    send(
        START.replace("ver=3.0.9", "ver=auditbus-0.1.0"),
        kill("a1", "2", "ocomm", "java"),
        END_UNKNOWN);
    ShutdownAttribution stop = last();
    assertThat(stop.getDaemon()).isEqualTo("auditbus");
    assertThat(stop.getAttribution()).isEqualTo(Attribution.USER);
  }

  @Test
  void grace_waitsForWallClockOrBrokerTime() {
    drive.close();
    drive = new Drive<>(new ShutdownJob(), Topics.SHUTDOWNS, Map.of());
    send(START, END_UNKNOWN);
    drive.wallPasses(Duration.ofMillis(4900));
    assertThat(drive.results()).isEmpty();
    send(kill());
    drive.wallPasses(Duration.ofMillis(250));
    ShutdownAttribution stop = last();
    assertThat(stop.getRevision()).isZero();
    assertThat(stop.getAttribution()).isEqualTo(Attribution.USER);

    send(END_UNKNOWN.replace("2000.000:78", "2100.000:79"));
    drive.brokerPasses(Duration.ofMillis(5100));
    AuditEvent unrelated = Samples.of("02-term-auid1000-sender-exits.log").get(2);
    unrelated.setHost("elsewhere");
    drive.send(Topics.EVENTS, unrelated);
    assertThat(drive.results()).hasSize(1);
  }

  @Test
  void factsAreForgotten_byBrokerTime() {
    send(START, kill(), END_UNKNOWN);
    assertThat(drive.results()).isNotEmpty();
    drive.brokerPasses(Duration.ofDays(3));
    send(START.replace("1000.000:77", "3000.000:90"));
    HostFacts facts =
        HostFacts.decode(drive.driver.<String, byte[]>getKeyValueStore("hosts").get(Samples.HOST));
    assertThat(facts.kills()).isEmpty();
    assertThat(facts.stops()).isEmpty();
  }

  @Test
  void recordOfABadShape_goesToTheDeadLettersAndTheJobGoesOn() {
    drive.sendBytes(Topics.EVENTS, new byte[] {1, 2, 3});
    drive.sendBytes(Topics.EVENTS, null);
    send(START, END_UNKNOWN);
    assertThat(drive.results()).hasSize(1);
    List<TestRecord<byte[], byte[]>> dead = drive.deadLetters();
    assertThat(dead).isNotEmpty();
    assertThat(dead.getFirst().value()).containsExactly(1, 2, 3);
    assertThat(dead.getFirst().headers().lastHeader("__streams.errors.topic").value())
        .isEqualTo("audit.events".getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  @Test
  void anyInterleavingWithDuplicatesAndOthers_comesToTheSame() {
    List<AuditEvent> story = new ArrayList<>();
    for (String file :
        List.of(
            "02-term-auid1000-sender-exits.log",
            "03-term-auid-unset-uid0.log",
            "11-eperm-poison.log",
            "14-second-auditd-abort.log")) {
      story.addAll(Samples.of(file));
    }
    Map<String, String> wanted = outcome(story);
    assertThat(wanted).hasSize(4);
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 15; round++) {
      drive.close();
      drive = atOnce();
      List<AuditEvent> events = new ArrayList<>(story);
      for (int i = 0; i < 20; i++) {
        AuditEvent again = story.get(random.nextInt(story.size()));
        events.add(
            random.nextBoolean()
                ? again
                : AuditEvent.newBuilder(again).setHost("other" + i).build());
      }
      Collections.shuffle(events, random);
      assertThat(outcome(events)).as("seed %s round %s", seed, round).isEqualTo(wanted);
    }
  }

  private Map<String, String> outcome(List<AuditEvent> events) {
    events.forEach(event -> drive.send(Topics.EVENTS, event));
    Map<String, String> last = new HashMap<>();
    for (ShutdownAttribution stop : drive.results()) {
      if (stop.getHost().equals(Samples.HOST)) {
        stop.setRevision(0);
        if (stop.getSupersededBy().isEmpty() && stop.getWithdrawn().isEmpty()) {
          last.put(stop.getId(), stop.toString());
        } else {
          last.remove(stop.getId());
        }
      }
    }
    return last;
  }
}
