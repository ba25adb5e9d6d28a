// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * Says that a directory is in use, to this process and to others, for as long as it is held; the
 * system releases it when the process dies, however it dies.
 *
 * <p>Thread-safe.
 */
final class DirectoryLock implements AutoCloseable {
  private final FileChannel channel;

  private DirectoryLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Takes the lock.
   *
   * @param file the lock file, created where it is missing and never deleted: deleting it would let
   *     two processes each hold the lock of another file of the same name
   * @return empty if somebody holds it
   */
  static Optional<DirectoryLock> tryLock(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      FileLock lock = channel.tryLock();
      if (lock != null) {
        return Optional.of(new DirectoryLock(channel));
      }
    } catch (OverlappingFileLockException heldByThisProcess) {
      // As good as held by another.
    } catch (IOException failed) {
      channel.close();
      throw failed;
    }
    channel.close();
    return Optional.empty();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
