// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole program: what goes in comes out, whatever is done to it in between. */
final class StandaloneIT {
  private static final Duration UP = Duration.ofSeconds(90);

  @TempDir Path scratch;

  @Test
  void samples_areCollectedByteForByteAndTheirStopsAttributed() throws Exception {
    Path samples = Trees.sample("");
    Path data = scratch.resolve("data");

    ChildProcess.Ended ended = once(data, samples);

    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
    try (var files = Files.list(samples)) {
      for (Path sample : files.toList()) {
        String source = sample.getFileName().toString().replaceAll("\\.log$", "").replace('.', '-');
        assertThat(Trees.trails(data.resolve("collected"), "web1", source))
            .as(source)
            .singleElement()
            .satisfies(
                collected -> assertThat(Trees.sha256(collected)).isEqualTo(Trees.sha256(sample)));
      }
    }
    assertThat(ended.out())
        .contains("16 trails, 16 verified")
        // 12: what auditd never wrote, and the half event behind it.
        .containsPattern("gap SERIAL \\(SUSPECTED\\) web1: .*150866.* missing")
        .containsPattern("gap INCOMPLETE_EVENT .*150867")
        .contains("no byte is missing")
        // 02: signal info and the kill's own event agree.
        .containsPattern(
            "shutdown 2026-11-20T10:28:48.499Z web1 auditd pid 19320: auid 1000 .*PROVEN: kill event, signal info")
        // 03: signal info says auid 0, the kill's event says unset: nobody is named.
        .containsPattern(
            "shutdown 2026-11-20T10:28:48.733Z web1 auditd pid 19359: unattributed, no login user");
  }

  @Test
  void killedInTheMiddle_continuesWithoutLossOrDouble() throws Exception {
    long seed = System.nanoTime();
    System.out.println("seed of the generated log: " + seed);
    Path log = scratch.resolve("busy.log");
    int events = GeneratedLog.write(log, 12_000_000, seed);
    Path data = scratch.resolve("data");
    Path collected = data.resolve("collected");
    for (long killAtBytes : new long[] {1_000_000, 6_000_000}) {
      try (ChildProcess child = start(data, log, "--once")) {
        child.until(
            killAtBytes + " collected bytes", UP, () -> Trees.bytes(collected) >= killAtBytes);
        child.kill();
      }
    }

    ChildProcess.Ended ended = once(data, log);

    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
    assertThat(Trees.trails(collected, "web1", "busy"))
        .singleElement()
        .satisfies(trail -> assertThat(Trees.sha256(trail)).isEqualTo(Trees.sha256(log)));
    assertThat(ended.out())
        .contains(Amounts.count(events, "event") + ", " + Amounts.count(6L * events, "record"))
        .contains("0 gaps")
        .contains("0 shutdowns");
  }

  @Test
  void liveTrail_isFollowedAndReadWhileItGrows() throws Exception {
    Path directory = Files.createDirectory(scratch.resolve("audit"));
    Path log = directory.resolve("audit.log");
    List<String> lines =
        Files.readAllLines(Trees.sample("06-usr2-resume.log"), StandardCharsets.UTF_8);
    append(log, lines.subList(0, 10));
    Path data = scratch.resolve("data");
    try (ChildProcess child = start(data, directory)) {
      child.untilSays("./auditbus events --data", UP);
      Path open = data.resolve("collected/web1/auditd/20261120102854.not_terminated");
      child.until("the collected trail", UP, () -> size(open) >= size(log));
      append(log, lines.subList(10, lines.size()));
      child.untilSays("1 shutdown", UP);
      child.until("the rest", UP, () -> size(open) >= size(log));

      ChildProcess.Ended events = ChildProcess.run(scratch, "events", "--data", data.toString());
      assertThat(events.code()).as(events.err()).isZero();
      assertThat(events.out().lines())
          .allSatisfy(line -> assertThat(line).startsWith("{").endsWith("}"))
          .anySatisfy(line -> assertThat(line).contains("\"DAEMON_END\""));

      ChildProcess.Ended hosts = ChildProcess.run(scratch, "hosts", "--data", data.toString());
      assertThat(hosts.code()).as(hosts.err()).isZero();
      assertThat(hosts.out().lines().toList().get(1))
          .matches(
              "web1 +up +[0-9.]+s .* auditd +auditlog +running +20261120102854 .*"
                  + " last stop 2026-11-20T\\S+ auditd.*");

      assertThat(asPrintedForKafkaTools(child.out()).out())
          .startsWith("{\"id\"")
          .contains("\"marker\": \"DAEMON_END\"");

      ChildProcess.Ended second =
          ChildProcess.run(scratch, "standalone", "--data", data.toString(), "--once");
      assertThat(second.code()).isEqualTo(2);
      assertThat(second.err()).contains("is in use by another auditbus process");

      long begun = System.nanoTime();
      child.terminate();
      ChildProcess.Ended ended = child.await(Duration.ofSeconds(30));
      assertThat(ended.code()).isEqualTo(128 + 15);
      assertThat(ended.out()).endsWith("stopping\n");
      assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(15));
    }

    ChildProcess.Ended left = ChildProcess.run(scratch, "events", "--data", data.toString());
    assertThat(left.code()).as(left.err()).isZero();
    assertThat(left.out()).contains("\"DAEMON_END\"");

    ChildProcess.Ended stops = ChildProcess.run(scratch, "shutdowns", "--data", data.toString());
    assertThat(stops.code()).as(stops.err()).isZero();
    assertThat(stops.out().lines()).hasSize(2).last().asString().contains("web1", "auditd");
    ChildProcess.Ended gaps = ChildProcess.run(scratch, "gaps", "--data", data.toString());
    assertThat(gaps.code()).as(gaps.err()).isZero();
    assertThat(gaps.out()).startsWith("OPENED");

    ChildProcess.Ended ended = once(data, directory);
    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
    assertThat(Trees.trails(data.resolve("collected"), "web1", "auditd"))
        .singleElement()
        .satisfies(trail -> assertThat(Trees.sha256(trail)).isEqualTo(Trees.sha256(log)));
  }

  @Test
  void bsmTrails_areCollectedByteForByteAndWhatIsNoRecordIsNamed() throws Exception {
    byte[] records =
        bytes("subject32_record", "path_record", "arg32_record", "return32_record", "EPERM_record");
    byte[] junk = new byte[777];
    new Random(1).nextBytes(junk);
    Path directory = Files.createDirectory(scratch.resolve("audit"));
    Path whole = Files.write(directory.resolve("20261120104500.20261120110000"), records);
    Path damaged = directory.resolve("20261120110000.20261120120000.myhost");
    Files.write(damaged, records);
    Files.write(damaged, junk, StandardOpenOption.APPEND);
    Files.write(damaged, records, StandardOpenOption.APPEND);
    Path torn = directory.resolve("20261120120000.crash_recovery");
    Files.write(torn, Arrays.copyOf(records, records.length - 5));
    Path empty = Files.createFile(directory.resolve("20261120130000.20261120140000"));
    Path data = scratch.resolve("data");

    ChildProcess.Ended ended = once(data, directory);

    assertThat(ended.code()).isEqualTo(1);
    assertThat(ended.err())
        .contains("2 records torn or not in the format")
        .contains("web1/audit/20261120110000 position " + records.length + ", 777 bytes")
        .contains("web1/audit/20261120120000 position ");
    assertThat(ended.out()).contains("21 events, 21 records").contains("4 trails, 4 verified");
    Path collected = data.resolve("collected/web1/audit");
    assertThat(collected.resolve(whole.getFileName())).hasSameBinaryContentAs(whole);
    assertThat(collected.resolve("20261120110000.20261120120000")).hasSameBinaryContentAs(damaged);
    assertThat(collected.resolve(torn.getFileName())).hasSameBinaryContentAs(torn);
    assertThat(collected.resolve(empty.getFileName())).hasSameBinaryContentAs(empty);
    ChildProcess.Ended events = ChildProcess.run(scratch, "events", "--data", data.toString());
    assertThat(events.out().lines())
        .anySatisfy(line -> assertThat(line).contains("\"EPERM\"").contains("\"FAILURE\""));
  }

  private static byte[] bytes(String... samples) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (String name : samples) {
      try (InputStream in = StandaloneIT.class.getResourceAsStream("/samples/bsm/" + name)) {
        all.writeBytes(in.readAllBytes());
      }
    }
    return all.toByteArray();
  }

  @Test
  void cutSample_isCollectedAsItIsAndItsTornRecordNamed() throws Exception {
    byte[] whole = Files.readAllBytes(Trees.sample("02-term-auid1000-sender-exits.log"));
    Path cut = scratch.resolve("cut.log");
    Files.write(cut, Arrays.copyOf(whole, 1000));
    Path data = scratch.resolve("data");

    ChildProcess.Ended ended = once(data, cut);

    assertThat(ended.code()).isEqualTo(1);
    assertThat(ended.err().lines())
        .singleElement()
        .asString()
        .contains("1 record torn or not in the format", "web1/cut/", " position ");
    assertThat(Trees.trails(data.resolve("collected"), "web1", "cut"))
        .singleElement()
        .satisfies(trail -> assertThat(Trees.sha256(trail)).isEqualTo(Trees.sha256(cut)));
  }

  /** Runs the console consumer of a Kafka distribution with the arguments that were printed. */
  private ChildProcess.Ended asPrintedForKafkaTools(String printed) throws Exception {
    String line =
        printed
            .lines()
            .filter(said -> said.contains("kafka-console-consumer.sh "))
            .findFirst()
            .orElseThrow();
    List<String> words = List.of(line.strip().split(" ", -1));
    assertThat(words.getFirst()).startsWith("CLASSPATH=/").contains("avro-");
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("surefire.test.class.path"),
                "org.apache.kafka.tools.consumer.ConsoleConsumer"));
    command.addAll(words.subList(2, words.size()));
    command.addAll(List.of("--max-messages", "1", "--timeout-ms", "60000"));
    try (ChildProcess consumer = ChildProcess.exec(scratch, command)) {
      return consumer.await(Duration.ofSeconds(90));
    }
  }

  private ChildProcess.Ended once(Path data, Path input) throws Exception {
    try (ChildProcess child = start(data, input, "--once")) {
      return child.await(Duration.ofSeconds(150));
    }
  }

  private ChildProcess start(Path data, Path input, String... more) throws Exception {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "standalone",
                "--data",
                data.toString(),
                "--input",
                input.toString(),
                "--host",
                "web1",
                "--kafka-port",
                "0",
                "--registry-port",
                "0"));
    arguments.addAll(List.of(more));
    return ChildProcess.start(scratch, arguments);
  }

  private static void append(Path file, List<String> lines) throws Exception {
    Files.write(
        file, lines, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  private static long size(Path file) {
    return file.toFile().length();
  }
}
