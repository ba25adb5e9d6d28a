// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * What a task did, each fact counted once.
 *
 * <p>INVARIANT: {@code recordsWritten + recordsDuplicate + recordsLate} is the number of audit
 * records taken from the topic; redelivered ones count again.
 *
 * <p>Written by the task's thread, read by any.
 */
final class SinkCounters {
  final AtomicLong recordsWritten = new AtomicLong();
  final AtomicLong bytesWritten = new AtomicLong();
  final AtomicLong recordsDuplicate = new AtomicLong();
  final AtomicLong recordsLate = new AtomicLong();
  final AtomicLong recordsRefused = new AtomicLong();
  final AtomicLong trailsVerified = new AtomicLong();
  final AtomicLong bytesVerified = new AtomicLong();
  final AtomicLong trailsUnverified = new AtomicLong();
  final AtomicLong trailsQuarantined = new AtomicLong();
  final AtomicLong trailsExpired = new AtomicLong();
  final AtomicLong bytesExpired = new AtomicLong();
  final AtomicLong chainBreaks = new AtomicLong();
  final AtomicLong endsChanged = new AtomicLong();
  final AtomicLong trailsOpen = new AtomicLong();
  final AtomicLong trailsEndedIncomplete = new AtomicLong();

  /** Name and description of each, as a metrics system shows them. */
  Map<String, Metric> all() {
    Map<String, Metric> all = new LinkedHashMap<>();
    add(all, "records-written", "Audit records with bytes that were missing.", recordsWritten);
    add(all, "bytes-written", "Bytes put into trail files.", bytesWritten);
    add(all, "records-duplicate", "Audit records that were there already.", recordsDuplicate);
    add(all, "records-late", "Audit records of trails that are finished.", recordsLate);
    add(all, "records-refused", "Kafka records that broke the contract.", recordsRefused);
    add(all, "trails-verified", "Trails finished with size and SHA-256 checked.", trailsVerified);
    add(all, "bytes-verified", "Bytes of verified trails.", bytesVerified);
    add(all, "trails-unverified", "Trails finished whose digest is unknown.", trailsUnverified);
    add(all, "trails-quarantined", "Trails that contradict their agent.", trailsQuarantined);
    add(all, "trails-expired", "Verified trails removed as configured.", trailsExpired);
    add(all, "bytes-expired", "Bytes of these.", bytesExpired);
    add(all, "chain-breaks", "Trails that name another predecessor than ours.", chainBreaks);
    add(all, "trail-ends-changed", "Ends that contradicted one said before.", endsChanged);
    add(all, "trails-open", "Unfinished trails the task holds in memory.", trailsOpen);
    add(
        all,
        "trails-ended-incomplete",
        "Of these, trails that ended and still miss bytes.",
        trailsEndedIncomplete);
    return all;
  }

  private static void add(
      Map<String, Metric> all, String name, String description, AtomicLong counter) {
    all.put(name, new Metric(description, counter::get));
  }

  record Metric(String description, LongSupplier value) {}
}
