// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * A log and its rotated files, oldest first: {@code audit.log.2}, {@code audit.log.1}, {@code
 * audit.log}.
 *
 * <p>What comes after a file is what is listed after it. Where it is not listed any more (it was
 * removed, or renamed otherwise) it is what was written to since.
 */
final class RotationOrder implements Succession {
  private static final int MOST_LOOKS = 8;

  private record Listed(Path path, Object key, long modifiedMillis) {}

  private final Path log;
  private final boolean fromOldest;
  private final Set<Object> passedOver = new HashSet<>();

  /**
   * Orders a log's files.
   *
   * @param fromOldest whether to begin with the oldest, not with the log itself
   */
  RotationOrder(Path log, boolean fromOldest) {
    this.log = log.toAbsolutePath();
    this.fromOldest = fromOldest;
  }

  @Override
  public Optional<TrailFile> next(Optional<TrailFile> current) throws IOException {
    for (int look = 0; ; look++) {
      Optional<Listed> next = choose(list(), current);
      if (next.isEmpty()) {
        return Optional.empty();
      }
      try {
        TrailFile opened = TrailFile.open(next.get().path);
        if (opened.key().equals(next.get().key)) {
          return Optional.of(opened);
        }
        opened.close(); // a rotation is under way
      } catch (NoSuchFileException e) {
        if (look == MOST_LOOKS) {
          throw e;
        }
      } catch (IOException e) {
        passedOver.add(next.get().key);
        throw new Unopened(next.get().path, e);
      }
    }
  }

  @Override
  public boolean isClosed(TrailFile file) throws IOException {
    List<Listed> listed = list();
    return listed.isEmpty()
        || !listed.getLast().key.equals(file.key())
        || !listed.getLast().path.equals(log);
  }

  private Optional<Listed> choose(List<Listed> listed, Optional<TrailFile> current) {
    if (current.isEmpty()) {
      return listed.stream()
          .filter(file -> fromOldest || file.path.equals(log))
          .filter(file -> !passedOver.contains(file.key))
          .findFirst();
    }
    TrailFile file = current.get();
    for (int at = 0; at < listed.size(); at++) {
      if (listed.get(at).key.equals(file.key())) {
        file.seenModified(listed.get(at).modifiedMillis);
        return listed.stream()
            .skip(at + 1L)
            .filter(other -> !passedOver.contains(other.key))
            .findFirst();
      }
    }
    return listed.stream()
        .filter(other -> other.modifiedMillis >= file.modifiedMillis())
        .filter(other -> !passedOver.contains(other.key))
        .findFirst();
  }

  /** As they are named at one moment: a rotation renames file after file. */
  private List<Listed> list() throws IOException {
    List<Listed> before = pass();
    for (int look = 1; look < MOST_LOOKS; look++) {
      List<Listed> now = pass();
      if (sameFiles(before, now)) {
        return now;
      }
      before = now;
    }
    return before;
  }

  private static boolean sameFiles(List<Listed> one, List<Listed> other) {
    if (one.size() != other.size()) {
      return false;
    }
    for (int at = 0; at < one.size(); at++) {
      if (!one.get(at).path.equals(other.get(at).path)
          || !one.get(at).key.equals(other.get(at).key)) {
        return false;
      }
    }
    return true;
  }

  private List<Listed> pass() throws IOException {
    TreeMap<Long, Listed> byAge = new TreeMap<>();
    String prefix = log.getFileName() + ".";
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(log.getParent())) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        if (name.startsWith(prefix) && isNumber(name.substring(prefix.length()))) {
          long age = Long.parseLong(name.substring(prefix.length()));
          look(entry).ifPresent(file -> byAge.put(age, file));
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    look(log).ifPresent(file -> byAge.put(-1L, file));
    passedOver.retainAll(byAge.values().stream().map(Listed::key).toList());
    return new ArrayList<>(byAge.descendingMap().values());
  }

  private static Optional<Listed> look(Path file) throws IOException {
    try {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return attributes.isRegularFile()
          ? Optional.of(
              new Listed(file, attributes.fileKey(), attributes.lastModifiedTime().toMillis()))
          : Optional.empty();
    } catch (NoSuchFileException e) {
      return Optional.empty(); // renamed or removed since the listing
    }
  }

  private static boolean isNumber(String text) {
    return !text.isEmpty()
        && text.length() < 10
        && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }
}
