/* Kernel stacks that go to swap and come back (UVM-API.md 6.2). */
#include <tests/kern/kt_tdisk.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <uvm/uvm.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_swap.h>

#define SLEEPERS 4
#define ROUNDS   30

/*
 * A thread that sleeps until it is told to go on.
 * Locks used to protect members: a atomic, I immutable while it runs
 */
struct sleeper {
	struct proc *volatile p; /* [a] NULL: it does not sleep yet */
	volatile uint32_t go; /* [a] */
	uint32_t held; /* [I] P_STACKHELD, or 0 */
	struct kt_thread *t; /* [I] */
};

static void
sleeper(void *arg)
{
	struct sleeper *s = arg;
	volatile uint64_t onstack[64];

	for (u_int i = 0; i < nitems(onstack); i++)
		onstack[i] = (uintptr_t)s + i;
	atomic_or(&curproc->p_flag, s->held);
	atomic_store_rel(&s->p, curproc);
	while (!atomic_load_acq(&s->go))
		(void)tsleep(s, PWAIT, "ktstack", INFSLP);
	atomic_and(&curproc->p_flag, ~s->held);
	for (u_int i = 0; i < nitems(onstack); i++)
		KT_EQ(onstack[i], (uintptr_t)s + i);
}

/* => it sleeps, and no hart is on its stack any more */
static void
sleeper_start(struct sleeper *s, uint32_t held)
{
	struct proc *p;

	memset(s, 0, sizeof(*s));
	s->held = held;
	s->t = kt_spawn(sleeper, s, 0);
	while ((p = atomic_load_acq(&s->p)) == NULL || p->p_wchan != s ||
	    p->p_oncpu != 0)
		kt_sleep_ms(1);
}

static void
sleeper_wake(struct sleeper *s)
{
	atomic_store_rel(&s->go, 1);
	wakeup(s);
}

/*
 * A stack goes, is written, and is read when the thread is to run; one that
 * others use stays.
 */
KTEST(swapper_stack)
{
	struct bdev *bd = tdisk_open(0, 64);
	struct sleeper s, held;
	struct uvmexp before;
	vaddr_t va;

	KT_REQUIRE(bd != NULL);
	KT_EQ(uvm_swap_on(bd, 0), 0);
	sleeper_start(&s, 0);
	sleeper_start(&held, P_STACKHELD);
	KT_SNAP(&before);
	uvm_swapout(held.p);
	KT_CHECK(held.p->p_flag & P_INMEM);
	KT_EQ(KT_DELTA(&before, swapouts), 0);
	uvm_swapout(s.p);
	KT_CHECK((s.p->p_flag & P_INMEM) == 0);
	KT_EQ(KT_DELTA(&before, swapouts), 1);
	va = (vaddr_t)s.p->p_addr;
	KT_EQ(uvm_map_pageout(kernel_map, va, va + USPACE), 0);
	KT_EQ(KT_DELTA(&before, swpgonly), USPACE_PAGES);
	sleeper_wake(&s);
	sleeper_wake(&held);
	kt_join(s.t);
	kt_join(held.t);
	KT_EQ(KT_DELTA(&before, swapins), 1);
	KT_EQ(KT_DELTA(&before, swpgonly), 0);
	KT_EQ(uvm_swap_off(bd), 0);
	tdisk_close(0);
}

/* The page daemon takes the stack when memory is short, like other pages. */
KTEST(swapper_stack_pageable)
{
	struct bdev *bd = tdisk_open(0, 64);
	int anonmin = uvmexp.anonmin;
	struct uvmexp before;
	struct sleeper s;

	KT_REQUIRE(bd != NULL);
	KT_EQ(uvm_swap_on(bd, 0), 0);
	uvmexp.anonmin = 0;
	sleeper_start(&s, 0);
	KT_SNAP(&before);
	uvm_swapout(s.p);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	for (int i = 0; i < 200 && KT_DELTA(&before, swpgonly) < USPACE_PAGES;
	     i++) {
		wakeup(&uvm.pagedaemon);
		kt_sleep_ms(5);
	}
	kt_balloon_release();
	KT_CHECK(KT_DELTA(&before, swpgonly) >= USPACE_PAGES);
	sleeper_wake(&s);
	kt_join(s.t);
	KT_EQ(KT_DELTA(&before, swapins), 1);
	uvmexp.anonmin = anonmin;
	KT_EQ(uvm_swap_off(bd), 0);
	tdisk_close(0);
}

/* Threads that are to run again while the swapper is busy with others. */
KTEST(swapper_many)
{
	struct sleeper s[SLEEPERS];
	struct uvmexp before;
	int out = 0;

	KT_SNAP(&before);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < SLEEPERS; i++)
			sleeper_start(&s[i], 0);
		for (int i = 0; i < SLEEPERS; i++)
			uvm_swapout(s[i].p);
		out += SLEEPERS;
		for (int i = 0; i < SLEEPERS; i++)
			sleeper_wake(&s[i]);
		for (int i = 0; i < SLEEPERS; i++)
			kt_join(s[i].t);
	}
	KT_EQ(KT_DELTA(&before, swapouts), out);
	KT_EQ(KT_DELTA(&before, swapins), out);
}

/* The daemon asks again while process zero does what it asked for before. */
KTEST(swapper_asked_again)
{
	struct bdev *bd = tdisk_open(0, 64);

	KT_REQUIRE(bd != NULL);
	KT_EQ(uvm_swap_on(bd, 0), 0);
	rw_enter_write(&proctree_lock);
	uvm_swapout_threads();
	for (int i = 0; i < 400 && !rw_wanted(&proctree_lock); i++)
		kt_sleep_ms(1);
	KT_CHECK(rw_wanted(&proctree_lock));
	uvm_swapout_threads();
	rw_exit(&proctree_lock);
	for (int i = 0; i < 400 && uvm_swapper_pending(); i++)
		kt_sleep_ms(1);
	KT_CHECK(!uvm_swapper_pending());
	KT_EQ(uvm_swap_off(bd), 0);
	tdisk_close(0);
}
