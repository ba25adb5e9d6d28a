// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.ConfinedAgent;
import auditbus.agent.KernelAudit;
import auditbus.agent.capture.CaptureSettings.Startup;
import auditbus.agent.capture.KernelCapture.Mode;
import auditbus.agent.netlink.AuditControl;
import auditbus.agent.trail.FlushPolicy;
import auditbus.agent.trail.OnFull;
import auditbus.agent.trail.TrailSettings;
import auditbus.agent.trail.TrailWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** One capture in this process, the real kernel before it and real trails behind it. */
@ExtendWith(KernelAudit.class)
@Timeout(120)
class KernelCaptureTest {
  private static final int MESSAGE = 1110;

  @TempDir Path directory;

  @Test
  void lostRegistration_isTakenUpAgainAndNothingThatHadComeIsLost() throws Exception {
    KernelCapture capture = capture(Mode.UNICAST);
    int rounds = 2;
    try (AuditControl control = AuditControl.open()) {
      capture.start();
      until("attached", () -> capture.report().running());
      long pid = ProcessHandle.current().pid();
      for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < 500; i++) {
          control.userMessage(MESSAGE, "round=" + round + " before=" + i);
        }
        // What the kernel has not sent when the registration ends is lost in the kernel.
        until("sent", () -> control.status().backlog() == 0);
        control.unregister();
        long lostNanos = System.nanoTime();
        int again = round + 1;
        until("attached again", () -> capture.report().status().getReattached() == again);
        until("running", () -> capture.report().running());
        assertThat(Duration.ofNanos(System.nanoTime() - lostNanos))
            .isLessThan(Duration.ofSeconds(5));
        assertThat(control.status().pid()).isEqualTo(pid);
        control.userMessage(MESSAGE, "round=" + round + " after");
      }
      assertThat(capture.report().error()).isEmpty();
    } finally {
      capture.close(List.of());
    }
    CaptureReport report = capture.report();
    assertThat(report.status().getRestarts()).isZero();
    assertThat(report.received()).isEqualTo(report.written() + report.dropped());
    assertThat(report.dropped()).isZero();
    List<String> lines = ConfinedAgent.lines(directory.resolve("trails"));
    assertThat(lines).hasSize(Math.toIntExact(report.written()));
    for (int round = 0; round < rounds; round++) {
      for (int i = 0; i < 500; i++) {
        String text = "msg='round=" + round + " before=" + i + "'";
        assertThat(lines).filteredOn(line -> line.contains(text)).as(text).hasSize(1);
      }
      String text = "round=" + round + " after";
      assertThat(lines).filteredOn(line -> line.contains(text)).as(text).hasSize(1);
    }
    assertThat(KernelAudit.settings()).containsEntry("pid", "0");
  }

  private KernelCapture capture(Mode mode) {
    TrailWriter writer =
        new TrailWriter(
            new TrailSettings(
                directory.resolve("trails"),
                Optional.empty(),
                1 << 20,
                Duration.ofHours(1),
                new FlushPolicy.None(),
                0,
                OnFull.BLOCK,
                Duration.ofHours(1)),
            _ -> false,
            InstantSource.system(),
            System::nanoTime);
    CaptureSettings settings =
        new CaptureSettings(
            16 << 20,
            Duration.ofSeconds(1),
            Startup.ENABLE,
            Optional.of(8192L),
            Optional.empty(),
            Optional.empty(),
            Optional.empty());
    return new KernelCapture(
        "kernel",
        mode,
        settings,
        OptionalInt.empty(),
        Optional::empty,
        directory.resolve("excluded"),
        writer,
        new CaptureTotals());
  }

  private static void until(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      Thread.onSpinWait();
    }
  }
}
