// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import auditbus.agent.KernelAudit;
import auditbus.agent.RequiredTools;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The real kernel's records. */
@ExtendWith(KernelAudit.class)
@Timeout(120)
class AuditSocketTest {
  private static final int BUFFER_BYTES = 16 << 20;
  private static final int SYSCALL = 1300;
  private static final int END_OF_EVENT = 1320;

  @TempDir Path directory;
  private final MessageBatch batch = new MessageBatch();
  private final List<Received> early = new ArrayList<>();
  private final int pid = (int) ProcessHandle.current().pid();

  @BeforeEach
  void on() throws Exception {
    KernelAudit.auditctl("-b", "8192");
    KernelAudit.auditctl("-e", "1");
  }

  @Test
  void register_makesThisProcessTheDaemon() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(BUFFER_BYTES);
        AuditControl control = AuditControl.open()) {
      assertThat(control.status().pid()).isZero();
      register(socket);
      assertThat(control.status().pid()).isEqualTo(pid);
      assertThat(KernelAudit.settings()).containsEntry("pid", "" + pid);
      userMessage("last");
      early.addAll(Received.until(socket, text("last")));
      control.unregister();
      assertThat(KernelAudit.settings()).containsEntry("pid", "0");
      // The record of the unregistering itself is queued before it: it comes, or not.
      userMessage("too late");
      early.addAll(Received.all(socket));
      assertThat(early).noneMatch(m -> m.text().contains("too late"));
    }
  }

  @Test
  void register_leavesTheAnswerOutOfTheRecords() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(BUFFER_BYTES)) {
      register(socket);
      userMessage("after");
      early.addAll(Received.until(socket, text("after")));
      assertThat(early).noneMatch(m -> m.type() == Netlink.NLMSG_ERROR);
      assertThat(early).anyMatch(m -> m.text().contains("op=set audit_pid=" + pid + " old=0"));
    }
  }

  @Test
  void register_again_isRefusedAndNamesOurselves() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(BUFFER_BYTES);
        AuditSocket second = AuditSocket.unicast(BUFFER_BYTES)) {
      register(socket);
      assertThatThrownBy(() -> register(second))
          .isInstanceOf(NetlinkException.class)
          .hasMessageContaining("EEXIST (17): process " + pid + " (");
    }
  }

  @Test
  void register_besideAuditd_isRefusedAndNamesIt() throws Exception {
    try (Auditd auditd = Auditd.start(directory);
        AuditSocket socket = AuditSocket.unicast(BUFFER_BYTES);
        AuditControl control = AuditControl.open()) {
      NetlinkException refused =
          catchThrowableOfType(NetlinkException.class, () -> register(socket));
      assertThat(refused.errno()).isEqualTo(Errno.EEXIST);
      assertThat(refused)
          .hasMessage(
              "AUDIT_SET pid=%d: EEXIST (17): process %d (auditd) is the audit daemon already and"
                  + " there is only one: stop it, or listen beside it by multicast",
              pid, auditd.pid());
      assertThatThrownBy(control::unregister)
          .hasMessage(
              "AUDIT_SET pid=0: EACCES (13): another process is the audit daemon; only it can end it");
    }
  }

  @Test
  void register_afterTheDaemonWasKilled_takesItsPlace() throws Exception {
    Auditd auditd = Auditd.start(directory);
    auditd.close();
    try (AuditSocket socket = AuditSocket.unicast(BUFFER_BYTES)) {
      register(socket);
      assertThat(KernelAudit.settings()).containsEntry("pid", "" + pid);
    }
  }

  @Test
  void register_whoseAnswerHasNoRoom_asksWhoIsRegistered() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(1);
        NetlinkSocket forger = NetlinkSocket.open(Netlink.NETLINK_AUDIT, 0)) {
      int forged = 0;
      while (forge(forger, socket, "full " + forged) > 0) {
        forged++;
      }
      assertThat(forged).isPositive();
      register(socket);
      assertThat(KernelAudit.settings()).containsEntry("pid", "" + pid);
      int expected = forged;
      assertThat(early)
          .filteredOn(m -> m.sender() == forger.portId())
          .hasSize(expected)
          .allMatch(m -> m.text().startsWith("full "));
    }
  }

  @Test
  void userMessage_comesBackByUnicast() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(BUFFER_BYTES)) {
      register(socket);
      userMessage("here I am");
      Received message = Received.until(socket, text("here I am")).getLast();
      assertThat(message.type()).isEqualTo(1110);
      assertThat(message.sender()).isZero();
      assertThat(message.truncated()).isFalse();
      assertThat(message.text())
          .startsWith("audit(")
          .contains(" pid=" + pid + " ")
          .endsWith("msg='here I am'");
    }
  }

  @Test
  void longestUserMessage_comesBackWhole() throws Exception {
    String text = "0123456789".repeat(856);
    try (AuditSocket socket = AuditSocket.unicast(BUFFER_BYTES)) {
      register(socket);
      userMessage(text);
      Received message = Received.until(socket, text("0123456789")).getLast();
      assertThat(message.text()).endsWith(" msg='" + text + "'");
      assertThat(message.truncated()).isFalse();
    }
  }

  @Test
  void multicast_hearsTheSameBesideAuditd() throws Exception {
    try (Auditd auditd = Auditd.start(directory);
        AuditSocket socket = AuditSocket.multicast(BUFFER_BYTES)) {
      userMessage("for both");
      Received heard = Received.until(socket, text("for both")).getLast();
      assertThat(heard.sender()).isZero();
      assertThat(KernelAudit.settings()).containsEntry("pid", "" + auditd.pid());
      String logged = auditd.await("for both");
      assertThat(logged).endsWith("msg=" + heard.text());
    }
  }

  @Test
  void forgedRecord_isToldByItsSender() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(BUFFER_BYTES)) {
      register(socket);
      // Another process, root as well.
      Process python =
          new ProcessBuilder(
                  RequiredTools.path("python3").toString(),
                  "-c",
                  """
                  import socket, struct, sys
                  s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
                  text = b"audit(1.000:1): forged"
                  s.sendto(struct.pack("=IHHII", 16 + len(text), 1300, 0, 0, 0) + text, (int(sys.argv[1]), 0))
                  """,
                  Integer.toUnsignedString(socket.portId()))
              .inheritIO()
              .start();
      assertThat(python.waitFor()).isZero();
      userMessage("true");
      List<Received> messages = Received.until(socket, text("true"));
      assertThat(messages)
          .filteredOn(m -> m.sender() != 0)
          .singleElement()
          .satisfies(
              m -> {
                assertThat(m.type()).isEqualTo(SYSCALL);
                assertThat(m.text()).isEqualTo("audit(1.000:1): forged");
              });
    }
  }

  @Test
  void multicastThatIsNotRead_countsExactlyWhatItLost() throws Exception {
    try (AuditSocket all = AuditSocket.multicast(64 << 20);
        AuditSocket small = AuditSocket.multicast(64 << 10)) {
      flood(2000);
      userMessage("end");
      List<Received> records = Received.until(all, text("end"));
      List<Received> kept = Received.all(small);
      assertThat(records).filteredOn(AuditSocketTest::isOfFlood).hasSize(2000);
      assertThat(all.drops()).isZero();
      assertThat(all.overruns()).isZero();
      assertThat(small.overruns()).isEqualTo(1);
      // The first of the two heard also the second one open.
      int before = 0;
      while (!kept.contains(records.get(before))) {
        before++;
      }
      assertThat(small.drops()).isPositive().isEqualTo(records.size() - before - kept.size());
    }
  }

  @Test
  void unicastThatIsNotRead_isNoticedByDropsAndOverruns() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(64 << 10)) {
      register(socket);
      KernelAudit.auditctl("--backlog_wait_time", "0");
      flood(2000);
      long deadline = System.nanoTime() + Received.DEADLINE.toNanos();
      while (socket.drops() == 0 && System.nanoTime() < deadline) {
        Thread.onSpinWait();
      }
      assertThat(socket.drops()).isPositive();
      assertThat(Received.all(socket)).isNotEmpty();
      assertThat(socket.overruns()).isPositive();
    }
  }

  @Test
  void flood_isReceivedWholeAndInOrder() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(64 << 20)) {
      register(socket);
      flood(20_000);
      userMessage("end");
      List<Received> records = Received.until(socket, text("end"));
      assertThat(records).filteredOn(AuditSocketTest::isOfFlood).hasSize(20_000);
      assertThat(records)
          .filteredOn(m -> m.type() == END_OF_EVENT)
          .hasSizeGreaterThanOrEqualTo(20_000);
      assertThat(records).allMatch(m -> m.sender() == 0 && !m.truncated());
      assertThat(records)
          .filteredOn(AuditSocketTest::isOfFlood)
          .extracting(AuditSocketTest::serial)
          .isSorted()
          .doesNotHaveDuplicates();
      assertThat(socket.overruns()).isZero();
    }
  }

  @Test
  void inheritedSocket_hasWhatCameBeforeTheJvm() throws Exception {
    List<String> command = new ArrayList<>();
    command.add(RequiredTools.path("python3").toString());
    command.add("-c");
    command.add(
        """
        import fcntl, os, socket, sys
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 9)
        s.bind((0, 1))
        os.dup2(s.fileno(), 3)
        os.set_inheritable(3, True)
        os.system("auditctl -m before-the-jvm")
        os.execv(sys.argv[1], sys.argv[1:])
        """);
    try (ChildProgram.Child child = ChildProgram.start(command.toArray(String[]::new))) {
      assertThat(child.tell("inherited 0"))
          .startsWith("errno 88 inherited file descriptor 0: ENOTSOCK");
      assertThat(child.tell("inherited 3")).isEqualTo("ok");
      userMessage("after-the-jvm");
      String answer = child.tell("until after-the-jvm");
      assertThat(answer).endsWith("msg='after-the-jvm'");
      assertThat(Integer.parseInt(answer.split(" ", -1)[0])).isGreaterThanOrEqualTo(2);
    }
  }

  @Test
  void inheritedUnicastSocket_isRefused() throws Exception {
    List<String> command =
        List.of(
            RequiredTools.path("python3").toString(),
            "-c",
            """
            import os, socket, sys
            s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
            t = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            os.dup2(s.fileno(), 10, inheritable=True)
            os.dup2(t.fileno(), 11, inheritable=True)
            os.execv(sys.argv[1], sys.argv[1:])
            """);
    try (ChildProgram.Child child = ChildProgram.start(command.toArray(String[]::new))) {
      assertThat(child.tell("inherited 10")).contains("its groups are 0, wanted is");
      assertThat(child.tell("inherited 11")).contains("its protocol is 0, wanted is");
    }
  }

  @Test
  void missingCapabilities_areNamed() throws Exception {
    try (ChildProgram.Child child =
        ChildProgram.start(
            RequiredTools.path("setpriv").toString(),
            "--bounding-set=-audit_control,-audit_read,-audit_write,-net_admin")) {
      assertThat(child.tell("has audit_control")).isEqualTo("false");
      assertThat(child.tell("register"))
          .startsWith(
              "errno 1 AUDIT_SET pid=" + child.pid() + ": EPERM (1): CAP_AUDIT_CONTROL is missing");
      assertThat(child.tell("status"))
          .contains("AUDIT_GET: EPERM (1): CAP_AUDIT_CONTROL is missing");
      assertThat(child.tell("multicast")).contains("EPERM (1): CAP_AUDIT_READ is missing");
      assertThat(child.tell("message x"))
          .contains("user message of type 1110: EPERM (1): CAP_AUDIT_WRITE is missing");
      String[] buffer = child.tell("buffer").split(" ", -1);
      long most =
          Long.parseLong(Files.readAllLines(Path.of("/proc/sys/net/core/rmem_max")).getFirst());
      assertThat(buffer[0]).isEqualTo("false");
      assertThat(Long.parseLong(buffer[1])).isEqualTo(Math.min(2 * most, 128 << 20));
    }
  }

  @Test
  void namespaces_areNamed() throws Exception {
    String unshare = RequiredTools.path("unshare").toString();
    try (ChildProgram.Child child = ChildProgram.start(unshare, "--user", "--map-root-user")) {
      assertThat(child.tell("has audit_read")).isEqualTo("true");
      assertThat(child.tell("register"))
          .contains(
              "ECONNREFUSED (111): the kernel takes audit requests from the initial user namespace only");
      assertThat(child.tell("multicast"))
          .contains("EPERM (1): CAP_AUDIT_READ counts in the initial user namespace only");
    }
    try (ChildProgram.Child child =
        ChildProgram.start(unshare, "--pid", "--fork", "--kill-child", "--mount-proc")) {
      assertThat(child.tell("register"))
          .contains("EPERM (1): the kernel takes this from the host's PID namespace only");
    }
  }

  @Test
  void receiveBuffer_goesBeyondTheHostsLimit() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(64 << 20)) {
      assertThat(socket.receiveBufferForced()).isTrue();
      assertThat(socket.receiveBufferBytes()).isEqualTo(128 << 20);
    }
  }

  private void register(AuditSocket socket) throws NetlinkException {
    socket.register(batch, messages -> early.addAll(Received.of(messages)));
  }

  private void flood(int calls) throws Exception {
    Path flood = KernelAudit.build("flood.c", directory);
    KernelAudit.auditctl(
        "-a", "always,exit", "-F", "arch=b64", "-S", "getppid", "-F", "exe=" + flood);
    Process process =
        new ProcessBuilder(flood.toString(), "" + calls)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(process.waitFor()).isZero();
    KernelAudit.auditctl("-D");
  }

  private static int forge(NetlinkSocket forger, AuditSocket to, String text) {
    return NetlinkSocketTest.sendTo(
        forger, to.portId(), 0, NetlinkSocketTest.message(SYSCALL, 0, text, 0));
  }

  private static void userMessage(String text) throws NetlinkException {
    try (AuditControl control = AuditControl.open()) {
      control.userMessage(1110, text);
    }
  }

  private static Predicate<Received> text(String text) {
    return message -> message.sender() == 0 && message.text().contains(text);
  }

  private static boolean isOfFlood(Received record) {
    return record.type() == SYSCALL && record.text().contains("comm=\"flood\"");
  }

  private static long serial(Received record) {
    String stamp = record.text().substring(0, record.text().indexOf(')'));
    return Long.parseLong(stamp.substring(stamp.indexOf(':') + 1));
  }

  /** A real auditd that logs into a directory; closing kills it. */
  private record Auditd(Process process, Path log) implements AutoCloseable {
    static Auditd start(Path directory) throws Exception {
      Path log = directory.resolve("audit.log");
      Files.createDirectories(directory.resolve("plugins.d"));
      Files.writeString(
          directory.resolve("auditd.conf"),
          """
          local_events = yes
          write_logs = yes
          log_file = %s
          log_format = RAW
          log_group = root
          flush = NONE
          name_format = NONE
          max_log_file = 100
          max_log_file_action = IGNORE
          space_left = 2
          space_left_action = IGNORE
          admin_space_left = 1
          admin_space_left_action = IGNORE
          disk_full_action = IGNORE
          disk_error_action = IGNORE
          plugin_dir = %s
          """
              .formatted(log, directory.resolve("plugins.d")));
      Process process =
          new ProcessBuilder(
                  RequiredTools.path("auditd").toString(),
                  "-n",
                  "-s",
                  "nochange",
                  "-c",
                  directory.toString())
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("auditd.out").toFile())
              .start();
      long deadline = System.nanoTime() + Received.DEADLINE.toNanos();
      Map<String, String> settings = KernelAudit.settings();
      while (!settings.get("pid").equals("" + process.pid())) {
        if (System.nanoTime() > deadline || !process.isAlive()) {
          process.destroyForcibly().waitFor();
          throw new AssertionError(
              "auditd did not register: " + Files.readString(directory.resolve("auditd.out")));
        }
        settings = KernelAudit.settings();
      }
      return new Auditd(process, log);
    }

    long pid() {
      return process.pid();
    }

    /** The line of its log that has this text. */
    String await(String text) throws Exception {
      long deadline = System.nanoTime() + Received.DEADLINE.toNanos();
      while (System.nanoTime() < deadline) {
        for (String line : Files.readAllLines(log)) {
          if (line.contains(text)) {
            return line;
          }
        }
      }
      throw new AssertionError(log + " has no line with " + text);
    }

    @Override
    public void close() {
      process.destroyForcibly().onExit().join();
    }
  }
}
