// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a path is mounted from, as {@code /proc/self/mountinfo} tells (proc(5)):
 *
 * <pre>
 *   36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 *   id parent  root  point options    optional.. type source    super options
 * </pre>
 *
 * <p>Space, tab, line feed and backslash are written as three octal digits after a backslash.
 *
 * @param point where it is mounted
 * @param type the file system's type, e.g. nfs4
 * @param source what is mounted, e.g. server:/export
 * @param options of the mount and of the file system
 */
record Mount(String point, String type, String source, Set<String> options) {
  private static final Path MOUNTINFO = Path.of("/proc/self/mountinfo");

  // FUSE's fuseblk is a local disk's; any other FUSE file system may be anywhere.
  private static final Set<String> NETWORK =
      Set.of(
          "9p",
          "afs",
          "auristorfs",
          "beegfs",
          "ceph",
          "cifs",
          "coda",
          "davfs",
          "fuse",
          "glusterfs",
          "gpfs",
          "kafs",
          "lustre",
          "ncpfs",
          "nfs",
          "nfs4",
          "orangefs",
          "prl_fs",
          "pvfs2",
          "smb",
          "smb2",
          "smb3",
          "smbfs",
          "vboxsf",
          "virtiofs",
          "vmhgfs");

  // Each makes locks this client's own business, or an fsync return before the server's disk.
  private static final Set<String> UNSAFE =
      Set.of(
          "nolock",
          "local_lock=all",
          "local_lock=posix",
          "nobrl",
          "nostrictsync",
          "noflock",
          "localflock",
          "localflocks");

  Mount {
    options = Set.copyOf(options);
  }

  private record Line(String id, String parent, Mount mount) {}

  /**
   * The mount a path lies in.
   *
   * @param path a real path
   * @return empty where there is no mountinfo: another system than Linux
   */
  static Optional<Mount> of(Path path) throws IOException {
    if (!Files.exists(MOUNTINFO)) {
      return Optional.empty();
    }
    return of(path, new String(Files.readAllBytes(MOUNTINFO), StandardCharsets.UTF_8));
  }

  /** The same from mountinfo's text. */
  static Optional<Mount> of(Path path, String mountinfo) {
    List<Line> lines = new ArrayList<>();
    mountinfo.lines().forEach(line -> parse(line).ifPresent(lines::add));
    Set<String> ids = new HashSet<>();
    lines.forEach(line -> ids.add(line.id()));
    // As the kernel walks: from the root, always into the mount met first. One mounted over a
    // directory hides what was mounted below it before; one on another's point has it as parent.
    Optional<Line> at =
        lines.stream()
            .filter(line -> line.mount().point().equals("/"))
            .filter(line -> !ids.contains(line.parent()) || line.parent().equals(line.id()))
            .findFirst();
    if (at.isEmpty()) {
      // A tree cut off (chroot): the longest point, of equals the last.
      return lines.stream()
          .filter(line -> path.startsWith(line.mount().point()))
          .map(Line::mount)
          .reduce((a, b) -> b.point().length() >= a.point().length() ? b : a);
    }
    Optional<Line> next = at;
    for (int depth = 0; next.isPresent() && depth <= lines.size(); depth++) {
      Line current = next.get();
      at = next;
      next =
          lines.stream()
              .filter(line -> line.parent().equals(current.id()) && !line.equals(current))
              .filter(line -> path.startsWith(line.mount().point()))
              .reduce((a, b) -> b.mount().point().length() < a.mount().point().length() ? b : a);
    }
    return at.map(Line::mount);
  }

  private static Optional<Line> parse(String line) {
    String[] fields = line.split(" ", -1);
    int dash = 6;
    while (dash < fields.length && !fields[dash].equals("-")) {
      dash++;
    }
    if (fields.length < dash + 3) {
      return Optional.empty();
    }
    Set<String> options = new HashSet<>(List.of(fields[5].split(",", -1)));
    if (fields.length > dash + 3) {
      options.addAll(List.of(fields[dash + 3].split(",", -1)));
    }
    return Optional.of(
        new Line(
            fields[0],
            fields[1],
            new Mount(
                unescaped(fields[4]), fields[dash + 1], unescaped(fields[dash + 2]), options)));
  }

  private static String unescaped(String text) {
    StringBuilder plain = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      if (text.startsWith("\\", i)
          && i + 4 <= text.length()
          && text.substring(i + 1, i + 4).matches("[0-3][0-7]{2}")) {
        plain.append((char) Integer.parseInt(text, i + 1, i + 4, 8));
        i += 3;
      } else {
        plain.append(text.charAt(i));
      }
    }
    return plain.toString();
  }

  /** Whether other machines may have it mounted too, or its disk may be another machine's. */
  boolean isNetwork() {
    return NETWORK.contains(type) || type.startsWith("fuse.");
  }

  /** An option that makes locks or fsync worth nothing there. */
  Optional<String> unsafeOption() {
    return options.stream().filter(UNSAFE::contains).sorted().findFirst();
  }

  @Override
  public String toString() {
    return "mount point " + point + ", type " + type + ", source " + source;
  }
}
