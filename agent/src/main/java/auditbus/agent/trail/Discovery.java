// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Finds a source's trail files, oldest first. One thread at a time. */
sealed interface Discovery permits TrailDirectory, RotatedLog {
  /**
   * The trail files as they stand now.
   *
   * @throws IOException if the place cannot be read; the message names it
   */
  List<Found> list() throws IOException;

  /** How many entries of the last listing were no trails. */
  long ignored();

  /** The place, for messages. */
  Path path();

  /**
   * One trail file.
   *
   * @param name its legal trail name, empty for a log named otherwise
   * @param closed whether its writer is done with it
   * @param modifiedMillis when it was last written to, milliseconds since 1970
   */
  record Found(
      Path path,
      long inode,
      long size,
      Optional<TrailName> name,
      boolean closed,
      long modifiedMillis) {}

  /** Whether two listings name the same files in the same order. */
  static boolean sameFiles(List<Found> one, List<Found> other) {
    if (one.size() != other.size()) {
      return false;
    }
    for (int i = 0; i < one.size(); i++) {
      if (one.get(i).inode() != other.get(i).inode()
          || !one.get(i).path().equals(other.get(i).path())) {
        return false;
      }
    }
    return true;
  }

  /** The regular file's inode and size, empty where it vanished meanwhile or is no regular file. */
  static Optional<Found> look(Path path, Optional<TrailName> name, boolean closed)
      throws IOException {
    try {
      Map<String, Object> attributes =
          Files.readAttributes(
              path, "unix:ino,size,isRegularFile,lastModifiedTime", LinkOption.NOFOLLOW_LINKS);
      if (!(Boolean) attributes.get("isRegularFile")) {
        return Optional.empty();
      }
      long inode = ((Number) attributes.get("ino")).longValue();
      long size = ((Number) attributes.get("size")).longValue();
      long modified = ((FileTime) attributes.get("lastModifiedTime")).toMillis();
      return Optional.of(new Found(path, inode, size, name, closed, modified));
    } catch (NoSuchFileException e) {
      return Optional
          .empty(); // renamed or removed since the listing: the next one has it under its new name
    }
  }
}
