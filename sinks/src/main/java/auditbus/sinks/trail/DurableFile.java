// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Small files that are there whole or not at all, and directories that remember their entries. */
final class DurableFile {
  private DurableFile() {}

  /**
   * Puts a file with these bytes in the place of whatever has the name: temporary file, fsync,
   * rename. The caller fsyncs the directory ({@link #syncDirectory}) when the name must last.
   *
   * @throws IOException if anything failed; the old file is still there, and trying again is safe,
   *     since it starts from a new temporary file
   */
  static void replace(Path path, byte[] bytes) throws IOException {
    Path temporary = path.resolveSibling(hidden(path) + ".tmp");
    Files.deleteIfExists(temporary);
    try (FileChannel channel =
        FileChannel.open(
            temporary,
            Set.of(
                StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r-----")))) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
      channel.force(true);
    } catch (IOException e) {
      discard(temporary, e);
      throw e;
    }
    try {
      Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      discard(temporary, e);
      throw e;
    }
  }

  // Half a file is of no use to anybody, and on a full disk it keeps room from the next try.
  private static void discard(Path temporary, IOException failure) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  /**
   * Checks a file before it is opened for writing: it must be absent, or a regular file with one
   * name. A link would lead the sink's bytes, or its lock, to a stranger's file; a FIFO or a device
   * would swallow them.
   *
   * @return whether it is there
   * @throws IOException saying what was found and what to do
   */
  static boolean isOwn(Path path) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(path + " is no regular file but a link, a FIFO or the like: remove it");
    }
    int names = (int) Files.getAttribute(path, "unix:nlink", LinkOption.NOFOLLOW_LINKS);
    if (names != 1) {
      throw new IOException(
          path
              + " has "
              + names
              + " names (hard links), so writing to it would change a file elsewhere: remove the"
              + " other names, or this one if it was planted");
    }
    return true;
  }

  /** What is in a directory, in no order. */
  static List<Path> list(Path directory) throws IOException {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      stream.forEach(entries::add);
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return entries;
  }

  private static String hidden(Path path) {
    String name = path.getFileName().toString();
    return name.startsWith(".") ? name : "." + name;
  }

  /** Makes the entries of a directory durable. */
  static void syncDirectory(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      throw new SyncFailedException("fsync of directory " + directory + " failed: " + e, e);
    }
  }
}
