// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.AgentConfig;
import auditbus.schemas.SchemaRegistryConfig;
import auditbus.sinks.trail.TrailSinkConnector;
import auditbus.standalone.Documents.Document;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.ConfigDef;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What the documents say of commands, options, keys and files is so. */
final class DocumentsTest {
  /** Options of other programs that documents speak of. */
  private static final Set<String> OTHERS =
      Set.of(
          "-b",
          "-f",
          "-r",
          "-s",
          "-t",
          "--reset-lost",
          "--signal",
          "-i",
          "-if",
          "--release",
          "--resolve");

  /** A document in which everything is wrong, once. */
  private static final String ALL_WRONG =
      """
      # Made up

          ./auditbus standalon
          ./auditbus agent walk --config FILE
          ./auditbus gaps --opened --data DIR      # --open
          ./auditbuss gaps
          $ auditbus hosts --look
          ./mvnw -B -pl agents verify
          ./mvnw -B -pl agent test -Dtest=NoSuchThingTest
          ./mvnw -B -pl agent test -Dauditbus.no.such.property=1
          benchmarks/bin/nothing
          benchmarks/bin/faults [--secondss N]
          java -cp benchmarks/target/auditbus-benchmarks.jar auditbus.benchmarks.NoSuchClass FILE
          docker compose exec nobody auditbus gaps
          docker compose exec streams auditbus gaps --opened

      Set `heartbeat.msec`, `sources.NAME.colour` and `producer.no.such.key`; see `no-such-file.conf`, `--no-such-option`
      `NoSuchThingHere` and `auditbus verify --quickly`; [a file](no/such/file.md), [a heading](../README.md#no-such-heading),
      [here](#made-up), [there](#made-down).

          state.directory=/var/lib/auditbus
      """;

  @TempDir Path scratch;

  @Test
  void commands_areThere() throws Exception {
    DocumentedCommands commands = new DocumentedCommands();
    List<String> wrong = new ArrayList<>();
    for (Document document : Documents.all()) {
      wrong.addAll(commands.wrong(document));
      wrong.addAll(commands.wrongOptions(document, OTHERS));
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void names_areThoseOfKeysTopicsFieldsAndFiles() throws Exception {
    DocumentedNames names = new DocumentedNames();
    List<String> wrong = new ArrayList<>();
    for (Document document : Documents.all()) {
      wrong.addAll(names.wrong(document));
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void everyKey_isInItsModulesReadme() throws Exception {
    assertThat(DocumentedNames.undocumented(readme("agent"), AgentConfig.definition())).isEmpty();
    assertThat(DocumentedNames.undocumented(readme("schemas"), SchemaRegistryConfig.definition()))
        .isEmpty();
    assertThat(DocumentedNames.undocumented(readme("sinks"), new TrailSinkConnector().config()))
        .isEmpty();
    // Of streams MainTest compares the whole table.
    assertThat(
            DocumentedNames.undocumented(
                readme("sinks"),
                new ConfigDef().define("x.y", ConfigDef.Type.INT, ConfigDef.Importance.LOW, "")))
        .contains("README.md does not name x.y");
  }

  @Test
  void links_leadSomewhere() throws Exception {
    List<String> wrong = new ArrayList<>();
    int links = 0;
    for (Document document : Documents.all()) {
      wrong.addAll(Documents.wrongLinks(document));
      links += document.links().size();
    }
    assertThat(wrong).isEmpty();
    assertThat(links).isGreaterThan(30);
  }

  @Test
  void whatIsWrong_isFound() throws Exception {
    Document document = Documents.parse(Documents.ROOT.resolve("agent/README.md"), ALL_WRONG);
    DocumentedCommands commands = new DocumentedCommands();
    List<String> found = new ArrayList<>(commands.wrong(document));
    found.addAll(commands.wrongOptions(document, OTHERS));
    found.addAll(new DocumentedNames().wrong(document));
    found.addAll(Documents.wrongLinks(document));
    for (String wrong :
        List.of(
            "no such command: ./auditbus standalon",
            "'walk'",
            "'--opened': ./auditbus",
            "'./auditbuss'",
            "'--look'",
            "'agents'",
            "'NoSuchThingTest'",
            "'auditbus.no.such.property'",
            "'benchmarks/bin/nothing'",
            "'--secondss'",
            "'auditbus.benchmarks.NoSuchClass'",
            "'nobody'",
            "'--opened': docker",
            "'heartbeat.msec'",
            "'sources.NAME.colour'",
            "'producer.no.such.key'",
            "'no-such-file.conf'",
            "program: --no-such-option",
            "NoSuchThingHere",
            "'--quickly'",
            "no/such/file.md",
            "../README.md#no-such-heading",
            "#made-down",
            "'state.directory'")) {
      assertThat(found).as(wrong).anyMatch(complaint -> complaint.contains(wrong));
    }
    assertThat(found).noneMatch(complaint -> complaint.endsWith(": #made-up"));
  }

  @Test
  void launcher_hasTheCommandsOfThePrograms() throws Exception {
    Set<String> listed = new TreeSet<>();
    ChildProcess.Ended help;
    try (ChildProcess child =
        ChildProcess.exec(
            scratch, List.of(Documents.ROOT.resolve("auditbus").toString(), "help"))) {
      help = child.await(Duration.ofSeconds(30));
    }
    Matcher row = Pattern.compile("(?m)^  ([a-z]+)  +\\S").matcher(help.out());
    while (row.find()) {
      listed.add(row.group(1));
    }
    Set<String> there = new TreeSet<>(new DocumentedCommands().commands().keySet());
    there.addAll(List.of("test", "help"));
    assertThat(listed).isEqualTo(there);
  }

  @Test
  void everyCommand_tellsItsOptions() throws Exception {
    for (CommandLine command : new DocumentedCommands().commands().values()) {
      help(command);
    }
  }

  private static void help(CommandLine command) {
    assertThat(command.getUsageMessage()).startsWith("Usage: ");
    command.getSubcommands().values().forEach(DocumentsTest::help);
  }

  @Test
  void dump_printsWhatTheReadmeShows() throws Exception {
    byte[] sample = Files.readAllBytes(Trees.sample("02-term-auid1000-sender-exits.log"));
    byte[] damaged = "type=SYSCALL msg=audit(16523".getBytes(StandardCharsets.US_ASCII);
    byte[] log = Arrays.copyOf(sample, 3207 + 50);
    Arrays.fill(log, 3207, 3256, (byte) 'x');
    System.arraycopy(damaged, 0, log, 3207, damaged.length);
    log[3256] = '\n';
    Files.write(scratch.resolve("audit.log"), log);
    ChildProcess.Ended dumped = dump("audit.log");
    assertThat(dumped.code()).isEqualTo(1);
    List<String> shown =
        readme("agent").code().stream()
            .map(Documents.Piece::text)
            .filter(line -> line.matches("(----|type=(SYSCALL|OBJ_PID|UNPARSED)) ?.*"))
            .toList();
    assertThat(shown).hasSize(5);
    for (String line : shown) {
      String[] parts = line.split("\\.\\.\\.", -1);
      assertThat(dumped.out().lines())
          .as(line)
          .anyMatch(printed -> Arrays.stream(parts).allMatch(printed::contains));
    }
    assertThat(dump("--json", "audit.log").out().lines()).allMatch(line -> line.startsWith("{"));
  }

  private ChildProcess.Ended dump(String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--sun-misc-unsafe-memory-access=allow",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "auditbus.agent.Main",
                "dump"));
    command.addAll(List.of(arguments));
    try (ChildProcess child = ChildProcess.exec(scratch, command)) {
      return child.await(Duration.ofSeconds(60));
    }
  }

  private static Document readme(String module) throws Exception {
    Path file = Documents.ROOT.resolve(module).resolve("README.md");
    return Documents.parse(file, Files.readString(file));
  }
}
