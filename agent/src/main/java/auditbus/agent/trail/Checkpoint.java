// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an agent knows over restarts: which files are which trails, and which of their bytes the
 * broker acknowledged.
 *
 * <p>The file is one header line and one JSON object:
 *
 * <pre>
 *   auditbus-checkpoint 1 CRC32C-of-the-rest(8 hex)\n
 *   {"epoch":…,"sources":[{"name":…,"trails":[{"id":…,"inode":…,"covered":[[position,length],…],…}]}]}
 * </pre>
 *
 * It is replaced whole (temporary file, fsync, rename, fsync of the directory). One that is cut or
 * damaged is as good as none: everything is read again, which costs duplicates and loses nothing.
 *
 * @param epoch the agent run that wrote it
 * @param sources one per source
 */
public record Checkpoint(long epoch, List<SourceMark> sources) {
  private static final Logger LOG = LoggerFactory.getLogger(Checkpoint.class);
  private static final String HEADER = "auditbus-checkpoint 1 ";
  private static final JsonMapper JSON = new JsonMapper();

  /** A checkpoint that knows nothing. */
  public static final Checkpoint NONE = new Checkpoint(0, List.of());

  /** Copies the list. */
  public Checkpoint {
    sources = List.copyOf(sources);
  }

  /**
   * What is known of one source.
   *
   * @param trails in reading order
   * @param previous id of the trail closed last, null for none
   * @param previousSha256 its SHA-256, null for none
   */
  public record SourceMark(
      String name, List<TrailMark> trails, String previous, String previousSha256) {
    /** Copies the list. */
    public SourceMark {
      trails = List.copyOf(trails);
    }
  }

  /**
   * What is known of one trail.
   *
   * @param identityLength how many first bytes {@code identityDigest} is over
   * @param covered acknowledged ranges, {@code [position, length]} each
   * @param tailPosition where {@code tailDigest} ends, 0 for none
   * @param tailDigest SHA-256 of the at most 1024 acknowledged bytes before that position, hex
   * @param opened whether its OPENED state is acknowledged
   * @param closed whether its closing state is acknowledged
   * @param size the size it was closed at, -1 while it is not
   */
  public record TrailMark(
      String id,
      long inode,
      int identityLength,
      String identityDigest,
      List<long[]> covered,
      long tailPosition,
      String tailDigest,
      boolean opened,
      boolean closed,
      long size) {
    /** Copies the list. */
    public TrailMark {
      covered = List.copyOf(covered);
    }
  }

  /** The source's mark, empty if the checkpoint has none. */
  public Optional<SourceMark> source(String name) {
    return sources.stream().filter(source -> source.name().equals(name)).findFirst();
  }

  /**
   * Reads a checkpoint; {@link #NONE} where there is none or it is damaged (logged).
   *
   * @throws IOException if the file is there and cannot be read
   */
  public static Checkpoint load(Path file) throws IOException {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      return NONE;
    }
    int headerLength = HEADER.length() + 9;
    if (bytes.length > headerLength) {
      String header = new String(bytes, 0, headerLength, StandardCharsets.ISO_8859_1);
      byte[] body = java.util.Arrays.copyOfRange(bytes, headerLength, bytes.length);
      if (header.equals(header(body))) {
        try {
          return JSON.readValue(body, Checkpoint.class);
        } catch (JacksonException e) {
          LOG.error("checkpoint {}: {}", file, e.getOriginalMessage());
        }
      }
    }
    LOG.error(
        "checkpoint {} is damaged ({} bytes): reading every trail again from its start; events may arrive twice, none is lost",
        file,
        bytes.length);
    return NONE;
  }

  /**
   * Replaces the file.
   *
   * @throws IOException if it cannot be written; the old one stands then
   */
  public void store(Path file) throws IOException {
    byte[] body = JSON.writeValueAsBytes(this);
    Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
    try (FileChannel channel =
        FileChannel.open(
            temporary,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer[] parts = {
        ByteBuffer.wrap(header(body).getBytes(StandardCharsets.ISO_8859_1)), ByteBuffer.wrap(body)
      };
      while (parts[1].hasRemaining()) {
        channel.write(parts);
      }
      channel.force(true);
    }
    Files.move(
        temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    try (FileChannel directory =
        FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
      directory.force(true);
    }
  }

  private static String header(byte[] body) {
    CRC32C crc = new CRC32C();
    crc.update(body);
    return HEADER + String.format(Locale.ROOT, "%08x", crc.getValue()) + "\n";
  }
}
