// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;

/**
 * How much of the topics a consumer group has not yet committed.
 *
 * <p>Thread-safe, as the admin client is.
 */
public final class GroupLag {
  private final Admin admin;

  /**
   * Makes it.
   *
   * @param admin who asks; the caller closes it
   */
  public GroupLag(Admin admin) {
    this.admin = admin;
  }

  /**
   * The offsets after the last committed record of each partition of the topics.
   *
   * @throws IllegalStateException if Kafka does not tell
   */
  public Map<TopicPartition, Long> ends(Collection<String> topics) throws InterruptedException {
    try {
      Map<TopicPartition, OffsetSpec> wanted =
          admin.describeTopics(topics).allTopicNames().get().values().stream()
              .flatMap(
                  topic ->
                      topic.partitions().stream()
                          .map(info -> new TopicPartition(topic.name(), info.partition())))
              .collect(Collectors.toMap(partition -> partition, any -> OffsetSpec.latest()));
      ListOffsetsOptions committed = new ListOffsetsOptions(IsolationLevel.READ_COMMITTED);
      Map<TopicPartition, Long> ends = new HashMap<>();
      admin
          .listOffsets(wanted, committed)
          .all()
          .get()
          .forEach((partition, end) -> ends.put(partition, end.offset()));
      return ends;
    } catch (ExecutionException e) {
      throw new IllegalStateException("cannot ask Kafka for the ends of " + topics, e.getCause());
    }
  }

  /**
   * Records below the given ends a group has not committed; all of them if it never did.
   *
   * @throws IllegalStateException if Kafka does not tell
   */
  public long of(String group, Map<TopicPartition, Long> ends) throws InterruptedException {
    Map<TopicPartition, OffsetAndMetadata> committed;
    try {
      committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    } catch (ExecutionException e) {
      if (!(e.getCause() instanceof GroupIdNotFoundException)) {
        throw new IllegalStateException("cannot ask Kafka for group " + group, e.getCause());
      }
      committed = Map.of();
    }
    long lag = 0;
    for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
      OffsetAndMetadata done = committed.get(end.getKey());
      lag += Math.max(0, end.getValue() - (done == null ? 0 : done.offset()));
    }
    return lag;
  }
}
