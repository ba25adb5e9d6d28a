// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.sinks.manifest.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Goes through all sources of the root, a few a step, and has each remove what is to go. Sources
 * that no task holds, because their hosts fell silent, are gone through too: their manifest is
 * looked at without a lock, and only where something is to go they are locked for the moment it
 * takes.
 *
 * <p>Not thread-safe: one task owns it.
 */
final class Expiry {
  private static final Logger LOG = LoggerFactory.getLogger(Expiry.class);
  private static final Duration INTERVAL = Duration.ofMinutes(1);
  private static final int SOURCES_A_STEP = 32;

  private final ExpireAfter rule;
  private final Path root;
  private final String owner;
  private final SinkCounters counters;
  private final Deque<SourceId> left = new ArrayDeque<>();
  private Instant next = Instant.MIN;

  Expiry(ExpireAfter rule, Path root, String owner, SinkCounters counters) {
    this.rule = rule;
    this.root = root;
    this.owner = owner;
    this.counters = counters;
  }

  /** Goes through the next sources. */
  void step(Map<SourceId, SourceDirectory> held, int links, Instant now) {
    if (left.isEmpty()) {
      if (now.isBefore(next)) {
        return;
      }
      next = now.plus(INTERVAL);
      list();
    }
    for (int i = 0; i < SOURCES_A_STEP && !left.isEmpty(); i++) {
      SourceId id = left.remove();
      try {
        SourceDirectory directory = held.get(id);
        if (directory != null) {
          directory.expire(rule, now, counters);
        } else if (isDue(id, now)) {
          try (SourceDirectory taken = SourceDirectory.open(root, id, owner, links)) {
            taken.expire(rule, now, counters);
          }
        }
      } catch (TrailLockedException e) {
        LOG.debug("{}: its task removes what is to go", id);
      } catch (IOException e) {
        LOG.warn("{}: trails could not be removed now: {}", id, e.toString());
      }
    }
  }

  private boolean isDue(SourceId id, Instant now) throws IOException {
    Path directory = root.resolve(id.host()).resolve(id.source());
    return !Kept.of(Manifest.read(directory).entries()).toExpire(rule, now).isEmpty();
  }

  // What no source's name can be is not even looked into (lost+found), and a host that cannot be
  // listed does not keep the others from it.
  private void list() {
    try {
      for (Path host : DurableFile.list(root)) {
        if (source(host, "x").isPresent() && Files.isDirectory(host, LinkOption.NOFOLLOW_LINKS)) {
          list(host);
        }
      }
    } catch (IOException e) {
      LOG.warn("{}: cannot be listed, nothing is removed now: {}", root, e.toString());
    }
  }

  private void list(Path host) {
    try {
      for (Path source : DurableFile.list(host)) {
        if (Files.exists(source.resolve(Manifest.NAME), LinkOption.NOFOLLOW_LINKS)
            && Files.isDirectory(source, LinkOption.NOFOLLOW_LINKS)) {
          source(host, source.getFileName().toString()).ifPresent(left::add);
        }
      }
    } catch (IOException e) {
      LOG.warn("{}: cannot be listed, nothing is removed there now: {}", host, e.toString());
    }
  }

  private static Optional<SourceId> source(Path host, String source) {
    try {
      return Optional.of(new SourceId(host.getFileName().toString(), source));
    } catch (InvalidRecordException e) {
      return Optional.empty();
    }
  }
}
