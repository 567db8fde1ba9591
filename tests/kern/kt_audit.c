/*
 * The auditor in the guest: every hart is stopped while it looks, and it looks
 * after each test.
 */
#include <sys/ktest.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <uvm/uvm.h>
#include <tests/audit/audit.h>
#include "kt_audit.h"

#define AUDIT_TRIES 20 /* of 10 ms, for threads that are in UVM just now */

/* -- Stopping the harts ------------------------------------------------------------ */

/*
 * A thread for each hart but the first stays asleep until it has to keep its
 * hart busy: a thread made for the purpose would be there, dying, when the
 * next test begins.
 */
static struct mutex freeze_mtx = MUTEX_INITIALIZER(LR_MISC, "freeze");
static volatile uint32_t freeze; /* [freeze_mtx] odd: harts have to stop */
static volatile uint32_t stopped; /* [a] harts that have */

static void
stop_hart(void)
{
	uint32_t round = atomic_load_acq(&freeze);
	unsigned long s = intr_disable();

	atomic_add_acq_rel(&stopped, 1);
	while (atomic_load_acq(&freeze) == round)
		cpu_spinwait();
	intr_restore(s);
	atomic_add_acq_rel(&stopped, -1U);
}

static void
freezer(void *arg)
{
	sched_setaffinity(curproc, 1UL << (uintptr_t)arg);
	for (;;) {
		mtx_enter(&freeze_mtx);
		while ((freeze & 1) == 0)
			(void)msleep(
			    &freeze, &freeze_mtx, PVM, "freeze", INFSLP);
		mtx_leave(&freeze_mtx);
		yield(); /* to the hart it belongs to */
		stop_hart();
	}
}

static void
start_freezers(void)
{
	for (uintptr_t i = 1; i < ncpus; i++)
		while (kthread_create(freezer, (void *)i, NULL, "freezer") != 0)
			kt_sleep_ms(10);
}

void
kt_frozen(void (*fn)(void *), void *arg)
{
	unsigned long s;

	kt_pin(0);
	mtx_enter(&freeze_mtx);
	freeze++;
	wakeup(&freeze);
	mtx_leave(&freeze_mtx);
	while (atomic_load_acq(&stopped) != ncpus - 1)
		yield();
	s = intr_disable();
	fn(arg);
	intr_restore(s);
	atomic_add_acq_rel(&freeze, 1);
	while (atomic_load_acq(&stopped) != 0)
		yield();
	kt_unpin();
}

/* -- One audit ----------------------------------------------------------------------- */

static struct kta_result *taking; /* where a report goes */

static void __printflike(1, 2) take_line(const char *fmt, ...)
{
	va_list ap;

	if (taking->n < KTA_LINES) {
		va_start(ap, fmt);
		vsnprintf(taking->line[taking->n], KTA_LINE, fmt, ap);
		va_end(ap);
	}
	taking->n++;
}

void
kta_audit(struct kta_result *r)
{
	r->n = 0;
	taking = r;
	r->n = audit_all(take_line);
}

/*
 * The page with the signal trampoline is wired by the kernel, for good: the
 * only one that has an owner before any process runs.
 */
static const struct vm_page *trampoline; /* set once */

static void
find_trampoline(void)
{
	for (int i = 0; i < vm_nphysseg; i++)
		for (struct vm_page *pg = vm_physmem[i].pgs;
		     pg < vm_physmem[i].lastpg; pg++)
			if (pg->wire_count != 0 && (pg->pg_flags & PQ_AOBJ) &&
			    pg->uobject != kernel_object)
				trampoline = pg;
}

static long
known_wires(const struct vm_page *pg)
{
	return pg == trampoline;
}

void
kta_init(void)
{
	static bool done; /* [thread that runs the tests] */

	if (done)
		return;
	done = true;
	audit_init(kmem_alloc(audit_size(), PR_WAITOK));
	find_trampoline();
	start_freezers();
	audit_known.page_wires = known_wires;
}

/* -- After each test -------------------------------------------------------------------- */

static void
audit_now(void *arg)
{
	kta_audit(arg);
}

/*
 * A thread of the kernel that sleeps while it holds a lock of UVM is no
 * violation, but looks like one: it is gone at the next try.
 */
int
ktest_audit(void)
{
	static struct kta_result r; /* [thread that runs the tests] */

	kta_init();
	for (int i = 0; i < AUDIT_TRIES; i++) {
		kt_frozen(audit_now, &r);
		if (r.n == 0)
			return 0;
		kt_sleep_ms(10);
	}
	for (int i = 0; i < MIN(r.n, KTA_LINES); i++)
		printf("# audit: %s\n", r.line[i]);
	if (r.n > KTA_LINES)
		printf("# audit: and %d more\n", r.n - KTA_LINES);
	return r.n;
}
