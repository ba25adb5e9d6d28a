// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.standalone.Documents.Document;
import auditbus.standalone.Documents.Piece;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The READMEs' commands on a data directory, run as they stand there, print what is shown. */
final class ReadmeIT {
  private static final String SAMPLE = "02-term-auid1000-sender-exits.log";

  @TempDir static Path scratch;
  private static ChildProcess.Ended first;

  @BeforeAll
  static void runTheFirst() throws Exception {
    Files.copy(Trees.sample(SAMPLE), scratch.resolve(SAMPLE));
    List<String> words = new ArrayList<>(words("$ ./auditbus standalone --once"));
    words.addAll(List.of("--host", "vm", "--kafka-port", "0", "--registry-port", "0"));
    first = ChildProcess.run(scratch, words.toArray(String[]::new));
  }

  @Test
  void once_printsWhatIsShown() throws Exception {
    assertThat(first.code()).as(first.err()).isZero();
    List<String> printed = first.out().lines().map(ReadmeIT::normal).toList();
    int compared = 0;
    for (Document document : List.of(readme("."), readme("standalone"))) {
      for (Piece line : shown(document, "$ ./auditbus standalone --once")) {
        if (!line.text().equals("...")) {
          assertThat(printed)
              .as("%s line %d", line.file(), line.line())
              .contains(normal(line.text()));
          compared++;
        }
      }
    }
    assertThat(compared).isEqualTo(10 + 5);
  }

  @Test
  void shutdowns_areThoseShown() throws Exception {
    List<String> words = new ArrayList<>(words("$ auditbus shutdowns", readme("streams")));
    words.addAll(List.of("--data", "data"));
    ChildProcess.Ended ended = ChildProcess.run(scratch, words.toArray(String[]::new));
    assertThat(ended.code()).as(ended.err()).isZero();
    List<String> rows =
        shown(readme("streams"), "$ auditbus shutdowns").stream()
            .map(row -> normal(row.text()))
            .toList();
    assertThat(ended.out().lines().map(ReadmeIT::normal))
        .hasSize(2)
        .allMatch(rows::contains, "is a row that README shows");
  }

  @Test
  void otherCommands_endWell() throws Exception {
    Set<List<String>> run = new HashSet<>();
    for (Document document : List.of(readme("."), readme("standalone"))) {
      for (Piece line : document.code()) {
        if (line.text()
            .matches("\\./auditbus (events|shutdowns|gaps|hosts|verify) .*(?i:data).*")) {
          String command =
              line.text()
                  .replaceFirst(" {2,}#.*", "")
                  .replaceFirst(" \\| .*", "")
                  .replaceFirst("\\[?--watch]?", "")
                  .replace("DIR", "data");
          if (run.add(List.of(arguments(command)))) {
            ChildProcess.Ended ended = ChildProcess.run(scratch, arguments(command));
            assertThat(ended.code()).as("%s: %s", line.text(), ended.err()).isZero();
          }
        }
      }
    }
    assertThat(run).hasSize(6 + 2);
  }

  private static String[] arguments(String command) {
    String[] words = command.strip().split("\\s+", -1);
    return Arrays.copyOfRange(words, 1, words.length);
  }

  private static List<String> words(String beginning) throws Exception {
    return words(beginning, readme("."));
  }

  /** The arguments of a command with a prompt. */
  private static List<String> words(String beginning, Document document) {
    String command =
        document.code().stream()
            .map(Piece::text)
            .filter(line -> line.startsWith(beginning))
            .findFirst()
            .orElseThrow();
    return List.of(arguments(command.substring(2)));
  }

  /** The lines that follow a command in its block. */
  private static List<Piece> shown(Document document, String beginning) {
    List<Piece> lines = new ArrayList<>();
    int next = -1;
    for (Piece line : document.code()) {
      if (line.text().startsWith(beginning)) {
        next = line.line() + 1;
      } else if (line.line() == next) {
        lines.add(line);
        next++;
      }
    }
    return lines;
  }

  /**
   * Without what differs from run to run: directory, ports, host, width of columns, repetitions.
   */
  private static String normal(String line) {
    return line.strip()
        .replace(scratch.toString(), "/home/me")
        .replaceFirst(" \\(\\d+ records sent again, counted once\\)$", "")
        .replace("web1", "vm")
        .replaceAll("127\\.0\\.0\\.1:\\d+", "127.0.0.1:PORT")
        .replaceAll("\\s+", " ");
  }

  private static Document readme(String module) throws Exception {
    Path file = Documents.ROOT.resolve(module).resolve("README.md").normalize();
    return Documents.parse(file, Files.readString(file));
  }
}
