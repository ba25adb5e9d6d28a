// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.AgentJvm;
import auditbus.agent.ConfinedAgent;
import auditbus.agent.RequiredTools;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command in a process of its own, with the flags the launcher gives it. */
class DumpProcessTest {
  private static final Path SAMPLE =
      Path.of("src/test/resources/samples/linux/02-term-auid1000-sender-exits.log");
  private static final long DEADLINE_SECONDS = 60;

  @TempDir Path directory;
  private Path out;
  private Path err;

  @BeforeEach
  void files() {
    out = directory.resolve("out");
    err = directory.resolve("err");
  }

  private static List<String> command(String... arguments) {
    List<String> command = AgentJvm.command(System.getProperty("java.class.path"), "dump");
    command.addAll(Arrays.asList(arguments));
    return command;
  }

  private Process start(List<String> command) throws IOException {
    return new ProcessBuilder(command)
        .redirectOutput(out.toFile())
        .redirectError(err.toFile())
        .start();
  }

  private int run(String... arguments) throws Exception {
    Process process = start(command(arguments));
    process.getOutputStream().close();
    return end(process);
  }

  private static int end(Process process) throws InterruptedException {
    try {
      assertThat(process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
      return process.exitValue();
    } finally {
      process.destroyForcibly();
    }
  }

  private void await(Process process, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(DEADLINE_SECONDS).toNanos();
    while (!condition.call()) {
      assertThat(process.isAlive()).as("it ended: %s", Files.readString(err)).isTrue();
      assertThat(System.nanoTime()).as(Files.readString(out)).isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  private static String shell(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }

  private static String shell(List<String> command) {
    return String.join(" ", command.stream().map(DumpProcessTest::shell).toList());
  }

  private static String line(int serial) {
    return String.format(
        Locale.ROOT,
        "type=USER_LOGIN msg=audit(1795170528.%03d:%d): pid=1 uid=0 auid=1000 ses=2 res=1\n",
        serial % 1000,
        serial);
  }

  @Test
  void exitCodes_tellWhatWasRead() throws Exception {
    assertThat(run(SAMPLE.toString())).isEqualTo(0);
    assertThat(Files.readString(out))
        .contains("type=DAEMON_END msg=audit(2026-11-20T10:28:48.499Z:");
    assertThat(Files.readString(err)).isEmpty();

    Path torn = Files.writeString(directory.resolve("torn"), line(1) + "type=");
    assertThat(run(torn.toString())).isEqualTo(1);
    assertThat(Files.readString(err)).contains("the file ends inside a record");

    assertThat(run()).isEqualTo(2);
    assertThat(run("--format", "xml", SAMPLE.toString())).isEqualTo(2);
    assertThat(run("--since", "yesterday", SAMPLE.toString())).isEqualTo(2);
    assertThat(run("-f", "a", "b")).isEqualTo(2);

    assertThat(run(directory.resolve("gone").toString(), SAMPLE.toString())).isEqualTo(3);
    assertThat(Files.readString(out)).contains("DAEMON_END");
  }

  @Test
  void help_tellsTheCommandAsItIsCalled() throws Exception {
    assertThat(run("--help")).isEqualTo(0);
    assertThat(Files.readString(out)).startsWith("Usage: auditbus dump [OPTION]... FILE|DIR|-...");
  }

  @Test
  void jsonLines_areReadByPython() throws Exception {
    Path odd =
        Files.write(
            directory.resolve("odd"),
            "type=ANOM_ABEND msg=audit(1795170528.001:7): comm=1B5B324A7FFFC3A9\n\0\u00ff\n"
                .getBytes(StandardCharsets.ISO_8859_1));
    assertThat(run("--json", "--raw", SAMPLE.toString(), odd.toString())).isEqualTo(1);
    List<String> check =
        List.of(
            RequiredTools.path("python3").toString(),
            "-c",
            """
            import json, sys
            lines = open(sys.argv[1], 'rb').read().split(b'\\n')
            assert lines[-1] == b''
            events = [json.loads(line.decode('ascii')) for line in lines[:-1]]
            print(len(events), sum(len(e['records']) for e in events), events[-1]['records'][0]['fields']['comm'] == '\\x1b[2J\\x7f%FF\\xe9')
            """,
            out.toString());
    Process python = new ProcessBuilder(check).redirectErrorStream(true).start();
    String said = new String(python.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(end(python)).as(said).isEqualTo(0);
    assertThat(said.strip()).isEqualTo("8 16 True");
  }

  @Test
  void following_endsWithZeroAtSigint() throws Exception {
    Path log = Files.writeString(directory.resolve("audit.log"), line(1));
    Process process = start(command("--follow", log.toString()));
    await(process, () -> Files.readString(out).contains(":1)"));
    Files.writeString(log, line(2), StandardOpenOption.APPEND);
    await(process, () -> Files.readString(out).contains(":2)"));
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
    assertThat(end(process)).isEqualTo(0);
    assertThat(Files.readString(err)).isEmpty();
  }

  @Test
  void aReaderThatLeaves_endsItQuietly() throws Exception {
    Path log = directory.resolve("long");
    StringBuilder text = new StringBuilder();
    for (int serial = 0; serial < 50_000; serial++) {
      text.append(line(serial));
    }
    Files.writeString(log, text);
    Process process =
        start(
            List.of(
                RequiredTools.path("bash").toString(),
                "-c",
                shell(command(log.toString())) + " | head -1; exit ${PIPESTATUS[0]}"));
    assertThat(end(process)).isEqualTo(Dump.BROKEN_PIPE);
    assertThat(Files.readString(out)).isEqualTo("---- " + log + "@0\n");
    assertThat(Files.readString(err)).isEmpty();
  }

  @Test
  void standardInput_isPrintedAsItComes() throws Exception {
    Process process = start(command("-"));
    try (OutputStream in = process.getOutputStream()) {
      in.write((line(1) + line(2).substring(0, 20)).getBytes(StandardCharsets.UTF_8));
      in.flush();
      await(process, () -> Files.readString(out).contains(":1)"));
      in.write(line(2).substring(20).getBytes(StandardCharsets.UTF_8));
    }
    assertThat(end(process)).isEqualTo(0);
    assertThat(Files.readString(out)).contains(":2)");
  }

  @Test
  void aFifo_isReadUntilItsWriterCloses() throws Exception {
    Path fifo = directory.resolve("fifo");
    assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor()).isEqualTo(0);
    Process process = start(command("--follow", fifo.toString()));
    Files.writeString(fifo, line(1) + line(2)); // opens when the dump does
    assertThat(end(process)).isEqualTo(0);
    assertThat(Files.readString(out)).contains(":1)").contains(":2)");
  }

  @Test
  void aFileOfAnotherUser_isToldOf_andTheRestPrinted() throws Exception {
    Path secret = Files.writeString(directory.resolve("audit.log.1"), line(1));
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("---------"));
    Files.writeString(directory.resolve("audit.log"), line(2));
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    List<String> command = command(directory.toString());
    command.set(command.indexOf("-cp") + 1, ConfinedAgent.readableClassPath());
    if (Files.isReadable(secret)) { // root
      command.addAll(
          0,
          List.of(
              RequiredTools.path("setpriv").toString(),
              "--reuid=65534",
              "--regid=65534",
              "--clear-groups",
              "--inh-caps=-all",
              "--bounding-set=-all"));
    }
    Process process = start(command);
    assertThat(end(process)).as(Files.readString(err)).isEqualTo(3);
    assertThat(Files.readString(err))
        .isEqualTo("auditbus dump: " + secret + ": may not be read: permission denied\n");
    assertThat(Files.readString(out)).contains(":2)");
  }

  @Test
  void memory_isBoundedWhateverTheLength() throws Exception {
    // One event that never ends, then one line without end, from a pipe.
    Process process = start(command("--json", "-"));
    byte[] path =
        "type=PATH msg=audit(1795170528.001:7): item=0 name=\"%s\"\n"
            .formatted("x".repeat(4000))
            .getBytes(StandardCharsets.UTF_8);
    byte[] endless = "y".repeat(1 << 20).getBytes(StandardCharsets.UTF_8);
    try (OutputStream in = process.getOutputStream()) {
      for (int count = 0; count < 15_000; count++) {
        in.write(path);
      }
      for (int count = 0; count < 60; count++) {
        in.write(endless);
      }
    }
    assertThat(end(process)).as(Files.readString(err)).isEqualTo(1);
    assertThat(Files.readString(err)).contains((60 << 20) + " bytes at position ");
  }
}
