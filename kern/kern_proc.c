/*
 * The process tree: processes, threads by id, groups, sessions, pid 1.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/filedesc.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/timeout.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>
#include <uvm_bsd.h>

#define PIDHASH        256
#define PIDHASH_OF(id) ((u_int)(id) & (PIDHASH - 1))
#define PID_RESERVED   300 /* ids below are not used again after a wrap */

LIST_HEAD(threadlist, proc);
LIST_HEAD(pgrplist, pgrp);

/* A process and its limits, allocated in one piece. */
struct process_store {
	struct process st_process; /* [as in proc.h] */
	struct plimit st_limit; /* [ps_lock] */
};

static struct processlist pidhash[PIDHASH]; /* [T] */
static struct threadlist tidhash[PIDHASH]; /* [T] */
static struct pgrplist pgrphash[PIDHASH]; /* [T] */
static pid_t lastpid; /* [T] */
static int nprocesses; /* [T] */
static int nthreads; /* [a] threads with an id in tidhash */

static struct pool process_pool, pgrp_pool, session_pool;

static struct uvm_ucred ucred0 = { .cr_refs = { 1 } }; /* constant: root */
static struct plimit limit0; /* [ps_lock of process0] */
static struct session session0;
static struct pgrp pgrp0;

struct rwlock proctree_lock = RWLOCK_INITIALIZER(LR_PROCTREE, "proctree");
struct processlist allprocess;
struct processlist zombprocess;
struct process *initprocess;

void
proc_init(void)
{
	struct process *pr = &process0;

	pool_init(&process_pool, sizeof(struct process_store), 16, "process");
	pool_init(&pgrp_pool, sizeof(struct pgrp), 0, "pgrp");
	pool_init(&session_pool, sizeof(struct session), 0, "session");
	sig_init();

	pr->ps_limit = &limit0;
	pr->ps_cred = &ucred0;
	sigpending_init(&pr->ps_sigpend);
	pr->ps_sigacts = sigacts_alloc();
	pr->ps_umask = 022;
	lim_init(pr);
	uvm_init_limits(&proc0);
	session0.s_count = 1;
	pgrp0.pg_session = &session0;
	LIST_INSERT_HEAD(&pgrphash[0], &pgrp0, pg_hash);

	rw_enter_write(&proctree_lock);
	LIST_INSERT_HEAD(&allprocess, pr, ps_list);
	LIST_INSERT_HEAD(&pidhash[0], pr, ps_hash);
	LIST_INSERT_HEAD(&pgrp0.pg_members, pr, ps_pglist);
	pr->ps_pgrp = &pgrp0;
	nprocesses = 1;
	rw_exit(&proctree_lock);
	futex_init();
	sigcode_init();
}

/* -- Finding ---------------------------------------------------------------- */

struct process *
prfind_any(pid_t pid)
{
	struct process *pr;

	LIST_FOREACH (pr, &pidhash[PIDHASH_OF(pid)], ps_hash) {
		if (pr->ps_pid == pid)
			return pr;
	}
	return NULL;
}

struct process *
prfind(pid_t pid)
{
	struct process *pr = prfind_any(pid);

	return pr != NULL && (pr->ps_flags & PS_ZOMBIE) ? NULL : pr;
}

struct proc *
tfind(pid_t tid)
{
	struct proc *p;

	LIST_FOREACH (p, &tidhash[PIDHASH_OF(tid)], p_hash) {
		if (p->p_tid == tid)
			return p;
	}
	return NULL;
}

struct pgrp *
pgfind(pid_t pgid)
{
	struct pgrp *pg;

	LIST_FOREACH (pg, &pgrphash[PIDHASH_OF(pgid)], pg_hash) {
		if (pg->pg_id == pgid)
			return pg;
	}
	return NULL;
}

/*
 * A session's id is the id of a process group that may be gone while the
 * session lives on, so sessions are looked for by their groups.
 */
static bool
session_uses(pid_t id)
{
	struct process *pr;

	LIST_FOREACH (pr, &allprocess, ps_list) {
		if (pr->ps_pgrp->pg_session->s_sid == id)
			return true;
	}
	return false;
}

/*
 * => 0: all ids are taken
 */
pid_t
pid_alloc(void)
{
	static bool wrapped; /* [T] before it, no id can be in use */
	pid_t pid = lastpid;

	KASSERT(rw_write_held(&proctree_lock));
	for (int tries = 0; tries < PID_MAX; tries++) {
		if (++pid >= PID_MAX) {
			pid = PID_RESERVED;
			wrapped = true;
		}
		if (!wrapped ||
		    (prfind_any(pid) == NULL && tfind(pid) == NULL &&
			pgfind(pid) == NULL && !session_uses(pid))) {
			lastpid = pid;
			return pid;
		}
	}
	return 0;
}

void
thread_hash_insert(struct proc *p)
{
	KASSERT(rw_write_held(&proctree_lock));
	LIST_INSERT_HEAD(&tidhash[PIDHASH_OF(p->p_tid)], p, p_hash);
	atomic_add(&nthreads, 1);
}

void
thread_hash_remove(struct proc *p)
{
	KASSERT(rw_write_held(&proctree_lock));
	LIST_REMOVE(p, p_hash);
	atomic_add(&nthreads, -1);
}

int
proc_count(void)
{
	return atomic_load(&nprocesses);
}

int
thread_count(void)
{
	return atomic_load(&nthreads);
}

/* -- Life of the structure --------------------------------------------------- */

void
process_ref(struct process *pr)
{
	refcnt_take(&pr->ps_refs);
}

/*
 * => may free the process; any thread context
 */
void
process_rele(struct process *pr)
{
	if (!refcnt_drop(&pr->ps_refs))
		return;
	KASSERT(pr != &process0);
	KASSERT(TAILQ_EMPTY(&pr->ps_threads) && pr->ps_vmspace == NULL);
	sigpending_flush(&pr->ps_sigpend);
	if (pr->ps_sigacts != NULL)
		sigacts_free(pr->ps_sigacts);
	pool_put(
	    &process_pool, container_of(pr, struct process_store, st_process));
}

struct process *
process_alloc(struct process *parent)
{
	struct process_store *st;
	struct process *pr;

	st = pool_get(&process_pool, PR_WAITOK);
	pr = &st->st_process;
	memset(pr, 0, sizeof(*pr));
	rw_init(&pr->ps_lock, LR_PROCESS, "process");
	mtx_init(&pr->ps_sigmtx, LR_SIGNAL, "signal");
	refcnt_init(&pr->ps_refs);
	TAILQ_INIT(&pr->ps_threads);
	sigpending_init(&pr->ps_sigpend);
	pr->ps_limit = &st->st_limit;
	lim_fork(pr, parent);
	pr->ps_cred = parent->ps_cred;
	pr->ps_umask = parent->ps_umask;
	pr->ps_exitsig = SIGCHLD;
	pr->ps_start = nsecuptime();
	memcpy(pr->ps_comm, parent->ps_comm, sizeof(pr->ps_comm));
	return pr;
}

void
process_insert(struct process *pr, struct process *parent)
{
	KASSERT(rw_write_held(&proctree_lock));
	LIST_INSERT_HEAD(&allprocess, pr, ps_list);
	LIST_INSERT_HEAD(&pidhash[PIDHASH_OF(pr->ps_pid)], pr, ps_hash);
	LIST_INSERT_HEAD(&parent->ps_children, pr, ps_sibling);
	pr->ps_pptr = parent;
	atomic_store(&pr->ps_ppid, parent->ps_pid);
	pr->ps_pgrp = parent->ps_pgrp;
	LIST_INSERT_HEAD(&pr->ps_pgrp->pg_members, pr, ps_pglist);
	nprocesses++;
}

void
process_reparent(struct process *pr, struct process *parent)
{
	KASSERT(rw_write_held(&proctree_lock));
	LIST_REMOVE(pr, ps_sibling);
	LIST_INSERT_HEAD(&parent->ps_children, pr, ps_sibling);
	pr->ps_pptr = parent;
	atomic_store(&pr->ps_ppid, parent->ps_pid);
}

/*
 * => proctree write-locked; frees the group when pr was its last member
 */
static void
process_leavepgrp(struct process *pr)
{
	struct pgrp *pg = pr->ps_pgrp;

	LIST_REMOVE(pr, ps_pglist);
	pr->ps_pgrp = NULL;
	if (!LIST_EMPTY(&pg->pg_members))
		return;
	LIST_REMOVE(pg, pg_hash);
	if (--pg->pg_session->s_count == 0) {
		if (pg->pg_session->s_ttyp != NULL)
			pg->pg_session->s_ttygone(
			    pg->pg_session, pg->pg_session->s_ttyp);
		pool_put(&session_pool, pg->pg_session);
	}
	pool_put(&pgrp_pool, pg);
}

void
process_remove(struct process *pr)
{
	KASSERT(rw_write_held(&proctree_lock));
	LIST_REMOVE(pr, ps_list);
	LIST_REMOVE(pr, ps_hash);
	LIST_REMOVE(pr, ps_sibling);
	process_leavepgrp(pr);
	nprocesses--;
	process_rele(pr);
}

/* -- Groups and sessions ----------------------------------------------------- */

void
process_enterpgrp(struct process *pr, struct pgrp *pg)
{
	KASSERT(rw_write_held(&proctree_lock));
	if (pr->ps_pgrp == pg)
		return;
	process_leavepgrp(pr);
	pr->ps_pgrp = pg;
	LIST_INSERT_HEAD(&pg->pg_members, pr, ps_pglist);
}

/*
 * A group named after pr, in the given session, or, if that is NULL, in a new
 * one that pr leads.
 * => memory comes from the caller, who may not sleep with the tree locked
 */
static void
pgrp_create(struct process *pr, struct pgrp *pg, struct session *newsess)
{
	pg->pg_id = pr->ps_pid;
	LIST_INIT(&pg->pg_members);
	if (newsess != NULL) {
		memset(newsess, 0, sizeof(*newsess));
		newsess->s_sid = pr->ps_pid;
		newsess->s_leader = pr;
		pg->pg_session = newsess;
	} else
		pg->pg_session = pr->ps_pgrp->pg_session;
	pg->pg_session->s_count++;
	LIST_INSERT_HEAD(&pgrphash[PIDHASH_OF(pg->pg_id)], pg, pg_hash);
	process_enterpgrp(pr, pg);
}

/* A parent in another group of the same session can do job control. */
static bool
process_anchors(const struct process *pr, const struct pgrp *pg)
{
	const struct process *parent = pr->ps_pptr;

	return (pr->ps_flags & PS_ZOMBIE) == 0 && parent != NULL &&
	    parent->ps_pgrp != pg &&
	    parent->ps_pgrp->pg_session == pg->pg_session;
}

bool
pgrp_orphaned(struct pgrp *pg)
{
	struct process *pr;

	LIST_FOREACH (pr, &pg->pg_members, ps_pglist) {
		if (process_anchors(pr, pg))
			return false;
	}
	return true;
}

static bool
pgrp_has_stopped(struct pgrp *pg)
{
	struct process *pr;

	LIST_FOREACH (pr, &pg->pg_members, ps_pglist) {
		if (atomic_load(&pr->ps_flags) & PS_STOPPED)
			return true;
	}
	return false;
}

/*
 * Would pg be an orphan if `leaving` were not there?
 */
static bool
pgrp_orphaned_without(struct pgrp *pg, struct process *leaving)
{
	struct process *pr;

	LIST_FOREACH (pr, &pg->pg_members, ps_pglist) {
		if (pr != leaving && pr->ps_pptr != leaving &&
		    process_anchors(pr, pg))
			return false;
	}
	return true;
}

static void
pgrp_hangup(struct pgrp *pg)
{
	if (!pgrp_has_stopped(pg))
		return;
	pgsignal(pg, SIGHUP);
	pgsignal(pg, SIGCONT);
}

void
pgrp_fixjobs(struct process *pr)
{
	struct pgrp *pg = pr->ps_pgrp;
	struct process *child;

	KASSERT(rw_write_held(&proctree_lock));
	if (process_anchors(pr, pg) && pgrp_orphaned_without(pg, pr))
		pgrp_hangup(pg);
	LIST_FOREACH (child, &pr->ps_children, ps_sibling) {
		if (child->ps_pgrp != pg &&
		    process_anchors(child, child->ps_pgrp) &&
		    pgrp_orphaned_without(child->ps_pgrp, pr))
			pgrp_hangup(child->ps_pgrp);
	}
}

/*
 * => process a setpgid()/getpgid() argument means, 0: the caller; or NULL
 */
static struct process *
pid_arg(struct proc *p, pid_t pid)
{
	return pid == 0 ? p->p_p : prfind_any(pid);
}

static int
setpgid_check(struct proc *p, struct process *pr, pid_t pgid)
{
	struct pgrp *pg;

	if (pr == NULL || (pr != p->p_p && pr->ps_pptr != p->p_p))
		return ESRCH;
	if (pr != p->p_p) {
		if (pr->ps_pgrp->pg_session != p->p_p->ps_pgrp->pg_session)
			return EPERM;
		if (pr->ps_flags & PS_EXEC)
			return EACCES;
	}
	if (pr->ps_pgrp->pg_session->s_leader == pr)
		return EPERM;
	if (pgid == pr->ps_pid)
		return 0;
	pg = pgfind(pgid);
	if (pg == NULL || pg->pg_session != pr->ps_pgrp->pg_session)
		return EPERM;
	return 0;
}

int
sys_setpgid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	pid_t pid = (pid_t)a[0], pgid = (pid_t)a[1];
	struct process *pr;
	struct pgrp *newpg, *pg;
	int error;

	if (pgid < 0)
		return EINVAL;
	newpg = pool_get(&pgrp_pool, PR_WAITOK);
	rw_enter_write(&proctree_lock);
	pr = pid_arg(p, pid);
	if (pgid == 0 && pr != NULL)
		pgid = pr->ps_pid;
	error = setpgid_check(p, pr, pgid);
	if (error == 0 && pr->ps_pgrp->pg_id != pgid) {
		pgrp_fixjobs(pr);
		pg = pgfind(pgid);
		if (pg != NULL)
			process_enterpgrp(pr, pg);
		else {
			pgrp_create(pr, newpg, NULL);
			newpg = NULL;
		}
	}
	rw_exit(&proctree_lock);
	if (newpg != NULL)
		pool_put(&pgrp_pool, newpg);
	return error;
}

int
sys_getpgid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr;
	int error = ESRCH;

	rw_enter_read(&proctree_lock);
	pr = pid_arg(p, (pid_t)a[0]);
	if (pr != NULL) {
		*ret = pr->ps_pgrp->pg_id;
		error = 0;
	}
	rw_exit(&proctree_lock);
	return error;
}

int
sys_getsid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr;
	int error = ESRCH;

	rw_enter_read(&proctree_lock);
	pr = pid_arg(p, (pid_t)a[0]);
	if (pr != NULL) {
		*ret = pr->ps_pgrp->pg_session->s_sid;
		error = 0;
	}
	rw_exit(&proctree_lock);
	return error;
}

int
sys_setsid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr = p->p_p;
	struct session *newsess;
	struct pgrp *newpg;
	int error = 0;

	newpg = pool_get(&pgrp_pool, PR_WAITOK);
	newsess = pool_get(&session_pool, PR_WAITOK);
	rw_enter_write(&proctree_lock);
	if (pgfind(pr->ps_pid) != NULL)
		error = EPERM;
	else {
		pgrp_fixjobs(pr);
		pgrp_create(pr, newpg, newsess);
		*ret = pr->ps_pid;
	}
	rw_exit(&proctree_lock);
	if (error != 0) {
		pool_put(&session_pool, newsess);
		pool_put(&pgrp_pool, newpg);
	}
	return error;
}

/* -- Identity ------------------------------------------------------------------ */

int
sys_getpid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	*ret = p->p_p->ps_pid;
	return 0;
}

int
sys_getppid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	*ret = atomic_load(&p->p_p->ps_ppid);
	return 0;
}

int
sys_gettid(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	*ret = p->p_tid;
	return 0;
}

/* -- Information ----------------------------------------------------------------- */

static char
process_state(struct process *pr, struct proc *p)
{
	if (pr->ps_flags & PS_ZOMBIE)
		return 'Z';
	if (pr->ps_flags & PS_STOPPED)
		return 'T';
	if (p == NULL || p->p_stat == SIDL)
		return 'I';
	return p->p_stat == SSLEEP ? 'S' : 'R';
}

/*
 * => ps_sigmtx held: the thread that stands for the process, a running one if
 *    there is any
 */
static struct proc *
process_face(struct process *pr)
{
	struct proc *p, *best = NULL;

	TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link) {
		if (best == NULL || p->p_stat == SONPROC ||
		    (p->p_stat == SRUN && best->p_stat != SONPROC))
			best = p;
	}
	return best;
}

static void
process_info_threads(struct process *pr, struct uvm_procinfo *pi)
{
	struct proc *p;
	const char *wmesg;

	mtx_enter(&pr->ps_sigmtx);
	p = process_face(pr);
	pi->state = process_state(pr, p);
	pi->nthreads = pr->ps_nthreads;
	if (p != NULL) {
		pi->hart = p->p_cpu != NULL ? (int)p->p_cpu->ci_index : -1;
		pi->nice = p->p_nice;
		wmesg = p->p_wmesg;
		if (p->p_stat == SSLEEP && wmesg != NULL)
			strlcpy(pi->wmesg, wmesg, sizeof(pi->wmesg));
	}
	mtx_leave(&pr->ps_sigmtx);
}

/* Of the stack, mapped as large as it may become, counts what is in use. */
static vsize_t
process_vsize(const struct vmspace *vm)
{
	vsize_t stack = vm->vm_minsaddr - vm->vm_maxsaddr;
	vsize_t size = vm->vm_map.size;

	return size - MIN(stack, size) + ptoa(vm->vm_ssize);
}

/*
 * => proctree lock held: pr stays; ps_lock keeps its address space there
 */
static void
process_info(struct process *pr, struct uvm_procinfo *pi)
{
	struct vmspace *vm;

	memset(pi, 0, sizeof(*pi));
	pi->pid = pr->ps_pid;
	pi->ppid = pr->ps_ppid;
	pi->pgid = pr->ps_pgrp->pg_id;
	pi->sid = pr->ps_pgrp->pg_session->s_sid;
	pi->uid = pr->ps_cred->cr_uid;
	pi->start_ns = pr->ps_start;
	strlcpy(pi->comm, pr->ps_comm, sizeof(pi->comm));
	process_info_threads(pr, pi);
	calc_process_times(pr, &pi->utime_ns, &pi->stime_ns);
	rw_enter_read(&pr->ps_lock);
	vm = pr->ps_vmspace;
	if (vm != NULL && (pr->ps_flags & PS_SYSTEM) == 0) {
		pi->vsize = process_vsize(vm);
		pi->rss = (uint64_t)pmap_resident_count(vm->vm_map.pmap);
	}
	rw_exit(&pr->ps_lock);
}

int
proc_info(pid_t pid, struct uvm_procinfo *pi)
{
	struct process *pr;

	rw_enter_read(&proctree_lock);
	pr = prfind_any(pid);
	if (pr != NULL)
		process_info(pr, pi);
	rw_exit(&proctree_lock);
	return pr != NULL ? 0 : ESRCH;
}

static pid_t
next_in(const struct processlist *list, pid_t from, pid_t best)
{
	const struct process *pr;

	LIST_FOREACH (pr, list, ps_list)
		if (pr->ps_pid > from && (best == 0 || pr->ps_pid < best))
			best = pr->ps_pid;
	return best;
}

pid_t
proc_next(pid_t from)
{
	pid_t best;

	rw_enter_read(&proctree_lock);
	best = next_in(&allprocess, from, 0);
	best = next_in(&zombprocess, from, best);
	rw_exit(&proctree_lock);
	return best;
}

/*
 * => proctree not held; fills buf with up to max entries, oldest process last
 * => processes there were
 */
static size_t
process_info_all(struct uvm_procinfo *buf, size_t max)
{
	struct process *pr;
	size_t n = 0;

	rw_enter_read(&proctree_lock);
	LIST_FOREACH (pr, &allprocess, ps_list) {
		if (n < max)
			process_info(pr, &buf[n]);
		n++;
	}
	LIST_FOREACH (pr, &zombprocess, ps_list) {
		if (n < max)
			process_info(pr, &buf[n]);
		n++;
	}
	rw_exit(&proctree_lock);
	return n;
}

int
proc_sysctl_info(void *oldp, size_t *oldlenp)
{
	struct uvm_procinfo *buf;
	size_t room, n, total;
	int error;

	n = (size_t)proc_count();
	if (oldp == NULL) {
		*oldlenp = (n + 8) * sizeof(*buf);
		return 0;
	}
	room = MIN(*oldlenp / sizeof(*buf), n + 8);
	if (room == 0)
		return ENOMEM;
	buf = kmem_alloc(room * sizeof(*buf), PR_WAITOK);
	total = process_info_all(buf, room);
	n = MIN(total, room);
	error = copyout(buf, oldp, n * sizeof(*buf));
	*oldlenp = n * sizeof(*buf);
	kmem_free(buf, room * sizeof(*buf));
	if (error == 0 && total > room)
		error = ENOMEM;
	return error;
}
