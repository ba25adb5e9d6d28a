// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.trail.TrailSource;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What one source's captures have counted in an agent run; it outlives each of them.
 *
 * <p>INVARIANT: in every {@link Flow}, received = written + dropped. A record counts as written
 * before its first byte can be read from the trail, so that a reader never has more than was
 * written.
 *
 * <p>Thread-safe; one thread at a time, the capturing one, changes it.
 */
final class CaptureCounters implements TrailSource.Captured {
  /** Trails whose records are remembered apart; of older ones only the sum is. */
  private static final int MOST_TRAILS = 10_000;

  private final ConcurrentMap<String, Long> recordsByTrail = new ConcurrentHashMap<>();
  private volatile Flow flow = new Flow(0, 0, 0);

  final AtomicLong restarts = new AtomicLong();
  final AtomicLong reattached = new AtomicLong();
  final AtomicLong overruns = new AtomicLong();
  final AtomicLong socketDrops = new AtomicLong();
  final AtomicLong truncated = new AtomicLong();
  final AtomicLong spoofed = new AtomicLong();
  final AtomicLong malformed = new AtomicLong();
  final AtomicLong unstamped = new AtomicLong();
  final AtomicLong replaced = new AtomicLong();
  final AtomicLong ownRecords = new AtomicLong();

  /** Records that came, and what became of them; one moment's figures. */
  record Flow(long received, long written, long dropped) {}

  Flow flow() {
    return flow;
  }

  /** These records came and are about to be written to the trail. */
  void written(String trail, long records) {
    if (records == 0) {
      return;
    }
    if (recordsByTrail.merge(trail, records, Long::sum) == records
        && recordsByTrail.size() > MOST_TRAILS) {
      Optional<String> oldest = recordsByTrail.keySet().stream().min(String::compareTo);
      oldest.ifPresent(recordsByTrail::remove);
    }
    Flow now = flow;
    flow = new Flow(now.received + records, now.written + records, now.dropped);
  }

  /** These records came and cannot be kept. */
  void dropped(long records) {
    Flow now = flow;
    flow = new Flow(now.received + records, now.written, now.dropped + records);
  }

  /** These records stand in another trail than was thought. */
  void moved(String from, String to, long records) {
    recordsByTrail.merge(from, -records, Long::sum);
    recordsByTrail.merge(to, records, Long::sum);
  }

  /** These records counted as written and cannot be kept after all. */
  void givenUp(String trail, long records) {
    recordsByTrail.merge(trail, -records, Long::sum);
    Flow now = flow;
    flow = new Flow(now.received, now.written - records, now.dropped + records);
  }

  @Override
  public boolean isOfThisRun(String trail) {
    return recordsByTrail.containsKey(trail)
        || recordsByTrail.containsKey(trail.replaceFirst("~.*", "")); // made again just now
  }

  @Override
  public long records(String trail) {
    return recordsByTrail.getOrDefault(trail, 0L);
  }
}
