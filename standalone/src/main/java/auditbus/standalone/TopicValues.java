// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.Gap;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.TrailState;

/** Decodes the values of the topics the tally reads. */
interface TopicValues {
  /** A value of {@code audit.events}; its records may lack bytes and decoded fields. */
  AuditEvent event(byte[] value);

  /** A value of {@code audit.trails}. */
  TrailState trail(byte[] value);

  /** A value of {@code audit.gaps}. */
  Gap gap(byte[] value);

  /** A value of {@code audit.shutdowns}. */
  ShutdownAttribution shutdown(byte[] value);
}
