// SPDX-License-Identifier: Apache-2.0
// signals: sends each of some signals by each of the six calls, in both ABIs of x86-64, to a child of its own each.
// Prints a line "ARCH SYSCALL SIGNAL" for each. Ends with a signal number whose upper 32 bits are not 0.
// Used by the kernel tests of the agent (KernelAudit.build); build: gcc -O2 -pthread -o signals signals.c
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL, TKILL, TGKILL, QUEUE, TGQUEUE, PIDFD, CALLS };
static const int numbers[2][CALLS] = {{62, 200, 234, 129, 297, 424}, {37, 238, 270, 178, 335, 424}};
static const int signals[] = {0, 1, 2, 9, 10, 12, 15, 18, 19, 20, 23, 30, 62};

static long call32(long number, long a, long b, long c, long d) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory", "r8", "r9", "r10", "r11");
  return result;
}

static long call(int abi, int which, long a, long b, long c, long d) {
  int number = numbers[abi][which];
  return abi ? call32(number, a, b, c, d) : syscall(number, a, b, c, d);
}

static pid_t child(void) {
  pid_t parent = getpid();
  int ready[2];
  char byte = 0;
  if (pipe(ready)) return -1;
  pid_t pid = fork();
  if (pid == 0) {
    // Ends with its parent, without a signal of anybody's, and holds up nobody who reads what that prints.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(1);
    close(2);
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    while (getppid() == parent) pause();
    _exit(0);
  }
  // Not before it is set up: one that is stopped at once would stay.
  if (pid > 0 && read(ready[0], &byte, 1) != 1) return -1;
  close(ready[0]);
  close(ready[1]);
  return pid;
}

int main(void) {
  // Where a 32-bit pointer reaches.
  siginfo_t *info = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (info == MAP_FAILED) return 2;
  for (int abi = 0; abi < 2; abi++) {
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
      int signal = signals[i];
      for (int which = 0; which < CALLS; which++) {
        pid_t to = child();
        if (to < 0) return 3;
        memset(info, 0, sizeof *info);
        info->si_code = -1;
        info->si_signo = signal;
        switch (which) {
          case KILL:
          case TKILL: call(abi, which, to, signal, 0, 0); break;
          case TGKILL: call(abi, which, to, to, signal, 0); break;
          case QUEUE: call(abi, which, to, signal, (long)info, 0); break;
          case TGQUEUE: call(abi, which, to, to, signal, (long)info); break;
          case PIDFD: {
            int fd = syscall(434, to, 0);
            call(abi, which, fd, signal, 0, 0);
            close(fd);
          }
        }
        printf("%s %d %d\n", abi ? "40000003" : "c000003e", numbers[abi][which], signal);
      }
    }
  }
  syscall(62, child(), (1L << 40) | 15);
  return 0;
}
