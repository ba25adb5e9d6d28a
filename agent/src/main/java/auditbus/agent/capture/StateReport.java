// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Map.Entry;
import java.util.Set;

/**
 * What the agent is doing, as SIGCONT asks an audit daemon to write it: a line {@code name = value}
 * each, auditd's names first where auditd has one for it.
 *
 * @param version the agent's
 * @param time when the report was made
 * @param trail file that is being written
 * @param trailBytes its size
 * @param spaceLeft whether more than {@code space.min.free} is free
 * @param suspended whether nothing is being written
 * @param diskError whether the last write failed
 * @param counters further numbers, by name
 */
public record StateReport(
    String version,
    Instant time,
    Path trail,
    long trailBytes,
    boolean spaceLeft,
    boolean suspended,
    boolean diskError,
    Map<String, Long> counters) {

  /** Copies the map. */
  public StateReport {
    counters = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(counters));
  }

  /** The report's text. */
  String text() {
    StringBuilder text = new StringBuilder(512);
    line(text, "audit version", "auditbus-" + version);
    line(text, "time", time);
    line(text, "current log file", trail);
    line(text, "current log size", trailBytes);
    line(text, "space left on partition", yes(spaceLeft));
    line(text, "logging suspended", yes(suspended));
    line(text, "disk error detected", yes(diskError));
    for (Entry<String, Long> counter : counters.entrySet()) {
      line(text, counter.getKey(), counter.getValue());
    }
    return text.toString();
  }

  /** Writes the report to a file; who reads it sees this one or the one before, whole. */
  public void write(Path file) throws IOException {
    Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
    Files.deleteIfExists(temporary);
    try (FileChannel channel =
        FileChannel.open(
            temporary,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r-----")))) {
      ByteBuffer bytes = ByteBuffer.wrap(text().getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }
    Files.move(
        temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static void line(StringBuilder text, String name, Object value) {
    text.append(name).append(" = ").append(value.toString().replace('\n', ' ')).append('\n');
  }

  private static String yes(boolean answer) {
    return answer ? "yes" : "no";
  }
}
