// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.Range;
import java.util.List;

/**
 * A half-open range of a trail's bytes: {@code [position, position + length)}.
 *
 * @param position byte offset in the trail, from 0
 * @param length number of bytes, at least 1
 */
record Span(long position, long length) {
  /** The ranges of a coverage. */
  static List<Span> of(List<Range> ranges) {
    return ranges.stream().map(range -> new Span(range.getPosition(), range.getLength())).toList();
  }

  Span {
    if (position < 0 || length < 1 || position > Long.MAX_VALUE - length) {
      throw new InvalidRecordException(
          "no range of bytes: position " + position + ", length " + length);
    }
  }

  long end() {
    return position + length;
  }
}
