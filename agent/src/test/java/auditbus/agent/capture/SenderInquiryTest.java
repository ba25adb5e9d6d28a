// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static auditbus.agent.capture.KillSamples.bytes;
import static auditbus.agent.capture.KillSamples.find;
import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.capture.Processes.Facts;
import auditbus.agent.capture.Sender.Info;
import auditbus.agent.capture.Sender.Proof;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SenderInquiryTest {
  private static final int OWN = 100;
  private static final int HUP = 1;
  private static final int INT = 2;
  private static final int USR1 = 10;
  private static final int TERM = 15;
  private static final long SECOND = 1_000;
  private static final Facts AGENT = facts(Processes.UNSET, 990, false);

  private final Map<Integer, Facts> alive = new HashMap<>(Map.of(OWN, AGENT));
  private SenderInquiry inquiry =
      new SenderInquiry(OWN, Optional.empty(), pid -> Optional.ofNullable(alive.get(pid)));

  private static Facts facts(long loginUid, long uid, boolean mayKillAny) {
    return new Facts(OptionalLong.of(loginUid), OptionalLong.of(7), uid, uid, uid, mayKillAny);
  }

  private static KillEvent event(int signal, boolean success, long auid, int pid, long millis) {
    return new KillEvent(
        "0.%03d:%d".formatted(millis % 1000, millis),
        millis,
        millis,
        signal,
        success,
        auid < 0 ? OptionalLong.empty() : OptionalLong.of(auid),
        0,
        OptionalLong.of(3),
        pid,
        "c000003e",
        62);
  }

  private Sender judge(int signal, long millis, SignalAnswer... answer) {
    return inquiry.judge(
        signal, Instant.ofEpochMilli(millis), List.of(answer).stream().findFirst());
  }

  private static String text(Sender sender) {
    return "%s auid=%s uid=%s ses=%s pid=%s %s coalesced=%d"
        .formatted(
            sender.proof(),
            number(sender.auid()),
            number(sender.uid()),
            number(sender.session()),
            sender.pid().isPresent() ? sender.pid().getAsInt() : "-",
            sender.info(),
            sender.coalesced());
  }

  private static String number(OptionalLong id) {
    return id.isPresent() ? Long.toString(id.getAsLong()) : "-";
  }

  /** The daemons of the samples, asked to stop or reload, and what signal info said or would. */
  @ParameterizedTest
  @CsvSource({
    // auditd wrote auid=-1: its log does not have the event either, signal info had (1000, 19304)
    "linux/01-term-auid1000-sender-alive.log, 19288, 15, 1000 19304,"
        + " SIGNAL_INFO auid=1000 uid=- ses=- pid=19304 UNPROVEN coalesced=0",
    "linux/02-term-auid1000-sender-exits.log, 19320, 15, 1000 19342,"
        + " KILL_EVENT auid=1000 uid=0 ses=2 pid=19342 AGREES coalesced=0",
    // auditd wrote auid=0
    "linux/03-term-auid-unset-uid0.log, 19359, 15, 0 19382,"
        + " KILL_EVENT auid=- uid=0 ses=- pid=19382 AGREES coalesced=0",
    "linux/04-hup-auid1000-then-unset.log, 19535, 15, 0 19280,"
        + " KILL_EVENT auid=- uid=0 ses=- pid=19280 AGREES coalesced=0",
    "linux/04-hup-auid1000-then-unset.log, 19535, 1, 0 19560,"
        + " KILL_EVENT auid=1000 uid=0 ses=3 pid=19557 COALESCED coalesced=1",
    "linux/05-usr1-rotate.log, 19579, 10, 1000 19601,"
        + " KILL_EVENT auid=1000 uid=0 ses=4 pid=19601 AGREES coalesced=1",
    "linux/06-usr2-resume.log, 19623, 12, 1000 19645,"
        + " KILL_EVENT auid=1000 uid=0 ses=5 pid=19645 AGREES coalesced=0",
    // the kernel keeps no sender of CONT
    "linux/07-cont-state.log, 19696, 18, 0 19280,"
        + " KILL_EVENT auid=1000 uid=0 ses=6 pid=19718 NONE coalesced=0",
    "linux/08-sigkill-then-restart.log, 19737, 15, 0 19280,"
        + " SIGNAL_INFO auid=- uid=- ses=- pid=19280 UNPROVEN coalesced=0",
    // auditd wrote auid=-1: it asked before it could be told
    "linux/09-term-attribution-lost-strace.log, 27995, 15, 1000 28022,"
        + " KILL_EVENT auid=1000 uid=0 ses=275 pid=28022 AGREES coalesced=0",
    // TERM by 1001 is in no record; the slot holds him
    "linux/10-coalesced-hup1000-term1001.log, 31790, 15, 1001 31814,"
        + " SIGNAL_INFO auid=1001 uid=- ses=- pid=31814 UNPROVEN coalesced=0",
    // the slot as it was after the refused TERM, and as it was in the end
    "linux/11-eperm-poison.log, 31924, 15, 65534 32034,"
        + " KILL_EVENT auid=- uid=0 ses=- pid=31782 REFUSED coalesced=0",
    "linux/11-eperm-poison.log, 31924, 15, 0 31782,"
        + " KILL_EVENT auid=- uid=0 ses=- pid=31782 AGREES coalesced=0",
    "linux/11-eperm-poison.log, 31924, 1, 65534 32034,"
        + " KILL_EVENT auid=1000 uid=0 ses=320 pid=31989 REFUSED coalesced=0",
    "linux/11-eperm-poison.log, 31924, 10, 65534 32034,"
        + " UNKNOWN auid=- uid=- ses=- pid=- REFUSED coalesced=0",
    // auditd wrote auid=-1
    "linux/15-hup-bad-config.log, 32224, 15, 0 31782,"
        + " KILL_EVENT auid=- uid=0 ses=- pid=31782 AGREES coalesced=0",
    "linux/17-other-signal-syscalls-and-injection.log, 23469, 1, 1000 23493,"
        + " KILL_EVENT auid=1000 uid=0 ses=1416 pid=23493 AGREES coalesced=0",
    // its END was by another hand: there is no record of it
    "linux/17-other-signal-syscalls-and-injection.log, 23469, 15, 0 23461,"
        + " SIGNAL_INFO auid=- uid=- ses=- pid=23461 UNPROVEN coalesced=0",
    "linux/20-head-4.2.2-signals.log, 3081, 15, 1000 4158,"
        + " KILL_EVENT auid=1000 uid=0 ses=368 pid=4158 AGREES coalesced=0",
    "linux/20-head-4.2.2-signals.log, 3081, 1, 1000 3151,"
        + " KILL_EVENT auid=1000 uid=0 ses=364 pid=3151 AGREES coalesced=2",
    "netlink/kill-term.txt, 31287, 15, 1000 31347,"
        + " KILL_EVENT auid=1000 uid=0 ses=1426 pid=31347 AGREES coalesced=0",
    // a refused member of `kill -TERM -1`; root's own kill is in no record
    "capture/kill-all-unprivileged.log, 1049, 15, 64999 1068,"
        + " UNKNOWN auid=- uid=- ses=- pid=- REFUSED coalesced=0",
  })
  void sample_hasItsSender(String sample, int own, int signal, String answer, String expected) {
    SenderInquiry of = new SenderInquiry(own, Optional.empty(), _ -> Optional.empty());
    find(bytes(sample), own).forEach(of::see);
    String[] ids = answer.split(" ", -1);
    Sender sender =
        of.judge(
            signal,
            Instant.ofEpochSecond(1795175000),
            Optional.of(new SignalAnswer(Long.parseLong(ids[0]), Integer.parseInt(ids[1]))));
    assertThat(text(sender)).isEqualTo(expected);
  }

  @Test
  void answer_withoutEventIsWorth() {
    alive.put(5, facts(1000, 0, true));
    alive.put(6, facts(1000, 1000, false));
    alive.put(7, facts(0, 0, true));
    alive.put(8, facts(Processes.UNSET, 0, true));
    alive.put(9, facts(Processes.UNSET, 990, false));
    inquiry =
        new SenderInquiry(
            OWN,
            Optional.of(new SignalAnswer(1000, 4)),
            pid -> Optional.ofNullable(alive.get(pid)));
    Map<SignalAnswer, String> expected =
        Map.ofEntries(
            Map.entry(new SignalAnswer(0, 0), "UNKNOWN auid=- uid=- ses=- pid=- EMPTY"),
            Map.entry(new SignalAnswer(1000, 4), "UNKNOWN auid=- uid=- ses=- pid=- STALE"),
            Map.entry(new SignalAnswer(990, OWN), "UNKNOWN auid=- uid=- ses=- pid=- OWN"),
            Map.entry(new SignalAnswer(1000, 6), "UNKNOWN auid=- uid=- ses=- pid=- IMPLAUSIBLE"),
            // alive and consistent: uid and session are its own
            Map.entry(
                new SignalAnswer(1000, 5), "SIGNAL_INFO auid=1000 uid=0 ses=7 pid=5 UNPROVEN"),
            Map.entry(new SignalAnswer(0, 7), "SIGNAL_INFO auid=0 uid=0 ses=7 pid=7 UNPROVEN"),
            Map.entry(new SignalAnswer(0, 8), "SIGNAL_INFO auid=- uid=0 ses=7 pid=8 UNPROVEN"),
            // a plain uid that is not 0 is no login uid either
            Map.entry(new SignalAnswer(990, 9), "SIGNAL_INFO auid=- uid=990 ses=7 pid=9 UNPROVEN"),
            // gone, or gone and its pid given to another
            Map.entry(
                new SignalAnswer(1000, 3), "SIGNAL_INFO auid=1000 uid=- ses=- pid=3 UNPROVEN"),
            Map.entry(
                new SignalAnswer(1001, 5), "SIGNAL_INFO auid=1001 uid=- ses=- pid=5 UNPROVEN"),
            Map.entry(new SignalAnswer(0, 3), "SIGNAL_INFO auid=- uid=- ses=- pid=3 UNPROVEN"),
            Map.entry(new SignalAnswer(0, 5), "SIGNAL_INFO auid=- uid=- ses=- pid=5 UNPROVEN"),
            Map.entry(
                new SignalAnswer(Processes.UNSET, 3),
                "SIGNAL_INFO auid=- uid=- ses=- pid=3 UNPROVEN"));
    expected.forEach(
        (answer, text) ->
            assertThat(text(judge(TERM, SECOND, answer))).isEqualTo(text + " coalesced=0"));
    assertThat(text(judge(TERM, SECOND)))
        .isEqualTo("UNKNOWN auid=- uid=- ses=- pid=- NONE coalesced=0");
    assertThat(text(judge(INT, SECOND, new SignalAnswer(1000, 5))))
        .isEqualTo("UNKNOWN auid=- uid=- ses=- pid=- NONE coalesced=0");
  }

  @Test
  void firstEvent_decidesAndOthersAreCounted() {
    inquiry.see(event(TERM, false, 1009, 9, 100));
    inquiry.see(event(TERM, true, 1001, 1, 101));
    inquiry.see(event(HUP, true, 1007, 7, 102));
    inquiry.see(event(TERM, true, 1002, 2, 103));
    inquiry.see(event(TERM, true, 1001, 1, 104));
    inquiry.see(event(TERM, true, 1003, 3, 105));
    assertThat(text(judge(TERM, 200, new SignalAnswer(1003, 3))))
        .isEqualTo("KILL_EVENT auid=1001 uid=0 ses=3 pid=1 COALESCED coalesced=2");
    assertThat(text(judge(HUP, 200, new SignalAnswer(1003, 3))))
        .isEqualTo("KILL_EVENT auid=1007 uid=0 ses=3 pid=7 COALESCED coalesced=0");
  }

  @Test
  void laterEvent_belongsToTheLaterDelivery() {
    inquiry.see(event(HUP, true, 1001, 1, 100));
    inquiry.see(event(HUP, true, 1002, 2, 300));
    assertThat(text(judge(HUP, 200, new SignalAnswer(1002, 2))))
        .isEqualTo("KILL_EVENT auid=1001 uid=0 ses=3 pid=1 COALESCED coalesced=0");
    assertThat(inquiry.hasEvent(HUP)).isTrue();
    assertThat(text(judge(HUP, 301, new SignalAnswer(1002, 2))))
        .isEqualTo("KILL_EVENT auid=1002 uid=0 ses=3 pid=2 AGREES coalesced=0");
    assertThat(inquiry.hasEvent(HUP)).isFalse();
  }

  @Test
  void lateEvent_namesNobodyForTheNextDelivery() {
    assertThat(judge(HUP, 200).proof()).isEqualTo(Proof.UNKNOWN);
    inquiry.see(event(HUP, true, 1001, 1, 100)); // the backlog hands it out a second too late
    assertThat(inquiry.hasEvent(HUP)).isFalse();
    assertThat(judge(HUP, 5000).proof()).isEqualTo(Proof.UNKNOWN);
    inquiry.see(event(HUP, true, 1002, 2, 6000));
    assertThat(judge(HUP, 6001).auid()).hasValue(1002);
  }

  @Test
  void coalescedEvent_namesNobodyForTheNextDelivery() {
    inquiry.see(event(HUP, true, 1001, 1, 100));
    inquiry.see(event(HUP, true, 1002, 2, 101));
    assertThat(judge(HUP, 200).coalesced()).isEqualTo(1);
    assertThat(judge(HUP, 5000).proof()).isEqualTo(Proof.UNKNOWN);
    inquiry.see(event(HUP, true, 1003, 3, 6000));
    assertThat(judge(HUP, 6001).auid()).hasValue(1003);
  }

  @Test
  void twoDeliveriesAtOnce_haveTheirSendersWhereSignalInfoNamesTheSecond() {
    inquiry.see(event(HUP, true, 1001, 1, 100));
    inquiry.see(event(HUP, true, 1002, 2, 101));
    SignalAnswer second = new SignalAnswer(1002, 2);
    assertThat(judge(HUP, 102, second).auid()).hasValue(1001);
    assertThat(text(judge(HUP, 102, second)))
        .isEqualTo("KILL_EVENT auid=1002 uid=0 ses=3 pid=2 AGREES coalesced=0");
    assertThat(text(judge(HUP, 102, second)))
        .isEqualTo("UNKNOWN auid=- uid=- ses=- pid=- COALESCED coalesced=0");
  }

  @Test
  void clockSetBack_stillNamesTheSender() {
    inquiry.see(event(TERM, true, 1001, 1, 5000));
    assertThat(judge(TERM, 1000, new SignalAnswer(1001, 1)).auid()).hasValue(1001);
  }

  @Test
  void ownSignals_nameNobody() {
    inquiry.see(event(USR1, true, -1, OWN, 100)); // a JVM thread signals another
    assertThat(inquiry.hasEvent(USR1)).isFalse();
    assertThat(judge(USR1, 200).proof()).isEqualTo(Proof.UNKNOWN);
  }

  @Test
  void refusedSignals_nameNobodyAndAreForgottenLast() {
    for (int pid = 1000; pid < 1000 + 3 * SenderInquiry.MOST_ATTEMPTS; pid++) {
      inquiry.see(event(TERM, false, 65534, pid, pid));
    }
    int last = 999 + 3 * SenderInquiry.MOST_ATTEMPTS;
    assertThat(text(judge(TERM, 10_000, new SignalAnswer(65534, last))))
        .isEqualTo("UNKNOWN auid=- uid=- ses=- pid=- REFUSED coalesced=0");
  }

  @Test
  void spam_doesNotPushOutTheFirst() {
    inquiry.see(event(TERM, true, 1001, 1, 1));
    for (int i = 2; i < 10_000; i++) {
      inquiry.see(event(TERM, true, 2000, i, i));
    }
    Sender sender = judge(TERM, 20_000, new SignalAnswer(2000, 9_999));
    assertThat(sender.auid()).hasValue(1001);
    assertThat(sender.info()).isEqualTo(Info.COALESCED);
    assertThat(sender.coalesced()).isEqualTo(SenderInquiry.MOST_WAITING - 1);
    assertThat(sender.pid()).isEqualTo(OptionalInt.of(1));
  }
}
