// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.trail.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which trails of a source are acknowledged to their end, as the distribution half's checkpoint on
 * disk has it: the halves may be two processes, and this is all that capture knows of the other.
 *
 * <p>Not thread-safe.
 */
final class AcknowledgedTrails implements Predicate<String> {
  private static final Logger LOG = LoggerFactory.getLogger(AcknowledgedTrails.class);

  private final Path checkpoint;
  private final String source;
  private FileTime read = FileTime.fromMillis(0);
  private Map<String, Boolean> closedByStart = Map.of();
  private boolean warned;

  AcknowledgedTrails(Path checkpoint, String source) {
    this.checkpoint = checkpoint;
    this.source = source;
  }

  @Override
  public boolean test(String start) {
    refresh();
    return closedByStart.getOrDefault(start, false);
  }

  private void refresh() {
    try {
      FileTime modified = Files.getLastModifiedTime(checkpoint);
      if (modified.equals(read)) {
        return;
      }
      closedByStart = closed(Checkpoint.load(checkpoint));
      read = modified;
      warned = false;
    } catch (NoSuchFileException e) {
      closedByStart = Map.of(); // nothing was distributed yet
    } catch (IOException e) {
      if (!warned) {
        LOG.warn(
            "{} can't be read, so no trail of source {} counts as acknowledged: {}",
            checkpoint,
            source,
            e.toString());
      }
      warned = true;
    }
  }

  private Map<String, Boolean> closed(Checkpoint stored) {
    Map<String, Boolean> found = new HashMap<>();
    for (Checkpoint.SourceMark mark : stored.source(source).stream().toList()) {
      mark.closed().forEach(trail -> found.put(start(trail.id()), true));
      mark.trails().forEach(trail -> found.put(start(trail.id()), false));
    }
    return found;
  }

  private static String start(String id) {
    return id.replaceFirst("~.*", ""); // of all its incarnations
  }
}
