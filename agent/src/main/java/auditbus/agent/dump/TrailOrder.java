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
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The trails of a directory in the order of their starts, each once.
 *
 * <pre>
 *  START[~N].not_terminated | START[~N].END | START[~N].crash_recovery, each [.host]
 * </pre>
 *
 * <p>N counts incarnations, as the sink names them; {@code .host} is what auditd appends where it
 * is told to. One that appears later with an earlier start (the clock was set back) is printed when
 * it is seen.
 */
final class TrailOrder implements Succession {
  private static final String NOT_TERMINATED = "not_terminated";
  private static final Pattern NAME =
      Pattern.compile(
          "(\\d{14})(?:~(\\d{1,9}))?\\.(not_terminated|crash_recovery|\\d{14})(\\..+)?");
  private static final int MOST_LOOKS = 8;
  private static final Comparator<Listed> ORDER =
      Comparator.comparing(Listed::start)
          .thenComparingInt(Listed::incarnation)
          .thenComparing(trail -> !trail.closed())
          .thenComparing(Listed::path);

  private record Listed(
      Path path, String start, int incarnation, boolean closed, Object key, String identity) {}

  private final Path directory;
  private final Optional<Path> first;
  // Start and file, which an inode that is used again does not share.
  private final Set<String> seen = new HashSet<>();

  /**
   * Orders the trails of a directory.
   *
   * @param first where to begin, empty for the first one
   */
  TrailOrder(Path directory, Optional<Path> first) {
    this.directory = directory;
    this.first = first;
  }

  /** Whether a file is named as a trail. */
  static boolean isTrail(Path file) {
    return NAME.matcher(file.getFileName().toString()).matches();
  }

  @Override
  public Optional<TrailFile> next(Optional<TrailFile> current) throws IOException {
    for (int look = 0; ; look++) {
      List<Listed> listed = list();
      if (current.isEmpty() && first.isPresent()) {
        skipBefore(listed);
      }
      Optional<Listed> next =
          listed.stream().filter(trail -> !seen.contains(trail.identity)).findFirst();
      if (next.isEmpty()) {
        return Optional.empty();
      }
      try {
        TrailFile opened = TrailFile.open(next.get().path);
        if (opened.key().equals(next.get().key)) {
          seen.add(next.get().identity);
          return Optional.of(opened);
        }
        opened.close();
      } catch (NoSuchFileException e) {
        // Renamed since the listing: the next one has its name.
        if (look == MOST_LOOKS) {
          throw e;
        }
      } catch (IOException e) {
        seen.add(next.get().identity);
        throw new Unopened(next.get().path, e);
      }
    }
  }

  @Override
  public boolean isClosed(TrailFile file) throws IOException {
    return list().stream()
        .filter(trail -> trail.key.equals(file.key()))
        .findFirst()
        .map(Listed::closed)
        .orElse(true);
  }

  private void skipBefore(List<Listed> listed) throws IOException {
    Object key = TrailFile.key(first.orElseThrow());
    for (Listed trail : listed) {
      if (trail.key.equals(key)) {
        return;
      }
      seen.add(trail.identity);
    }
  }

  private List<Listed> list() throws IOException {
    List<Listed> listed = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        look(entry).ifPresent(listed::add);
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    listed.sort(ORDER);
    Set<String> there = new HashSet<>();
    listed.forEach(trail -> there.add(trail.identity));
    seen.retainAll(there); // bounded by what is in the directory
    return listed;
  }

  private static Optional<Listed> look(Path file) throws IOException {
    Matcher name = NAME.matcher(file.getFileName().toString());
    if (!name.matches()) {
      return Optional.empty();
    }
    try {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      if (!attributes.isRegularFile()) {
        return Optional.empty();
      }
      String start = name.group(1);
      int incarnation = name.group(2) == null ? 1 : Integer.parseInt(name.group(2));
      return Optional.of(
          new Listed(
              file,
              start,
              incarnation,
              !name.group(3).equals(NOT_TERMINATED),
              attributes.fileKey(),
              start + "~" + incarnation + " " + attributes.fileKey()));
    } catch (NoSuchFileException e) {
      return Optional.empty(); // renamed or removed since the listing
    }
  }
}
