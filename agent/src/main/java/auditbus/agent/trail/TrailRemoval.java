// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.Checkpoint.ClosedMark;
import auditbus.agent.trail.Checkpoint.SourceMark;
import auditbus.agent.trail.Checkpoint.TrailMark;
import auditbus.agent.trail.Discovery.Found;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes somebody else's trails once they are distributed, where that is wanted: what auditdistd
 * does in its {@code dist/}.
 *
 * <p>It goes by what the checkpoint on disk says, never by what is only known: a trail whose file
 * is gone and whose end is not in the checkpoint would count as lost after a crash. So a crash
 * between the two leaves the file, and the next start deletes it.
 *
 * <p>INVARIANT: a file is deleted only if its closing state and every byte up to its size are
 * acknowledged, it has a closed trail's name, is a regular file, was not written to for {@value
 * #QUIET_SECONDS} s, and is the very same by inode, size and SHA-256 of the whole.
 *
 * <p>Not thread-safe: the distribution thread owns it.
 */
public final class TrailRemoval {
  private static final Logger LOG = LoggerFactory.getLogger(TrailRemoval.class);

  /** Nothing that is deleted was written to for so long: a copy may pause. */
  static final int QUIET_SECONDS = 10;

  private final String source;
  private final TrailDirectory directory;
  private final InstantSource clock;
  // Closed trails there is nothing to delete of any more.
  private final Set<String> settled = new HashSet<>();
  private Optional<String> problem = Optional.empty();
  private long removed;

  /**
   * Makes it; nothing is touched.
   *
   * @param source the source's name, for messages
   * @param path the trails' directory, or one trail
   * @param clock tells how long a file was not written to
   */
  public TrailRemoval(String source, Path path, InstantSource clock) {
    this.source = source;
    this.clock = clock;
    this.directory = new TrailDirectory(path);
  }

  /** Files deleted so far. */
  public long removed() {
    return removed;
  }

  /** Why something that is to be deleted could not be at the last attempt. */
  public Optional<String> problem() {
    return problem;
  }

  /**
   * Deletes what may be. What cannot be deleted is told once and tried again at the next call.
   *
   * @param stored the source's mark as the checkpoint on disk has it
   */
  public void remove(SourceMark stored) {
    List<ClosedMark> due =
        stored.closed().stream()
            .filter(mark -> isDistributed(mark) && !settled.contains(mark.id()))
            .toList();
    if (due.isEmpty()) {
      return;
    }
    Optional<String> before = problem;
    problem = Optional.empty();
    try {
      Set<ClosedMark> there = new HashSet<>();
      for (Found found : directory.list()) {
        for (ClosedMark mark : due) {
          if (isSame(mark, found, stored.trails())) {
            there.add(mark);
            remove(mark, found);
          }
        }
      }
      due.stream().filter(mark -> !there.contains(mark)).forEach(mark -> settled.add(mark.id()));
    } catch (IOException e) {
      problem = Optional.of(directory.path() + " cannot be read: " + e);
    }
    problem
        .filter(now -> !before.equals(problem))
        .ifPresent(
            now ->
                LOG.error(
                    "source {}: {}. Let the agent write to that directory, or set"
                        + " sources.{}.delete=never; trying again until it can be deleted",
                    source,
                    now,
                    source));
    if (problem.isEmpty() && before.isPresent()) {
      LOG.info("source {}: distributed trails are deleted again", source);
    }
    Set<String> known = new HashSet<>();
    stored.closed().forEach(mark -> known.add(mark.id()));
    settled.retainAll(known);
  }

  private void remove(ClosedMark mark, Found found) throws IOException {
    if (Math.abs(clock.millis() - found.modifiedMillis()) < QUIET_SECONDS * 1000L) {
      return; // asked again
    }
    try (FollowedFile file = new FollowedFile(mark.id(), mark.inode(), Optional.of(found.path()))) {
      boolean sent =
          file.size() == mark.size()
              && file.digest(mark.size()).equals(mark.knownSha256().orElseThrow());
      if (sent) {
        delete(mark, found);
      } else {
        settled.add(mark.id());
        LOG.error(
            "source {}: {} is not deleted: it was changed after it was distributed as trail {}",
            source,
            found.path(),
            mark.id());
      }
    } catch (NoSuchFileException e) {
      settled.add(mark.id()); // somebody else did it
    }
  }

  private void delete(ClosedMark mark, Found found) {
    try {
      Files.delete(found.path());
      removed++;
      settled.add(mark.id());
    } catch (NoSuchFileException e) {
      settled.add(mark.id()); // somebody else did it
    } catch (AccessDeniedException e) {
      problem = Optional.of(found.path() + " is distributed and may not be deleted");
    } catch (IOException e) {
      problem = Optional.of(found.path() + " is distributed and cannot be deleted: " + e);
    }
  }

  private static boolean isDistributed(ClosedMark mark) {
    return mark.inode() != ClosedMark.NO_INODE
        && mark.knownSha256().isPresent()
        && mark.acked() == mark.size();
  }

  private static boolean isSame(ClosedMark mark, Found found, List<TrailMark> open) {
    if (mark.inode() != found.inode()
        || mark.size() != found.size()
        || !found.closed()
        || !found.name().map(TrailName::start).filter(mark.id()::startsWith).isPresent()) {
      return false;
    }
    // Of two incarnations on one inode the file is the later one's, which may not be done.
    return open.stream().noneMatch(other -> other.inode() == mark.inode());
  }
}
