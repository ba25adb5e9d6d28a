// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import static auditbus.agent.trail.TrailLines.line;
import static auditbus.agent.trail.TrailLines.names;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import auditbus.agent.RequiredTools;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Writers in processes of their own: killed, traced, with failing system calls. */
class TrailWriterCrashTest {
  private static final int KILLS = 25;
  private static final Pattern LINE = Pattern.compile("run=(\\d+) n=(\\d+) ");

  @TempDir Path temporary;

  private Path directory() {
    return temporary.resolve("trails");
  }

  @Test
  void killedAtAnyMoment_losesNothingItHadTaken() throws Exception {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    List<Long> taken = new ArrayList<>();
    for (int run = 0; run < KILLS; run++) {
      taken.add(killed(run, random.nextInt(150_000_000)));
    }
    run("-", "sync", "4096", KILLS, 1); // the one that recovers the last
    assertThat(directory().toFile().list()).isNotEmpty();

    long[] next = new long[KILLS + 1];
    int rotations = 0;
    String previousEnd = "";
    for (String file : names(directory())) {
      TrailName name = TrailName.parse(file).orElseThrow(() -> new AssertionError(file));
      assertThat(name.isClosed()).as(file).isTrue();
      if (!name.ending().equals(TrailName.CRASH_RECOVERY)) {
        rotations++;
      }
      previousEnd = name.ending();
      String text = Files.readString(directory().resolve(file), StandardCharsets.US_ASCII);
      int start = 0;
      for (int end = text.indexOf('\n') + 1; end > 0; end = text.indexOf('\n', start) + 1) {
        String line = text.substring(start, end);
        Matcher matcher = LINE.matcher(line);
        assertThat(matcher.find()).as("%s: %s", file, line).isTrue();
        int run = Integer.parseInt(matcher.group(1));
        long number = Long.parseLong(matcher.group(2));
        assertThat(number).as("seed %d, %s, run %d", seed, file, run).isEqualTo(next[run]++);
        assertThat(line).isEqualTo(line(run, number));
        start = end;
      }
      if (start < text.length()) { // torn: its writer was killed in the midst of a write
        assertThat(name.ending()).as(file).isEqualTo(TrailName.CRASH_RECOVERY);
      }
    }
    assertThat(previousEnd).isNotEqualTo(TrailName.CRASH_RECOVERY); // the last one was closed
    for (int run = 0; run < KILLS; run++) {
      assertThat(next[run]).as("seed %d, run %d", seed, run).isGreaterThan(taken.get(run));
    }
    assertThat(rotations).isGreaterThan(KILLS);
    System.out.println("lines taken by run: " + taken + ", rotations: " + rotations);
  }

  @Test
  void directoryOfALivingProcess_isRefused_ofADeadOneTaken() throws Exception {
    Process process = start(List.of(), "-", "none", "4096", 1, 0);
    try (BufferedReader said = process.inputReader()) {
      assertThat(said.readLine()).isEqualTo("open");
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> writer().open())
            .isInstanceOf(TrailException.class)
            .hasMessageContaining("another process writes there")
            .hasMessageContaining("fuser -v " + directory().resolve(".lock"));
      }
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    TrailWriter writer = writer();
    writer.open();
    writer.close();
  }

  @ParameterizedTest
  @CsvSource({
    "sync, 200, 200, 201", // each append, and the end that has nothing more to force
    "20, 200, 1, 11", // coalesced where the disk is slow
    "none, 200, 1, 1"
  })
  void policy_isWhatTheKernelSees(String policy, int appends, int least, int most)
      throws Exception {
    Path trace = temporary.resolve("trace");
    List<String> said = runTraced(trace, "trace=fdatasync", "-", policy, "1048576", 1, appends);
    assertThat(said.getLast()).startsWith("closed");
    long forces =
        Files.readAllLines(trace).stream().filter(call -> call.contains("fdatasync(")).count();
    assertThat(forces).isBetween((long) least, (long) most);
  }

  @ParameterizedTest
  @CsvSource({"EIO, Input/output error", "EROFS, Read-only file system"})
  void failedWrites_areTriedAgain(String errno, String text) throws Exception {
    List<String> said =
        runTraced(
            temporary.resolve("trace"),
            "inject=pwrite64:error=" + errno + ":when=5..7",
            "-",
            "none",
            "1048576",
            1,
            20);
    assertThat(said)
        .filteredOn(line -> line.startsWith("failed"))
        .hasSize(3)
        .allMatch(line -> line.contains("cannot append to " + directory()))
        .allMatch(line -> line.contains(text));
    assertContent(1, 20);
  }

  @Test
  void failedForce_isReportedAndTheBytesAreWrittenAgain() throws Exception {
    Path trace = temporary.resolve("trace");
    List<String> said =
        runTraced(
            trace,
            "inject=fdatasync:error=EIO:when=5..6 -e trace=fdatasync,pwrite64",
            "-",
            "sync",
            "1048576",
            1,
            20);
    assertThat(said)
        .filteredOn(line -> line.startsWith("failed"))
        .hasSize(2)
        .allMatch(line -> line.contains("cannot bring to the disk " + directory()))
        .allMatch(line -> line.contains("Input/output error"));
    assertThat(said.getLast()).contains("flushes=20, flushFailures=2");
    assertContent(1, 20);
    // 20 lines, and the fifth two times more.
    assertThat(Files.readAllLines(trace).stream().filter(call -> call.contains("pwrite64(")))
        .hasSize(22);
  }

  @Test
  void failedForceInTheBackground_stopsNothing() throws Exception {
    List<String> said =
        runTraced(
            temporary.resolve("trace"),
            "inject=fdatasync:error=EIO:when=1",
            "-",
            "5",
            "1048576",
            1,
            200);
    assertThat(said).noneMatch(line -> line.startsWith("failed"));
    assertThat(said.getLast()).contains("flushFailures=1");
    assertContent(1, 200);
  }

  @Test
  void slowDisk_isNotWaitedFor() throws Exception {
    long before = System.nanoTime();
    Process process =
        start(
            tracer(temporary.resolve("trace"), "inject=fdatasync:delay_enter=3000000"),
            "-",
            "5",
            "1048576",
            1,
            200);
    try (BufferedReader said = process.inputReader()) {
      while (!"199".equals(said.readLine())) {
        // until all are appended
      }
      assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(3));
    } finally {
      process.destroy();
      process.waitFor();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"000", "022", "077"})
  void umask_changesNothing(String umask) throws Exception {
    List<String> said =
        collect(
            start(
                List.of("sh", "-c", "umask " + umask + "; exec \"$@\"", "sh"),
                "-",
                "none",
                "4096",
                1,
                1));
    assertThat(said.getLast()).startsWith("closed");
    assertThat(permissions(directory())).isEqualTo("rwx------");
    for (String name : names(directory())) {
      assertThat(permissions(directory().resolve(name))).isEqualTo("rw-------");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"000", "022", "077"})
  void umask_changesNothingForAGroupEither(String umask) throws Exception {
    assumeTrue(isRoot(), "only root gives files to groups");
    List<String> said =
        collect(
            start(
                List.of("sh", "-c", "umask " + umask + "; exec \"$@\"", "sh"),
                "daemon",
                "none",
                "4096",
                1,
                1));
    assertThat(said.getLast()).startsWith("closed");
    assertThat(permissions(directory())).isEqualTo("rwxr-x---");
    for (String name : names(directory())) {
      assertThat(permissions(directory().resolve(name))).isEqualTo("rw-r-----");
      assertThat(Files.getAttribute(directory().resolve(name), "posix:group"))
          .hasToString("daemon");
    }
  }

  @Test
  void directoryThatMayNotBeMade_isSaid() throws Exception {
    assumeTrue(isRoot(), "the capabilities to take away are root's");
    Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("r-xr-xr-x"));
    List<String> said = collect(start(deprived(), "-", "none", "4096", 1, 1));
    assertThat(said).hasSize(1);
    assertThat(said.getFirst())
        .startsWith("failed cannot make the trail directory " + directory())
        .contains("Permission denied")
        .contains("must own the directory");
  }

  @Test
  void directoryOfAnotherUser_isSaid() throws Exception {
    assumeTrue(isRoot(), "the capabilities to take away are root's");
    Files.createDirectory(directory());
    Files.setAttribute(directory(), "unix:uid", 65534, LinkOption.NOFOLLOW_LINKS);
    List<String> said = collect(start(deprived(), "-", "none", "4096", 1, 1));
    assertThat(said).hasSize(1);
    assertThat(said.getFirst())
        .startsWith("failed ")
        .contains(directory().toString())
        .contains("Operation not permitted");
  }

  // ---- parts

  /** Runs a writer, kills it a while after its first line, and tells the last line it had taken. */
  private long killed(int run, long afterNanos) throws Exception {
    Path said = temporary.resolve("said");
    Process process =
        builder(List.of(), "-", "sync", "4096", run, 0).redirectOutput(said.toFile()).start();
    Await.until("open", () -> Files.size(said) > "open\n".length());
    LockSupport.parkNanos(afterNanos);
    process.destroyForcibly(); // SIGKILL
    assertThat(process.waitFor()).isEqualTo(128 + 9);
    String text = Files.readString(said);
    List<String> lines = text.substring(0, text.lastIndexOf('\n')).lines().toList();
    assertThat(lines.getFirst()).isEqualTo("open");
    assertThat(lines.subList(1, lines.size())).allMatch(line -> line.matches("\\d+"));
    return Long.parseLong(lines.getLast());
  }

  private void assertContent(int run, int lines) throws IOException {
    StringBuilder expected = new StringBuilder();
    for (int i = 0; i < lines; i++) {
      expected.append(line(run, i));
    }
    assertThat(TrailLines.content(directory())).hasToString(expected.toString());
  }

  private List<String> run(String group, String policy, String maxBytes, int run, int count)
      throws Exception {
    return collect(start(List.of(), group, policy, maxBytes, run, count));
  }

  private List<String> runTraced(
      Path trace, String what, String group, String policy, String maxBytes, int run, int count)
      throws Exception {
    return collect(start(tracer(trace, what), group, policy, maxBytes, run, count));
  }

  private static List<String> tracer(Path trace, String what) {
    List<String> prefix =
        new ArrayList<>(
            List.of(RequiredTools.path("strace").toString(), "-f", "-o", trace.toString(), "-e"));
    prefix.addAll(List.of(what.split(" ", -1)));
    return prefix;
  }

  private static List<String> deprived() {
    return List.of(
        RequiredTools.path("setpriv").toString(),
        "--bounding-set=-dac_override,-dac_read_search,-fowner,-chown");
  }

  private Process start(
      List<String> prefix, String group, String policy, String maxBytes, int run, int count)
      throws IOException {
    return builder(prefix, group, policy, maxBytes, run, count).start();
  }

  private ProcessBuilder builder(
      List<String> prefix, String group, String policy, String maxBytes, int run, int count) {
    return new ProcessBuilder(
            WriterProcess.command(
                prefix,
                directory().toString(),
                group,
                policy,
                maxBytes,
                Integer.toString(run),
                Integer.toString(count)))
        .redirectError(ProcessBuilder.Redirect.INHERIT);
  }

  private static List<String> collect(Process process) throws Exception {
    try (BufferedReader said = process.inputReader()) {
      List<String> lines = said.lines().toList();
      assertThat(process.waitFor()).as("%s", lines).isZero();
      return lines;
    }
  }

  private TrailWriter writer() {
    TrailSettings settings =
        new TrailSettings(
            directory(),
            Optional.empty(),
            4096,
            Duration.ofHours(1),
            new FlushPolicy.None(),
            0,
            OnFull.BLOCK,
            Duration.ofDays(1));
    return new TrailWriter(settings, _ -> false, InstantSource.system(), System::nanoTime);
  }

  private static String permissions(Path file) throws IOException {
    return PosixFilePermissions.toString(
        Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS));
  }

  private static boolean isRoot() throws IOException {
    return Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
  }
}
