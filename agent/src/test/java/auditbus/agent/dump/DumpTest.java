// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.agent.RequiredTools;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is printed of files, in this process. */
class DumpTest {
  private static final Path SAMPLES = Path.of("src/test/resources/samples");

  @TempDir Path directory;

  static List<Path> texts() throws IOException {
    List<Path> found = new ArrayList<>();
    for (String kind : List.of("linux", "legacy", "netlink")) {
      try (Stream<Path> files = Files.list(SAMPLES.resolve(kind))) {
        files.filter(file -> !file.toString().endsWith(".md")).sorted().forEach(found::add);
      }
    }
    return found;
  }

  private static String line(int serial) {
    return String.format(
        Locale.ROOT,
        "type=USER_LOGIN msg=audit(1795170528.%03d:%d): pid=1 uid=0 auid=1000 ses=2 res=1\n",
        serial % 1000,
        serial);
  }

  private Path file(String name, byte[]... parts) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      bytes.write(part);
    }
    return Files.write(directory.resolve(name), bytes.toByteArray());
  }

  private static byte[] latin1(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static List<String> ausearch(Path file, String... options) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(RequiredTools.path("ausearch").toString());
    command.addAll(List.of("-if", file.toString()));
    command.addAll(Arrays.asList(options));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(Map.of("TZ", "UTC", "LC_ALL", "C"));
    // ausearch prefers a pipe on its input to the file it was given.
    builder.redirectInput(Path.of("/dev/null").toFile());
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    Process process = builder.start();
    byte[] output = process.getInputStream().readAllBytes();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return new String(output, StandardCharsets.UTF_8).lines().toList();
  }

  // ---- every sample

  @ParameterizedTest
  @MethodSource("texts")
  void everyByteIsInOneRecord_andEveryFieldInTheBlocks(Path sample) throws Exception {
    Dumped json = Dumped.of(Dumped.settings(true, true, sample), new byte[0]);
    byte[] bytes = Files.readAllBytes(sample);
    byte[] again = new byte[bytes.length];
    int covered = 0;
    for (JsonNode record : json.records()) {
      byte[] raw = Base64.getDecoder().decode(record.get("rawBase64").textValue());
      assertThat(record.get("length").intValue()).isEqualTo(raw.length);
      System.arraycopy(raw, 0, again, record.get("position").intValue(), raw.length);
      covered += raw.length;
    }
    assertThat(covered).isEqualTo(bytes.length);
    assertThat(again).isEqualTo(bytes);

    Dumped blocks = Dumped.blocks(sample);
    assertThat(blocks.blockCount()).isEqualTo(json.events().size());
    List<String> lines = blocks.out().lines().filter(line -> !line.startsWith("----")).toList();
    assertThat(lines).hasSize(json.records().size());
    int at = 0;
    for (JsonNode record : json.records()) {
      String line = " " + lines.get(at++) + " ";
      assertThat(line).contains("type=" + record.get("name").textValue() + " ");
      record
          .get("fields")
          .properties()
          .forEach(
              field -> {
                StringBuilder value = new StringBuilder();
                SafeText.value(value, field.getValue().textValue());
                boolean resolved =
                    line.contains("(" + value + ")") || line.contains("=" + value + " ");
                assertThat(
                        line.contains(" " + field.getKey() + "=" + value + " ")
                            || line.contains(" " + field.getKey() + "=" + value + "(")
                            || resolved)
                    .as("%s=%s in %s", field.getKey(), value, line)
                    .isTrue();
              });
    }
    assertThat(json.exitCode()).isEqualTo(blocks.exitCode());
    boolean damaged = json.records().stream().anyMatch(one -> one.get("type").intValue() == -1);
    assertThat(json.exitCode()).isEqualTo(damaged ? Dump.DAMAGED : 0);
    assertThat(json.err().isEmpty()).isEqualTo(!damaged);
  }

  @ParameterizedTest
  @MethodSource("texts")
  void recordsAndEvents_areThoseOfAusearch(Path sample) throws Exception {
    Dumped ours = Dumped.json(sample);
    long records =
        ours.records().stream().filter(record -> record.get("type").intValue() != -1).count();
    assertThat(ausearch(sample, "--format", "raw")).hasSize((int) records);

    String blocks = Dumped.blocks(sample).out();
    for (String line : ausearch(sample, "-i")) {
      int end = line.indexOf(") : ");
      if (!line.startsWith("type=") || end < 0) {
        continue;
      }
      // type=SYSCALL msg=audit(11/20/26 10:28:48.496:19) : arch=x86_64 syscall=kill ...
      String type = line.substring(0, line.indexOf(' ') + 1);
      String stamp = line.substring(line.indexOf('(') + 1, end);
      String ours1 =
          type
              + "msg=audit(20"
              + stamp.substring(6, 8)
              + "-"
              + stamp.substring(0, 5).replace('/', '-')
              + "T"
              + stamp.substring(9, 21)
              + "Z"
              + stamp.substring(21)
              + "):";
      assertThat(blocks).contains(ours1);
      // What auditd did not resolve may have a name that only one of the two knows.
      boolean enriched = sample.getParent().endsWith("linux");
      for (String name : enriched ? List.of(" syscall=", " arch=") : List.of(" arch=")) {
        int from = line.indexOf(name);
        if (from > 0 && type.equals("type=SYSCALL ")) {
          String resolved = line.substring(from + name.length()).split(" ", 2)[0];
          if (!resolved.matches("[0-9]+")) {
            assertThat(blocks.lines())
                .anyMatch(one -> one.contains(ours1) && one.contains("(" + resolved + ")"));
          }
        }
      }
    }
  }

  // ---- damage

  @Test
  void damage_isShownAndToldWithPlaceAndReason() throws Exception {
    byte[] zero = latin1(line(3).replace("res=1", "res=\0"));
    Path file =
        file(
            "log",
            latin1(line(1)),
            latin1("type=SYSCALL msg=audit(16523210---): arch=c000003e\n"),
            latin1("\n"),
            latin1("no record \033[31m\n"),
            zero,
            latin1(line(4)),
            latin1(line(5).substring(0, 50)));
    Dumped dumped = Dumped.blocks(file);
    assertThat(dumped.exitCode()).isEqualTo(Dump.DAMAGED);
    int first = line(1).length();
    // What follows one another is one place.
    assertThat(dumped.err())
        .containsExactly(
            "auditbus dump: "
                + file
                + ": "
                + (51 + 1 + 16 + zero.length)
                + " bytes at position "
                + first
                + " cannot be read: a damaged stamp at byte 13 of the line, 'audit(SECONDS.MMM:SERIAL):'"
                + " wanted, found \"audit(16523210---): arch=c000003e\"",
            "auditbus dump: "
                + file
                + ": 50 bytes at position "
                + (Files.size(file) - 50)
                + " cannot be read: the file ends inside a record: no line end in 50 bytes, wanted one"
                + " within 65536, found none up to byte 50");
    assertThat(dumped.out())
        .contains(
            "type=UNPARSED position="
                + (first + 51)
                + " length=1 reason=\"an empty line\" bytes=\"\\n\"\n",
            "bytes=\"no record \\x1b[31m\\n\"",
            "0x00 at byte " + (zero.length - 2) + " of the line")
        .doesNotContain("\033");
    assertThat(dumped.blockCount()).isEqualTo(7);
  }

  @Test
  void damage_isToldOfInAtMostSoManyLines() throws Exception {
    StringBuilder text = new StringBuilder();
    for (int serial = 0; serial < 100; serial++) {
      text.append("junk\n").append(line(serial));
    }
    Dumped dumped = Dumped.json(file("log", latin1(text.toString())));
    assertThat(dumped.err()).hasSize(Complaints.MOST + 1);
    assertThat(dumped.err().getLast())
        .isEqualTo(
            "auditbus dump: 80 more places of together 400 bytes cannot be read (100 places, 500"
                + " bytes in all)");
    assertThat(dumped.events()).hasSize(200);
  }

  @Test
  void aLineOfTwoMegabytes_isOnePlaceInChunks() throws Exception {
    byte[] endless = new byte[2 << 20];
    Arrays.fill(endless, (byte) 'x');
    endless[endless.length - 1] = '\n';
    Dumped dumped = Dumped.json(file("log", latin1(line(1)), endless, latin1(line(2))));
    assertThat(dumped.exitCode()).isEqualTo(Dump.DAMAGED);
    assertThat(dumped.err())
        .singleElement()
        .asString()
        .contains((2 << 20) + " bytes at position " + line(1).length());
    assertThat(dumped.events().getFirst().get("serial").longValue()).isEqualTo(1);
    assertThat(dumped.events().getLast().get("serial").longValue()).isEqualTo(2);
    assertThat(dumped.out().length()).as("previews are bounded").isLessThan(100_000);
  }

  @Test
  void anyBytes_areCoveredAndNeverReachTheTerminal() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    byte[] sample =
        Files.readAllBytes(SAMPLES.resolve("linux/17-other-signal-syscalls-and-injection.log"));
    for (int round = 0; round < 40; round++) {
      byte[] bytes = sample.clone();
      for (int hits = random.nextInt(400); hits > 0; hits--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      Path file = file("log", bytes);
      Dumped json = Dumped.of(Dumped.settings(true, round % 2 == 0, file), new byte[0]);
      long covered = 0;
      for (JsonNode record : json.records()) {
        covered += record.get("length").intValue();
      }
      assertThat(covered).as("seed %d", seed).isEqualTo(bytes.length);
      String shown = Dumped.of(Dumped.settings(false, true, file), new byte[0]).out() + json.out();
      assertThat(shown.chars().noneMatch(c -> c != '\n' && Character.isISOControl(c)))
          .as("seed %d", seed)
          .isTrue();
      assertThat(json.out().chars().allMatch(c -> c < 0x7f)).as("seed %d", seed).isTrue();
    }
  }

  @Test
  void hexThatIsNoText_isEscapedInBothForms() throws Exception {
    // comm is ESC ] 0 ; x BEL, 0xFF and a forged field
    String hex = HexFormat.of().withUpperCase().formatHex(latin1("\033]0;x\007\u00ff auid=0"));
    Path file =
        file(
            "log",
            latin1("type=ANOM_ABEND msg=audit(1795170528.001:7): auid=1000 comm=" + hex + "\n"));
    assertThat(Dumped.blocks(file).out())
        .contains(" auid=1000 comm=\"\\u001b]0;x\\u0007%FF auid=0\"\n");
    JsonNode record = Dumped.json(file).records().getFirst();
    assertThat(record.get("fields").get("comm").textValue()).isEqualTo("\033]0;x\007%FF auid=0");
    assertThat(record.get("escaped").get(0).textValue()).isEqualTo("comm");
  }

  @Test
  void whatAuditdResolved_standsBehindItsNumber_andNobodyElseCanWriteItThere() throws Exception {
    Path file =
        file(
            "log",
            latin1(
                "type=USER_LOGIN msg=audit(1795170528.001:7): pid=1 uid=0 auid=1000 ses=1"
                    + " msg='op=login acct=\"1000(root)\" res=success'\u001dUID=\"root\" AUID=\"al ice\"\n"));
    assertThat(Dumped.blocks(file).out())
        .contains(
            "uid=0(root) auid=1000(\"al ice\") ses=1 msg.op=login msg.acct=\"1000(root)\""
                + " msg.res=success\n");
  }

  // ---- places

  @Test
  void aDirectoryOfTrails_isPrintedInTheOrderOfStarts_asOneStream() throws Exception {
    String head =
        "type=SYSCALL msg=audit(1795170528.001:7): arch=c000003e syscall=62 success=yes exit=0 items=0\n";
    String tail = "type=PROCTITLE msg=audit(1795170528.001:7): proctitle=\"x\"\n";
    file("20261120100000.not_terminated", latin1(tail + line(9)));
    file("20261120090000.20261120100000", latin1(line(2) + head));
    file("20261120090000~2.crash_recovery", latin1(line(3)));
    file("20261120080000.20261120090000.host", latin1(line(1)));
    file("README", latin1("no trail"));
    Files.createDirectory(directory.resolve("20261120070000.not_terminated"));
    Dumped dumped = Dumped.json(directory);
    assertThat(dumped.err()).isEmpty();
    assertThat(dumped.events().stream().map(event -> event.get("serial").longValue()))
        .containsExactly(1L, 2L, 3L, 7L, 9L);
    JsonNode straddling = dumped.events().get(3);
    assertThat(straddling.get("complete").booleanValue()).isTrue();
    assertThat(straddling.get("trail").textValue()).endsWith("20261120090000.20261120100000");
    assertThat(straddling.get("records").get(1).get("trail").textValue())
        .endsWith("20261120100000.not_terminated");
  }

  @Test
  void anAuditLogsDirectory_isPrintedOldestFirst() throws Exception {
    file("audit.log", latin1(line(3)));
    file("audit.log.1", latin1(line(2)));
    file("audit.log.10", latin1(line(1)));
    file("audit.log.gz", latin1("x"));
    assertThat(Dumped.json(directory).events().stream().map(one -> one.get("serial").longValue()))
        .containsExactly(1L, 2L, 3L);
  }

  @Test
  void whatCannotBeRead_isToldOf_andTheRestPrinted() throws Exception {
    Path there = file("log", latin1(line(1)));
    Path empty = Files.createDirectory(directory.resolve("empty"));
    Dumped dumped = Dumped.json(directory.resolve("gone"), there, empty, file("nothing"));
    assertThat(dumped.exitCode()).isEqualTo(Dump.UNREADABLE);
    assertThat(dumped.events()).hasSize(1);
    assertThat(dumped.err())
        .containsExactly(
            "auditbus dump: " + directory.resolve("gone") + ": there is no such file",
            "auditbus dump: "
                + empty
                + ": holds neither trails (YYYYMMDDhhmmss.ENDING) nor an audit.log: name the files");
  }

  @Test
  void standardInput_isAPlaceAmongOthers() throws Exception {
    Path file = file("log", latin1(line(1)));
    Dumped dumped =
        Dumped.of(Dumped.settings(true, false, file, Path.of("-"), file), latin1(line(2)));
    assertThat(dumped.exitCode()).isEqualTo(0);
    assertThat(dumped.events().stream().map(one -> one.get("trail").textValue()))
        .containsExactly(file.toString(), "stdin", file.toString());
  }

  // ---- selection

  @Test
  void typesAndSince_select_butDamageIsToldOfAnyway() throws Exception {
    Path file =
        file("log", latin1(line(1)), latin1("junk\n"), latin1(line(2).replace("LOGIN", "LOGOUT")));
    DumpSettings types =
        new DumpSettings(
            List.of(file.toString()),
            Optional.empty(),
            true,
            false,
            false,
            Set.of("USER_LOGOUT"),
            Optional.empty());
    Dumped dumped = Dumped.of(types, new byte[0]);
    assertThat(dumped.events()).hasSize(1);
    assertThat(dumped.exitCode()).isEqualTo(Dump.DAMAGED);

    DumpSettings since =
        new DumpSettings(
            List.of(file.toString()),
            Optional.empty(),
            true,
            false,
            false,
            Set.of(),
            Optional.of(Instant.ofEpochMilli(1795170528_002L)));
    assertThat(
            Dumped.of(since, new byte[0]).events().stream().map(one -> one.get("type").textValue()))
        .containsExactly("UNPARSED", "USER_LOGOUT");
  }

  @Test
  void followingSeveralPlaces_isRefused() {
    assertThatThrownBy(
            () ->
                new DumpSettings(
                    List.of("a", "b"),
                    Optional.empty(),
                    false,
                    false,
                    true,
                    Set.of(),
                    Optional.empty()))
        .hasMessage("--follow follows one file or directory, not 2");
  }

  // ---- output

  @Test
  void aFullDisk_isAnErrorAndABrokenPipeIsNot() throws Exception {
    Path file = file("log", latin1(line(1)));
    OutputStream broken =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("Broken pipe");
          }
        };
    assertThat(
            new Dump(
                    Dumped.settings(false, false, file),
                    InputStream.nullInputStream(),
                    broken,
                    _ -> {},
                    _ -> true)
                .run())
        .isEqualTo(Dump.BROKEN_PIPE);
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("No space left on device");
          }
        };
    assertThatThrownBy(
            () ->
                new Dump(
                        Dumped.settings(true, false, file),
                        InputStream.nullInputStream(),
                        full,
                        _ -> {},
                        _ -> true)
                    .run())
        .hasMessage("standard output: No space left on device");
  }

  @Test
  void rotationOrder_findsWhatWasWrittenSinceItsFileLostItsName() throws Exception {
    Path log = file("audit.log", latin1(line(1)));
    Path old = file("audit.log.1", latin1(line(0)));
    Files.setLastModifiedTime(old, FileTime.fromMillis(1_000));
    RotationOrder order = new RotationOrder(log, false);
    try (TrailFile first = order.next(Optional.empty()).orElseThrow()) {
      assertThat(first.path()).isEqualTo(log);
      assertThat(order.next(Optional.of(first))).isEmpty();
      Files.delete(log);
      assertThat(order.next(Optional.of(first))).as("what is older").isEmpty();
      file("audit.log", latin1(line(2)));
      try (TrailFile next = order.next(Optional.of(first)).orElseThrow()) {
        assertThat(next.path()).isEqualTo(log);
        assertThat(order.isClosed(next)).isFalse();
      }
    }
  }
}
