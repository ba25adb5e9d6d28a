// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

  @ParameterizedTest
  @ValueSource(
      strings = {
        "20261120104500.not_terminated",
        "20261120104500.not_terminated.myhost",
        "20261120104500.20261120110000.web-1_a",
        "20261120104500.crash_recovery.web1.example.org"
      })
  void hostSuffix_isTakenWhereTrailsAreForeign(String name) {
    assertThat(TrailName.parseWithHost(name).orElseThrow()).hasToString(name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "20261120104500.not_terminated.",
        "20261120104500.not_terminated..",
        "20261120104500.not_terminated..myhost",
        "20261120104500.not_terminatedmyhost",
        "20261120104500.not_terminated.my host",
        "20261120104500.not_terminated.../etc",
        "20261120104500.20261120110000.gz",
        "20261120104500.20261120110000.myhost.GZ",
        "20261120104500.20261120110000.tmp",
        "20261120104500.2026112011000.myhost",
        "notes.not_terminated.myhost"
      })
  void whatIsNoHost_isNoSuffix(String name) {
    assertThat(TrailName.parseWithHost(name)).isEmpty();
  }

  @Test
  void hostSuffix_isNotTakenWhereTrailsAreOurs() {
    assertThat(TrailName.parse("20261120104500.not_terminated.myhost")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "20261120104500.not_terminated,   20261120104500.not_terminated,   true",
    "20261120104500.not_terminated,   20261120104500.20261120110000,   true",
    "20261120104500.not_terminated,   20261120104500.crash_recovery,   true",
    "20261120104500.not_terminated.a, 20261120104500.20261120110000.a, true",
    "20261120104500.20261120110000,   20261120104500.20261120110000,   true",
    "20261120104500.20261120110000,   20261120104500.20261120110001,   false",
    "20261120104500.20261120110000,   20261120104500.crash_recovery,   false",
    "20261120104500.20261120110000,   20261120104500.not_terminated,   false",
    "20261120104500.crash_recovery,   20261120104500.20261120110000,   false",
    "20261120104500.crash_recovery,   20261120104500.not_terminated,   false",
    "20261120104500.not_terminated,   20261120104501.not_terminated,   false",
    "20261120104500.not_terminated,   20261120104501.20261120110000,   false",
    "20261120104500.not_terminated.a, 20261120104500.20261120110000,   false",
    "20261120104500.not_terminated,   20261120104500.20261120110000.a, false",
    "20261120104500.not_terminated.a, 20261120104500.20261120110000.b, false",
  })
  void rename_isLegalFromNotTerminatedOnly(String from, String to, boolean legal) {
    TrailName before = TrailName.parseWithHost(from).orElseThrow();
    TrailName after = TrailName.parseWithHost(to).orElseThrow();
    assertThat(before.mayBecome(after)).isEqualTo(legal);
  }

  @Test
  void stamp_isUtc() {
    assertThat(TrailName.stamp(Instant.parse("2026-11-20T10:45:00.999Z")))
        .isEqualTo("20261120104500");
  }
}
