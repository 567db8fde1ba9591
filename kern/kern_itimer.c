/*
 * Interval timers: setitimer, POSIX timers, the limit on CPU time.
 *
 * Timers of elapsed time are timeouts.  Timers of CPU time have no hook in the
 * scheduler: while any is armed, a timeout looks when the earliest could be
 * due at the soonest, that is, if all harts ran nothing but this process.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/ktrace.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/signalvar.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timeout.h>

#define ITIMER_REAL     0
#define ITIMER_VIRTUAL  1
#define ITIMER_PROF     2
#define NITIMERS        3

#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD    2
#define SIGEV_THREAD_ID 4
#define TIMER_ABSTIME   1
#define DELAYTIMER_MAX  INT32_MAX

#define NSEC_PER_SEC    1000000000UL
#define CPU_LOOK_MIN    1000000UL /* ns between two looks at CPU timers */

/* What a program passes; members belong to the calling thread. */
struct itimerval {
	struct timeval it_interval; /* [thread] */
	struct timeval it_value; /* [thread] */
};
struct itimerspec {
	struct timespec it_interval; /* [thread] */
	struct timespec it_value; /* [thread] */
};
struct sigevent {
	uint64_t sigev_value; /* [thread] */
	int sigev_signo; /* [thread] */
	int sigev_notify; /* [thread] */
	int sigev_tid; /* [thread] */
	int sigev_pad[11]; /* [thread] */
};
CTASSERT(sizeof(struct sigevent) == 64);

enum timer_base { BASE_UPTIME, BASE_WALL, BASE_PROF, BASE_USER, BASE_THREAD };

/*
 * One timer of any kind.
 * Locks used to protect members:
 *	I	immutable after creation
 *	S	ps_sigmtx of the process
 */
struct ptimer {
	LIST_ENTRY(ptimer) pt_link; /* [S] */
	struct itimers *pt_owner; /* [I] */
	int pt_id; /* [I] */
	enum timer_base pt_base; /* [I] */
	int pt_notify; /* [I] SIGEV_* */
	int pt_signo; /* [I] */
	pid_t pt_tid; /* [I] thread to tell, 0: the process */
	pid_t pt_clocktid; /* [I] thread whose CPU time counts */
	uint64_t pt_value; /* [I] for the handler */
	uint64_t pt_due; /* [S] by its base, ns; 0: not armed */
	uint64_t pt_interval; /* [S] ns, 0: once */
	int pt_overrun; /* [S] of the last signal taken */
	struct timeout pt_timeout; /* [own lock] BASE_UPTIME, BASE_WALL */
};

/*
 * Locks used to protect members:
 *	I	immutable after creation
 *	S	ps_sigmtx of the process
 */
struct itimers {
	struct process *its_process; /* [I] */
	struct ptimer its_itimer[NITIMERS]; /* [S] */
	LIST_HEAD(, ptimer) its_timers; /* [S] of timer_create */
	int its_nextid; /* [S] */
	uint64_t its_xcpu; /* [S] CPU seconds at which to warn, 0: never */
	struct timeout its_cputimeout; /* [own lock] */
};

static void itimers_cpu_look(void *arg);
static void ptimer_due(void *arg);

/* -- Clocks as timers see them ---------------------------------------------------- */

static bool
base_is_cpu(enum timer_base base)
{
	return base >= BASE_PROF;
}

/* => ps_sigmtx held; CPU time of one thread, or 0 if it is gone */
static uint64_t
thread_cpu_locked(struct process *pr, pid_t tid)
{
	uint64_t utime, stime;
	struct proc *p;

	TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link) {
		if (p->p_tid == tid) {
			calc_thread_times(p, &utime, &stime);
			return utime + stime;
		}
	}
	return 0;
}

/* => ps_sigmtx held; what the timer's clock shows */
static uint64_t
ptimer_now(struct ptimer *pt)
{
	struct process *pr = pt->pt_owner->its_process;
	struct rusage_ext re;

	switch (pt->pt_base) {
	case BASE_UPTIME:
		return nsecuptime();
	case BASE_WALL:
		return nsecwall();
	case BASE_THREAD:
		return thread_cpu_locked(pr, pt->pt_clocktid);
	default:
		calc_rusage_locked(pr, &re);
		return pt->pt_base == BASE_USER ? re.re_utime
						: re.re_utime + re.re_stime;
	}
}

/* -- Expiry ------------------------------------------------------------------------ */

/* => ps_sigmtx held; thread a timer is to tell; NULL: gone */
static struct proc *
ptimer_thread(struct process *pr, pid_t tid)
{
	struct proc *p;

	TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link) {
		if (p->p_tid == tid)
			return p;
	}
	return NULL;
}

/*
 * Send the timer's signal, or count an overrun while the last one waits.
 * => ps_sigmtx held; missed: expirations besides this one
 */
static void
ptimer_signal(struct ptimer *pt, uint64_t missed)
{
	struct process *pr = pt->pt_owner->its_process;
	struct proc *p = NULL;
	siginfo_t info, *queued;

	if (pt->pt_notify == SIGEV_NONE)
		return;
	if (pt->pt_tid != 0 && (p = ptimer_thread(pr, pt->pt_tid)) == NULL)
		return;
	if (pt->pt_id < 0) {
		sig_post(pr, NULL, pt->pt_signo, NULL);
		return;
	}
	missed = MIN(missed, DELAYTIMER_MAX);
	queued = sig_queued_timer(pr, p, pt->pt_signo, pt->pt_id);
	if (queued != NULL) {
		missed += (uint64_t)queued->si_u.timer.overrun + 1;
		queued->si_u.timer.overrun = (int)MIN(missed, DELAYTIMER_MAX);
		return;
	}
	memset(&info, 0, sizeof(info));
	info.si_code = SI_TIMER;
	info.si_u.timer.tid = pt->pt_id;
	info.si_u.timer.overrun = (int)missed;
	info.si_u.timer.value = pt->pt_value;
	sig_post(pr, p, pt->pt_signo, &info);
}

void
itimer_delivered(struct process *pr, const struct siginfo *info)
{
	struct ptimer *pt;

	MUTEX_ASSERT_LOCKED(&pr->ps_sigmtx);
	if (pr->ps_itimers == NULL)
		return;
	LIST_FOREACH (pt, &pr->ps_itimers->its_timers, pt_link) {
		if (pt->pt_id == info->si_u.timer.tid)
			pt->pt_overrun = info->si_u.timer.overrun;
	}
}

/*
 * If the timer is due, send its signal and set the next time.
 * => ps_sigmtx held
 */
static void
ptimer_check(struct ptimer *pt, uint64_t now)
{
	uint64_t missed = 0;

	if (pt->pt_due == 0 || now < pt->pt_due)
		return;
	if (pt->pt_interval != 0) {
		missed = (now - pt->pt_due) / pt->pt_interval;
		pt->pt_due += (missed + 1) * pt->pt_interval;
	} else
		pt->pt_due = 0;
	ptimer_signal(pt, missed);
}

/* => ps_sigmtx held; the timeout of an armed timer of elapsed time */
static void
ptimer_schedule(struct ptimer *pt, uint64_t now)
{
	if (pt->pt_due != 0)
		timeout_add_nsec(
		    &pt->pt_timeout, pt->pt_due > now ? pt->pt_due - now : 0);
}

static void
ptimer_due(void *arg)
{
	struct ptimer *pt = arg;
	struct process *pr = pt->pt_owner->its_process;
	uint64_t now;

	mtx_enter(&pr->ps_sigmtx);
	now = ptimer_now(pt);
	ptimer_check(pt, now);
	ptimer_schedule(pt, now);
	mtx_leave(&pr->ps_sigmtx);
}

/*
 * The limit on CPU time: a warning at the soft limit and every second after
 * it, the end at the hard one.
 * => ps_sigmtx held; ns until the next look, INFSLP: no limit
 */
static uint64_t
cpu_limit_check(struct itimers *its, uint64_t now)
{
	struct process *pr = its->its_process;
	uint64_t secs = now / NSEC_PER_SEC;

	if (its->its_xcpu == 0)
		return INFSLP;
	if (secs >= lim_max(pr, RLIMIT_CPU)) {
		sig_post(pr, NULL, SIGKILL, NULL);
		return INFSLP;
	}
	if (secs >= its->its_xcpu) {
		sig_post(pr, NULL, SIGXCPU, NULL);
		its->its_xcpu = secs + 1;
	}
	return its->its_xcpu * NSEC_PER_SEC - now;
}

/* => ps_sigmtx held; *next: the earlier of it and what is left of pt */
static void
ptimer_cpu_check(struct ptimer *pt, uint64_t *next)
{
	uint64_t now;

	if (!base_is_cpu(pt->pt_base) || pt->pt_due == 0)
		return;
	now = ptimer_now(pt);
	ptimer_check(pt, now);
	if (pt->pt_due != 0)
		*next = MIN(*next, pt->pt_due > now ? pt->pt_due - now : 0);
}

/* => ps_sigmtx held; looks at all timers of CPU time and plans the next look */
static void
itimers_cpu_check(struct itimers *its)
{
	struct rusage_ext re;
	struct ptimer *pt;
	uint64_t next;

	calc_rusage_locked(its->its_process, &re);
	next = cpu_limit_check(its, re.re_utime + re.re_stime);
	ptimer_cpu_check(&its->its_itimer[ITIMER_VIRTUAL], &next);
	ptimer_cpu_check(&its->its_itimer[ITIMER_PROF], &next);
	LIST_FOREACH (pt, &its->its_timers, pt_link)
		ptimer_cpu_check(pt, &next);
	if (next != INFSLP)
		timeout_add_nsec(
		    &its->its_cputimeout, MAX(next / ncpus, CPU_LOOK_MIN));
}

static void
itimers_cpu_look(void *arg)
{
	struct itimers *its = arg;
	struct process *pr = its->its_process;

	mtx_enter(&pr->ps_sigmtx);
	itimers_cpu_check(its);
	mtx_leave(&pr->ps_sigmtx);
}

/* -- Life ----------------------------------------------------------------------------- */

static void
ptimer_init(struct ptimer *pt, struct itimers *its, enum timer_base base)
{
	pt->pt_owner = its;
	pt->pt_base = base;
	timeout_set(&pt->pt_timeout, ptimer_due, pt);
}

static struct itimers *
itimers_create(struct process *pr)
{
	static const int signo[NITIMERS] = { SIGALRM, SIGVTALRM, SIGPROF };
	static const enum timer_base base[NITIMERS] = { BASE_UPTIME, BASE_USER,
		BASE_PROF };
	struct itimers *its = kmem_zalloc(sizeof(*its), PR_WAITOK);

	its->its_process = pr;
	LIST_INIT(&its->its_timers);
	timeout_set(&its->its_cputimeout, itimers_cpu_look, its);
	for (int i = 0; i < NITIMERS; i++) {
		ptimer_init(&its->its_itimer[i], its, base[i]);
		its->its_itimer[i].pt_id = -1;
		its->its_itimer[i].pt_signo = signo[i];
	}
	return its;
}

/*
 * => the process's timers, made when first asked for; NULL: the process exits,
 *    and nobody would free them; no locks; may sleep
 */
static struct itimers *
itimers_get(struct process *pr)
{
	struct itimers *its = atomic_load_acq(&pr->ps_itimers), *new;

	if (its != NULL)
		return its;
	new = itimers_create(pr);
	mtx_enter(&pr->ps_sigmtx);
	its = pr->ps_itimers;
	if (its == NULL && (pr->ps_flags & PS_EXITING) == 0) {
		its = new;
		new = NULL;
		atomic_store_rel(&pr->ps_itimers, its);
	}
	mtx_leave(&pr->ps_sigmtx);
	if (new != NULL)
		kmem_free(new, sizeof(*new));
	return its;
}

/* => pt off all lists, disarmed; may sleep */
static void
ptimer_free(struct ptimer *pt)
{
	timeout_del_barrier(&pt->pt_timeout);
	kmem_free(pt, sizeof(*pt));
}

/* => POSIX timers gone; no locks; may sleep */
static void
ptimers_delete_all(struct itimers *its)
{
	struct process *pr = its->its_process;
	struct ptimer *pt;

	for (;;) {
		mtx_enter(&pr->ps_sigmtx);
		pt = LIST_FIRST(&its->its_timers);
		if (pt != NULL) {
			LIST_REMOVE(pt, pt_link);
			pt->pt_due = 0;
		}
		mtx_leave(&pr->ps_sigmtx);
		if (pt == NULL)
			return;
		ptimer_free(pt);
	}
}

void
itimers_exec(struct process *pr)
{
	if (pr->ps_itimers != NULL)
		ptimers_delete_all(pr->ps_itimers);
}

void
itimers_exit(struct process *pr)
{
	struct itimers *its = pr->ps_itimers;

	if (its == NULL)
		return;
	ptimers_delete_all(its);
	mtx_enter(&pr->ps_sigmtx);
	for (int i = 0; i < NITIMERS; i++)
		its->its_itimer[i].pt_due = 0;
	its->its_xcpu = 0;
	pr->ps_itimers = NULL;
	mtx_leave(&pr->ps_sigmtx);
	timeout_del_barrier(&its->its_cputimeout);
	for (int i = 0; i < NITIMERS; i++)
		timeout_del_barrier(&its->its_itimer[i].pt_timeout);
	kmem_free(its, sizeof(*its));
}

void
itimers_cpu_limit(struct process *pr)
{
	uint64_t limit = lim_cur(pr, RLIMIT_CPU);
	struct itimers *its;

	if (limit == RLIM_INFINITY && pr->ps_itimers == NULL)
		return;
	if (itimers_get(pr) == NULL)
		return;
	mtx_enter(&pr->ps_sigmtx);
	/* Another process may exit, and free them, at any moment before. */
	its = pr->ps_itimers;
	if (its == NULL) {
		mtx_leave(&pr->ps_sigmtx);
		return;
	}
	if (limit > INFSLP / NSEC_PER_SEC / 2)
		its->its_xcpu = 0;
	else
		its->its_xcpu = MAX(limit, 1);
	itimers_cpu_check(its);
	mtx_leave(&pr->ps_sigmtx);
}

/* -- Setting and reading ------------------------------------------------------------ */

/* => ps_sigmtx held; what is left and the interval; 0: not armed */
static void
ptimer_read(struct ptimer *pt, uint64_t *left, uint64_t *interval)
{
	uint64_t now;

	*interval = pt->pt_interval;
	*left = 0;
	if (pt->pt_due == 0)
		return;
	now = ptimer_now(pt);
	/* A timer that is due but has not fired yet is still armed. */
	*left = pt->pt_due > now ? pt->pt_due - now : 1;
	if (pt->pt_notify == SIGEV_NONE && pt->pt_due <= now)
		*left = 0;
}

/*
 * => ps_sigmtx held; value 0 disarms
 */
static void
ptimer_set(struct ptimer *pt, uint64_t value, uint64_t interval, bool absolute)
{
	uint64_t now = ptimer_now(pt);

	timeout_del(&pt->pt_timeout);
	pt->pt_interval = interval;
	pt->pt_overrun = 0;
	if (value == 0)
		pt->pt_due = 0;
	else if (absolute)
		pt->pt_due = value;
	else
		pt->pt_due =
		    value > INFSLP - 1 - now ? INFSLP - 1 : now + value;
	if (pt->pt_due == 0)
		return;
	if (base_is_cpu(pt->pt_base))
		itimers_cpu_check(pt->pt_owner);
	else
		ptimer_schedule(pt, now);
}

static void
itimerval_fill(struct itimerval *it, uint64_t left, uint64_t interval)
{
	/* Less than a microsecond is not yet nothing. */
	ns_to_timeval(left + 999, &it->it_value);
	ns_to_timeval(interval, &it->it_interval);
}

int
sys_getitimer(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr = p->p_p;
	struct itimers *its = pr->ps_itimers;
	uint64_t left = 0, interval = 0;
	struct itimerval it;

	if ((u_int)a[0] >= NITIMERS)
		return EINVAL;
	if (its != NULL) {
		mtx_enter(&pr->ps_sigmtx);
		ptimer_read(&its->its_itimer[(u_int)a[0]], &left, &interval);
		mtx_leave(&pr->ps_sigmtx);
	}
	itimerval_fill(&it, left, interval);
	return copyout(&it, (void *)a[1], sizeof(it));
}

int
sys_setitimer(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr = p->p_p;
	uint64_t value = 0, interval = 0, left, oldinterval;
	struct itimerval it;
	struct itimers *its;
	int error = 0;

	if ((u_int)a[0] >= NITIMERS)
		return EINVAL;
	if (a[1] != 0) {
		error = copyin((void *)a[1], &it, sizeof(it));
		if (error == 0)
			error = timeval_to_ns(&it.it_value, &value);
		if (error == 0)
			error = timeval_to_ns(&it.it_interval, &interval);
	}
	if (error != 0)
		return error;
	its = itimers_get(pr);
	if (its == NULL)
		return EINTR;
	mtx_enter(&pr->ps_sigmtx);
	ptimer_read(&its->its_itimer[(u_int)a[0]], &left, &oldinterval);
	ptimer_set(&its->its_itimer[(u_int)a[0]], value, interval, false);
	mtx_leave(&pr->ps_sigmtx);
	if (a[2] == 0)
		return 0;
	itimerval_fill(&it, left, oldinterval);
	return copyout(&it, (void *)a[2], sizeof(it));
}

/* -- POSIX timers ---------------------------------------------------------------------- */

static int
clock_base(int clock, enum timer_base *base)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*base = BASE_WALL;
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*base = BASE_UPTIME;
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*base = BASE_PROF;
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*base = BASE_THREAD;
		return 0;
	default:
		return EINVAL;
	}
}

static int
sigevent_check(struct proc *p, const struct sigevent *ev)
{
	struct proc *t;
	bool own;

	if (ev->sigev_notify != SIGEV_NONE &&
	    (ev->sigev_signo < 1 || ev->sigev_signo > NSIG))
		return EINVAL;
	switch (ev->sigev_notify) {
	case SIGEV_NONE:
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		return 0;
	case SIGEV_THREAD_ID:
		rw_enter_read(&proctree_lock);
		t = tfind(ev->sigev_tid);
		own = t != NULL && t->p_p == p->p_p;
		rw_exit(&proctree_lock);
		return own ? 0 : EINVAL;
	default:
		return EINVAL;
	}
}

/* => ps_sigmtx held; an id no timer of the process has */
static int
ptimer_newid(struct itimers *its)
{
	struct ptimer *pt;
	int id;

	for (;;) {
		id = its->its_nextid;
		its->its_nextid = id == INT32_MAX ? 0 : id + 1;
		LIST_FOREACH (pt, &its->its_timers, pt_link) {
			if (pt->pt_id == id)
				break;
		}
		if (pt == NULL)
			return id;
	}
}

/* => id of the new timer, or -1: the process exits; may sleep */
static int
ptimer_create(struct proc *p, enum timer_base base, const struct sigevent *ev,
    bool default_value)
{
	struct itimers *its = itimers_get(p->p_p);
	struct ptimer *pt;

	if (its == NULL)
		return -1;
	pt = kmem_zalloc(sizeof(*pt), PR_WAITOK);
	ptimer_init(pt, its, base);
	pt->pt_notify = ev->sigev_notify;
	pt->pt_signo = ev->sigev_signo;
	pt->pt_value = ev->sigev_value;
	pt->pt_clocktid = p->p_tid;
	if (ev->sigev_notify == SIGEV_THREAD_ID)
		pt->pt_tid = ev->sigev_tid;
	mtx_enter(&p->p_p->ps_sigmtx);
	pt->pt_id = ptimer_newid(its);
	if (default_value)
		pt->pt_value = (uint64_t)pt->pt_id;
	LIST_INSERT_HEAD(&its->its_timers, pt, pt_link);
	mtx_leave(&p->p_p->ps_sigmtx);
	return pt->pt_id;
}

/* => ps_sigmtx held on TRUE return only: *ptp is the timer of that id */
static bool
ptimer_lookup(struct process *pr, int id, struct ptimer **ptp)
{
	struct ptimer *pt;

	if (pr->ps_itimers == NULL)
		return false;
	mtx_enter(&pr->ps_sigmtx);
	LIST_FOREACH (pt, &pr->ps_itimers->its_timers, pt_link) {
		if (pt->pt_id == id) {
			*ptp = pt;
			return true;
		}
	}
	mtx_leave(&pr->ps_sigmtx);
	return false;
}

static int
ptimer_delete(struct process *pr, int id)
{
	struct ptimer *pt;

	if (!ptimer_lookup(pr, id, &pt))
		return EINVAL;
	LIST_REMOVE(pt, pt_link);
	pt->pt_due = 0;
	mtx_leave(&pr->ps_sigmtx);
	ptimer_free(pt);
	return 0;
}

int
sys_timer_create(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct sigevent ev = { .sigev_signo = SIGALRM };
	enum timer_base base;
	int error, id;

	error = clock_base((int)a[0], &base);
	if (error == 0 && a[1] != 0)
		error = copyin((void *)a[1], &ev, sizeof(ev));
	if (error == 0)
		error = sigevent_check(p, &ev);
	if (error != 0)
		return error;
	id = ptimer_create(p, base, &ev, a[1] == 0);
	if (id < 0)
		return EINTR;
	error = copyout32((uint32_t)id, (uint32_t *)a[2]);
	if (error != 0 && ptimer_delete(p->p_p, id) != 0)
		TRACE("timer_create: deleted meanwhile", p->p_tid, id);
	return error;
}

int
sys_timer_delete(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return ptimer_delete(p->p_p, (int)a[0]);
}

int
sys_timer_getoverrun(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct ptimer *pt;

	if (!ptimer_lookup(p->p_p, (int)a[0], &pt))
		return EINVAL;
	*ret = pt->pt_overrun;
	mtx_leave(&p->p_p->ps_sigmtx);
	return 0;
}

static int
itimerspec_copyout(uint64_t left, uint64_t interval, uint64_t uaddr)
{
	struct itimerspec it;

	ns_to_timespec(left, &it.it_value);
	ns_to_timespec(interval, &it.it_interval);
	return copyout(&it, (void *)uaddr, sizeof(it));
}

int
sys_timer_gettime(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	uint64_t left, interval;
	struct ptimer *pt;

	if (!ptimer_lookup(p->p_p, (int)a[0], &pt))
		return EINVAL;
	ptimer_read(pt, &left, &interval);
	mtx_leave(&p->p_p->ps_sigmtx);
	return itimerspec_copyout(left, interval, a[1]);
}

int
sys_timer_settime(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	uint64_t value, interval, left, oldinterval;
	struct itimerspec it;
	struct ptimer *pt;
	int error;

	if (a[2] == 0)
		return EINVAL;
	error = copyin((void *)a[2], &it, sizeof(it));
	if (error == 0)
		error = timespec_to_ns(&it.it_value, &value);
	if (error == 0)
		error = timespec_to_ns(&it.it_interval, &interval);
	if (error != 0)
		return error;
	if (!ptimer_lookup(p->p_p, (int)a[0], &pt))
		return EINVAL;
	ptimer_read(pt, &left, &oldinterval);
	ptimer_set(pt, value, interval, ((int)a[1] & TIMER_ABSTIME) != 0);
	mtx_leave(&p->p_p->ps_sigmtx);
	if (a[3] == 0)
		return 0;
	return itimerspec_copyout(left, oldinterval, a[3]);
}
