// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/**
 * auditd's own log: {@code audit.log} is being written, {@code audit.log.1} was before it, {@code
 * audit.log.2} before that.
 */
final class RotatedLog implements Discovery {
  private static final int MOST_PASSES = 8;

  private final Path path;

  RotatedLog(Path path) {
    this.path = path.toAbsolutePath();
  }

  @Override
  public List<Found> list() throws IOException {
    // A rotation renames file after file: only two passes that saw the same names for the same
    // inodes are one moment.
    List<Found> before = pass();
    for (int i = 1; i < MOST_PASSES; i++) {
      List<Found> now = pass();
      if (Discovery.sameFiles(before, now)) {
        return now;
      }
      before = now;
    }
    return before;
  }

  @Override
  public long ignored() {
    return 0;
  }

  @Override
  public Path path() {
    return path;
  }

  private List<Found> pass() throws IOException {
    TreeMap<Long, Found> byAge = new TreeMap<>();
    Path directory = path.getParent();
    String prefix = path.getFileName() + ".";
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        if (name.startsWith(prefix) && isNumber(name.substring(prefix.length()))) {
          long age = Long.parseLong(name.substring(prefix.length()));
          Discovery.look(entry, Optional.empty(), true).ifPresent(found -> byAge.put(age, found));
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    Discovery.look(path, Optional.empty(), false).ifPresent(found -> byAge.put(0L, found));
    if (byAge.isEmpty()) {
      throw new NoSuchFileException(path.toString(), null, "there is no such log file");
    }
    return new ArrayList<>(byAge.descendingMap().values());
  }

  private static boolean isNumber(String text) {
    return !text.isEmpty()
        && text.length() < 10
        && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }
}
