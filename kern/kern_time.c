/*
 * Clocks, and sleeping by them.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timeout.h>

#define TIMER_ABSTIME 1
#define NSEC_PER_SEC  1000000000UL
#define CPU_POLL_NS   10000000UL /* how often a sleep by CPU time looks */

/* Clocks of another process or thread: id and kind in one negative number. */
#define CPUCLOCK_PID(id)       (~((id) >> 3))
#define CPUCLOCK_PERTHREAD(id) (((id)&4) != 0)

/* Sleepers until a time of day wait here, because it can be set; no data. */
static char wall_channel;

/* -- Conversions ------------------------------------------------------------------ */

static int
to_ns(int64_t sec, int64_t nsec, uint64_t *nsecs)
{
	if (sec < 0 || nsec < 0 || nsec >= (int64_t)NSEC_PER_SEC)
		return EINVAL;
	if ((uint64_t)sec >= INFSLP / NSEC_PER_SEC)
		*nsecs = INFSLP - 1;
	else
		*nsecs = (uint64_t)sec * NSEC_PER_SEC + (uint64_t)nsec;
	return 0;
}

int
timespec_to_ns(const struct timespec *ts, uint64_t *nsecs)
{
	return to_ns(ts->tv_sec, ts->tv_nsec, nsecs);
}

int
timeval_to_ns(const struct timeval *tv, uint64_t *nsecs)
{
	if (tv->tv_usec < 0 || tv->tv_usec >= 1000000)
		return EINVAL;
	return to_ns(tv->tv_sec, tv->tv_usec * 1000, nsecs);
}

void
ns_to_timespec(uint64_t nsecs, struct timespec *ts)
{
	ts->tv_sec = (int64_t)(nsecs / NSEC_PER_SEC);
	ts->tv_nsec = (int64_t)(nsecs % NSEC_PER_SEC);
}

void
ns_to_timeval(uint64_t nsecs, struct timeval *tv)
{
	tv->tv_sec = (int64_t)(nsecs / NSEC_PER_SEC);
	tv->tv_usec = (int64_t)(nsecs % NSEC_PER_SEC / 1000);
}

/* -- Clocks ------------------------------------------------------------------------ */

static int
cpuclock_thread(struct proc *p, pid_t tid, uint64_t *nsecs)
{
	uint64_t utime, stime;
	struct proc *t = p;
	int error = 0;

	rw_enter_read(&proctree_lock);
	if (tid != 0)
		t = tfind(tid);
	if (t == NULL || t->p_p != p->p_p)
		error = EINVAL;
	else {
		calc_thread_times(t, &utime, &stime);
		*nsecs = utime + stime;
	}
	rw_exit(&proctree_lock);
	return error;
}

static int
cpuclock_process(struct proc *p, pid_t pid, uint64_t *nsecs)
{
	struct process *pr = p->p_p;
	uint64_t utime, stime;
	int error = 0;

	rw_enter_read(&proctree_lock);
	if (pid != 0)
		pr = prfind(pid);
	if (pr == NULL)
		error = EINVAL;
	else {
		calc_process_times(pr, &utime, &stime);
		*nsecs = utime + stime;
	}
	rw_exit(&proctree_lock);
	return error;
}

int
clock_read(struct proc *p, int id, uint64_t *nsecs)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*nsecs = nsecwall();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*nsecs = nsecuptime();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		return cpuclock_process(p, 0, nsecs);
	case CLOCK_THREAD_CPUTIME_ID:
		return cpuclock_thread(p, 0, nsecs);
	}
	if (id >= 0)
		return EINVAL;
	if (CPUCLOCK_PERTHREAD(id))
		return cpuclock_thread(p, CPUCLOCK_PID(id), nsecs);
	return cpuclock_process(p, CPUCLOCK_PID(id), nsecs);
}

static int
timespec_copyout(uint64_t nsecs, uint64_t uaddr)
{
	struct timespec ts;

	ns_to_timespec(nsecs, &ts);
	return copyout(&ts, (void *)uaddr, sizeof(ts));
}

int
sys_clock_gettime(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	uint64_t nsecs;
	int error;

	error = clock_read(p, (int)a[0], &nsecs);
	return error != 0 ? error : timespec_copyout(nsecs, a[1]);
}

int
sys_clock_getres(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	uint64_t nsecs;
	int error;

	error = clock_read(p, (int)a[0], &nsecs);
	if (error != 0 || a[1] == 0)
		return error;
	return timespec_copyout(1, a[1]);
}

static void
wall_set(uint64_t nsecs)
{
	set_wall(nsecs);
	wakeup(&wall_channel);
}

int
sys_clock_settime(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct timespec ts;
	uint64_t nsecs;
	int error;

	if ((int)a[0] != CLOCK_REALTIME)
		return EINVAL;
	error = copyin((void *)a[1], &ts, sizeof(ts));
	if (error == 0)
		error = timespec_to_ns(&ts, &nsecs);
	if (error == 0)
		wall_set(nsecs);
	return error;
}

int
sys_gettimeofday(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	static const int32_t tz[2]; /* minutes west, daylight saving: none */
	struct timeval tv;
	int error = 0;

	if (a[0] != 0) {
		ns_to_timeval(nsecwall(), &tv);
		error = copyout(&tv, (void *)a[0], sizeof(tv));
	}
	if (error == 0 && a[1] != 0)
		error = copyout(tz, (void *)a[1], sizeof(tz));
	return error;
}

int
sys_settimeofday(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct timeval tv;
	uint64_t nsecs;
	int error;

	if (a[0] == 0)
		return 0;
	error = copyin((void *)a[0], &tv, sizeof(tv));
	if (error == 0)
		error = timeval_to_ns(&tv, &nsecs);
	if (error == 0)
		wall_set(nsecs);
	return error;
}

int
sys_times(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	const uint64_t tick = NSEC_PER_SEC / HZ;
	uint64_t utime, stime, tms[4];
	int error = 0;

	if (a[0] != 0) {
		calc_process_times(p->p_p, &utime, &stime);
		tms[0] = utime / tick;
		tms[1] = stime / tick;
		rw_enter_read(&proctree_lock);
		tms[2] = p->p_p->ps_cru.re_utime / tick;
		tms[3] = p->p_p->ps_cru.re_stime / tick;
		rw_exit(&proctree_lock);
		error = copyout(tms, (void *)a[0], sizeof(tms));
	}
	*ret = (int64_t)(nsecuptime() / tick);
	return error;
}

/* -- Sleeping ------------------------------------------------------------------------- */

/*
 * Sleep until the clock shows `when`.
 * => 0, or ERESTART: a signal; the time left by that clock in *left
 */
static int
clock_sleep_until(struct proc *p, int id, uint64_t when, uint64_t *left)
{
	const void *channel = id == CLOCK_REALTIME || id == CLOCK_TAI
	    ? (const void *)&wall_channel
	    : (const void *)&p->p_restart_end;
	bool cpu = id == CLOCK_PROCESS_CPUTIME_ID || id < 0;
	uint64_t now, nsecs;
	int error;

	for (;;) {
		error = clock_read(p, id, &now);
		if (error != 0)
			return error;
		*left = when > now ? when - now : 0;
		if (*left == 0)
			return 0;
		nsecs = cpu ? MIN(*left, CPU_POLL_NS) : *left;
		error = tsleep(channel, PPAUSE | PCATCH, "nanosleep", nsecs);
		if (error != 0 && error != EWOULDBLOCK)
			break;
	}
	if (clock_read(p, id, &now) == 0)
		*left = when > now ? when - now : 0;
	return ERESTART;
}

/* The clock a relative sleep is measured by: setting the time changes none. */
static int
relative_clock(int id)
{
	return id == CLOCK_REALTIME || id == CLOCK_TAI ? CLOCK_MONOTONIC : id;
}

static int
sleep_relative(struct proc *p, int id, uint64_t nsecs, uint64_t urem)
{
	uint64_t when, now, left;
	int error;

	id = relative_clock(id);
	error = clock_read(p, id, &now);
	if (error != 0)
		return error;
	when = nsecs > INFSLP - 1 - now ? INFSLP - 1 : now + nsecs;
	if (p->p_restart_end != 0) {
		when = p->p_restart_end;
		p->p_restart_end = 0;
	}
	error = clock_sleep_until(p, id, when, &left);
	if (error != ERESTART)
		return error;
	if (urem != 0) {
		error = timespec_copyout(left, urem);
		if (error != 0)
			return error;
	}
	p->p_restart_end = when;
	return ERESTARTNOHAND;
}

static int
nanosleep_common(
    struct proc *p, int id, bool absolute, uint64_t ureq, uint64_t urem)
{
	struct timespec ts;
	uint64_t nsecs, left;
	int error;

	error = copyin((void *)ureq, &ts, sizeof(ts));
	if (error == 0)
		error = timespec_to_ns(&ts, &nsecs);
	if (error != 0)
		return error;
	if (!absolute)
		return sleep_relative(p, id, nsecs, urem);
	error = clock_sleep_until(p, id, nsecs, &left);
	return error == ERESTART ? ERESTARTNOHAND : error;
}

int
sys_nanosleep(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return nanosleep_common(p, CLOCK_MONOTONIC, false, a[0], a[1]);
}

int
sys_clock_nanosleep(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int id = (int)a[0];
	uint64_t now;
	int error;

	switch (id) {
	case CLOCK_THREAD_CPUTIME_ID:
		return EINVAL;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return EOPNOTSUPP;
	}
	error = clock_read(p, id, &now);
	if (error != 0)
		return error;
	return nanosleep_common(
	    p, id, ((int)a[1] & TIMER_ABSTIME) != 0, a[2], a[3]);
}
