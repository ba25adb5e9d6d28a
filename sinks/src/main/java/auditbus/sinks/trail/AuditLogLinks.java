// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The links {@code audit.log}, {@code audit.log.1}, ... of a source's directory onto its text
 * trails, newest first: as auditd names its logs, so that {@code ausearch -if DIRECTORY} and {@code
 * aureport -if DIRECTORY} read them, oldest first.
 *
 * <p>They follow from the trails' names and are made anew after a crash, so nothing is synced for
 * them. Each is replaced at once; while they move on, a reader may see a trail twice, as with
 * auditd's own rotation.
 *
 * <p>Not thread-safe: whoever holds the directory's lock owns it.
 */
final class AuditLogLinks {
  private static final Logger LOG = LoggerFactory.getLogger(AuditLogLinks.class);
  private static final String NAME = "audit.log";
  private static final String TEMPORARY = ".audit.log.tmp";

  private final Path directory;
  private final int max;
  private final Map<String, String> names = new TreeMap<>(TrailId.OLDEST_FIRST.reversed());
  private boolean dirty = true;

  AuditLogLinks(Path directory, int max) {
    this.directory = directory;
    this.max = max;
  }

  /** A text trail has this file now. */
  void put(String trail, String name) {
    if (!name.equals(names.put(trail, name))) {
      dirty = true;
    }
  }

  /** A trail has no file any more that is to be read. */
  void remove(String trail) {
    if (names.remove(trail) != null) {
      dirty = true;
    }
  }

  /** A file came whose trail is known already. */
  void changed() {
    dirty = true;
  }

  /** Makes the links fit the trails. What stands in the way of one stays, and is logged. */
  void refresh() {
    if (!dirty || max == 0) {
      return;
    }
    dirty = false;
    try {
      int number = 0;
      for (String name : names.values()) {
        if (number < max && Files.exists(directory.resolve(name), LinkOption.NOFOLLOW_LINKS)) {
          link(number++, name);
        }
      }
      while (Files.isSymbolicLink(directory.resolve(linkName(number)))) {
        Files.delete(directory.resolve(linkName(number++)));
      }
    } catch (IOException e) {
      LOG.warn(
          "{}: the links {} could not be made, the trails are not touched by that: {}",
          directory,
          NAME,
          e.toString());
    }
  }

  private void link(int number, String target) throws IOException {
    Path link = directory.resolve(linkName(number));
    if (Files.isSymbolicLink(link)) {
      if (Files.readSymbolicLink(link).toString().equals(target)) {
        return;
      }
    } else if (Files.exists(link, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(link + " is no link: remove it");
    }
    Path temporary = directory.resolve(TEMPORARY);
    Files.deleteIfExists(temporary);
    Files.createSymbolicLink(temporary, Path.of(target));
    Files.move(temporary, link, StandardCopyOption.ATOMIC_MOVE);
  }

  private static String linkName(int number) {
    return number == 0 ? NAME : NAME + "." + number;
  }
}
