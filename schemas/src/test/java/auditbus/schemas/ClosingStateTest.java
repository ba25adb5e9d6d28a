// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClosingStateTest {
  @ParameterizedTest
  @CsvSource({
    "OPENED, 20261120104500.not_terminated, false",
    "TERMINATED, 20261120104500.20261120110000, true",
    "CRASH_RECOVERED, 20261120104500.crash_recovery, true",
    "DROPPED, 20261120104500.not_terminated, false",
    "DROPPED, 20261120104500.20261120110000, true",
    "DROPPED, 20261120104500.crash_recovery, true",
    "UNKNOWN, 20261120104500.20261120110000, false"
  })
  void isOne_whereNothingMoreComes(TrailStatus status, String name, boolean closing) {
    TrailState state =
        TrailState.newBuilder()
            .setHost("web1")
            .setSource("auditd")
            .setTrail("20261120104500")
            .setEpoch(1)
            .setState(status)
            .setName(name)
            .setSize(0)
            .setAt(Instant.EPOCH)
            .build();
    assertThat(ClosingState.isOne(state)).isEqualTo(closing);
  }
}
