// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Certainty;
import auditbus.schemas.Format;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.GapUnit;
import auditbus.schemas.Outcome;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificData;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.SerializationException;

/** Values of the topics as the tests need them, in plain Avro without a registry. */
final class TestTopics {
  static final Instant NOON = Instant.parse("2026-11-20T12:00:00Z");
  static final String TRAIL = "20261120120000";

  private TestTopics() {}

  /** An event of lines of ten bytes, the first at a position. */
  static AuditEvent event(long position, int lines) {
    List<AuditRecord> records = new ArrayList<>();
    for (int line = 0; line < lines; line++) {
      records.add(
          AuditRecord.newBuilder()
              .setPosition(position + 10L * line)
              .setLength(10)
              .setType(1300)
              .setName("SYSCALL")
              .setRaw(ByteBuffer.allocate(10))
              .setFields(Map.of("a0", "1"))
              .build());
    }
    return AuditEvent.newBuilder()
        .setHost("web1")
        .setSource("auditd")
        .setTrail(TRAIL)
        .setEpoch(1)
        .setObserved(NOON)
        .setSerial(7)
        .setAcked(0)
        .setType("SYSCALL")
        .setOutcome(Outcome.SUCCESS)
        .setFormat(Format.LINUX)
        .setComplete(true)
        .setRecords(records)
        .build();
  }

  static TrailState state(TrailStatus status, long size) {
    return TrailState.newBuilder()
        .setHost("web1")
        .setSource("auditd")
        .setTrail(TRAIL)
        .setEpoch(1)
        .setState(status)
        .setName(TRAIL + (status == TrailStatus.TERMINATED ? ".20261120130000" : ".not_terminated"))
        .setSize(size)
        .setAt(NOON)
        .build();
  }

  static Gap gap(GapState state, int revision) {
    return Gap.newBuilder()
        .setId("g1")
        .setHost("web1")
        .setSource("auditd")
        .setTrail(TRAIL)
        .setKind(GapKind.TRAIL_COVERAGE)
        .setCertainty(Certainty.PROVEN)
        .setState(state)
        .setMissing(20L)
        .setUnit(GapUnit.BYTES)
        .setPosition(10L)
        .setOpened(NOON)
        .setRevision(revision)
        .build();
  }

  static ConsumerRecord<byte[], byte[]> message(Topics topic, SpecificRecord value) {
    return new ConsumerRecord<>(topic.topic(), 0, 0, null, bytes(value));
  }

  static byte[] bytes(SpecificRecord value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
    try {
      new SpecificDatumWriter<SpecificRecord>(
              value.getSchema(), SpecificData.getForClass(value.getClass()))
          .write(value, encoder);
      encoder.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** Decodes what {@link #bytes} encoded. */
  static final class PlainValues implements TopicValues {
    @Override
    public AuditEvent event(byte[] value) {
      return specific(value, AuditEvent.getClassSchema(), AuditEvent.class);
    }

    @Override
    public TrailState trail(byte[] value) {
      return specific(value, TrailState.getClassSchema(), TrailState.class);
    }

    @Override
    public Gap gap(byte[] value) {
      return specific(value, Gap.getClassSchema(), Gap.class);
    }

    @Override
    public ShutdownAttribution shutdown(byte[] value) {
      return specific(value, ShutdownAttribution.getClassSchema(), ShutdownAttribution.class);
    }

    private static <T> T specific(byte[] value, Schema schema, Class<T> type) {
      try {
        return type.cast(
            new SpecificDatumReader<Object>(schema, schema, SpecificData.getForClass(type))
                .read(null, DecoderFactory.get().binaryDecoder(value, null)));
      } catch (IOException | AvroRuntimeException e) {
        throw new SerializationException(e);
      }
    }
  }
}
