// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.Topics;
import auditbus.streams.Drive;
import auditbus.streams.shutdown.ShutdownJob;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Logs of real systems, and synthesised ones, through the agent's decoders and the job: what comes
 * out is what {@code attributions.tsv} says, which was written before.
 */
class AttributionGoldenTest {
  private static final Path GOLDENS = Path.of("../streams/src/test/resources/attributions");
  private static final Path SAMPLES = Path.of("../agent/src/test/resources/samples");
  private static final Map<String, List<String>> WANTED = read();

  private static Map<String, List<String>> read() {
    try {
      Map<String, List<String>> wanted = new LinkedHashMap<>();
      for (String line : Files.readAllLines(GOLDENS.resolve("attributions.tsv"))) {
        if (line.isBlank() || line.startsWith("#")) {
          continue;
        }
        String[] columns = line.split(" \\| ", -1);
        List<String> stops = wanted.computeIfAbsent(columns[0], _ -> new ArrayList<>());
        if (!columns[1].equals("no stop")) {
          stops.add(String.join(" | ", Arrays.copyOfRange(columns, 1, columns.length)));
        }
      }
      return wanted;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Stream<String> scenarios() {
    return WANTED.keySet().stream();
  }

  private static Path file(String scenario) {
    Path log = (scenario.startsWith("synthesised/") ? GOLDENS : SAMPLES).resolve(scenario + ".log");
    return Files.exists(log) ? log : GOLDENS.resolve(scenario + ".bsm");
  }

  @Test
  void everySample_hasAnExpectation() throws IOException {
    List<String> all = new ArrayList<>();
    for (Path directory :
        List.of(
            SAMPLES.resolve("linux"), SAMPLES.resolve("legacy"), GOLDENS.resolve("synthesised"))) {
      try (Stream<Path> files = Files.list(directory)) {
        files
            .map(Path::getFileName)
            .map(Path::toString)
            .filter(name -> name.endsWith(".log") || name.endsWith(".bsm"))
            .map(name -> directory.getFileName() + "/" + name.substring(0, name.length() - 4))
            .forEach(all::add);
      }
    }
    assertThat(WANTED.keySet()).containsExactlyInAnyOrderElementsOf(all);
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void scenario_comesToWhatWasExpected(String scenario) {
    assertThat(stops(Trails.events(file(scenario)), "0"))
        .containsExactlyElementsOf(WANTED.get(scenario));
  }

  /** Two sources that carry the same events, or each a part of them, are one host's story. */
  @ParameterizedTest
  @MethodSource("scenarios")
  void scenarioReadFromTwoSourcesInAnyOrder_comesToTheSame(String scenario) {
    List<AuditEvent> events = Trails.events(file(scenario));
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 4; round++) {
      List<AuditEvent> sent = new ArrayList<>();
      for (AuditEvent event : events) {
        int where = random.nextInt(3);
        if (where != 1) {
          sent.add(event);
        }
        if (where != 0) {
          sent.add(AuditEvent.newBuilder(event).setSource("other").setTrail("1").build());
        }
      }
      Collections.shuffle(sent, random);
      assertThat(stops(sent, random.nextBoolean() ? "0" : "5000"))
          .as("seed %s round %s", seed, round)
          .containsExactlyElementsOf(WANTED.get(scenario));
    }
  }

  /** What holds at the end, by time. */
  private static List<String> stops(List<AuditEvent> events, String graceMs) {
    Map<String, ShutdownAttribution> last = new LinkedHashMap<>();
    try (Drive<ShutdownAttribution> drive =
        new Drive<>(new ShutdownJob(), Topics.SHUTDOWNS, Map.of("shutdown.grace.ms", graceMs))) {
      events.forEach(event -> drive.send(Topics.EVENTS, event));
      drive.wallPasses(java.time.Duration.ofSeconds(6));
      drive.results().forEach(stop -> last.put(stop.getId(), stop));
    }
    Map<Instant, String> byTime = new TreeMap<>();
    last.values().stream()
        .filter(stop -> stop.getSupersededBy().isEmpty() && stop.getWithdrawn().isEmpty())
        .forEach(stop -> byTime.merge(stop.getStopped(), line(stop), (a, b) -> a + " AND " + b));
    return List.copyOf(byTime.values());
  }

  private static String line(ShutdownAttribution stop) {
    String evidence =
        stop.getEvidence().stream()
            .map(one -> one.getKind().name())
            .collect(Collectors.joining(","));
    long millis = stop.getStopped().toEpochMilli();
    return Stream.of(
            stop.getMarker(),
            "%d.%03d".formatted(millis / 1000, millis % 1000),
            stop.getDaemon(),
            or(stop.getDaemonPid()),
            stop.getAttribution().name(),
            or(stop.getAuid()),
            or(stop.getSession()),
            or(stop.getPid()),
            stop.getCertainty().name(),
            stop.getDisagreement() ? "yes" : "no",
            evidence.isEmpty() ? "-" : evidence)
        .collect(Collectors.joining(" | "));
  }

  private static String or(Optional<Long> value) {
    return value.map(String::valueOf).orElse("-");
  }
}
