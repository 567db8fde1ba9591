/*
 * Resource limits and usage.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <uvm/uvm.h>

#define RUSAGE_SELF      0
#define RUSAGE_CHILDREN  (-1)
#define RUSAGE_THREAD    1

#define NOFILE_DEFAULT   1024
#define NOFILE_MAX       4096
#define NPROC_MAX        16384
#define NPROC_PAGES      16 /* pages of memory per thread allowed */
#define MEMLOCK_DEFAULT  (8UL << 20)
#define MSGQUEUE_DEFAULT 819200

/* -- Limits -------------------------------------------------------------------- */

uint64_t
lim_cur(struct process *pr, int which)
{
	return atomic_load(&pr->ps_limit->pl_rlimit[which].rlim_cur);
}

uint64_t
lim_max(struct process *pr, int which)
{
	return atomic_load(&pr->ps_limit->pl_rlimit[which].rlim_max);
}

static void
lim_preset(struct process *pr, int which, uint64_t cur, uint64_t max)
{
	pr->ps_limit->pl_rlimit[which].rlim_cur = cur;
	pr->ps_limit->pl_rlimit[which].rlim_max = max;
}

void
lim_init(struct process *pr)
{
	uint64_t nproc = MIN((uint64_t)uvmexp.npages / NPROC_PAGES, NPROC_MAX);

	for (int i = 0; i < RLIM_NLIMITS; i++)
		lim_preset(pr, i, RLIM_INFINITY, RLIM_INFINITY);
	lim_preset(pr, RLIMIT_CORE, 0, RLIM_INFINITY);
	lim_preset(pr, RLIMIT_NPROC, nproc, nproc);
	lim_preset(pr, RLIMIT_NOFILE, NOFILE_DEFAULT, NOFILE_MAX);
	lim_preset(pr, RLIMIT_MEMLOCK, MEMLOCK_DEFAULT, MEMLOCK_DEFAULT);
	lim_preset(pr, RLIMIT_SIGPENDING, nproc, nproc);
	lim_preset(pr, RLIMIT_MSGQUEUE, MSGQUEUE_DEFAULT, MSGQUEUE_DEFAULT);
	lim_preset(pr, RLIMIT_NICE, 0, 0);
	lim_preset(pr, RLIMIT_RTPRIO, 0, 0);
}

void
lim_fork(struct process *pr, struct process *parent)
{
	memcpy(pr->ps_limit, parent->ps_limit, sizeof(*pr->ps_limit));
}

/*
 * A hard limit may be raised: everybody is root.
 * => pr stays (proctree held or pr is the caller's own)
 */
static int
lim_change(struct process *pr, int which, const struct rlimit *newlim,
    struct rlimit *oldlim)
{
	struct rlimit *lim = &pr->ps_limit->pl_rlimit[which];

	if (newlim != NULL && newlim->rlim_cur > newlim->rlim_max)
		return EINVAL;
	if (newlim != NULL && which == RLIMIT_NOFILE &&
	    newlim->rlim_max > NOFILE_MAX)
		return EPERM;
	rw_enter_write(&pr->ps_lock);
	*oldlim = *lim;
	if (newlim != NULL) {
		atomic_store(&lim->rlim_cur, newlim->rlim_cur);
		atomic_store(&lim->rlim_max, newlim->rlim_max);
	}
	rw_exit(&pr->ps_lock);
	if (newlim != NULL && which == RLIMIT_CPU)
		itimers_cpu_limit(pr);
	return 0;
}

int
sys_prlimit64(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	pid_t pid = (pid_t)a[0];
	u_int which = (u_int)a[1];
	struct rlimit newlim, oldlim;
	struct process *pr;
	int error;

	if (which >= RLIM_NLIMITS)
		return EINVAL;
	if (a[2] != 0) {
		error = copyin((void *)a[2], &newlim, sizeof(newlim));
		if (error != 0)
			return error;
	}
	rw_enter_read(&proctree_lock);
	pr = pid == 0 ? p->p_p : prfind(pid);
	if (pr == NULL)
		error = ESRCH;
	else
		error = lim_change(
		    pr, (int)which, a[2] != 0 ? &newlim : NULL, &oldlim);
	rw_exit(&proctree_lock);
	if (error == 0 && a[3] != 0)
		error = copyout(&oldlim, (void *)a[3], sizeof(oldlim));
	return error;
}

int
sys_getrlimit(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	u_int which = (u_int)a[0];
	struct rlimit lim;
	int error;

	if (which >= RLIM_NLIMITS)
		return EINVAL;
	error = lim_change(p->p_p, (int)which, NULL, &lim);
	if (error == 0)
		error = copyout(&lim, (void *)a[1], sizeof(lim));
	return error;
}

int
sys_setrlimit(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	u_int which = (u_int)a[0];
	struct rlimit newlim, oldlim;
	int error;

	if (which >= RLIM_NLIMITS)
		return EINVAL;
	error = copyin((void *)a[1], &newlim, sizeof(newlim));
	if (error == 0)
		error = lim_change(p->p_p, (int)which, &newlim, &oldlim);
	return error;
}

/* -- Nice values --------------------------------------------------------------- */

/* What a call asks of some threads.  Fields [c]: of the thread that calls. */
struct nice_request {
	int nr_which; /* PRIO_* */
	uint32_t nr_who; /* id of the thread, group, user */
	bool nr_set;
	int8_t nr_nice; /* to set, or the lowest found */
	bool nr_found;
};

static void
nice_thread(struct nice_request *nr, struct proc *p)
{
	nr->nr_found = true;
	if (nr->nr_set)
		sched_setnice(p, nr->nr_nice);
	else
		nr->nr_nice = MIN(nr->nr_nice, p->p_nice);
}

/* => are pr's threads meant, as those of a group or a user? */
static bool
nice_means(const struct nice_request *nr, const struct process *pr)
{
	if (pr->ps_flags & PS_SYSTEM)
		return false;
	if (nr->nr_which == PRIO_PGRP)
		return pr->ps_pgrp->pg_id == (pid_t)nr->nr_who;
	return pr->ps_cred->cr_ruid == nr->nr_who;
}

/*
 * => proctree lock held
 */
static void
nice_processes(struct nice_request *nr)
{
	struct process *pr;
	struct proc *p;

	LIST_FOREACH (pr, &allprocess, ps_list) {
		if (!nice_means(nr, pr))
			continue;
		rw_enter_read(&pr->ps_lock);
		TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link)
			nice_thread(nr, p);
		rw_exit(&pr->ps_lock);
	}
}

/*
 * => ESRCH: no such thread; who 0 means the caller, its group, its user
 */
static int
nice_do(struct proc *p, struct nice_request *nr)
{
	struct proc *t = p;

	if (nr->nr_which < PRIO_PROCESS || nr->nr_which > PRIO_USER)
		return EINVAL;
	rw_enter_read(&proctree_lock);
	if (nr->nr_which == PRIO_PROCESS) {
		if (nr->nr_who != 0)
			t = tfind((pid_t)nr->nr_who);
		if (t != NULL && (t->p_p->ps_flags & PS_SYSTEM) == 0)
			nice_thread(nr, t);
	} else {
		if (nr->nr_who == 0)
			nr->nr_who = nr->nr_which == PRIO_PGRP
			    ? (uint32_t)p->p_p->ps_pgrp->pg_id
			    : p->p_p->ps_cred->cr_ruid;
		nice_processes(nr);
	}
	rw_exit(&proctree_lock);
	return nr->nr_found ? 0 : ESRCH;
}

/* Any value may be asked for: everybody is root. */
int
sys_setpriority(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct nice_request nr = { .nr_which = (int)a[0],
		.nr_who = (uint32_t)a[1],
		.nr_set = true,
		.nr_nice = (int8_t)MAX(NICE_MIN, MIN((int)a[2], NICE_MAX)) };

	return nice_do(p, &nr);
}

/* => *ret: 20 less the nice value, which so is never negative */
int
sys_getpriority(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct nice_request nr = { .nr_which = (int)a[0],
		.nr_who = (uint32_t)a[1],
		.nr_nice = NICE_MAX };
	int error = nice_do(p, &nr);

	if (error == 0)
		*ret = NICE_MAX + 1 - nr.nr_nice;
	return error;
}

/* -- Usage --------------------------------------------------------------------- */

/*
 * p_runtime is exact, but does not say in which mode; p_utime and p_stime are
 * sampled by the clock.  The exact sum is split in the sampled proportion.
 */
static void
split_runtime(uint64_t run, uint64_t u, uint64_t s, uint64_t *ut, uint64_t *st)
{
	uint64_t total = u + s;

	if (total == 0)
		*ut = 0;
	else if (run < (1UL << 32) && u < (1UL << 32))
		*ut = run * u / total;
	else
		*ut = run / 1024 * (u * 1024 / total);
	*ut = MIN(*ut, run);
	*st = run - *ut;
}

/* Time on a hart including the stretch p is in now. */
static uint64_t
thread_runtime(struct proc *p)
{
	uint64_t run = p->p_runtime, since = p->p_lastrun, now;

	if (p->p_stat != SONPROC)
		return run;
	now = nsecuptime();
	return now > since ? run + (now - since) : run;
}

void
calc_thread_times(struct proc *p, uint64_t *utime, uint64_t *stime)
{
	split_runtime(thread_runtime(p), p->p_utime, p->p_stime, utime, stime);
}

/*
 * => ps_sigmtx held
 */
static void
rusage_thread(struct proc *p, struct rusage_ext *re)
{
	calc_thread_times(p, &re->re_utime, &re->re_stime);
	re->re_minflt = p->p_ru_minflt;
	re->re_majflt = p->p_ru_majflt;
	re->re_nvcsw = p->p_ru_nvcsw;
	re->re_nivcsw = p->p_ru_nivcsw;
	re->re_maxrss = 0;
}

void
rusage_add(struct rusage_ext *to, const struct rusage_ext *from)
{
	to->re_utime += from->re_utime;
	to->re_stime += from->re_stime;
	to->re_minflt += from->re_minflt;
	to->re_majflt += from->re_majflt;
	to->re_nvcsw += from->re_nvcsw;
	to->re_nivcsw += from->re_nivcsw;
	to->re_maxrss = MAX(to->re_maxrss, from->re_maxrss);
}

void
calc_rusage_locked(struct process *pr, struct rusage_ext *re)
{
	struct rusage_ext one;
	struct proc *p;

	MUTEX_ASSERT_LOCKED(&pr->ps_sigmtx);
	*re = pr->ps_ru;
	TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link) {
		rusage_thread(p, &one);
		rusage_add(re, &one);
	}
}

void
calc_rusage(struct process *pr, struct rusage_ext *re)
{
	mtx_enter(&pr->ps_sigmtx);
	calc_rusage_locked(pr, re);
	mtx_leave(&pr->ps_sigmtx);
}

void
calc_process_times(struct process *pr, uint64_t *utime, uint64_t *stime)
{
	struct rusage_ext re;

	calc_rusage(pr, &re);
	*utime = re.re_utime;
	*stime = re.re_stime;
}

void
rusage_export(const struct rusage_ext *re, struct rusage *ru)
{
	memset(ru, 0, sizeof(*ru));
	ns_to_timeval(re->re_utime, &ru->ru_utime);
	ns_to_timeval(re->re_stime, &ru->ru_stime);
	ru->ru_maxrss = re->re_maxrss;
	ru->ru_minflt = re->re_minflt;
	ru->ru_majflt = re->re_majflt;
	ru->ru_nvcsw = re->re_nvcsw;
	ru->ru_nivcsw = re->re_nivcsw;
}

/* KiB resident now: the most seen so far is kept in ps_ru. */
static void
note_maxrss(struct process *pr)
{
	long kib;

	rw_enter_write(&pr->ps_lock);
	if (pr->ps_vmspace != NULL) {
		kib = pmap_resident_count(pr->ps_vmspace->vm_map.pmap) *
		    (long)(PAGE_SIZE / 1024);
		pr->ps_ru.re_maxrss = MAX(pr->ps_ru.re_maxrss, kib);
	}
	rw_exit(&pr->ps_lock);
}

int
sys_getrusage(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr = p->p_p;
	struct rusage_ext re;
	struct rusage ru;

	switch ((int)a[0]) {
	case RUSAGE_SELF:
		note_maxrss(pr);
		calc_rusage(pr, &re);
		break;
	case RUSAGE_CHILDREN:
		rw_enter_read(&proctree_lock);
		re = pr->ps_cru;
		rw_exit(&proctree_lock);
		break;
	case RUSAGE_THREAD:
		note_maxrss(pr);
		rusage_thread(p, &re);
		re.re_maxrss = pr->ps_ru.re_maxrss;
		break;
	default:
		return EINVAL;
	}
	rusage_export(&re, &ru);
	return copyout(&ru, (void *)a[1], sizeof(ru));
}
