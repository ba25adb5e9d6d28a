// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.Gap;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.streams.job.HostPartitioner;
import auditbus.streams.job.Job;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.StoredProcessors;
import java.util.function.Supplier;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;

/**
 * Says which bytes of which trail did not arrive: one {@link Gap} of kind TRAIL_COVERAGE for each
 * trail with a proven hole, closed when it fills, and a suspected one without an end for each that
 * was closed where its agent lost it.
 *
 * <p>Both inputs are partitioned by host and never repartitioned. What one topic says before the
 * other proves nothing, so a closed trail's missing bytes are a gap only after a grace.
 *
 * <p>Thread-safe: stateless.
 */
public final class GapsJob implements Job {
  static final String GRACE = "gaps.grace.ms";
  static final String PUBLISH_INTERVAL = "gaps.publish.interval.ms";
  static final String KEEP = "gaps.keep.ms";
  static final String KEEP_INCOMPLETE = "gaps.keep.incomplete.ms";
  static final String SERIAL_GRACE = "gaps.serial.grace.ms";
  static final String MAX_RANGES = "gaps.max.ranges";

  static final String SILENT = "gaps.silent.ms";
  static final String DISPATCHER = "gaps.dispatcher.ms";
  static final String DISPATCHER_EVENTS = "gaps.dispatcher.events";

  private static final long DAY_MS = 24 * 60 * 60 * 1000L;
  private static final ConfigDef SETTINGS =
      new ConfigDef()
          .define(
              GRACE,
              ConfigDef.Type.LONG,
              10_000L,
              Range.atLeast(0),
              Importance.HIGH,
              "Milliseconds of wall clock without a new byte of a closed trail, or since bytes were"
                  + " given up, after which what is missing is proven missing.")
          .define(
              PUBLISH_INTERVAL,
              ConfigDef.Type.LONG,
              1000L,
              Range.atLeast(0),
              Importance.MEDIUM,
              "Fewest milliseconds of wall clock between two publications of one gap; its first is"
                  + " at once.")
          .define(
              KEEP,
              ConfigDef.Type.LONG,
              7 * DAY_MS,
              Range.atLeast(1),
              Importance.MEDIUM,
              "Milliseconds of broker time for which a complete trail is remembered after its last"
                  + " record, so that bytes sent again raise no gap.")
          .define(
              KEEP_INCOMPLETE,
              ConfigDef.Type.LONG,
              90 * DAY_MS,
              Range.atLeast(1),
              Importance.LOW,
              "The same for a trail that is open or has a gap; later bytes no longer close the gap.")
          .define(
              MAX_RANGES,
              ConfigDef.Type.INT,
              10_000,
              Range.atLeast(2),
              Importance.LOW,
              "Most separate ranges of bytes kept of one trail, and of serials of one boot. Beyond"
                  + " it the lowest hole is counted as missing for good.")
          .define(
              SERIAL_GRACE,
              ConfigDef.Type.LONG,
              10_000L,
              Range.atLeast(0),
              Importance.MEDIUM,
              "Milliseconds, of broker time or wall clock, whichever is over first, for which"
                  + " missing serials and records may still come before they are a gap; up to twice"
                  + " as long while more goes missing.")
          .define(
              SILENT,
              ConfigDef.Type.LONG,
              30_000L,
              Range.atLeast(1),
              Importance.HIGH,
              "Milliseconds without a heartbeat after which a host is silent, or three of its"
                  + " heartbeat intervals if that is longer.")
          .define(
              DISPATCHER,
              ConfigDef.Type.LONG,
              30_000L,
              Range.atLeast(1),
              Importance.MEDIUM,
              "Milliseconds for which nothing comes through auditd, while events come from the kernel"
                  + " beside it, after which its dispatcher is suspected dead.")
          .define(
              DISPATCHER_EVENTS,
              ConfigDef.Type.INT,
              20,
              Range.atLeast(1),
              Importance.LOW,
              "Fewest events from the kernel meanwhile.");

  @Override
  public String name() {
    return "gaps";
  }

  @Override
  public ConfigDef settings() {
    return new ConfigDef(SETTINGS);
  }

  @Override
  public Topology topology(JobConfig config) {
    AbstractConfig settings = config.read(SETTINGS);
    return new Topology()
        .addSource(
            "events", new ByteArrayDeserializer(), config.eventBytes(), Topics.EVENTS.topic())
        .addSource(
            "trails",
            new ByteArrayDeserializer(),
            config.<TrailState>serde().deserializer(),
            Topics.TRAILS.topic())
        .addSource(
            "agents",
            new ByteArrayDeserializer(),
            config.<AgentStatus>serde().deserializer(),
            Topics.AGENTS.topic())
        .addProcessor(
            "gaps",
            stored(GapsProcessor.STORE, () -> new GapsProcessor(settings)),
            "events",
            "trails")
        .addProcessor(
            "hosts",
            stored(HostsProcessor.STORE, () -> new HostsProcessor(settings)),
            "events",
            "trails",
            "agents")
        .addProcessor(
            "serials",
            stored(SerialsProcessor.STORE, () -> new SerialsProcessor(settings)),
            "events",
            "agents")
        .connectProcessorAndStateStores("serials", GapsProcessor.STORE)
        .addSink(
            "sink",
            Topics.GAPS.topic(),
            new StringSerializer(),
            config.<Gap>results(),
            new HostPartitioner<Gap>(Gap::getHost),
            "gaps",
            "hosts",
            "serials");
  }

  private static StoredProcessors<SpecificRecord, Gap> stored(
      String store, Supplier<Processor<byte[], SpecificRecord, String, Gap>> processors) {
    return new StoredProcessors<>(store, processors);
  }
}
