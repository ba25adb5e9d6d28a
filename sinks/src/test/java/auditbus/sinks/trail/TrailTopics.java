// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.AvroSerializer;
import auditbus.schemas.HostPartition;
import auditbus.schemas.Topics;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The two real topics on a real broker, written as an agent writes them. */
final class TrailTopics implements AutoCloseable {
  private final int partitions;
  private final Admin admin;
  private final KafkaProducer<String, byte[]> producer;
  private final AvroSerializer<SpecificRecord> serializer = new AvroSerializer<>();

  TrailTopics(String bootstrap, String registryUrl, int partitions) throws Exception {
    this.partitions = partitions;
    admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    admin.createTopics(List.of(topic(Topics.EVENTS), topic(Topics.TRAILS))).all().get();
    serializer.configure(Map.of("schema.registry.url", registryUrl), false);
    producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap, "linger.ms", "5"),
            new StringSerializer(),
            new ByteArraySerializer());
  }

  private NewTopic topic(Topics topic) {
    return new NewTopic(topic.topic(), partitions, (short) 1)
        .configs(new HashMap<>(topic.settings()));
  }

  void send(Topics topic, String host, SpecificRecord value) {
    sendBytes(
        topic,
        HostPartition.of(host, partitions),
        host,
        serializer.serialize(topic.topic(), value));
  }

  void sendBytes(Topics topic, int partition, String key, byte[] value) {
    Future<?> _ = producer.send(new ProducerRecord<>(topic.topic(), partition, key, value));
  }

  void flush() {
    producer.flush();
  }

  /** Whether a connector committed the end of every partition anything is in. */
  boolean allCommitted(String connector) {
    try {
      var committed =
          admin
              .listConsumerGroupOffsets("connect-" + connector)
              .partitionsToOffsetAndMetadata()
              .get();
      Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
      for (int partition = 0; partition < partitions; partition++) {
        for (TopicPartition tp : TestWorker.both(partition)) {
          wanted.put(tp, OffsetSpec.latest());
        }
      }
      var ends = admin.listOffsets(wanted).all().get();
      return ends.entrySet().stream()
          .filter(end -> end.getValue().offset() > 0)
          .allMatch(
              end ->
                  committed.containsKey(end.getKey())
                      && committed.get(end.getKey()).offset() == end.getValue().offset());
    } catch (Exception e) {
      return false;
    }
  }

  @Override
  public void close() {
    producer.close();
    admin.close();
    serializer.close();
  }
}
