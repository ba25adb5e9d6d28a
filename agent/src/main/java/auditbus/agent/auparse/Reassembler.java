// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;

/**
 * Puts the records of one event together: same node, time and serial.
 *
 * <p>An event ends at its EOE. auditd writes none to its log, so there it ends at PROCTITLE, which
 * the kernel writes last. Which of the two a stream has is learnt from the stream: until one event
 * has shown it, PROCTITLE waits for the record behind it. A record that comes after its event was
 * closed starts a further event of the same stamp. Types that stand alone never come here.
 *
 * <p>An event is complete if its end was seen, or nothing can follow (flush), and
 *
 * <ul>
 *   <li>it has more than records that only ever add to another (PATH, CWD, PROCTITLE, ...): a
 *       fragment's SYSCALL, which counts the others, was lost. An EOE alone says nothing: it is the
 *       late end of an event that was closed before,
 *   <li>it has at least as many PATH records as items= says (one fewer for mq_open, whose directory
 *       the kernel counts and hides),
 *   <li>its EXECVE records hold what argc= says.
 * </ul>
 *
 * An event closed by distance or time is complete under the same conditions only where it had no
 * end mark to wait for: no SYSCALL. That is a lone LOGIN, AVC or ANOM_ABEND, and an io_uring
 * operation. With a SYSCALL it is not. An event closed for want of room is not, unless its
 * PROCTITLE was there.
 *
 * <p>Bounded by {@link Limits}; what must go is the event idle longest. Not thread-safe.
 */
final class Reassembler {
  /** Takes the records of a closed event. */
  interface Sink {
    void event(List<LinuxRecord> records, boolean complete);
  }

  /** What ends an event in this stream. */
  private enum EndMark {
    NOT_KNOWN,
    PROCTITLE,
    EOE
  }

  private enum Cause {
    END,
    FLUSH,
    IDLE,
    ROOM
  }

  private static final class Open {
    final LinuxRecord.Stamp stamp;
    final List<LinuxRecord> records = new ArrayList<>(8);
    long bytes;
    long lastAccepted;
    long lastNanos;
    boolean titled;

    Open(LinuxRecord.Stamp stamp) {
      this.stamp = stamp;
    }
  }

  private final Limits limits;
  private final long timeoutNanos;
  private final Sink sink;

  // In the order they were last added to: the first is idle longest.
  private final LinkedHashMap<LinuxRecord.Stamp, Open> open = new LinkedHashMap<>(64, 0.75f, true);
  private EndMark endMark = EndMark.NOT_KNOWN;
  private Open awaitingEoe;
  // The event added to last, so the last one of open; null if it was closed.
  private Open last;
  private long accepted;
  // INVARIANT: no open event was last added to before this many bytes were accepted.
  private long noneIdleBefore;
  private long openBytes;
  private int openRecords;

  Reassembler(Limits limits, Sink sink) {
    this.limits = limits;
    this.timeoutNanos = limits.timeout().toNanos();
    this.sink = sink;
  }

  /** Counts bytes that were read and closes what they leave too far behind. */
  void advance(long bytes, boolean live) {
    accepted += bytes;
    while (!live && accepted - noneIdleBefore > limits.distanceBytes()) {
      if (open.isEmpty()) {
        noneIdleBefore = accepted;
        return;
      }
      Open idle = idleLongest();
      noneIdleBefore = idle.lastAccepted;
      if (accepted - idle.lastAccepted > limits.distanceBytes()) {
        close(idle, Cause.IDLE);
      }
    }
  }

  /** A record went by that has no companions. */
  void pass() {
    settle(null, 0);
  }

  /** Takes a record that may have companions. */
  void add(LinuxRecord record, long nowNanos) {
    int type = record.type().number();
    settle(record.stamp(), type);
    Open event = last;
    if (event == null || !event.stamp.equals(record.stamp())) {
      event = open.get(record.stamp());
      if (event == null) {
        event = new Open(record.stamp());
        open.put(event.stamp, event);
      }
      last = event;
    }
    int length = record.source().raw().length;
    event.records.add(record);
    event.bytes += length;
    event.lastAccepted = accepted;
    event.lastNanos = nowNanos;
    openBytes += length;
    openRecords++;

    if (type == RecordType.EOE) {
      endMark = EndMark.EOE;
      close(event, Cause.END);
    } else if (type == RecordType.PROCTITLE) {
      event.titled = true;
      if (endMark == EndMark.PROCTITLE) {
        close(event, Cause.END);
      } else if (endMark == EndMark.NOT_KNOWN) {
        awaitingEoe = event;
      }
    }
    while (open.size() > limits.maxOpenEvents() || openBytes > limits.maxOpenBytes()) {
      close(idleLongest(), Cause.ROOM);
    }
  }

  /** Closes events nothing came for since the timeout. */
  void expire(long nowNanos) {
    while (!open.isEmpty()) {
      Open idle = idleLongest();
      if (nowNanos - idle.lastNanos < timeoutNanos) {
        return;
      }
      close(idle, Cause.IDLE);
    }
  }

  /** Closes all. */
  void flush() {
    while (!open.isEmpty()) {
      close(idleLongest(), Cause.FLUSH);
    }
  }

  int openRecords() {
    return openRecords;
  }

  long openBytes() {
    return openBytes;
  }

  /** The record behind the stream's first PROCTITLE shows what ends its events. */
  private void settle(LinuxRecord.Stamp stamp, int type) {
    if (awaitingEoe == null) {
      return;
    }
    Open titled = awaitingEoe;
    if (!titled.stamp.equals(stamp)) {
      awaitingEoe = null;
      endMark = EndMark.PROCTITLE;
      close(titled, Cause.END);
    } else if (type == RecordType.EOE) {
      awaitingEoe = null;
    }
    // else its records came out of order, which says nothing about the stream
  }

  private Open idleLongest() {
    return open.firstEntry().getValue();
  }

  private void close(Open event, Cause cause) {
    open.remove(event.stamp);
    openBytes -= event.bytes;
    openRecords -= event.records.size();
    if (event == awaitingEoe) {
      awaitingEoe = null;
    }
    if (event == last) {
      last = null;
    }
    if (cause == Cause.IDLE && event.titled) {
      endMark = EndMark.PROCTITLE; // no EOE came for it, so none need come for the next
    }
    sink.event(event.records, isComplete(event, cause));
  }

  private static boolean isComplete(Open event, Cause cause) {
    int items = 0;
    int paths = 0;
    boolean call = false;
    boolean fragment = true;
    boolean hidden = false;
    List<LinuxRecord> records = event.records;
    for (int index = 0; index < records.size(); index++) {
      LinuxRecord record = records.get(index);
      RecordType type = record.type();
      fragment &= type.isAuxiliary();
      if (type.isCall()) {
        call |= type.number() == RecordType.SYSCALL;
        items = (int) Math.min(Integer.MAX_VALUE, record.decimal("items"));
      } else if (type.number() == RecordType.PATH) {
        paths++;
      } else if (type.number() == RecordType.MQ_OPEN) {
        hidden = true;
      }
    }
    if (fragment && !isLateEnd(records)) {
      return false;
    }
    boolean ended =
        event.titled
            || cause == Cause.END
            || cause == Cause.FLUSH
            || (cause == Cause.IDLE && !call);
    return ended && paths + (hidden ? 1 : 0) >= items && Arguments.addUp(records);
  }

  private static boolean isLateEnd(List<LinuxRecord> records) {
    return records.size() == 1 && records.getFirst().type().number() == RecordType.EOE;
  }
}
