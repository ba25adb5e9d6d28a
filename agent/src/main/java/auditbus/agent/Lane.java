// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Decoder;
import auditbus.agent.event.TrailRecord;
import auditbus.agent.publish.Delivery;
import auditbus.agent.publish.Publisher;
import auditbus.agent.trail.TrailNotice;
import auditbus.agent.trail.TrailSource;
import auditbus.schemas.SourceStatus;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
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

  private final int index;
  private final SourceConfig config;
  private final TrailSource trails;
  private final Supplier<Decoder> decoders;
  private final LongSupplier nanoClock;
  private final Duration scanInterval;
  private final boolean once;

  private Decoder decoder;
  private Publisher publisher;
  private boolean live;
  private long nextScanNanos;
  private Optional<String> scanError = Optional.empty();
  private Optional<String> error = Optional.empty();
  private long taken;
  private long ackedRecords;
  private long events;
  private long incomplete;
  private long unparsed;

  Lane(
      int index,
      SourceConfig config,
      TrailSource trails,
      Supplier<Decoder> decoders,
      LongSupplier nanoClock,
      Duration scanInterval,
      boolean once) {
    this.index = index;
    this.config = config;
    this.trails = trails;
    this.decoders = decoders;
    this.nanoClock = nanoClock;
    this.scanInterval = scanInterval;
    this.once = once;
    this.decoder = decoders.get();
    this.nextScanNanos = nanoClock.getAsLong();
  }

  TrailSource trails() {
    return trails;
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
      // A look at many trails takes its time: most of the time is for reading them.
      long taken = nanoClock.getAsLong() - now;
      nextScanNanos = now + Math.max(scanInterval.toNanos(), 10 * taken);
      return news;
    } catch (IOException e) {
      scanError = Optional.of(describe(e));
      nextScanNanos = now + RETRY.toNanos();
      return false;
    }
  }

  /**
   * Reads, decodes and sends a bounded amount, and sends the states that are due.
   *
   * @return whether there was anything to do
   */
  boolean step(Publisher to, BiConsumer<Integer, TrailNotice> states) {
    publisher = to;
    boolean worked = read();
    Optional<TrailNotice> notice = trails.notice();
    while (notice.isPresent()) {
      states.accept(index, notice.get());
      worked = true;
      notice = publisher.isFull() ? Optional.empty() : trails.notice();
    }
    report();
    return worked;
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
    decoder = decoders.get();
    live = false;
    trails.rewind();
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
    TrailSource.Standing standing = trails.standing();
    return SourceStatus.newBuilder()
        .setName(config.name())
        .setType(config.type().word())
        .setState(error.isPresent() ? "FAILED" : "RUNNING")
        .setError(error.orElse(null))
        .setTrail(standing.trail().orElse(null))
        .setHead(standing.head())
        .setAcked(standing.acked())
        .setWaitingBytes(standing.bytesKnown() - standing.bytesAcked())
        .setReceived(standing.received())
        .setWritten(written())
        .setDropped(standing.dropped())
        .setAckedRecords(ackedRecords)
        .setWaitingRecords(waiting() + standing.rewound())
        .setEvents(events)
        .setIncomplete(incomplete)
        .setUnparsed(unparsed)
        .setTrailsClosed(standing.trailsClosed())
        .setIgnored(standing.ignored())
        .setDropping(List.of())
        .build();
  }

  private long written() {
    return taken - trails.standing().rereads() - trails.standing().dropped();
  }

  private long waiting() {
    return (long) decoder.openRecords()
        + (publisher == null ? 0 : publisher.inFlightRecords(index));
  }

  private boolean read() {
    int moved = 0;
    while (moved < STEP_BYTES && !publisher.isFull()) {
      int more = trails.read(this::take);
      if (more == 0) {
        break;
      }
      moved += more;
    }
    boolean head = trails.atHead();
    if (head) {
      if (once) {
        decoder.flush(this::send);
      } else {
        decoder.expire(nanoClock.getAsLong(), this::send);
      }
    }
    live = head;
    return moved > 0;
  }

  private void take(TrailRecord record) {
    taken++;
    decoder.accept(record, live, this::send);
  }

  private void send(DecodedEvent event) {
    publisher.event(index, event, trails.lowMark(event.event().getTrail()));
  }

  private void report() {
    Optional<String> now = scanError.or(() -> trails.problem().map(this::describe));
    if (!now.equals(error)) {
      now.ifPresentOrElse(
          message ->
              LOG.error("source {}: {}; trying again until it can be read", config.name(), message),
          () -> LOG.info("source {}: {} can be read again", config.name(), config.path()));
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
