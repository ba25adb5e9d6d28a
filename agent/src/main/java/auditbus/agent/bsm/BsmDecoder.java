// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Decoder;
import auditbus.agent.event.Origin;
import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.EncodedFields;
import auditbus.schemas.Format;
import auditbus.schemas.Outcome;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * Decodes BSM: a record is an event, so none is ever open.
 *
 * <p>What is no whole record, or no record at all, becomes an UNPARSED event with its raw bytes, no
 * time and {@code complete} false. A whole record with a token that is unknown or does not fit
 * keeps what stands before it; the rest is a field in hex, and {@code complete} is false. A Solaris
 * file token becomes an event of type FILE and number 0. {@code acked}, {@code part} and {@code
 * parts} are left at 0, 0 and 1.
 *
 * <p>Not thread-safe.
 */
public final class BsmDecoder implements Decoder {
  static final int UNPARSED = -1;

  private static final int FAILURE_MODIFIER = 0x8000;

  // Avro's timestamp is microseconds in 64 bits.
  private static final long MAX_SECONDS = Long.MAX_VALUE / 1_000_000 - 1;

  private final Origin origin;
  private final BsmFraming framing = new BsmFraming();
  private final TokenCursor cursor = new TokenCursor();
  private final FieldBuilder builder = new FieldBuilder();

  private long defects;

  /**
   * Makes a decoder.
   *
   * @param origin what is the same in all events
   */
  public BsmDecoder(Origin origin) {
    this.origin = Objects.requireNonNull(origin, "origin");
  }

  @Override
  public void accept(TrailRecord record, boolean live, Consumer<DecodedEvent> out) {
    out.accept(decode(record));
  }

  /** Does nothing: no event is ever open. */
  @Override
  public void expire(long nowNanos, Consumer<DecodedEvent> out) {}

  /** Does nothing: no event is ever open. */
  @Override
  public void flush(Consumer<DecodedEvent> out) {}

  @Override
  public int openRecords() {
    return 0;
  }

  @Override
  public long openBytes() {
    return 0;
  }

  /**
   * Records that made the decoder throw: a defect of ours, yet no reason to stop the trail there.
   */
  long defects() {
    return defects;
  }

  private DecodedEvent decode(TrailRecord record) {
    byte[] raw = record.raw();
    if (!record.whole() || framing.frameEnd(raw, 0, raw.length, false) != raw.length) {
      return unparsed(record);
    }
    try {
      return raw[0] == BsmFraming.FILE ? file(record) : whole(record);
    } catch (RuntimeException e) {
      // Without this one record nobody foresaw would stop a host's trail for good.
      defects++;
      return unparsed(record);
    }
  }

  private DecodedEvent whole(TrailRecord record) {
    byte[] raw = record.raw();
    // All headers have these at the same places.
    int version = raw[5] & 0xff;
    int number = TokenCursor.u16(raw, 6);
    int modifier = TokenCursor.u16(raw, 8);
    String name = EventNames.of(number, version);

    AuditEvent event = event(record, name);
    cursor.open(raw, 0, raw.length);
    builder.build(cursor);
    event.setComplete(builder.isComplete());
    event.setTime(time(builder.seconds(), builder.milliseconds()));
    Outcome outcome = builder.outcome();
    event.setOutcome(
        outcome == Outcome.UNKNOWN && (modifier & FAILURE_MODIFIER) != 0
            ? Outcome.FAILURE
            : outcome);
    event.setSubject(builder.subject());
    event.setTarget(builder.target());
    return done(event, record, number, name, builder.fields(), builder.escaped());
  }

  private DecodedEvent file(TrailRecord record) {
    byte[] raw = record.raw();
    AuditEvent event = event(record, "FILE");
    cursor.open(raw, 0, raw.length);
    builder.build(cursor);
    event.setComplete(builder.isComplete());
    // OpenBSM writes milliseconds here, Solaris microseconds; the field has the number.
    long fraction = TokenCursor.u32(raw, 5);
    event.setTime(
        Instant.ofEpochSecond(
            TokenCursor.u32(raw, 1), fraction < 1000 ? fraction * 1_000_000 : fraction * 1000));
    return done(event, record, 0, "FILE", builder.fields(), builder.escaped());
  }

  private DecodedEvent unparsed(TrailRecord record) {
    AuditEvent event = event(record, "UNPARSED");
    event.setComplete(false);
    return done(event, record, UNPARSED, "UNPARSED", EncodedFields.NONE, List.of());
  }

  private AuditEvent event(TrailRecord record, String type) {
    AuditEvent event = new AuditEvent();
    event.setHost(origin.host());
    event.setSource(origin.source());
    event.setTrail(record.trail());
    event.setEpoch(origin.epoch());
    event.setObserved(record.observed());
    event.setPart(0);
    event.setParts(1);
    event.setFormat(Format.BSM);
    event.setType(type);
    event.setOutcome(Outcome.UNKNOWN);
    event.setKeys(List.of());
    return event;
  }

  private DecodedEvent done(
      AuditEvent event,
      TrailRecord record,
      int number,
      String name,
      EncodedFields fields,
      List<String> escaped) {
    event.setBoot(
        event.getTime().flatMap(time -> origin.boot().of(time, record.observed())).orElse(null));
    event.setRecords(
        List.of(
            new AuditRecord(
                null,
                record.position(),
                record.raw().length,
                number,
                name,
                ByteBuffer.wrap(record.raw()),
                fields,
                escaped)));
    return new DecodedEvent(
        event, List.of(new Span(record.trail(), record.position(), record.end())));
  }

  private static Instant time(long seconds, long milliseconds) {
    if (seconds < 0 || seconds > MAX_SECONDS || milliseconds < 0 || milliseconds > 999) {
      return null;
    }
    return Instant.ofEpochSecond(seconds, milliseconds * 1_000_000);
  }
}
