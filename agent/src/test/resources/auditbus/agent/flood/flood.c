// SPDX-License-Identifier: Apache-2.0
// flood N [THREADS] [getppid|open|getpgid|stamp [RATE]]: N system calls a thread, for tests and measurements that need
// many audited events. A rule on this program's exe= makes each call an event. Prints count, time and rate.
// getpgid has the call's number in a0, stamp the wall clock's nanoseconds right before the call (getpgid as well).
// RATE: calls a second of each thread, evenly spread; one that is late is made at once. Without: as fast as it goes.
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
static double rate;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void pace(const struct timespec *start, long i) {
  double due = (double)start->tv_sec + (double)start->tv_nsec / 1e9 + (double)i / rate;
  struct timespec t = {(time_t)due, (long)((due - (double)(time_t)due) * 1e9)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0)) {
  }
}

static void *work(void *unused) {
  (void)unused;
  struct timespec start;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (long i = 0; i < calls; i++) {
    if (rate > 0) pace(&start, i);
    if (mode == 0) {
      syscall(SYS_getppid);
    } else if (mode == 1) {
      int fd = open("/etc/hostname", O_RDONLY);
      if (fd >= 0) syscall(SYS_close, fd);
    } else if (mode == 2) {
      syscall(SYS_getpgid, (long)(i & 0x7fffffff));
    } else {
      struct timespec t;
      clock_gettime(CLOCK_REALTIME, &t);
      syscall(SYS_getpgid, (long)t.tv_sec * 1000000000L + t.tv_nsec);
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  calls = atol(argv[1]);
  int threads = argc > 2 ? atoi(argv[2]) : 1;
  if (threads < 1 || threads > 64) return 2;
  if (argc > 3) mode = !strcmp(argv[3], "open") ? 1 : !strcmp(argv[3], "getpgid") ? 2 : !strcmp(argv[3], "stamp") ? 3 : 0;
  if (argc > 4) rate = atof(argv[4]);
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
