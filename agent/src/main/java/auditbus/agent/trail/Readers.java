// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.Optional;
import java.util.Set;

/**
 * Who may read, beside their owner, the files by which the two halves of an agent know of each
 * other: a group, where the halves are two users, else nobody.
 *
 * @param group a group's name or number, empty for nobody
 */
public record Readers(Optional<String> group) {
  /** Only the owner. */
  public static final Readers NONE = new Readers(Optional.empty());

  private static final Set<PosixFilePermission> OWNER_DIRECTORY =
      PosixFilePermissions.fromString("rwx------");
  private static final Set<PosixFilePermission> DIRECTORY =
      PosixFilePermissions.fromString("rwxr-x---");
  private static final Set<PosixFilePermission> FILE = PosixFilePermissions.fromString("rw-r-----");

  /**
   * Makes a directory where it is not there, and lets them into it. One that everybody may enter
   * stays as it is, as does any without a group.
   *
   * @throws IOException if it can't be made, or given to that group
   */
  public void makeDirectory(Path directory) throws IOException {
    Files.createDirectories(directory, PosixFilePermissions.asFileAttribute(OWNER_DIRECTORY));
    if (!Files.getPosixFilePermissions(directory).contains(PosixFilePermission.OTHERS_EXECUTE)) {
      admit(directory, DIRECTORY);
    }
  }

  /**
   * Lets them read a file; without a group it stays as it is.
   *
   * @throws IOException if it can't be given to that group
   */
  public void admitTo(Path file) throws IOException {
    admit(file, FILE);
  }

  private void admit(Path path, Set<PosixFilePermission> permissions) throws IOException {
    if (group.isEmpty()) {
      return;
    }
    GroupPrincipal readers = principal(path);
    PosixFileAttributeView view =
        Files.getFileAttributeView(path, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
    PosixFileAttributes found = view.readAttributes();
    try {
      if (!found.group().equals(readers)) {
        view.setGroup(readers); // before it may read: until here it is another's group
      }
      if (!found.permissions().equals(permissions)) {
        view.setPermissions(permissions);
      }
    } catch (FileSystemException e) {
      throw new TrailException(
          "group " + group.get() + " cannot be let into",
          path,
          TrailException.reason(e),
          "the agent's user has to own it and be in that group");
    }
  }

  private GroupPrincipal principal(Path path) throws IOException {
    try {
      return path.getFileSystem()
          .getUserPrincipalLookupService()
          .lookupPrincipalByGroupName(group.orElseThrow());
    } catch (UserPrincipalNotFoundException e) {
      throw new TrailException(
          "group " + group.get() + " cannot be let into",
          path,
          "there is no such group",
          "groupadd --system " + group.get() + ", or configure another trail.group");
    }
  }
}
