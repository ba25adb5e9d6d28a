// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Something could not be done to a trail; the message says what, where, why and what to do. */
public class TrailException extends IOException {
  private static final long serialVersionUID = 1L;

  TrailException(String what, Path where, String why, String advice) {
    super(what + " " + where + ": " + why + " (" + advice + ")");
  }

  private TrailException(String what, Path where, IOException cause) {
    super(what + " " + where + ": " + reason(cause) + " (" + advice(cause) + ")", cause);
  }

  /** Says of a failure what was to be done, unless it says that itself. */
  static TrailException of(String what, Path where, IOException cause) {
    return cause instanceof TrailException told ? told : new TrailException(what, where, cause);
  }

  /** The system's own words for it, without the path: the errno's text. */
  static String reason(IOException cause) {
    return switch (cause) {
      case NoSuchFileException _ -> "No such file or directory";
      case AccessDeniedException _ -> "Permission denied";
      case FileAlreadyExistsException _ -> "File exists";
      case FileSystemException failed when failed.getReason() != null -> failed.getReason();
      default -> String.valueOf(cause.getMessage());
    };
  }

  /** Whether the failure is that the file system, or the quota, has no room. */
  static boolean isNoSpace(IOException cause) {
    String reason = reason(cause);
    return reason.contains("No space left") || reason.contains("quota exceeded");
  }

  private static String advice(IOException cause) {
    String reason = reason(cause);
    if (isNoSpace(cause)) {
      return "make room on the file system; inodes run out too: df -i";
    }
    return switch (reason) {
      case "Permission denied", "Operation not permitted" ->
          "the agent's user must own the directory; lsattr shows whether it is immutable";
      case "Read-only file system" -> "mount it writable; dmesg says why the kernel made it so";
      case "Input/output error" -> "the disk fails: dmesg has more";
      case "Too many open files" -> "raise LimitNOFILE of the agent's service";
      case "Not a directory" -> "remove what stands in its place, or configure another directory";
      default -> "it is tried again";
    };
  }
}
