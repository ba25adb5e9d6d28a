// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.schemas.Format;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What an agent knows over restarts: which files are which trails, and which of their bytes the
 * broker acknowledged. {@link CheckpointFile} keeps it.
 *
 * @param epoch the agent run that wrote it
 * @param sources one per source
 */
public record Checkpoint(long epoch, List<SourceMark> sources) {
  /** A checkpoint that knows nothing. */
  public static final Checkpoint NONE = new Checkpoint(0, List.of());

  /** Copies the list. */
  public Checkpoint {
    sources = List.copyOf(sources);
  }

  /**
   * What is known of one source.
   *
   * @param trails the open ones, in reading order
   * @param closed the closed ones, in the order they were closed
   */
  public record SourceMark(String name, List<TrailMark> trails, List<ClosedMark> closed) {
    /** Copies the lists. */
    public SourceMark {
      trails = List.copyOf(trails);
      closed = List.copyOf(closed);
    }
  }

  /**
   * What is known of one open trail.
   *
   * @param identityLength how many first bytes {@code identityDigest} is over
   * @param format name of the {@link Format}, null while it is not known
   * @param covered acknowledged ranges, {@code [position, length]} each
   * @param continued whether what follows the first range continues something broken
   * @param tailPosition where {@code tailDigest} ends, 0 for none
   * @param tailDigest SHA-256 of the at most 1024 acknowledged bytes before that position, hex
   * @param opened whether its OPENED state is acknowledged
   * @param remark what is out of the ordinary with it, null for nothing
   */
  public record TrailMark(
      String id,
      long inode,
      int identityLength,
      String identityDigest,
      String format,
      List<long[]> covered,
      boolean continued,
      long tailPosition,
      String tailDigest,
      boolean opened,
      String remark) {
    /** Copies the list. */
    public TrailMark {
      covered = List.copyOf(covered);
    }

    /** Without how far it is acknowledged. */
    TrailMark withoutProgress() {
      return new TrailMark(
          id,
          inode,
          identityLength,
          identityDigest,
          format,
          List.of(),
          false,
          0,
          "",
          false,
          remark);
    }

    /** The format, if one is known. */
    Optional<Format> knownFormat() {
      return Optional.ofNullable(format).map(Format::valueOf);
    }
  }

  /**
   * What is known of one trail whose closing state is acknowledged.
   *
   * @param inode its file's, {@link #NO_INODE} for one that lost bytes: no file is it
   * @param identityLength how many first bytes {@code identityDigest} is over
   * @param size the size it was closed at, bytes
   * @param acked how many of them the broker has
   * @param sha256 its digest, hex; null for one that lost bytes
   */
  public record ClosedMark(
      String id,
      long inode,
      int identityLength,
      String identityDigest,
      long size,
      long acked,
      String sha256) {
    /** No file has it. */
    static final long NO_INODE = -1;

    /** Its digest, if it has one. */
    Optional<String> knownSha256() {
      return Optional.ofNullable(sha256);
    }
  }

  /**
   * The one kept in a file.
   *
   * @throws IOException if it is there and cannot be read
   */
  public static Checkpoint load(Path file) throws IOException {
    return CheckpointFile.load(file);
  }

  /** The source's mark, empty if the checkpoint has none. */
  public Optional<SourceMark> source(String name) {
    return sources.stream().filter(source -> source.name().equals(name)).findFirst();
  }
}
