// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Decoder;
import auditbus.agent.event.Framing;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.Optional;

/**
 * Reads the files of one place one after the other, as one stream of records: an event may straddle
 * a rotation.
 *
 * <p>Not thread-safe. Where the output fails its {@link IOException} comes as {@link
 * OutputFailure}.
 */
final class Reading {
  /** Standard output takes no more; its cause says why. */
  static final class OutputFailure extends UncheckedIOException {
    private static final long serialVersionUID = 1;

    OutputFailure(IOException cause) {
      super(cause);
    }
  }

  private static final String BROKEN = "broken.";

  private final DumpSettings settings;
  private final EventPrinter printer;
  private final Complaints complaints;
  private final RecordCutter cutter = new RecordCutter();

  // What the present file is; empty until its first byte is there.
  private Optional<Format> format = Optional.empty();
  // Those of the format last met; they go on with the next file of the same.
  private Optional<Format> decoded = Optional.empty();
  private Framing framing;
  private Decoder decoder;

  // The record being decoded is the end of its file.
  private boolean torn;

  Reading(DumpSettings settings, EventPrinter printer, Complaints complaints) {
    this.settings = settings;
    this.printer = printer;
    this.complaints = complaints;
  }

  /** Begins with a file. */
  void begin(String file) {
    cutter.begin(SafeText.line(file));
    format = Optional.empty();
  }

  /**
   * Reads on in the file that was begun.
   *
   * @return bytes read, -1 if there are none at present
   */
  int step(TrailBytes in) throws IOException {
    int count = cutter.fill(in);
    if (count > 0) {
      if (format.isEmpty()) {
        use(settings.format().orElseGet(() -> TrailFormat.of(cutter.pending())));
      }
      boolean live = in.isAtHead();
      cutter.cut(framing, (record, end) -> take(record, live, end));
    }
    return count;
  }

  /** The file ends here: what is left of it is no whole record. */
  void endFile() throws IOException {
    if (!cutter.isEmpty()) {
      cutter.end(framing, (record, end) -> take(record, false, end));
    }
    complaints.tell();
  }

  /** There is nothing to read at present: prints what is there, and what waited too long. */
  void idle() {
    long now = System.nanoTime();
    if (decoder != null) {
      decoder.expire(now, this::print);
    }
    complaints.idle(now);
    flushPrinter();
  }

  /** No more is to come. */
  void end() {
    if (decoder != null) {
      decoder.flush(this::print);
    }
    complaints.tell();
    flushPrinter();
  }

  private void use(Format found) {
    format = Optional.of(found);
    if (!decoded.equals(format)) {
      if (decoder != null) {
        decoder.flush(this::print);
      }
      decoded = format;
      framing = TrailFormat.framing(found);
      decoder = TrailFormat.decoder(found);
    }
    cutter.fit(framing);
  }

  private void take(TrailRecord record, boolean live, boolean end) {
    torn = end;
    decoder.accept(record, live, this::print);
    torn = false;
  }

  private void print(DecodedEvent event) {
    String reason = "";
    AuditRecord first = event.event().getRecords().getFirst();
    if (first.getType() == EventPrinter.UNPARSED) {
      reason = reason(first);
      complaints.damage(event.event().getTrail(), first.getPosition(), first.getLength(), reason);
    } else if (!event.event().getComplete() && decoded.equals(Optional.of(Format.BSM))) {
      broken(first)
          .ifPresent(
              token ->
                  complaints.damage(
                      event.event().getTrail(),
                      first.getPosition(),
                      first.getLength(),
                      "token " + token + " does not fit the record, which is printed up to it"));
    }
    if (isWanted(event.event())) {
      try {
        printer.print(event, reason);
      } catch (IOException e) {
        throw new OutputFailure(e);
      }
    }
  }

  /** The id of the token behind which a BSM record could not be read. */
  private static Optional<String> broken(AuditRecord record) {
    return record.getFields().keySet().stream()
        .filter(name -> name.startsWith(BROKEN))
        .map(name -> name.substring(BROKEN.length()))
        .findFirst();
  }

  private String reason(AuditRecord record) {
    byte[] bytes = new byte[record.getRaw().remaining()];
    record.getRaw().duplicate().get(bytes);
    boolean line = decoded.equals(Optional.of(Format.LINUX)) && bytes[bytes.length - 1] == '\n';
    String fault =
        line && framing.frameEnd(bytes, 0, bytes.length, false) == bytes.length
            ? LineFault.of(bytes)
            : framing.fault(bytes, 0, bytes.length);
    return torn ? "the file ends inside a record: " + fault : fault;
  }

  private boolean isWanted(AuditEvent event) {
    if (settings.since().isPresent()) {
      Optional<Instant> time = event.getTime();
      if (time.isPresent() && time.get().isBefore(settings.since().get())) {
        return false;
      }
    }
    return settings.types().isEmpty()
        || event.getRecords().stream()
            .anyMatch(record -> settings.types().contains(record.getName()));
  }

  private void flushPrinter() {
    try {
      printer.flush();
    } catch (IOException e) {
      throw new OutputFailure(e);
    }
  }
}
