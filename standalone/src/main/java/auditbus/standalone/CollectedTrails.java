// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.TrailState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Looks which closed trails stand whole in the collected tree. The sink gives a file its final name
 * only after it checked size and SHA-256, so name and size are what there is to look at.
 *
 * <p>Not thread-safe: it remembers what it saw, because a final file never changes.
 */
final class CollectedTrails {
  private final Path root;
  private final Set<TrailTally.TrailId> verified = new HashSet<>();
  private long verifiedBytes;

  CollectedTrails(Path root) {
    this.root = root;
  }

  /**
   * What the tree holds of the trails the topics tell of.
   *
   * @param verified closed trails that stand there under their final name
   * @param bytes their bytes
   * @param waiting closed trails that do not
   */
  record Found(long verified, long bytes, List<TrailTally> waiting) {
    Found {
      waiting = List.copyOf(waiting);
    }
  }

  /** Looks at the trails that were not there before. */
  Found look(List<TrailTally> trails) {
    List<TrailTally> waiting =
        trails.stream().filter(TrailTally::closed).filter(trail -> !stands(trail)).toList();
    return new Found(verified.size(), verifiedBytes, waiting);
  }

  /** Where a trail's final file is, or is to be. */
  Path file(TrailTally trail) {
    TrailState state = trail.state().orElseThrow();
    return root.resolve(state.getHost()).resolve(state.getSource()).resolve(state.getName());
  }

  private boolean stands(TrailTally trail) {
    if (verified.contains(trail.id())) {
      return true;
    }
    long size = trail.state().orElseThrow().getSize();
    try {
      Path file = file(trail);
      if (!Files.isRegularFile(file) || Files.size(file) != size) {
        return false;
      }
    } catch (IOException unreadable) {
      return false;
    }
    verified.add(trail.id());
    verifiedBytes += size;
    return true;
  }
}
