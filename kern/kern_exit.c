/*
 * The end of threads and processes, and waiting for it.
 *
 * exit1() marks the process; every thread leaves by thread_exit() on its way
 * to user mode, and the last one tears the process down.  So nobody waits for
 * anybody, and a thread stuck in the kernel delays only the final part.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/filedesc.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/signalvar.h>
#include <sys/syscall.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>

#define WNOHANG                  0x00000001
#define WUNTRACED                0x00000002 /* waitid: WSTOPPED */
#define WEXITED                  0x00000004
#define WCONTINUED               0x00000008
#define WNOWAIT                  0x01000000
#define WNOTHREAD                0x20000000 /* children belong to the process: no effect */
#define WALL                     0x40000000
#define WCLONE                   0x80000000

#define P_ALL                    0
#define P_PID                    1
#define P_PGID                   2

#define WAIT_STATUS_STOPPED(sig) ((sig) << 8 | 0x7f)
#define WAIT_STATUS_CONTINUED    0xffff
#define WAIT_STATUS_SIGNAL(st)   ((st)&0x7f)
#define WAIT_STATUS_CODE(st)     (((st) >> 8) & 0xff)

/* -- Threads ------------------------------------------------------------------ */

bool
thread_must_exit(struct proc *p)
{
	struct process *pr = p->p_p;
	uint32_t flags = atomic_load(&pr->ps_flags);

	return (flags & PS_EXITING) != 0 ||
	    ((flags & PS_SINGLE) != 0 && pr->ps_single != p);
}

/*
 * From here on p is a kernel thread: its address space may go away.
 */
static void
thread_leave_vm(struct proc *p)
{
	atomic_or(&p->p_flag, P_KTHREAD);
	pmap_deactivate(p);
	p->p_vmspace = proc0.p_vmspace;
}

/*
 * => proctree write-locked; p is in none of the tables any more
 */
static void
thread_unlink(struct process *pr, struct proc *p)
{
	struct rusage_ext re = { 0 };

	KASSERT(rw_write_held(&proctree_lock));
	thread_hash_remove(p);
	if (p->p_vforkchild != NULL) {
		p->p_vforkchild->ps_vforkparent = NULL;
		p->p_vforkchild = NULL;
	}
	calc_thread_times(p, &re.re_utime, &re.re_stime);
	re.re_minflt = p->p_ru_minflt;
	re.re_majflt = p->p_ru_majflt;
	re.re_nvcsw = p->p_ru_nvcsw;
	re.re_nivcsw = p->p_ru_nivcsw;
	rw_enter_write(&pr->ps_lock);
	mtx_enter(&pr->ps_sigmtx);
	rusage_add(&pr->ps_ru, &re);
	TAILQ_REMOVE(&pr->ps_threads, p, p_thr_link);
	pr->ps_nthreads--;
	if (pr->ps_mainproc == p)
		pr->ps_mainproc = TAILQ_FIRST(&pr->ps_threads);
	sigpending_flush(&p->p_sigpend);
	/* The process may be gone before this thread is. */
	p->p_p = &process0;
	mtx_leave(&pr->ps_sigmtx);
	rw_exit(&pr->ps_lock);
}

/*
 * => FALSE: p is the last thread and stays linked
 */
static bool
thread_unlink_unless_last(struct process *pr, struct proc *p)
{
	bool last;

	if (atomic_load(&pr->ps_nthreads) == 1)
		return false;
	rw_enter_write(&proctree_lock);
	last = pr->ps_nthreads == 1;
	if (!last) {
		thread_unlink(pr, p);
		wakeup(&pr->ps_nthreads);
	}
	rw_exit(&proctree_lock);
	return !last;
}

int
thread_single(struct proc *p)
{
	struct process *pr = p->p_p;
	int error = 0;

	if (atomic_load(&pr->ps_nthreads) == 1)
		return 0;
	rw_enter_write(&proctree_lock);
	mtx_enter(&pr->ps_sigmtx);
	if (pr->ps_flags & (PS_EXITING | PS_SINGLE))
		error = EINTR;
	else {
		pr->ps_single = p;
		membar_release();
		atomic_or(&pr->ps_flags, PS_SINGLE);
		sig_wake_all(pr);
		wakeup(&pr->ps_stopsig);
	}
	mtx_leave(&pr->ps_sigmtx);
	while (error == 0 && pr->ps_nthreads > 1) {
		rwsleep(
		    &pr->ps_nthreads, &proctree_lock, PWAIT, "single", INFSLP);
		if (pr->ps_flags & PS_EXITING)
			error = EINTR;
	}
	if (error == 0) {
		atomic_and(&pr->ps_flags, ~(uint32_t)PS_SINGLE);
		pr->ps_single = NULL;
	}
	rw_exit(&proctree_lock);
	return error;
}

/* -- The last thread ------------------------------------------------------------ */

/*
 * Give back what the process holds outside the process tree.
 */
static void
process_release(struct process *pr)
{
	struct vmspace *vm;
	struct filedesc *fdp;
	struct vnode *vp = pr->ps_textvp;

	mtx_enter(&pr->ps_sigmtx);
	atomic_or(&pr->ps_flags, PS_EXITING);
	mtx_leave(&pr->ps_sigmtx);
	itimers_exit(pr);
	rw_enter_write(&pr->ps_lock);
	vm = pr->ps_vmspace;
	pr->ps_vmspace = NULL;
	pr->ps_textvp = NULL;
	fdp = pr->ps_fd;
	pr->ps_fd = NULL;
	rw_exit(&pr->ps_lock);
	uvmspace_free(vm);
	shm_reap();
	fd_free(fdp);
	if (vp != NULL)
		vn_text_rele(vp);
}

/* => proctree write-locked */
static void
process_orphan_children(struct process *pr)
{
	struct process *child;
	bool zombies = false;

	while ((child = LIST_FIRST(&pr->ps_children)) != NULL) {
		process_reparent(child, initprocess);
		child->ps_exitsig = SIGCHLD;
		if (child->ps_flags & PS_ZOMBIE)
			zombies = true;
	}
	if (zombies) {
		psignal(initprocess, SIGCHLD, NULL);
		wakeup(initprocess);
	}
}

/*
 * A session that loses its leader loses its terminal: whoever is in the
 * foreground there hears of it.
 * => proctree write-locked
 */
static void
session_leader_exit(struct process *pr)
{
	struct session *s = pr->ps_pgrp->pg_session;

	if (s->s_leader != pr)
		return;
	s->s_leader = NULL;
	if (s->s_ttyp != NULL) {
		s->s_ttygone(s, s->s_ttyp);
		s->s_ttyp = NULL;
	}
}

static int
wait_code(int status)
{
	if (WAIT_STATUS_SIGNAL(status) == 0)
		return CLD_EXITED;
	return status & WCOREFLAG ? CLD_DUMPED : CLD_KILLED;
}

static int
wait_value(int status)
{
	return WAIT_STATUS_SIGNAL(status) != 0 ? WAIT_STATUS_SIGNAL(status)
					       : WAIT_STATUS_CODE(status);
}

/* => proctree write-locked */
static void
exit_signal_parent(struct process *pr, struct process *parent)
{
	siginfo_t info;

	if (pr->ps_exitsig == 0)
		return;
	memset(&info, 0, sizeof(info));
	info.si_code = wait_code(pr->ps_xstat);
	info.si_u.chld.pid = pr->ps_pid;
	info.si_u.chld.uid = pr->ps_cred->cr_ruid;
	info.si_u.chld.status = wait_value(pr->ps_xstat);
	info.si_u.chld.utime =
	    (int64_t)(pr->ps_ru.re_utime / (1000000000 / HZ));
	info.si_u.chld.stime =
	    (int64_t)(pr->ps_ru.re_stime / (1000000000 / HZ));
	psignal(parent, pr->ps_exitsig, &info);
}

/* => does the parent not want to wait for its children? */
static bool
exit_unwanted(struct process *pr, struct process *parent)
{
	bool unwanted;

	if (pr->ps_exitsig != SIGCHLD)
		return false;
	mtx_enter(&parent->ps_sigmtx);
	unwanted = sig_handler_is(parent, SIGCHLD, SIG_IGN, SA_NOCLDWAIT);
	mtx_leave(&parent->ps_sigmtx);
	return unwanted;
}

/*
 * => proctree write-locked; pr is a zombie, or gone if nobody asks for it
 */
static void
process_bury(struct process *pr)
{
	struct process *parent = pr->ps_pptr;
	bool unwanted = exit_unwanted(pr, parent);

	LIST_REMOVE(pr, ps_list);
	LIST_INSERT_HEAD(&zombprocess, pr, ps_list);
	atomic_or(&pr->ps_flags, PS_ZOMBIE);
	exit_signal_parent(pr, parent);
	if (unwanted) {
		rusage_add(&parent->ps_cru, &pr->ps_ru);
		rusage_add(&parent->ps_cru, &pr->ps_cru);
		process_remove(pr);
	}
	wakeup(parent);
}

static void
process_exit(struct process *pr, struct proc *p)
{
	process_release(pr);
	rw_enter_write(&proctree_lock);
	if (atomic_load(&pr->ps_flags) & PS_PPWAIT)
		vfork_release_locked(pr);
	session_leader_exit(pr);
	pgrp_fixjobs(pr);
	process_orphan_children(pr);
	thread_unlink(pr, p);
	process_bury(pr);
	rw_exit(&proctree_lock);
}

/*
 * The address space's peak size is only known while it is there.
 */
static void
exit_note_usage(struct process *pr, struct proc *p)
{
	long pages = pmap_resident_count(p->p_vmspace->vm_map.pmap);
	long kib = pages * (long)(PAGE_SIZE / 1024);

	if (kib > pr->ps_ru.re_maxrss)
		pr->ps_ru.re_maxrss = kib;
}

void
thread_exit(struct proc *p)
{
	struct process *pr = p->p_p;

	KASSERT(p == curproc && (p->p_flag & P_KTHREAD) == 0);
	if (__predict_false(atomic_load(&pr->ps_flags) & PS_DUMPING))
		coredump_park(p);
	atomic_or(&p->p_flag, P_WEXIT);
	if (p->p_robust != 0 || p->p_clear_tid != 0)
		futex_thread_exit(p);
	if (atomic_load(&pr->ps_nthreads) == 1)
		exit_note_usage(pr, p);
	thread_leave_vm(p);
	if (!thread_unlink_unless_last(pr, p))
		process_exit(pr, p);
	sched_exit();
}

void
exit1(struct proc *p, int status)
{
	struct process *pr = p->p_p;

	if (pr == initprocess)
		panic("init died (%s %d)",
		    WAIT_STATUS_SIGNAL(status) ? "signal" : "exit",
		    wait_value(status));
	mtx_enter(&pr->ps_sigmtx);
	if ((pr->ps_flags & PS_EXITING) == 0) {
		pr->ps_xstat = status;
		atomic_and(&pr->ps_flags, ~(uint32_t)PS_STOPPED);
		atomic_or(&pr->ps_flags, PS_EXITING);
		if (pr->ps_nthreads > 1) {
			sig_wake_all(pr);
			wakeup(&pr->ps_stopsig);
		}
	}
	mtx_leave(&pr->ps_sigmtx);
	thread_exit(p);
}

int
sys_exit_group(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	exit1(p, (int)(a[0] & 0xff) << 8);
}

/*
 * The status of a process whose threads leave one by one is that of the first.
 */
int
sys_exit(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr = p->p_p;
	int status = (int)(a[0] & 0xff) << 8;

	if (p->p_tid == pr->ps_pid && atomic_load(&pr->ps_nthreads) == 1)
		exit1(p, status);
	mtx_enter(&pr->ps_sigmtx);
	if (p->p_tid == pr->ps_pid && (pr->ps_flags & PS_EXITING) == 0)
		pr->ps_xstat = status;
	mtx_leave(&pr->ps_sigmtx);
	if (pr == initprocess && atomic_load(&pr->ps_nthreads) == 1)
		exit1(p, pr->ps_xstat);
	thread_exit(p);
}

/* -- Waiting ------------------------------------------------------------------ */

/*
 * What to wait for, and what came of it; belongs to the calling thread.
 */
struct waitreq {
	int wr_idtype; /* [thread] P_* */
	pid_t wr_id; /* [thread] */
	uint32_t wr_options; /* [thread] W* */
	pid_t wr_pid; /* [thread] result; 0: nothing yet (WNOHANG) */
	uid_t wr_uid; /* [thread] */
	int wr_code; /* [thread] CLD_* */
	int wr_status; /* [thread] as wait(2) reports it */
	struct rusage_ext wr_ru; /* [thread] */
};

static bool
wait_matches(const struct waitreq *wr, const struct process *child)
{
	bool clone = child->ps_exitsig != SIGCHLD;

	if ((wr->wr_options & WALL) == 0 &&
	    clone != ((wr->wr_options & WCLONE) != 0))
		return false;
	switch (wr->wr_idtype) {
	case P_PID:
		return child->ps_pid == wr->wr_id;
	case P_PGID:
		return child->ps_pgrp->pg_id == wr->wr_id;
	default:
		return true;
	}
}

static void
wait_report(struct waitreq *wr, struct process *child, int code, int status)
{
	wr->wr_pid = child->ps_pid;
	wr->wr_uid = child->ps_cred->cr_ruid;
	wr->wr_code = code;
	wr->wr_status = status;
}

/* => proctree write-locked */
static void
wait_reap(struct waitreq *wr, struct process *pr, struct process *child)
{
	wait_report(wr, child, wait_code(child->ps_xstat), child->ps_xstat);
	wr->wr_ru = child->ps_ru;
	rusage_add(&wr->wr_ru, &child->ps_cru);
	if (wr->wr_options & WNOWAIT)
		return;
	rusage_add(&pr->ps_cru, &wr->wr_ru);
	process_remove(child);
}

/*
 * => proctree write-locked; TRUE: the child has stopped or gone on, and is to
 *    be reported
 */
static bool
wait_jobcontrol(struct waitreq *wr, struct process *child)
{
	uint32_t flags, clear = 0;
	int stopsig;

	mtx_enter(&child->ps_sigmtx);
	flags = child->ps_flags;
	stopsig = child->ps_stopsig;
	if ((wr->wr_options & WUNTRACED) && (flags & PS_STOPPED) &&
	    (flags & PS_WAITED) == 0) {
		wait_report(
		    wr, child, CLD_STOPPED, WAIT_STATUS_STOPPED(stopsig));
		if ((wr->wr_options & WNOWAIT) == 0)
			atomic_or(&child->ps_flags, PS_WAITED);
	} else if ((wr->wr_options & WCONTINUED) && (flags & PS_CONTINUED)) {
		wait_report(wr, child, CLD_CONTINUED, WAIT_STATUS_CONTINUED);
		clear = wr->wr_options & WNOWAIT ? 0 : PS_CONTINUED;
		atomic_and(&child->ps_flags, ~clear);
	}
	mtx_leave(&child->ps_sigmtx);
	if (wr->wr_pid == 0)
		return false;
	calc_rusage(child, &wr->wr_ru);
	return true;
}

/*
 * Look at the children once.
 * => proctree write-locked; 0: wr filled in if wr_pid is set; ECHILD
 */
static int
wait_scan(struct process *pr, struct waitreq *wr)
{
	struct process *child;
	bool found = false;

	LIST_FOREACH (child, &pr->ps_children, ps_sibling) {
		if (!wait_matches(wr, child))
			continue;
		found = true;
		if (child->ps_flags & PS_ZOMBIE) {
			if ((wr->wr_options & WEXITED) == 0)
				continue;
			wait_reap(wr, pr, child);
			return 0;
		}
		if (wait_jobcontrol(wr, child))
			return 0;
	}
	return found ? 0 : ECHILD;
}

static int
wait_common(struct proc *p, struct waitreq *wr)
{
	struct process *pr = p->p_p;
	int error;

	wr->wr_pid = 0;
	rw_enter_write(&proctree_lock);
	for (;;) {
		error = wait_scan(pr, wr);
		if (error != 0 || wr->wr_pid != 0 || (wr->wr_options & WNOHANG))
			break;
		error =
		    rwsleep(pr, &proctree_lock, PWAIT | PCATCH, "wait", INFSLP);
		if (error != 0)
			break;
	}
	rw_exit(&proctree_lock);
	vfs_shutdown_wait(p);
	return error;
}

static int
wait_copyout_rusage(const struct waitreq *wr, uint64_t uaddr)
{
	struct rusage ru;

	if (uaddr == 0)
		return 0;
	rusage_export(&wr->wr_ru, &ru);
	return copyout(&ru, (void *)uaddr, sizeof(ru));
}

int
sys_wait4(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct waitreq wr = { .wr_options = (uint32_t)a[2] | WEXITED };
	pid_t pid = (pid_t)a[0];
	int error;

	if ((uint32_t)a[2] &
	    ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE))
		return EINVAL;
	if (pid == INT32_MIN)
		return ESRCH;
	wr.wr_idtype = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
	wr.wr_id = pid < 0 ? -pid : pid;
	if (pid == 0) {
		rw_enter_read(&proctree_lock);
		wr.wr_id = p->p_p->ps_pgrp->pg_id;
		rw_exit(&proctree_lock);
	}
	error = wait_common(p, &wr);
	if (error != 0 || wr.wr_pid == 0)
		return error;
	*ret = wr.wr_pid;
	if (a[1] != 0)
		error = copyout32((uint32_t)wr.wr_status, (uint32_t *)a[1]);
	return error != 0 ? error : wait_copyout_rusage(&wr, a[3]);
}

static int
waitid_check(const uint64_t a[6], struct waitreq *wr)
{
	uint32_t options = (uint32_t)a[3];

	if (options &
	    ~(WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT | WNOTHREAD |
		WALL | WCLONE))
		return EINVAL;
	if ((options & (WUNTRACED | WEXITED | WCONTINUED)) == 0)
		return EINVAL;
	wr->wr_idtype = (int)a[0];
	wr->wr_id = (pid_t)a[1];
	wr->wr_options = options;
	switch (wr->wr_idtype) {
	case P_ALL:
		return 0;
	case P_PID:
		return wr->wr_id > 0 ? 0 : EINVAL;
	case P_PGID:
		return wr->wr_id >= 0 ? 0 : EINVAL;
	default:
		return EINVAL;
	}
}

int
sys_waitid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct waitreq wr = { 0 };
	siginfo_t info;
	int error;

	error = waitid_check(a, &wr);
	if (error != 0)
		return error;
	if (wr.wr_idtype == P_PGID && wr.wr_id == 0) {
		rw_enter_read(&proctree_lock);
		wr.wr_id = p->p_p->ps_pgrp->pg_id;
		rw_exit(&proctree_lock);
	}
	error = wait_common(p, &wr);
	if (error != 0)
		return error;
	memset(&info, 0, sizeof(info));
	if (wr.wr_pid != 0) {
		info.si_signo = SIGCHLD;
		info.si_code = wr.wr_code;
		info.si_u.chld.pid = wr.wr_pid;
		info.si_u.chld.uid = wr.wr_uid;
		info.si_u.chld.status = wr.wr_code == CLD_STOPPED
		    ? WAIT_STATUS_CODE(wr.wr_status)
		    : wr.wr_code == CLD_CONTINUED ? SIGCONT
						  : wait_value(wr.wr_status);
		error = wait_copyout_rusage(&wr, a[4]);
	}
	/* A program sees si_pid 0 when WNOHANG found nothing. */
	if (error == 0 && a[2] != 0)
		error = copyout(&info, (void *)a[2], sizeof(info));
	return error;
}
