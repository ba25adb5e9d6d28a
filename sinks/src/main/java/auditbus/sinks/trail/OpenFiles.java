// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Which trails have their file open: at most so many; the one used least recently closes its own to
 * make room. What it wrote stays dirty until the next sync, which opens it again.
 *
 * <p>Not thread-safe: one task owns it.
 */
final class OpenFiles {
  private final int max;
  private final Map<Trail, Boolean> open = new LinkedHashMap<>(16, 0.75f, true);

  OpenFiles(int max) {
    this.max = max;
  }

  /** Makes room for a trail's file. */
  void admit(Trail trail) throws IOException {
    while (open.size() >= max) {
      open.keySet().iterator().next().closeFile();
    }
    open.put(trail, true);
  }

  /** Says that a trail uses its file. */
  void used(Trail trail) {
    open.get(trail);
  }

  void closed(Trail trail) {
    open.remove(trail);
  }

  int count() {
    return open.size();
  }
}
