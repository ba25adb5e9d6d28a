// SPDX-License-Identifier: Apache-2.0
// spam PID: becomes nobody and calls kill(PID, SIGTERM) until PID is gone. Every call is refused (EPERM), yet the kernel
// remembers us as the last who signalled the audit daemon: it notes the sender before it checks the permission.
// Used by the kernel tests of the agent (KernelAudit.build) for stops whose signal info is poisoned.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  pid_t pid = atoi(argv[1]);
  long calls = 0;
  long refused = 0;
  // Never as root: the signal would arrive.
  if (setgid(65534) || setuid(65534)) return 3;
  for (;;) {
    calls++;
    if (kill(pid, SIGTERM) < 0) {
      if (errno == ESRCH) break;
      refused++;
    }
  }
  fprintf(stderr, "spam: %ld calls, %ld refused\n", calls, refused);
  return 0;
}
