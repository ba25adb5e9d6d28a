// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.HostPartition;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The heartbeats of many hosts, every five seconds each: {@code Fleet BOOTSTRAP REGISTRY HOSTS
 * SECONDS}. After half the time every hundredth host falls silent. Prints how long after its last
 * heartbeat each was said to be silent, who else was, and how many heartbeats the job was behind.
 */
public final class Fleet {
  private static final long INTERVAL_MS = 5000;
  private static final int SILENT_ONE_IN = 100;

  private final Map<String, Object> settings;
  private final int hosts;
  private final KafkaProducer<byte[], byte[]> producer;
  private final AvroSerializer<AgentStatus> serializer = new AvroSerializer<>();
  private final Map<String, Long> lastMs = new HashMap<>();
  private final List<Long> noticedMs = new ArrayList<>();
  private int falseAlarms;
  private long mostBehind;

  private Fleet(String bootstrap, String registry, int hosts) {
    this.hosts = hosts;
    settings =
        Map.of(
            "bootstrap.servers",
            bootstrap,
            "schema.registry.url",
            registry,
            "linger.ms",
            20,
            "compression.type",
            "lz4",
            "isolation.level",
            "read_committed");
    producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    serializer.configure(settings, false);
  }

  /** Plays and prints. */
  public static void main(String[] args) throws Exception {
    Fleet fleet = new Fleet(args[0], args[1], Integer.parseInt(args[2]));
    fleet.play(TimeUnit.SECONDS.toMillis(Long.parseLong(args[3])));
    System.exit(0);
  }

  private void play(long millis) throws Exception {
    try (Admin admin = Admin.create(settings);
        AvroDeserializer<Gap> values = new AvroDeserializer<>();
        KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(
                settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      values.configure(settings, false);
      TopicPartition gaps = new TopicPartition(Topics.GAPS.topic(), 0);
      consumer.assign(List.of(gaps));
      consumer.seekToBeginning(List.of(gaps));
      long begin = System.currentTimeMillis();
      long next = 0;
      long looked = begin;
      for (long now = begin; now < begin + millis; now = System.currentTimeMillis()) {
        // Heartbeat number next is due at its share of the interval.
        while (next * INTERVAL_MS / hosts <= now - begin) {
          int host = (int) (next % hosts);
          if (now - begin < millis / 2 || host % SILENT_ONE_IN != 0) {
            heartbeat(host, next / hosts, now);
          }
          next++;
        }
        if (now - looked > 1000) {
          looked = now;
          mostBehind = now - begin < 2 * INTERVAL_MS ? 0 : Math.max(mostBehind, behind(admin));
        }
        for (ConsumerRecord<byte[], byte[]> one : consumer.poll(Duration.ofMillis(5))) {
          take(values.deserialize(one.topic(), one.value()), System.currentTimeMillis());
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
      }
    }
    noticedMs.sort(null);
    System.out.printf(
        Locale.ROOT,
        "%d hosts, %d fell silent, %d of them noticed after %d to %d ms (median %d), %d said of"
            + " others, at most %d heartbeats behind%n",
        hosts,
        (hosts + SILENT_ONE_IN - 1) / SILENT_ONE_IN,
        noticedMs.size(),
        noticedMs.isEmpty() ? 0 : noticedMs.getFirst(),
        noticedMs.isEmpty() ? 0 : noticedMs.getLast(),
        noticedMs.isEmpty() ? 0 : noticedMs.get(noticedMs.size() / 2),
        falseAlarms,
        mostBehind);
  }

  private void take(Gap gap, long nowMs) {
    if (gap.getKind() == GapKind.SILENT_HOST && gap.getState() == GapState.OPEN) {
      if (Integer.parseInt(gap.getHost().substring(4, 9)) % SILENT_ONE_IN == 0) {
        noticedMs.add(nowMs - lastMs.get(gap.getHost()));
      } else {
        falseAlarms++;
      }
    }
  }

  private long behind(Admin admin) throws Exception {
    TopicPartition agents = new TopicPartition(Topics.AGENTS.topic(), 0);
    OffsetAndMetadata done =
        admin
            .listConsumerGroupOffsets("auditbus-gaps")
            .partitionsToOffsetAndMetadata()
            .get(30, TimeUnit.SECONDS)
            .get(agents);
    return admin
            .listOffsets(Map.of(agents, OffsetSpec.latest()))
            .partitionResult(agents)
            .get(30, TimeUnit.SECONDS)
            .offset()
        - (done == null ? 0 : done.offset());
  }

  private void heartbeat(int number, long sequence, long nowMs) {
    String host = String.format(Locale.ROOT, "host%05d.example.org", number);
    lastMs.put(host, nowMs);
    AgentStatus status =
        AgentStatus.newBuilder()
            .setHost(host)
            .setMachineId(String.format(Locale.ROOT, "%032x", number))
            .setBoot(String.format(Locale.ROOT, "00000000-0000-4000-8000-%012x", number))
            .setEpoch(1)
            .setVersion("0.1.0")
            .setStarted(Instant.EPOCH)
            .setAt(Instant.ofEpochMilli(nowMs))
            .setSequence(sequence)
            .setIntervalMs(INTERVAL_MS)
            .setKernel(
                KernelStatus.newBuilder()
                    .setEnabled(1)
                    .setFailure(1)
                    .setPid(500)
                    .setRateLimit(0)
                    .setBacklogLimit(8192)
                    .setLost(0)
                    .setBacklog(0)
                    .setBacklogWaitTime(60)
                    .setBacklogWaitTimeActual(0)
                    .build())
            .setSources(
                List.of(
                    SourceStatus.newBuilder()
                        .setName("kernel")
                        .setType("readlog")
                        .setState("RUNNING")
                        .setTrail("20261120104500")
                        .setHead(100_000 * sequence)
                        .setAcked(100_000 * sequence)
                        .setWaitingBytes(0)
                        .setReceived(500 * sequence)
                        .setWritten(500 * sequence)
                        .setDropped(0)
                        .setAckedRecords(500 * sequence)
                        .setWaitingRecords(0)
                        .setEvents(100 * sequence)
                        .setIncomplete(0)
                        .setUnparsed(0)
                        .setTrailsClosed(0)
                        .build()))
            .build();
    var _ =
        producer.send(
            new ProducerRecord<>(
                Topics.AGENTS.topic(),
                HostPartition.of(host, 1),
                host.getBytes(StandardCharsets.UTF_8),
                serializer.serialize(Topics.AGENTS.topic(), status)));
  }
}
