// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.event.Boot;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class SalvageTest {
  private final Salvage salvage = new Salvage(new Origin("host", "bsd", Boot.UNKNOWN, 1));

  @Test
  void whatWasReadBeforeTheDefect_passesTheDecoderBy_andNothingElse() {
    assertThat(salvage.take(record("1", 0))).isEmpty();
    assertThat(salvage.take(record("1", 10))).isEmpty();
    assertThat(salvage.take(record("2", 0))).isEmpty();
    assertThat(salvage.begin()).isEqualTo(1);
    assertThat(salvage.take(record("1", 10))).hasValueSatisfying(SalvageTest::assertUnparsed);
    assertThat(salvage.take(record("2", 0))).isPresent();
    assertThat(salvage.take(record("2", 10))).isEmpty();
    assertThat(salvage.begin()).isEqualTo(2);
    assertThat(salvage.take(record("2", 10))).isPresent();
    assertThat(salvage.take(record("2", 20))).isEmpty();
  }

  private static void assertUnparsed(DecodedEvent event) {
    assertThat(event.event().getType()).isEqualTo("UNPARSED");
    assertThat(event.event().getRecords())
        .singleElement()
        .satisfies(
            record -> {
              assertThat(record.getType()).isEqualTo(-1);
              assertThat(record.getPosition()).isEqualTo(10);
              assertThat(record.getLength()).isEqualTo(10);
            });
    assertThat(event.spans()).singleElement().extracting("end").isEqualTo(20L);
  }

  private static TrailRecord record(String trail, long position) {
    return new TrailRecord(trail, position, new byte[10], true, Instant.EPOCH);
  }
}
