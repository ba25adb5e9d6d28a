// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What cannot be used is told in one line, with exit code 2. */
final class RefusalsIT {
  @TempDir Path scratch;
  private Path log;

  @BeforeEach
  void writeLog() throws Exception {
    log = Files.copy(Trees.sample("03-term-auid-unset-uid0.log"), scratch.resolve("a.log"));
  }

  @Test
  void options() throws Exception {
    assertRefused("Unknown option: '--colour=red'", "standalone", "--colour=red");
    assertRefused("'many' is not an int", "standalone", "--kafka-port", "many");
    assertRefused(
        "--kafka-port must be 0 to 65535, found 70000",
        standalone("--input", log.toString(), "--kafka-port", "70000"));
    assertRefused("host", standalone("--input", log.toString(), "--host", "../../etc"));
    assertRefused("Unmatched argument", "nothing");
    assertRefused("holds no auditbus data", "events", "--data", "nowhere");
    assertRefused("holds no auditbus data", "hosts", "--data", "nowhere");
  }

  @Test
  void inputs() throws Exception {
    Path empty = Files.createFile(scratch.resolve("empty.log"));
    assertRefused("input " + empty + " is empty", standalone("--input", empty.toString()));
    assertRefused(
        "input /nowhere/audit.log does not exist", standalone("--input", "/nowhere/audit.log"));
    Path bare = Files.createDirectory(scratch.resolve("bare"));
    assertRefused("holds nothing to read", standalone("--input", bare.toString()));
  }

  @Test
  void dataDirectories() throws Exception {
    assertRefused(
        "a.log is not a directory",
        "standalone",
        "--data",
        log.toString(),
        "--input",
        log.toString());
    Path other = Files.createDirectory(scratch.resolve("other"));
    Files.writeString(other.resolve("format"), "99\n");
    assertRefused(
        "of version \"99\"", "standalone", "--data", other.toString(), "--input", log.toString());
  }

  @Test
  void ports() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String port = Integer.toString(taken.getLocalPort());
      assertRefused(
          "port " + port + " for Kafka cannot be used",
          standalone("--input", log.toString(), "--kafka-port", port));
      assertRefused(
          "port " + port + " for the schema registry cannot be used",
          standalone("--input", log.toString(), "--kafka-port", "0", "--registry-port", port));
    }
  }

  private String[] standalone(String... more) {
    String[] all = Arrays.copyOf(new String[] {"standalone", "--data", "data"}, more.length + 3);
    System.arraycopy(more, 0, all, 3, more.length);
    return all;
  }

  private void assertRefused(String why, String... arguments) throws Exception {
    ChildProcess.Ended ended = ChildProcess.run(scratch, arguments);
    assertThat(ended.err().lines())
        .as(String.join(" ", arguments))
        .singleElement()
        .asString()
        .startsWith("auditbus: ")
        .contains(why);
    assertThat(ended.code()).isEqualTo(2);
  }
}
