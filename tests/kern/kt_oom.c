/* Who has to go when memory is gone: kern/kern_oom.c. */
#include <tests/kern/kt_fault.h>
#include <tests/kern/kt_tdisk.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/signalvar.h>
#include <uvm/uvm_swap.h>

#define VICTIMS 4

/* Processes that never run. All: the test thread's. */
struct candidate {
	struct process *pr;
	struct proc *p;
	struct vmspace *vm;
};

/* => a process of npages, which oom_kill() may choose */
static struct candidate
candidate(int npages)
{
	struct candidate c = { .pr = process_alloc(&process0) };

	c.vm = ktf_space();
	ktf_map_anon(c.vm, npages, MADV_RANDOM);
	for (int i = 0; i < npages; i++)
		ktf_write(c.vm, i, (uint64_t)i);
	c.pr->ps_sigacts = sigacts_alloc();
	c.pr->ps_vmspace = c.vm;
	c.p = thread_alloc(c.pr, "candidate");
	KASSERT(c.p != NULL);
	sigpending_init(&c.p->p_sigpend);
	c.pr->ps_mainproc = c.p;
	rw_enter_write(&proctree_lock);
	rw_enter_write(&c.pr->ps_lock);
	mtx_enter(&c.pr->ps_sigmtx);
	TAILQ_INSERT_TAIL(&c.pr->ps_threads, c.p, p_thr_link);
	c.pr->ps_nthreads++;
	mtx_leave(&c.pr->ps_sigmtx);
	rw_exit(&c.pr->ps_lock);
	c.pr->ps_pid = pid_alloc();
	process_insert(c.pr, &process0);
	rw_exit(&proctree_lock);
	return c;
}

static void
candidate_free(struct candidate *c)
{
	rw_enter_write(&proctree_lock);
	TAILQ_REMOVE(&c->pr->ps_threads, c->p, p_thr_link);
	c->pr->ps_vmspace = NULL;
	mtx_enter(&c->pr->ps_sigmtx);
	sigpending_flush(&c->p->p_sigpend);
	mtx_leave(&c->pr->ps_sigmtx);
	thread_free(c->p);
	process_remove(c->pr);
	rw_exit(&proctree_lock);
	uvmspace_free(c->vm);
}

static bool
killed(const struct candidate *c)
{
	return (c->p->p_flag & P_OOMKILL) != 0 &&
	    (c->pr->ps_sigpend.sp_set & sigmask(SIGKILL)) != 0;
}

/*
 * The largest goes, whatever of it is in swap; the kernel's own never; nobody
 * else before it had time to end.
 */
KTEST(oom_choice)
{
	struct bdev *bd = tdisk_open(0, 64);
	struct candidate c[VICTIMS];

	KT_REQUIRE(bd != NULL);
	KT_EQ(uvm_swap_on(bd, 0), 0);
	c[0] = candidate(30);
	c[1] = candidate(40);
	c[2] = candidate(100);
	c[3] = candidate(20);
	atomic_or(&c[2].pr->ps_flags, PS_SYSTEM);
	KT_EQ(uvm_map_pageout(&c[1].vm->vm_map, KTF_VA(0), KTF_VA(30)), 0);
	KT_CHECK(oom_kill());
	for (int i = 0; i < VICTIMS; i++)
		KT_EQ(killed(&c[i]), i == 1);
	/* there is a victim: a moment later nobody else has to go */
	KT_CHECK(oom_kill());
	for (int i = 0; i < VICTIMS; i++)
		KT_EQ(killed(&c[i]), i == 1);
	/* it is held up: the next one */
	kt_sleep_ms(2100);
	KT_CHECK(oom_kill());
	for (int i = 0; i < VICTIMS; i++)
		KT_EQ(killed(&c[i]), i <= 1);
	for (int i = 0; i < VICTIMS; i++)
		candidate_free(&c[i]);
	KT_EQ(uvm_swap_off(bd), 0);
	tdisk_close(0);
}

/*
 * What is locked may be a victim a moment later: then nobody else goes, and
 * whoever needs memory asks again.
 */
KTEST(oom_busy)
{
	struct candidate c = candidate(100);

	rw_enter_write(&proctree_lock);
	KT_CHECK(oom_kill());
	KT_CHECK(!killed(&c));
	rw_exit(&proctree_lock);
	rw_enter_write(&c.pr->ps_lock);
	KT_CHECK(oom_kill());
	KT_CHECK(!killed(&c));
	rw_exit(&c.pr->ps_lock);
	KT_CHECK(oom_kill());
	KT_CHECK(killed(&c));
	candidate_free(&c);
	KT_CHECK(!oom_kill());
}
