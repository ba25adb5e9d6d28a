// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.EventView;
import auditbus.schemas.TestBroker;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.Schema;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SinkReadingTest {
  private final TestTrail trail =
      TestTrail.random(new Random(1), "web1", "auditd", "20261120104500", 5000);

  @Test
  void view_leavesOutLastFieldsAloneSoThatPositionsStay() {
    Schema view = EventView.bytes().apply(AuditEvent.getClassSchema());
    assertSamePositions(view, AuditEvent.getClassSchema());
    Schema record = view.getField("records").schema().getElementType();
    assertSamePositions(record, AuditRecord.getClassSchema());
    assertThat(record.getField("fields")).isNull();
    assertThat(record.getField("raw")).isNotNull();
    assertThat(EventView.bytes().apply(TrailState.getClassSchema()))
        .isSameAs(TrailState.getClassSchema());
  }

  private static void assertSamePositions(Schema view, Schema whole) {
    assertThat(view.getFullName()).isEqualTo(whole.getFullName());
    view.getFields()
        .forEach(field -> assertThat(field.pos()).isEqualTo(whole.getField(field.name()).pos()));
  }

  @Test
  void sink_readsWhatTheSerializerWroteAndWaitsForARegistryThatIsAway(@TempDir Path root)
      throws Exception {
    TestWorker worker = new TestWorker(root);
    byte[] event;
    try (TestRegistry registry = new TestRegistry();
        AvroSerializer<SpecificRecord> serializer = new AvroSerializer<>()) {
      serializer.configure(Map.of("schema.registry.url", registry.url()), false);
      event = serializer.serialize(Topics.EVENTS.topic(), trail.event(0, trail.bytes().length));
      byte[] state = serializer.serialize(Topics.TRAILS.topic(), trail.terminated());
      start(worker, registry.url());
      worker.sendBytes(Topics.EVENTS, 0, event);
      worker.sendBytes(Topics.TRAILS, 0, state);
      worker.sendBytes(Topics.EVENTS, 0, new byte[] {0, 0, 0, 0, 99, 1, 2, 3});
      worker.deliver(false);
      worker.task.stop();
    }
    assertThat(root.resolve("web1/auditd").resolve(trail.name())).hasBinaryContent(trail.bytes());
    assertThat(worker.refused).singleElement().asString().contains("99");

    start(worker, "http://127.0.0.1:" + TestBroker.freePort());
    TopicPartition tp = new TopicPartition(Topics.EVENTS.topic(), 0);
    List<SinkRecord> batch = worker.poll(tp, 1);
    assertThatThrownBy(() -> worker.task.put(batch)).isInstanceOf(RetriableException.class);
    assertThat(worker.refused).as("nothing is held against the record").hasSize(1);
    worker.task.stop();
  }

  private static void start(TestWorker worker, String registry) {
    worker.settings.put("schema.registry.url", registry);
    worker.settings.put("schema.registry.retry.timeout.ms", "0");
    worker.start(1);
    worker.task.stop();
    worker.task = new TrailSinkTask();
    worker.task.initialize(worker);
    worker.task.start(worker.settings);
    worker.task.open(TestWorker.both(0));
  }
}
