// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import java.util.function.Consumer;

/**
 * Turns the records of one source, in trail order, into events.
 *
 * <p>INVARIANT: every byte handed to {@link #accept} is covered by exactly one event handed on,
 * once the decoder was flushed. Nothing a trail holds makes a decoder throw.
 *
 * <p>Not thread-safe: one thread owns a decoder.
 */
public interface Decoder {
  /**
   * Takes the next record and hands on the events it completes.
   *
   * <p>While behind the trail's head ({@code live} false) open events are closed by the distance
   * read since their last record, so that a replay closes them at the same place.
   *
   * @param live true if the record was read at the trail's head, where {@link #expire} closes
   *     events by time
   */
  void accept(TrailRecord record, boolean live, Consumer<DecodedEvent> out);

  /**
   * Hands on, as incomplete, open events whose last record came before a deadline.
   *
   * @param nowNanos {@code System.nanoTime()} or a test's own clock, the same the constructor was
   *     given
   */
  void expire(long nowNanos, Consumer<DecodedEvent> out);

  /**
   * Hands on all open events: the source ends here, nothing can be added to them. They count as
   * complete as far as their own counts add up.
   */
  void flush(Consumer<DecodedEvent> out);

  /** Records that are held in open events. */
  int openRecords();

  /** Bytes that are held in open events; bounded. */
  long openBytes();
}
