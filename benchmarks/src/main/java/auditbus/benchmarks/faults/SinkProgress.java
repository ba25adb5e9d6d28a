// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.schemas.Topics;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * How far the sink has come, by the offsets its group committed. A broker that died of a full disk
 * may have lost them: then it begins anew, and is not done when nothing more arrives. One thread
 * owns it.
 */
final class SinkProgress implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 10;

  private final Admin admin;
  private final String group;

  SinkProgress(String bootstrap, String connector) {
    admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    group = "connect-" + connector;
  }

  /** All offsets it committed, added up; less than before where they were lost, 0 for none. */
  long committed() throws InterruptedException {
    return offsets().values().stream().mapToLong(OffsetAndMetadata::offset).sum();
  }

  /** Records of both topics that it has not committed, offsets of nothing included. */
  long behind() throws InterruptedException {
    Map<TopicPartition, OffsetAndMetadata> committed = offsets();
    try {
      Set<TopicPartition> partitions =
          admin
              .describeTopics(List.of(Topics.EVENTS.topic(), Topics.TRAILS.topic()))
              .allTopicNames()
              .get(PATIENCE_SECONDS, TimeUnit.SECONDS)
              .values()
              .stream()
              .flatMap(
                  topic ->
                      topic.partitions().stream()
                          .map(one -> new TopicPartition(topic.name(), one.partition())))
              .collect(Collectors.toSet());
      return admin
          .listOffsets(
              partitions.stream().collect(Collectors.toMap(one -> one, _ -> OffsetSpec.latest())))
          .all()
          .get(PATIENCE_SECONDS, TimeUnit.SECONDS)
          .entrySet()
          .stream()
          .mapToLong(
              end ->
                  end.getValue().offset()
                      - (committed.containsKey(end.getKey())
                          ? committed.get(end.getKey()).offset()
                          : 0))
          .sum();
    } catch (ExecutionException | TimeoutException e) {
      return -1; // said as such: it is not known
    }
  }

  private Map<TopicPartition, OffsetAndMetadata> offsets() throws InterruptedException {
    try {
      return admin
          .listConsumerGroupOffsets(group)
          .partitionsToOffsetAndMetadata()
          .get(PATIENCE_SECONDS, TimeUnit.SECONDS)
          .entrySet()
          .stream()
          .filter(one -> one.getValue() != null)
          .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    } catch (ExecutionException | TimeoutException e) {
      return Map.of();
    }
  }

  @Override
  public void close() {
    admin.close();
  }
}
