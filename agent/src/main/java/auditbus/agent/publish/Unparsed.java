// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.publish;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Outcome;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Bytes as they are, where a decoder's word is not to be had: at their positions, under no name.
 *
 * <p>Design note: a decoder publishes what it cannot parse as UNPARSED itself. This is for what is
 * left when the decoder itself is at fault, or a message is too small.
 *
 * <p>Thread-safe: stateless.
 */
public final class Unparsed {
  static final int TYPE = -1;
  static final String NAME = "UNPARSED";

  private Unparsed() {}

  /** One record of a trail as an event of its own. */
  public static DecodedEvent event(Origin origin, TrailRecord record) {
    AuditEvent event =
        new AuditEvent(
            origin.host(),
            origin.source(),
            record.trail(),
            null,
            origin.epoch(),
            null,
            record.observed(),
            0L,
            0L,
            0,
            1,
            null,
            Format.UNKNOWN,
            NAME,
            Outcome.UNKNOWN,
            null,
            null,
            null,
            List.of(),
            false,
            List.of(
                record(
                    Optional.empty(),
                    record.position(),
                    ByteBuffer.wrap(record.raw()),
                    record.raw().length)));
    return new DecodedEvent(
        event, List.of(new Span(record.trail(), record.position(), record.end())));
  }

  /** The same bytes at the same places, with nothing decoded. */
  static AuditEvent event(AuditEvent decoded) {
    return new AuditEvent(
        decoded.getHost(),
        decoded.getSource(),
        decoded.getTrail(),
        decoded.getBoot().orElse(null),
        decoded.getEpoch(),
        null,
        decoded.getObserved(),
        0L,
        decoded.getAcked(),
        0,
        1,
        null,
        decoded.getFormat() == null ? Format.UNKNOWN : decoded.getFormat(),
        NAME,
        Outcome.UNKNOWN,
        null,
        null,
        null,
        List.of(),
        false,
        decoded.getRecords().stream()
            .map(
                record ->
                    record(
                        record.getTrail(),
                        record.getPosition(),
                        record.getRaw(),
                        record.getLength()))
            .toList());
  }

  static AuditRecord record(Optional<String> trail, long position, ByteBuffer raw, int length) {
    return new AuditRecord(
        trail.orElse(null), position, length, TYPE, NAME, raw, Map.of(), List.of());
  }
}
