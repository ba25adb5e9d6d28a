// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.capture.CaptureReport;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Decoder;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import auditbus.agent.publish.Delivery;
import auditbus.agent.publish.PublishException;
import auditbus.agent.publish.Publisher;
import auditbus.agent.trail.Checkpoint.SourceMark;
import auditbus.agent.trail.TrailNotice;
import auditbus.agent.trail.TrailRemoval;
import auditbus.agent.trail.TrailSource;
import auditbus.schemas.Format;
import auditbus.schemas.SourceStatus;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.kafka.common.errors.InterruptException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One source's way through the distribution loop: its trails, its decoder and its counters.
 *
 * <p>Every counter is counted where its thing happens, so that {@code received = written + dropped}
 * and {@code written = acked + waiting} say something: received where a record is framed, written
 * where a decoder takes it, waiting as what decoder and publisher hold, acked where the broker's
 * word comes back.
 *
 * <p>Not thread-safe: the distribution thread owns it.
 */
final class Lane {
  private static final Logger LOG = LoggerFactory.getLogger(Lane.class);
  private static final int STEP_BYTES = 1024 * 1024;
  private static final Duration RETRY = Duration.ofSeconds(1);

  /** Looks in an interval's time while much comes. */
  private static final int BUSY_LOOKS = 5;

  /**
   * What is much between two looks: more than the records of the look itself, where a rule has the
   * log's directory watched.
   */
  private static final int BUSY_BYTES = 3 * 1024;

  private final int number;
  private final SourceConfig config;
  private final TrailSource trails;
  private final LongSupplier nanoClock;
  private final boolean once;
  private final boolean captured;
  private final Supplier<Optional<CaptureReport>> capture;
  private final Salvage salvage;
  private final Lag lag = new Lag();
  private final Optional<TrailRemoval> removal;
  private final Consumer<DecodedEvent> sender = this::send;
  private final Consumer<TrailRecord> taker = this::take;

  private Function<Format, Decoder> decoders;
  private Duration scanInterval;
  // What decodes records of `format`, that of the trail being read.
  private Format format = Format.LINUX;
  private Decoder decoder;
  private Publisher publisher;
  private boolean live;
  private boolean ending;
  // The decoder threw: nothing more is read until what it handed on is acknowledged.
  private boolean stranded;
  // Records taken since the last rewind and not sent.
  private int unsent;
  private Optional<CaptureReport> lastReport = Optional.empty();
  // Bytes read since the last look; 0 where not all was read, which a look does not help.
  private long fresh;
  private long nextScanNanos;
  private Optional<String> scanError = Optional.empty();
  private Optional<String> error = Optional.empty();
  private long taken;
  private long ackedRecords;
  private long events;
  private long incomplete;
  private long unparsed;

  /**
   * Makes a lane.
   *
   * @param number the source's number, which no other has in this run
   * @param captured whether this process captures the source
   * @param capture how the capture of the source stands, where one is known
   * @param origin what is said of bytes no decoder can be asked about
   */
  Lane(
      int number,
      SourceConfig config,
      TrailSource trails,
      Function<Format, Decoder> decoders,
      LongSupplier nanoClock,
      Duration scanInterval,
      boolean once,
      boolean captured,
      Supplier<Optional<CaptureReport>> capture,
      Origin origin) {
    this.number = number;
    this.config = config;
    this.trails = trails;
    this.decoders = decoders;
    this.nanoClock = nanoClock;
    this.scanInterval = scanInterval;
    this.once = once;
    this.captured = captured;
    this.capture = capture;
    this.salvage = new Salvage(origin);
    this.removal =
        config.deletesAcked()
            ? Optional.of(new TrailRemoval(config.name(), config.trails(), InstantSource.system()))
            : Optional.empty();
    this.decoder = decoders.apply(format);
    this.nextScanNanos = nanoClock.getAsLong();
  }

  int number() {
    return number;
  }

  SourceConfig config() {
    return config;
  }

  TrailSource trails() {
    return trails;
  }

  /** Goes on from what is acknowledged, with these settings. */
  void reconfigure(Function<Format, Decoder> newDecoders, Duration newScanInterval) {
    decoders = newDecoders;
    scanInterval = newScanInterval;
    nextScanNanos = nanoClock.getAsLong();
    ending = false;
    rewind();
  }

  /** Lets go of its files; {@link #reconfigure} takes it up again. */
  void park() {
    rewind();
    trails.close();
    publisher = null;
  }

  /** How long until {@link #scan} looks, 0 if it would now. */
  long nanosUntilScan(long nowNanos) {
    return Math.max(0, nextScanNanos - nowNanos);
  }

  /** Looks for trails when it is time to; returns whether one was identified anew. */
  boolean scan() {
    long now = nanoClock.getAsLong();
    if (now < nextScanNanos) {
      return false;
    }
    try {
      boolean news = trails.scan();
      scanError = Optional.empty();
      lag.looked(now, trails.newest(), trails.unacked());
      // A look at many trails takes its time: most of the time is for reading them.
      long taken = nanoClock.getAsLong() - now;
      // What is missing for some looks counts as gone: they are not to come too close.
      boolean busy = fresh >= BUSY_BYTES && !trails.isMissingOne();
      long interval = scanInterval.toNanos() / (busy ? BUSY_LOOKS : 1);
      fresh = 0;
      nextScanNanos = now + Math.max(interval, 10 * taken);
      return news;
    } catch (IOException e) {
      scanError = Optional.of(describe(e));
      nextScanNanos = now + RETRY.toNanos();
      return trails.news(); // of the files that can be read
    } finally {
      report();
    }
  }

  /**
   * Reads, decodes and sends a bounded amount, and the states that are due: a trail's opening
   * before its first byte, so that one whose bytes came was mostly told of, and has to be closed.
   *
   * @return whether there was anything to do
   */
  boolean step(Publisher to, BiConsumer<Lane, TrailNotice> states) {
    publisher = to;
    boolean worked = tell(states);
    worked |= read();
    worked |= tell(states);
    report();
    return worked;
  }

  private boolean tell(BiConsumer<Lane, TrailNotice> states) {
    boolean any = false;
    Optional<TrailNotice> notice = trails.notice();
    while (notice.isPresent()) {
      states.accept(this, notice.get());
      any = true;
      notice = publisher.isFull() ? Optional.empty() : trails.notice();
    }
    return any || trails.isDigesting();
  }

  void acked(Delivery delivery) {
    if (delivery.notice().isPresent()) {
      trails.acked(delivery.notice().get());
      return;
    }
    trails.acked(delivery.spans());
    ackedRecords += delivery.spans().size();
    unparsed += delivery.unparsed();
    events += delivery.lastPart() ? 1 : 0;
    incomplete += delivery.lastPart() && !delivery.complete() ? 1 : 0;
  }

  /** Everything not acknowledged is read again: what decoder and producer held is gone. */
  void rewind() {
    decoder = decoders.apply(format);
    live = false;
    stranded = false;
    unsent = 0;
    trails.rewind();
  }

  /** The checkpoint on disk has this mark of the source now. */
  void stored(SourceMark mark) {
    removal.ifPresent(remover -> remover.remove(mark));
  }

  /** Nothing more is captured: what is there is the end. */
  void end() {
    ending = captured;
    nextScanNanos = nanoClock.getAsLong();
  }

  /** After {@link #end}: whether all that this process captured is acknowledged. */
  boolean isSent() {
    return !ending
        || (trails.atHead() && trails.standing().trailsOpen() == 0 && decoder.openRecords() == 0);
  }

  boolean isDone() {
    return trails.isDone();
  }

  AgentProgress.Source progress() {
    TrailSource.Standing standing = trails.standing();
    return new AgentProgress.Source(
        config.name(),
        config.type().word(),
        standing.trailsOpen(),
        standing.trailsClosed(),
        standing.bytesKnown(),
        standing.bytesAcked(),
        ackedRecords,
        events,
        unparsed,
        incomplete,
        error,
        isDone());
  }

  SourceStatus status() {
    // First what was read, then what was captured: all that was read has been captured.
    TrailSource.Standing standing = trails.standing();
    Optional<CaptureReport> now = capture.get();
    lastReport = now.or(() -> lastReport);
    Optional<CaptureReport> report = lastReport;
    Optional<String> why = now.flatMap(CaptureReport::error).or(() -> error);
    if (config.type().isCaptured() && now.isEmpty()) {
      why = why.or(() -> Optional.of("no capture of it is at work"));
    }
    boolean running = why.isEmpty() && now.map(CaptureReport::running).orElse(true);
    // Where this process captures, a record is received when the kernel hands it over; one that
    // stands in a trail of an earlier run, when it is read from there.
    long received = standing.received() - standing.receivedCaptured();
    long written = written() - standing.receivedCaptured();
    long dropped = standing.dropped();
    long unread = 0;
    if (report.isPresent() && captured) {
      received += report.get().received();
      written += report.get().written();
      dropped += report.get().dropped();
      unread = report.get().written() - standing.receivedCaptured() - standing.unreadDropped();
    } else if (report.isPresent()) {
      received += report.get().dropped(); // by another process
      dropped += report.get().dropped();
    }
    return SourceStatus.newBuilder()
        .setName(config.name())
        .setType(config.type().word())
        .setState(running ? "RUNNING" : "FAILED")
        .setError(why.orElse(running ? null : "it has stopped and is being started again"))
        .setTrail(standing.trail().orElse(null))
        .setHead(standing.head())
        .setAcked(standing.acked())
        .setWaitingBytes(standing.bytesKnown() - standing.bytesAcked())
        .setLagMs(lag.millis(nanoClock.getAsLong(), trails.unacked()).orElse(null))
        .setReceived(received)
        .setWritten(written)
        .setDropped(dropped)
        .setAckedRecords(ackedRecords)
        .setWaitingRecords(waiting() + standing.rewound() + unread)
        .setEvents(events)
        .setIncomplete(incomplete)
        .setUnparsed(unparsed)
        .setTrailsClosed(standing.trailsClosed())
        .setIgnored(standing.ignored())
        .setOverruns(report.map(CaptureReport::overruns).orElse(0L))
        .setDropping(List.of())
        .setCapture(report.map(CaptureReport::status).orElse(null))
        .build();
  }

  private long written() {
    return taken - trails.standing().rereads() - trails.standing().dropped();
  }

  private long waiting() {
    return (long) (stranded ? unsent : decoder.openRecords())
        + (publisher == null ? 0 : publisher.inFlightRecords(number));
  }

  private boolean read() {
    if (stranded) {
      if (publisher.inFlightRecords(number) > 0) {
        return false;
      }
      rewind();
    }
    int moved = 0;
    while (moved < STEP_BYTES && !publisher.isFull() && !stranded) {
      int more = trails.read(taker);
      if (more == 0) {
        break;
      }
      moved += more;
    }
    boolean head = trails.atHead();
    if (head && !stranded) {
      try {
        if (once || ending) {
          decoder.flush(sender);
        } else {
          decoder.expire(nanoClock.getAsLong(), sender);
        }
      } catch (RuntimeException e) {
        threw(e);
      }
    }
    live = head;
    fresh = head ? fresh + moved : 0;
    return moved > 0;
  }

  private void take(TrailRecord record) {
    taken++;
    unsent++;
    if (stranded) {
      return; // it is read again
    }
    Optional<DecodedEvent> salvaged = salvage.take(record);
    if (salvaged.isPresent()) {
      send(salvaged.get());
      return;
    }
    try {
      if (record.format() != format) {
        decoder.flush(sender); // nothing in another format belongs to what is open
        format = record.format();
        decoder = decoders.apply(format);
      }
      decoder.accept(record, live, sender);
    } catch (RuntimeException e) {
      threw(e);
    }
  }

  /**
   * The decoder threw, or publishing did below it. What a decoder that throws holds is nobody's to
   * know: all that was taken and not sent goes out as UNPARSED once the rest is acknowledged.
   */
  private void threw(RuntimeException e) {
    if (e instanceof PublishException || e instanceof InterruptException) {
      throw e;
    }
    stranded = true;
    if (salvage.begin() == 1) {
      LOG.error(
          "source {}: the decoder failed in {}: its open records are published as UNPARSED, with"
              + " this and any further such failure. This is a defect: please report it",
          config.name(),
          salvage.place(),
          e);
    }
  }

  private void send(DecodedEvent event) {
    unsent -= event.spans().size();
    publisher.event(number, event, trails.lowMark(event.event().getTrail()));
  }

  private void report() {
    Optional<String> now = scanError.or(() -> trails.problem().map(this::describe));
    if (!now.equals(error)) {
      now.ifPresentOrElse(
          message ->
              LOG.error("source {}: {}; trying again until it can be read", config.name(), message),
          () -> LOG.info("source {}: {} can be read again", config.name(), config.input()));
    }
    error = now;
  }

  private String describe(IOException e) {
    return switch (e) {
      case java.nio.file.NoSuchFileException missing -> missing.getFile() + " does not exist";
      case java.nio.file.AccessDeniedException denied ->
          denied.getFile() + " may not be read (permission denied)";
      case java.nio.file.NotDirectoryException file ->
          file.getFile() + " is neither a directory nor a file with a trail's name (START.END)";
      default -> String.valueOf(e.getMessage());
    };
  }
}
