// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** Records with something in every kind of field. */
public final class Samples {
  private static final String KILL =
      "type=SYSCALL msg=audit(1763635500.123:4711): arch=c000003e syscall=62 success=yes exit=0 a0=2c1 a1=f a2=0"
          + " a3=7f items=0 ppid=812 pid=900 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm=\"kill\""
          + " exe=\"/usr/bin/kill\" key=(null)\n";

  private Samples() {}

  /** A kill of the audit daemon. */
  public static AuditEvent event() {
    return AuditEvent.newBuilder()
        .setHost("web-1")
        .setSource("auditd")
        .setTrail("20261120104500")
        .setBoot("2b1f2f2e-7d0c-4d46-9f4d-0f5b3f8f0a11")
        .setEpoch(7)
        .setTime(Instant.parse("2026-11-20T10:45:00.123Z"))
        .setObserved(Instant.parse("2026-11-20T10:45:00.123456Z"))
        .setSerial(4711)
        .setAcked(1024)
        .setFormat(Format.LINUX)
        .setType("SYSCALL")
        .setOutcome(Outcome.SUCCESS)
        .setSubject(
            Subject.newBuilder()
                .setAuid(1000L)
                .setUid(0L)
                .setPid(900L)
                .setTty("pts0")
                .setComm("kill")
                .build())
        .setSyscall(
            Syscall.newBuilder()
                .setArch(0xc000003eL)
                .setNumber(62)
                .setExit(0L)
                .setArgs(List.of(705L, 15L, 0L, -1L))
                .build())
        .setTarget(Target.newBuilder().setPid(705L).setComm("auditd").build())
        .setKeys(List.of("stop-auditing", "ключ"))
        .setComplete(true)
        .setRecords(
            List.of(
                AuditRecord.newBuilder()
                    .setPosition(2048)
                    .setLength(KILL.length())
                    .setType(1300)
                    .setName("SYSCALL")
                    .setRaw(ByteBuffer.wrap(KILL.getBytes(StandardCharsets.UTF_8)))
                    .setFields(Map.of("comm", "kill", "exe", "/usr/bin/kill"))
                    .setEscaped(List.of("comm"))
                    .build()))
        .build();
  }

  /** An event whose one record has so many bytes. */
  public static AuditEvent event(int rawBytes) {
    AuditEvent event = event();
    event.getRecords().getFirst().setRaw(ByteBuffer.wrap(new byte[rawBytes]));
    return event;
  }

  /** A closed trail. */
  public static TrailState trail() {
    return TrailState.newBuilder()
        .setHost("web-1")
        .setSource("auditd")
        .setTrail("20261120104500")
        .setEpoch(7)
        .setFormat(Format.LINUX)
        .setState(TrailStatus.TERMINATED)
        .setName("20261120104500.20261120110000")
        .setSize(123_456_789_012L)
        .setSha256("ab".repeat(32))
        .setAt(Instant.parse("2026-11-20T11:00:00.000001Z"))
        .setDropped(List.of(Range.newBuilder().setPosition(10).setLength(20).build()))
        .build();
  }

  /** A heartbeat with a kernel and a source. */
  public static AgentStatus status() {
    return AgentStatus.newBuilder()
        .setHost("web-1")
        .setEpoch(7)
        .setVersion("0.1.0")
        .setStarted(Instant.parse("2026-11-20T10:00:00Z"))
        .setAt(Instant.parse("2026-11-20T11:00:00Z"))
        .setSequence(720)
        .setIntervalMs(5_000)
        .setKernel(
            KernelStatus.newBuilder()
                .setEnabled(1)
                .setFailure(1)
                .setPid(705)
                .setRateLimit(0)
                .setBacklogLimit(8192)
                .setLost(0)
                .setBacklog(4)
                .setBacklogWaitTime(60_000)
                .setBacklogWaitTimeActual(0)
                .build())
        .setSources(
            List.of(
                SourceStatus.newBuilder()
                    .setName("auditd")
                    .setType("auditlog")
                    .setState("RUNNING")
                    .setHead(4096)
                    .setAcked(2048)
                    .setWaitingBytes(2048)
                    .setReceived(20)
                    .setWritten(20)
                    .setDropped(0)
                    .setAckedRecords(10)
                    .setWaitingRecords(10)
                    .setEvents(5)
                    .setIncomplete(0)
                    .setUnparsed(0)
                    .setTrailsClosed(0)
                    .build()))
        .build();
  }

  /** An open hole. */
  public static Gap gap() {
    return Gap.newBuilder()
        .setId("gap-1")
        .setHost("web-1")
        .setSource("auditd")
        .setTrail("20261120104500")
        .setKind(GapKind.TRAIL_COVERAGE)
        .setCertainty(Certainty.PROVEN)
        .setState(GapState.OPEN)
        .setPosition(100L)
        .setEnd(200L)
        .setHoles(List.of(Range.newBuilder().setPosition(100).setLength(100).build()))
        .setFrom(Instant.parse("2026-11-20T10:45:00.000001Z"))
        .setMissing(100L)
        .setUnit(GapUnit.BYTES)
        .setOpened(Instant.parse("2026-11-20T10:45:01Z"))
        .build();
  }

  /** A stop with one piece of evidence. */
  public static ShutdownAttribution shutdown() {
    return ShutdownAttribution.newBuilder()
        .setId("stop-1")
        .setHost("web-1")
        .setDaemon("auditd")
        .setDaemonPid(705L)
        .setStopped(Instant.parse("2026-11-20T10:45:00.2Z"))
        .setMarker("DAEMON_END")
        .setAttribution(Attribution.USER)
        .setCertainty(Certainty.PROVEN)
        .setAuid(1000L)
        .setEvidence(
            List.of(
                Evidence.newBuilder()
                    .setKind(EvidenceKind.KILL_EVENT)
                    .setSource("auditd")
                    .setTrail("20261120104500")
                    .setPosition(2048)
                    .setTime(Instant.parse("2026-11-20T10:45:00.123Z"))
                    .setSerial(4711)
                    .setSignal(15)
                    .setAuid(1000L)
                    .build()))
        .build();
  }
}
