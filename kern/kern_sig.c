/*
 * Signals: sending, waiting, acting.
 *
 * A signal is posted to a process or to one thread under ps_sigmtx, from any
 * context.  Posting marks a thread that can take it (P_NEEDAST) and ends that
 * thread's interruptible sleep; the thread itself takes and acts on the signal
 * on its way to user mode (userret), where no lock is held.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/signalvar.h>
#include <sys/syscall.h>
#include <sys/timeout.h>

/*
 * Locks used to protect members:
 *	S	ps_sigmtx of the process it is queued to
 */
struct sigq {
	TAILQ_ENTRY(sigq) sq_link; /* [S] */
	siginfo_t sq_info; /* [S] */
};

#define SIGMASK_CORE /* leave a core file */                         \
	(sigmask(SIGQUIT) | sigmask(SIGILL) | sigmask(SIGTRAP) |     \
	    sigmask(SIGABRT) | sigmask(SIGBUS) | sigmask(SIGFPE) |   \
	    sigmask(SIGSEGV) | sigmask(SIGXCPU) | sigmask(SIGXFSZ) | \
	    sigmask(SIGSYS))
#define SIGMASK_IGN /* ignored by default */                     \
	(sigmask(SIGCHLD) | sigmask(SIGCONT) | sigmask(SIGURG) | \
	    sigmask(SIGWINCH))
/* Caused by the thread itself: acted on before anything else. */
#define SIGMASK_SYNC                                            \
	(sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGILL) | \
	    sigmask(SIGTRAP) | sigmask(SIGFPE) | sigmask(SIGSYS))

static struct pool sigq_pool, sigacts_pool;

void
sig_init(void)
{
	pool_init(&sigq_pool, sizeof(struct sigq), 0, "sigq");
	pool_init(&sigacts_pool, sizeof(struct sigacts), 0, "sigacts");
}

/* -- Actions ------------------------------------------------------------------ */

struct sigacts *
sigacts_alloc(void)
{
	struct sigacts *sa;

	sa = pool_get(&sigacts_pool, PR_WAITOK | PR_ZERO);
	mtx_init(&sa->sa_mtx, LR_MISC, "sigacts");
	refcnt_init(&sa->sa_refs);
	return sa;
}

struct sigacts *
sigacts_copy(struct sigacts *from)
{
	struct sigacts *sa;

	sa = pool_get(&sigacts_pool, PR_WAITOK);
	mtx_init(&sa->sa_mtx, LR_MISC, "sigacts");
	refcnt_init(&sa->sa_refs);
	mtx_enter(&from->sa_mtx);
	memcpy(sa->sa_act, from->sa_act, sizeof(sa->sa_act));
	mtx_leave(&from->sa_mtx);
	return sa;
}

void
sigacts_default(struct sigacts *sa)
{
	for (int i = 0; i < NSIG; i++) {
		if (sa->sa_act[i].sa_handler != SIG_IGN)
			sa->sa_act[i].sa_handler = SIG_DFL;
		sa->sa_act[i].sa_flags = 0;
		sa->sa_act[i].sa_mask = 0;
	}
}

void
sigacts_free(struct sigacts *sa)
{
	if (refcnt_drop(&sa->sa_refs))
		pool_put(&sigacts_pool, sa);
}

static uint64_t
sig_handler(struct process *pr, int sig)
{
	return atomic_load(&pr->ps_sigacts->sa_act[sig - 1].sa_handler);
}

/* => ps_sigmtx held: exec replaces the actions under it */
static bool
sig_ignored_locked(struct process *pr, int sig)
{
	uint64_t handler = sig_handler(pr, sig);

	return handler == SIG_IGN ||
	    (handler == SIG_DFL && (sigmask(sig) & SIGMASK_IGN) != 0);
}

bool
sig_ignored(struct process *pr, int sig)
{
	bool ignored;

	mtx_enter(&pr->ps_sigmtx);
	ignored = sig_ignored_locked(pr, sig);
	mtx_leave(&pr->ps_sigmtx);
	return ignored;
}

uint64_t
sig_flags(struct process *pr, int sig)
{
	uint64_t flags;

	mtx_enter(&pr->ps_sigmtx);
	flags = atomic_load(&pr->ps_sigacts->sa_act[sig - 1].sa_flags);
	mtx_leave(&pr->ps_sigmtx);
	return flags;
}

bool
sig_handler_is(struct process *pr, int sig, uint64_t handler, uint64_t flags)
{
	MUTEX_ASSERT_LOCKED(&pr->ps_sigmtx);
	return sig_handler(pr, sig) == handler ||
	    (pr->ps_sigacts->sa_act[sig - 1].sa_flags & flags) != 0;
}

/* -- Pending sets --------------------------------------------------------------- */

void
sigpending_init(struct sigpending *sp)
{
	sp->sp_set = 0;
	sp->sp_count = 0;
	TAILQ_INIT(&sp->sp_queue);
}

void
sigpending_flush(struct sigpending *sp)
{
	struct sigq *sq;

	while ((sq = TAILQ_FIRST(&sp->sp_queue)) != NULL) {
		TAILQ_REMOVE(&sp->sp_queue, sq, sq_link);
		pool_put(&sigq_pool, sq);
	}
	sp->sp_set = 0;
	sp->sp_count = 0;
}

/* => ps_sigmtx held; forgets the signals of the set */
static void
sigpending_drop(struct sigpending *sp, sigset_t set)
{
	struct sigq *sq, *next;

	if ((sp->sp_set & set) == 0)
		return;
	sp->sp_set &= ~set;
	TAILQ_FOREACH_SAFE (sq, &sp->sp_queue, sq_link, next) {
		if (sigmask(sq->sq_info.si_signo) & set) {
			TAILQ_REMOVE(&sp->sp_queue, sq, sq_link);
			sp->sp_count--;
			pool_put(&sigq_pool, sq);
		}
	}
}

/* => ps_sigmtx held; the same for the process and all its threads */
static void
sig_drop_all(struct process *pr, sigset_t set)
{
	struct proc *p;

	sigpending_drop(&pr->ps_sigpend, set);
	TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link)
		sigpending_drop(&p->p_sigpend, set);
}

/*
 * Standard signals are sent at most once until taken, others queue up.  When
 * there is no memory, or too many wait, the signal counts, its information is
 * lost.
 * => ps_sigmtx held; FALSE: a queueing signal's information was lost
 */
static bool
sigpending_add(
    struct process *pr, struct sigpending *sp, int sig, const siginfo_t *info)
{
	struct sigq *sq = NULL;

	if (sig < SIGRTMIN && (sp->sp_set & sigmask(sig)))
		return true;
	sp->sp_set |= sigmask(sig);
	if (sig < SIGRTMIN || sp->sp_count < lim_cur(pr, RLIMIT_SIGPENDING))
		sq = pool_get(&sigq_pool, PR_NOWAIT);
	if (sq == NULL)
		return sig < SIGRTMIN;
	sp->sp_count++;
	if (info != NULL)
		sq->sq_info = *info;
	else {
		memset(&sq->sq_info, 0, sizeof(sq->sq_info));
		sq->sq_info.si_code = SI_KERNEL;
	}
	sq->sq_info.si_signo = sig;
	TAILQ_INSERT_TAIL(&sp->sp_queue, sq, sq_link);
	return true;
}

/* => ps_sigmtx held; sig is in the set and leaves it unless more are queued */
static void
sigpending_remove(struct sigpending *sp, int sig, siginfo_t *info)
{
	struct sigq *sq, *found = NULL;

	TAILQ_FOREACH (sq, &sp->sp_queue, sq_link) {
		if (sq->sq_info.si_signo != sig)
			continue;
		if (found != NULL)
			break;
		found = sq;
	}
	if (sq == NULL)
		sp->sp_set &= ~sigmask(sig);
	if (found == NULL) {
		memset(info, 0, sizeof(*info));
		info->si_signo = sig;
		return;
	}
	*info = found->sq_info;
	TAILQ_REMOVE(&sp->sp_queue, found, sq_link);
	sp->sp_count--;
	pool_put(&sigq_pool, found);
}

/*
 * Take the most urgent pending signal of the set.
 * => ps_sigmtx held; number, or 0
 */
static int
sig_take(struct proc *p, sigset_t set, siginfo_t *info)
{
	struct sigpending *own = &p->p_sigpend, *all = &p->p_p->ps_sigpend;
	struct sigpending *sp;
	sigset_t pend;
	int sig;

	pend = (own->sp_set | all->sp_set) & set;
	if (pend == 0)
		return 0;
	if (pend & sigmask(SIGKILL))
		sig = SIGKILL;
	else if (own->sp_set & set & SIGMASK_SYNC)
		sig = __builtin_ctzl(own->sp_set & set & SIGMASK_SYNC) + 1;
	else
		sig = __builtin_ctzl(pend) + 1;
	sp = own->sp_set & sigmask(sig) ? own : all;
	sigpending_remove(sp, sig, info);
	if (info->si_code == SI_TIMER)
		itimer_delivered(p->p_p, info);
	return sig;
}

/* -- Posting ------------------------------------------------------------------ */

void
thread_ast(struct proc *p)
{
	atomic_or(&p->p_flag, P_NEEDAST);
	/* Either we see it running, or it sees the flag when it gets there. */
	membar_sync();
	if (p != curproc && p->p_stat == SONPROC && p->p_cpu != curcpu())
		cpu_ipi(p->p_cpu, IPI_RESCHED);
}

/* A parent in vfork() sleeps uninterruptibly, but not to death. */
static void
sig_wake(struct proc *p)
{
	thread_ast(p);
	sched_unsleep(p);
	if (p->p_vforkchild != NULL)
		wakeup(&p->p_vforkchild);
}

/* => ps_sigmtx held; every thread looks at the state of the process */
void
sig_wake_all(struct process *pr)
{
	struct proc *p;

	TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link)
		sig_wake(p);
}

static bool
thread_takes(struct proc *p, int sig)
{
	return (p->p_flag & P_WEXIT) == 0 &&
	    ((~p->p_sigmask | p->p_sigwait) & sigmask(sig)) != 0;
}

/* => ps_sigmtx held; wakes one thread that can take a process's signal */
static void
sig_wake_one(struct process *pr, int sig)
{
	struct proc *p = pr->ps_mainproc;

	if (p != NULL && thread_takes(p, sig)) {
		sig_wake(p);
		return;
	}
	TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link) {
		if (thread_takes(p, sig)) {
			sig_wake(p);
			return;
		}
	}
}

/*
 * What stop and continue signals do as soon as they are sent, whether they
 * are blocked, ignored, or neither.
 * => ps_sigmtx held
 */
static void
sig_jobcontrol(struct process *pr, int sig)
{
	if (sigmask(sig) & SIGMASK_STOP) {
		sig_drop_all(pr, sigmask(SIGCONT));
		return;
	}
	if (sig == SIGCONT)
		sig_drop_all(pr, SIGMASK_STOP);
	else if (sig != SIGKILL)
		return;
	pr->ps_stopsig = 0;
	if ((pr->ps_flags & PS_STOPPED) == 0)
		return;
	atomic_and(&pr->ps_flags, ~(uint32_t)(PS_STOPPED | PS_WAITED));
	if (sig == SIGCONT)
		atomic_or(&pr->ps_flags, PS_CONTINUED | PS_CONTNOTE);
	wakeup(&pr->ps_stopsig);
}

/* Init gets what it asked for, no default action. */
static bool
sig_protected(struct process *pr, int sig)
{
	return pr == initprocess && sig_handler(pr, sig) == SIG_DFL;
}

bool
sig_post(struct process *pr, struct proc *p, int sig, const siginfo_t *info)
{
	struct proc *target = p != NULL ? p : pr->ps_mainproc;
	bool queued;

	KASSERT(mtx_owned(&pr->ps_sigmtx));
	KASSERT(sig > 0 && sig <= NSIG);
	if (pr->ps_flags & (PS_SYSTEM | PS_ZOMBIE | PS_EXITING))
		return true;
	if (sig_protected(pr, sig))
		return true;
	sig_jobcontrol(pr, sig);
	if (target != NULL &&
	    (target->p_sigmask & sigmask(sig) & ~SIGMASK_CANT) == 0 &&
	    sig_ignored_locked(pr, sig))
		return true;
	queued = sigpending_add(
	    pr, p != NULL ? &p->p_sigpend : &pr->ps_sigpend, sig, info);
	if (sig == SIGKILL)
		sig_wake_all(pr);
	else if (p == NULL)
		sig_wake_one(pr, sig);
	else if (thread_takes(p, sig))
		sig_wake(p);
	return queued;
}

siginfo_t *
sig_queued_timer(struct process *pr, struct proc *p, int sig, int timer)
{
	struct sigpending *sp = p != NULL ? &p->p_sigpend : &pr->ps_sigpend;
	struct sigq *sq;

	MUTEX_ASSERT_LOCKED(&pr->ps_sigmtx);
	if ((sp->sp_set & sigmask(sig)) == 0)
		return NULL;
	TAILQ_FOREACH (sq, &sp->sp_queue, sq_link) {
		if (sq->sq_info.si_signo == sig &&
		    sq->sq_info.si_code == SI_TIMER &&
		    sq->sq_info.si_u.timer.tid == timer)
			return &sq->sq_info;
	}
	return NULL;
}

void
psignal(struct process *pr, int sig, const siginfo_t *info)
{
	mtx_enter(&pr->ps_sigmtx);
	sig_post(pr, NULL, sig, info);
	mtx_leave(&pr->ps_sigmtx);
}

void
ptsignal(struct proc *p, int sig, const siginfo_t *info)
{
	struct process *pr = p->p_p;

	mtx_enter(&pr->ps_sigmtx);
	sig_post(pr, p, sig, info);
	mtx_leave(&pr->ps_sigmtx);
}

void
pgsignal(struct pgrp *pg, int sig)
{
	struct process *pr;

	KASSERT(rw_lock_held(&proctree_lock));
	LIST_FOREACH (pr, &pg->pg_members, ps_pglist)
		psignal(pr, sig, NULL);
}

/*
 * A program that blocks or ignores the consequence of its own fault cannot go
 * on: it gets the default action.
 * => p is curproc
 */
void
trapsignal(struct proc *p, int sig, int code, vaddr_t addr)
{
	struct process *pr = p->p_p;
	struct sigacts *sa = pr->ps_sigacts;
	struct sigaction *act = &sa->sa_act[sig - 1];
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = sig;
	info.si_code = code;
	info.si_u.fault.addr = addr;
	mtx_enter(&pr->ps_sigmtx);
	mtx_enter(&sa->sa_mtx);
	if (act->sa_handler == SIG_IGN || (p->p_sigmask & sigmask(sig)))
		act->sa_handler = SIG_DFL;
	mtx_leave(&sa->sa_mtx);
	p->p_sigmask &= ~sigmask(sig);
	sigpending_add(pr, &p->p_sigpend, sig, &info);
	mtx_leave(&pr->ps_sigmtx);
	atomic_or(&p->p_flag, P_NEEDAST);
}

/* -- What sleepers ask ------------------------------------------------------------ */

bool
sig_pending(struct proc *p)
{
	struct process *pr = p->p_p;
	sigset_t pend, open;

	pend = atomic_load(&p->p_sigpend.sp_set);
	pend |= atomic_load(&pr->ps_sigpend.sp_set);
	open = ~p->p_sigmask | p->p_sigwait;
	if (pend & open)
		return true;
	return (atomic_load(&pr->ps_flags) &
		   (PS_EXITING | PS_SINGLE | PS_STOPPED)) != 0 &&
	    ((pr->ps_flags & PS_STOPPED) != 0 || thread_must_exit(p));
}

bool
sig_killed(struct proc *p)
{
	sigset_t pend = atomic_load(&p->p_sigpend.sp_set);

	pend |= atomic_load(&p->p_p->ps_sigpend.sp_set);
	return (pend & sigmask(SIGKILL)) != 0;
}

bool
sig_fatal(struct proc *p)
{
	struct process *pr = p->p_p;
	sigset_t pend;
	bool fatal = false;
	int sig;

	mtx_enter(&pr->ps_sigmtx);
	pend = (p->p_sigpend.sp_set | pr->ps_sigpend.sp_set) & ~p->p_sigmask &
	    ~(SIGMASK_IGN | SIGMASK_STOP);
	for (; pend != 0 && !fatal; pend &= pend - 1) {
		sig = __builtin_ctzl(pend) + 1;
		fatal = sig_handler(pr, sig) == SIG_DFL;
	}
	mtx_leave(&pr->ps_sigmtx);
	return fatal;
}

int
sig_sleep_result(struct proc *p)
{
	if (!sig_pending(p))
		return 0;
	return thread_must_exit(p) ? EINTR : ERESTART;
}

/* => ps_sigmtx held; p, whose mask has changed, looks for signals */
static void
sig_recheck(struct proc *p)
{
	if ((p->p_sigpend.sp_set | p->p_p->ps_sigpend.sp_set) & ~p->p_sigmask)
		atomic_or(&p->p_flag, P_NEEDAST);
}

/*
 * Set the mask.  Signals to the process that p was to take and has blocked now
 * are another thread's.
 * => p is curproc; ps_sigmtx held
 */
static void
sig_setmask(struct proc *p, sigset_t mask)
{
	struct process *pr = p->p_p;
	sigset_t lost;

	mask &= ~SIGMASK_CANT;
	lost = pr->ps_sigpend.sp_set & mask & ~p->p_sigmask;
	p->p_sigmask = mask;
	sig_recheck(p);
	if (lost == 0 || pr->ps_nthreads <= 1)
		return;
	for (; lost != 0; lost &= lost - 1)
		sig_wake_one(pr, __builtin_ctzl(lost) + 1);
}

void
sigmask_set(struct proc *p, sigset_t mask)
{
	mtx_enter(&p->p_p->ps_sigmtx);
	sig_setmask(p, mask);
	mtx_leave(&p->p_p->ps_sigmtx);
}

void
sigmask_temp(struct proc *p, sigset_t mask)
{
	struct process *pr = p->p_p;

	mtx_enter(&pr->ps_sigmtx);
	p->p_oldmask = p->p_sigmask;
	sig_setmask(p, mask);
	mtx_leave(&pr->ps_sigmtx);
	atomic_or(&p->p_flag, P_SIGSUSPEND);
}

void
sigmask_restore(struct proc *p, int error)
{
	if ((p->p_flag & P_SIGSUSPEND) == 0)
		return;
	if ((error == EINTR || error == ERESTART || error == ERESTARTNOHAND) &&
	    sig_pending(p)) {
		atomic_or(&p->p_flag, P_NEEDAST);
		return;
	}
	atomic_and(&p->p_flag, ~(uint32_t)P_SIGSUSPEND);
	sigmask_set(p, p->p_oldmask);
}

/* -- Stopping ----------------------------------------------------------------- */

void
sig_child_note(struct process *pr, int code, int status)
{
	struct process *parent = pr->ps_pptr;
	siginfo_t info;
	uint64_t utime, stime;

	KASSERT(rw_lock_held(&proctree_lock));
	if ((sig_flags(parent, SIGCHLD) & SA_NOCLDSTOP) == 0) {
		calc_process_times(pr, &utime, &stime);
		memset(&info, 0, sizeof(info));
		info.si_code = code;
		info.si_u.chld.pid = pr->ps_pid;
		info.si_u.chld.uid = pr->ps_cred->cr_ruid;
		info.si_u.chld.status = status;
		info.si_u.chld.utime = (int64_t)(utime / (1000000000 / HZ));
		info.si_u.chld.stime = (int64_t)(stime / (1000000000 / HZ));
		psignal(parent, SIGCHLD, &info);
	}
	wakeup(parent);
}

/*
 * Wait until the process may go on.
 * => p is curproc, no locks
 */
static void
sig_stopped_wait(struct proc *p)
{
	struct process *pr = p->p_p;
	bool note;

	mtx_enter(&pr->ps_sigmtx);
	while ((pr->ps_flags & PS_STOPPED) && !thread_must_exit(p))
		msleep(
		    &pr->ps_stopsig, &pr->ps_sigmtx, PWAIT, "stopped", INFSLP);
	note = (pr->ps_flags & PS_CONTNOTE) != 0;
	atomic_and(&pr->ps_flags, ~(uint32_t)PS_CONTNOTE);
	mtx_leave(&pr->ps_sigmtx);
	if (note) {
		rw_enter_read(&proctree_lock);
		sig_child_note(pr, CLD_CONTINUED, SIGCONT);
		rw_exit(&proctree_lock);
	}
}

/*
 * Stop the process, unless SIGCONT or SIGKILL came after sig was taken, or
 * nobody is there who could continue it.
 */
static void
sig_stop(struct proc *p, int sig)
{
	struct process *pr = p->p_p;
	bool stop;

	rw_enter_read(&proctree_lock);
	stop = sig == SIGSTOP || !pgrp_orphaned(pr->ps_pgrp);
	mtx_enter(&pr->ps_sigmtx);
	if (pr->ps_stopsig != sig || (pr->ps_flags & PS_STOPPED))
		stop = false;
	if (stop) {
		atomic_and(
		    &pr->ps_flags, ~(uint32_t)(PS_WAITED | PS_CONTINUED));
		atomic_or(&pr->ps_flags, PS_STOPPED);
		sig_wake_all(pr);
	}
	mtx_leave(&pr->ps_sigmtx);
	if (stop)
		sig_child_note(pr, CLD_STOPPED, sig);
	rw_exit(&proctree_lock);
}

/* -- Acting ------------------------------------------------------------------- */

/*
 * The call p was in, if a signal ended it, is not repeated after this handler.
 */
static void
sig_end_restart(struct proc *p, const struct sigaction *act)
{
	if (p->p_restart == RESTART_NOHAND ||
	    (p->p_restart == RESTART_SIG &&
		(act->sa_flags & SA_RESTART) == 0)) {
		p->p_tf.tf_sepc += 4;
		p->p_tf.tf_a[0] = (uint64_t)-EINTR;
	}
	p->p_restart = RESTART_NONE;
	p->p_restart_end = 0;
}

/* The end by a signal, with a core file if there is to be one. */
static void __dead
sig_exit(struct proc *p, int sig, const siginfo_t *info)
{
	bool dumped = (sigmask(sig) & SIGMASK_CORE) && coredump(p, sig, info);

	exit1(p, sig | (dumped ? WCOREFLAG : 0));
}

static void
sig_run_handler(
    struct proc *p, int sig, const struct sigaction *act, const siginfo_t *info)
{
	sigset_t returnmask, mask;

	sig_end_restart(p, act);
	returnmask = p->p_flag & P_SIGSUSPEND ? p->p_oldmask : p->p_sigmask;
	if (sendsig(p, sig, act, info, returnmask) != 0) {
		if (sig == SIGSEGV)
			sig_exit(p, SIGSEGV, info);
		trapsignal(p, SIGSEGV, SI_KERNEL, 0);
		return;
	}
	atomic_and(&p->p_flag, ~(uint32_t)P_SIGSUSPEND);
	mask = p->p_sigmask | act->sa_mask;
	if ((act->sa_flags & SA_NODEFER) == 0)
		mask |= sigmask(sig);
	sigmask_set(p, mask);
}

static void
sig_default(struct proc *p, int sig, const siginfo_t *info)
{
	if (sigmask(sig) & SIGMASK_IGN)
		return;
	/* Sent before init gave its handler back. */
	if (p->p_p == initprocess && info->si_code <= 0)
		return;
	if (sigmask(sig) & SIGMASK_STOP)
		sig_stop(p, sig);
	else
		sig_exit(p, sig, info);
}

/*
 * Take one signal and copy its action.
 * => number or 0; a handler for one time only has been removed
 */
static int
sig_next(struct proc *p, struct sigaction *act, siginfo_t *info)
{
	struct process *pr = p->p_p;
	struct sigacts *sa = pr->ps_sigacts;
	int sig;

	mtx_enter(&pr->ps_sigmtx);
	sig = sig_take(p, ~p->p_sigmask, info);
	if (sig != 0) {
		mtx_enter(&sa->sa_mtx);
		*act = sa->sa_act[sig - 1];
		if ((act->sa_flags & SA_RESETHAND) &&
		    act->sa_handler != SIG_IGN)
			sa->sa_act[sig - 1].sa_handler = SIG_DFL;
		mtx_leave(&sa->sa_mtx);
		if ((sigmask(sig) & SIGMASK_STOP) && act->sa_handler == SIG_DFL)
			pr->ps_stopsig = sig;
	}
	mtx_leave(&pr->ps_sigmtx);
	return sig;
}

void
sig_deliver(struct proc *p)
{
	struct process *pr = p->p_p;
	struct sigaction act;
	siginfo_t info;
	int sig;

	for (;;) {
		if (atomic_load(&pr->ps_flags) & (PS_STOPPED | PS_CONTNOTE))
			sig_stopped_wait(p);
		if (thread_must_exit(p))
			thread_exit(p);
		sig = sig_next(p, &act, &info);
		if (sig == 0)
			break;
		if (act.sa_handler == SIG_DFL)
			sig_default(p, sig, &info);
		else if (act.sa_handler != SIG_IGN)
			sig_run_handler(p, sig, &act, &info);
	}
	p->p_restart = RESTART_NONE;
	if (p->p_flag & P_SIGSUSPEND) {
		atomic_and(&p->p_flag, ~(uint32_t)P_SIGSUSPEND);
		sigmask_set(p, p->p_oldmask);
	}
}

void
sig_exec(struct proc *p)
{
	struct process *pr = p->p_p;
	struct sigacts *old = pr->ps_sigacts, *sa = old;

	if (refcnt_read(&old->sa_refs) > 1)
		sa = sigacts_copy(old);
	sigacts_default(sa);
	if (sa != old) {
		mtx_enter(&pr->ps_sigmtx);
		pr->ps_sigacts = sa;
		mtx_leave(&pr->ps_sigmtx);
		sigacts_free(old);
	}
	memset(&p->p_sigstk, 0, sizeof(p->p_sigstk));
	p->p_sigstk.ss_flags = SS_DISABLE;
}

/* -- System calls --------------------------------------------------------------- */

static int
sigset_copyin(uint64_t uaddr, uint64_t size, sigset_t *set)
{
	if (size != sizeof(*set))
		return EINVAL;
	return copyin((void *)uaddr, set, sizeof(*set));
}

/*
 * => ps_sigmtx not held; new action of a signal in place, old one returned
 */
static void
sig_setaction(struct process *pr, int sig, const struct sigaction *act,
    struct sigaction *oact)
{
	struct sigacts *sa = pr->ps_sigacts;

	mtx_enter(&pr->ps_sigmtx);
	mtx_enter(&sa->sa_mtx);
	*oact = sa->sa_act[sig - 1];
	if (act != NULL) {
		sa->sa_act[sig - 1] = *act;
		sa->sa_act[sig - 1].sa_mask &= ~SIGMASK_CANT;
	}
	mtx_leave(&sa->sa_mtx);
	if (act != NULL && sig_ignored_locked(pr, sig))
		sig_drop_all(pr, sigmask(sig));
	mtx_leave(&pr->ps_sigmtx);
}

int
sys_rt_sigaction(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int sig = (int)a[0], error;
	struct sigaction act, oact;

	if (a[3] != sizeof(sigset_t) || sig < 1 || sig > NSIG)
		return EINVAL;
	if (a[1] != 0) {
		error = copyin((void *)a[1], &act, sizeof(act));
		if (error != 0)
			return error;
		if (sigmask(sig) & SIGMASK_CANT)
			return EINVAL;
	}
	sig_setaction(p->p_p, sig, a[1] != 0 ? &act : NULL, &oact);
	if (a[2] != 0)
		return copyout(&oact, (void *)a[2], sizeof(oact));
	return 0;
}

int
sys_rt_sigprocmask(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	sigset_t old = p->p_sigmask, set, mask;
	int error;

	if (a[3] != sizeof(sigset_t))
		return EINVAL;
	if (a[1] != 0) {
		error = sigset_copyin(a[1], a[3], &set);
		if (error != 0)
			return error;
		switch ((int)a[0]) {
		case SIG_BLOCK:
			mask = old | set;
			break;
		case SIG_UNBLOCK:
			mask = old & ~set;
			break;
		case SIG_SETMASK:
			mask = set;
			break;
		default:
			return EINVAL;
		}
		sigmask_set(p, mask);
	}
	if (a[2] != 0)
		return copyout(&old, (void *)a[2], sizeof(old));
	return 0;
}

int
sys_rt_sigpending(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	sigset_t set;

	if (a[1] > sizeof(set))
		return EINVAL;
	set = p->p_sigmask & (p->p_sigpend.sp_set | p->p_p->ps_sigpend.sp_set);
	return copyout(&set, (void *)a[0], a[1]);
}

int
sys_rt_sigsuspend(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	sigset_t mask;
	int error;

	error = sigset_copyin(a[0], a[1], &mask);
	if (error != 0)
		return error;
	sigmask_temp(p, mask);
	while (tsleep(&p->p_oldmask, PPAUSE | PCATCH, "pause", INFSLP) == 0)
		continue;
	sigmask_restore(p, ERESTARTNOHAND);
	return ERESTARTNOHAND;
}

/*
 * => number of a signal of the set that came within nsecs, or 0 and *errorp
 */
static int
sig_await(
    struct proc *p, sigset_t set, uint64_t nsecs, siginfo_t *info, int *errorp)
{
	struct process *pr = p->p_p;
	int sig;

	*errorp = EAGAIN;
	mtx_enter(&pr->ps_sigmtx);
	sig = sig_take(p, set, info);
	if (sig == 0 && nsecs != 0) {
		p->p_sigwait = set;
		*errorp = msleep(&p->p_sigwait, &pr->ps_sigmtx, PPAUSE | PCATCH,
		    "sigwait", nsecs);
		p->p_sigwait = 0;
		sig = sig_take(p, set, info);
	}
	mtx_leave(&pr->ps_sigmtx);
	if (*errorp == ERESTART || *errorp == 0)
		*errorp = EINTR;
	return sig;
}

int
sys_rt_sigtimedwait(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	uint64_t nsecs = INFSLP;
	struct timespec ts;
	siginfo_t info;
	sigset_t set;
	int sig, error;

	error = sigset_copyin(a[0], a[3], &set);
	if (error != 0)
		return error;
	if (a[2] != 0) {
		error = copyin((void *)a[2], &ts, sizeof(ts));
		if (error == 0)
			error = timespec_to_ns(&ts, &nsecs);
		if (error != 0)
			return error;
	}
	sig = sig_await(p, set & ~SIGMASK_CANT, nsecs, &info, &error);
	if (sig == 0)
		return error;
	*ret = sig;
	return a[1] != 0 ? copyout(&info, (void *)a[1], sizeof(info)) : 0;
}

int
sys_sigaltstack(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	stack_t ss, old = p->p_sigstk;
	int error;

	if (sigstk_active(p, p->p_tf.tf_sp))
		old.ss_flags |= SS_ONSTACK;
	if (a[0] != 0) {
		error = copyin((void *)a[0], &ss, sizeof(ss));
		if (error == 0)
			error = sigstk_set(p, &ss, p->p_tf.tf_sp);
		if (error != 0)
			return error;
	}
	return a[1] != 0 ? copyout(&old, (void *)a[1], sizeof(old)) : 0;
}

bool
sigstk_active(struct proc *p, uint64_t sp)
{
	stack_t *ss = &p->p_sigstk;

	return (ss->ss_flags & (SS_DISABLE | (int)SS_AUTODISARM)) == 0 &&
	    sp - ss->ss_sp <= ss->ss_size && sp != ss->ss_sp;
}

int
sigstk_set(struct proc *p, const stack_t *ss, uint64_t sp)
{
	u_int mode = (u_int)ss->ss_flags & ~SS_AUTODISARM;

	if (sigstk_active(p, sp))
		return EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return EINVAL;
	if (mode == SS_DISABLE) {
		memset(&p->p_sigstk, 0, sizeof(p->p_sigstk));
		p->p_sigstk.ss_flags = SS_DISABLE;
		return 0;
	}
	if (ss->ss_size < MINSIGSTKSZ)
		return ENOMEM;
	p->p_sigstk.ss_sp = ss->ss_sp;
	p->p_sigstk.ss_size = ss->ss_size;
	p->p_sigstk.ss_flags = (int)((u_int)ss->ss_flags & SS_AUTODISARM);
	return 0;
}

/* -- Sending ------------------------------------------------------------------- */

static void
siginfo_from_user(struct proc *p, siginfo_t *info, int sig, int code)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = sig;
	info->si_code = code;
	info->si_u.rt.pid = p->p_p->ps_pid;
	info->si_u.rt.uid = p->p_p->ps_cred->cr_ruid;
}

/* => proctree read-locked; all processes but init and the sender's */
static int
kill_everyone(struct proc *p, int sig, const siginfo_t *info)
{
	struct process *pr;
	int error = ESRCH;

	LIST_FOREACH (pr, &allprocess, ps_list) {
		if (pr == p->p_p || pr->ps_pid <= 1)
			continue;
		error = 0;
		if (sig != 0)
			psignal(pr, sig, info);
	}
	return error;
}

u_int
kill_others(struct proc *p)
{
	siginfo_t info;
	struct process *pr;
	u_int n = 0;

	siginfo_from_user(p, &info, SIGKILL, SI_USER);
	rw_enter_read(&proctree_lock);
	(void)kill_everyone(p, SIGKILL, &info);
	LIST_FOREACH (pr, &allprocess, ps_list)
		n += pr != p->p_p && pr->ps_pid > 1;
	rw_exit(&proctree_lock);
	return n;
}

static int
kill_group(struct pgrp *pg, int sig, const siginfo_t *info)
{
	struct process *pr;

	if (pg == NULL)
		return ESRCH;
	if (sig == 0)
		return 0;
	LIST_FOREACH (pr, &pg->pg_members, ps_pglist)
		psignal(pr, sig, info);
	return 0;
}

/* => a thread's id stands for its process, too */
static int
kill_process(pid_t pid, int sig, const siginfo_t *info)
{
	struct process *pr = prfind_any(pid);
	struct proc *t;

	if (pr == NULL) {
		t = tfind(pid);
		if (t == NULL)
			return ESRCH;
		pr = t->p_p;
	}
	if (sig != 0)
		psignal(pr, sig, info);
	return 0;
}

int
sys_kill(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	pid_t pid = (pid_t)a[0];
	int sig = (int)a[1], error;
	siginfo_t info;

	if (sig < 0 || sig > NSIG)
		return EINVAL;
	siginfo_from_user(p, &info, sig, SI_USER);
	rw_enter_read(&proctree_lock);
	if (pid > 0)
		error = kill_process(pid, sig, &info);
	else if (pid == -1)
		error = kill_everyone(p, sig, &info);
	else if (pid == INT32_MIN)
		error = ESRCH;
	else
		error = kill_group(
		    pid == 0 ? p->p_p->ps_pgrp : pgfind(-pid), sig, &info);
	rw_exit(&proctree_lock);
	return error;
}

/*
 * => pid 0: any process
 */
static int
kill_thread(struct proc *p, pid_t pid, pid_t tid, int sig)
{
	siginfo_t info;
	struct proc *t;
	int error = 0;

	if (tid <= 0 || sig < 0 || sig > NSIG)
		return EINVAL;
	siginfo_from_user(p, &info, sig, SI_TKILL);
	rw_enter_read(&proctree_lock);
	t = tfind(tid);
	if (t == NULL || (t->p_p->ps_flags & PS_SYSTEM) ||
	    (pid != 0 && t->p_p->ps_pid != pid))
		error = ESRCH;
	else if (sig != 0)
		ptsignal(t, sig, &info);
	rw_exit(&proctree_lock);
	return error;
}

int
sys_tkill(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return kill_thread(p, 0, (pid_t)a[0], (int)a[1]);
}

int
sys_tgkill(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	if ((pid_t)a[0] <= 0)
		return EINVAL;
	return kill_thread(p, (pid_t)a[0], (pid_t)a[1], (int)a[2]);
}

int
sys_rt_sigqueueinfo(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	pid_t pid = (pid_t)a[0];
	int sig = (int)a[1], error;
	struct process *pr;
	siginfo_t info;

	error = copyin((void *)a[2], &info, sizeof(info));
	if (error != 0)
		return error;
	/* Nobody may pretend that the kernel or kill() sent it. */
	if ((info.si_code >= 0 || info.si_code == SI_TKILL) &&
	    pid != p->p_p->ps_pid)
		return EPERM;
	if (sig < 0 || sig > NSIG)
		return EINVAL;
	info.si_signo = sig;
	rw_enter_read(&proctree_lock);
	pr = pid > 0 ? prfind_any(pid) : NULL;
	if (pr == NULL)
		error = ESRCH;
	else if (sig != 0) {
		mtx_enter(&pr->ps_sigmtx);
		if (!sig_post(pr, NULL, sig, &info))
			error = EAGAIN;
		mtx_leave(&pr->ps_sigmtx);
	}
	rw_exit(&proctree_lock);
	return error;
}
