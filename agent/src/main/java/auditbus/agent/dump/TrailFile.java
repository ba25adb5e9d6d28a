// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * An open regular file, read from its first byte on; renamed, it stays the same. One thread owns
 * it.
 */
final class TrailFile implements TrailBytes {
  private final Path path;
  private final Object key;
  private final FileChannel channel;
  private long position;
  private long modifiedMillis;
  private boolean growing;
  private int lastCount;

  private TrailFile(Path path, Object key, FileChannel channel) {
    this.path = path;
    this.key = key;
    this.channel = channel;
  }

  /**
   * Opens a file. Renamed at that moment its {@link #key} may be another's: whoever listed it
   * compares.
   *
   * @throws IOException if it cannot be opened
   */
  static TrailFile open(Path path) throws IOException {
    FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
    try {
      BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
      TrailFile file = new TrailFile(path, attributes.fileKey(), channel);
      file.modifiedMillis = attributes.lastModifiedTime().toMillis();
      return file;
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /** What a file is known by, whatever its name. */
  static Object key(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
  }

  Object key() {
    return key;
  }

  Path path() {
    return path;
  }

  /** When it was last written to, as far as was seen. */
  long modifiedMillis() {
    return modifiedMillis;
  }

  /** It was seen under some name with this time of writing. */
  void seenModified(long millis) {
    modifiedMillis = Math.max(modifiedMillis, millis);
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public int read(byte[] into, int at, int most) throws IOException {
    int count = channel.read(ByteBuffer.wrap(into, at, most), position);
    lastCount = count;
    if (count > 0) {
      position += count;
    }
    return count;
  }

  @Override
  public boolean isAtHead() {
    return growing && lastCount < RecordCutter.READ_BYTES;
  }

  /** It is followed: what is not there yet may come. */
  void grows() {
    growing = true;
  }

  /** How much shorter the file is than what was read of it; 0 if it is not. */
  long shrunkBy() throws IOException {
    return Math.max(0, position - channel.size());
  }

  /** Reads on at the first byte. */
  void rewind() {
    position = 0;
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // nothing was written: there is nothing to lose
    }
  }
}
