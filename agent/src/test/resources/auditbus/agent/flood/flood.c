// SPDX-License-Identifier: Apache-2.0
// flood N [THREADS] [getppid|open|getpgid]: N system calls a thread, for tests and measurements that need many
// audited events. A rule on this program's exe= makes each call an event. Prints count, time and rate.
// Used by the kernel tests of the agent (KernelAudit.build); build: gcc -O2 -pthread -o flood flood.c
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long calls;
static int mode;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void *work(void *unused) {
  (void)unused;
  for (long i = 0; i < calls; i++) {
    if (mode == 0) {
      syscall(SYS_getppid);
    } else if (mode == 1) {
      int fd = open("/etc/hostname", O_RDONLY);
      if (fd >= 0) syscall(SYS_close, fd);
    } else {
      syscall(SYS_getpgid, (long)(i & 0x7fffffff));
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  calls = atol(argv[1]);
  int threads = argc > 2 ? atoi(argv[2]) : 1;
  if (threads < 1 || threads > 64) return 2;
  if (argc > 3) mode = !strcmp(argv[3], "open") ? 1 : !strcmp(argv[3], "getpgid") ? 2 : 0;
  pthread_t ids[64];
  double start = now();
  for (int i = 0; i < threads; i++) pthread_create(&ids[i], 0, work, 0);
  for (int i = 0; i < threads; i++) pthread_join(ids[i], 0);
  double seconds = now() - start;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("calls=%ld threads=%d elapsed=%.3f s rate=%.0f/s user=%.2f sys=%.2f\n", calls * threads, threads, seconds,
         calls * threads / seconds, usage.ru_utime.tv_sec + usage.ru_utime.tv_usec / 1e6,
         usage.ru_stime.tv_sec + usage.ru_stime.tv_usec / 1e6);
  return 0;
}
