// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What happens on a host, in short: a login session of its own that starts programs, opens files,
 * kills, connects, is refused; user messages; changed rules; a flood of calls by two threads.
 */
public final class MixedActivity {
  private static final long LOGINUID = 4242;
  private static final String[] RULE = {
    "-S", "execve,openat,kill,connect,rename,unlink", "-F", "auid=" + LOGINUID, "-k", "mixed"
  };

  private final Path directory;
  private final Path flood;

  /**
   * Builds what it takes.
   *
   * @param directory where it leaves files
   */
  public MixedActivity(Path directory) throws Exception {
    this.directory = directory;
    this.flood = KernelAudit.build("flood.c", directory);
  }

  /** Does it all, among so many calls. */
  public void run(int calls) throws Exception {
    change("-a", RULE);
    Path script = Files.writeString(directory.resolve("session.sh"), SESSION);
    Process flooding = flood(calls);
    Process session =
        start(KernelAudit.asLoginuid(LOGINUID, "bash", script.toString(), directory.toString()));
    for (int message = 0; message < 20; message++) {
      KernelAudit.auditctl("-m", "message " + message + " text='quoted' \"twice\" x=1");
    }
    assertThat(session.waitFor()).isZero();
    awaitEnd(flooding);
    change("-d", RULE);
  }

  /** Starts so many calls, each of which is an event of two records. */
  public Process flood(int calls) throws Exception {
    KernelAudit.auditctl("-b", "8192"); // whoever calls waits where this is full
    change("-a", "-S", "getpgid", "-F", "exe=" + flood, "-k", "flood");
    return start(List.of(flood.toString(), Integer.toString(calls / 2), "2", "getpgid"));
  }

  /** Waits for the last of them. */
  public void awaitEnd(Process flooding) throws Exception {
    assertThat(flooding.waitFor()).isZero();
    change("-d", "-S", "getpgid", "-F", "exe=" + flood, "-k", "flood");
  }

  private static void change(String how, String... fields) throws Exception {
    List<String> arguments = new ArrayList<>(List.of(how, "always,exit", "-F", "arch=b64"));
    arguments.addAll(List.of(fields));
    KernelAudit.auditctl(arguments.toArray(String[]::new));
  }

  private Process start(List<String> command) throws Exception {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("activity.log").toFile())
        .start();
  }

  /** A name in UTF-8, one with blanks, an argument too long for one record, a refused open. */
  private static final String SESSION =
      """
      cd "$1"
      long=$(head -c 20000 /dev/zero | tr '\\0' x)
      for i in 1 2 3 4 5; do
        /bin/true one 'two words' "quote\\"inside" "$i"
        : > "a file $i"
        /bin/mv "a file $i" "\u00e4\u00f6\u00fc $i"
        /bin/cat "\u00e4\u00f6\u00fc $i" /etc/hostname
        /bin/rm "\u00e4\u00f6\u00fc $i"
      done
      /bin/echo "$long"
      /bin/cat /nonexistent
      /bin/kill -CONT $$
      (exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null
      setpriv --reuid 65534 --clear-groups /bin/cat /etc/shadow
      exit 0
      """;

  /** Lines between two user messages. */
  static List<String> between(List<String> lines, String begin, String end) {
    List<String> found = new ArrayList<>();
    boolean within = false;
    for (String line : lines) {
      if (line.contains("text=" + end + " ")) {
        return found;
      }
      if (within) {
        found.add(line);
      }
      within |= line.contains("text=" + begin + " ");
    }
    throw new AssertionError("no line has " + (within ? end : begin));
  }

  /** A file's lines, byte for byte. */
  static List<String> lines(List<Path> files) throws Exception {
    List<String> found = new ArrayList<>();
    for (Path file : files) {
      Files.readString(file, StandardCharsets.ISO_8859_1).lines().forEach(found::add);
    }
    return found;
  }
}
