// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.util.Optional;

/**
 * The system calls that send a signal, by the numbers their records have.
 *
 * <p>Numbers are from the kernel's headers: x86 and generic (aarch64, riscv) as of 6.1.187, arm,
 * s390 and powerpc as of 6.1.4. A number never changes once it is given out.
 */
enum SignalCall {
  KILL(1),
  TKILL(1),
  TGKILL(2),
  RT_SIGQUEUEINFO(1),
  RT_TGSIGQUEUEINFO(2),
  PIDFD_SEND_SIGNAL(1);

  /** pidfd_send_signal's flag for the pidfd's whole process group (Linux 6.9). */
  private static final long PIDFD_SIGNAL_PROCESS_GROUP = 4;

  /** The bit x32 calls have in their number; their arch is x86_64's. */
  private static final int X32 = 0x40000000;

  private static final int[] X86_64 = {62, 200, 234, 129, 297, 424};
  private static final int[] X86_X32 = {
    X32 + 62, X32 + 200, X32 + 234, X32 + 524, X32 + 536, X32 + 424
  };
  private static final int[] I386 = {37, 238, 270, 178, 335, 424};
  private static final int[] GENERIC = {129, 130, 131, 138, 240, 424};
  private static final int[] ARM = {37, 238, 268, 178, 363, 424};
  private static final int[] S390 = {37, 237, 241, 178, 330, 424};
  private static final int[] POWERPC = {37, 208, 250, 177, 322, 424};
  private static final int[] NONE = {};

  private static final SignalCall[] VALUES = values();

  private final int signalArgument;

  SignalCall(int signalArgument) {
    this.signalArgument = signalArgument;
  }

  /** The call a SYSCALL record's {@code arch=} and {@code syscall=} name, if it sends a signal. */
  static Optional<SignalCall> of(int arch, int number) {
    int[] numbers = numbers(arch, number);
    for (int i = 0; i < numbers.length; i++) {
      if (numbers[i] == number) {
        return Optional.of(VALUES[i]);
      }
    }
    return Optional.empty();
  }

  private static int[] numbers(int arch, int number) {
    return switch (arch) {
      case 0xc000003e -> (number & X32) == 0 ? X86_64 : X86_X32;
      case 0x40000003 -> I386;
      case 0xc00000b7, 0xc00000f3, 0x400000f3 -> GENERIC; // aarch64, riscv64, riscv32
      case 0x40000028 -> ARM;
      case 0x80000016, 0x00000016 -> S390; // s390x, s390
      case 0xc0000015, 0x80000015, 0x00000014 -> POWERPC; // ppc64le, ppc64, ppc
      default -> NONE;
    };
  }

  /** The signal, from the arguments a1 and a2: the kernel takes the low 32 bits. */
  int signal(long a1, long a2) {
    return (int) (signalArgument == 1 ? a1 : a2);
  }

  /**
   * Whether the call went to more than one process: it has succeeded if one of them could be
   * signalled, and the others are recorded as its targets all the same.
   */
  boolean isForMany(long a0, long a3) {
    return switch (this) {
      case KILL -> (int) a0 <= 0;
      case PIDFD_SEND_SIGNAL -> (a3 & PIDFD_SIGNAL_PROCESS_GROUP) != 0;
      case TKILL, TGKILL, RT_SIGQUEUEINFO, RT_TGSIGQUEUEINFO -> false;
    };
  }
}
