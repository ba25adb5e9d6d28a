// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static auditbus.agent.trail.TrailLines.buffer;
import static auditbus.agent.trail.TrailLines.line;
import static auditbus.agent.trail.TrailLines.names;
import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.TrailStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is written is what is read: writer and {@link TrailSource} on one directory. */
class TrailWriterReadingTest {
  @TempDir Path temporary;
  private Path directory;

  private final FakeTime time = new FakeTime("2026-11-20T10:45:00Z");
  private final List<TrailNotice> notices = new ArrayList<>();
  private final Set<String> acked = ConcurrentHashMap.newKeySet();
  private final List<String> read = new ArrayList<>();
  private final List<String> written = new ArrayList<>();
  private int torn;

  @BeforeEach
  void name() {
    directory = temporary.resolve("trails");
  }

  @Test
  void everythingIsReadOnceInOrder_throughRotations() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None(), 16 * 1024);
    try (TrailSource source = source()) {
      for (int i = 0; i < 2000; i++) {
        append(writer, 1);
        if (i % 7 == 0) {
          drain(source);
        }
      }
      writer.close();
      Await.until(
          "all closed",
          () -> {
            drain(source);
            return notices.stream().filter(TrailNotice::closes).count() == names(directory).size();
          });
      assertThat(read).isEqualTo(written);
      assertThat(notices)
          .filteredOn(TrailNotice::closes)
          .extracting(TrailNotice::name)
          .isEqualTo(names(directory));
      List<TrailNotice> closings = notices.stream().filter(TrailNotice::closes).toList();
      for (int i = 1; i < closings.size(); i++) {
        assertThat(closings.get(i).previous()).contains(closings.get(i - 1).trail());
        assertThat(closings.get(i - 1).name()).endsWith("." + closings.get(i).trail());
      }
      assertThat(source.standing().rereads()).isZero();
    }
  }

  /** Rotations, crashes, restarts, clock steps and removals of acknowledged trails in any order. */
  @RepeatedTest(10)
  void everythingIsReadOnceInOrder_whateverHappens() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    System.out.println("seed " + seed);
    TrailWriter writer = open(policy(random), 4096);
    TrailSource source = source();
    for (int step = 0; step < 300; step++) {
      switch (random.nextInt(20)) {
        case 0 -> writer.rotate();
        case 1 -> {
          writer.close();
          writer = open(policy(random), 4096);
        }
        case 2 -> {
          writer = crash(writer, random);
        }
        case 3 -> time.set("2026-11-20T" + (10 + random.nextInt(4)) + ":00:00Z");
        case 4 -> time.advance(Duration.ofMinutes(random.nextInt(90)));
        case 5, 6, 7 -> drain(source);
        case 8 -> {
          source.close();
          source =
              TrailSource.directory(
                  "kernel", directory, TextTrails.FORMATS, false, time, Optional.of(source.mark()));
        }
        case 9 -> writer.tick();
        default -> append(writer, 1 + random.nextInt(5));
      }
    }
    writer.close();
    for (int i = 0; i < 5; i++) {
      drain(source);
    }
    source.close();
    int alike = 0;
    while (alike < Math.min(read.size(), written.size())
        && read.get(alike).equals(written.get(alike))) {
      alike++;
    }
    assertThat(read.subList(alike, Math.min(read.size(), alike + 9)))
        .as("seed %d, from line %d of %d", seed, alike, written.size())
        .isEqualTo(written.subList(alike, Math.min(written.size(), alike + 9)));
    List<TrailNotice> closings = notices.stream().filter(TrailNotice::closes).toList();
    assertThat(closings).as("seed %d", seed).allMatch(notice -> notice.cause().isEmpty());
    assertThat(closings)
        .as("seed %d", seed)
        .allMatch(notice -> TrailName.parse(notice.name()).isPresent())
        .filteredOn(notice -> notice.state() == TrailStatus.CRASH_RECOVERED)
        .hasSizeGreaterThanOrEqualTo(torn);
    assertThat(closings).extracting(TrailNotice::trail).isSorted().doesNotHaveDuplicates();
  }

  @Test
  void removedUnderBoth_isReadWhole() throws Exception {
    TrailWriter writer = open(new FlushPolicy.None(), 1 << 20);
    try (TrailSource source = source()) {
      append(writer, 3);
      drain(source);
      append(writer, 3);
      Files.delete(writer.path());
      append(writer, 3);
      time.advance(Duration.ofSeconds(1));
      writer.tick();
      append(writer, 3);
      writer.close();
      for (int i = 0; i < 5; i++) {
        drain(source);
      }
      // Its first bytes may come twice, as two incarnations; none is missing.
      assertThat(new LinkedHashSet<>(read)).containsExactlyElementsOf(written);
      assertThat(notices).filteredOn(TrailNotice::closes).hasSize(2);
    }
  }

  @Test
  void droppedUnderTheReader_isSaid() throws Exception {
    Path on = Files.createDirectory(temporary.resolve("disk"));
    directory = on.resolve("trails");
    try (TemporaryMount _ = TemporaryMount.tmpfs(on, "1m");
        TrailSource source = source()) {
      TrailWriter writer = open(new FlushPolicy.None(), 100 * 1024);
      try {
        for (int i = 0; writer.counters().trailsDropped() == 0; i++) {
          String line = line(1, i);
          Await.until("taken", () -> taken(writer, line));
          if (i == 20) {
            source.scan();
            source.read(_ -> {}); // is held open, nothing is acknowledged
          }
        }
        source.rewind();
        for (int i = 0; i < 5; i++) {
          drain(source);
        }
        assertThat(notices)
            .filteredOn(notice -> notice.trail().equals("20261120104500") && notice.closes())
            .singleElement()
            .satisfies(notice -> assertThat(notice.cause().orElseThrow()).contains("shrank"));
      } finally {
        writer.close();
      }
    }
  }

  private boolean taken(TrailWriter writer, String line) throws IOException {
    try {
      writer.append(buffer(line), 1);
      return true;
    } catch (NoSpaceException e) {
      time.advance(Duration.ofMillis(100));
      writer.tick();
      return false;
    }
  }

  /** The writer is gone from one moment to the next, its last line perhaps half written. */
  private TrailWriter crash(TrailWriter writer, Random random) throws Exception {
    Path open = writer.path();
    byte[] bytes = Files.readAllBytes(open);
    writer.close();
    // As it stood: in place of the closed file the one that was not.
    for (String name : names(directory)) {
      if (name.startsWith(open.getFileName().toString().substring(0, 15))) {
        Files.move(directory.resolve(name), open);
      }
    }
    assertThat(Files.readAllBytes(open)).isEqualTo(bytes);
    if (random.nextBoolean()) {
      String half = line(3, random.nextInt(1000));
      half = half.substring(0, 1 + random.nextInt(half.length() - 1));
      Files.writeString(open, half, java.nio.file.StandardOpenOption.APPEND);
      written.add(half);
      torn++;
    }
    return open(policy(random), 4096);
  }

  private static FlushPolicy policy(Random random) {
    return switch (random.nextInt(3)) {
      case 0 -> new FlushPolicy.None();
      case 1 -> new FlushPolicy.Incremental(5, Duration.ofSeconds(1));
      default -> new FlushPolicy.Sync();
    };
  }

  private TrailSource source() {
    return TrailSource.directory(
        "kernel", directory, TextTrails.FORMATS, false, time, Optional.empty());
  }

  private TrailWriter open(FlushPolicy flush, long maxBytes) throws IOException {
    TrailSettings settings =
        new TrailSettings(
            directory,
            Optional.empty(),
            maxBytes,
            Duration.ofHours(1),
            flush,
            0,
            OnFull.DROP_OLDEST,
            Duration.ZERO);
    TrailWriter writer = new TrailWriter(settings, acked::contains, time, time::nanos);
    writer.open();
    return writer;
  }

  private void append(TrailWriter writer, int count) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < count; i++) {
      String line = line(1, written.size());
      lines.append(line);
      written.add(line);
    }
    writer.append(buffer(lines.toString()), count);
  }

  /** Reads to the head as distribution does; the broker has everything at once. */
  private void drain(TrailSource source) throws IOException {
    for (int idle = 0; idle < 4; ) {
      source.scan();
      List<TrailRecord> records = new ArrayList<>();
      int moved = source.read(records::add);
      for (TrailRecord record : records) {
        read.add(new String(record.raw(), StandardCharsets.US_ASCII));
        source.acked(List.of(new Span(record.trail(), record.position(), record.end())));
      }
      Optional<TrailNotice> notice = source.notice();
      notice.ifPresent(
          due -> {
            notices.add(due);
            source.acked(due);
            if (due.closes()) {
              acked.add(due.trail().substring(0, 14));
            }
          });
      idle = moved == 0 && notice.isEmpty() ? idle + 1 : 0;
    }
  }
}
