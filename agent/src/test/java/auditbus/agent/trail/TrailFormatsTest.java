// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.auparse.LineFraming;
import auditbus.agent.bsm.BsmFraming;
import auditbus.schemas.Format;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrailFormatsTest {
  private final TrailFormats formats =
      TrailFormats.byFirstBytes(new LineFraming(), new BsmFraming());

  @ParameterizedTest
  @CsvSource({
    // first bytes, format while the trail goes on, format if it ends there
    "'',                         -,     -",
    "14,                         BSM,   BSM",
    "14000000280b,               BSM,   BSM",
    "15,                         BSM,   BSM",
    "11,                         BSM,   BSM",
    "74,                         -,     LINUX",
    "7400,                       BSM,   BSM",
    "7400000080,                 BSM,   BSM",
    "7900000080,                 BSM,   BSM",
    "7479,                       LINUX, LINUX",
    "747970653d,                 LINUX, LINUX", // type=
    "747970653d53,               LINUX, LINUX",
    "6e6f64653d,                 LINUX, LINUX", // node=
    "747970653d13b105,           LINUX, LINUX", // a line cannot pretend to be BSM
    "6a756e6b0a,                 LINUX, LINUX", // junk
    "6a756e6b13b10500000028,     BSM,   BSM", // a trailer after a damaged beginning
    "0a,                         LINUX, LINUX",
    "00,                         -,     LINUX",
    "fffe,                       -,     LINUX",
    "00000013b10500000028,       BSM,   BSM",
  })
  void firstBytes_tellTheFormat(String hex, String open, String ended) {
    byte[] first = HexFormat.of().parseHex(hex);
    assertThat(formats.of(first, false)).isEqualTo(format(open));
    assertThat(formats.of(first, true)).isEqualTo(format(ended));
  }

  @Test
  void aKibibyteOfAnything_isEnoughToTell() {
    assertThat(formats.of(new byte[TrailFormats.LOOK_BYTES], false)).contains(Format.LINUX);
  }

  @Test
  void configuredFormat_holdsWhateverTheBytesAre() {
    byte[] text = "type=".getBytes(StandardCharsets.US_ASCII);
    assertThat(TrailFormats.only(Format.BSM, new BsmFraming()).of(text, false))
        .contains(Format.BSM);
    assertThat(TrailFormats.only(Format.BSM, new BsmFraming()).of(new byte[0], false))
        .contains(Format.BSM);
  }

  private static Optional<Format> format(String word) {
    return word.equals("-") ? Optional.empty() : Optional.of(Format.valueOf(word));
  }
}
