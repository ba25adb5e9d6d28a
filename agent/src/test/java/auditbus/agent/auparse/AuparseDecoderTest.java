// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Outcome;
import auditbus.schemas.Subject;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AuparseDecoderTest {
  private static final Limits SMALL = new Limits(200, Duration.ofSeconds(2), 3, 100_000);

  private final List<DecodedEvent> events = new ArrayList<>();
  private long now;
  private long position;

  private AuparseDecoder decoder(Limits limits) {
    return new AuparseDecoder(Samples.ORIGIN, limits, () -> now);
  }

  private TrailRecord line(String text) {
    byte[] raw = (text + "\n").getBytes(StandardCharsets.ISO_8859_1);
    TrailRecord record = new TrailRecord(Samples.TRAIL, position, raw, true, Samples.OBSERVED);
    position += raw.length;
    return record;
  }

  private TrailRecord record(String type, long serial, String body) {
    return line("type=" + type + " msg=audit(100.004:" + serial + "): " + body);
  }

  private void accept(AuparseDecoder decoder, boolean live, TrailRecord... records) {
    for (TrailRecord record : records) {
      decoder.accept(record, live, events::add);
    }
  }

  /** {@code SYSCALL+PATH!} for a complete event, without ! for others. */
  private List<String> shapes() {
    return events.stream()
        .map(
            event ->
                String.join(
                        "+", event.event().getRecords().stream().map(AuditRecord::getName).toList())
                    + (event.event().getComplete() ? "!" : ""))
        .toList();
  }

  @Test
  void reassembler_closesEventAtEoe() {
    AuparseDecoder decoder = decoder(SMALL);
    accept(decoder, true, record("SYSCALL", 1, "items=1"), record("PATH", 1, "item=0"));
    assertThat(events).isEmpty();
    assertThat(decoder.openRecords()).isEqualTo(2);
    assertThat(decoder.openBytes()).isEqualTo(position);
    accept(decoder, true, record("EOE", 1, ""));
    assertThat(shapes()).containsExactly("SYSCALL+PATH+EOE!");
    assertThat(decoder.openRecords()).isZero();
    assertThat(decoder.openBytes()).isZero();
  }

  @Test
  void reassembler_learnsFromTheFirstEventWhetherEoeFollowsProctitle() {
    AuparseDecoder withEoe = decoder(SMALL);
    accept(
        withEoe,
        true,
        record("SYSCALL", 1, ""),
        record("PROCTITLE", 1, ""),
        record("EOE", 1, ""),
        record("SYSCALL", 2, ""),
        record("PROCTITLE", 2, ""),
        record("SYSCALL", 3, ""),
        record("EOE", 2, ""));
    assertThat(shapes()).containsExactly("SYSCALL+PROCTITLE+EOE!", "SYSCALL+PROCTITLE+EOE!");

    events.clear();
    AuparseDecoder without = decoder(SMALL);
    accept(without, true, record("SYSCALL", 1, ""), record("PROCTITLE", 1, ""));
    assertThat(events).isEmpty();
    accept(without, true, record("SYSCALL", 2, ""));
    assertThat(shapes()).containsExactly("SYSCALL+PROCTITLE!");
    accept(without, true, record("PROCTITLE", 2, ""));
    assertThat(shapes()).containsExactly("SYSCALL+PROCTITLE!", "SYSCALL+PROCTITLE!");
  }

  @Test
  void reassembler_closesAnEventWhoseEoeIsMissingAndUnlearns() {
    AuparseDecoder decoder = decoder(SMALL);
    accept(
        decoder,
        true,
        record("SYSCALL", 1, ""),
        record("EOE", 1, ""),
        record("SYSCALL", 2, ""),
        record("PROCTITLE", 2, ""));
    now = SMALL.timeout().toNanos();
    decoder.expire(now, events::add);
    accept(decoder, true, record("SYSCALL", 3, ""), record("PROCTITLE", 3, ""));
    assertThat(shapes())
        .containsExactly("SYSCALL+EOE!", "SYSCALL+PROCTITLE!", "SYSCALL+PROCTITLE!");
  }

  @Test
  void reassembler_startsAFurtherEventForALateRecord() {
    AuparseDecoder decoder = decoder(SMALL);
    accept(
        decoder, true, record("SYSCALL", 1, ""), record("EOE", 1, ""), record("PATH", 1, "item=0"));
    now = SMALL.timeout().toNanos();
    decoder.expire(now, events::add);
    assertThat(shapes()).containsExactly("SYSCALL+EOE!", "PATH");
    assertThat(events).extracting(event -> event.event().getSerial()).containsExactly(1L, 1L);
  }

  @Test
  void reassembler_keepsInterleavedEventsApart() {
    AuparseDecoder decoder = decoder(SMALL);
    accept(
        decoder,
        true,
        record("SYSCALL", 2, "items=1"),
        record("SYSCALL", 1, "items=2"),
        record("PATH", 1, "item=0"),
        record("PATH", 2, "item=0"),
        line("node=b type=SYSCALL msg=audit(100.004:1): items=0"),
        record("EOE", 2, ""),
        record("PATH", 1, "item=1"),
        line("node=b type=EOE msg=audit(100.004:1): "),
        record("EOE", 1, ""));
    assertThat(shapes())
        .containsExactly("SYSCALL+PATH+EOE!", "SYSCALL+EOE!", "SYSCALL+PATH+PATH+EOE!");
    assertThat(events.get(1).event().getNode()).contains("b");
    assertThat(events.get(2).spans()).extracting(Span::position).isSorted().hasSize(4);
  }

  @Test
  void standAloneRecords_closeAtOnceAndLoginStaysOpen() {
    AuparseDecoder decoder = decoder(SMALL);
    accept(
        decoder,
        true,
        record("LOGIN", 1, "pid=1 auid=1000 ses=1 res=1"),
        record("USER_LOGIN", 1, "pid=1"),
        record("DAEMON_END", 1, "op=terminate"),
        record("MAC_UNLBL_ALLOW", 2, ""),
        record("KERNEL", 3, ""),
        record("ANOM_LOGIN_FAILURES", 4, ""),
        record("SYSCALL", 1, ""),
        record("EOE", 1, ""));
    assertThat(shapes())
        .containsExactly(
            "USER_LOGIN!",
            "DAEMON_END!",
            "MAC_UNLBL_ALLOW!",
            "KERNEL!",
            "ANOM_LOGIN_FAILURES!",
            "LOGIN+SYSCALL+EOE!");
  }

  @Test
  void behindTheHead_eventsAreClosedByDistanceOnly() {
    AuparseDecoder decoder = decoder(SMALL);
    accept(decoder, false, record("SYSCALL", 1, ""), record("LOGIN", 2, ""));
    now = Long.MAX_VALUE / 2;
    while (events.isEmpty()) {
      accept(decoder, false, line("junk"));
      events.removeIf(event -> event.event().getType().equals("UNPARSED"));
    }
    // The junk that made the distance larger than the limit is 5 bytes long.
    long end = record("SYSCALL", 1, "").raw().length;
    assertThat(shapes()).containsExactly("SYSCALL");
    assertThat(position - end - end - SMALL.distanceBytes()).isBetween(1L, 5L);
    decoder.flush(events::add);
    assertThat(shapes()).containsExactly("SYSCALL", "LOGIN!");
  }

  @Test
  void atTheHead_eventsAreClosedByTimeOnly() {
    AuparseDecoder decoder = decoder(SMALL);
    accept(
        decoder,
        true,
        record("SYSCALL", 1, ""),
        record("LOGIN", 2, ""),
        record("URINGOP", 3, "items=1"));
    for (int lines = 0; lines < 100; lines++) {
      accept(decoder, true, line("junk"));
    }
    events.clear();
    decoder.expire(SMALL.timeout().toNanos() - 1, events::add);
    assertThat(events).isEmpty();
    decoder.expire(SMALL.timeout().toNanos(), events::add);
    assertThat(shapes()).containsExactly("SYSCALL", "LOGIN!", "URINGOP");
  }

  @Test
  void tooManyOpenEvents_closeTheOneIdleLongest() {
    AuparseDecoder decoder = decoder(SMALL);
    accept(
        decoder,
        true,
        record("SYSCALL", 1, ""),
        record("SYSCALL", 2, ""),
        record("SYSCALL", 3, ""),
        record("CWD", 1, ""),
        record("SYSCALL", 4, ""));
    assertThat(shapes()).containsExactly("SYSCALL");
    assertThat(events.getFirst().event().getSerial()).isEqualTo(2);
  }

  @Test
  void tooManyOpenBytes_closeTheOneIdleLongestEvenIfItIsTheOnlyOne() {
    AuparseDecoder decoder = decoder(new Limits(1 << 20, Duration.ofSeconds(2), 100, 300));
    for (int item = 0; item < 20; item++) {
      accept(decoder, true, record("PATH", 1, "item=" + item));
      assertThat(decoder.openBytes()).isLessThanOrEqualTo(300);
    }
    decoder.flush(events::add);
    assertThat(events.stream().mapToInt(event -> event.spans().size()).sum()).isEqualTo(20);
    assertThat(events.getFirst().event().getComplete()).isFalse();
  }

  @Test
  void missingPath_makesAnEventIncomplete() {
    accept(
        decoder(SMALL),
        true,
        record("SYSCALL", 1, "items=2"),
        record("PATH", 1, "item=0"),
        record("EOE", 1, ""),
        record("SYSCALL", 2, "items=2"),
        record("MQ_OPEN", 2, "oflag=0"),
        record("PATH", 2, "item=0"),
        record("EOE", 2, ""),
        record("SYSCALL", 3, ""),
        record("EXECVE", 3, "argc=2 a0=\"x\" a1=\"y\""),
        record("EOE", 3, ""),
        record("SYSCALL", 4, ""),
        record("EXECVE", 4, "argc=2 a0=\"x\" a1_len=4 a1[0]=\"y\""),
        record("EOE", 4, ""));
    assertThat(shapes())
        .containsExactly(
            "SYSCALL+PATH+EOE",
            "SYSCALL+MQ_OPEN+PATH+EOE!",
            "SYSCALL+EXECVE+EOE!",
            "SYSCALL+EXECVE+EOE");
  }

  @Test
  void leadingRecord_namesTheEvent() {
    accept(
        decoder(SMALL),
        true,
        record("PATH", 1, "item=0"),
        record("SYSCALL", 1, "items=1"),
        record("EOE", 1, ""),
        record("AVC", 2, "avc:  denied  { read } for pid=1"),
        record("SYSCALL", 2, "success=no pid=1"),
        record("EOE", 2, ""),
        record("CWD", 3, ""),
        record("URINGOP", 3, ""),
        record("EOE", 3, ""),
        record("CWD", 4, ""),
        record("ANOM_LINK", 4, ""),
        record("EOE", 4, ""),
        record("PATH", 5, ""),
        record("EOE", 5, ""));
    assertThat(events)
        .extracting(event -> event.event().getType())
        .containsExactly("SYSCALL", "AVC", "URINGOP", "ANOM_LINK", "PATH");
    assertThat(events.get(1).event().getOutcome()).isEqualTo(Outcome.FAILURE);
  }

  @Test
  void event_isFilledFromItsRecords() {
    Origin origin = new Origin("N", "kernel", (_, _) -> Optional.of("boot-1"), 42);
    AuparseDecoder decoder = new AuparseDecoder(origin, Limits.defaults(), () -> 0);
    accept(
        decoder,
        true,
        line(
            "node=n type=SYSCALL msg=audit(1795170528.496:19): arch=c000003e syscall=62 success=no"
                + " exit=-1 a0=4b78 a1=f a2=0 a3=ffffffffffffffff items=0 ppid=2 pid=3 auid=1000 uid=1"
                + " gid=2 euid=3 suid=4 fsuid=5 egid=6 sgid=7 fsgid=8 tty=pts0 ses=9 comm=\"kill\""
                + " exe=\"/usr/bin/kill\" key=\"sig\"\u001dARCH=x86_64 SYSCALL=kill"),
        line(
            "node=n type=OBJ_PID msg=audit(1795170528.496:19): opid=5 oauid=-1 ouid=6 oses=7"
                + " ocomm=\"auditd\""),
        line(
            "node=n type=OBJ_PID msg=audit(1795170528.496:19): opid=8 oauid=1 ouid=6 oses=7"
                + " ocomm=\"x\""),
        line("node=n type=EOE msg=audit(1795170528.496:19): "));
    AuditEvent event = events.getFirst().event();
    assertThat(event.getHost()).isEqualTo("N");
    assertThat(event.getSource()).isEqualTo("kernel");
    assertThat(event.getTrail()).isEqualTo(Samples.TRAIL);
    assertThat(event.getBoot()).contains("boot-1");
    assertThat(event.getEpoch()).isEqualTo(42);
    assertThat(event.getObserved()).isEqualTo(Samples.OBSERVED);
    assertThat(event.getTime()).contains(Instant.ofEpochMilli(1_795_170_528_496L));
    assertThat(event.getSerial()).isEqualTo(19);
    assertThat(event.getPart()).isZero();
    assertThat(event.getParts()).isEqualTo(1);
    assertThat(event.getNode()).contains("n");
    assertThat(event.getFormat()).isEqualTo(Format.LINUX);
    assertThat(event.getOutcome()).isEqualTo(Outcome.FAILURE);
    assertThat(event.getSubject())
        .contains(
            new Subject(1000L, 1L, 3L, 2L, 6L, 9L, 3L, 2L, "pts0", "kill", "/usr/bin/kill", null));
    assertThat(event.getSyscall().orElseThrow())
        .satisfies(
            call -> {
              assertThat(call.getArch()).contains(0xc000003eL);
              assertThat(call.getNumber()).isEqualTo(62);
              assertThat(call.getName()).contains("kill");
              assertThat(call.getExit()).contains(-1L);
              assertThat(call.getArgs()).containsExactly(0x4b78L, 15L, 0L, -1L);
            });
    assertThat(event.getTarget().orElseThrow())
        .satisfies(
            target -> {
              assertThat(target.getPid()).contains(5L);
              assertThat(target.getAuid()).isEmpty();
              assertThat(target.getUid()).contains(6L);
              assertThat(target.getSession()).contains(7L);
              assertThat(target.getComm()).contains("auditd");
            });
    assertThat(event.getKeys()).containsExactly("sig");
    assertThat(event.getRecords()).hasSize(4).allSatisfy(r -> assertThat(r.getTrail()).isEmpty());
  }

  @Test
  void userRecord_takesOnlyWhatThePrefixCannotHoldFromItsMessage() {
    accept(
        decoder(SMALL),
        true,
        record(
            "USER_LOGIN",
            1,
            "pid=7 uid=0 auid=4294967295 ses=4294967295 msg='op=login auid=0 pid=1 ses=3 uid=9"
                + " acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=? addr=10.0.0.9 terminal=ssh"
                + " res=failed'"));
    AuditEvent event = events.getFirst().event();
    assertThat(event.getOutcome()).isEqualTo(Outcome.FAILURE);
    assertThat(event.getSubject())
        .contains(
            new Subject(
                null,
                0L,
                null,
                null,
                null,
                null,
                7L,
                null,
                "ssh",
                null,
                "/usr/sbin/sshd",
                "10.0.0.9"));
  }

  @Test
  void legacyKernelRecord_namesItsLoginUser() {
    List<DecodedEvent> decoded =
        Samples.decode(
            "type=KERNEL msg=audit(1111114589.580:4100282): syscall=37 exit=0 a0=469d a1=f"
                + " pid=18094 loginuid=500 uid=0");
    AuditEvent event = decoded.getFirst().event();
    assertThat(event.getSubject().orElseThrow().getAuid()).contains(500L);
    assertThat(event.getSyscall().orElseThrow().getNumber()).isEqualTo(37);
    assertThat(event.getSyscall().orElseThrow().getArch()).isEmpty();
    assertThat(event.getSyscall().orElseThrow().getArgs()).containsExactly(0x469dL, 15L);
  }

  @Test
  void unparsedLine_isAnIncompleteEventOfItsOwn() {
    accept(decoder(SMALL), true, line("type=SYSCALL msg=audit(16523210---): x"));
    AuditEvent event = events.getFirst().event();
    assertThat(event.getType()).isEqualTo("UNPARSED");
    assertThat(event.getTime()).isEmpty();
    assertThat(event.getSerial()).isZero();
    assertThat(event.getComplete()).isFalse();
    assertThat(event.getRecords().getFirst().getType()).isEqualTo(-1);
    assertThat(
            StandardCharsets.US_ASCII
                .decode(event.getRecords().getFirst().getRaw().duplicate())
                .toString())
        .isEqualTo("type=SYSCALL msg=audit(16523210---): x\n");
  }

  @Test
  void eventOverARotation_belongsToTheTrailOfItsFirstRecord() {
    AuparseDecoder decoder = decoder(SMALL);
    decoder.accept(record("SYSCALL", 1, ""), false, events::add);
    TrailRecord end = record("EOE", 1, "");
    decoder.accept(
        new TrailRecord("20261120110000", 0, end.raw(), true, Samples.OBSERVED),
        false,
        events::add);
    AuditEvent event = events.getFirst().event();
    assertThat(event.getTrail()).isEqualTo(Samples.TRAIL);
    assertThat(event.getRecords())
        .extracting(AuditRecord::getTrail)
        .containsExactly(Optional.empty(), Optional.of("20261120110000"));
    assertThat(events.getFirst().spans())
        .extracting(Span::trail)
        .containsExactly(Samples.TRAIL, "20261120110000");
  }

  @Test
  void forgedLineAndQuotes_attributeNobody() {
    List<DecodedEvent> decoded =
        Samples.decode(Samples.bytes(Samples.linux("17-other-signal-syscalls-and-injection.log")));
    AuditEvent forged =
        decoded.stream()
            .map(DecodedEvent::event)
            .filter(event -> event.getSerial() == 34_211_485L)
            .findFirst()
            .orElseThrow();
    assertThat(forged.getSubject().orElseThrow().getAuid()).isEmpty();
    assertThat(forged.getRecords().getFirst().getFields())
        .containsEntry("auid", "4294967295")
        .containsEntry("AUID", "unset")
        .containsEntry("msg.auid", "0");
  }

  @Test
  void refusedConfigChange_isAFailureAlthoughItsCallSucceeded() {
    accept(
        decoder(SMALL),
        true,
        record("CONFIG_CHANGE", 1, "op=set audit_pid=2 old=1 auid=5 res=0"),
        record("SYSCALL", 1, "success=yes items=0 pid=2"),
        record("EOE", 1, ""));
    assertThat(events.getFirst().event().getOutcome()).isEqualTo(Outcome.FAILURE);
  }

  @Test
  void kernelEventsInterleavedAtRandom_comeOutAsIfOneByOne() {
    long seed = System.nanoTime();
    System.out.println("AuparseDecoderTest: seed " + seed);
    Random random = new Random(seed);
    Map<String, List<TrailRecord>> byStamp = new LinkedHashMap<>();
    for (TrailRecord record : Samples.frame(Samples.bytes(Samples.netlink("mixed.txt")))) {
      String text = new String(record.raw(), StandardCharsets.ISO_8859_1);
      int end = text.indexOf("): ");
      if (end > 0) {
        byStamp
            .computeIfAbsent(
                text.substring(0, end).replaceAll("type=\\d+", ""), key -> new ArrayList<>())
            .add(record);
      }
    }
    Set<List<Span>> wanted = new HashSet<>();
    byStamp.values().forEach(records -> wanted.add(spans(records)));
    for (int round = 0; round < 200; round++) {
      List<Deque<TrailRecord>> queues = new ArrayList<>();
      byStamp.values().forEach(records -> queues.add(new ArrayDeque<>(records)));
      events.clear();
      AuparseDecoder decoder = decoder(Limits.defaults());
      // One event by itself shows the decoder that this stream has EOE.
      queues.removeFirst().forEach(record -> decoder.accept(record, false, events::add));
      while (!queues.isEmpty()) {
        Deque<TrailRecord> queue = queues.get(random.nextInt(Math.min(5, queues.size())));
        decoder.accept(queue.removeFirst(), false, events::add);
        queues.removeIf(Deque::isEmpty);
      }
      decoder.flush(events::add);
      assertThat(events.stream().map(DecodedEvent::spans).toList())
          .containsExactlyInAnyOrderElementsOf(wanted);
      assertThat(events).allMatch(event -> event.event().getComplete());
    }
  }

  @Test
  void recordsOfOneEventInAnyOrder_makeTheSameEvent() {
    long seed = System.nanoTime();
    System.out.println("AuparseDecoderTest: seed " + seed);
    Random random = new Random(seed);
    List<TrailRecord> records = new ArrayList<>();
    records.add(
        record(
            "SYSCALL",
            1,
            "arch=c000003e syscall=59 success=yes exit=0 items=2 pid=3 auid=1000 comm=\"sh\" key=\"k\""));
    records.add(record("EXECVE", 1, "argc=3 a0=\"sh\" a1_len=12 a1[0]=414243"));
    records.add(record("EXECVE", 1, "a1[1]=444546"));
    records.add(record("EXECVE", 1, "a2=\"x\""));
    records.add(record("CWD", 1, "cwd=\"/\""));
    records.add(record("PATH", 1, "item=0 name=\"/bin/sh\""));
    records.add(record("PATH", 1, "item=1 name=\"/lib/ld.so\""));
    records.add(record("PROCTITLE", 1, "proctitle=7368"));
    TrailRecord end = record("EOE", 1, "");
    for (int round = 0; round < 200; round++) {
      List<TrailRecord> shuffled = new ArrayList<>(records);
      Collections.shuffle(shuffled, random);
      events.clear();
      AuparseDecoder decoder = decoder(Limits.defaults());
      shuffled.forEach(record -> decoder.accept(record, false, events::add));
      decoder.accept(end, false, events::add);
      assertThat(shapes()).singleElement().asString().endsWith("EOE!");
      AuditEvent event = events.getFirst().event();
      assertThat(event.getType()).isEqualTo("SYSCALL");
      assertThat(event.getKeys()).containsExactly("k");
      assertThat(event.getOutcome()).isEqualTo(Outcome.SUCCESS);
      assertThat(event.getSubject().orElseThrow().getAuid()).contains(1000L);
      assertThat(event.getSyscall().orElseThrow().getName()).contains("execve");
    }
  }

  @Test
  void fragmentWithoutItsSyscall_isIncomplete() {
    accept(
        decoder(SMALL),
        true,
        record("SOCKADDR", 1, "saddr=10"),
        record("PROCTITLE", 1, "proctitle=61"),
        record("EOE", 1, ""),
        record("PATH", 2, "item=0"),
        record("EOE", 2, ""),
        record("EXECVE", 3, "argc=1 a0=\"x\""),
        record("EOE", 3, ""),
        record("EOE", 3, ""),
        record("OBJ_PID", 4, "opid=1"),
        record("LOGIN", 4, "pid=1"),
        record("EOE", 4, ""));
    assertThat(shapes())
        .containsExactly(
            "SOCKADDR+PROCTITLE+EOE", "PATH+EOE", "EXECVE+EOE", "EOE!", "OBJ_PID+LOGIN+EOE!");
  }

  @Test
  void systemCall_isNamedByItsRecordElseByTheTable() {
    accept(
        decoder(SMALL),
        true,
        record("SYSCALL", 1, "arch=c000003e syscall=62"),
        record("EOE", 1, ""),
        record("SYSCALL", 2, "arch=40000003 syscall=37"),
        record("EOE", 2, ""),
        record("SYSCALL", 3, "arch=c000003e syscall=62\u001dARCH=x86_64 SYSCALL=as-the-host-says"),
        record("EOE", 3, ""),
        record("SYSCALL", 4, "arch=c000003e syscall=452\u001dSYSCALL=unknown-syscall(452)"),
        record("EOE", 4, ""),
        record("SYSCALL", 5, "arch=c000003e syscall=99999"),
        record("EOE", 5, ""),
        record("SECCOMP", 6, "arch=c00000b7 syscall=129"),
        record("EOE", 6, ""));
    assertThat(events)
        .extracting(event -> event.event().getSyscall().orElseThrow().getName().orElse("-"))
        .containsExactly("kill", "kill", "as-the-host-says", "fchmodat2", "-", "kill");
    assertThat(events)
        .extracting(event -> event.event().getSyscall().orElseThrow().getNumber())
        .containsExactly(62, 37, 62, 452, 99999, 129);
  }

  private static List<Span> spans(List<TrailRecord> records) {
    return records.stream()
        .map(record -> new Span(record.trail(), record.position(), record.end()))
        .toList();
  }
}
