// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.Gap;
import auditbus.schemas.Topics;
import auditbus.streams.Drive;
import auditbus.streams.Samples;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.Test;

class UnwritableRecordsTest {
  /** Publishes each event as it is. */
  private static final class Echo implements Job {
    @Override
    public String name() {
      return "echo";
    }

    @Override
    public ConfigDef settings() {
      return new ConfigDef();
    }

    @Override
    public Topology topology(JobConfig config) {
      return new Topology()
          .addSource(
              "events",
              new ByteArrayDeserializer(),
              config.<AuditEvent>serde().deserializer(),
              Topics.EVENTS.topic())
          .addProcessor(
              "echo",
              () ->
                  new ContextualProcessor<byte[], AuditEvent, String, AuditEvent>() {
                    @Override
                    public void process(Record<byte[], AuditEvent> record) {
                      record.value().setHost(record.value().getHost().repeat(1000));
                      context().forward(record.withKey("k"));
                    }
                  },
              "events")
          .addSink(
              "sink",
              "results",
              Serdes.String().serializer(),
              config.<AuditEvent>results(),
              "echo");
    }
  }

  @Test
  void resultThatIsTooLarge_goesToTheDeadLettersAndTheJobGoesOn() {
    try (Drive<Gap> drive = new Drive<>(new Echo(), Topics.GAPS, Map.of())) {
      AuditEvent event = Samples.events("type=USER msg=audit(1.000:1): pid=1 uid=0\n").getFirst();
      event.setHost("h".repeat(2000));
      drive.send(Topics.EVENTS, event);
      event.setHost("h");
      drive.send(Topics.EVENTS, event);
      assertThat(drive.deadLetters()).hasSize(1).first().satisfies(UnwritableRecordsTest::tells);
      assertThat(
              drive
                  .driver
                  .createOutputTopic(
                      "results", new ByteArrayDeserializer(), new ByteArrayDeserializer())
                  .readRecordsToList())
          .hasSize(1);
    }
  }

  private static void tells(TestRecord<byte[], byte[]> letter) {
    assertThat(header(letter, "message")).contains("a result of 2000").contains("for results");
    assertThat(header(letter, "topic")).isEqualTo(Topics.EVENTS.topic());
    assertThat(header(letter, "offset")).isEqualTo("0");
  }

  private static String header(TestRecord<byte[], byte[]> letter, String name) {
    return new String(
        letter.headers().lastHeader("__streams.errors." + name).value(), StandardCharsets.UTF_8);
  }
}
