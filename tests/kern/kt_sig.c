/*
 * Signals: what is queued, what is not, who takes it.
 */
#include <sys/errno.h>
#include <sys/ktest.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/signalvar.h>

/* A process with two threads that never run. */
struct fixture {
	struct process *pr;
	struct proc *t1, *t2;
};

static struct proc *
fixture_thread(struct process *pr)
{
	struct proc *p = thread_alloc(pr, "fixture");

	KASSERT(p != NULL);
	sigpending_init(&p->p_sigpend);
	rw_enter_write(&pr->ps_lock);
	mtx_enter(&pr->ps_sigmtx);
	TAILQ_INSERT_TAIL(&pr->ps_threads, p, p_thr_link);
	pr->ps_nthreads++;
	mtx_leave(&pr->ps_sigmtx);
	rw_exit(&pr->ps_lock);
	return p;
}

static void
fixture_make(struct fixture *f)
{
	f->pr = process_alloc(&process0);
	f->pr->ps_sigacts = sigacts_alloc();
	f->t1 = fixture_thread(f->pr);
	f->t2 = fixture_thread(f->pr);
	f->pr->ps_mainproc = f->t1;
}

static void
fixture_free(struct fixture *f)
{
	struct proc *p;

	while ((p = TAILQ_FIRST(&f->pr->ps_threads)) != NULL) {
		TAILQ_REMOVE(&f->pr->ps_threads, p, p_thr_link);
		mtx_enter(&f->pr->ps_sigmtx);
		sigpending_flush(&p->p_sigpend);
		mtx_leave(&f->pr->ps_sigmtx);
		thread_free(p);
	}
	process_rele(f->pr);
}

static void
set_handler(struct fixture *f, int sig, uint64_t handler)
{
	f->pr->ps_sigacts->sa_act[sig - 1].sa_handler = handler;
}

KTEST(sig_coalesce_and_queue)
{
	struct fixture f;
	siginfo_t info;

	fixture_make(&f);
	memset(&info, 0, sizeof(info));
	info.si_code = SI_QUEUE;
	for (int i = 0; i < 5; i++) {
		psignal(f.pr, SIGTERM, &info);
		psignal(f.pr, SIGRTMIN, &info);
	}
	KT_EQ(f.pr->ps_sigpend.sp_set, sigmask(SIGTERM) | sigmask(SIGRTMIN));
	KT_EQ(f.pr->ps_sigpend.sp_count, 6);
	f.pr->ps_limit->pl_rlimit[RLIMIT_SIGPENDING].rlim_cur = 7;
	mtx_enter(&f.pr->ps_sigmtx);
	KT_CHECK(sig_post(f.pr, NULL, SIGRTMIN, &info));
	KT_CHECK(!sig_post(f.pr, NULL, SIGRTMIN, &info));
	KT_CHECK(sig_post(f.pr, NULL, SIGUSR1, &info));
	mtx_leave(&f.pr->ps_sigmtx);
	KT_EQ(f.pr->ps_sigpend.sp_count, 8);
	fixture_free(&f);
}

KTEST(sig_ignored_are_dropped)
{
	struct fixture f;

	fixture_make(&f);
	psignal(f.pr, SIGCHLD, NULL);
	psignal(f.pr, SIGWINCH, NULL);
	set_handler(&f, SIGUSR1, SIG_IGN);
	psignal(f.pr, SIGUSR1, NULL);
	KT_EQ(f.pr->ps_sigpend.sp_set, 0);
	/* a blocked one may find a handler later */
	f.t1->p_sigmask = sigmask(SIGUSR1);
	psignal(f.pr, SIGUSR1, NULL);
	KT_EQ(f.pr->ps_sigpend.sp_set, sigmask(SIGUSR1));
	KT_CHECK(sig_ignored(f.pr, SIGCHLD));
	KT_CHECK(!sig_ignored(f.pr, SIGTERM));
	fixture_free(&f);
}

/* The first thread is told, unless it blocks the signal and another does not. */
KTEST(sig_thread_choice)
{
	struct fixture f;

	fixture_make(&f);
	psignal(f.pr, SIGTERM, NULL);
	KT_CHECK(f.t1->p_flag & P_NEEDAST);
	KT_CHECK((f.t2->p_flag & P_NEEDAST) == 0);
	f.t1->p_flag &= ~(uint32_t)P_NEEDAST;
	f.t1->p_sigmask = sigmask(SIGUSR1);
	psignal(f.pr, SIGUSR1, NULL);
	KT_CHECK((f.t1->p_flag & P_NEEDAST) == 0);
	KT_CHECK(f.t2->p_flag & P_NEEDAST);
	f.t2->p_flag &= ~(uint32_t)P_NEEDAST;
	/* to one thread, and waited for though blocked */
	f.t1->p_sigwait = sigmask(SIGUSR2);
	f.t1->p_sigmask |= sigmask(SIGUSR2);
	ptsignal(f.t1, SIGUSR2, NULL);
	KT_CHECK(f.t1->p_flag & P_NEEDAST);
	KT_EQ(f.t1->p_sigpend.sp_set, sigmask(SIGUSR2));
	KT_EQ(f.t2->p_sigpend.sp_set, 0);
	KT_CHECK(sig_pending(f.t1) && sig_pending(f.t2));
	fixture_free(&f);
}

KTEST(sig_stop_and_continue_cancel)
{
	struct fixture f;

	fixture_make(&f);
	psignal(f.pr, SIGTSTP, NULL);
	ptsignal(f.t2, SIGSTOP, NULL);
	set_handler(&f, SIGCONT, 4096);
	psignal(f.pr, SIGCONT, NULL);
	KT_EQ(f.pr->ps_sigpend.sp_set, sigmask(SIGCONT));
	KT_EQ(f.t2->p_sigpend.sp_set, 0);
	psignal(f.pr, SIGTTIN, NULL);
	KT_EQ(f.pr->ps_sigpend.sp_set, sigmask(SIGTTIN));
	/* a stopped process goes on, and its parent is to hear of it */
	atomic_or(&f.pr->ps_flags, PS_STOPPED);
	KT_CHECK(sig_pending(f.t1));
	psignal(f.pr, SIGCONT, NULL);
	KT_EQ(f.pr->ps_flags & (PS_STOPPED | PS_CONTINUED | PS_CONTNOTE),
	    PS_CONTINUED | PS_CONTNOTE);
	fixture_free(&f);
}

KTEST(sig_kill)
{
	struct fixture f;

	fixture_make(&f);
	f.t1->p_sigmask = ~(sigset_t)0 & ~SIGMASK_CANT;
	KT_CHECK(!sig_killed(f.t1) && !sig_fatal(f.t1));
	psignal(f.pr, SIGTERM, NULL);
	KT_CHECK(!sig_fatal(f.t1) && sig_fatal(f.t2));
	psignal(f.pr, SIGKILL, NULL);
	KT_CHECK(sig_killed(f.t1) && sig_fatal(f.t1));
	KT_CHECK(f.t1->p_flag & f.t2->p_flag & P_NEEDAST);
	/* one that is on its way out wants no more */
	atomic_or(&f.pr->ps_flags, PS_EXITING);
	psignal(f.pr, SIGHUP, NULL);
	KT_CHECK((f.pr->ps_sigpend.sp_set & sigmask(SIGHUP)) == 0);
	KT_EQ(sig_sleep_result(f.t1), EINTR);
	fixture_free(&f);
}

KTEST(sig_actions_at_exec)
{
	struct fixture f;
	struct sigacts *sa, *copy;

	fixture_make(&f);
	sa = f.pr->ps_sigacts;
	set_handler(&f, SIGUSR1, 4096);
	set_handler(&f, SIGUSR2, SIG_IGN);
	sa->sa_act[SIGUSR1 - 1].sa_flags = SA_RESTART;
	copy = sigacts_copy(sa);
	sigacts_default(copy);
	KT_EQ(copy->sa_act[SIGUSR1 - 1].sa_handler, SIG_DFL);
	KT_EQ(copy->sa_act[SIGUSR1 - 1].sa_flags, 0);
	KT_EQ(copy->sa_act[SIGUSR2 - 1].sa_handler, SIG_IGN);
	KT_EQ(sa->sa_act[SIGUSR1 - 1].sa_handler, 4096);
	KT_EQ(sig_flags(f.pr, SIGUSR1), SA_RESTART);
	sigacts_free(copy);
	fixture_free(&f);
}
