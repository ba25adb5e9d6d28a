// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import auditbus.streams.job.HostPartitioner;
import auditbus.streams.job.Job;
import auditbus.streams.job.JobConfig;
import auditbus.streams.job.StoredProcessors;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.Topology;

/**
 * Says who stopped an audit daemon: one {@link ShutdownAttribution} for each stop, with all the
 * evidence found, updated when more comes.
 *
 * <p>Thread-safe: stateless.
 */
public final class ShutdownJob implements Job {
  static final String WINDOW = "shutdown.window.ms";
  static final String GRACE = "shutdown.grace.ms";
  static final String KEEP = "shutdown.keep.ms";

  private static final ConfigDef SETTINGS =
      new ConfigDef()
          .define(
              WINDOW,
              ConfigDef.Type.LONG,
              60_000L,
              Range.atLeast(1),
              Importance.MEDIUM,
              "Most milliseconds of event time between a signal and the stop it explains.")
          .define(
              GRACE,
              ConfigDef.Type.LONG,
              5000L,
              Range.atLeast(0),
              Importance.HIGH,
              "Milliseconds, of broker time or wall clock, whichever is over first, to wait for more"
                  + " evidence before a stop is published; later evidence updates it. 0: at once.")
          .define(
              KEEP,
              ConfigDef.Type.LONG,
              24 * 60 * 60 * 1000L,
              Range.atLeast(1),
              Importance.LOW,
              "Milliseconds of broker time for which signals and stops are remembered for evidence"
                  + " that comes late.");

  @Override
  public String name() {
    return "shutdown";
  }

  @Override
  public ConfigDef settings() {
    return new ConfigDef(SETTINGS);
  }

  @Override
  public Topology topology(JobConfig config) {
    return new Topology()
        .addSource(
            "events",
            new ByteArrayDeserializer(),
            new EventsOfInterest(config.eventNames(), config.<AuditEvent>serde().deserializer()),
            Topics.EVENTS.topic())
        .addProcessor("shutdown", processors(config.read(SETTINGS)), "events")
        .addSink(
            "sink",
            Topics.SHUTDOWNS.topic(),
            new StringSerializer(),
            config.<ShutdownAttribution>results(),
            new HostPartitioner<ShutdownAttribution>(ShutdownAttribution::getHost),
            "shutdown");
  }

  private static StoredProcessors<AuditEvent, ShutdownAttribution> processors(
      AbstractConfig settings) {
    return new StoredProcessors<>(ShutdownProcessor.STORE, () -> new ShutdownProcessor(settings));
  }
}
