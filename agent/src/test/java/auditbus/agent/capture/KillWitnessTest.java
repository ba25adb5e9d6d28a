// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static auditbus.agent.capture.KillSamples.kill;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KillWitnessTest {
  private static final int OURS = 23469;
  private static final String SAMPLE = "linux/17-other-signal-syscalls-and-injection.log";

  @TempDir Path directory;
  private Path trail;

  @BeforeEach
  void name() {
    trail = directory.resolve("20261120104500.not_terminated");
  }

  private KillWitness witness(Path file, long position, int bufferBytes) {
    return new KillWitness(
        file,
        position,
        new KillFinder(pid -> pid == OURS, String::isEmpty, KillWitness.MOST_CALLS),
        bufferBytes);
  }

  private static void append(Path file, byte[] bytes, int from, int to) throws IOException {
    Files.write(
        file,
        Arrays.copyOfRange(bytes, from, to),
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }

  private static void append(Path file, String text) throws IOException {
    append(file, text.getBytes(ISO_8859_1), 0, text.length());
  }

  private Path terminate(Path file, String end) throws IOException {
    String start = file.getFileName().toString().substring(0, 14);
    return Files.move(file, directory.resolve(start + "." + end));
  }

  private static List<KillEvent> pollToEnd(KillWitness witness) throws IOException {
    List<KillEvent> found = new ArrayList<>();
    do {
      found.addAll(witness.poll());
    } while (!witness.isAtEnd());
    return found;
  }

  @Test
  void sample_isFoundWhereverTheWriterPauses() throws IOException {
    byte[] bytes = KillSamples.bytes(SAMPLE);
    List<KillEvent> expected = KillSamples.find(bytes, OURS);
    assertThat(expected).hasSize(6);
    for (int cut = 0; cut <= bytes.length; cut++) {
      Files.deleteIfExists(trail);
      append(trail, bytes, 0, cut);
      try (KillWitness witness = witness(trail, 0, 4096)) {
        List<KillEvent> found = pollToEnd(witness);
        append(trail, bytes, cut, bytes.length);
        found.addAll(pollToEnd(witness));
        assertThat(found).as("cut at %d", cut).isEqualTo(expected);
        assertThat(witness.position()).isEqualTo(bytes.length);
      }
    }
  }

  @Test
  void sample_isFoundWithBuffersOfAllSizes() throws IOException {
    byte[] bytes = KillSamples.bytes(SAMPLE);
    List<KillEvent> expected = KillSamples.find(bytes, OURS);
    append(trail, bytes, 0, bytes.length);
    int longest = 0;
    for (int at = 0, start = 0; at < bytes.length; at++) {
      if (bytes[at] == '\n') {
        longest = Math.max(longest, at + 1 - start);
        start = at + 1;
      }
    }
    for (int size = longest; size < 3 * longest; size++) {
      try (KillWitness witness = witness(trail, 0, size)) {
        assertThat(pollToEnd(witness)).as("buffer of %d", size).isEqualTo(expected);
      }
    }
  }

  @Test
  void witness_resumesFromAnotherOnesPosition() throws IOException {
    byte[] bytes = KillSamples.bytes(SAMPLE);
    List<KillEvent> expected = KillSamples.find(bytes, OURS);
    for (int cut = 0; cut <= bytes.length; cut++) {
      Files.deleteIfExists(trail);
      append(trail, bytes, 0, cut);
      long position;
      List<KillEvent> found;
      try (KillWitness first = witness(trail, 0, 4096)) {
        found = pollToEnd(first);
        position = first.position();
      }
      append(trail, bytes, cut, bytes.length);
      // Only the call of an event cut in two may be missing: it was seen by the first one alone.
      try (KillWitness second = witness(trail, position, 4096)) {
        found.addAll(pollToEnd(second));
        assertThat(found.size() + second.unmatched()).isEqualTo(expected.size());
        assertThat(expected).as("cut at %d", cut).containsAll(found);
      }
    }
  }

  @Test
  void positionInsideALine_makesNoLineOfItsRest() throws IOException {
    String forged = kill(66, 15, true, 0, 1, OURS).replace("\n", " ");
    String message = "type=USER msg=audit(1795170528.400:5): pid=1 uid=0 msg='";
    append(trail, message + forged + "'\n" + kill(67, 15, true, 1000, 7, OURS));
    for (int position = 1; position <= message.length() + forged.length(); position++) {
      try (KillWitness witness = witness(trail, position, 4096)) {
        assertThat(pollToEnd(witness)).extracting(KillEvent::serial).containsExactly(67L);
      }
    }
  }

  @Test
  void overlongLine_isPassedOver() throws IOException {
    String forged = kill(66, 15, true, 0, 1, OURS).replace("\n", " ");
    String overlong = "type=USER msg=audit(1795170528.400:5): ";
    for (int pad = 0; pad < 2048; pad++) {
      Files.deleteIfExists(trail);
      append(trail, overlong + "x".repeat(pad) + forged + "\n" + kill(67, 15, true, 1000, 7, OURS));
      try (KillWitness witness = witness(trail, 0, 512)) {
        assertThat(pollToEnd(witness)).extracting(KillEvent::serial).containsExactly(67L);
      }
    }
  }

  @Test
  void rotation_isFollowedWhereverItFalls() throws IOException {
    byte[] bytes = KillSamples.bytes(SAMPLE);
    List<KillEvent> expected = KillSamples.find(bytes, OURS);
    Path second = directory.resolve("20261120104501.not_terminated");
    for (int cut = 0; cut < bytes.length; cut++) {
      if (cut > 0 && bytes[cut - 1] != '\n') {
        continue; // the writer rotates between records
      }
      for (boolean seenBefore : List.of(true, false)) {
        Files.write(trail, Arrays.copyOfRange(bytes, 0, cut));
        try (KillWitness witness = witness(trail, 0, 4096)) {
          List<KillEvent> found = new ArrayList<>();
          if (seenBefore) {
            found.addAll(pollToEnd(witness));
          }
          Path closed = terminate(trail, "20261120104501");
          if (seenBefore) {
            found.addAll(pollToEnd(witness)); // in between there is no trail being written
          }
          append(second, bytes, cut, bytes.length);
          found.addAll(pollToEnd(witness));
          assertThat(found).as("rotated at %d, %s", cut, seenBefore).isEqualTo(expected);
          assertThat(witness.trail()).isEqualTo(second);
          assertThat(witness.position()).isEqualTo(bytes.length - cut);
          Files.delete(closed);
          Files.delete(second);
        }
      }
    }
  }

  @Test
  void tornTail_isGivenUpWithItsTrail() throws IOException {
    String kill = kill(66, 15, true, 1000, 7, OURS);
    append(trail, kill.substring(0, 60));
    try (KillWitness witness = witness(trail, 0, 4096)) {
      assertThat(pollToEnd(witness)).isEmpty();
      terminate(trail, "crash_recovery");
      append(directory.resolve("20261120104501.not_terminated"), kill.substring(60) + kill);
      assertThat(pollToEnd(witness)).hasSize(1);
      assertThat(witness.unmatched()).isEqualTo(1);
    }
  }

  @Test
  void deletedTrail_isPassedOverAndCounted() throws IOException {
    append(directory.resolve("20261120104507.not_terminated"), kill(66, 15, true, 1000, 7, OURS));
    try (KillWitness witness = witness(trail, 4711, 4096)) {
      assertThat(pollToEnd(witness)).hasSize(1);
      assertThat(witness.skippedTrails()).isEqualTo(1);
    }
  }

  @Test
  void trailNotMadeYet_isWaitedFor() throws IOException {
    try (KillWitness witness = witness(trail, 0, 4096)) {
      assertThat(witness.poll()).isEmpty();
      assertThat(witness.isAtEnd()).isTrue();
      append(trail, kill(66, 15, true, 1000, 7, OURS));
      assertThat(pollToEnd(witness)).hasSize(1);
    }
  }

  @Test
  void shrunkTrail_isAnError() throws IOException {
    append(trail, "type=EOE\n");
    try (KillWitness witness = witness(trail, 4711, 4096)) {
      assertThatThrownBy(witness::poll)
          .isInstanceOf(IOException.class)
          .hasMessageContaining(trail.toString())
          .hasMessageContaining("9 bytes")
          .hasMessageContaining("4711");
    }
  }

  @Test
  void poll_isBounded() throws IOException {
    String kill = kill(66, 15, true, 1000, 7, 4);
    append(trail, kill.repeat(2 * KillWitness.POLL_BYTES / kill.length() + 1));
    try (KillWitness witness = witness(trail, 0, 128 * 1024)) {
      assertThat(witness.poll()).isEmpty();
      assertThat(witness.isAtEnd()).isFalse();
      assertThat(witness.position())
          .isBetween(KillWitness.POLL_BYTES / 2L, 2L * KillWitness.POLL_BYTES);
    }
  }

  @Test
  void writerOnAnotherThread_isFollowedThroughItsRotations() throws Exception {
    int trails = 300;
    int killsEach = 20;
    LocalDateTime first = LocalDateTime.of(2026, 11, 20, 10, 45);
    DateTimeFormatter stamp = DateTimeFormatter.ofPattern("uuuuMMddHHmmss");
    try (ExecutorService executor = Executors.newSingleThreadExecutor();
        KillWitness witness = witness(trail, 0, 8192)) {
      Future<?> writer =
          executor.submit(
              () -> {
                for (int t = 0; t < trails; t++) {
                  String start = first.plusSeconds(t).format(stamp);
                  Path current = directory.resolve(start + ".not_terminated");
                  Files.createFile(current);
                  for (int k = 0; k < killsEach; k++) {
                    append(current, kill(t * killsEach + k, 15, true, 1000, 7, OURS));
                  }
                  if (t < trails - 1) {
                    Files.move(
                        current,
                        directory.resolve(start + "." + first.plusSeconds(t + 1).format(stamp)));
                  }
                }
                return null;
              });
      List<Long> found = new ArrayList<>();
      long deadlineNanos = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (found.size() < trails * killsEach) {
        assertThat(System.nanoTime()).as("%d found", found.size()).isLessThan(deadlineNanos);
        witness.poll().forEach(event -> found.add(event.serial()));
      }
      writer.get();
      assertThat(pollToEnd(witness)).isEmpty();
      assertThat(found).isEqualTo(LongStream.range(0, (long) trails * killsEach).boxed().toList());
      assertThat(witness.unmatched() + witness.skippedTrails()).isZero();
    }
  }

  /** The writer makes, ends and follows the trail while the witness looks for it. */
  @Test
  void trailMadeWhileItIsLookedFor_isNotPassedOver() throws Exception {
    try (ExecutorService executor = Executors.newSingleThreadExecutor()) {
      for (int round = 0; round < 500; round++) {
        Path place = Files.createDirectory(directory.resolve("round" + round));
        Path first = place.resolve("20261120104500.not_terminated");
        Path second = place.resolve("20261120104501.not_terminated");
        Path ready = place.resolve("ready");
        Files.write(ready, kill(round, 15, true, 1000, 7, OURS).getBytes(ISO_8859_1));
        Future<?> writer =
            executor.submit(
                () -> {
                  Files.move(ready, first);
                  Files.move(first, place.resolve("20261120104500.20261120104501"));
                  return Files.createFile(second);
                });
        try (KillWitness witness = witness(first, 0, 8192)) {
          List<KillEvent> found = new ArrayList<>(witness.poll());
          writer.get();
          found.addAll(pollToEnd(witness));
          assertThat(found).as("round %d", round).hasSize(1);
          assertThat(witness.skippedTrails()).isZero();
        }
      }
    }
  }

  /** What a host may write at once while one good kill is among it. */
  @Test
  void oneGoodKill_isFoundAmongRefusedOnesAcrossRotations() throws IOException {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    int good = 50_000 + random.nextInt(50_000);
    // Records of events interleave: each is put off by a random number of places.
    List<long[]> order = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    for (int i = 0; i <= 100_000; i++) {
      String[] event =
          kill(i, 15, i == good, i == good ? 1000 : 65534, i == good ? 4242 : 5000 + i % 500, OURS)
              .split("(?<=\n)", -1);
      long place = i;
      for (String line : event) {
        place += random.nextInt(4000);
        order.add(new long[] {place, lines.size()});
        lines.add(line);
      }
    }
    Collections.sort(order, (a, b) -> Long.compare(a[0], b[0]));
    SenderInquiry inquiry = new SenderInquiry(OURS, Optional.empty(), pid -> Optional.empty());
    int trails = 1;
    int refused = 0;
    List<KillEvent> successful = new ArrayList<>();
    Path current = trail;
    try (KillWitness witness = witness(trail, 0, 128 * 1024)) {
      StringBuilder batch = new StringBuilder();
      for (int i = 0; i < order.size(); i++) {
        batch.append(lines.get((int) order.get(i)[1]));
        if (random.nextInt(2000) == 0 || i == order.size() - 1) {
          append(current, batch.toString());
          batch.setLength(0);
          if (trails < 60 && random.nextInt(5) == 0) {
            terminate(current, "202611201046%02d".formatted(trails));
            current = directory.resolve("202611201045%02d.not_terminated".formatted(trails));
            trails++;
            Files.createFile(current);
          }
          for (KillEvent event : witness.poll()) {
            inquiry.see(event);
            refused += event.success() ? 0 : 1;
            successful.addAll(event.success() ? List.of(event) : List.of());
          }
        }
      }
      for (KillEvent event : pollToEnd(witness)) {
        inquiry.see(event);
        refused += event.success() ? 0 : 1;
        successful.addAll(event.success() ? List.of(event) : List.of());
      }
      assertThat(witness.unmatched()).isZero();
      assertThat(witness.evicted()).isZero();
    }
    assertThat(refused).isEqualTo(100_000);
    assertThat(successful).extracting(KillEvent::serial).containsExactly((long) good);
    Sender sender =
        inquiry.judge(
            15,
            Instant.ofEpochSecond(1795170529),
            Optional.of(new SignalAnswer(65534, 5000 + 100_000 % 500)));
    assertThat(sender.auid()).hasValue(1000);
    assertThat(sender.pid()).hasValue(4242);
    assertThat(sender.info()).isEqualTo(Sender.Info.REFUSED);
  }
}
