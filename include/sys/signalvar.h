/* Signals: numbers and layouts of the riscv64 Linux convention. */
#ifndef _SYS_SIGNALVAR_H_
#define _SYS_SIGNALVAR_H_

#include <sys/types.h>
#include <sys/queue.h>

typedef uint64_t sigset_t;
#define sigmask(n) (1UL << ((n)-1))
#define NSIG	   64

#define SIGHUP	   1
#define SIGINT	   2
#define SIGQUIT	   3
#define SIGILL	   4
#define SIGTRAP	   5
#define SIGABRT	   6
#define SIGBUS	   7
#define SIGFPE	   8
#define SIGKILL	   9
#define SIGUSR1	   10
#define SIGSEGV	   11
#define SIGUSR2	   12
#define SIGPIPE	   13
#define SIGALRM	   14
#define SIGTERM	   15
#define SIGSTKFLT  16
#define SIGCHLD	   17
#define SIGCONT	   18
#define SIGSTOP	   19
#define SIGTSTP	   20
#define SIGTTIN	   21
#define SIGTTOU	   22
#define SIGURG	   23
#define SIGXCPU	   24
#define SIGXFSZ	   25
#define SIGVTALRM  26
#define SIGPROF	   27
#define SIGWINCH   28
#define SIGIO	   29
#define SIGPWR	   30
#define SIGSYS	   31
#define SIGRTMIN   32

#define SIG_DFL	   0UL
#define SIG_IGN	   1UL

#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define BUS_ADRALN  1
#define BUS_ADRERR  2
#define ILL_ILLOPC  1
#define TRAP_BRKPT  1
#define FPE_INTDIV  1
#define SI_USER	    0
#define SI_KERNEL   0x80
#define SI_QUEUE    (-1)
#define SI_TIMER    (-2)
#define SI_TKILL    (-6)

/* 128 bytes, laid out as the C library expects. */
typedef struct siginfo {
	int si_signo;
	int si_errno;
	int si_code;
	int si_pad0;
	union {
		struct {
			pid_t pid;
			uid_t uid;
			int status;
			int pad;
			int64_t utime, stime;
		} chld;
		struct {
			pid_t pid;
			uid_t uid;
			uint64_t value;
		} rt;
		struct {
			int tid, overrun;
			uint64_t value;
		} timer;
		struct {
			uint64_t addr;
		} fault;
		uint8_t pad[112];
	} si_u;
} siginfo_t;
CTASSERT(sizeof(siginfo_t) == 128);

typedef struct sigaltstack {
	uint64_t ss_sp;
	int ss_flags;
	int ss_pad;
	uint64_t ss_size;
} stack_t;
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define MINSIGSTKSZ 2048

/* A queued signal with its information (ps_sigmtx). */
struct sigq;
/*
 * Locks used to protect members of sigpending:
 *	S	ps_sigmtx
 */
struct sigpending {
	sigset_t sp_set; /* [S] */
	TAILQ_HEAD(, sigq) sp_queue; /* [S] information, oldest first */
};

struct proc;
struct process;
struct pgrp;

/* => any context; information may be NULL (SI_KERNEL) */
void psignal(struct process *pr, int sig, const siginfo_t *info);
void ptsignal(struct proc *p, int sig, const siginfo_t *info);
/* => proctree lock held for reading at least */
void pgsignal(struct pgrp *pg, int sig);
/* => synchronous fault of curproc: cannot be ignored or blocked */
void trapsignal(struct proc *p, int sig, int code, vaddr_t addr);
/* => does p have a signal to act on? sleepers ask with no lock held */
bool sig_pending(struct proc *p);

#endif
