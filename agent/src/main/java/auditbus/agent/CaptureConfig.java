// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.time.Duration;
import java.util.Optional;
import org.apache.kafka.common.config.AbstractConfig;

/**
 * How captured sources are captured: the settings of {@code trail.*}, {@code flush.*}, {@code
 * kernel.*} and their like.
 *
 * @param group group that may read the trails
 * @param flush {@code none}, {@code incremental} or {@code sync}
 * @param startup {@code enable}, {@code disable} or {@code nochange}
 * @param livenessInterval zero for none
 */
record CaptureConfig(
    Optional<String> group,
    long maxBytes,
    Duration maxAge,
    Duration keep,
    String flush,
    int flushRecords,
    Duration flushInterval,
    long minFreeBytes,
    boolean dropOldest,
    int receiveBufferBytes,
    Duration signalGrace,
    Duration livenessInterval,
    String startup,
    Optional<Long> backlogLimit,
    Optional<Long> backlogWaitTime,
    Optional<Long> failure,
    Optional<Long> rateLimit) {

  /** Whether a capture at work need not know of the difference. */
  boolean capturesLike(CaptureConfig other) {
    return withGrace(Duration.ZERO).equals(other.withGrace(Duration.ZERO));
  }

  private CaptureConfig withGrace(Duration grace) {
    return new CaptureConfig(
        group,
        maxBytes,
        maxAge,
        keep,
        flush,
        flushRecords,
        flushInterval,
        minFreeBytes,
        dropOldest,
        receiveBufferBytes,
        grace,
        livenessInterval,
        startup,
        backlogLimit,
        backlogWaitTime,
        failure,
        rateLimit);
  }

  static CaptureConfig of(AbstractConfig values) {
    return new CaptureConfig(
        Optional.of(values.getString("trail.group")).filter(group -> !group.isEmpty()),
        values.getLong("trail.max.bytes"),
        millis(values, "trail.max.age.ms"),
        millis(values, "trail.keep.ms"),
        values.getString("flush"),
        values.getInt("flush.records"),
        millis(values, "flush.interval.ms"),
        values.getLong("space.min.free.bytes"),
        values.getString("on.full").equals("drop-oldest"),
        receiveBufferBytes(values.getInt("receive.buffer.bytes")),
        millis(values, "signal.grace.ms"),
        millis(values, "liveness.interval.ms"),
        values.getString("kernel.startup"),
        Optional.ofNullable(values.getLong("kernel.backlog.limit")),
        Optional.ofNullable(values.getLong("kernel.backlog.wait.time")),
        Optional.ofNullable(values.getLong("kernel.failure")),
        Optional.ofNullable(values.getLong("kernel.rate.limit")));
  }

  /** A flood fills 64 MiB in about 0.4 s; the kernel counts, and takes, twice what is asked for. */
  private static int receiveBufferBytes(int configured) {
    return configured > 0
        ? configured
        : (int) Math.clamp(HostFacts.memoryBytes() / 32, 64L << 20, 512L << 20);
  }

  private static Duration millis(AbstractConfig values, String key) {
    return Duration.ofMillis(values.getLong(key));
  }
}
