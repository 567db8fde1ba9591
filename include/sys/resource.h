/* Resource limits and usage, as the riscv64 Linux convention lays them out. */
#ifndef _SYS_RESOURCE_H_
#define _SYS_RESOURCE_H_

#include <sys/types.h>
#include <sys/timeout.h>

#define RLIMIT_CPU        0
#define RLIMIT_FSIZE      1
#define RLIMIT_DATA       2
#define RLIMIT_STACK      3
#define RLIMIT_CORE       4
#define RLIMIT_RSS        5
#define RLIMIT_NPROC      6
#define RLIMIT_NOFILE     7
#define RLIMIT_MEMLOCK    8
#define RLIMIT_AS         9
#define RLIMIT_LOCKS      10
#define RLIMIT_SIGPENDING 11
#define RLIMIT_MSGQUEUE   12
#define RLIMIT_NICE       13
#define RLIMIT_RTPRIO     14
#define RLIMIT_RTTIME     15
#define RLIM_NLIMITS      16
#define RLIM_INFINITY     UINT64_MAX

/* Nice values: the higher, the less a thread gets when others want to run. */
#define NICE_MIN     (-20)
#define NICE_MAX     19
#define PRIO_PROCESS 0 /* a thread */
#define PRIO_PGRP    1
#define PRIO_USER    2

/* Fields [c]: of whoever made the copy. */
struct rlimit {
	uint64_t rlim_cur;
	uint64_t rlim_max;
};

/* Limits of a process, never shared: a limit can be read without a lock. */
struct plimit {
	struct rlimit pl_rlimit[RLIM_NLIMITS]; /* [ps_lock] */
};

/* Fields [c]: of whoever made the copy. */
struct rusage {
	struct timeval ru_utime;
	struct timeval ru_stime;
	long ru_maxrss, ru_ixrss, ru_idrss, ru_isrss;
	long ru_minflt, ru_majflt, ru_nswap;
	long ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv;
	long ru_nsignals, ru_nvcsw, ru_nivcsw;
};

/* The kernel's own sums, times in ns. Fields [c]: of whoever made the copy. */
struct rusage_ext {
	uint64_t re_utime, re_stime;
	long re_minflt, re_majflt, re_nvcsw, re_nivcsw, re_maxrss;
};

struct process;
struct proc;
/* => soft limit; ps_lock not needed (a limit is one aligned word) */
uint64_t lim_cur(struct process *pr, int which);
uint64_t lim_max(struct process *pr, int which);
/* => all unlimited or at their defaults; memory limits by uvm_init_limits() */
void lim_init(struct process *pr);
/* => pr new: copy of the parent's */
void lim_fork(struct process *pr, struct process *parent);
/* => CPU time of a thread / a process so far, ns in user and kernel mode;
 *    no locks / ps_lock and ps_sigmtx not held */
void calc_thread_times(struct proc *p, uint64_t *utime, uint64_t *stime);
void calc_process_times(struct process *pr, uint64_t *utime, uint64_t *stime);
/* => usage of pr's live and dead threads; ps_sigmtx not held */
void calc_rusage(struct process *pr, struct rusage_ext *re);
/* => the same, ps_sigmtx held */
void calc_rusage_locked(struct process *pr, struct rusage_ext *re);
void rusage_add(struct rusage_ext *to, const struct rusage_ext *from);
void rusage_export(const struct rusage_ext *re, struct rusage *ru);

/* -- Interval timers (kern/kern_itimer.c) ---------------------------------- */
/* => pr has no more running threads, or execs: all timers are gone; sleeps */
void itimers_exit(struct process *pr);
void itimers_exec(struct process *pr);
/* => ps_sigmtx held; a timer's signal was taken */
struct siginfo;
void itimer_delivered(struct process *pr, const struct siginfo *info);
/* => RLIMIT_CPU changed: watch for it */
void itimers_cpu_limit(struct process *pr);

#endif
