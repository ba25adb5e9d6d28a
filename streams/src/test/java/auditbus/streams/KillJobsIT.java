// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AvroDeserializer;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.HostPartition;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.TestBroker;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.streams.history.HostHistory;
import auditbus.streams.history.Timeline;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.JobRunner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The jobs in a process of their own, killed again and again in the midst of their work, say in the
 * end what jobs say that nobody disturbed. {@code -Dkill.seed=S} repeats a run's input.
 *
 * <p>Compared is what a reader of committed records finds last under each key, but for three
 * fields: {@code opened} and {@code closed} are broker times, which two brokers never share, and
 * {@code revision} counts how often a statement was published, which depends on how much of the
 * input was there when the wall clock ticked.
 */
class KillJobsIT {
  private static final int PARTITIONS = 3;
  private static final int HOSTS = 8;
  private static final int STEPS = 150;
  private static final int KILLS = 4;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Longer than any grace of the jobs. */
  private static final Duration SETTLE = Duration.ofSeconds(5);

  @TempDir private Path directory;

  /** A broker, what is sent to it, and the jobs' settings there. */
  private static final class Cluster implements AutoCloseable {
    private final TestBroker broker;
    private final Map<String, Object> client;
    private final KafkaProducer<byte[], byte[]> producer;
    private final Admin admin;
    private final List<Future<?>> waiting = new ArrayList<>();

    Cluster(Path directory, TestRegistry registry) throws Exception {
      broker = TestBroker.open(directory);
      client =
          Map.of("bootstrap.servers", broker.bootstrap(), "schema.registry.url", registry.url());
      admin = Admin.create(client);
      new TopicAdmin(admin).create(PARTITIONS, 1);
      producer = new KafkaProducer<>(client, new ByteArraySerializer(), new ByteArraySerializer());
    }

    Map<String, String> settings(Path state) {
      Map<String, String> settings = new TreeMap<>();
      client.forEach((name, value) -> settings.put(name, value.toString()));
      settings.put("state.dir", state.toString());
      settings.put("shutdown.grace.ms", "300");
      settings.put("gaps.grace.ms", "3000");
      settings.put("gaps.serial.grace.ms", "3000");
      // The histories end, and with them the heartbeats: silence is of no interest here.
      settings.put("gaps.silent.ms", "3600000");
      settings.put("commit.interval.ms", "100");
      settings.put("session.timeout.ms", "6000");
      settings.put("heartbeat.interval.ms", "1000");
      return settings;
    }

    void send(Topics topic, String host, byte[] value) {
      waiting.add(
          producer.send(
              new ProducerRecord<>(
                  topic.topic(),
                  HostPartition.of(host, PARTITIONS),
                  host.getBytes(StandardCharsets.UTF_8),
                  value)));
    }

    void flush() throws Exception {
      for (Future<?> one : waiting) {
        one.get(30, TimeUnit.SECONDS);
      }
      waiting.clear();
    }

    /** How many records of the inputs the job has not committed. */
    long behind(String job) throws Exception {
      Map<TopicPartition, OffsetAndMetadata> done =
          admin
              .listConsumerGroupOffsets("auditbus-" + job)
              .partitionsToOffsetAndMetadata()
              .get(30, TimeUnit.SECONDS);
      long behind = 0;
      Topics[] inputs =
          job.equals("gaps")
              ? new Topics[] {Topics.EVENTS, Topics.TRAILS, Topics.AGENTS}
              : new Topics[] {Topics.EVENTS};
      for (Topics topic : inputs) {
        for (int partition = 0; partition < PARTITIONS; partition++) {
          TopicPartition one = new TopicPartition(topic.topic(), partition);
          long end =
              admin
                  .listOffsets(Map.of(one, OffsetSpec.latest()))
                  .partitionResult(one)
                  .get(30, TimeUnit.SECONDS)
                  .offset();
          OffsetAndMetadata at = done.get(one);
          behind += end - (at == null ? 0 : at.offset());
        }
      }
      return behind;
    }

    List<ConsumerRecord<byte[], byte[]>> committed(String topic) {
      return Committed.records(broker.bootstrap(), topic);
    }

    /** What holds under each key. */
    <T extends SpecificRecord> Map<String, String> compacted(
        Topics topic, Function<T, String> essence) {
      Map<String, String> last = new TreeMap<>();
      try (AvroDeserializer<T> values = new AvroDeserializer<>()) {
        values.configure(client, false);
        for (ConsumerRecord<byte[], byte[]> one : committed(topic.topic())) {
          last.put(
              new String(one.key(), StandardCharsets.UTF_8),
              essence.apply(values.deserialize(topic.topic(), one.value())));
        }
      }
      return last;
    }

    /** What is said to be missing of each trail. */
    Map<String, Long> missingBytes() {
      Map<String, Long> missing = new TreeMap<>();
      this.<Gap>compacted(
          Topics.GAPS,
          gap -> {
            if (gap.getKind() == GapKind.TRAIL_COVERAGE) {
              missing.put(
                  gap.getHost()
                      + "/"
                      + gap.getSource().orElseThrow()
                      + "/"
                      + gap.getTrail().orElseThrow(),
                  gap.getMissing().orElseThrow());
            }
            return "";
          });
      missing.values().removeIf(bytes -> bytes == 0);
      return missing;
    }

    /** The gaps that are open in the end. */
    Map<String, String> gaps() {
      Map<String, String> open = new TreeMap<>();
      this.<Gap>compacted(Topics.GAPS, gap -> gap.getState() == GapState.CLOSED ? "" : essence(gap))
          .forEach(
              (id, gap) -> {
                if (!gap.isEmpty()) {
                  open.put(id, gap);
                }
              });
      return open;
    }

    private static String essence(Gap gap) {
      return Gap.newBuilder(gap)
          .setOpened(Instant.EPOCH)
          .setClosed(null)
          .setRevision(0)
          .build()
          .toString();
    }

    Map<String, String> shutdowns() {
      return this.<ShutdownAttribution>compacted(
          Topics.SHUTDOWNS,
          stop -> ShutdownAttribution.newBuilder(stop).setRevision(0).build().toString());
    }

    @Override
    public void close() {
      producer.close();
      admin.close();
      broker.close();
    }
  }

  /** Since when what was seen is the same. */
  private static final class Settled {
    private Object last = "";
    private long sinceNanos;

    boolean sameFor(Duration time, Object seen) {
      if (!seen.equals(last)) {
        last = seen;
        sinceNanos = System.nanoTime();
      }
      return System.nanoTime() - sinceNanos >= time.toNanos();
    }
  }

  @Test
  void jobsKilledAgainAndAgain_sayWhatUndisturbedOnesSay() throws Exception {
    long seed = Long.getLong("kill.seed", System.nanoTime());
    System.out.println("KillJobsIT: -Dkill.seed=" + seed);
    Random random = new Random(seed);
    List<HostHistory> hosts = new ArrayList<>();
    for (int i = 0; i < HOSTS; i++) {
      hosts.add(HostHistory.of(random.nextInt(1_000_000_000), STEPS));
    }
    // Topics are not shifted against each other: the pauses between two kills are longer than the
    // grace, and what came late by more than that would be missing for a while, but not in both.
    List<Timeline.Arrival> input = Timeline.of(hosts, seed, 1);
    Map<String, Long> missing = new TreeMap<>();
    hosts.forEach(host -> missing.putAll(host.missingBytes()));
    try (TestRegistry registry = new TestRegistry();
        Cluster killed = new Cluster(directory.resolve("killed"), registry);
        Cluster calm = new Cluster(directory.resolve("calm"), registry);
        AvroSerializer<SpecificRecord> serializer = new AvroSerializer<>();
        JobRunner undisturbed =
            new JobRunner(
                StreamsCommand.jobs(), new JobConfig(calm.settings(directory.resolve("state"))))) {
      serializer.configure(calm.client, false);
      undisturbed.start();
      Path state = directory.resolve("killed-state");
      int sent = 0;
      for (int kill = 0; kill <= KILLS; kill++) {
        Process jobs = jobs(killed, state);
        try {
          boolean last = kill == KILLS;
          long before = killed.behind("gaps");
          int until = last ? input.size() : input.size() * (kill + 1) / (KILLS + 1);
          // Once at a moment when it may not even have begun, else in the midst of work.
          boolean early = kill == 1;
          long deadline = System.nanoTime() + PATIENCE.toNanos();
          boolean worked = early;
          while (sent < until || !worked) {
            for (int some = 0; some < 20 && sent < until; some++) {
              send(serializer, input.get(sent++), killed, calm);
            }
            killed.flush();
            calm.flush();
            worked |= before == 0 ? killed.behind("gaps") < 20 : killed.behind("gaps") < before;
            assertThat(jobs.isAlive()).as("jobs run").isTrue();
            assertThat(System.nanoTime()).as("work within %s", PATIENCE).isLessThan(deadline);
          }
          if (last) {
            await("jobs caught up", () -> killed.behind("gaps") + killed.behind("shutdown") == 0);
            await("reference caught up", () -> calm.behind("gaps") + calm.behind("shutdown") == 0);
            // Both may still have something to say when a grace is over: until they have nothing
            // more.
            Settled said = new Settled();
            await(
                "same gaps and shutdowns, seed " + seed,
                () ->
                    killed.missingBytes().equals(missing)
                        && calm.missingBytes().equals(missing)
                        && killed.gaps().equals(calm.gaps())
                        && killed.shutdowns().equals(calm.shutdowns())
                        && said.sameFor(SETTLE, List.of(calm.gaps(), calm.shutdowns())));
          } else {
            TimeUnit.MILLISECONDS.sleep(random.nextInt(700));
          }
        } finally {
          jobs.destroyForcibly().waitFor();
        }
        if (kill == 2) {
          delete(state);
        }
      }
      assertThat(killed.gaps()).as("seed %d", seed).isNotEmpty().isEqualTo(calm.gaps());
      assertThat(killed.shutdowns()).as("seed %d", seed).isNotEmpty().isEqualTo(calm.shutdowns());
      assertThat(killed.committed(Topics.DEAD_LETTERS)).as("seed %d", seed).isEmpty();
      System.out.printf(
          "KillJobsIT: %d records, %d gaps, %d shutdowns, %d kills%n",
          input.size(), calm.gaps().size(), calm.shutdowns().size(), KILLS);
    }
  }

  /** The command as a user runs it, with this test's class path. */
  private Process jobs(Cluster cluster, Path state) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--sun-misc-unsafe-memory-access=allow",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            "auditbus.streams.Main",
            "streams",
            "run"));
    cluster
        .settings(state)
        .forEach(
            (name, value) -> {
              command.add("-D");
              command.add(name + "=" + value);
            });
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("jobs.out").toFile()))
        .start();
  }

  private static void send(
      AvroSerializer<SpecificRecord> serializer, Timeline.Arrival one, Cluster... clusters) {
    Topics topic = one.message().topic();
    byte[] value = serializer.serialize(topic.topic(), one.message().value());
    for (Cluster cluster : clusters) {
      cluster.send(topic, one.host(), value);
    }
  }

  private void await(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.call()) {
      if (System.nanoTime() > deadline) {
        System.out.println(Files.readString(directory.resolve("jobs.out")));
        // The comparison that follows says what differs.
        System.out.println("KillJobsIT: not within " + PATIENCE + ": " + what);
        return;
      }
      TimeUnit.MILLISECONDS.sleep(200);
    }
  }

  private static void delete(Path tree) {
    try (var files = Files.walk(tree)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
