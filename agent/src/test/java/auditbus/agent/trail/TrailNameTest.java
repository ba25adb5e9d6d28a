// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrailNameTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "20261120104500.not_terminated",
        "20261120104500.20261120110000",
        "20261120104500.crash_recovery"
      })
  void legalNames_areTaken(String name) {
    assertThat(TrailName.parse(name)).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "audit.log",
        "20261120104500",
        "20261120104500.",
        "20261120104500.202611201100zz",
        "2026112010450x.not_terminated",
        "20261120104500.not_terminate",
        "20261120104500.20261120110000x",
        "20261120104500.not-terminated",
        "\u0662\u0660261120104500.crash_recovery"
      })
  void otherNames_areNot(String name) {
    assertThat(TrailName.parse(name)).isEmpty();
  }

  @Test
  void stamp_isUtc() {
    assertThat(TrailName.stamp(Instant.parse("2026-11-20T10:45:00.999Z")))
        .isEqualTo("20261120104500");
  }
}
