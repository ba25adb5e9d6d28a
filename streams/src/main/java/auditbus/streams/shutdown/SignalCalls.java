// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import auditbus.schemas.Syscall;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The system calls that send a signal, by architecture and number (AUDIT_ARCH_* of linux/audit.h,
 * numbers of the kernel's syscall tables), and which signals end a daemon.
 *
 * <p>Thread-safe: stateless.
 */
final class SignalCalls {
  static final int SIGINT = 2;
  static final int SIGTERM = 15;

  private static final long X86_64 = 0xC000003EL;
  private static final long I386 = 0x40000003L;
  private static final long AARCH64 = 0xC00000B7L;

  /** Which argument is the signal's number. */
  private static final Map<String, Integer> SIGNAL_ARGUMENT =
      Map.of(
          "kill", 1,
          "tkill", 1,
          "tgkill", 2,
          "pidfd_send_signal", 1,
          "rt_sigqueueinfo", 1,
          "rt_tgsigqueueinfo", 2);

  private static final Map<Long, Map<Integer, String>> NAMES =
      Map.of(
          X86_64,
              Map.of(
                  62, "kill",
                  200, "tkill",
                  234, "tgkill",
                  424, "pidfd_send_signal",
                  129, "rt_sigqueueinfo",
                  297, "rt_tgsigqueueinfo"),
          I386,
              Map.of(
                  37, "kill",
                  238, "tkill",
                  270, "tgkill",
                  424, "pidfd_send_signal",
                  178, "rt_sigqueueinfo",
                  335, "rt_tgsigqueueinfo"),
          AARCH64,
              Map.of(
                  129, "kill",
                  130, "tkill",
                  131, "tgkill",
                  424, "pidfd_send_signal",
                  138, "rt_sigqueueinfo",
                  240, "rt_tgsigqueueinfo"));

  // INT, QUIT, ILL, TRAP, ABRT, BUS, FPE, KILL, SEGV, TERM, SYS. Never 0 (a question), HUP, USR1,
  // USR2, CONT (auditd's commands), nor those that stop or are ignored.
  private static final Set<Integer> ENDING = Set.of(2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 31);

  private SignalCalls() {}

  /** The signal the call sends, if it is one that sends signals and the signal may end a daemon. */
  static OptionalInt endingSignal(Syscall call) {
    Integer argument = name(call) == null ? null : SIGNAL_ARGUMENT.get(name(call));
    if (argument == null || call.getArgs().size() <= argument) {
      return OptionalInt.empty();
    }
    // The kernel takes an int: upper bits of the register are noise.
    int signal = call.getArgs().get(argument).intValue();
    return ENDING.contains(signal) ? OptionalInt.of(signal) : OptionalInt.empty();
  }

  private static String name(Syscall call) {
    Map<Integer, String> numbers = call.getArch().map(NAMES::get).orElse(null);
    return numbers != null ? numbers.get(call.getNumber()) : call.getName().orElse(null);
  }
}
