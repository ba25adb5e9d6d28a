// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.nio.file.Path;

/** There is no room for the lines; they stay with the caller, who appends them again later. */
public final class NoSpaceException extends TrailException {
  private static final long serialVersionUID = 1L;

  private final long freeBytes;
  private final long wantedBytes;

  NoSpaceException(Path directory, long freeBytes, long wantedBytes, long minFreeBytes, OnFull on) {
    super(
        "no room in",
        directory,
        freeBytes
            + " bytes are free, "
            + wantedBytes
            + " are to be written and "
            + minFreeBytes
            + " stay free",
        on == OnFull.BLOCK
            ? "make room on the file system, let distribution catch up, or set on.full = drop-oldest"
            : "make room on the file system: nothing finished is left in the directory to drop");
    this.freeBytes = freeBytes;
    this.wantedBytes = wantedBytes;
  }

  /** What the file system had free. */
  public long freeBytes() {
    return freeBytes;
  }

  /** What was to be written. */
  public long wantedBytes() {
    return wantedBytes;
  }
}
