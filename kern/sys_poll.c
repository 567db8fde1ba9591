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
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/selinfo.h>
#include <sys/syscall.h>

#define POLL_INLINE 4
#define SEL_MAXFD   4096 /* no descriptor is larger */

/*
 * One call of poll.
 * Locks used to protect members:
 *	t	only by the polling thread
 *	w	pw_mtx
 */
struct pollwait {
	struct mutex pw_mtx; /* LR_MISC */
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
selwakeup_all(struct selinfo *si)
{
	struct pollent *pe;

	mtx_enter(&si->si_mtx);
	TAILQ_FOREACH (pe, &si->si_waiters, pe_link) {
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
		pw->pw_ent =
		    kmem_alloc(pw->pw_size * sizeof(*pw->pw_ent), PR_NOWAIT);
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

/* A call's descriptors; all members belong to the thread. */
struct pollset {
	struct pollfd *ps_fds; /* [thread] */
	struct file **ps_files; /* [thread] referenced, or NULL */
	u_int ps_n; /* [thread] */
	short ps_always; /* [thread] events nobody has to ask for */
};

/*
 * Look at every descriptor once; pw NULL after the first time.  The files stay
 * referenced, so that what we are registered with does not go away.
 * => number ready
 */
static int
poll_scan(const struct pollset *ps, struct pollwait *pw)
{
	struct pollfd *fds = ps->ps_fds;
	struct file **fps = ps->ps_files;
	int ready = 0;
	short want;

	for (u_int i = 0; i < ps->ps_n; i++) {
		fds[i].revents = 0;
		if (fds[i].fd < 0)
			continue;
		want = fds[i].events | ps->ps_always;
		fds[i].revents = fps[i] == NULL
		    ? POLLNVAL
		    : fps[i]->f_ops->fo_poll(fps[i], want, pw) & want;
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

/* => number ready in *nready; EINTR, ERESTARTNOHAND: a signal; ENOMEM */
static int
poll_loop(const struct pollset *ps, uint64_t deadline, int *nready)
{
	struct pollwait pw;
	int error = pollwait_init(&pw, ps->ps_n);

	if (error)
		return error;
	/* pw is on our stack, and whoever wakes us looks at it */
	atomic_or(&curproc->p_flag, P_STACKHELD);
	*nready = poll_scan(ps, &pw);
	while (*nready == 0 && error == 0) {
		error = poll_sleep(&pw, deadline);
		*nready = poll_scan(ps, NULL);
	}
	pollwait_done(&pw);
	atomic_and(&curproc->p_flag, ~(uint32_t)P_STACKHELD);
	if (*nready > 0 || error == EWOULDBLOCK)
		return 0;
	return error == ERESTART ? ERESTARTNOHAND : error;
}

static int
poll_files(struct proc *p, struct pollfd *fds, u_int n, short always,
    uint64_t deadline, int *nready)
{
	struct file *small[POLL_INLINE], **fps = small;
	struct pollset ps = { fds, fps, n, always };
	int error;

	if (n > POLL_INLINE) {
		fps = ps.ps_files = kmem_alloc(n * sizeof(*fps), PR_NOWAIT);
		if (fps == NULL)
			return ENOMEM;
	}
	for (u_int i = 0; i < n; i++)
		fps[i] = fds[i].fd >= 0 ? fd_getfile(p, fds[i].fd) : NULL;
	error = poll_loop(&ps, deadline, nready);
	for (u_int i = 0; i < n; i++)
		if (fps[i] != NULL)
			file_rele(fps[i]);
	if (fps != small)
		kmem_free(fps, n * sizeof(*fps));
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
		*deadline =
		    nsecuptime() + ts.tv_sec * 1000000000UL + ts.tv_nsec;
	return 0;
}

/*
 * The program gets back what is left of its timeout.  It may have put it where
 * nothing can be written: then it does not.
 */
static void
deadline_copyout(void *uts, uint64_t deadline)
{
	uint64_t now = nsecuptime(), left = deadline > now ? deadline - now : 0;
	struct timespec ts = { (time_t)(left / 1000000000),
		(long)(left % 1000000000) };

	if (uts != NULL && deadline != INFSLP &&
	    copyout(&ts, uts, sizeof(ts)) != 0)
		return;
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

/* => pollfds copied in and out; as sys_ppoll() */
static int
ppoll_run(struct proc *p, const uint64_t a[6], struct pollfd *fds, u_int n,
    uint64_t deadline, int64_t *ret)
{
	int error, nready = 0;

	error = copyin((void *)a[0], fds, n * sizeof(*fds));
	if (error == 0)
		error = mask_copyin(p, (void *)a[3], a[4]);
	if (error)
		return error;
	error = poll_files(p, fds, n, POLLERR | POLLHUP, deadline, &nready);
	sigmask_restore(p, error);
	deadline_copyout((void *)a[2], deadline);
	if (error == 0)
		error = copyout(fds, (void *)a[0], n * sizeof(*fds));
	*ret = nready;
	return error;
}

int
sys_ppoll(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct pollfd small[POLL_INLINE], *fds = small;
	u_int n = a[1];
	uint64_t deadline;
	int error;

	if (n > lim_cur(p->p_p, RLIMIT_NOFILE))
		return EINVAL;
	error = deadline_copyin((void *)a[2], &deadline);
	if (error)
		return error;
	if (n > POLL_INLINE) {
		fds = kmem_alloc(n * sizeof(*fds), PR_NOWAIT);
		if (fds == NULL)
			return ENOMEM;
	}
	error = ppoll_run(p, a, fds, n, deadline, ret);
	if (fds != small)
		kmem_free(fds, n * sizeof(*fds));
	return error;
}

/* -- select ----------------------------------------------------------------------- */

#define SEL_WORDS (SEL_MAXFD / 64)

/* What makes a descriptor count in each of the three sets. */
static const short sel_events[3] = { POLLIN | POLLRDNORM | POLLHUP | POLLERR,
	POLLOUT | POLLWRNORM | POLLERR, POLLPRI };

/* A call of select; all members belong to the thread. */
struct select {
	uint64_t se_set[3][SEL_WORDS]; /* [thread] asked for, then found */
	u_int se_n; /* [thread] descriptors are below this */
	u_int se_nfds; /* [thread] in se_fds */
	struct pollfd *se_fds; /* [thread] */
};

static inline bool
set_has(const struct select *se, int k, u_int fd)
{
	return (se->se_set[k][fd / 64] >> (fd % 64) & 1) != 0;
}

/* => the sets, and how many descriptors are in any of them; EFAULT */
static int
select_copyin(struct select *se, const uint64_t a[6])
{
	u_int words = howmany(se->se_n, 64);
	uint64_t any;
	int error;

	for (int k = 0; k < 3; k++) {
		memset(se->se_set[k], 0, words * 8);
		if (a[1 + k] == 0)
			continue;
		error = copyin((void *)a[1 + k], se->se_set[k], words * 8);
		if (error)
			return error;
	}
	se->se_nfds = 0;
	for (u_int w = 0; w < words; w++) {
		any = se->se_set[0][w] | se->se_set[1][w] | se->se_set[2][w];
		if (w == se->se_n / 64)
			any &= (1UL << se->se_n % 64) - 1;
		for (; any != 0; any &= any - 1)
			se->se_nfds++;
	}
	return 0;
}

/* => se_fds has room for all that are in the sets */
static void
select_list(struct select *se)
{
	u_int i = 0;

	for (u_int fd = 0; fd < se->se_n; fd++) {
		short events = 0;

		for (int k = 0; k < 3; k++)
			if (set_has(se, k, fd))
				events |= sel_events[k];
		if (events != 0)
			se->se_fds[i++] = (struct pollfd){ (int)fd, events, 0 };
	}
	KASSERT(i == se->se_nfds);
}

/* An O_PATH descriptor is open, though nothing can be waited for on it. */
static bool
fd_is_open(struct proc *p, int fd)
{
	struct file *fp = fd_getpath(p, fd);

	if (fp != NULL)
		file_rele(fp);
	return fp != NULL;
}

/* Leave in the sets what was found; their number in *ret. */
static int
select_result(struct proc *p, struct select *se, int64_t *ret)
{
	uint64_t found[3][SEL_WORDS];
	const struct pollfd *pf;

	CTASSERT(sizeof(found) <= 1536);
	memset(found, 0, sizeof(found));
	for (pf = se->se_fds; pf < se->se_fds + se->se_nfds; pf++) {
		if ((pf->revents & POLLNVAL) && !fd_is_open(p, pf->fd))
			return EBADF;
		for (int k = 0; k < 3; k++)
			if (set_has(se, k, (u_int)pf->fd) &&
			    (pf->revents & (sel_events[k] | POLLNVAL))) {
				found[k][pf->fd / 64] |= 1UL << pf->fd % 64;
				++*ret;
			}
	}
	memcpy(se->se_set, found, sizeof(found));
	return 0;
}

static int
select_copyout(const struct select *se, const uint64_t a[6])
{
	int error = 0;

	for (int k = 0; k < 3 && error == 0; k++)
		if (a[1 + k] != 0)
			error = copyout(se->se_set[k], (void *)a[1 + k],
			    howmany(se->se_n, 64) * 8);
	return error;
}

/* => the sets are copied in */
static int
select_wait(
    struct proc *p, const uint64_t a[6], struct select *se, uint64_t deadline)
{
	struct {
		uint64_t mask, size;
	} sig = { 0, 0 };
	int error = 0, nready;

	if (a[5] != 0)
		error = copyin((void *)a[5], &sig, sizeof(sig));
	if (error == 0)
		error = mask_copyin(p, (void *)sig.mask, sig.size);
	if (error)
		return error;
	select_list(se);
	error = poll_files(p, se->se_fds, se->se_nfds, 0, deadline, &nready);
	sigmask_restore(p, error);
	deadline_copyout((void *)a[4], deadline);
	return error;
}

static int
select_run(struct proc *p, const uint64_t a[6], struct select *se, int64_t *ret)
{
	uint64_t deadline;
	int error;

	error = deadline_copyin((void *)a[4], &deadline);
	if (error == 0)
		error = select_copyin(se, a);
	if (error)
		return error;
	se->se_fds =
	    kmem_alloc(MAX(se->se_nfds, 1) * sizeof(struct pollfd), PR_NOWAIT);
	if (se->se_fds == NULL)
		return ENOMEM;
	error = select_wait(p, a, se, deadline);
	if (error == 0)
		error = select_result(p, se, ret);
	if (error == 0)
		error = select_copyout(se, a);
	kmem_free(se->se_fds, MAX(se->se_nfds, 1) * sizeof(struct pollfd));
	return error;
}

int
sys_pselect6(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct select *se;
	int error;

	if ((int)a[0] < 0)
		return EINVAL;
	se = kmem_alloc(sizeof(*se), PR_NOWAIT);
	if (se == NULL)
		return ENOMEM;
	se->se_n = MIN((u_int)a[0], SEL_MAXFD);
	error = select_run(p, a, se, ret);
	kmem_free(se, sizeof(*se));
	return error;
}
