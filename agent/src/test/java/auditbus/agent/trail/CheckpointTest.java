// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.trail.Checkpoint.SourceMark;
import auditbus.agent.trail.Checkpoint.TrailMark;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointTest {
  @TempDir Path directory;

  private final Checkpoint checkpoint =
      new Checkpoint(
          7,
          List.of(
              new SourceMark(
                  "auditd",
                  List.of(
                      new TrailMark(
                          "20261120104500",
                          12,
                          3,
                          "abc",
                          List.of(new long[] {0, 10}, new long[] {20, 5}),
                          10L,
                          "dd",
                          true,
                          false,
                          -1)),
                  "20261120104400",
                  "ff")));

  @Test
  void stored_isLoadedAgain() throws IOException {
    Path file = directory.resolve("checkpoint");
    checkpoint.store(file);
    Checkpoint loaded = Checkpoint.load(file);
    assertThat(loaded).usingRecursiveComparison().isEqualTo(checkpoint);
  }

  @Test
  void none_isNone() throws IOException {
    assertThat(Checkpoint.load(directory.resolve("checkpoint"))).isEqualTo(Checkpoint.NONE);
  }

  @Test
  void cutAtAnyByte_isAsGoodAsNone() throws IOException {
    Path file = directory.resolve("checkpoint");
    checkpoint.store(file);
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThat(Checkpoint.load(file)).as("cut at %s", length).isEqualTo(Checkpoint.NONE);
    }
  }

  @Test
  void anyByteFlipped_isAsGoodAsNone() throws IOException {
    Path file = directory.resolve("checkpoint");
    checkpoint.store(file);
    byte[] whole = Files.readAllBytes(file);
    for (int i = 0; i < whole.length; i++) {
      byte[] damaged = whole.clone();
      damaged[i] ^= 0x20;
      Files.write(file, damaged);
      assertThat(Checkpoint.load(file)).as("byte %s", i).isEqualTo(Checkpoint.NONE);
    }
  }
}
