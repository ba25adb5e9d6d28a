// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A directory of trails with auditdistd's names, or one such file, which is followed when it is
 * renamed.
 *
 * <p>Design note: a directory may hold thousands of closed trails, and it is looked at many times a
 * second. So names are read again only when the directory changed, and of the closed trails only a
 * few are looked at each time: they never change, and one that does is found out some looks later.
 */
final class TrailDirectory implements Discovery {
  private static final int MOST_PASSES = 8;

  /** A directory unchanged for this long has no change under way: stamps lag by a tick at most. */
  private static final long SETTLED_MILLIS = 100;

  /** Passes after which names are read again whatever the directory's stamp says. */
  private static final int MOST_REUSES = 20;

  /** Closed trails that are looked at in a pass, about. */
  private static final int CLOSED_A_PASS = 256;

  private final Path path;
  private final Optional<TrailName> one;

  // Legal names as of the last reading, sorted, which is oldest first: digits < 'c' < 'n'.
  private List<String> names = List.of();
  private FileTime namesStamp = FileTime.fromMillis(0);
  private boolean namesSettled;
  private int reuses;
  private long foreignNames;

  private Map<String, Found> closed = Map.of();
  private int turn;
  private long ignored;

  TrailDirectory(Path path) {
    this.path = path.toAbsolutePath();
    this.one = TrailName.parseWithHost(this.path.getFileName().toString());
  }

  @Override
  public List<Found> list() throws IOException {
    if (one.isPresent() && !Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      return followed(one.get());
    }
    // A listing made while files are made and renamed may miss one of them altogether, and what
    // comes after it would be read first: only two that agree are one moment.
    List<Found> before = pass();
    for (int i = 1; i < MOST_PASSES && changesNow(stamp()); i++) {
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
    return ignored;
  }

  @Override
  public Path path() {
    return path;
  }

  /** The one trail that is wanted, under the name it has now. */
  private List<Found> followed(TrailName wanted) throws IOException {
    List<Found> found = new ArrayList<>();
    if (wanted.isClosed()) {
      Discovery.look(path, one, true).ifPresent(found::add);
    } else {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(path.getParent())) {
        for (Path entry : entries) {
          Optional<TrailName> name = TrailName.parseWithHost(entry.getFileName().toString());
          if (name.filter(wanted::mayBecome).isPresent()) {
            Discovery.look(entry, name, name.get().isClosed()).ifPresent(found::add);
          }
        }
      } catch (DirectoryIteratorException e) {
        throw e.getCause();
      }
      found.sort(Comparator.comparing(each -> each.path().getFileName().toString()));
    }
    if (found.isEmpty()) {
      throw new NoSuchFileException(path.toString());
    }
    return found;
  }

  private FileTime stamp() throws IOException {
    return Files.getLastModifiedTime(path);
  }

  private static boolean changesNow(FileTime stamp) {
    return Math.abs(System.currentTimeMillis() - stamp.toMillis()) < SETTLED_MILLIS;
  }

  private List<Found> pass() throws IOException {
    FileTime stamp = stamp();
    if (!namesSettled || !stamp.equals(namesStamp) || ++reuses >= MOST_REUSES) {
      namesSettled = !changesNow(stamp);
      namesStamp = stamp;
      reuses = 0;
      readNames();
    }
    List<Found> found = new ArrayList<>(names.size());
    Map<String, Found> nowClosed = HashMap.newHashMap(names.size());
    int turns = 1 + closed.size() / CLOSED_A_PASS;
    turn = (turn + 1) % turns;
    ignored = foreignNames;
    for (String name : names) {
      Found known = closed.get(name);
      if (known == null || Math.floorMod(name.hashCode(), turns) == turn) {
        Optional<Found> now = look(name);
        if (now.isEmpty()) {
          ignored++;
          continue;
        }
        known = now.get();
      }
      if (known.closed()) {
        nowClosed.put(name, known);
      }
      found.add(known);
    }
    closed = nowClosed;
    return found;
  }

  private void readNames() throws IOException {
    List<String> legal = new ArrayList<>(names.size());
    long foreign = 0;
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        if (closed.containsKey(name) || TrailName.parseWithHost(name).isPresent()) {
          legal.add(name);
        } else {
          foreign++;
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    Collections.sort(legal);
    names = legal;
    foreignNames = foreign;
  }

  private Optional<Found> look(String fileName) throws IOException {
    Optional<TrailName> name = TrailName.parseWithHost(fileName);
    return Discovery.look(path.resolve(fileName), name, name.orElseThrow().isClosed());
  }
}
