// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExpireAfterTest {
  private static final Instant START = Instant.parse("2026-11-20T12:00:00Z");

  @ParameterizedTest
  @CsvSource({
    "60d, 5184000, , false",
    "2y, 63072000, , false",
    "12h, 43200, , false",
    "90s, 90, , false",
    "1B, , 1, false",
    "2K, , 2048, false",
    "3M, , 3145728, false",
    "10G, , 10737418240, false",
    "60d AND 1G, 5184000, 1073741824, true",
    "1G or 60d, 5184000, 1073741824, false"
  })
  void rule_isThatOfAuditControl(String text, Long seconds, Long bytes, boolean both) {
    ExpireAfter rule = ExpireAfter.parse("expire.after", text);
    assertThat(rule.age().map(Duration::getSeconds).orElse(null)).isEqualTo(seconds);
    assertThat(rule.bytes().isPresent() ? (Long) rule.bytes().getAsLong() : null).isEqualTo(bytes);
    assertThat(rule.both()).isEqualTo(both);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "60",
        "d",
        "0d",
        "-1d",
        "1.5d",
        "60d AND",
        "60d AND 30d",
        "1G OR 2G",
        "60d XOR 1G",
        "60d 1G",
        "9999999999999d",
        "999999999999G",
        "60D"
      })
  void rule_thatIsNoneIsRefused(String text) {
    assertThatThrownBy(() -> ExpireAfter.parse("expire.after", text))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("60d");
  }

  @Test
  void rule_holdsForWhatIsOldOrBigOrBoth() {
    Instant finished = START;
    Instant old = START.plus(Duration.ofDays(60));
    ExpireAfter either = ExpireAfter.parse("expire.after", "60d OR 100B");
    ExpireAfter both = ExpireAfter.parse("expire.after", "60d AND 100B");
    assertThat(either.expires(finished, 0, old)).isTrue();
    assertThat(either.expires(finished, 101, finished)).isTrue();
    assertThat(either.expires(finished, 100, old.minusSeconds(1))).isFalse();
    assertThat(both.expires(finished, 101, old)).isTrue();
    assertThat(both.expires(finished, 100, old)).isFalse();
    assertThat(both.expires(finished, 101, old.minusSeconds(1))).isFalse();
    // A clock that went back removes nothing.
    assertThat(either.expires(old, 0, finished)).isFalse();
    assertThat(ExpireAfter.parse("expire.after", "3000y").expires(finished, 0, old)).isFalse();
  }
}
