/* Resource limits and usage, as the riscv64 Linux convention lays them out. */
#ifndef _SYS_RESOURCE_H_
#define _SYS_RESOURCE_H_

#include <sys/types.h>
#include <sys/timeout.h>

#define RLIMIT_CPU	 0
#define RLIMIT_FSIZE	 1
#define RLIMIT_DATA	 2
#define RLIMIT_STACK	 3
#define RLIMIT_CORE	 4
#define RLIMIT_RSS	 5
#define RLIMIT_NPROC	 6
#define RLIMIT_NOFILE	 7
#define RLIMIT_MEMLOCK	 8
#define RLIMIT_AS	 9
#define RLIMIT_LOCKS	 10
#define RLIMIT_SIGPENDING 11
#define RLIMIT_MSGQUEUE	 12
#define RLIMIT_NICE	 13
#define RLIMIT_RTPRIO	 14
#define RLIMIT_RTTIME	 15
#define RLIM_NLIMITS	 16
#define RLIM_INFINITY	 UINT64_MAX

struct rlimit {
	uint64_t rlim_cur;
	uint64_t rlim_max;
};

/* Limits of a process; copied when written while shared. */
struct plimit {
	struct rlimit pl_rlimit[RLIM_NLIMITS]; /* [ps_lock] */
};

struct rusage {
	struct timeval ru_utime;
	struct timeval ru_stime;
	long ru_maxrss, ru_ixrss, ru_idrss, ru_isrss;
	long ru_minflt, ru_majflt, ru_nswap;
	long ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv;
	long ru_nsignals, ru_nvcsw, ru_nivcsw;
};

/* The kernel's own sums, times in ns. */
struct rusage_ext {
	uint64_t re_utime, re_stime;
	long re_minflt, re_majflt, re_nvcsw, re_nivcsw, re_maxrss;
};

struct process;
/* => soft limit; ps_lock not needed (a limit is one aligned word) */
uint64_t lim_cur(struct process *pr, int which);

#endif
