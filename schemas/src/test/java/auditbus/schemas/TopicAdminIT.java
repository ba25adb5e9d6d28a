// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TopicAdminIT {
  private static TestBroker broker;
  private static Admin admin;
  private final TopicAdmin topics = new TopicAdmin(admin);

  @BeforeAll
  static void start(@TempDir Path directory) throws Exception {
    broker = TestBroker.open(directory);
    admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrap()));
  }

  @AfterAll
  static void stop() {
    admin.close();
    broker.close();
  }

  @AfterEach
  void deleteAll() throws Exception {
    admin.deleteTopics(names()).all().get();
    await(Set.of());
  }

  @Test
  void create_makesAllTopicsOnce() {
    assertThat(topics.check(3)).hasSize(6).allMatch(line -> line.contains("does not exist"));
    assertThat(topics.create(3, 1)).containsExactlyInAnyOrderElementsOf(Topics.names());
    assertThat(topics.check()).isEmpty();
    assertThat(topics.check(3)).isEmpty();
    assertThat(topics.create(3, 1)).isEmpty();
  }

  @Test
  void create_setsHowManyCopiesAnAcknowledgementNeeds() throws Exception {
    assertThatThrownBy(() -> topics.create(1, Optional.of((short) 1), OptionalInt.of(2)))
        .isInstanceOf(IllegalArgumentException.class);
    topics.create(1, Optional.of((short) 1), OptionalInt.of(1));
    for (String name : Topics.names()) {
      ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, name);
      ConfigEntry entry =
          admin
              .describeConfigs(List.of(topic))
              .all()
              .get()
              .get(topic)
              .get(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG);
      assertThat(entry.value()).as(name).isEqualTo("1");
      assertThat(entry.source()).as(name).isEqualTo(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG);
    }
    assertThat(topics.check()).isEmpty();
  }

  @Test
  void create_addsWhatIsMissing() throws Exception {
    topics.create(2, 1);
    admin.deleteTopics(List.of("audit.gaps")).all().get();
    Set<String> others = new HashSet<>(Topics.names());
    others.remove("audit.gaps");
    await(others);
    assertThat(topics.create(2, 1)).containsExactly("audit.gaps");
    assertThat(topics.check(2)).isEmpty();
  }

  @Test
  void create_refusesAnotherPartitionCountAndChangesNothing() throws Exception {
    admin.createTopics(List.of(new NewTopic("audit.events", 5, (short) 1))).all().get();
    await(Set.of("audit.events"));
    assertThatThrownBy(() -> topics.create(3, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("3 partitions")
        .hasMessageContaining("audit.events has 5");
    assertThat(names()).containsExactly("audit.events");
  }

  @Test
  void create_namesWhyTheBrokerRefuses() {
    assertThatThrownBy(() -> topics.create(3, 2))
        .isInstanceOf(KafkaException.class)
        .hasMessageContaining("replication");
    assertThatThrownBy(() -> topics.create(0, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> topics.create(1, 0)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void check_saysWhatDiffers() throws Exception {
    admin
        .createTopics(
            List.of(
                new NewTopic("audit.events", 3, (short) 1).configs(Topics.EVENTS.settings()),
                new NewTopic("audit.trails", 2, (short) 1).configs(Topics.TRAILS.settings()),
                new NewTopic("audit.gaps", 3, (short) 1)
                    .configs(Map.of("cleanup.policy", "delete", "max.message.bytes", "1000")),
                new NewTopic("audit.agents", 3, (short) 1)
                    .configs(
                        Map.of(
                            "cleanup.policy", "delete,compact",
                            "message.timestamp.type", "LogAppendTime",
                            "max.message.bytes", "9999999"))))
        .all()
        .get();
    await(Set.of("audit.events", "audit.trails", "audit.gaps", "audit.agents"));
    assertThat(topics.check(3))
        .containsExactlyInAnyOrder(
            "audit.shutdowns: does not exist; create it with 'auditbus topics create'",
            "audit.dead-letters: does not exist; create it with 'auditbus topics create'",
            "audit.trails: has 2 partitions, wanted 3",
            "audit.gaps: cleanup.policy is delete, wanted compact",
            "audit.gaps: message.timestamp.type is CreateTime, wanted LogAppendTime",
            "audit.gaps: max.message.bytes is 1000, wanted 1048576");
    assertThat(topics.check())
        .contains(
            "partition counts differ, so a host's partition is not the same in all topics: audit.agents=3, audit.events=3, audit.gaps=3, audit.trails=2");
  }

  @Test
  void hostPartition_isWhereKafkaPutsTheHostAsKey() throws Exception {
    topics.create(7, 1);
    try (var producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrap()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (String host : List.of("a", "web-1", "db.example.org", "höst", "")) {
        byte[] key = host.getBytes(StandardCharsets.UTF_8);
        int partition =
            producer.send(new ProducerRecord<>("audit.events", key, key)).get().partition();
        assertThat(HostPartition.of(host, 7)).as(host).isEqualTo(partition);
      }
    }
  }

  /** Until the broker, which learns of it after the controller, knows exactly these topics. */
  private static void await(Set<String> names) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!names().equals(names)) {
      assertThat(System.nanoTime()).as("%s, wanted %s", names(), names).isLessThan(deadline);
      Thread.sleep(10);
    }
  }

  private static Set<String> names() throws Exception {
    return admin.listTopics().names().get();
  }
}
