// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.publish;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * An event that is too large for one message, as parts that are not.
 *
 * <p>A part is the event with a run of its records, whole ones. Only a record that alone is too
 * large is cut: its bytes become UNPARSED records one behind the other, each with its own position
 * and length.
 *
 * <pre>
 *   event     | r0 | r1 |         r2          | r3 |
 *   parts     | r0   r1 | u | u | u | u | u   r3   |      u: UNPARSED, a piece of r2
 * </pre>
 *
 * @param events the parts in order, {@code part} and {@code parts} set
 * @param cut how many records were cut
 */
record Parts(List<AuditEvent> events, int cut) {
  /** What part, parts and the records' count may take in a part more than where it was measured. */
  private static final int COUNTS_BYTES = 32;

  /** What an UNPARSED record takes beside its bytes, at most: two ids' worth of names. */
  private static final int PIECE_OVERHEAD_BYTES = 192;

  /** However little room there is: bytes go out. */
  private static final int MIN_PIECE_BYTES = 1024;

  /** Copies the list. */
  Parts {
    events = List.copyOf(events);
  }

  /**
   * Splits an event.
   *
   * @param maxBytes serialised size a part may have, as far as what all parts repeat leaves room
   * @param size serialised size of an event
   */
  static Parts of(AuditEvent event, int maxBytes, ToIntFunction<AuditEvent> size) {
    int envelope = size.applyAsInt(with(event, List.of())) + COUNTS_BYTES;
    List<List<AuditRecord>> runs = new ArrayList<>();
    List<AuditRecord> run = new ArrayList<>();
    int runBytes = envelope;
    int cut = 0;
    for (AuditRecord record : event.getRecords()) {
      int alone = size.applyAsInt(with(event, List.of(record))) + COUNTS_BYTES - envelope;
      boolean whole = envelope + alone <= maxBytes;
      List<AuditRecord> pieces = List.of(record);
      if (!whole) {
        pieces = pieces(record, Math.max(MIN_PIECE_BYTES, maxBytes - envelope));
        cut++;
      }
      for (AuditRecord piece : pieces) {
        int bytes = whole ? alone : piece.getLength() + PIECE_OVERHEAD_BYTES;
        if (!run.isEmpty() && runBytes + bytes > maxBytes) {
          runs.add(run);
          run = new ArrayList<>();
          runBytes = envelope;
        }
        run.add(piece);
        runBytes += bytes;
      }
    }
    runs.add(run);
    List<AuditEvent> parts = new ArrayList<>(runs.size());
    for (List<AuditRecord> records : runs) {
      AuditEvent part = with(event, records);
      part.setPart(parts.size());
      part.setParts(runs.size());
      parts.add(part);
    }
    return new Parts(parts, cut);
  }

  private static List<AuditRecord> pieces(AuditRecord record, int room) {
    int most = Math.max(MIN_PIECE_BYTES, room - PIECE_OVERHEAD_BYTES);
    List<AuditRecord> pieces = new ArrayList<>();
    ByteBuffer raw = record.getRaw();
    for (int from = 0; from < record.getLength(); from += most) {
      int length = Math.min(most, record.getLength() - from);
      pieces.add(
          Unparsed.record(
              record.getTrail(),
              record.getPosition() + from,
              raw.slice(raw.position() + from, length),
              length));
    }
    return pieces;
  }

  /** The event with other records; all else is shared, not copied. */
  private static AuditEvent with(AuditEvent event, List<AuditRecord> records) {
    AuditEvent copy = new AuditEvent();
    int fields = AuditEvent.getClassSchema().getFields().size();
    for (int i = 0; i < fields; i++) {
      copy.put(i, event.get(i));
    }
    copy.setRecords(records);
    return copy;
  }
}
