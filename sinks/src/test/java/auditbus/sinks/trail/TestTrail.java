// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Outcome;
import auditbus.schemas.Range;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A trail as a host has it, and the messages its agent sends of it. */
@SuppressWarnings("ArrayRecordComponent") // never written to
record TestTrail(String host, String source, String trail, byte[] bytes) {
  static final String END = "20261120110000";

  static TestTrail random(Random random, String host, String source, String trail, int maxBytes) {
    byte[] bytes = new byte[random.nextInt(maxBytes + 1)];
    random.nextBytes(bytes);
    return new TestTrail(host, source, trail, bytes);
  }

  String name() {
    return trail + "." + END;
  }

  String sha256() {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  AuditRecord record(int position, int end) {
    return AuditRecord.newBuilder()
        .setPosition(position)
        .setLength(end - position)
        .setType(1300)
        .setName("SYSCALL")
        .setRaw(ByteBuffer.wrap(Arrays.copyOfRange(bytes, position, end)))
        .setFields(Map.of("a0", "7ffd"))
        .build();
  }

  AuditEvent event(AuditRecord... records) {
    return AuditEvent.newBuilder()
        .setHost(host)
        .setSource(source)
        .setTrail(trail)
        .setEpoch(1)
        .setObserved(Instant.EPOCH)
        .setSerial(7)
        .setAcked(0)
        .setFormat(Format.LINUX)
        .setType("SYSCALL")
        .setOutcome(Outcome.SUCCESS)
        .setComplete(true)
        .setRecords(List.of(records))
        .build();
  }

  AuditEvent event(int position, int end) {
    return event(record(position, end));
  }

  /** The whole trail in events of one to three records of at most so many bytes. */
  List<AuditEvent> events(Random random, int maxRecordBytes) {
    List<AuditEvent> events = new ArrayList<>();
    List<AuditRecord> records = new ArrayList<>();
    for (int position = 0; position < bytes.length; ) {
      int end = Math.min(bytes.length, position + 1 + random.nextInt(maxRecordBytes));
      records.add(record(position, end));
      position = end;
      if (position == bytes.length || records.size() > random.nextInt(3)) {
        events.add(event(records.toArray(AuditRecord[]::new)));
        records.clear();
      }
    }
    return events;
  }

  TrailState.Builder state(TrailStatus status, String name) {
    return TrailState.newBuilder()
        .setHost(host)
        .setSource(source)
        .setTrail(trail)
        .setEpoch(1)
        .setFormat(Format.LINUX)
        .setState(status)
        .setName(name)
        .setSize(bytes.length)
        .setAt(Instant.EPOCH);
  }

  TrailState opened() {
    return state(TrailStatus.OPENED, trail + ".not_terminated").setSize(0).build();
  }

  TrailState terminated() {
    return state(TrailStatus.TERMINATED, name()).setSha256(sha256()).build();
  }

  TrailState terminatedAfter(TestTrail previous) {
    return state(TrailStatus.TERMINATED, name())
        .setSha256(sha256())
        .setPrevious(previous.trail())
        .setPreviousSha256(previous.sha256())
        .build();
  }

  TrailState terminatedWithoutDigest(String cause, Range... dropped) {
    return state(TrailStatus.TERMINATED, name())
        .setCause(cause)
        .setDropped(List.of(dropped))
        .build();
  }
}
