// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.Boot;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** Logs of real kernels and audit daemons, framed as the reader frames them. */
final class Samples {
  static final String TRAIL = "20261120104500";
  static final Instant OBSERVED = Instant.parse("2026-11-20T10:45:00Z");
  static final Origin ORIGIN = new Origin("host", "auditd", Boot.UNKNOWN, 7);

  private static final Path ROOT = Path.of("src/test/resources/samples");

  private Samples() {}

  /** auditd's logs. */
  static List<Path> linux() {
    return files("linux", ".log");
  }

  /** All there is. */
  static List<Path> all() {
    return Stream.of(linux(), files("legacy", ".log"), files("netlink", ".txt"))
        .flatMap(List::stream)
        .toList();
  }

  static Path linux(String name) {
    return ROOT.resolve("linux").resolve(name);
  }

  static Path netlink(String name) {
    return ROOT.resolve("netlink").resolve(name);
  }

  static byte[] bytes(Path sample) {
    try {
      return Files.readAllBytes(sample);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Path> files(String directory, String end) {
    try (Stream<Path> files = Files.list(ROOT.resolve(directory))) {
      return files.filter(file -> file.toString().endsWith(end)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** One record a line; a last line without a line end is not whole. */
  static List<TrailRecord> frame(byte[] bytes) {
    List<TrailRecord> records = new ArrayList<>();
    int from = 0;
    for (int at = 0; at < bytes.length; at++) {
      if (bytes[at] == '\n') {
        records.add(record(bytes, from, at + 1, true));
        from = at + 1;
      }
    }
    if (from < bytes.length) {
      records.add(record(bytes, from, bytes.length, false));
    }
    return records;
  }

  private static TrailRecord record(byte[] bytes, int from, int to, boolean whole) {
    return new TrailRecord(TRAIL, from, Arrays.copyOfRange(bytes, from, to), whole, OBSERVED);
  }

  /** A whole line at position 0, without its line end; 0x1D may be written ^. */
  static TrailRecord line(String text) {
    return new TrailRecord(
        TRAIL,
        0,
        (text.replace('^', '\u001d') + "\n").getBytes(StandardCharsets.ISO_8859_1),
        true,
        OBSERVED);
  }

  static AuparseDecoder decoder() {
    return new AuparseDecoder(ORIGIN, Limits.defaults(), () -> 0);
  }

  /** All events of a log, read behind the head and flushed. */
  static List<DecodedEvent> decode(byte[] bytes) {
    List<DecodedEvent> events = new ArrayList<>();
    AuparseDecoder decoder = decoder();
    for (TrailRecord record : frame(bytes)) {
      decoder.accept(record, false, events::add);
    }
    decoder.flush(events::add);
    return events;
  }

  /** All events of some lines. */
  static List<DecodedEvent> decode(String... lines) {
    return decode(
        (String.join("\n", lines).replace('^', '\u001d') + "\n")
            .getBytes(StandardCharsets.ISO_8859_1));
  }
}
