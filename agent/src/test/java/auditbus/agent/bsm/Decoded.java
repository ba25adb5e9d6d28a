// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import auditbus.agent.event.Boot;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Decodes whole trails and single records for tests. */
final class Decoded {
  static final Origin ORIGIN = new Origin("host", "bsm", Boot.UNKNOWN, 7);

  private Decoded() {}

  static List<DecodedEvent> trail(byte[] trail) {
    BsmDecoder decoder = new BsmDecoder(ORIGIN);
    List<DecodedEvent> events = new ArrayList<>();
    for (TrailRecord frame : Frames.of(trail)) {
      decoder.accept(frame, false, events::add);
    }
    decoder.flush(events::add);
    if (decoder.defects() != 0) {
      throw new AssertionError(decoder.defects() + " records made the decoder throw");
    }
    return events;
  }

  static AuditEvent record(byte[] record) {
    List<DecodedEvent> events = trail(record);
    if (events.size() != 1) {
      throw new AssertionError("not one event but " + events);
    }
    return events.getFirst().event();
  }

  static Map<String, String> fields(AuditEvent event) {
    return event.getRecords().getFirst().getFields();
  }
}
