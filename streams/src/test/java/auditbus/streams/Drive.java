// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.schemas.Topics;
import auditbus.streams.job.Job;
import auditbus.streams.job.JobConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.test.TestRecord;

/** A job in a {@link TopologyTestDriver} with the settings it runs with, and the real serdes. */
public final class Drive<V extends SpecificRecord> implements AutoCloseable {
  public static final Instant WALL = Instant.parse("2026-11-20T11:00:00Z");
  public static final Instant BROKER = Instant.parse("2026-11-20T10:59:00Z");

  private static final Duration TICK = Duration.ofMillis(500);

  public final TestRegistry registry = new TestRegistry();
  public final TopologyTestDriver driver;
  private final Path stateDir;
  private final Serde<SpecificRecord> serde;
  private final TestOutputTopic<String, V> output;
  private Instant broker = BROKER;

  public Drive(Job job, Topics topic, Map<String, String> settings) {
    try {
      stateDir =
          Files.createTempDirectory(Files.createDirectories(Path.of("target/state")), "drive");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Map<String, String> all = new HashMap<>(settings);
    all.put("schema.registry.url", registry.url());
    all.put("schema.registry.retry.timeout.ms", "0");
    all.put("state.dir", stateDir.toString());
    JobConfig config = new JobConfig(all);
    serde = config.serde();
    Properties properties = config.streams(job.name());
    // The driver drops a dead letter of an unreadable record if its mock producer is transactional.
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
    driver = new TopologyTestDriver(job.topology(config), properties, WALL);
    output =
        driver.createOutputTopic(
            topic.topic(), new StringDeserializer(), config.<V>serde().deserializer());
  }

  /** Sends a value at the current broker time. */
  public void send(Topics topic, SpecificRecord value) {
    sendBytes(topic, serde.serializer().serialize(topic.topic(), value));
  }

  public void sendBytes(Topics topic, byte[] bytes) {
    driver
        .createInputTopic(topic.topic(), new ByteArraySerializer(), new ByteArraySerializer())
        .pipeInput(new TestRecord<>(new byte[] {'k'}, bytes, broker));
  }

  /** Lets the broker's clock go on: the next record is stamped later. */
  public void brokerPasses(Duration time) {
    broker = broker.plus(time);
  }

  /** Lets the wall clock go on, in ticks, as that of a thread that runs. */
  public void wallPasses(Duration time) {
    Duration left = time;
    for (; left.compareTo(TICK) > 0; left = left.minus(TICK)) {
      driver.advanceWallClockTime(TICK);
    }
    driver.advanceWallClockTime(left);
  }

  /** Lets the wall clock go on while the job's thread stands still. */
  public void standsStill(Duration time) {
    driver.advanceWallClockTime(time);
  }

  public List<V> results() {
    return output.readValuesToList();
  }

  public List<TestRecord<String, V>> records() {
    return output.readRecordsToList();
  }

  /** The keys of a store. */
  public List<String> keys(String store) {
    List<String> keys = new ArrayList<>();
    try (KeyValueIterator<String, byte[]> all =
        driver.<String, byte[]>getKeyValueStore(store).all()) {
      all.forEachRemaining(one -> keys.add(one.key));
    }
    return keys;
  }

  public List<TestRecord<byte[], byte[]>> deadLetters() {
    return driver
        .createOutputTopic(
            Topics.DEAD_LETTERS, new ByteArrayDeserializer(), new ByteArrayDeserializer())
        .readRecordsToList();
  }

  @Override
  public void close() {
    driver.close();
    registry.close();
    try (var files = Files.walk(stateDir)) {
      files.sorted(java.util.Comparator.reverseOrder()).forEach(Drive::delete);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
