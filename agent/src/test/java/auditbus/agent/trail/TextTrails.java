// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.auparse.LineFraming;
import auditbus.schemas.Format;

/** Trails that hold Linux text. */
final class TextTrails {
  static final TrailFormats FORMATS = TrailFormats.only(Format.LINUX, new LineFraming());

  private TextTrails() {}
}
