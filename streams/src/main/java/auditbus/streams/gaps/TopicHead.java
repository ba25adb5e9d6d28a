// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Where the records of a topic's partition begin for this job.
 *
 * <p>Design note: where the job first runs after retention took the topic's beginning, what it does
 * not see is not missing. Trails that began before that are judged from their first byte seen on.
 *
 * <p>Not thread-safe: the processor owns it.
 */
final class TopicHead {
  // No trail's key begins with NUL.
  private static final String KEY = "\0head";
  private static final DateTimeFormatter START = DateTimeFormatter.ofPattern("uuuuMMddHHmmss");
  private static final int START_LENGTH = 14;

  private final KeyValueStore<String, byte[]> store;
  private final String key;
  private boolean known;
  private long firstOffset;
  private Instant firstSeen = Instant.EPOCH;

  TopicHead(KeyValueStore<String, byte[]> store) {
    this(store, KEY);
  }

  /** For a store with the heads of several topics: each has its key, which begins with NUL. */
  TopicHead(KeyValueStore<String, byte[]> store, String key) {
    this.store = store;
    this.key = key;
    byte[] bytes = store.get(key);
    if (bytes != null) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      known = true;
      firstOffset = buffer.getLong();
      firstSeen = Instant.ofEpochMilli(buffer.getLong());
    }
  }

  /** Notes the first record ever processed. */
  void event(long offset, long brokerMs) {
    if (!known) {
      known = true;
      firstOffset = offset;
      firstSeen = Instant.ofEpochMilli(brokerMs);
      store.put(key, ByteBuffer.allocate(16).putLong(offset).putLong(brokerMs).array());
    }
  }

  /** Whether the trail may have begun in what retention took: its id is its start time. */
  boolean follows(String trail) {
    if (!known || firstOffset == 0) {
      return false;
    }
    try {
      Instant start =
          LocalDateTime.parse(trail.substring(0, Math.min(START_LENGTH, trail.length())), START)
              .toInstant(ZoneOffset.UTC);
      return !start.isAfter(firstSeen.truncatedTo(ChronoUnit.SECONDS));
    } catch (DateTimeParseException e) {
      // A name that is no start time says nothing: judged as any other.
      return false;
    }
  }
}
