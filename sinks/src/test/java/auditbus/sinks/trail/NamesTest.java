// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Names come from the topic: nothing but what a trail's path is made of may pass. */
class NamesTest {
  private static final String TRAIL = "20261120104500";

  static String[] attacks() {
    return new String[] {
      "",
      ".",
      "..",
      "../etc",
      "..\\etc",
      "/",
      "/etc/passwd",
      "a/b",
      "a/../b",
      "a\\b",
      "a\0b",
      "\0",
      ".hidden",
      "-rf",
      "a b",
      "a\nb",
      "A",
      "höst",
      "a:b",
      "a*",
      "~root",
      "$HOME",
      "%2e%2e%2f",
      "a".repeat(254),
      "\u202e" + "a",
      "\uff0e\uff0e",
      "/absolute",
      "...",
      "a/..",
      "./a",
      ".lock",
      ".coverage",
      "MANIFEST",
      "a".repeat(255),
      "ä".repeat(128),
      "w\u0435b1", // Cyrillic e
      "web\u0661", // Arabic-Indic one
      "ｗeb1", // full width
      "web1\u0000",
      "web1 ",
      " web1",
      "web1\t",
      "web1\u00a0",
      "/dev/null",
      "CON"
    };
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.MethodSource("attacks")
  void trailId_refusesNamesThatAreNoDirectoryNames(String attack) {
    assertThatThrownBy(() -> new TrailId(attack, "auditd", TRAIL))
        .isInstanceOf(InvalidRecordException.class)
        .message()
        .matches("[\\x20-\\x7e]*");
    assertThatThrownBy(() -> new TrailId("web1", attack, TRAIL))
        .isInstanceOf(InvalidRecordException.class);
    assertThatThrownBy(() -> new TrailId("web1", "auditd", attack))
        .isInstanceOf(InvalidRecordException.class);
    assertThatThrownBy(() -> new FinalName(TRAIL, attack))
        .isInstanceOf(InvalidRecordException.class);
    assertThatThrownBy(() -> new FinalName(TRAIL, TRAIL + "." + attack))
        .isInstanceOf(InvalidRecordException.class);
    assertThatThrownBy(() -> new FinalName(TRAIL, TRAIL + ".20261120110000." + attack + "/"))
        .isInstanceOf(InvalidRecordException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "2026112010450",
        "202611201045000",
        "20261120104500~",
        "20261120104500~1234567",
        "20261120104500~a",
        "2026112010450x",
        "20261120104500/",
        "٢0261120104500"
      })
  void trailId_refusesTrailsThatAreNoStartTimes(String trail) {
    assertThatThrownBy(() -> new TrailId("web1", "auditd", trail))
        .isInstanceOf(InvalidRecordException.class);
  }

  @Test
  void trailId_takesWhatAgentsSend() {
    assertThat(new TrailId("web1.example.com", "auditd", TRAIL))
        .hasToString("web1.example.com/auditd/" + TRAIL);
    assertThat(new TrailId("_gateway", "a_b-c.9", TRAIL + "~2").trail()).endsWith("~2");
    assertThat(new TrailId("a".repeat(253), "s".repeat(64), TRAIL).host()).hasSize(253);
  }

  @Test
  void finalName_takesEveryFormAuditdistdHas() {
    assertThat(FinalName.ofFile(TRAIL + ".20261120110000")).isPresent();
    assertThat(FinalName.ofFile(TRAIL + ".crash_recovery")).isPresent();
    assertThat(FinalName.ofFile(TRAIL + "~12.20261120110000").orElseThrow().trail())
        .isEqualTo(TRAIL + "~12");
    assertThat(FinalName.ofFile(TRAIL + ".20261120110000.example")).isPresent();
    assertThat(FinalName.ofFile(TRAIL + ".20261120110000.quarantined").orElseThrow().name())
        .isEqualTo(TRAIL + ".20261120110000");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        TRAIL + ".not_terminated",
        TRAIL + ".quarantined",
        TRAIL + ".20261120110000.unverified",
        TRAIL + ".20261120110000.quarantined.json",
        TRAIL + ".20261120110000.json",
        "." + TRAIL + ".coverage",
        ".lock"
      })
  void finalName_isNoneOfOurOtherFiles(String file) {
    assertThat(FinalName.ofFile(file)).isEmpty();
  }

  @Test
  void finalName_belongsToItsTrailAlone() {
    assertThatThrownBy(() -> new FinalName(TRAIL, TRAIL + "~2.20261120110000"))
        .isInstanceOf(InvalidRecordException.class);
    assertThatThrownBy(() -> new FinalName(TRAIL, TRAIL + ".not_terminated"))
        .isInstanceOf(InvalidRecordException.class);
  }
}
