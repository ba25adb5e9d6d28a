// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.RequiredTools;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What was collected is read by auditd's own tools, and proven, by the programs users run. It is
 * collected once; who changes it puts it right again.
 */
final class VerifyIT {
  @TempDir static Path scratch;
  private static Path data;
  private static Path audit;
  private static Path collected;

  @BeforeAll
  static void collect() throws Exception {
    audit = Files.createDirectory(scratch.resolve("audit"));
    Files.copy(Trees.sample("01-term-auid1000-sender-alive.log"), audit.resolve("audit.log.2"));
    Files.copy(Trees.sample("05-usr1-rotate.log"), audit.resolve("audit.log.1"));
    Files.copy(Trees.sample("07-cont-state.log"), audit.resolve("audit.log"));
    data = scratch.resolve("data");
    try (ChildProcess child =
        ChildProcess.start(
            scratch,
            List.of(
                "standalone",
                "--once",
                "--data",
                data.toString(),
                "--input",
                audit.toString(),
                "--host",
                "web1",
                "--kafka-port",
                "0",
                "--registry-port",
                "0"))) {
      ChildProcess.Ended ended = child.await(Duration.ofSeconds(150));
      assertThat(ended.out()).contains("3 trails, 3 verified");
    }
    collected = data.resolve("collected/web1/auditd");
  }

  private String tool(String name, Path directory, String... options) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "TZ=UTC",
                "LC_ALL=C",
                RequiredTools.path(name).toString(),
                "-if",
                directory.toString()));
    command.addAll(List.of(options));
    Path out = Files.createTempFile(scratch, name, ".txt");
    Process process =
        new ProcessBuilder(command)
            // A terminal's or a file's input: of a pipe they would read that.
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .redirectOutput(out.toFile())
            .start();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return Files.readString(out, StandardCharsets.ISO_8859_1);
  }

  @Test
  void auditTools_readASourcesDirectoryAsTheHostsOwn() throws Exception {
    assertThat(Files.readSymbolicLink(collected.resolve("audit.log")).toString())
        .isEqualTo(
            Trees.trails(data.resolve("collected"), "web1", "auditd")
                .getLast()
                .getFileName()
                .toString());
    String host = tool("ausearch", audit, "--raw");
    assertThat(host.lines()).hasSizeGreaterThan(30);
    assertThat(tool("ausearch", collected, "--raw")).isEqualTo(host);
    assertThat(tool("ausearch", collected, "-m", "DAEMON_END", "-i"))
        .isEqualTo(tool("ausearch", audit, "-m", "DAEMON_END", "-i"))
        .contains("DAEMON_END");
    String report = tool("aureport", audit, "--event", "--summary", "-i");
    assertThat(report).contains("SYSCALL");
    assertThat(tool("aureport", collected, "--event", "--summary", "-i")).isEqualTo(report);
  }

  @Test
  void verify_provesTheTreeAndNamesWhatWasDoneToIt() throws Exception {
    ChildProcess.Ended well = verify(data.resolve("collected").toString());
    assertThat(well.err()).isEmpty();
    assertThat(well.code()).isZero();
    assertThat(well.out()).contains("web1/auditd  3 trails", "are as they were finished");
    assertThat(verify("--data", data.toString(), "--against-topic").out())
        .contains("3 trails of 1 source", "3 endings in the topic");

    List<Path> trails = Trees.trails(data.resolve("collected"), "web1", "auditd");
    Path last = trails.getLast();
    Files.setPosixFilePermissions(last, PosixFilePermissions.fromString("rw-r-----"));
    byte[] bytes = Files.readAllBytes(last);
    bytes[bytes.length / 2] ^= 1;
    Files.write(last, bytes);
    ChildProcess.Ended flipped = verify(collected.toString());
    assertThat(flipped.code()).isEqualTo(1);
    assertThat(flipped.out())
        .endsWith("1 does not fit, the first: " + last.getFileName() + "\n")
        .contains("its bytes changed");
    bytes[bytes.length / 2] ^= 1;
    Files.write(last, bytes);
    assertThat(verify(collected.toString()).code()).isZero();

    // The newest trail and its line: nothing here tells of it, but the topic.
    Files.delete(last);
    Path manifest = collected.resolve("MANIFEST");
    List<String> lines = Files.readAllLines(manifest);
    Files.write(manifest, lines.subList(0, lines.size() - 1));
    assertThat(verify(data.resolve("collected").toString()).code()).isZero();
    ChildProcess.Ended cut = verify("--data", data.toString(), "--against-topic");
    assertThat(cut.code()).isEqualTo(1);
    Files.write(last, bytes);
    Files.write(manifest, lines);
    assertThat(cut.out())
        .endsWith("1 does not fit, the first: web1/auditd/" + last.getFileName() + "\n")
        .contains("nothing of it is here");
  }

  @Test
  void verify_refusesWhatItCannotVerify() throws Exception {
    assertThat(verify().err()).contains("which directory?");
    ChildProcess.Ended missing = verify(scratch.resolve("nowhere").toString());
    assertThat(missing.code()).isEqualTo(2);
    assertThat(missing.err().lines()).singleElement().asString().contains("is no directory");
    ChildProcess.Ended empty = verify(audit.toString());
    assertThat(empty.code()).isEqualTo(2);
    assertThat(empty.err().lines())
        .singleElement()
        .asString()
        .contains("there is no collected trail");
  }

  private ChildProcess.Ended verify(String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of("verify"));
    all.addAll(List.of(arguments));
    return ChildProcess.run(scratch, all.toArray(String[]::new));
  }
}
