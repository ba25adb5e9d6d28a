// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A dump that follows, while files grow, are rotated, renamed, cut and replaced. */
class FollowTest {
  private static final Pattern SERIAL = Pattern.compile("msg=audit\\([^:]*T[^Z]*Z:(\\d+)\\)");
  private static final long DEADLINE_SECONDS = 30;

  @TempDir Path directory;

  /** A dump in a thread of its own. */
  private static final class Following implements AutoCloseable {
    final ByteArrayOutputStream out = new ByteArrayOutputStream();
    final List<String> err = new CopyOnWriteArrayList<>();
    private final CountDownLatch stop = new CountDownLatch(1);
    private final FutureTask<Integer> run;

    Following(Path place) {
      DumpSettings settings =
          new DumpSettings(
              List.of(place.toString()),
              Optional.empty(),
              false,
              false,
              true,
              Set.of(),
              Optional.empty());
      run =
          new FutureTask<>(
              () ->
                  new Dump(
                          settings,
                          InputStream.nullInputStream(),
                          out,
                          err::add,
                          atMost -> stop.await(atMost.toNanos(), TimeUnit.NANOSECONDS))
                      .run());
      Thread.ofPlatform().daemon().name("dump").start(run);
    }

    String text() {
      return out.toString(StandardCharsets.UTF_8);
    }

    List<Long> serials() {
      Matcher matcher = SERIAL.matcher(text());
      return matcher.results().map(found -> Long.valueOf(found.group(1))).toList();
    }

    void await(String what, Callable<Boolean> condition) throws Exception {
      long deadline = System.nanoTime() + Duration.ofSeconds(DEADLINE_SECONDS).toNanos();
      while (!condition.call()) {
        assertThat(run.isDone()).as("ended before %s: %s", what, err).isFalse();
        assertThat(System.nanoTime())
            .as("not %s; printed %s, said %s", what, text(), err)
            .isLessThan(deadline);
        TimeUnit.MILLISECONDS.sleep(5);
      }
    }

    void awaitSerials(long from, long to) throws Exception {
      List<Long> wanted = LongStream.rangeClosed(from, to).boxed().toList();
      await("serials " + from + " to " + to, () -> serials().size() >= wanted.size());
      assertThat(serials()).isEqualTo(wanted);
    }

    int end() throws Exception {
      stop.countDown();
      return run.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
    }

    @Override
    public void close() {
      stop.countDown();
    }
  }

  private static String line(long serial) {
    return String.format(
        Locale.ROOT,
        "type=USER_LOGIN msg=audit(%d.%03d:%d): pid=1 uid=0 auid=1000 ses=2 res=1\n",
        1795170528 + serial / 1000,
        serial % 1000,
        serial);
  }

  private void append(Path file, String text) throws IOException {
    Files.writeString(file, text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  /** As auditd's shift_logs and rotate. */
  private void rotate(Path log, int keep) throws IOException {
    for (int number = keep - 1; number >= 1; number--) {
      Path from = log.resolveSibling(log.getFileName() + "." + number);
      if (Files.exists(from)) {
        Files.move(
            from,
            log.resolveSibling(log.getFileName() + "." + (number + 1)),
            StandardCopyOption.REPLACE_EXISTING);
      }
    }
    Files.move(
        log, log.resolveSibling(log.getFileName() + ".1"), StandardCopyOption.REPLACE_EXISTING);
  }

  @Test
  void aLog_isFollowedThroughRotations() throws Exception {
    Path log = directory.resolve("audit.log");
    append(directory.resolve("audit.log.1"), line(0));
    append(log, line(1));
    try (Following following = new Following(log)) {
      following.awaitSerials(1, 1);
      int serial = 1;
      for (int round = 0; round < 60; round++) {
        for (int count = 0; count < 20; count++) {
          append(log, line(++serial));
        }
        rotate(log, 4);
        append(log, line(++serial));
        if (round % 3 == 0) {
          following.awaitSerials(1, serial); // else several rotations pass between two looks
        }
      }
      following.awaitSerials(1, serial);
      assertThat(following.end()).isEqualTo(0);
      assertThat(following.err).isEmpty();
    }
  }

  @Test
  void aLogThatWasMovedAway_isReadToItsEnd_thenTheNewOne() throws Exception {
    Path log = directory.resolve("audit.log");
    append(log, line(1));
    try (Following following = new Following(log)) {
      following.awaitSerials(1, 1);
      Path away = Files.move(log, directory.resolve("audit.log-20261120"));
      append(away, line(2));
      following.awaitSerials(1, 2);
      append(log, line(3));
      append(away, line(3).replace("auid=1000", "auid=1001"));
      following.await("both", () -> following.serials().equals(List.of(1L, 2L, 3L, 3L)));
    }
  }

  @Test
  void aTruncatedLog_isToldOf_andReadFromItsBeginning() throws Exception {
    Path log = directory.resolve("audit.log");
    append(log, line(1) + line(2));
    try (Following following = new Following(log)) {
      following.awaitSerials(1, 2);
      Files.writeString(log, line(3), StandardOpenOption.TRUNCATE_EXISTING);
      following.awaitSerials(1, 3);
      assertThat(following.err)
          .singleElement()
          .asString()
          .contains("bytes shorter than what was read of it");
      assertThat(following.end()).isEqualTo(Dump.DAMAGED);
    }
  }

  @Test
  void trails_areFollowedThroughTermination_alsoWhenTheClockStepsBack() throws Exception {
    Path first = directory.resolve("20261120100000.not_terminated");
    append(directory.resolve("20261120090000.20261120100000"), line(0));
    append(first, line(1));
    try (Following following = new Following(first)) {
      following.awaitSerials(1, 1);
      // As BSM's auditd: the next one is there before this one is renamed.
      Path second = directory.resolve("20261120110000.not_terminated");
      append(second, "");
      append(first, line(2));
      Files.move(first, directory.resolve("20261120100000.20261120110000"));
      append(second, line(3));
      following.awaitSerials(1, 3);
      Files.move(second, directory.resolve("20261120110000.crash_recovery"));
      append(directory.resolve("20261120093000.not_terminated"), line(4));
      following.awaitSerials(1, 4);
      assertThat(following.err).isEmpty();
    }
  }

  @Test
  void aDirectoryThatIsEmpty_isWaitedFor() throws Exception {
    try (Following following = new Following(directory)) {
      append(directory.resolve("20261120100000.not_terminated"), line(1));
      following.awaitSerials(1, 1);
    }
  }

  @Test
  void anEventWithoutEnd_isPrintedByTime_andHalfALineNotBeforeItsEnd() throws Exception {
    Path log = directory.resolve("audit.log");
    String call =
        "type=SYSCALL msg=audit(1795170528.001:1): arch=c000003e syscall=62 success=yes items=0\n";
    append(log, call + line(2).substring(0, 30));
    try (Following following = new Following(log)) {
      following.awaitSerials(1, 1);
      assertThat(following.text()).contains("@0 incomplete\n").doesNotContain("UNPARSED");
      append(log, line(2).substring(30));
      following.awaitSerials(1, 2);
      assertThat(following.end()).isEqualTo(0);
    }
  }

  @Test
  void whatIsTornWhenItEnds_isShown() throws Exception {
    Path log = directory.resolve("audit.log");
    append(log, line(1) + "type=");
    try (Following following = new Following(log)) {
      following.awaitSerials(1, 1);
      assertThat(following.end()).isEqualTo(Dump.DAMAGED);
      assertThat(following.text()).contains("length=5 reason=\"the file ends inside a record");
    }
  }
}
