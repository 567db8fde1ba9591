/*
 * Runs the in-kernel tests and compares what they leave behind.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/cons.h>
#include <sys/errno.h>
#include <sys/ktest.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>
#include <lib/sort.h>
#include <pmap/pmap.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_page.h>
#include <uvm/uvm_pdaemon.h>

#define KTEST_POOLS   96 /* pools told apart in a report */
#define KTEST_TIMEOUT 120 /* seconds a test may take */
#define SETTLE_TRIES  100 /* of 10 ms, for what other threads still free */
#define BARRIER_SPINS 2000
#define BALLOON_TRIES 1000 /* of a millisecond, for the daemon to rest */
#define KTEST_KVA     (16UL << 20) /* kernel addresses a test may use */

extern const struct ktest *const __start_set_ktest[];
extern const struct ktest *const __stop_set_ktest[];

/* The test that runs; written by the thread that runs the tests. */
static struct {
	const struct ktest *volatile test; /* [a] */
	volatile uint32_t failures; /* [a] */
	const char *volatile skipped; /* [a] reason */
	volatile uint32_t done; /* [a] */
	uint64_t random; /* [test thread] */
	uint64_t seed; /* [I] */
} kt;

/* What must be the same after a test. */
struct kt_state {
	long ks_free; /* [thread] */
	long ks_pool; /* [thread] */
	long ks_pv; /* [thread] */
	long ks_kmapent; /* [thread] */
	u_int ks_npools; /* [thread] */
	struct {
		struct pool *pool; /* [thread] */
		long inuse; /* [thread] */
	} ks_pools[KTEST_POOLS]; /* [thread] */
};
static struct kt_state kt_before, kt_after; /* [thread that runs the tests] */

/* -- Checks ------------------------------------------------------------------------ */

void
kt_fail(const char *file, int line, const char *fmt, ...)
{
	char buf[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	atomic_add(&kt.failures, 1);
	printf("# %s:%d: %s\n", file, line, buf);
}

void
kt_skip(const char *why)
{
	kt.skipped = why;
}

/* => does text contain what? */
static bool
contains(const char *text, const char *what)
{
	size_t n = strlen(what);

	for (; *text != '\0'; text++)
		if (strncmp(text, what, n) == 0)
			return true;
	return n == 0;
}

void
kt_panics(
    const char *file, int line, void (*fn)(void *), void *arg, const char *text)
{
	char msg[200];

	if (!panic_expect(fn, arg, msg, sizeof(msg)))
		kt_fail(file, line, "no panic; expected \"%s\"", text);
	else if (!contains(msg, text))
		kt_fail(file, line, "panic \"%s\"; expected \"%s\"", msg, text);
}

const char *
kt_running(void)
{
	return kt.test != NULL ? kt.test->kt_name : NULL;
}

uint64_t
kt_seed(void)
{
	return kt.seed;
}

uint64_t
kt_random_r(uint64_t *state)
{
	uint64_t x = (*state += 0x9e3779b97f4a7c15UL);

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
	return x ^ (x >> 31);
}

uint64_t
kt_random(void)
{
	return kt_random_r(&kt.random);
}

/* -- Counters ---------------------------------------------------------------------- */

static void
pool_pages(struct pool *pp, void *arg)
{
	*(long *)arg += (long)atomic_load(&pp->pr_nslabs);
}

long
kt_free(void)
{
	long n = uvm_free_count();

	pool_foreach(pool_pages, &n);
	return n;
}

void
kt_snap(struct uvmexp *s)
{
	uvmexp_collect();
	*s = uvmexp;
	s->free = (int)kt_free();
}

int
kt_count(size_t offset)
{
	if (offset == offsetof(struct uvmexp, free))
		return (int)kt_free();
	uvmexp_collect();
	return *(const int *)((const char *)&uvmexp + offset);
}

/* -- Leaks -------------------------------------------------------------------------- */

void
kt_settle(void)
{
	uvm_pageq_flush();
	thread_cache_drain();
	pool_drain_wait();
}

static void
kt_pool_take(struct pool *pp, void *arg)
{
	struct kt_state *ks = arg;

	if (ks->ks_npools == KTEST_POOLS)
		return;
	ks->ks_pools[ks->ks_npools].pool = pp;
	ks->ks_pools[ks->ks_npools++].inuse = pool_inuse(pp);
}

static void
kt_state_take(struct kt_state *ks)
{
	kt_settle();
	uvmexp_collect();
	/* how many slabs the same items take is chance */
	ks->ks_free = kt_free();
	ks->ks_pool = pool_inuse_all();
	ks->ks_pv = pmap_pv_count();
	ks->ks_kmapent = uvmexp.kmapent;
	ks->ks_npools = 0;
	pool_foreach(kt_pool_take, ks);
}

static bool
kt_state_equal(const struct kt_state *a, const struct kt_state *b)
{
	return a->ks_free == b->ks_free && a->ks_pool == b->ks_pool &&
	    a->ks_pv == b->ks_pv && a->ks_kmapent == b->ks_kmapent;
}

static void
kt_leak(const char *what, const char *name, long before, long after)
{
	if (before == after)
		return;
	atomic_add(&kt.failures, 1);
	printf("# %s%s: %ld before, %ld after (%+ld)\n", what, name, before,
	    after, after - before);
}

/* => items of the pool in use in that state; 0: it had no such pool */
static long
kt_state_pool(const struct kt_state *ks, const struct pool *pp)
{
	for (u_int i = 0; i < ks->ks_npools; i++)
		if (ks->ks_pools[i].pool == pp)
			return ks->ks_pools[i].inuse;
	return 0;
}

static void
kt_state_report(const struct kt_state *before, const struct kt_state *after)
{
	struct pool *pp;

	kt_leak("free pages", "", before->ks_free, after->ks_free);
	kt_leak("managed mappings", "", before->ks_pv, after->ks_pv);
	kt_leak(
	    "kernel map entries", "", before->ks_kmapent, after->ks_kmapent);
	kt_leak("pool items", "", before->ks_pool, after->ks_pool);
	for (u_int i = 0; i < after->ks_npools; i++) {
		pp = after->ks_pools[i].pool;
		kt_leak("items of pool ", pp->pr_name,
		    kt_state_pool(before, pp), after->ks_pools[i].inuse);
	}
}

/*
 * Compare with the state before the test, once nothing changes any more.
 */
static void
kt_state_check(void)
{
	for (int i = 0; i < SETTLE_TRIES; i++) {
		kt_state_take(&kt_after);
		if (kt_state_equal(&kt_before, &kt_after))
			return;
		kt_sleep_ms(10);
	}
	kt_state_report(&kt_before, &kt_after);
}

/* -- Threads ------------------------------------------------------------------------- */

/*
 * Locks used to protect members:
 *	I	immutable once the thread runs
 *	a	atomic operations
 */
struct kt_thread {
	void (*t_fn)(void *); /* [I] */
	void *t_arg; /* [I] */
	uint64_t t_mask; /* [I] */
	volatile uint32_t t_done; /* [a] */
};

static void
kt_thread_main(void *arg)
{
	struct kt_thread *t = arg;

	if (t->t_mask != 0) {
		sched_setaffinity(curproc, t->t_mask);
		yield();
	}
	t->t_fn(t->t_arg);
	atomic_store_rel(&t->t_done, 1);
	wakeup((const void *)&kt);
	kthread_exit();
}

struct kt_thread *
kt_spawn(void (*fn)(void *), void *arg, uint64_t mask)
{
	struct kt_thread *t = kmem_alloc(sizeof(*t), PR_WAITOK);

	t->t_fn = fn;
	t->t_arg = arg;
	t->t_mask = mask & ((1UL << ncpus) - 1);
	t->t_done = 0;
	while (kthread_create(kt_thread_main, t, NULL, "ktest") != 0)
		kt_sleep_ms(10);
	return t;
}

void
kt_join(struct kt_thread *t)
{
	/* Not under a lock, so the sleep must end by itself too. */
	while (atomic_load_acq(&t->t_done) == 0)
		tsleep((const void *)&kt, PWAIT, "ktjoin", 5000000);
	kmem_free(t, sizeof(*t));
}

void
kt_parallel(int n, void (*fn)(void *), void *arg, size_t argsize)
{
	struct kt_thread *t[32];

	KASSERT(n <= (int)nitems(t));
	for (int i = 0; i < n; i++)
		t[i] = kt_spawn(fn, (char *)arg + (size_t)i * argsize,
		    1UL << ((u_int)i % ncpus));
	for (int i = 0; i < n; i++)
		kt_join(t[i]);
}

void
kt_sleep_ms(unsigned ms)
{
	static int never;

	tsleep(&never, PWAIT, "ktsleep", ms * 1000000UL);
}

void
kt_pin(u_int index)
{
	KASSERT(index < ncpus);
	sched_setaffinity(curproc, 1UL << index);
	while (curcpu()->ci_index != index)
		yield();
}

void
kt_unpin(void)
{
	sched_setaffinity(curproc, ~0UL);
}

void
kt_barrier_init(struct kt_barrier *kb, uint32_t n)
{
	kb->kb_count = kb->kb_round = 0;
	kb->kb_n = n;
}

void
kt_barrier_wait(struct kt_barrier *kb)
{
	uint32_t round = atomic_load_acq(&kb->kb_round), spins = 0;

	if (atomic_add_acq_rel(&kb->kb_count, 1) + 1 == kb->kb_n) {
		atomic_store(&kb->kb_count, 0);
		atomic_store_rel(&kb->kb_round, round + 1);
		return;
	}
	while (atomic_load_acq(&kb->kb_round) == round)
		if (++spins % BARRIER_SPINS == 0)
			yield();
		else
			cpu_spinwait();
}

/* -- Memory pressure ------------------------------------------------------------------- */

static struct pglist kt_balloon_pages =
    TAILQ_HEAD_INITIALIZER(kt_balloon_pages); /* [test thread] */

/* => holds n more pages; FALSE: not even in single pages to be had */
static bool
balloon_grow(long n)
{
	struct pglist list;

	TAILQ_INIT(&list);
	if (uvm_pglistalloc(ptoa(n), 0, ~0UL, PAGE_SIZE, 0, &list, (int)n,
		UVM_PLA_NOWAIT) != 0)
		return false;
	TAILQ_CONCAT(&kt_balloon_pages, &list, pageq);
	return true;
}

static void
balloon_shrink(long n)
{
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	struct vm_page *pg;

	for (; n > 0 && (pg = TAILQ_FIRST(&kt_balloon_pages)) != NULL; n--) {
		TAILQ_REMOVE(&kt_balloon_pages, pg, pageq);
		TAILQ_INSERT_TAIL(&list, pg, pageq);
	}
	uvm_pglistfree(&list);
}

/* => FALSE: there is no way to leave that many */
static bool
balloon_fit(long free)
{
	long chunk = 1024, have;

	while ((have = uvm_free_count()) > free && chunk > 0) {
		chunk = MIN(chunk, have - free);
		if (!balloon_grow(chunk))
			chunk /= 2;
	}
	if (have < free)
		balloon_shrink(free - have);
	return uvm_free_count() >= free;
}

/*
 * Taking pages wakes the daemon, which empties caches, some of them by way of
 * process zero: what that frees comes later.  So they are emptied first.
 */
bool
kt_balloon(long free)
{
	bool fits = true;

	kt_settle();
	for (int i = 0; i < BALLOON_TRIES && fits; i++) {
		if (uvm_pd_rests() && uvm_free_count() == free)
			return true;
		fits = balloon_fit(free);
		kt_sleep_ms(1);
	}
	return false;
}

void
kt_balloon_release(void)
{
	if (!TAILQ_EMPTY(&kt_balloon_pages))
		uvm_pglistfree(&kt_balloon_pages);
	TAILQ_INIT(&kt_balloon_pages);
}

/* -- The run ----------------------------------------------------------------------------- */

/* => does the comma-separated list of patterns name the test? */
static bool
ktest_selected(const char *which, const char *name)
{
	const char *end;
	size_t n;

	if (strcmp(which, "all") == 0)
		return true;
	for (;; which = end + 1) {
		for (end = which; *end != '\0' && *end != ','; end++)
			;
		n = (size_t)(end - which);
		if (n > 0 && which[n - 1] == '*') {
			if (strncmp(name, which, n - 1) == 0)
				return true;
		} else if (strlen(name) == n && strncmp(name, which, n) == 0)
			return true;
		if (*end == '\0')
			return false;
	}
}

static void
ktest_thread(void *arg)
{
	const struct ktest *t = arg;

	t->kt_fn();
	kt_balloon_release();
	atomic_store_rel(&kt.done, 1);
	wakeup((const void *)&kt);
	kthread_exit();
}

/*
 * A test that hangs may hold its hart for ever, so this comes by interrupt;
 * the backtrace then shows what the hart was doing.
 */
static void
ktest_expired(void *arg)
{
	panic(
	    "test %s takes more than %d seconds", kt_running(), KTEST_TIMEOUT);
}

static void
ktest_wait(void)
{
	static struct timeout watchdog;

	timeout_set(&watchdog, ktest_expired, NULL);
	timeout_add_nsec(&watchdog, KTEST_TIMEOUT * 1000000000UL);
	while (atomic_load_acq(&kt.done) == 0)
		tsleep((const void *)&kt, PWAIT, "ktest", 10000000);
	timeout_del_barrier(&watchdog);
}

/* The auditor of Image-test takes its place (tests/kern/kt_audit.c). */
int __attribute__((__weak__)) ktest_audit(void)
{
	return 0;
}

/* => number of failed checks */
static uint32_t
ktest_run(const struct ktest *t)
{
	kt.failures = 0;
	kt.skipped = NULL;
	kt.done = 0;
	kt.random = kt.seed;
	for (const char *c = t->kt_name; *c != '\0'; c++)
		kt.random = kt.random * 31 + (u_char)*c;
	kt_state_take(&kt_before);
	kt.test = t;
	if (kthread_create(
		ktest_thread, (void *)(uintptr_t)t, NULL, t->kt_name) != 0)
		panic("no memory for the thread of a test");
	ktest_wait();
	kt_state_check();
	kt.failures += (uint32_t)ktest_audit();
	kt.test = NULL;
	return kt.failures;
}

static void
ktest_report(int n, const struct ktest *t, uint32_t failures, uint64_t ns)
{
	if (failures == 0 && kt.skipped != NULL) {
		printf("ok %d - %s # SKIP %s\n", n, t->kt_name, kt.skipped);
		return;
	}
	printf("%sok %d - %s (%lu ms)\n", failures == 0 ? "" : "not ", n,
	    t->kt_name, (u_long)(ns / 1000000));
	if (failures != 0)
		printf("# rerun: make test-guest T=ktest:%s SEED=%lu\n",
		    t->kt_name, (u_long)kt.seed);
}

static int
ktest_compare(const void *a, const void *b)
{
	const struct ktest *const *x = a, *const *y = b;

	return strcmp((*x)->kt_name, (*y)->kt_name);
}

/*
 * How tests lie in their section is the compiler's choice, so they are sorted
 * before they are shuffled.
 * => tests chosen, in an order that depends on the seed
 */
static int
ktest_choose(const char *which, const struct ktest **list)
{
	uint64_t state = kt.seed;
	const struct ktest *tmp;
	int n = 0, j;

	for (const struct ktest *const *t = __start_set_ktest;
	     t < __stop_set_ktest; t++)
		if (ktest_selected(which, (*t)->kt_name))
			list[n++] = *t;
	ksort(list, (size_t)n, sizeof(*list), ktest_compare);
	for (int i = n - 1; i > 0; i--) {
		j = (int)(kt_random_r(&state) % (uint64_t)(i + 1));
		tmp = list[i];
		list[i] = list[j];
		list[j] = tmp;
	}
	return n;
}

static void
kt_nothing(void *arg)
{
}

/*
 * What is allocated once and kept (levels of the kernel object's page tree,
 * page tables of the kernel) shall not count against the test that comes first.
 */
static void
kt_warm_up(void)
{
	(void)pmap_growkernel(VM_MIN_KERNEL_ADDRESS + KTEST_KVA);
	kt_parallel(24, kt_nothing, NULL, 0);
	kt_settle();
}

void
ktest_main(const char *which)
{
	size_t room = (size_t)(__stop_set_ktest - __start_set_ktest);
	const struct ktest **list =
	    kmem_alloc((room + 1) * sizeof(*list), PR_WAITOK);
	int n, passed = 0, failed = 0, skipped = 0;
	uint32_t failures;
	uint64_t start;

	kt.seed = boot_option_u64("seed", arc4random());
	kt_warm_up();
	(void)ktest_audit(); /* it takes memory once */
	n = ktest_choose(which, list);
	printf("ktest: seed=%lu, %u harts, %ld pages free\n", (u_long)kt.seed,
	    ncpus, uvm_free_count());
	if (&__start_set_ktest[0] == &__stop_set_ktest[0])
		printf("# this kernel holds no tests: boot Image-test\n");
	else if (n == 0)
		printf("# no test is called %s\n", which);
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		start = nsecuptime();
		failures = ktest_run(list[i]);
		ktest_report(i + 1, list[i], failures, nsecuptime() - start);
		if (failures != 0)
			failed++;
		else if (kt.skipped != NULL)
			skipped++;
		else
			passed++;
	}
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	printf("vmrun: exit %d\n", failed != 0 || n == 0);
	cpu_reset(RB_POWEROFF);
}
