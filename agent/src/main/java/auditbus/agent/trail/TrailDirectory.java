// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** A directory of trails with auditdistd's names, or one such file. */
final class TrailDirectory implements Discovery {
  private static final Comparator<Found> OLDEST_FIRST =
      Comparator.comparing((Found found) -> found.name().orElseThrow().start())
          .thenComparing(found -> !found.closed())
          .thenComparing(found -> found.name().orElseThrow().ending());

  private final Path path;
  private long ignored;

  TrailDirectory(Path path) {
    this.path = path;
  }

  @Override
  public List<Found> list() throws IOException {
    List<Found> found = new ArrayList<>();
    ignored = 0;
    if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      look(path).ifPresent(found::add);
    } else {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
        for (Path entry : entries) {
          look(entry).ifPresentOrElse(found::add, () -> ignored++);
        }
      } catch (DirectoryIteratorException e) {
        throw e.getCause();
      }
    }
    found.sort(OLDEST_FIRST);
    return found;
  }

  @Override
  public long ignored() {
    return ignored;
  }

  @Override
  public Path path() {
    return path;
  }

  private static Optional<Found> look(Path file) throws IOException {
    Optional<TrailName> name = TrailName.parse(file.getFileName().toString());
    return name.isEmpty() ? Optional.empty() : Discovery.look(file, name, name.get().isClosed());
  }
}
