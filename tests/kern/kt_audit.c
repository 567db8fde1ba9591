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

static volatile uint32_t frozen_harts; /* [a] */
static volatile uint32_t thaw; /* [a] */

static void
freeze_hart(void *arg)
{
	unsigned long s = intr_disable();

	atomic_add_acq_rel(&frozen_harts, 1);
	while (atomic_load_acq(&thaw) == 0)
		cpu_spinwait();
	intr_restore(s);
}

/*
 * The threads that keep the harts busy are gone on return: one that is still
 * dying would be missing when the next test ends.
 */
void
kt_frozen(void (*fn)(void *), void *arg)
{
	struct kt_thread *t[MAXCPUS];
	int threads = thread_count();
	unsigned long s;

	atomic_store(&frozen_harts, 0);
	atomic_store(&thaw, 0);
	kt_pin(0);
	for (u_int i = 1; i < ncpus; i++)
		t[i] = kt_spawn(freeze_hart, NULL, 1UL << i);
	while (atomic_load_acq(&frozen_harts) != ncpus - 1)
		yield();
	s = intr_disable();
	fn(arg);
	intr_restore(s);
	atomic_store_rel(&thaw, 1);
	for (u_int i = 1; i < ncpus; i++)
		kt_join(t[i]);
	kt_unpin();
	while (thread_count() > threads)
		kt_sleep_ms(1);
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
