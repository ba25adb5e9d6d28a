// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.agent.KernelAudit;
import auditbus.agent.RequiredTools;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The real kernel's answers. */
@ExtendWith(KernelAudit.class)
@Timeout(120)
class AuditControlTest {
  @TempDir Path directory;
  private final int pid = (int) ProcessHandle.current().pid();

  @BeforeEach
  void on() throws Exception {
    KernelAudit.auditctl("-e", "1");
  }

  @Test
  void status_isWhatAuditctlSays() throws Exception {
    KernelAudit.auditctl("-b", "777");
    KernelAudit.auditctl("-r", "888");
    KernelAudit.auditctl("-f", "0");
    KernelAudit.auditctl("--backlog_wait_time", "999");
    try (AuditControl control = AuditControl.open()) {
      AuditStatus status = control.status();
      Map<String, String> settings = KernelAudit.settings();
      assertThat(
              Map.of(
                  "enabled", "" + status.enabled(),
                  "failure", "" + status.failure(),
                  "pid", "" + status.pid(),
                  "rate_limit", "" + status.rateLimit(),
                  "backlog_limit", "" + status.backlogLimit(),
                  "lost", "" + status.lost(),
                  "backlog", "" + status.backlog(),
                  "backlog_wait_time", "" + status.backlogWaitTime(),
                  "backlog_wait_time_actual", "" + status.backlogWaitTimeActual()))
          .isEqualTo(without(settings, "loginuid_immutable"));
      assertThat(status.backlogLimit()).isEqualTo(777);
    }
  }

  @Test
  void settings_areSet() throws Exception {
    try (AuditControl control = AuditControl.open()) {
      control.enable(false);
      control.backlogLimit(1234);
      control.failureMode(0);
      control.rateLimit(5678);
      control.backlogWaitTime(4321);
      assertThat(KernelAudit.settings())
          .containsEntry("enabled", "0")
          .containsEntry("backlog_limit", "1234")
          .containsEntry("failure", "0")
          .containsEntry("rate_limit", "5678")
          .containsEntry("backlog_wait_time", "4321");
      control.enable(true);
      control.backlogLimit(0xffff_ffffL);
      assertThat(KernelAudit.settings())
          .containsEntry("enabled", "1")
          .containsEntry("backlog_limit", "4294967295");
    }
  }

  @Test
  void settingTheKernelRefuses_isAnErrorWithItsName() throws Exception {
    try (AuditControl control = AuditControl.open()) {
      assertThatThrownBy(() -> control.backlogWaitTime(0xffff_ffffL))
          .isInstanceOf(NetlinkException.class)
          .hasMessage("AUDIT_SET backlog_wait_time=4294967295: EINVAL (22)");
      assertThatThrownBy(() -> control.rateLimit(-1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("rate_limit: -1");
    }
  }

  @Test
  void requestsOfManyThreads_eachGetTheirOwnAnswer() throws Exception {
    try (AuditControl control = AuditControl.open();
        ExecutorService threads = Executors.newFixedThreadPool(8)) {
      List<Callable<AuditStatus>> requests = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        requests.add(
            () -> {
              control.userMessage(1110, "busy");
              return control.status();
            });
      }
      for (Future<AuditStatus> answer : threads.invokeAll(requests)) {
        assertThat(answer.get().enabled()).isEqualTo(1);
      }
    }
  }

  @Test
  void signalInfo_namesWhoSentASignal() throws Exception {
    // The JVM leaves a signal alone that is ignored when it starts.
    try (ChildProgram.Child daemon =
        ChildProgram.start("bash", "-c", "trap '' HUP; exec \"$0\" \"$@\"")) {
      assertThat(daemon.tell("register")).isEqualTo("ok");
      Process sender =
          new ProcessBuilder(
                  KernelAudit.asLoginuid(
                      1000, RequiredTools.path("kill").toString(), "-HUP", "" + daemon.pid()))
              .inheritIO()
              .start();
      assertThat(sender.waitFor()).isZero();
      assertThat(daemon.tell("signal"))
          .isEqualTo(new SignalInfo(1000, (int) sender.pid(), context()).toString());
    }
  }

  @Test
  void signalInfo_namesAlsoWhoWasRefused() throws Exception {
    try (AuditSocket socket = AuditSocket.unicast(1 << 20);
        AuditControl control = AuditControl.open()) {
      socket.register(new MessageBatch(), _ -> {});
      Process sender =
          new ProcessBuilder(
                  KernelAudit.asLoginuid(
                      1234,
                      RequiredTools.path("setpriv").toString(),
                      "--reuid=65534",
                      "--clear-groups",
                      RequiredTools.path("kill").toString(),
                      "-TERM",
                      "" + pid))
              .start();
      assertThat(sender.waitFor()).isEqualTo(1);
      assertThat(control.signalInfo())
          .isEqualTo(new SignalInfo(1234, (int) sender.pid(), context()));
    }
  }

  @Test
  void excludedProcess_isNotAudited() throws Exception {
    try (AuditSocket socket = AuditSocket.multicast(16 << 20);
        AuditControl control = AuditControl.open()) {
      control.excludeProcess(pid); // before the other rule, and yet before it in the list
      control.includeProcess(pid);
      KernelAudit.auditctl(
          "-a", "always,exit", "-F", "arch=b64", "-S", "mkdir", "-F", "pid=" + pid, "-k", "own");
      assertThat(eventsOf(socket, control, "a")).isEqualTo(1);

      control.excludeProcess(pid);
      control.excludeProcess(pid);
      assertThat(KernelAudit.auditctl("-l").lines().findFirst())
          .contains("-a never,exit -S all -F pid=" + pid);
      assertThat(eventsOf(socket, control, "b")).isZero();

      control.includeProcess(pid);
      control.includeProcess(pid);
      assertThat(KernelAudit.auditctl("-l")).doesNotContain("never");
      assertThat(eventsOf(socket, control, "c")).isEqualTo(1);
    }
  }

  @Test
  void userMessage_refusesWhatWouldGarbleTheRecord() throws Exception {
    try (AuditControl control = AuditControl.open()) {
      for (String bad : List.of("a\nb", "a'b", "a\0", "\u00e4", "", "a".repeat(8561))) {
        assertThatThrownBy(() -> control.userMessage(1110, bad))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith("text: ");
      }
      for (int bad : new int[] {0, 1000, 1099, 1200, 1300, 2099, 3000}) {
        assertThatThrownBy(() -> control.userMessage(bad, "x"))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith("type: " + bad);
      }
      control.userMessage(1005, "x");
      control.userMessage(1199, "x");
      control.userMessage(2999, "x");
    }
  }

  @Test
  void closedControl_saysSo() throws Exception {
    AuditControl control = AuditControl.open();
    control.close();
    control.close();
    assertThatThrownBy(control::status)
        .isInstanceOf(NetlinkException.class)
        .hasMessageContaining("it is closed");
  }

  /** How many events one mkdir of this process makes. */
  private long eventsOf(AuditSocket socket, AuditControl control, String name) throws Exception {
    // A thread that was there before auditing was first switched on is never audited.
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    Files.createDirectory(directory.resolve(name));
                  } catch (java.io.IOException e) {
                    throw new java.io.UncheckedIOException(e);
                  }
                });
    thread.join();
    assertThat(directory.resolve(name)).isDirectory();
    control.userMessage(1110, "end " + name);
    return Received.until(socket, message -> message.text().contains("end " + name)).stream()
        .filter(message -> message.type() == 1300 && message.text().contains("key=\"own\""))
        .count();
  }

  private static String context() throws Exception {
    Path attribute = Path.of("/proc/self/attr/current");
    try {
      return Files.readString(attribute).replace("\0", "").strip();
    } catch (java.io.IOException e) {
      return ""; // no LSM that labels
    }
  }

  private static Map<String, String> without(Map<String, String> map, String key) {
    map.remove(key);
    return map;
  }
}
