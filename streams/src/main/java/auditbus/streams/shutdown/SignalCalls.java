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
  static final int SIGKILL = 9;
  static final int SIGTERM = 15;

  private static final long PIDFD_SIGNAL_PROCESS_GROUP = 4; // linux/pidfd.h

  private static final int LEGACY_KILL = 37; // asm-i386/unistd.h

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

  // HUP, USR1, USR2, TERM: audit_signal_info of the kernel's auditsc.c.
  private static final Set<Integer> REMEMBERED = Set.of(1, 10, 12, 15);

  private SignalCalls() {}

  /** The signal the call sends, if it is one that sends signals and the signal may end a daemon. */
  static OptionalInt endingSignal(Syscall call) {
    OptionalInt signal = signal(call);
    return signal.isPresent() && isEnding(signal.getAsInt()) ? signal : OptionalInt.empty();
  }

  /** Whether the call sends a signal that the kernel remembers the sender of for auditd. */
  static boolean isRemembered(Syscall call) {
    OptionalInt signal = signal(call);
    return signal.isPresent() && REMEMBERED.contains(signal.getAsInt());
  }

  private static OptionalInt signal(Syscall call) {
    Integer argument = name(call) == null ? null : SIGNAL_ARGUMENT.get(name(call));
    if (argument == null || call.getArgs().size() <= argument) {
      return OptionalInt.empty();
    }
    // The kernel takes an int: upper bits of the register are noise.
    return OptionalInt.of(call.getArgs().get(argument).intValue());
  }

  /** Whether the signal may end a daemon. */
  static boolean isEnding(int signal) {
    return ENDING.contains(signal);
  }

  /**
   * The signal of a pre-2006 KERNEL record's call, which names no architecture: kill(2) of i386,
   * successful, if the signal may end a daemon.
   */
  static OptionalInt legacyEndingSignal(Syscall call) {
    boolean killed =
        call.getArch().isEmpty()
            && call.getNumber() == LEGACY_KILL
            && call.getExit().filter(exit -> exit == 0).isPresent()
            && call.getArgs().size() >= 2;
    int signal = killed ? call.getArgs().get(1).intValue() : 0;
    return killed && isEnding(signal) ? OptionalInt.of(signal) : OptionalInt.empty();
  }

  /**
   * Whether the call sends to a process group or to everybody: then it succeeds if one process
   * could be signalled, and the kernel names all those it tried.
   */
  static boolean isToMany(Syscall call) {
    String name = name(call);
    if ("kill".equals(name)) {
      return (int) (long) call.getArgs().get(0) <= 0;
    }
    return "pidfd_send_signal".equals(name)
        && call.getArgs().size() > 3
        && (call.getArgs().get(3) & PIDFD_SIGNAL_PROCESS_GROUP) != 0;
  }

  private static String name(Syscall call) {
    Map<Integer, String> numbers = call.getArch().map(NAMES::get).orElse(null);
    return numbers != null ? numbers.get(call.getNumber()) : call.getName().orElse(null);
  }
}
