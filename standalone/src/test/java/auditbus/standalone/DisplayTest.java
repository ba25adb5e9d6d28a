// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class DisplayTest {
  private static final CollectedTrails.Found NOTHING_FOUND =
      new CollectedTrails.Found(0, 0, List.of(), List.of());

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

  @Test
  void plainLines_comeOnChangeAndAtMostEveryFiveSeconds() {
    Display display = new Display(out, false, 0);
    for (int second = 1; second <= 60; second++) {
      // Ten events in the first second, then nothing more.
      show(display, 10, 30, 30, second);
    }
    assertThat(said().lines())
        .containsExactly(
            "1 host, 2 events/s, 30 B in -> 0 B verified, 0 open gaps, 0 shutdowns (0 attributed)",
            "1 host, 0 events/s, 30 B in -> 0 B verified, 0 open gaps, 0 shutdowns (0 attributed)");
  }

  @Test
  void longBackFill_isOneLineThatIsDrawnAnew() {
    Display display = new Display(out, true, 0);
    show(display, 1000, 250_000_000, 1_000_000_000, 1);
    show(display, 2000, 500_000_000, 1_000_000_000, 2);
    display.line("stopping");

    assertThat(said())
        .isEqualTo(
            "\r\u001b[Ksending  25 %  250.0 MB of 1.0 GB, 250.0 MB/s, 1,000 events/s, 3 s left"
                + "\r\u001b[Ksending  50 %  500.0 MB of 1.0 GB, 250.0 MB/s, 1,000 events/s, 2 s left"
                + "\nstopping\n");
  }

  private void show(Display display, long events, long arrived, long known, int second) {
    display.show(
        new Tally.Counts(
            1, events, events, events, arrived, 0, 0, 0, 0, 0, 0, List.of(), List.of(), List.of(),
            List.of(), List.of()),
        NOTHING_FOUND,
        List.of(new SourceProgress("auditd", known, arrived, events, Optional.empty(), false)),
        Duration.ofSeconds(second).toNanos());
  }

  private String said() {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
