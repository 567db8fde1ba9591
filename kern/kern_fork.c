/*
 * New processes and threads: clone, clone3.
 *
 * Everything that can fail or sleep is done before the child is put in the
 * process tree; from there on it only has to be made runnable.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/filedesc.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/signalvar.h>
#include <sys/syscall.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>

#define CLONE_CSIGNAL        0x000000ffUL
#define CLONE_VM             0x00000100UL
#define CLONE_FS             0x00000200UL
#define CLONE_FILES          0x00000400UL
#define CLONE_SIGHAND        0x00000800UL
#define CLONE_PTRACE         0x00002000UL
#define CLONE_VFORK          0x00004000UL
#define CLONE_PARENT         0x00008000UL
#define CLONE_THREAD         0x00010000UL
#define CLONE_SYSVSEM        0x00040000UL
#define CLONE_SETTLS         0x00080000UL
#define CLONE_PARENT_SETTID  0x00100000UL
#define CLONE_CHILD_CLEARTID 0x00200000UL
#define CLONE_DETACHED       0x00400000UL
#define CLONE_UNTRACED       0x00800000UL
#define CLONE_CHILD_SETTID   0x01000000UL
#define CLONE_IO             0x80000000UL
#define CLONE_CLEAR_SIGHAND  0x100000000UL

/* Those without effect here are those that only add sharing of nothing. */
#define CLONE_KNOWN                                                         \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PTRACE | \
	    CLONE_VFORK | CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM |     \
	    CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |     \
	    CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO)

/*
 * What clone3 is given; members past the end of an older one are zero.
 * All belong to the calling thread.
 */
struct clone_args {
	uint64_t ca_flags; /* [thread] */
	uint64_t ca_pidfd; /* [thread] */
	uint64_t ca_child_tid; /* [thread] */
	uint64_t ca_parent_tid; /* [thread] */
	uint64_t ca_exit_signal; /* [thread] */
	uint64_t ca_stack; /* [thread] lowest address; from clone: the top */
	uint64_t ca_stack_size; /* [thread] from clone: 0 */
	uint64_t ca_tls; /* [thread] */
	uint64_t ca_set_tid; /* [thread] */
	uint64_t ca_set_tid_size; /* [thread] */
	uint64_t ca_cgroup; /* [thread] */
};
#define CLONE_ARGS_SIZE_VER0 64

/*
 * First code of a child, in its own address space.
 */
static void
fork_return(void *arg)
{
	struct proc *p = arg;

	sched_thread_start();
	/* A bad address is the program's own loss: nobody is left to tell. */
	if (p->p_set_tid != 0 &&
	    copyout32((uint32_t)p->p_tid, (uint32_t *)p->p_set_tid) != 0)
		p->p_set_tid = 0;
	userret(p);
	cpu_return_to_user();
}

/*
 * Make p2 a copy of p1 as far as threads go.
 * => p2 fresh from thread_alloc(), p_vmspace set
 */
static void
fork_thread_setup(struct proc *p1, struct proc *p2, const struct clone_args *ca)
{
	vaddr_t stack = ca->ca_stack + ca->ca_stack_size;

	cpu_fork_user(p1, p2, stack);
	cpu_thread_setup(p2, fork_return, p2);
	if (ca->ca_flags & CLONE_SETTLS)
		p2->p_tf.tf_tp = ca->ca_tls;
	if (ca->ca_flags & CLONE_CHILD_SETTID)
		p2->p_set_tid = ca->ca_child_tid;
	if (ca->ca_flags & CLONE_CHILD_CLEARTID)
		p2->p_clear_tid = ca->ca_child_tid;
	p2->p_sigmask = p1->p_sigmask;
	sigpending_init(&p2->p_sigpend);
	if ((ca->ca_flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM)
		p2->p_sigstk = p1->p_sigstk;
	else
		p2->p_sigstk.ss_flags = SS_DISABLE;
	p2->p_cpumask = p1->p_cpumask;
	p2->p_nice = p1->p_nice;
	p2->p_usrpri = p1->p_usrpri;
	p2->p_priority = p1->p_usrpri;
	memcpy(p2->p_comm, p1->p_comm, sizeof(p2->p_comm));
}

/*
 * => EAGAIN: as many threads as the limit or the id space allows
 */
static int
fork_check_limit(struct process *pr)
{
	uint64_t limit = lim_cur(pr, RLIMIT_NPROC);

	return (uint64_t)thread_count() >= limit ? EAGAIN : 0;
}

/* The child exists, whether or not its id can be stored. */
static void
fork_store_tid(const struct clone_args *ca, pid_t id)
{
	if ((ca->ca_flags & CLONE_PARENT_SETTID) &&
	    copyout32((uint32_t)id, (uint32_t *)ca->ca_parent_tid) != 0)
		TRACE("clone: bad parent_tid", id, ca->ca_parent_tid);
}

/* -- Threads ------------------------------------------------------------------ */

/*
 * => EAGAIN: no id; EINTR: the process exits or loses its threads to exec
 */
static int
thread_link(struct process *pr, struct proc *p2)
{
	int error = 0;

	rw_enter_write(&proctree_lock);
	p2->p_tid = pid_alloc();
	if (p2->p_tid == 0) {
		rw_exit(&proctree_lock);
		return EAGAIN;
	}
	rw_enter_write(&pr->ps_lock);
	mtx_enter(&pr->ps_sigmtx);
	if (pr->ps_flags & (PS_EXITING | PS_SINGLE))
		error = EINTR;
	else {
		TAILQ_INSERT_TAIL(&pr->ps_threads, p2, p_thr_link);
		pr->ps_nthreads++;
	}
	mtx_leave(&pr->ps_sigmtx);
	rw_exit(&pr->ps_lock);
	if (error == 0)
		thread_hash_insert(p2);
	rw_exit(&proctree_lock);
	return error;
}

static int
fork_thread(struct proc *p1, const struct clone_args *ca, pid_t *tidp)
{
	struct process *pr = p1->p_p;
	struct proc *p2;
	int error;

	p2 = thread_alloc(pr, p1->p_comm);
	if (p2 == NULL)
		return ENOMEM;
	p2->p_vmspace = pr->ps_vmspace;
	fork_thread_setup(p1, p2, ca);
	error = thread_link(pr, p2);
	if (error != 0) {
		thread_free(p2);
		return error;
	}
	*tidp = p2->p_tid;
	fork_store_tid(ca, *tidp);
	UVMCNT_INC(forks);
	UVMCNT_INC(forks_sharevm);
	setrunnable(p2);
	return 0;
}

/* -- Processes ---------------------------------------------------------------- */

/*
 * What a process shares with or copies from its parent.
 * => 0, or ENOMEM with nothing acquired
 */
static int
fork_resources(
    struct process *parent, struct process *pr, const struct clone_args *ca)
{
	if (ca->ca_flags & CLONE_FILES)
		pr->ps_fd = fd_share(parent->ps_fd);
	else
		pr->ps_fd = fd_copy(parent->ps_fd);
	if (pr->ps_fd == NULL)
		return ENOMEM;
	if (ca->ca_flags & CLONE_SIGHAND) {
		refcnt_take(&parent->ps_sigacts->sa_refs);
		pr->ps_sigacts = parent->ps_sigacts;
	} else
		pr->ps_sigacts = sigacts_copy(parent->ps_sigacts);
	if (ca->ca_flags & CLONE_CLEAR_SIGHAND)
		sigacts_default(pr->ps_sigacts);
	if (ca->ca_flags & CLONE_VM) {
		pr->ps_vmspace = uvmspace_share(parent);
		UVMCNT_INC(forks_sharevm);
	} else
		pr->ps_vmspace = uvmspace_fork(parent);
	pr->ps_sigcode = pr->ps_vmspace->vm_sigcode;
	if (parent->ps_textvp != NULL) {
		vn_text_ref(parent->ps_textvp);
		pr->ps_textvp = parent->ps_textvp;
	}
	return 0;
}

/* => undoes fork_resources(); the last reference to pr goes */
static void
fork_undo(struct process *pr)
{
	if (pr->ps_textvp != NULL)
		vn_text_rele(pr->ps_textvp);
	if (pr->ps_vmspace != NULL) {
		uvmspace_free(pr->ps_vmspace);
		pr->ps_vmspace = NULL;
	}
	if (pr->ps_fd != NULL)
		fd_free(pr->ps_fd);
	process_rele(pr);
}

/*
 * Put the child in the tree.
 * => 0; EAGAIN: no id, EINTR: the parent exits or is killed
 */
static int
fork_link(struct proc *p1, struct process *pr, struct proc *p2,
    const struct clone_args *ca)
{
	struct process *parent = p1->p_p;

	rw_enter_write(&proctree_lock);
	p2->p_tid = pr->ps_pid = pid_alloc();
	/* one that is killed may not have copied everything */
	if (p2->p_tid == 0 || (parent->ps_flags & PS_EXITING) ||
	    sig_killed(p1)) {
		rw_exit(&proctree_lock);
		return p2->p_tid == 0 ? EAGAIN : EINTR;
	}
	if (ca->ca_flags & CLONE_PARENT)
		parent = parent->ps_pptr;
	process_insert(pr, parent);
	if (ca->ca_flags & CLONE_PARENT)
		process_enterpgrp(pr, p1->p_p->ps_pgrp);
	thread_hash_insert(p2);
	if (ca->ca_flags & CLONE_VFORK) {
		pr->ps_vforkparent = p1;
		p1->p_vforkchild = pr;
		atomic_or(&pr->ps_flags, PS_PPWAIT);
	}
	rw_exit(&proctree_lock);
	return 0;
}

void
vfork_release(struct process *pr)
{
	if ((atomic_load(&pr->ps_flags) & PS_PPWAIT) == 0)
		return;
	rw_enter_write(&proctree_lock);
	vfork_release_locked(pr);
	rw_exit(&proctree_lock);
}

void
vfork_release_locked(struct process *pr)
{
	struct proc *waiter = pr->ps_vforkparent;

	KASSERT(rw_write_held(&proctree_lock));
	atomic_and(&pr->ps_flags, ~(uint32_t)PS_PPWAIT);
	if (waiter == NULL)
		return;
	pr->ps_vforkparent = NULL;
	waiter->p_vforkchild = NULL;
	wakeup(&waiter->p_vforkchild);
}

/*
 * Wait until the child has its own address space.  Only the death of our own
 * process ends it early: whoever sends a signal wakes this channel.
 */
static void
vfork_wait(struct proc *p)
{
	rw_enter_write(&proctree_lock);
	while (p->p_vforkchild != NULL && !thread_must_exit(p) && !sig_fatal(p))
		rwsleep(
		    &p->p_vforkchild, &proctree_lock, PWAIT, "vfork", INFSLP);
	if (p->p_vforkchild != NULL) {
		p->p_vforkchild->ps_vforkparent = NULL;
		p->p_vforkchild = NULL;
	}
	rw_exit(&proctree_lock);
}

/*
 * => p2 and pr exist only for us; 0 and they run, or errno and they are gone
 */
static int
fork_start(struct proc *p1, struct process *pr, struct proc *p2,
    const struct clone_args *ca, pid_t *pidp)
{
	int error;

	p2->p_vmspace = pr->ps_vmspace;
	fork_thread_setup(p1, p2, ca);
	TAILQ_INSERT_TAIL(&pr->ps_threads, p2, p_thr_link);
	pr->ps_nthreads = 1;
	pr->ps_mainproc = p2;
	error = fork_link(p1, pr, p2, ca);
	if (error != 0) {
		TAILQ_REMOVE(&pr->ps_threads, p2, p_thr_link);
		return error;
	}
	*pidp = pr->ps_pid;
	UVMCNT_INC(forks);
	if (ca->ca_flags & CLONE_VFORK)
		UVMCNT_INC(forks_ppwait);
	fork_store_tid(ca, *pidp);
	setrunnable(p2);
	return 0;
}

static int
fork_process(struct proc *p1, const struct clone_args *ca, pid_t *pidp)
{
	struct process *parent = p1->p_p, *pr;
	struct proc *p2;
	int error;

	pr = process_alloc(parent);
	pr->ps_exitsig = ca->ca_flags & CLONE_PARENT ? parent->ps_exitsig
						     : (int)ca->ca_exit_signal;
	p2 = thread_alloc(pr, p1->p_comm);
	if (p2 == NULL) {
		process_rele(pr);
		return ENOMEM;
	}
	error = fork_resources(parent, pr, ca);
	if (error == 0)
		error = fork_start(p1, pr, p2, ca, pidp);
	if (error != 0) {
		thread_free(p2);
		fork_undo(pr);
		return error;
	}
	if (ca->ca_flags & CLONE_VFORK)
		vfork_wait(p1);
	return 0;
}

/* -- System calls -------------------------------------------------------------- */

static int
clone_check(struct proc *p, const struct clone_args *ca)
{
	uint64_t flags = ca->ca_flags;

	if (flags & ~(CLONE_KNOWN | CLONE_CLEAR_SIGHAND))
		return EINVAL;
	if ((flags & CLONE_THREAD) && (flags & CLONE_SIGHAND) == 0)
		return EINVAL;
	if ((flags & CLONE_SIGHAND) && (flags & CLONE_VM) == 0)
		return EINVAL;
	if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND))
		return EINVAL;
	if ((flags & CLONE_PARENT) && p->p_p == initprocess)
		return EINVAL;
	if (ca->ca_exit_signal > NSIG)
		return EINVAL;
	return 0;
}

static int
clone_common(struct proc *p, const struct clone_args *ca, int64_t *ret)
{
	pid_t id = 0;
	int error;

	error = clone_check(p, ca);
	if (error == 0)
		error = fork_check_limit(p->p_p);
	if (error != 0)
		return error;
	if (ca->ca_flags & CLONE_THREAD)
		error = fork_thread(p, ca, &id);
	else
		error = fork_process(p, ca, &id);
	*ret = id;
	return error;
}

int
sys_clone(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct clone_args ca = {
		.ca_flags = a[0] & 0xffffffffUL & ~CLONE_CSIGNAL,
		.ca_exit_signal = a[0] & CLONE_CSIGNAL,
		.ca_stack = a[1],
		.ca_parent_tid = a[2],
		.ca_tls = a[3],
		.ca_child_tid = a[4],
	};

	return clone_common(p, &ca, ret);
}

/*
 * Longer structures are welcome as long as what we do not know is zero.
 */
static int
clone3_copyin(uint64_t uaddr, uint64_t size, struct clone_args *ca)
{
	uint8_t rest[64];
	uint64_t done, n;
	int error;

	if (size > PAGE_SIZE)
		return E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return EINVAL;
	memset(ca, 0, sizeof(*ca));
	error = copyin((void *)uaddr, ca, MIN(size, sizeof(*ca)));
	for (done = sizeof(*ca); error == 0 && done < size; done += n) {
		n = MIN(size - done, sizeof(rest));
		error = copyin((void *)(uaddr + done), rest, n);
		for (uint64_t i = 0; error == 0 && i < n; i++) {
			if (rest[i] != 0)
				error = E2BIG;
		}
	}
	return error;
}

int
sys_clone3(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct clone_args ca;
	int error;

	error = clone3_copyin(a[0], a[1], &ca);
	if (error != 0)
		return error;
	if ((ca.ca_flags & (CLONE_CSIGNAL | CLONE_DETACHED)) != 0 ||
	    (ca.ca_stack == 0) != (ca.ca_stack_size == 0) ||
	    ca.ca_stack + ca.ca_stack_size < ca.ca_stack ||
	    ca.ca_set_tid_size != 0 || ca.ca_set_tid != 0)
		return EINVAL;
	if ((ca.ca_flags & (CLONE_THREAD | CLONE_PARENT)) != 0 &&
	    ca.ca_exit_signal != 0)
		return EINVAL;
	return clone_common(p, &ca, ret);
}

int
sys_set_tid_address(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	p->p_clear_tid = a[0];
	*ret = p->p_tid;
	return 0;
}
