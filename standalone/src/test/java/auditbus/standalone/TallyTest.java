// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.GapState;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailStatus;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

final class TallyTest {
  private final Tally tally = new Tally(new TestTopics.PlainValues());

  @Test
  void resentRecords_countOnce() {
    add(TestTopics.event(0, 2));
    add(TestTopics.event(20, 1));
    add(TestTopics.event(0, 2));

    Tally.Counts counts = tally.counts();
    assertThat(counts.events()).isEqualTo(2);
    assertThat(counts.records()).isEqualTo(3);
    assertThat(counts.bytes()).isEqualTo(30);
    assertThat(counts.resent()).isEqualTo(2);
    assertThat(counts.messages()).isEqualTo(3);
    assertThat(counts.hosts()).isEqualTo(1);
  }

  @Test
  void partsOfAnEvent_countAsOne() {
    AuditEvent first = TestTopics.event(0, 2);
    first.setParts(2);
    AuditEvent second = TestTopics.event(20, 2);
    second.setPart(1);
    second.setParts(2);
    add(first);
    add(second);

    assertThat(tally.counts().events()).isEqualTo(1);
    assertThat(tally.counts().records()).isEqualTo(4);
  }

  @Test
  void unparsedAndIncomplete_areNamedByTheirPlace() {
    AuditEvent torn = TestTopics.event(40, 1);
    torn.getRecords().getFirst().setName("UNPARSED");
    torn.setComplete(false);
    add(torn);

    Tally.Counts counts = tally.counts();
    assertThat(counts.unparsed()).isEqualTo(1);
    assertThat(counts.unparsedPlaces())
        .containsExactly("web1/auditd/20261120120000 position 40, 10 bytes");
    assertThat(counts.incompletePlaces())
        .containsExactly("web1/auditd/20261120120000 position 40, serial 7 (SYSCALL)");
  }

  @Test
  void recordOfAnotherTrail_countsThere() {
    AuditEvent straddling = TestTopics.event(90, 2);
    straddling.getRecords().get(1).setTrail("20261120130000");
    straddling.getRecords().get(1).setPosition(0L);
    add(straddling);

    assertThat(tally.counts().trails())
        .extracting(trail -> trail.id().trail(), TrailTally::arrived)
        .containsExactly(tuple("20261120120000", 10L), tuple("20261120130000", 10L));
  }

  @Test
  void closedTrail_saysItsFirstHole() {
    add(TestTopics.event(0, 1));
    add(TestTopics.event(20, 1));
    tally.add(TestTopics.message(Topics.TRAILS, TestTopics.state(TrailStatus.TERMINATED, 30)));

    TrailTally trail = tally.counts().trails().getFirst();
    assertThat(trail.closed()).isTrue();
    assertThat(trail.arrived()).isEqualTo(20);
    assertThat(trail.firstHole()).contains(10L);

    add(TestTopics.event(10, 1));
    assertThat(tally.counts().trails().getFirst().firstHole()).isEmpty();
  }

  @Test
  void closedGap_isOpenNoMore() {
    tally.add(TestTopics.message(Topics.GAPS, TestTopics.gap(GapState.OPEN, 0)));
    assertThat(tally.counts().openGaps()).hasSize(1);
    tally.add(TestTopics.message(Topics.GAPS, TestTopics.gap(GapState.CLOSED, 1)));

    assertThat(tally.counts().openGaps()).isEmpty();
    assertThat(tally.counts().gaps()).isEqualTo(1);
  }

  @Test
  void foreignValue_isCountedAndStopsNothing() {
    tally.add(new ConsumerRecord<>(Topics.EVENTS.topic(), 0, 0, null, new byte[] {1, 2, 3}));
    add(TestTopics.event(0, 1));

    assertThat(tally.counts().undecodable()).isEqualTo(1);
    assertThat(tally.counts().events()).isEqualTo(1);
  }

  private void add(AuditEvent event) {
    tally.add(TestTopics.message(Topics.EVENTS, event));
  }
}
