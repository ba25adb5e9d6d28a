// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.publish;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Outcome;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.message.BinaryMessageEncoder;
import org.junit.jupiter.api.Test;

class PartsTest {
  private static final int LIMIT = 16 * 1024;

  @Test
  void everyPartFits_andTheirRecordsAreTheEvents() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      String what = "seed " + seed + " round " + round;
      List<AuditRecord> records = new ArrayList<>();
      long position = random.nextInt(1_000_000);
      for (int i = random.nextInt(40); i >= 0; i--) {
        byte[] raw = new byte[1 + random.nextInt(random.nextInt(20) == 0 ? 60_000 : 6_000)];
        random.nextBytes(raw);
        records.add(record(position, raw, random.nextInt(4) == 0 ? raw.length : 10));
        position += raw.length;
      }
      AuditEvent event = event(List.of());
      event.setRecords(records);
      Parts parts = Parts.of(event, LIMIT, PartsTest::size);
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      long next = records.getFirst().getPosition();
      int number = 0;
      for (AuditEvent part : parts.events()) {
        assertThat(size(part)).as(what).isLessThanOrEqualTo(LIMIT);
        assertThat(part.getPart()).as(what).isEqualTo(number++);
        assertThat(part.getParts()).as(what).isEqualTo(parts.events().size());
        assertThat(part.getRecords()).as(what).isNotEmpty();
        for (AuditRecord record : part.getRecords()) {
          assertThat(record.getPosition()).as(what).isEqualTo(next);
          assertThat(record.getRaw().remaining()).as(what).isEqualTo(record.getLength());
          byte[] raw = new byte[record.getLength()];
          record.getRaw().duplicate().get(raw);
          all.writeBytes(raw);
          next += raw.length;
        }
      }
      byte[] wanted = new byte[all.size()];
      int at = 0;
      for (AuditRecord record : records) {
        record.getRaw().duplicate().get(wanted, at, record.getLength());
        at += record.getLength();
      }
      assertThat(all.toByteArray()).as(what).isEqualTo(wanted);
      long tooLarge =
          records.stream().filter(record -> size(event(List.of(record))) > LIMIT).count();
      assertThat(parts.cut()).as(what).isBetween((int) tooLarge, (int) tooLarge + 1);
      assertThat(event.getRecords()).as("the event itself stays as it was").isSameAs(records);
    }
  }

  @Test
  void onlyTheRecordThatIsTooLarge_isCut() {
    AuditEvent event =
        event(
            List.of(
                record(0, new byte[100], 1),
                record(100, new byte[40_000], 1),
                record(40_100, new byte[100], 1)));
    Parts parts = Parts.of(event, LIMIT, PartsTest::size);
    assertThat(parts.cut()).isEqualTo(1);
    List<AuditRecord> records =
        parts.events().stream().flatMap(part -> part.getRecords().stream()).toList();
    assertThat(records.getFirst().getName()).isEqualTo("EXECVE");
    assertThat(records.getLast().getName()).isEqualTo("EXECVE");
    assertThat(records.subList(1, records.size() - 1))
        .hasSize(3)
        .allSatisfy(
            piece -> {
              assertThat(piece.getName()).isEqualTo("UNPARSED");
              assertThat(piece.getType()).isEqualTo(-1);
              assertThat(piece.getFields()).isEmpty();
            });
  }

  @Test
  void envelopeThatFillsTheMessage_stillMovesBytes() {
    AuditEvent event = event(List.of(record(0, new byte[5_000], 1)));
    event.setKeys(List.of("k".repeat(LIMIT)));
    Parts parts = Parts.of(event, LIMIT, PartsTest::size);
    assertThat(parts.events()).hasSize(5);
  }

  private static AuditRecord record(long position, byte[] raw, int fieldLength) {
    return new AuditRecord(
        null,
        position,
        raw.length,
        1309,
        "EXECVE",
        ByteBuffer.wrap(raw),
        Map.of("a0", "x".repeat(fieldLength)),
        List.of());
  }

  private static AuditEvent event(List<AuditRecord> records) {
    return AuditEvent.newBuilder()
        .setHost("testhost")
        .setSource("auditd")
        .setTrail("20261120104500")
        .setEpoch(1)
        .setObserved(Instant.parse("2026-11-20T12:00:00Z"))
        .setSerial(7)
        .setAcked(0)
        .setType("EXECVE")
        .setOutcome(Outcome.SUCCESS)
        .setFormat(Format.LINUX)
        .setComplete(true)
        .setRecords(records)
        .build();
  }

  private static int size(AuditEvent event) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      new BinaryMessageEncoder<AuditEvent>(event.getSpecificData(), event.getSchema())
          .encode(event, out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.size();
  }
}
