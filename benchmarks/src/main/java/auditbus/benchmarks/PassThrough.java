// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import auditbus.schemas.Topics;
import auditbus.streams.job.Job;
import auditbus.streams.job.JobConfig;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * What a job is measured against: it counts events by host in a store like the jobs' (RocksDB, a
 * write cache, a changelog), exactly once, one read and one write an event.
 *
 * <p>The forwarding one takes values as bytes and writes each on to {@code perf1}; the reading one
 * decodes events as the gaps job does and writes nothing on.
 *
 * <p>Thread-safe: immutable.
 *
 * @param forwards whether it is the one that forwards
 */
record PassThrough(boolean forwards) implements Job {
  private static final String STORE = "counts";

  @Override
  public String name() {
    return forwards ? "forwarding" : "reading";
  }

  @Override
  public ConfigDef settings() {
    return new ConfigDef();
  }

  @Override
  public Topology topology(JobConfig config) {
    Topology topology = new Topology();
    if (forwards) {
      return topology
          .addSource(
              "events",
              new ByteArrayDeserializer(),
              new ByteArrayDeserializer(),
              Topics.EVENTS.topic())
          .addProcessor("count", new Counting<byte[]>(true), "events")
          .addSink("sink", "perf1", new ByteArraySerializer(), new ByteArraySerializer(), "count");
    }
    return topology
        .addSource(
            "events", new ByteArrayDeserializer(), config.eventBytes(), Topics.EVENTS.topic())
        .addProcessor("count", new Counting<>(false), "events");
  }

  /** Makes the processors and their store. */
  private record Counting<V>(boolean forwards) implements ProcessorSupplier<byte[], V, byte[], V> {
    @Override
    public Processor<byte[], V, byte[], V> get() {
      return new Processor<>() {
        private ProcessorContext<byte[], V> context;
        private KeyValueStore<String, byte[]> counts;

        @Override
        public void init(ProcessorContext<byte[], V> processorContext) {
          context = processorContext;
          counts = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<byte[], V> record) {
          String host = new String(record.key(), StandardCharsets.UTF_8);
          byte[] count = counts.get(host);
          long next = count == null ? 1 : ByteBuffer.wrap(count).getLong() + 1;
          counts.put(host, ByteBuffer.allocate(Long.BYTES).putLong(next).array());
          if (forwards) {
            context.forward(record);
          }
        }
      };
    }

    @Override
    public Set<StoreBuilder<?>> stores() {
      return Set.of(
          Stores.keyValueStoreBuilder(
                  Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.ByteArray())
              .withCachingEnabled());
    }
  }
}
