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
	unsigned long s;
	long entries;

	thread_cache_drain();
	entries = uvm_map_entry_count();
	atomic_store(&frozen_harts, 0);
	atomic_store(&thaw, 0);
	kt_pin(0);
	for (u_int i = 1; i < ncpus; i++)
		t[i] = kt_spawn(freeze_hart, NULL, 1UL << i);
	while (atomic_load_acq(&frozen_harts) != ncpus - 1) {
		cpu_spinwait();
		yield();
	}
	s = intr_disable();
	fn(arg);
	intr_restore(s);
	atomic_store_rel(&thaw, 1);
	for (u_int i = 1; i < ncpus; i++)
		kt_join(t[i]);
	kt_unpin();
	for (thread_cache_drain(); uvm_map_entry_count() > entries;
	     thread_cache_drain())
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

/* -- Is it found? ------------------------------------------------------------------------ */

#define POKES_MAX 64

/* All members: the thread that tests. */
static struct {
	const struct kta_poke *poke;
	size_t n, now; /* how many, which one */
	int before; /* violations without any */
	int with[POKES_MAX], after[POKES_MAX]; /* with it, and again without */
	bool found[POKES_MAX];
	char other[POKES_MAX][KTA_LINE]; /* the first line, if it was not it */
} pokes;

static bool
line_contains(const char *line, const char *what)
{
	size_t n = strlen(what);

	for (; *line != '\0'; line++)
		if (strncmp(line, what, n) == 0)
			return true;
	return false;
}

static void __printflike(1, 2) match_line(const char *fmt, ...)
{
	char line[KTA_LINE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (pokes.other[pokes.now][0] == '\0')
		strlcpy(pokes.other[pokes.now], line, KTA_LINE);
	if (line_contains(line, pokes.poke[pokes.now].want))
		pokes.found[pokes.now] = true;
}

static void __printflike(1, 2) no_line(const char *fmt, ...)
{
}

static void
try_pokes(void *arg)
{
	const struct kta_poke *pk = pokes.poke;
	uint64_t old;

	pokes.before = audit_all(no_line);
	for (size_t i = 0; i < pokes.n; i++, pk++) {
		pokes.now = i;
		pokes.found[i] = false;
		pokes.other[i][0] = '\0';
		if (pk->where == NULL)
			continue;
		memcpy(&old, pk->where, pk->size);
		memcpy(pk->where, &pk->value, pk->size);
		pokes.with[i] = audit_all(match_line);
		memcpy(pk->where, &old, pk->size);
		pokes.after[i] = audit_all(no_line);
	}
}

void
kta_pokes(const struct kta_poke *poke, size_t n)
{
	KT_REQUIRE(n <= POKES_MAX);
	pokes.poke = poke;
	pokes.n = n;
	kt_frozen(try_pokes, NULL);
	KT_EQ(pokes.before, 0);
	for (size_t i = 0; i < n; i++) {
		if (poke[i].where == NULL)
			continue;
		if (!pokes.found[i])
			kt_fail(__FILE__, __LINE__,
			    "\"%s\" is not reported; %d other, first: %s",
			    poke[i].want, pokes.with[i], pokes.other[i]);
		if (pokes.after[i] != 0)
			kt_fail(__FILE__, __LINE__,
			    "\"%s\": %d reports after it was taken back",
			    poke[i].want, pokes.after[i]);
	}
}
