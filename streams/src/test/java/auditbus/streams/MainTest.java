// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class MainTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... args) {
    CommandLine command = Main.commandLine();
    command.setOut(new PrintWriter(out, true));
    command.setErr(new PrintWriter(err, true));
    return command.execute(args);
  }

  private void wrongUsage(String part, String... args) {
    assertThat(run(args)).isEqualTo(2);
    assertThat(err.toString().strip().lines()).hasSize(1);
    assertThat(err.toString()).contains(part);
  }

  @Test
  void unknownOption_isOneLineAndExit2() {
    wrongUsage("--nonsense", "events", "--nonsense");
  }

  @Test
  void unknownTopic_isOneLineAndExit2() {
    wrongUsage("audit.events, audit.trails", "events", "--topic", "audit.event");
  }

  @Test
  void noTime_isOneLineAndExit2() {
    wrongUsage("2026-11-20T10:28:00Z", "shutdowns", "--since", "yesterday");
  }

  @Test
  void reportOfABrokerThatIsNotThere_isOneLineAndExit1() {
    for (String report : new String[] {"shutdowns", "gaps", "hosts"}) {
      err.getBuffer().setLength(0);
      assertThat(run(report, "--bootstrap", "127.0.0.1:1", "-Ddefault.api.timeout.ms=500"))
          .isEqualTo(1);
      assertThat(err.toString().strip().lines()).hasSize(1);
    }
  }

  @Test
  void unknownJob_isOneLineAndExit2() {
    wrongUsage("there are gaps, shutdown", "streams", "run", "gap");
  }

  @Test
  void unknownSetting_isOneLineAndExit2() {
    wrongUsage("gaps.grace", "streams", "run", "-Dgaps.grace=1");
  }

  @Test
  void wrongSetting_isOneLineAndExit2() {
    wrongUsage("gaps.grace.ms", "streams", "run", "-Dgaps.grace.ms=-1");
  }

  @Test
  void wrongRegistry_isOneLineWithoutItsPassword(@TempDir Path directory) throws Exception {
    for (String url :
        List.of("user:swordfish@host", "ftp://user:swordfish@host", "http://user:swordfish@h_t")) {
      for (List<String> command :
          List.of(
              List.of("events"),
              List.of("shutdowns"),
              List.of("gaps"),
              List.of("hosts"),
              List.of("streams", "run", "--state-dir", directory.toString()))) {
        List<String> arguments = new ArrayList<>(command);
        arguments.addAll(List.of("--bootstrap", "127.0.0.1:1", "--registry", url));
        err.getBuffer().setLength(0);
        assertThat(run(arguments.toArray(String[]::new))).as("%s", arguments).isBetween(1, 2);
        assertThat(err.toString().strip().lines()).as("%s", arguments).hasSize(1);
        assertThat(err.toString())
            .contains("schema.registry.url: URL number 1 ")
            .doesNotContain("swordfish");
      }
    }
  }

  @Test
  void missingSubcommand_isOneLineAndExit2() {
    wrongUsage("create or check", "topics");
  }

  @Test
  void moreCopiesToAcknowledgeThanThereAre_isOneLineAndExit2() {
    wrongUsage("found 3 of 2", "topics", "create", "--replication", "2", "--min-insync", "3");
  }

  @Test
  void missingConfigFile_isOneLineAndExit2() {
    wrongUsage("there is no file", "streams", "run", "--config", "/nowhere/at/all");
  }

  @Test
  void configFileThatIsNotUtf8_isOneLineAndExit2(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("c.properties");
    Files.write(file, new byte[] {'a', '=', (byte) 0xFF});
    wrongUsage("not UTF-8", "streams", "run", "--config", file.toString());
  }

  @Test
  void configFile_isOverruledByOptions(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("c.properties");
    Files.writeString(
        file, "bootstrap.servers=a:1\nstate.dir=/s\nlinger.ms=1\n", StandardCharsets.UTF_8);
    ClientOptions options = new ClientOptions();
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();
    spec.addMixin("client", CommandLine.Model.CommandSpec.forAnnotatedObject(options));
    new CommandLine(spec)
        .parseArgs("--config", file.toString(), "-Dlinger.ms=2", "--bootstrap", "b:2");
    assertThat(options.settings())
        .containsEntry("bootstrap.servers", "b:2")
        .containsEntry("linger.ms", "2")
        .containsEntry("state.dir", "/s")
        .containsEntry("schema.registry.url", "http://localhost:8081");
  }

  @Test
  void brokerThatIsNotThere_isOneLineAndExit1() {
    assertThat(run("events", "--bootstrap", "127.0.0.1:1", "-Ddefault.api.timeout.ms=500"))
        .isEqualTo(1);
    assertThat(err.toString().strip().lines()).hasSize(1);
  }

  @Test
  void readme_holdsTheSettingsAsTheyAre() throws Exception {
    assertThat(run("streams", "settings")).isZero();
    assertThat(Files.readString(Path.of("README.md"), StandardCharsets.UTF_8))
        .contains(out.toString());
  }
}
