/* Signals: numbers and layouts of the riscv64 Linux convention. */
#ifndef _SYS_SIGNALVAR_H_
#define _SYS_SIGNALVAR_H_

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/atomic.h>
#include <sys/lock.h>

typedef uint64_t sigset_t;
#define sigmask(n)    (1UL << ((n)-1))
#define NSIG          64

#define SIGHUP        1
#define SIGINT        2
#define SIGQUIT       3
#define SIGILL        4
#define SIGTRAP       5
#define SIGABRT       6
#define SIGBUS        7
#define SIGFPE        8
#define SIGKILL       9
#define SIGUSR1       10
#define SIGSEGV       11
#define SIGUSR2       12
#define SIGPIPE       13
#define SIGALRM       14
#define SIGTERM       15
#define SIGSTKFLT     16
#define SIGCHLD       17
#define SIGCONT       18
#define SIGSTOP       19
#define SIGTSTP       20
#define SIGTTIN       21
#define SIGTTOU       22
#define SIGURG        23
#define SIGXCPU       24
#define SIGXFSZ       25
#define SIGVTALRM     26
#define SIGPROF       27
#define SIGWINCH      28
#define SIGIO         29
#define SIGPWR        30
#define SIGSYS        31
#define SIGRTMIN      32

#define SIG_DFL       0UL
#define SIG_IGN       1UL

#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define ILL_ILLOPC    1
#define TRAP_BRKPT    1
#define FPE_INTDIV    1
#define SI_USER       0
#define SI_KERNEL     0x80
#define SI_QUEUE      (-1)
#define SI_TIMER      (-2)
#define SI_TKILL      (-6)
#define WCOREFLAG     0x80 /* in a wait status: there is a core file */
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

#define SA_NOCLDSTOP  0x00000001UL
#define SA_NOCLDWAIT  0x00000002UL
#define SA_SIGINFO    0x00000004UL
#define SA_ONSTACK    0x08000000UL
#define SA_RESTART    0x10000000UL
#define SA_NODEFER    0x40000000UL
#define SA_RESETHAND  0x80000000UL

/* rt_sigprocmask: how */
#define SIG_BLOCK    0
#define SIG_UNBLOCK  1
#define SIG_SETMASK  2

#define SIGMASK_CANT (sigmask(SIGKILL) | sigmask(SIGSTOP))
#define SIGMASK_STOP                                              \
	(sigmask(SIGSTOP) | sigmask(SIGTSTP) | sigmask(SIGTTIN) | \
	    sigmask(SIGTTOU))

/*
 * 128 bytes, laid out as the C library expects.
 * Fields [c]: of whoever made the copy.
 */
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

/* Fields [c]: of whoever made the copy. */
typedef struct sigaltstack {
	uint64_t ss_sp;
	int ss_flags;
	int ss_pad;
	uint64_t ss_size;
} stack_t;
#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM 0x80000000U
#define MINSIGSTKSZ   2048

/*
 * What rt_sigaction exchanges with a program.
 * Fields [c]: of whoever made the copy.
 */
struct sigaction {
	uint64_t sa_handler;
	uint64_t sa_flags;
	sigset_t sa_mask;
};

/*
 * Actions, one per signal; shared by CLONE_SIGHAND.
 * Locks used to protect members:
 *	a	atomic operations
 *	A	sa_mtx to write and to read a whole action; a handler alone is
 *		one aligned word and may be read without
 */
struct sigacts {
	struct mutex sa_mtx; /* LR_MISC */
	refcnt_t sa_refs; /* [a] */
	struct sigaction sa_act[NSIG]; /* [A] */
};

/* A queued signal with its information (ps_sigmtx). */
struct sigq;
/*
 * Locks used to protect members of sigpending:
 *	S	ps_sigmtx
 */
struct sigpending {
	sigset_t sp_set; /* [S] */
	u_int sp_count; /* [S] entries in sp_queue */
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
/* => what an interruptible sleep of p returns: EINTR or ERESTART, 0: none */
int sig_sleep_result(struct proc *p);
/*
 * Run p with another mask for one call (pselect, ppoll, sigsuspend).
 * sigmask_restore: error is what the call returns; the old mask is back at
 * once, or, if a signal ended the call, when its handler returns.
 * => p is curproc, no locks
 */
void sigmask_temp(struct proc *p, sigset_t mask);
void sigmask_restore(struct proc *p, int error);
/* => p is curproc, no locks: the mask for good */
void sigmask_set(struct proc *p, sigset_t mask);

/* -- For the other files of the process layer ------------------------------ */
/* => boot, once: pools */
void sig_init(void);
struct sigacts *sigacts_alloc(void); /* => all default; may sleep */
struct sigacts *sigacts_copy(struct sigacts *sa); /* => may sleep */
/* => sa known to nobody else: handlers to default, ignored ones stay */
void sigacts_default(struct sigacts *sa);
void sigacts_free(struct sigacts *sa); /* => drops a reference */
/* => was p's process sent SIGKILL? no lock needed */
bool sig_killed(struct proc *p);
/* => does a signal that kills wait for p? ps_sigmtx not held */
bool sig_fatal(struct proc *p);
/* => exec: handlers to default, ignored ones stay; p is single */
void sig_exec(struct proc *p);
/* => no lock; throws away all queued signals */
void sigpending_flush(struct sigpending *sp);
void sigpending_init(struct sigpending *sp);
/* => ps_sigmtx held; as ptsignal(), or psignal() if p is NULL; FALSE: no
 *    memory to queue the information of a signal that queues */
bool
sig_post(struct process *pr, struct proc *p, int sig, const siginfo_t *info);
/* => ps_sigmtx held; information of a timer's signal that waits, or NULL */
siginfo_t *
sig_queued_timer(struct process *pr, struct proc *p, int sig, int timer);
/* => ps_sigmtx held; all threads of pr look at its state, asleep or not */
void sig_wake_all(struct process *pr);
/* => all processes but p's and init get SIGKILL; how many are alive still */
u_int kill_others(struct proc *p);
/* => p is curproc, no locks: acts on signals until none is left */
void sig_deliver(struct proc *p);
/* => does pr ignore sig (SIG_IGN or by default)? ps_sigmtx not held */
bool sig_ignored(struct process *pr, int sig);
/* => ps_sigmtx held: is the handler of sig this one, or any of the flags set? */
bool
sig_handler_is(struct process *pr, int sig, uint64_t handler, uint64_t flags);
/* => SA_* of the action of sig; ps_sigmtx not held */
uint64_t sig_flags(struct process *pr, int sig);
/* => proctree held; tells pr's parent about stop or continue */
void sig_child_note(struct process *pr, int code, int status);
/* Builds the frame of a handler on the user stack (machine's layout).
 * => 0, or EFAULT: the stack is unusable */
int sendsig(struct proc *p, int sig, const struct sigaction *sa,
    const siginfo_t *info, sigset_t returnmask);
/* => is sp on p's alternate stack? / sets it; 0, EPERM, EINVAL, ENOMEM */
bool sigstk_active(struct proc *p, uint64_t sp);
int sigstk_set(struct proc *p, const stack_t *ss, uint64_t sp);
/* Page with the code handlers return to (sigcode.S).
 * => maps it into p's address space, sets vm_sigcode; 0 or errno */
void sigcode_init(void);
int sigcode_map(struct proc *p);

#endif
