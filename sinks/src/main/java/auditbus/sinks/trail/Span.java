// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

/**
 * A half-open range of a trail's bytes: {@code [position, position + length)}.
 *
 * @param position byte offset in the trail, from 0
 * @param length number of bytes, at least 1
 */
record Span(long position, long length) {
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
