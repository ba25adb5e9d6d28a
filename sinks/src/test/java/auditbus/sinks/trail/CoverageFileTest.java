// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.Format;
import auditbus.schemas.TrailStatus;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CoverageFileTest {
  private static final String TRAIL = "20261120104500~2";
  private static final CoverageFile WHOLE =
      new CoverageFile(
          TRAIL,
          Format.BSM,
          List.of(new Span(0, 4096), new Span(8192, 808)),
          List.of(new Span(4096, 10)),
          Optional.of(
              new FinalState(
                  TrailStatus.CRASH_RECOVERED,
                  new FinalName(TRAIL, TRAIL + ".crash_recovery"),
                  9000,
                  Optional.of("ab".repeat(32)),
                  Optional.of("torn 50% \n of ünïcode\0"),
                  List.of(new Span(4096, 10)),
                  Optional.of("20261120103000"),
                  Optional.of("cd".repeat(32)))),
          Optional.of("line\nbreak"));

  @TempDir Path directory;

  @Test
  void sidecar_readsBackAsWritten() throws Exception {
    DurableFile.replace(CoverageFile.path(directory, TRAIL), WHOLE.encode());
    assertThat(CoverageFile.read(directory, TRAIL)).contains(WHOLE);
    try (var files = Files.list(directory)) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void sidecar_withNothingInItReadsBack() throws Exception {
    CoverageFile empty =
        new CoverageFile(
            TRAIL, Format.UNKNOWN, List.of(), List.of(), Optional.empty(), Optional.empty());
    assertThat(CoverageFile.decode(empty.encode(), TRAIL, directory)).isEqualTo(empty);
  }

  @Test
  void sidecar_showsItsHolesToAReader() {
    assertThat(new String(WHOLE.encode(), StandardCharsets.UTF_8)).contains("hole 4096 4096\n");
  }

  @Test
  void sidecar_cutAtAnyByteIsFoundOut() {
    byte[] bytes = WHOLE.encode();
    for (int length = 0; length < bytes.length; length++) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThatThrownBy(() -> CoverageFile.decode(cut, TRAIL, directory))
          .as("cut at %d", length)
          .isInstanceOf(CoverageFile.DamagedException.class);
    }
  }

  @Test
  void sidecar_withAnyByteFlippedIsFoundOut() {
    byte[] bytes = WHOLE.encode();
    for (int i = 0; i < bytes.length; i++) {
      byte[] flipped = bytes.clone();
      flipped[i] ^= 1;
      assertThatThrownBy(() -> CoverageFile.decode(flipped, TRAIL, directory))
          .as("flipped at %d", i)
          .isInstanceOf(CoverageFile.DamagedException.class);
    }
  }

  @Test
  void sidecar_ofAnotherTrailIsRefused() {
    assertThatThrownBy(() -> CoverageFile.decode(WHOLE.encode(), "20261120104500", directory))
        .isInstanceOf(CoverageFile.DamagedException.class)
        .hasMessageContaining(TRAIL);
  }
}
