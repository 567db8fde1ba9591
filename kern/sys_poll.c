/*
 * poll and select.
 *
 * The caller registers with every object it asks about, looks at each, and
 * sleeps on its own pollwait if none is ready.  An object that changes marks
 * the pollwait of everyone registered before it wakes them; the mark is tested
 * under the pollwait's own lock, so a change between look and sleep is seen.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/selinfo.h>
#include <sys/syscall.h>

#define POLL_INLINE 4
#define SEL_MAXFD   1024

/*
 * One call of poll.
 * Locks used to protect members:
 *	t	only by the polling thread
 *	w	pw_mtx
 */
struct pollwait {
	struct mutex pw_mtx; /* LR_SLEEPQ's outer leaf: see selwakeup */
	bool pw_fired; /* [w] */
	struct pollent *pw_ent; /* [t] */
	u_int pw_used, pw_size; /* [t] */
	struct pollent pw_inline[POLL_INLINE]; /* [t] */
};

void
selinfo_init(struct selinfo *si)
{
	mtx_init(&si->si_mtx, LR_SELINFO, "selinfo");
	TAILQ_INIT(&si->si_waiters);
}

void
selwakeup(struct selinfo *si)
{
	struct pollent *pe;

	if (atomic_load(&TAILQ_FIRST(&si->si_waiters)) == NULL)
		return;
	mtx_enter(&si->si_mtx);
	TAILQ_FOREACH(pe, &si->si_waiters, pe_link) {
		mtx_enter(&pe->pe_wait->pw_mtx);
		pe->pe_wait->pw_fired = true;
		mtx_leave(&pe->pe_wait->pw_mtx);
		wakeup(pe->pe_wait);
	}
	mtx_leave(&si->si_mtx);
}

void
selrecord(struct pollwait *pw, struct selinfo *si)
{
	struct pollent *pe;

	if (pw == NULL)
		return;
	KASSERT(pw->pw_used < pw->pw_size);
	pe = &pw->pw_ent[pw->pw_used++];
	pe->pe_si = si;
	pe->pe_wait = pw;
	mtx_enter(&si->si_mtx);
	TAILQ_INSERT_TAIL(&si->si_waiters, pe, pe_link);
	mtx_leave(&si->si_mtx);
	/* selwakeup's unlocked look at the list comes after the change */
	membar_sync();
}

/* => room for two registrations (read and write side) per descriptor */
static int
pollwait_init(struct pollwait *pw, u_int nfds)
{
	mtx_init(&pw->pw_mtx, LR_MISC, "pollwait");
	pw->pw_fired = false;
	pw->pw_used = 0;
	pw->pw_size = MAX(2 * nfds, 1);
	pw->pw_ent = pw->pw_inline;
	if (pw->pw_size > POLL_INLINE)
		pw->pw_ent = kmem_alloc(pw->pw_size * sizeof(*pw->pw_ent),
		    PR_NOWAIT);
	return pw->pw_ent == NULL ? ENOMEM : 0;
}

static void
pollwait_done(struct pollwait *pw)
{
	for (u_int i = 0; i < pw->pw_used; i++) {
		struct pollent *pe = &pw->pw_ent[i];

		mtx_enter(&pe->pe_si->si_mtx);
		TAILQ_REMOVE(&pe->pe_si->si_waiters, pe, pe_link);
		mtx_leave(&pe->pe_si->si_mtx);
	}
	if (pw->pw_ent != pw->pw_inline)
		kmem_free(pw->pw_ent, pw->pw_size * sizeof(*pw->pw_ent));
}

/*
 * Look at every descriptor once; pw NULL after the first time.  The files stay
 * referenced in fps, so that what we are registered with does not go away.
 */
static int
poll_scan(struct pollfd *fds, struct file **fps, u_int n, struct pollwait *pw)
{
	int ready = 0, want;

	for (u_int i = 0; i < n; i++) {
		fds[i].revents = 0;
		if (fds[i].fd < 0)
			continue;
		want = fds[i].events | POLLERR | POLLHUP;
		fds[i].revents = fps[i] == NULL ?
		    POLLNVAL :
		    fps[i]->f_ops->fo_poll(fps[i], want, pw) & want;
		ready += fds[i].revents != 0;
	}
	return ready;
}

static int
poll_sleep(struct pollwait *pw, uint64_t deadline)
{
	uint64_t now = nsecuptime();
	int error = 0;

	if (deadline != INFSLP && now >= deadline)
		return EWOULDBLOCK;
	mtx_enter(&pw->pw_mtx);
	if (!pw->pw_fired)
		error = msleep(pw, &pw->pw_mtx, PUSER | PCATCH, "poll",
		    deadline == INFSLP ? INFSLP : deadline - now);
	pw->pw_fired = false;
	mtx_leave(&pw->pw_mtx);
	return error;
}

/* => number ready in *nready; EINTR: a signal; ENOMEM */
static int
poll_loop(struct pollfd *fds, struct file **fps, u_int n, uint64_t deadline,
    int *nready)
{
	struct pollwait pw;
	int error = pollwait_init(&pw, n);

	if (error)
		return error;
	*nready = poll_scan(fds, fps, n, &pw);
	while (*nready == 0 && error == 0) {
		error = poll_sleep(&pw, deadline);
		*nready = poll_scan(fds, fps, n, NULL);
	}
	pollwait_done(&pw);
	if (*nready > 0 || error == EWOULDBLOCK)
		return 0;
	return error == ERESTART ? ERESTARTNOHAND : error;
}

static int
poll_files(struct proc *p, struct pollfd *fds, u_int n, uint64_t deadline,
    int *nready)
{
	struct file **fps = kmem_zalloc(MAX(n, 1) * sizeof(*fps), PR_NOWAIT);
	int error;

	if (fps == NULL)
		return ENOMEM;
	for (u_int i = 0; i < n; i++)
		if (fds[i].fd >= 0)
			fps[i] = fd_getfile(p, fds[i].fd);
	error = poll_loop(fds, fps, n, deadline, nready);
	for (u_int i = 0; i < n; i++)
		if (fps[i] != NULL)
			file_rele(fps[i]);
	kmem_free(fps, MAX(n, 1) * sizeof(*fps));
	return error;
}

/* => uptime in ns at which the user's timeout ends, INFSLP: none given */
static int
deadline_copyin(const void *uts, uint64_t *deadline)
{
	struct timespec ts;
	int error;

	*deadline = INFSLP;
	if (uts == NULL)
		return 0;
	error = copyin(uts, &ts, sizeof(ts));
	if (error)
		return error;
	if (ts.tv_sec < 0 || (uint64_t)ts.tv_nsec >= 1000000000)
		return EINVAL;
	if (ts.tv_sec < INT64_MAX / 2000000000)
		*deadline = nsecuptime() + ts.tv_sec * 1000000000UL +
		    ts.tv_nsec;
	return 0;
}

/* Install the mask of ppoll and pselect6 until the call has been left. */
static int
mask_copyin(struct proc *p, const void *umask, size_t size)
{
	sigset_t set;
	int error;

	if (umask == NULL)
		return 0;
	if (size != sizeof(set))
		return EINVAL;
	error = copyin(umask, &set, sizeof(set));
	if (error == 0)
		sigmask_temp(p, set);
	return error;
}

int
sys_ppoll(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	u_int n = a[1];
	struct pollfd *fds;
	uint64_t deadline;
	int error, nready = 0;

	if (a[1] > lim_cur(p->p_p, RLIMIT_NOFILE))
		return EINVAL;
	error = deadline_copyin((void *)a[2], &deadline);
	if (error)
		return error;
	fds = kmem_alloc(MAX(n, 1) * sizeof(*fds), PR_NOWAIT);
	if (fds == NULL)
		return ENOMEM;
	error = copyin((void *)a[0], fds, n * sizeof(*fds));
	if (error == 0)
		error = mask_copyin(p, (void *)a[3], a[4]);
	if (error == 0) {
		error = poll_files(p, fds, n, deadline, &nready);
		sigmask_restore(p, error);
	}
	if (error == 0)
		error = copyout(fds, (void *)a[0], n * sizeof(*fds));
	kmem_free(fds, MAX(n, 1) * sizeof(*fds));
	*ret = nready;
	return error;
}

/* -- select ----------------------------------------------------------------------- */

struct fdset {
	uint64_t bits[SEL_MAXFD / 64];
};

static const short sel_events[3] = { POLLIN | POLLRDNORM,
	POLLOUT | POLLWRNORM, POLLPRI };
static const short sel_results[3] = { POLLIN | POLLRDNORM | POLLHUP | POLLERR,
	POLLOUT | POLLWRNORM | POLLERR, POLLPRI };

/* => pollfds for the sets, their number in *np; EFAULT */
static int
select_copyin(const uint64_t a[6], struct fdset set[3], struct pollfd *fds,
    u_int *np)
{
	u_int n = a[0];
	int error = 0;

	*np = 0;
	memset(set, 0, 3 * sizeof(*set));
	for (int k = 0; k < 3 && error == 0; k++)
		if (a[1 + k] != 0)
			error = copyin((void *)a[1 + k], &set[k],
			    howmany(n, 64) * 8);
	for (u_int fd = 0; fd < n && error == 0; fd++) {
		short events = 0;

		for (int k = 0; k < 3; k++)
			if (set[k].bits[fd / 64] & (1UL << (fd % 64)))
				events |= sel_events[k];
		if (events != 0)
			fds[(*np)++] = (struct pollfd){ fd, events, 0 };
	}
	return error;
}

static int
select_copyout(const uint64_t a[6], struct fdset set[3], struct pollfd *fds,
    u_int nfds, int64_t *ret)
{
	int error = 0;

	for (int k = 0; k < 3 && error == 0; k++) {
		struct fdset out = { { 0 } };

		for (u_int i = 0; i < nfds; i++) {
			uint64_t bit = 1UL << (fds[i].fd % 64);

			if ((set[k].bits[fds[i].fd / 64] & bit) &&
			    (fds[i].revents & sel_results[k])) {
				out.bits[fds[i].fd / 64] |= bit;
				++*ret;
			}
		}
		if (a[1 + k] != 0)
			error = copyout(&out, (void *)a[1 + k],
			    howmany((u_int)a[0], 64) * 8);
	}
	return error;
}

static int
select_run(struct proc *p, const uint64_t a[6], struct pollfd *fds,
    int64_t *ret)
{
	struct { uint64_t mask, size; } sig = { 0, 0 };
	struct fdset set[3];
	uint64_t deadline;
	u_int nfds;
	int error, nready;

	error = deadline_copyin((void *)a[4], &deadline);
	if (error == 0)
		error = select_copyin(a, set, fds, &nfds);
	if (error == 0 && a[5] != 0)
		error = copyin((void *)a[5], &sig, sizeof(sig));
	if (error == 0)
		error = mask_copyin(p, (void *)sig.mask, sig.size);
	if (error)
		return error;
	error = poll_files(p, fds, nfds, deadline, &nready);
	sigmask_restore(p, error);
	if (error)
		return error;
	for (u_int i = 0; i < nfds; i++)
		if (fds[i].revents & POLLNVAL)
			return EBADF;
	return select_copyout(a, set, fds, nfds, ret);
}

int
sys_pselect6(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct pollfd *fds;
	int error;

	if ((int)a[0] < 0 || a[0] > SEL_MAXFD)
		return EINVAL;
	fds = kmem_alloc(SEL_MAXFD * sizeof(*fds), PR_NOWAIT);
	if (fds == NULL)
		return ENOMEM;
	error = select_run(p, a, fds, ret);
	kmem_free(fds, SEL_MAXFD * sizeof(*fds));
	return error;
}
