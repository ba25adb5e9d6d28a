// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Decoder;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Decodes Linux audit text, one line a {@link TrailRecord}: reads lines, puts records that belong
 * together into events, makes the Avro event.
 *
 * <p>What is no record (damaged stamp, junk, an empty line, 0x00 in it, {@code whole} false)
 * becomes an event of its own with the one record type UNPARSED, its raw bytes, no time, serial 0
 * and {@code complete} false. {@code acked}, {@code part} and {@code parts} are left at 0, 0 and 1.
 * {@code keys} are those of the SYSCALL (or URINGOP) record; the key of a rule that a CONFIG_CHANGE
 * tells of is in that record's fields.
 *
 * <p>{@link #expire} is for the trail's head: call it only when there is nothing more to read, or a
 * replay will close events elsewhere.
 *
 * <p>Not thread-safe.
 */
public final class AuparseDecoder implements Decoder {
  private final LongSupplier nanoClock;
  private final LineParser parser = new LineParser();
  private final Reassembler reassembler;
  private final EventBuilder builder;

  private long defects;

  // Where events go during a call; null between calls.
  private Consumer<DecodedEvent> out;

  /**
   * Makes a decoder.
   *
   * @param origin what is the same in all events
   * @param limits how long and how much may be open
   * @param nanoClock as {@link System#nanoTime}
   */
  public AuparseDecoder(Origin origin, Limits limits, LongSupplier nanoClock) {
    this.nanoClock = Objects.requireNonNull(nanoClock, "nanoClock");
    this.builder = new EventBuilder(Objects.requireNonNull(origin, "origin"));
    this.reassembler = new Reassembler(limits, this::emit);
  }

  @Override
  public void accept(TrailRecord record, boolean live, Consumer<DecodedEvent> out) {
    this.out = out;
    reassembler.advance(record.raw().length, live);
    LinuxRecord parsed = parse(record);
    if (parsed.isUnparsed()) {
      reassembler.pass();
      emit(List.of(parsed), false);
    } else if (parsed.type().standsAlone()) {
      reassembler.pass();
      emit(List.of(parsed), true);
    } else {
      reassembler.add(parsed, nanoClock.getAsLong());
    }
    this.out = null;
  }

  @Override
  public void expire(long nowNanos, Consumer<DecodedEvent> out) {
    this.out = out;
    reassembler.expire(nowNanos);
    this.out = null;
  }

  @Override
  public void flush(Consumer<DecodedEvent> out) {
    this.out = out;
    reassembler.flush();
    this.out = null;
  }

  @Override
  public int openRecords() {
    return reassembler.openRecords();
  }

  @Override
  public long openBytes() {
    return reassembler.openBytes();
  }

  /** Lines that made the parser throw: a defect of ours, yet no reason to stop the trail there. */
  long defects() {
    return defects;
  }

  private LinuxRecord parse(TrailRecord record) {
    try {
      return parser.parse(record);
    } catch (RuntimeException e) {
      // Without this one line nobody foresaw would stop a host's trail for good.
      defects++;
      return LinuxRecord.unparsed(record);
    }
  }

  private void emit(List<LinuxRecord> records, boolean complete) {
    out.accept(builder.build(records, complete));
  }
}
