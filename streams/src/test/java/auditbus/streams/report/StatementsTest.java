// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.Gap;
import auditbus.schemas.GapState;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

/** The last word on a thing holds, and no more things are kept than there is room for. */
class StatementsTest {
  private final Statements<Gap> statements =
      new Statements<>(
          Gap.class,
          2,
          gap -> Optional.of(gap.getOpened()).filter(_ -> gap.getState() == GapState.OPEN));

  @Test
  void lastWord_isTheOneThatHolds() {
    take("a", Optional.of(GapState.OPEN));
    take("a", Optional.of(GapState.OPEN));
    take("b", Optional.of(GapState.OPEN));
    assertThat(statements.size()).isEqualTo(2);
    take("b", Optional.of(GapState.CLOSED));
    assertThat(statements.size()).as("no longer asked for").isEqualTo(1);
    take("a", Optional.empty());
    assertThat(statements.size()).as("deleted, or not to be read").isZero();
    assertThat(statements.leftOut()).isZero();
  }

  @Test
  void moreThanThereIsRoomFor_goInTheOrderTheyCameAndAreCounted() {
    take("a", Optional.of(GapState.OPEN));
    take("b", Optional.of(GapState.OPEN));
    take("a", Optional.of(GapState.OPEN));
    take("c", Optional.of(GapState.OPEN));
    assertThat(statements.size()).isEqualTo(2);
    assertThat(statements.leftOut()).isEqualTo(1);
    take("b", Optional.of(GapState.CLOSED));
    assertThat(statements.size()).as("it was b that went").isEqualTo(2);
  }

  private void take(String id, Optional<GapState> state) {
    Optional<Gap> gap =
        state.map(
            of ->
                Gap.newBuilder()
                    .setId(id)
                    .setHost("web1")
                    .setState(of)
                    .setOpened(Instant.EPOCH)
                    .build());
    statements.take(
        new ConsumerRecord<>("audit.gaps", 0, 0, id.getBytes(StandardCharsets.UTF_8), new byte[0]),
        _ -> gap.map(value -> value));
  }
}
