// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.RequiredTools;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SyscallsTest {
  /** What audit's own tables name otherwise than the kernel's headers. */
  private static final Map<String, String> HEADERS_NAMES =
      Map.of(
          "pread", "pread64",
          "pwrite", "pwrite64",
          "getdents", "getdents64",
          "newfstat", "fstat",
          "sys_kexec_load", "kexec_load",
          "sched_rr_get_interval64", "sched_rr_get_interval_time64");

  @ParameterizedTest
  @CsvSource({
    "c000003e, 62, kill",
    "c000003e, 424, pidfd_send_signal",
    "c000003e, 452, fchmodat2",
    "40000003, 37, kill",
    "c00000b7, 129, kill",
    "40000028, 37, kill",
    "c0000015, 37, kill",
    "80000016, 37, kill",
    "c00000f3, 129, kill",
    "80000008, 5060, kill",
  })
  void call_hasTheNameOfItsArchitecture(String arch, int number, String name) {
    assertThat(Syscalls.name(Long.parseLong(arch, 16), number)).contains(name);
  }

  @Test
  void whatIsInNoTable_hasNoName() {
    assertThat(Syscalls.name(0xc000003eL, 9999)).isEmpty();
    assertThat(Syscalls.name(0xc000003eL, -1)).isEmpty();
    assertThat(Syscalls.name(0x1234, 1)).isEmpty();
    assertThat(Syscalls.architecture(0x1234)).isEmpty();
    assertThat(Syscalls.architecture(0xc000003eL)).contains("x86_64");
    assertThat(Syscalls.architecture(0x40000003L)).contains("i386");
    assertThat(Syscalls.architecture(0xc00000b7L)).contains("aarch64");
  }

  /**
   * ausyscall knows the calls of its day; its tables of arm and ppc have calls no kernel has now.
   */
  @ParameterizedTest
  @CsvSource({"x86_64, c000003e", "i386, 40000003", "aarch64, c00000b7", "s390x, 80000016"})
  void callsOfAusyscall_haveTheSameNames(String architecture, String arch)
      throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(RequiredTools.path("ausyscall").toString(), architecture, "--dump")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    List<String> lines =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
            .lines()
            .toList();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    List<String> others = new ArrayList<>();
    int compared = 0;
    for (String line : lines.subList(1, lines.size())) {
      String[] columns = line.split("\t", -1);
      String ours =
          Syscalls.name(Long.parseLong(arch, 16), Integer.parseInt(columns[0])).orElse("");
      compared++;
      if (!ours.equals(columns[1]) && !ours.equals(HEADERS_NAMES.get(columns[1]))) {
        others.add(columns[0] + " " + columns[1] + " here " + ours);
      }
    }
    assertThat(compared).isGreaterThan(300);
    assertThat(others).isEmpty();
  }
}
