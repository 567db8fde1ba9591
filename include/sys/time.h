/* Clocks by number, and what the timers of a process need of them. */
#ifndef _SYS_TIME_H_
#define _SYS_TIME_H_

#include <sys/timeout.h>

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define CLOCK_TAI                11

struct proc;
/* => what the clock shows, ns; EINVAL: no such clock; no locks */
int clock_read(struct proc *p, int id, uint64_t *nsecs);

#endif
