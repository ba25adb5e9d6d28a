// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.TrailStatus;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

final class CatchupTest {
  private static final TopicPartition PARTITION = new TopicPartition("audit.events", 0);
  private static final TrailTally WAITING =
      new TrailTally(
          new TrailTally.TrailId("web1", "auditd", TestTopics.TRAIL),
          Optional.of(TestTopics.state(TrailStatus.TERMINATED, 10)),
          10,
          Optional.empty());

  private final Scripted parts = new Scripted();
  private final Catchup catchup =
      new Catchup(parts, Duration.ofSeconds(60), Duration.ofSeconds(10), Duration.ofSeconds(3), 0);

  @Test
  void through_whenAgentGroupsTallyAndCollectorAre() throws Exception {
    assertThat(look(0).waitingFor()).containsExactly("source auditd (0 of 10 bytes acknowledged)");
    parts.acked = 10;
    assertThat(look(1).waitingFor())
        .containsExactly(
            "gaps job (3 records behind)",
            "the tally of the topics",
            "the collector to verify 1 trail, e.g. web1/auditd/20261120120000");
    parts.lag = 0;
    parts.position = 3;
    parts.waiting = List.of();
    Catchup.Look look = look(2);
    assertThat(look.waitingFor()).isEmpty();
    assertThat(look.ended()).isFalse(); // the jobs may still say what is missing
    assertThat(look(4).ended()).isFalse();
    assertThat(look(5).ended()).isTrue();
  }

  @Test
  void stall_endsWhatDoesNotMove() throws Exception {
    look(0);
    assertThat(look(59).ended()).isFalse();
    assertThat(look(61).ended()).isTrue();
  }

  @Test
  void progress_keepsTheStallAway() throws Exception {
    look(0);
    parts.known = 11;
    assertThat(look(59).ended()).isFalse();
    assertThat(look(61).ended()).isFalse();
  }

  @Test
  void collectorThatTookEverything_isNotWaitedForLong() throws Exception {
    parts.acked = 10;
    parts.lag = 0;
    parts.position = 3;
    look(0);
    assertThat(look(9).ended()).isFalse();
    assertThat(look(11).ended()).isTrue();
    assertThat(look(11).waitingFor()).hasSize(1);
  }

  @Test
  void brokenPart_isNotWaitedForLong() throws Exception {
    parts.failure = Optional.of("connector died");
    look(0);
    assertThat(look(11).ended()).isTrue();
  }

  private Catchup.Look look(long second) throws InterruptedException {
    return catchup.look(Duration.ofSeconds(second).toNanos());
  }

  /** Parts that say what the test wants them to. */
  private static final class Scripted implements Catchup.Parts {
    private long known = 10;
    private long acked;
    private long lag = 3;
    private long position;
    private List<TrailTally> waiting = List.of(WAITING);
    private Optional<String> failure = Optional.empty();

    @Override
    public Standalone.State state() {
      boolean done = acked == known;
      return new Standalone.State(
          List.of(new SourceProgress("auditd", known, acked, 1, Optional.empty(), done)),
          done,
          new TopicsReader.Read(Tally.Counts.NONE, Map.of(PARTITION, position)),
          new CollectedTrails.Found(0, 0, waiting, List.of()),
          failure);
    }

    @Override
    public Map<String, Long> lags() {
      return Map.of("gaps job", lag);
    }

    @Override
    public Map<TopicPartition, Long> ends() {
      return Map.of(PARTITION, 3L);
    }
  }
}
