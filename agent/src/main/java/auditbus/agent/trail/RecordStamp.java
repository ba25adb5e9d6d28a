// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * The times in a Linux text trail's first and last records, which name it: {@code
 * msg=audit(SECONDS.}.
 *
 * <p>Design note: it reads stamps only and leaves decoding to the decoder, so that naming a trail
 * needs none.
 */
final class RecordStamp {
  /** How far into a trail, or back from its end, a stamp is looked for. */
  static final int REACH = 64 * 1024;

  private static final Pattern STAMP =
      Pattern.compile("(?m)^(?:node=\\S+ )?type=\\S+ msg=audit(?:d)?\\((\\d{1,10})[.)]");

  private RecordStamp() {}

  /** Time of the first whole record that has one, in the first {@value #REACH} bytes. */
  static Optional<Instant> first(Path path) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return STAMP
          .matcher(wholeLines(text(channel, 0)))
          .results()
          .findFirst()
          .map(RecordStamp::time);
    }
  }

  /**
   * Time of the last record before {@code end} that has one, in the {@value #REACH} bytes before
   * it.
   */
  static Optional<Instant> last(FileChannel channel, long end) throws IOException {
    String text = text(channel, Math.max(0, end - REACH));
    return STAMP.matcher(text).results().reduce((earlier, later) -> later).map(RecordStamp::time);
  }

  private static Instant time(MatchResult match) {
    return Instant.ofEpochSecond(Long.parseLong(match.group(1)));
  }

  private static String wholeLines(String text) {
    return text.substring(0, text.lastIndexOf('\n') + 1);
  }

  private static String text(FileChannel channel, long position) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(REACH);
    while (buffer.hasRemaining() && channel.read(buffer, position + buffer.position()) > 0) {
      // until full or at the end of the file
    }
    return new String(buffer.array(), 0, buffer.position(), StandardCharsets.ISO_8859_1);
  }
}
