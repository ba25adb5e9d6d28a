// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

/**
 * Every bound of the sink.
 *
 * @param maxTrailBytes a record that ends beyond this position is refused
 * @param openFiles most trail files open at once, and most sources locked at rest
 * @param bufferBytes size of one write buffer
 * @param buffers most write buffers
 * @param maxRanges most separate ranges of one trail
 * @param links most links {@code audit.log}, {@code audit.log.1}, ... in a source's directory
 * @param verifyBytes most bytes read back to verify trails during one call of the worker
 */
record Limits(
    long maxTrailBytes,
    int openFiles,
    int bufferBytes,
    int buffers,
    int maxRanges,
    int links,
    long verifyBytes) {
  /** The largest trail taken where nothing else is configured: 64 GiB. */
  static final long DEFAULT_TRAIL_BYTES = 64L << 30;

  /** Open files where nothing else is configured. */
  static final int DEFAULT_OPEN_FILES = 256;

  /** Links where nothing else is configured: auditd's largest num_logs. */
  static final int DEFAULT_LINKS = 999;

  /** Most separate ranges of a trail, whether they are there or given up. */
  static final int MAX_RANGES = 1 << 16;

  static Limits of(long maxTrailBytes, int openFiles, int links) {
    return new Limits(maxTrailBytes, openFiles, 256 << 10, 64, MAX_RANGES, links, 256L << 20);
  }
}
