// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No event of another boot gets the id of this one. */
class PresentBootTest {
  private static final Instant BEGAN = Instant.ofEpochSecond(1_795_170_000);
  private static final Instant NOW = BEGAN.plusSeconds(3600);

  @TempDir Path directory;
  private final AtomicLong nanos = new AtomicLong();

  @Test
  void event_isOfThisBootFromItsFirstSecondUpToNow() throws IOException {
    PresentBoot boot = boot(BEGAN);
    assertThat(boot.of(BEGAN, NOW)).contains("b1");
    assertThat(boot.of(BEGAN.plusMillis(3), NOW)).contains("b1");
    assertThat(boot.of(NOW, NOW)).contains("b1");
    assertThat(boot.of(BEGAN.minusMillis(1), NOW)).as("of the boot before").isEmpty();
    assertThat(boot.of(NOW.plusMillis(1), NOW)).as("by a clock that was set since").isEmpty();
  }

  @Test
  void clockThatIsSet_movesTheBeginningWithinTenSeconds() throws IOException {
    PresentBoot boot = boot(BEGAN);
    assertThat(boot.of(BEGAN, NOW)).contains("b1");
    stat(BEGAN.plusSeconds(7200));
    nanos.addAndGet(Duration.ofSeconds(10).toNanos());
    assertThat(boot.of(BEGAN, NOW.plusSeconds(7200))).isEmpty();
    assertThat(boot.of(BEGAN.plusSeconds(7201), NOW.plusSeconds(7200))).contains("b1");
  }

  @Test
  void hostThatDoesNotTell_hasNoBoot() throws IOException {
    assertThat(
            new PresentBoot(Optional.of("b1"), directory.resolve("none"), nanos::get).of(NOW, NOW))
        .isEmpty();
    Path empty = Files.writeString(directory.resolve("stat"), "cpu 1 2 3\nbtime soon\n");
    assertThat(new PresentBoot(Optional.of("b1"), empty, nanos::get).of(NOW, NOW)).isEmpty();
    assertThat(new PresentBoot(Optional.empty(), stat(BEGAN), nanos::get).of(NOW, NOW)).isEmpty();
  }

  @Test
  void thisHost_isInABootThatBeganBeforeNow() {
    HostFacts facts = HostFacts.read();
    PresentBoot boot = new PresentBoot(facts.boot(), PresentBoot.STAT, System::nanoTime);
    Instant now = Instant.now();
    assertThat(boot.of(now, now)).isPresent().isEqualTo(facts.boot());
    assertThat(boot.of(now.minus(Duration.ofDays(3650)), now)).isEmpty();
  }

  private PresentBoot boot(Instant began) throws IOException {
    return new PresentBoot(Optional.of("b1"), stat(began), nanos::get);
  }

  private Path stat(Instant began) throws IOException {
    return Files.writeString(
        directory.resolve("stat"),
        """
        cpu  1 2 3 4
        intr 9 0 0
        btime %d
        processes 7
        """
            .formatted(began.getEpochSecond()));
  }
}
