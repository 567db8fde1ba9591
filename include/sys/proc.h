/*
 * Processes and threads.  struct proc is a thread, struct process what its
 * threads share (the 5.x way: UVM-API.md 0.5).
 */
#ifndef _SYS_PROC_H_
#define _SYS_PROC_H_

#include <sys/param.h>
#include <sys/lock.h>
#include <sys/queue.h>
#include <sys/atomic.h>
#include <sys/timeout.h>
#include <sys/signalvar.h>
#include <sys/resource.h>
#include <machine/cpu.h>

struct filedesc;
struct vmspace;
struct vnode;
struct tty;
struct user;

/*
 * Locks used to protect members of a thread:
 *	I	immutable after creation
 *	o	only by the thread itself (and its creator before it runs)
 *	r	run queue lock of p_cpu
 *	s	sleep queue lock of p_wchan's chain
 *	S	ps_sigmtx of the process
 *	P	ps_lock of the process
 *	T	proctree lock
 *	a	atomic operations
 */
struct proc {
	struct trapframe p_tf; /* [o] user registers; first: trap_entry.S */
	struct cpu_info *volatile p_cpu; /* [r] hart it runs on or ran last */
	vaddr_t p_kstack; /* [I] top of the kernel stack; trap_entry.S */
	uint32_t p_flag; /* [a] P_*; trap_entry.S */
	uint32_t p_syscall; /* [o] number in progress, for messages */
	struct pcb p_pcb; /* [o] */
	struct user *p_addr; /* [I] u-area; NULL for a boot thread */

	struct process *p_p; /* [I] */
	struct vmspace *p_vmspace; /* [o] ps_vmspace by another name */
	pid_t p_tid; /* [I] thread id; of the first thread the pid */
	TAILQ_ENTRY(proc) p_thr_link; /* [P] threads of the process */
	LIST_ENTRY(proc) p_hash; /* [T] by thread id */

	TAILQ_ENTRY(proc) p_runq; /* [r] run queue or [s] sleep queue */
	volatile int p_stat; /* [r] S* */
	volatile uint32_t p_oncpu; /* [a] 1 until fully switched out */
	uint8_t p_priority; /* [r] */
	uint8_t p_usrpri; /* [r] priority in user mode */
	volatile int8_t p_nice; /* [a] NICE_MIN to NICE_MAX */
	uint16_t p_slptime; /* [r] seconds asleep */
	uint32_t p_swtime; /* [r] seconds since swapped in or out */
	uint64_t p_cpumask; /* [r] harts it may run on */
	const volatile void *volatile p_wchan; /* [s] what it sleeps on */
	const char *p_wmesg; /* [s] and why */
	struct timeout p_sleep_to; /* [s] timeout of the sleep */
	uint64_t p_runtime; /* [r] ns on a hart */
	uint64_t p_lastrun; /* [r] uptime it came to the hart or left it, ns */
	uint64_t p_utime, p_stime; /* [o] ns in user mode, kernel mode */
	uint64_t p_entry; /* [o] uptime of the last user/kernel crossing */
	long p_ru_minflt, p_ru_majflt; /* [o] */
	long p_ru_nvcsw, p_ru_nivcsw; /* [o] */
	uint32_t p_timeslice; /* [r] ticks left */
	uint32_t p_estcpu; /* [r] ticks it ran lately, decayed each second */
	int p_wakeres; /* [s] why the sleep ended: 0, EWOULDBLOCK, EINTR */

	sigset_t p_sigmask; /* [S] */
	sigset_t p_oldmask; /* [o] to restore after sigsuspend */
	sigset_t p_sigwait; /* [S] blocked signals that sigtimedwait takes */
	struct sigpending p_sigpend; /* [S] sent to this thread */
	stack_t p_sigstk; /* [o] */
	vaddr_t p_clear_tid; /* [o] set_tid_address */
	vaddr_t p_set_tid; /* [o] where a new thread stores its id; 0: no */
	vaddr_t p_robust; /* [o] set_robust_list */
	struct process *p_vforkchild; /* [T] child we wait for (vfork) */
	uint32_t p_restart; /* [o] RESTART_*: how the call just left ends */
	uint64_t p_restart_end; /* [o] uptime a restarted sleep ends; 0: none */
	char p_comm[MAXCOMLEN]; /* [P] */
	uint32_t p_nlocks; /* [o] rwlocks held (DEBUG) */
	void *p_locks; /* [o] lock-order checker (DEBUG) */
};
CTASSERT(offsetof(struct proc, p_cpu) == 288);
CTASSERT(offsetof(struct proc, p_kstack) == 296);

/* p_stat */
#define SIDL    1 /* being made */
#define SRUN    2 /* runnable */
#define SSLEEP  3 /* waiting */
#define SSTOP   4 /* stopped by a signal */
#define SDEAD   5 /* exited; its stack is still in use or being freed */
#define SONPROC 6 /* running */

/* p_flag */
#define P_KTHREAD    0x0001 /* no user space */
#define P_SINTR      0x0002 /* sleep can be ended by a signal */
#define P_TIMEOUT    0x0004 /* sleep was ended by its timeout */
#define P_SIGSUSPEND 0x0008 /* restore p_oldmask after the handler */
#define P_WEXIT      0x0010 /* exiting */
#define P_INMEM      0x0020 /* u-area is wired */
#define P_OOMKILL    0x0040 /* killed for memory: may use the reserve */
#define P_NEEDAST    0x0080 /* look for signals before user mode */
#define P_IDLE       0x0100
#define P_WOKEN      0x0200
#define P_STACKHELD  0x0400 /* others use what lies on its kernel stack */
#define P_SWAPRUN    0x0800 /* runnable, once it has a kernel stack again */

/* p_restart */
#define RESTART_NONE   0
#define RESTART_SIG    1 /* again, unless a handler without SA_RESTART runs */
#define RESTART_NOHAND 2 /* again, unless any handler runs */

/*
 * Session: process groups with one controlling terminal.
 * Locks used to protect members of a session:
 *	I	immutable after creation
 *	T	proctree lock
 */
struct session {
	u_int s_count; /* [T] process groups in it */
	pid_t s_sid; /* [I] */
	struct process *s_leader; /* [T] NULL: it has exited */
	struct tty *s_ttyp; /* [T] controlling terminal, or NULL */
	/* [T] terminal's: the session gives it up; proctree write-locked */
	void (*s_ttygone)(struct session *s, struct tty *tp);
};

/*
 * Process group.
 * Locks used to protect members of a pgrp:
 *	I	immutable after creation
 *	T	proctree lock
 */
struct pgrp {
	LIST_ENTRY(pgrp) pg_hash; /* [T] by id */
	LIST_HEAD(, process) pg_members; /* [T] never empty */
	struct session *pg_session; /* [I] */
	pid_t pg_id; /* [I] */
};

/*
 * Credentials.
 * Locks used to protect members:
 *	I	immutable while shared
 *	a	atomic operations
 */
struct uvm_ucred {
	refcnt_t cr_refs; /* [a] */
	uid_t cr_ruid, cr_uid; /* [I] real, effective user */
	gid_t cr_rgid, cr_gid; /* [I] real, effective group */
};

/*
 * Locks used to protect members of a process:
 *	I	immutable after creation
 *	P	ps_lock
 *	S	ps_sigmtx
 *	T	proctree lock
 *	a	atomic operations
 */
struct process {
	struct rwlock ps_lock; /* LR_PROCESS */
	struct mutex ps_sigmtx; /* LR_SIGNAL */
	refcnt_t ps_refs; /* [a] */
	pid_t ps_pid; /* [I] */
	uint32_t ps_flags; /* [a] PS_* */
	struct proc *ps_mainproc; /* [I] first thread */
	TAILQ_HEAD(,
	    proc) ps_threads; /* [P] and [S] to change, either to read */
	u_int ps_nthreads; /* [P] and [S] to change, either to read */
	struct proc *ps_single; /* [S] thread that PS_SINGLE leaves alive */
	u_int ps_parked; /* [S] threads that wait for the end of PS_DUMPING */
	struct vmspace *ps_vmspace; /* [P] */
	struct filedesc *ps_fd; /* [P to change] own lock; of exec, exit only */
	struct process *ps_pptr; /* [T] parent */
	pid_t ps_ppid; /* [T] to change; its id, read without a lock */
	LIST_HEAD(, process) ps_children; /* [T] */
	LIST_ENTRY(process) ps_sibling; /* [T] */
	LIST_ENTRY(process) ps_list; /* [T] allprocess or zombprocess */
	LIST_ENTRY(process) ps_hash; /* [T] by pid */
	struct pgrp *ps_pgrp; /* [T] */
	LIST_ENTRY(process) ps_pglist; /* [T] */
	struct sigacts *ps_sigacts; /* [S] */
	struct sigpending ps_sigpend; /* [S] sent to the process */
	struct plimit *ps_limit; /* [P] */
	struct uvm_ucred *ps_cred; /* [P] */
	struct itimers *ps_itimers; /* [S] POSIX and interval timers */
	struct rusage_ext ps_cru; /* [T] of waited-for children */
	struct rusage_ext ps_ru; /* [P] of threads that have exited */
	uint64_t ps_start; /* [I] uptime at creation, ns */
	int ps_exitsig; /* [I] sent to the parent at exit; SIGCHLD */
	int ps_xstat; /* [T, S to begin an exit] wait status */
	int ps_stopsig; /* [S] */
	struct proc *ps_vforkparent; /* [T] waits until we exec or exit */
	vaddr_t ps_sigcode; /* [P] address of the signal trampoline page */
	char ps_comm[MAXCOMLEN]; /* [P] */
	struct vnode *ps_textvp; /* [P] held as text (vn_text_ref) */
	mode_t ps_umask; /* [P] */
};

#define PID_MAX 32768 /* ids are below this */

/* ps_flags */
#define PS_SYSTEM    0x0001 /* kernel threads' process */
#define PS_ZOMBIE    0x0002 /* [T] exited, to be waited for */
#define PS_PPWAIT    0x0004 /* parent waits for exec or exit */
#define PS_EXEC      0x0008 /* has called execve */
#define PS_EXITING   0x0010
#define PS_STOPPED   0x0020 /* [S] */
#define PS_WAITED    0x0040 /* stop was reported */
#define PS_CONTINUED 0x0080
#define PS_SINGLE    0x0100 /* one thread makes the others exit (exec, exit) */
#define PS_NODUMP    0x0200
#define PS_CONTNOTE  0x0400 /* [S] parent has to hear of the SIGCONT */
#define PS_DUMPING   0x0800 /* [S] ps_single writes a core file */

extern struct proc proc0; /* boot thread, later the swapper */
extern struct process process0;
extern struct process *initprocess; /* pid 1; set once */
extern struct rwlock proctree_lock; /* LR_PROCTREE */
LIST_HEAD(processlist, process);
extern struct processlist allprocess; /* [T] */
extern struct processlist zombprocess; /* [T] */

/* -- Threads and scheduling (kern/kern_sched.c, kern/kern_synch.c) --------- */

/* => boot hart, once; makes proc0 the running thread's identity */
void sched_init(void);
/* => a hart that just came up: becomes its idle loop */
void sched_cpu_start(struct cpu_info *ci) __dead;
/* => before a hart runs: allocates its idle thread and queues */
void sched_cpu_prepare(struct cpu_info *ci);
/* => first thing a new thread does: drops the run queue lock */
void sched_thread_start(void);
/* => thread in SIDL or SSLEEP; makes it runnable on some hart */
void setrunnable(struct proc *p);
/*
 * A sleeping thread gives up its kernel stack, gets it back (uvm_swapper.c).
 * => p cannot go away; any context
 * => sched_swapout: TRUE: it does not run until sched_swapin(); FALSE: it does
 *    not sleep, or its stack is needed meanwhile
 */
bool sched_swapout(struct proc *p);
void sched_swapin(struct proc *p);
/* => the swapper looks who wants its stack back; any context */
void uvm_swapin_wanted(void *arg);
/* => thread context, no spin mutex held */
void preempt(void);
/* => clock tick of this hart, interrupt context */
void sched_tick(struct cpu_info *ci, bool usermode);
/* => never returns; the thread's resources are freed by the reaper */
void sched_exit(void) __dead;
/*
 * Make p look for signals soon: ends an interruptible sleep; a thread that
 * runs on another hart is interrupted.
 * => any context; the caller knows that p cannot go away
 */
void sched_unsleep(struct proc *p);
/*
 * Restrict p to the harts in mask (bit ci_index), one of them running.
 * => any context but under a run queue lock; curproc has moved when its next
 *    yield() returns, another thread when it next enters user mode
 */
void sched_setaffinity(struct proc *p, uint64_t mask);
/* => any thread of a process; it counts from the next tick on */
void sched_setnice(struct proc *p, int8_t nice);
/* => boot, after proc_init: starts the scheduler's once-a-second thread */
void sched_start_threads(void);
/* => number of runnable threads on all harts */
int sched_nrunnable(void);
/* 1, 5, 15 minute load averages, scaled by FSCALE (uvm_meter) */
struct loadavg;
extern struct loadavg averunnable;

/* -- Life of processes (kern/kern_fork.c, kern_exit.c, kern_proc.c) --------- */

/* => proc structure with u-area, SIDL, not on any list; NULL: no memory */
struct proc *thread_alloc(struct process *pr, const char *name);
/* => p is not running, on no list and not known to anyone; any context */
void thread_free(struct proc *p);
/* => gives the cached dead threads' memory back; thread context, no locks */
void thread_cache_drain(void);
/* => dead threads kept for reuse now */
int thread_cache_count(void);
/* => a kernel thread that runs func(arg); 0 or errno; func must not return */
int kthread_create(
    void (*func)(void *), void *arg, struct proc **pp, const char *name);
void kthread_exit(void) __dead;

#define FORK_PPWAIT   0x01 /* parent waits for exec or exit */
#define FORK_SHAREVM  0x02 /* share the address space */
#define FORK_SHAREFD  0x04
#define FORK_THREAD   0x08 /* new thread of the same process */
#define FORK_SHARESIG 0x10
#define FORK_SYSTEM   0x20 /* kernel thread */

/* => boot hart, once, after sched_init(): process 0 and the tables */
void proc_init(void);
/* => boot, last: pid 1 runs init=, else /sbin/init; panics if it cannot */
void start_init(void);
/* arch: argument vector after ` -- ` in the boot arguments
 * => number of words, *argvp valid for ever */
int boot_init_argv(char ***argvp);

struct process *prfind(pid_t pid); /* => proctree lock held; no zombies */
struct process *prfind_any(pid_t pid); /* => same, zombies too */
struct proc *tfind(pid_t tid); /* => proctree lock held */
struct pgrp *pgfind(pid_t pgid); /* => proctree lock held */
/* => proctree write-locked; an id no process, thread or group has */
pid_t pid_alloc(void);
/* => proctree write-locked; p becomes findable by p_tid / is no more */
void thread_hash_insert(struct proc *p);
void thread_hash_remove(struct proc *p);
void process_ref(struct process *pr);
void process_rele(struct process *pr);
/* => new process: locks, queues, credentials of parent; one reference; not on
 *    any list; may sleep */
struct process *process_alloc(struct process *parent);
/* => proctree write-locked; pr is findable, a child of parent, in its group */
void process_insert(struct process *pr, struct process *parent);
/* => proctree write-locked; undoes process_insert(), drops the reference */
void process_remove(struct process *pr);
/* => proctree write-locked; pr gets another parent */
void process_reparent(struct process *pr, struct process *parent);
/* => proctree write-locked; pr joins an existing group / a new one of its own
 *    (in a new session if newsess); enterpgrp frees what it does not use */
void process_enterpgrp(struct process *pr, struct pgrp *pg);
/* => proctree held; no member's parent lies in another group of the session */
bool pgrp_orphaned(struct pgrp *pg);
/* => proctree write-locked; pr is about to leave its group (exit or setpgid):
 *    groups that become orphaned and have stopped members get HUP and CONT */
void pgrp_fixjobs(struct process *pr);
/* => processes there are, zombies included; threads; kernel's included */
int proc_count(void);
int thread_count(void);
/*
 * VM_UVM_PROCINFO: all processes, by pid order of creation.
 * => oldp in user space or NULL (only the size); *oldlenp in kernel space:
 *    room in, bytes there are out; ENOMEM if cut short, EFAULT
 */
int proc_sysctl_info(void *oldp, size_t *oldlenp);
/* => one process, zombies too; 0 or ESRCH; nothing locked */
struct uvm_procinfo;
int proc_info(pid_t pid, struct uvm_procinfo *pi);
/* => the lowest id above `from' that a process has; 0: none; nothing locked */
pid_t proc_next(pid_t from);
/* => what uname(2) says the release is */
const char *uname_release(void);

/* => never returns; whole process ends; status as wait(2) reports it */
void exit1(struct proc *p, int status) __dead;
/*
 * p dies of sig: write a core file, if that is wanted.
 * => p is curproc, on its way to user mode; FALSE: there is none
 * => TRUE: all other threads are leaving
 */
bool coredump(struct proc *p, int sig, const siginfo_t *info);
/* => p is curproc and about to exit: waits while its process dumps core, which
 *    needs its registers */
void coredump_park(struct proc *p);
/* => never returns; the calling thread only */
void thread_exit(struct proc *p) __dead;
/* => TRUE: p has to leave: its process exits, or another thread execs */
bool thread_must_exit(struct proc *p);
/* => ends all other threads; 0, or EINTR: p itself has to exit */
int thread_single(struct proc *p);
/* => p is curproc and leaves: robust list, set_tid_address (kern_futex.c) */
void futex_thread_exit(struct proc *p);
/* => boot */
void futex_init(void);
/* => p_vforkparent of pr, if any, goes on; no locks held */
void vfork_release(struct process *pr);
/* => the same, proctree write-locked, PS_PPWAIT set */
void vfork_release_locked(struct process *pr);
/* => 0 or errno; program replaced, p_tf set up; no user memory read but by
 *    the strings: argv and envp as from execve, or in kernel space */
struct execargs;
int exec_program(struct proc *p, struct execargs *args);
/* => before return to user mode: signals, rescheduling, exit of the process */
void userret(struct proc *p);
/*
 * => trap_entry.S calls it for a user ecall, interrupts on; tf_sepc points
 *    behind the ecall already: ERESTART takes 4 off it again
 */
void syscall(struct proc *p);
/* => any context; p looks for signals or exit before it is in user mode */
void thread_ast(struct proc *p);

#endif
