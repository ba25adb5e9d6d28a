// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

/**
 * The half-open byte range {@code [position, end)} of a trail.
 *
 * @param trail id of the trail
 * @param position first byte, from 0
 * @param end position after the last byte
 */
public record Span(String trail, long position, long end) {
  /** Checks the arguments. */
  public Span {
    if (position < 0 || end <= position) {
      throw new IllegalArgumentException(
          "trail " + trail + ": range [" + position + ", " + end + ")");
    }
  }

  /** Number of bytes. */
  public long length() {
    return end - position;
  }
}
