// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.HostPartition;
import auditbus.schemas.TestBroker;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.streams.TestRegistry;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.JobRunner;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Silence on a real broker: of a host, and of the broker itself. */
class HostsIT {
  private static final int PARTITIONS = 3;
  private static final long LIMIT_MS = 5000;
  private static final int HOSTS = 20;

  @TempDir private Path directory;
  private TestBroker broker;
  private TestRegistry registry;
  private final AvroSerializer<SpecificRecord> serializer = new AvroSerializer<>();
  private long sequence;

  private Map<String, Object> client() {
    return Map.of(
        "bootstrap.servers",
        broker.bootstrap(),
        "schema.registry.url",
        registry.url(),
        "schema.registry.retry.timeout.ms",
        "0");
  }

  private void beats(int hosts) throws Exception {
    sequence++;
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(client(), new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 0; i < hosts; i++) {
        AgentStatus status =
            AgentStatus.newBuilder()
                .setHost("web" + i)
                .setEpoch(1)
                .setVersion("1")
                .setStarted(Instant.EPOCH)
                .setAt(Instant.now().truncatedTo(java.time.temporal.ChronoUnit.MICROS))
                .setSequence(sequence)
                .setIntervalMs(1000)
                .setSources(List.of())
                .build();
        sent.add(
            producer.send(
                new ProducerRecord<>(
                    Topics.AGENTS.topic(),
                    HostPartition.of("web" + i, PARTITIONS),
                    new byte[0],
                    serializer.serialize(Topics.AGENTS.topic(), status))));
      }
      for (Future<RecordMetadata> one : sent) {
        one.get(30, TimeUnit.SECONDS);
      }
    }
  }

  private void beatsFor(int hosts, Duration time) throws Exception {
    for (long end = System.nanoTime() + time.toNanos(); System.nanoTime() < end; ) {
      beats(hosts);
      TimeUnit.SECONDS.sleep(1);
    }
  }

  private List<Gap> gaps() {
    List<Gap> gaps = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(
                Map.of(
                    "bootstrap.servers", broker.bootstrap(), "isolation.level", "read_committed"),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
        AvroDeserializer<Gap> values = new AvroDeserializer<>()) {
      values.configure(client(), false);
      List<TopicPartition> partitions =
          consumer.partitionsFor(Topics.GAPS.topic()).stream()
              .map(info -> new TopicPartition(info.topic(), info.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (ends.entrySet().stream()
          .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        consumer
            .poll(Duration.ofMillis(100))
            .forEach(one -> gaps.add(values.deserialize(Topics.GAPS.topic(), one.value())));
      }
    }
    return gaps;
  }

  @Test
  void brokerThatWasAway_makesNobodySilent_andASilentHostIsNoticedInTime() throws Exception {
    int port = TestBroker.freePort();
    broker = TestBroker.open(directory.resolve("kafka"), port);
    registry = new TestRegistry();
    try (Admin admin = Admin.create(client())) {
      new TopicAdmin(admin).create(PARTITIONS, 1);
    }
    serializer.configure(client(), false);
    Map<String, Object> settings = new HashMap<>(client());
    settings.put("state.dir", directory.resolve("state").toString());
    settings.put("gaps.silent.ms", Long.toString(LIMIT_MS));
    try (JobRunner runner = new JobRunner(List.of(new GapsJob()), new JobConfig(settings))) {
      runner.start();
      beatsFor(HOSTS, Duration.ofSeconds(10));
      assertThat(gaps()).isEmpty();
      // All is committed when it goes: nothing the job has to do would show it that it is away.
      TimeUnit.MILLISECONDS.sleep(LIMIT_MS / 2);

      broker.close();
      // Beyond the limit, and not so long that the job's transaction would be given up.
      TimeUnit.MILLISECONDS.sleep(LIMIT_MS);
      broker = TestBroker.open(directory.resolve("kafka"), port);
      beatsFor(HOSTS, Duration.ofSeconds(15));
      assertThat(gaps()).as("after the broker came back").isEmpty();

      long last = System.nanoTime();
      long noticedMs = 0;
      while (noticedMs == 0) {
        beats(HOSTS - 1);
        TimeUnit.MILLISECONDS.sleep(500);
        if (!gaps().isEmpty()) {
          noticedMs = Duration.ofNanos(System.nanoTime() - last).toMillis();
        }
        assertThat(System.nanoTime() - last).isLessThan(Duration.ofSeconds(60).toNanos());
      }
      System.out.printf("silence of %d ms noticed and read after %d ms%n", LIMIT_MS, noticedMs);
      assertThat(gaps())
          .allMatch(gap -> gap.getKind() == GapKind.SILENT_HOST)
          .allMatch(gap -> gap.getState() == GapState.OPEN)
          .extracting(Gap::getHost)
          .containsExactly("web" + (HOSTS - 1));
      assertThat(noticedMs).isLessThanOrEqualTo(LIMIT_MS + 5000);
    } finally {
      registry.close();
      broker.close();
    }
  }
}
