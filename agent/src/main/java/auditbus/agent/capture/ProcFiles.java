// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.IntPredicate;

/**
 * Processes as /proc shows them.
 *
 * @param directory where proc is mounted
 */
record ProcFiles(Path directory) implements Processes {
  private static final int CAP_KILL = 5;
  private static final String UIDS = "Uid:\t";
  private static final String EFFECTIVE = "CapEff:\t";

  @Override
  public Optional<Facts> find(int pid) {
    Path process = directory.resolve(Integer.toString(pid));
    try {
      List<String> status = Files.readAllLines(process.resolve("status"));
      String[] uids = value(status, UIDS).split("\t", -1);
      long effective = Long.parseUnsignedLong(value(status, EFFECTIVE), 16);
      return Optional.of(
          new Facts(
              number(process.resolve("loginuid")),
              number(process.resolve("sessionid")),
              Long.parseLong(uids[0]),
              Long.parseLong(uids[1]),
              Long.parseLong(uids[2]),
              (effective >> CAP_KILL & 1) == 1 && isInOurUserNamespace(process)));
    } catch (IOException e) {
      return Optional.empty(); // it has ended, maybe while it was being looked at
    }
  }

  /**
   * Tells a process and its threads from all others: an OBJ_PID record may name the thread that was
   * signalled.
   */
  IntPredicate isThreadOf(int pid) {
    Path threads = directory.resolve(Integer.toString(pid)).resolve("task");
    return id -> id == pid || Files.exists(threads.resolve(Integer.toString(id)));
  }

  /** Capabilities of another user namespace count for nothing here. */
  private boolean isInOurUserNamespace(Path process) throws IOException {
    Path namespace = Path.of("ns", "user");
    Path ours = directory.resolve("self").resolve(namespace);
    if (!Files.isSymbolicLink(ours)) {
      return true; // a kernel without user namespaces
    }
    return Files.readSymbolicLink(ours).equals(Files.readSymbolicLink(process.resolve(namespace)));
  }

  private static String value(List<String> status, String name) throws IOException {
    return status.stream()
        .filter(line -> line.startsWith(name))
        .findFirst()
        .map(line -> line.substring(name.length()))
        .orElseThrow(() -> new IOException("no " + name.strip() + " in a process's status"));
  }

  private static OptionalLong number(Path file) {
    try {
      return OptionalLong.of(Long.parseLong(Files.readString(file).strip()));
    } catch (IOException e) {
      return OptionalLong.empty(); // a kernel without audit, or the process has ended
    }
  }
}
