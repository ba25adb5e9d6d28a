// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.schemas.TrailState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Looks which closed trails stand whole in the collected tree. The sink gives a file its final name
 * only after it checked size and SHA-256, so name and size are what there is to look at; it leaves
 * a marker beside a file that has something against it.
 *
 * <p>Not thread-safe: it remembers what it saw, because a final file never changes.
 */
final class CollectedTrails {
  private final Path root;
  private final Set<TrailTally.TrailId> verified = new HashSet<>();
  private final Map<TrailTally.TrailId, String> faulty = new TreeMap<>();
  private long verifiedBytes;

  CollectedTrails(Path root) {
    this.root = root;
  }

  /**
   * What the tree holds of the trails the topics tell of.
   *
   * @param verified closed trails that stand there under their final name
   * @param bytes their bytes
   * @param waiting closed trails that do not yet
   * @param faulty what the sink said against a trail, a line each
   */
  record Found(long verified, long bytes, List<TrailTally> waiting, List<String> faulty) {
    Found {
      waiting = List.copyOf(waiting);
      faulty = List.copyOf(faulty);
    }
  }

  /** Looks at the trails that were not there before. */
  Found look(List<TrailTally> trails) {
    List<TrailTally> waiting = new ArrayList<>();
    for (TrailTally trail : trails) {
      if (trail.closed() && !verified.contains(trail.id()) && !faulty.containsKey(trail.id())) {
        Path file = file(trail);
        long size = trail.state().orElseThrow().getSize();
        if (Files.exists(beside(file, ".quarantined"))) {
          faulty.put(
              trail.id(),
              "trail "
                  + trail.id()
                  + " is not what its agent read: see "
                  + beside(file, ".quarantined.json"));
        } else if (!stands(file, size)) {
          waiting.add(trail);
        } else if (Files.exists(beside(file, ".unverified"))) {
          faulty.put(
              trail.id(),
              "trail "
                  + trail.id()
                  + " is collected but its digest is not known: see "
                  + beside(file, ".unverified"));
        } else {
          verified.add(trail.id());
          verifiedBytes += size;
        }
      }
    }
    return new Found(verified.size(), verifiedBytes, waiting, List.copyOf(faulty.values()));
  }

  /** Where a trail's final file is, or is to be. */
  Path file(TrailTally trail) {
    TrailState state = trail.state().orElseThrow();
    return root.resolve(state.getHost()).resolve(state.getSource()).resolve(state.getName());
  }

  private static boolean stands(Path file, long size) {
    try {
      return Files.isRegularFile(file) && Files.size(file) == size;
    } catch (IOException unreadable) {
      return false;
    }
  }

  private static Path beside(Path file, String suffix) {
    return file.resolveSibling(file.getFileName() + suffix);
  }
}
