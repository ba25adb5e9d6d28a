// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * A listening socket that outlives the agent, as systemd holds it for a unit with {@code
 * ListenNetlink=audit 1}.
 */
@ExtendWith(KernelAudit.class)
@Timeout(180)
class HeldSocketTest {
  private static final int UID = 64001;
  private static final int INCARNATIONS = 3;
  private static final Pattern SERIAL =
      Pattern.compile("^type=(\\S+) msg=audit\\(\\d+\\.\\d+:(\\d+)\\)");

  /**
   * Holds the socket as systemd does: file descriptor 3, LISTEN_PID and LISTEN_FDS. Starts the
   * agent at each line it reads and says its pid, then how it ended.
   */
  private static final String HOLDER =
      """
      import os, socket, sys
      s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 9)
      s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
      s.bind((0, 1))
      if s.fileno() != 3:
          os.dup2(s.fileno(), 3)
      os.set_inheritable(3, True)
      print("holding", flush=True)
      for line in sys.stdin:
          pid = os.fork()
          if pid == 0:
              os.environ["LISTEN_PID"] = str(os.getpid())
              os.environ["LISTEN_FDS"] = "1"
              err = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
              os.dup2(err, 1)
              os.dup2(err, 2)
              os.execv(sys.argv[2], sys.argv[2:])
          print(pid, flush=True)
          print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
      """;

  /** About 2000 audited calls a second until its input ends; says how many. */
  private static final String STREAM =
      """
      import os, select, sys
      calls = 0
      sys.stdin.readline()
      while not select.select([sys.stdin], [], [], 0.01)[0]:
          for i in range(20): os.getppid()
          calls += 20
      print(calls, flush=True)
      """;

  @TempDir Path scratch;
  private Path state;

  @BeforeEach
  void on() throws Exception {
    KernelAudit.auditctl("-e", "1");
    KernelAudit.auditctl("-b", "8192");
    state = ConfinedAgent.directoryOf(UID, scratch.resolve("state"));
  }

  @Test
  void restarts_loseNotOneRecord_andNeedNoCapability() throws Exception {
    Path said = scratch.resolve("agents.err");
    Map<String, String> settings = new HashMap<>();
    settings.put("state.dir", state.toString());
    settings.put("sources.source.type", "readlog");
    settings.put("heartbeat.ms", "100");
    settings.put("receive.buffer.bytes", "134217728");
    List<String> command =
        new ArrayList<>(
            List.of(RequiredTools.path("python3").toString(), "-c", HOLDER, said.toString()));
    command.addAll(
        ConfinedAgent.command(ConfinedAgent.as(UID, List.of()), settings, "--only", "capture"));
    Process holder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    Process stream =
        new ProcessBuilder(RequiredTools.path("python3").toString(), "-c", STREAM).start();
    long calls = 0;
    try (BufferedReader fromHolder = holder.inputReader();
        BufferedWriter toHolder = holder.outputWriter();
        BufferedReader fromStream = stream.inputReader()) {
      assertThat(fromHolder.readLine()).isEqualTo("holding");
      KernelAudit.auditctl(
          "-a", "always,exit", "-F", "arch=b64", "-S", "getppid", "-F", "pid=" + stream.pid());
      stream.outputWriter().write("go\n");
      stream.outputWriter().flush();
      for (int i = 1; i <= INCARNATIONS; i++) {
        toHolder.write("go\n");
        toHolder.flush();
        long pid = Long.parseLong(fromHolder.readLine());
        int trails = i;
        until(() -> ConfinedAgent.trails(trailDirectory()).size() == trails, said);
        Path trail = ConfinedAgent.trails(trailDirectory()).getLast();
        until(() -> Files.size(trail) > 500_000, said);
        if (i == INCARNATIONS) {
          stream.outputWriter().close();
          calls = Long.parseLong(fromStream.readLine());
          long wanted = calls;
          until(() -> streamed(stream) >= wanted, said);
        }
        ConfinedAgent.run("kill", "-TERM", "" + pid);
        assertThat(fromHolder.readLine()).as(Files.readString(said)).isEqualTo("0");
      }
    } finally {
      stream.destroyForcibly();
      holder.descendants().forEach(ProcessHandle::destroyForcibly);
      holder.destroyForcibly();
      assertThat(holder.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
    List<String> lines = ConfinedAgent.lines(trailDirectory());
    assertThat(lines).filteredOn(line -> line.startsWith("type=DAEMON_START ")).hasSize(3);
    assertThat(lines).filteredOn(line -> line.startsWith("type=DAEMON_END ")).hasSize(3);
    assertThat(streamed(stream)).isEqualTo(calls);
    assertThat(missingSerials(lines)).as("of %s lines", lines.size()).isZero();
    assertThat(Files.readString(said)).doesNotContain("ERROR");
    assertThat(
            Files.readAllLines(said).stream().filter(line -> line.contains("the receive buffer")))
        .hasSize(INCARNATIONS)
        .allMatch(line -> line.contains("holds 67108864 bytes instead of 134217728"));
    System.out.println(
        "held socket: "
            + INCARNATIONS
            + " agents, "
            + calls
            + " events, "
            + lines.size()
            + " lines, 0 serials missing");
  }

  private long streamed(Process stream) throws Exception {
    return ConfinedAgent.lines(trailDirectory()).stream()
        .filter(
            line -> line.startsWith("type=SYSCALL ") && line.contains(" pid=" + stream.pid() + " "))
        .count();
  }

  /** Between the first and the last; the agent's own records have numbers of their own. */
  private static long missingSerials(List<String> lines) {
    BitSet seen = new BitSet();
    long base = -1;
    for (String line : lines) {
      Matcher found = SERIAL.matcher(line);
      if (found.find() && !found.group(1).startsWith("DAEMON_")) {
        long serial = Long.parseLong(found.group(2));
        base = base < 0 ? serial - 100_000 : base;
        seen.set(Math.toIntExact(serial - base));
      }
    }
    return (long) seen.length() - seen.nextSetBit(0) - seen.cardinality();
  }

  private static void until(java.util.concurrent.Callable<Boolean> condition, Path said)
      throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.call()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError(Files.readString(said));
      }
      Thread.sleep(50);
    }
  }

  private Path trailDirectory() {
    return state.resolve("trails/source");
  }
}
