// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.agent.netlink.AuditSocket;
import auditbus.agent.netlink.MessageBatch;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KernelAuditTest {
  @TempDir Path directory;

  @BeforeEach
  void require() throws Exception {
    KernelAudit.require();
  }

  @AfterEach
  void release() throws Exception {
    KernelAudit.release();
  }

  @Test
  void restore_bringsBackEverything() throws Exception {
    Map<String, String> before = settings();
    String rulesBefore = KernelAudit.auditctl("-l");
    try (AuditSocket socket = AuditSocket.unicast(1 << 20)) {
      socket.register(new MessageBatch(), _ -> {});
      KernelAudit.auditctl("-e", "1");
      KernelAudit.auditctl("-b", "4321");
      KernelAudit.auditctl("-r", "1234");
      KernelAudit.auditctl("-f", "0");
      KernelAudit.auditctl("--backlog_wait_time", "7");
      KernelAudit.auditctl("-a", "always,exit", "-F", "arch=b64", "-S", "mount");
      assertThat(settings()).isNotEqualTo(before);
      KernelAudit.restore();
      assertThat(settings()).isEqualTo(before).containsEntry("pid", "0");
      assertThat(KernelAudit.auditctl("-l")).isEqualTo(rulesBefore);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"exits", "is killed"})
  void jvmThatEnds_leavesEverythingAsItWas(String how) throws Exception {
    final Map<String, String> before = settings();
    KernelAudit.release();
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Borrower.class.getName(),
                how)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertThat(child.inputReader().readLine()).isEqualTo("backlog_limit 4321");
    assertThat(child.waitFor()).isEqualTo(9);
    KernelAudit.require();
    assertThat(settings()).isEqualTo(before);
  }

  /** Changes something and ends. */
  static final class Borrower {
    public static void main(String[] arguments) throws Exception {
      KernelAudit.require();
      KernelAudit.auditctl("-b", "4321");
      System.out.println("backlog_limit " + KernelAudit.settings().get("backlog_limit"));
      if (arguments[0].equals("exits")) {
        System.exit(9);
      }
      Runtime.getRuntime().halt(9);
    }
  }

  @Test
  void requiredAgain_isTheSameLoan() throws Exception {
    KernelAudit.require();
    KernelAudit.release();
    KernelAudit.release();
    KernelAudit.require();
  }

  @Test
  void refusedAuditctl_failsWithWhatItSaid() {
    assertThatThrownBy(() -> KernelAudit.auditctl("-a", "nonsense"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("auditctl -a nonsense: ");
  }

  @Test
  void command_runsUnderItsLoginuid() throws Exception {
    Process process =
        new ProcessBuilder(KernelAudit.asLoginuid(4711, "cat", "/proc/self/loginuid")).start();
    assertThat(process.inputReader().readLine()).isEqualTo("4711");
    assertThat(process.waitFor()).isZero();
  }

  @Test
  void programs_areBuilt() throws Exception {
    assertThat(KernelAudit.build("spam.c", directory)).isExecutable();
    Process flood =
        new ProcessBuilder(KernelAudit.build("flood.c", directory).toString(), "3", "2").start();
    assertThat(flood.inputReader().readLine()).startsWith("calls=6 threads=2 ");
    assertThat(flood.waitFor()).isZero();
  }

  private static Map<String, String> settings() throws Exception {
    Map<String, String> settings = KernelAudit.settings();
    // What happens, not what is set.
    settings.keySet().removeAll(List.of("lost", "backlog", "backlog_wait_time_actual"));
    return settings;
  }
}
