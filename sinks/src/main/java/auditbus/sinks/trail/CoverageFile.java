// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.Coverage;
import auditbus.schemas.Format;
import auditbus.schemas.TrailStatus;
import java.io.IOException;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * What a trail's sidecar holds: which bytes of the file beside it are there and durable, and how
 * the trail ended where that is known already.
 *
 * <p>Text, so that the holes of a trail can be read without a tool. Positions and lengths in bytes:
 *
 * <pre>
 *   auditbus trail coverage 1
 *   trail 20261120104500
 *   format LINUX                   what its records are; UNKNOWN until something told
 *   covered 0 4096                 one line a range: position length
 *   covered 8192 808
 *   hole 4096 4096                 for the reader; follows from the lines above and the size
 *   lost 4096 4096                 given up by the agent, will never be sent
 *   state TERMINATED               from here to dropped: only once the end is known
 *   name 20261120104500.20261120110000
 *   size 9000
 *   sha256 (64 hex digits)         where known
 *   cause (URL-encoded)            where there is one
 *   dropped 4096 4096
 *   previous 20261120103000        where there is one
 *   previousSha256 (64 hex digits) where known
 *   quarantined (URL-encoded)      only if something contradicted the bytes: what
 *   crc32c 1a2b3c4d                of all bytes above
 * </pre>
 *
 * <p>INVARIANT: written only after an fsync of the bytes it tells of, and in place of the one
 * before at once, so it never claims a byte that a power cut could take back.
 *
 * @param trail the trail's id
 * @param format what its records are
 * @param covered the durable ranges
 * @param lost ranges that DROPPED states named
 * @param finalState how the trail ended, where known
 * @param quarantined what contradicted the bytes, where something did
 */
record CoverageFile(
    String trail,
    Format format,
    List<Span> covered,
    List<Span> lost,
    Optional<FinalState> finalState,
    Optional<String> quarantined) {
  private static final String HEADER = "auditbus trail coverage 1";
  // Four kinds of ranges, at most 65,536 each, at most 50 bytes a line, and twice that for the
  // rest.
  private static final long MAX_BYTES = 32L << 20;
  private static final String CRC = "crc32c ";

  CoverageFile {
    covered = List.copyOf(covered);
    lost = List.copyOf(lost);
  }

  static Path path(Path directory, String trail) {
    return directory.resolve("." + trail + ".coverage");
  }

  /** The file's bytes. */
  byte[] encode() {
    StringBuilder text = new StringBuilder(256 + covered.size() * 24);
    text.append(HEADER).append('\n');
    text.append("trail ").append(trail).append('\n');
    text.append("format ").append(format).append('\n');
    Coverage coverage = new Coverage();
    for (Span span : covered) {
      append(text, "covered", span);
      coverage.add(span.position(), span.end());
    }
    long size = finalState.map(FinalState::size).orElse(coverage.end());
    Span.of(coverage.missing(size)).forEach(hole -> append(text, "hole", hole));
    lost.forEach(span -> append(text, "lost", span));
    finalState.ifPresent(
        state -> {
          text.append("state ").append(state.status()).append('\n');
          text.append("name ").append(state.name().name()).append('\n');
          text.append("size ").append(state.size()).append('\n');
          state.sha256().ifPresent(sha256 -> text.append("sha256 ").append(sha256).append('\n'));
          state.cause().ifPresent(cause -> append(text, "cause", cause));
          state.dropped().forEach(span -> append(text, "dropped", span));
          state.previous().ifPresent(previous -> append(text, "previous", previous));
          state.previousSha256().ifPresent(sha256 -> append(text, "previousSha256", sha256));
        });
    quarantined.ifPresent(reason -> append(text, "quarantined", reason));
    byte[] body = text.toString().getBytes(StandardCharsets.UTF_8);
    text.append(CRC).append(crc(body, body.length)).append('\n');
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void append(StringBuilder text, String word, Span span) {
    text.append(word).append(' ').append(span.position()).append(' ').append(span.length());
    text.append('\n');
  }

  private static void append(StringBuilder text, String word, String value) {
    text.append(word).append(' ').append(URLEncoder.encode(value, StandardCharsets.UTF_8));
    text.append('\n');
  }

  private static String crc(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return String.format("%08x", crc.getValue());
  }

  /**
   * Reads a sidecar.
   *
   * @return empty if there is none
   * @throws DamagedException if the file is not whole
   */
  static Optional<CoverageFile> read(Path directory, String trail)
      throws IOException, DamagedException {
    Path path = path(directory, trail);
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(path + " is no regular file: remove it");
    }
    if (Files.size(path) > MAX_BYTES) {
      throw new DamagedException(path + ": " + Files.size(path) + " bytes are no sidecar");
    }
    return Optional.of(decode(Files.readAllBytes(path), trail, path));
  }

  /** Reads a sidecar's bytes; {@code path} is for messages. */
  static CoverageFile decode(byte[] bytes, String trail, Path path) throws DamagedException {
    int tail = CRC.length() + 8 + 1;
    int bodyLength = bytes.length - tail;
    if (bodyLength < HEADER.length()) {
      throw new DamagedException(path + ": " + bytes.length + " bytes are no whole sidecar");
    }
    String last = new String(bytes, bodyLength, tail, StandardCharsets.UTF_8);
    if (!last.equals(CRC + crc(bytes, bodyLength) + "\n")) {
      throw new DamagedException(
          path + ": checksum wanted crc32c " + crc(bytes, bodyLength) + ", found " + last.strip());
    }
    try {
      return parse(new String(bytes, 0, bodyLength, StandardCharsets.UTF_8), trail, path);
    } catch (IllegalArgumentException | InvalidRecordException e) {
      throw new DamagedException(path + ": " + e.getMessage());
    }
  }

  private static CoverageFile parse(String text, String trail, Path path) throws DamagedException {
    List<Span> covered = new ArrayList<>();
    List<Span> lost = new ArrayList<>();
    List<Span> dropped = new ArrayList<>();
    Format format = Format.UNKNOWN;
    Optional<TrailStatus> status = Optional.empty();
    Optional<FinalName> name = Optional.empty();
    long size = -1;
    Optional<String> sha256 = Optional.empty();
    Optional<String> cause = Optional.empty();
    Optional<String> previous = Optional.empty();
    Optional<String> previousSha256 = Optional.empty();
    Optional<String> quarantined = Optional.empty();
    List<String> lines = text.lines().toList();
    if (!lines.getFirst().equals(HEADER)) {
      throw new DamagedException(
          path
              + ": wanted '"
              + HEADER
              + "', found "
              + TrailId.quoted(lines.getFirst())
              + ": written by another version");
    }
    for (String line : lines.subList(1, lines.size())) {
      int space = line.indexOf(' ');
      String value = line.substring(space + 1);
      switch (line.substring(0, Math.max(space, 0))) {
        case "trail" -> {
          if (!value.equals(trail)) {
            throw new DamagedException(path + ": is of trail " + TrailId.quoted(value));
          }
        }
        case "format" -> format = Format.valueOf(value);
        case "covered" -> covered.add(span(value));
        case "lost" -> lost.add(span(value));
        case "dropped" -> dropped.add(span(value));
        case "hole" -> {}
        case "state" -> status = Optional.of(TrailStatus.valueOf(value));
        case "name" -> name = Optional.of(new FinalName(trail, value));
        case "size" -> size = Long.parseLong(value);
        case "sha256" -> sha256 = Optional.of(value);
        case "previous" -> previous = Optional.of(value);
        case "previousSha256" -> previousSha256 = Optional.of(value);
        case "cause" -> cause = Optional.of(URLDecoder.decode(value, StandardCharsets.UTF_8));
        case "quarantined" ->
            quarantined = Optional.of(URLDecoder.decode(value, StandardCharsets.UTF_8));
        default -> throw new DamagedException(path + ": line " + TrailId.quoted(line));
      }
    }
    Optional<FinalState> finalState = Optional.empty();
    if (status.isPresent() && name.isPresent()) {
      finalState =
          Optional.of(
              new FinalState(
                  status.get(),
                  name.get(),
                  size,
                  sha256,
                  cause,
                  dropped,
                  previous,
                  previousSha256));
    }
    return new CoverageFile(trail, format, covered, lost, finalState, quarantined);
  }

  private static Span span(String value) {
    int space = value.indexOf(' ');
    if (space < 0) {
      throw new IllegalArgumentException("range " + TrailId.quoted(value));
    }
    return new Span(
        Long.parseLong(value.substring(0, space)), Long.parseLong(value.substring(space + 1)));
  }

  /** A sidecar that is not whole, or of another version. */
  static final class DamagedException extends Exception {
    DamagedException(String message) {
      super(message);
    }
  }
}
