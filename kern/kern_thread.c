/*
 * Threads: their structures and u-areas, kernel threads, the dead.
 *
 * A thread that ends is still on its own stack; the thread that runs next on
 * that hart hands it to thread_dead().  The structure with its u-area then
 * goes to a small cache, so that the next fork need not map a kernel stack.
 * What the cache does not take waits for the reaper, because giving a u-area
 * back takes locks that sleep.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <uvm/uvm_extern.h>
#include <kern/lockorder.h>
#include <kern/sched.h>

#define THREAD_CACHE_PER_HART 4 /* dead threads kept for each hart */

/*
 * The boot thread and its process.  The boot code needs them before anything
 * can be initialised, so they are linked to each other by hand.
 */
struct process process0 = {
	.ps_lock = RWLOCK_INITIALIZER(LR_PROCESS, "process"),
	.ps_sigmtx = MUTEX_INITIALIZER(LR_SIGNAL, "signal"),
	.ps_refs = { 1 },
	.ps_flags = PS_SYSTEM,
	.ps_mainproc = &proc0,
	.ps_threads = { &proc0, &proc0.p_thr_link.tqe_next },
	.ps_nthreads = 1,
	.ps_comm = "kernel",
};

struct proc proc0 = {
	.p_cpu = &cpu_info_store[0],
	.p_flag = P_KTHREAD | P_INMEM,
	.p_p = &process0,
	.p_thr_link = { NULL, &process0.ps_threads.tqh_first },
	.p_stat = SONPROC,
	.p_oncpu = 1,
	.p_priority = PUSER,
	.p_usrpri = PUSER,
	.p_cpumask = ~0UL,
	.p_timeslice = SCHED_SLICE,
	.p_comm = "swapper",
};

TAILQ_HEAD(deadlist, proc);

static struct pool proc_pool;
static struct mutex dead_mtx = MUTEX_INITIALIZER(LR_MISC, "dead");
static struct deadlist dead_cached = TAILQ_HEAD_INITIALIZER(dead_cached);
static struct deadlist dead_excess = TAILQ_HEAD_INITIALIZER(dead_excess);
static int dead_ncached; /* [dead_mtx], as are the lists */

/* => boot, after uvm_init() */
void
thread_init(void)
{
	pool_init(&proc_pool, sizeof(struct proc), CACHE_LINE, "proc");
}

/* -- Structures ------------------------------------------------------------------ */

/* => a dead thread with its u-area, or NULL */
static struct proc *
thread_cache_get(void)
{
	struct proc *p;

	mtx_enter(&dead_mtx);
	p = TAILQ_FIRST(&dead_cached);
	if (p != NULL) {
		TAILQ_REMOVE(&dead_cached, p, p_runq);
		dead_ncached--;
	}
	mtx_leave(&dead_mtx);
	return p;
}

/* => new structure with a u-area, or NULL: no memory; may sleep */
static struct proc *
thread_create(void)
{
	struct proc *p = pool_get(&proc_pool, PR_WAITOK);

	p->p_addr = (struct user *)uvm_uarea_alloc();
	if (p->p_addr == NULL) {
		pool_put(&proc_pool, p);
		return NULL;
	}
#ifdef DEBUG
	p->p_locks = lockorder_thread_alloc();
#else
	p->p_locks = NULL;
#endif
	return p;
}

/*
 * The trap frame and the saved registers are left as they are: fork copies
 * the one, cpu_thread_setup() and cpu_fork_user() write the other.
 */
static void
thread_clear(struct proc *p)
{
	struct user *addr = p->p_addr;
	void *locks = p->p_locks;

	memset((char *)p + offsetof(struct proc, p_cpu), 0,
	    offsetof(struct proc, p_pcb) - offsetof(struct proc, p_cpu));
	memset(
	    &p->p_addr, 0, sizeof(struct proc) - offsetof(struct proc, p_addr));
	p->p_tf.tf_sstatus = 0; /* the FPU holds nothing of this thread */
	p->p_pcb.pcb_fpused = 0;
	p->p_pcb.pcb_fphart = 0;
	p->p_addr = addr;
	p->p_locks = locks;
	p->p_kstack = (vaddr_t)addr + USPACE;
}

struct proc *
thread_alloc(struct process *pr, const char *name)
{
	struct proc *p = thread_cache_get(), *self = curproc;

	if (p == NULL && (p = thread_create()) == NULL)
		return NULL;
	thread_clear(p);
	p->p_p = pr;
	p->p_cpu = self->p_cpu;
	p->p_flag = P_INMEM;
	p->p_stat = SIDL;
	p->p_usrpri = p->p_priority = PUSER;
	p->p_cpumask = self->p_cpumask;
	p->p_timeslice = SCHED_SLICE;
	TAILQ_INIT(&p->p_sigpend.sp_queue);
	strlcpy(p->p_comm, name, sizeof(p->p_comm));
	return p;
}

/* => thread context, no locks */
static void
thread_destroy(struct proc *p)
{
#ifdef DEBUG
	lockorder_thread_free(p->p_locks);
#endif
	uvm_uarea_free(p);
	pool_put(&proc_pool, p);
}

/*
 * Keep p for the next thread_alloc(), or leave it to the reaper.
 */
void
thread_dead(struct proc *p)
{
	bool excess;

	KASSERT(p->p_oncpu == 0 && p->p_wchan == NULL);
	mtx_enter(&dead_mtx);
	excess = dead_ncached >= THREAD_CACHE_PER_HART * (int)ncpus + 4;
	if (excess) {
		TAILQ_INSERT_TAIL(&dead_excess, p, p_runq);
	} else {
		TAILQ_INSERT_HEAD(&dead_cached, p, p_runq);
		dead_ncached++;
	}
	mtx_leave(&dead_mtx);
	if (excess)
		wakeup(&dead_excess);
}

void
thread_free(struct proc *p)
{
	KASSERT(p->p_stat == SIDL || p->p_stat == SDEAD);
	thread_dead(p);
}

int
thread_cache_count(void)
{
	return atomic_load(&dead_ncached);
}

/* => free everything on the list; thread context, no locks */
static void
deadlist_free(struct deadlist *list)
{
	struct proc *p;

	while ((p = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, p, p_runq);
		thread_destroy(p);
	}
}

void
thread_cache_drain(void)
{
	struct deadlist list = TAILQ_HEAD_INITIALIZER(list);

	mtx_enter(&dead_mtx);
	TAILQ_CONCAT(&list, &dead_cached, p_runq);
	TAILQ_CONCAT(&list, &dead_excess, p_runq);
	dead_ncached = 0;
	mtx_leave(&dead_mtx);
	deadlist_free(&list);
}

static void
thread_reaper(void *arg)
{
	struct deadlist list = TAILQ_HEAD_INITIALIZER(list);

	for (;;) {
		mtx_enter(&dead_mtx);
		while (TAILQ_EMPTY(&dead_excess))
			msleep(&dead_excess, &dead_mtx, PVM, "reaper", INFSLP);
		TAILQ_CONCAT(&list, &dead_excess, p_runq);
		mtx_leave(&dead_mtx);
		deadlist_free(&list);
	}
}

void
thread_start_reaper(void)
{
	if (kthread_create(thread_reaper, NULL, NULL, "reaper") != 0)
		panic("no memory for the reaper");
}

/* -- Kernel threads ------------------------------------------------------------------ */

/*
 * What a kernel thread is to do; at the far end of its own stack.
 * Locks used to protect members: I before the thread runs
 */
struct kthread_start {
	void (*ks_func)(void *); /* [I] */
	void *ks_arg; /* [I] */
};

static void
kthread_main(void *arg)
{
	struct kthread_start *ks = arg;

	sched_thread_start();
	ks->ks_func(ks->ks_arg);
	kthread_exit();
}

/* => p joins or leaves the list of the kernel's threads; may sleep */
static void
kthread_link(struct proc *p, bool join)
{
	struct process *pr = p->p_p;

	rw_enter_write(&pr->ps_lock);
	mtx_enter(&pr->ps_sigmtx);
	if (join) {
		TAILQ_INSERT_TAIL(&pr->ps_threads, p, p_thr_link);
		pr->ps_nthreads++;
	} else {
		TAILQ_REMOVE(&pr->ps_threads, p, p_thr_link);
		pr->ps_nthreads--;
	}
	mtx_leave(&pr->ps_sigmtx);
	rw_exit(&pr->ps_lock);
}

int
kthread_create(
    void (*func)(void *), void *arg, struct proc **pp, const char *name)
{
	struct proc *p = thread_alloc(&process0, name);
	struct kthread_start *ks;

	if (p == NULL)
		return ENOMEM;
	ks = (struct kthread_start *)(void *)p->p_addr;
	ks->ks_func = func;
	ks->ks_arg = arg;
	p->p_flag |= P_KTHREAD;
	p->p_vmspace = proc0.p_vmspace;
	p->p_cpumask = ~0UL;
	cpu_thread_setup(p, kthread_main, ks);
	kthread_link(p, true);
	UVMCNT_INC(forks);
	if (pp != NULL)
		*pp = p;
	setrunnable(p);
	return 0;
}

void
kthread_exit(void)
{
	KASSERT((curproc->p_flag & P_KTHREAD) != 0);
	kthread_link(curproc, false);
	sched_exit();
}
