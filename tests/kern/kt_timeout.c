/* Timeouts, soft interrupts, time, the trace ring, printf, random numbers. */
#include <sys/ktest.h>
#include <sys/atomic.h>
#include <sys/ktrace.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>

#define NTO 200

/* Locks used to protect members: a atomic, I set before it is armed */
struct fired {
	struct timeout to;
	uint64_t due; /* [I] uptime */
	volatile uint64_t at; /* [a] uptime it ran, 0: not yet */
	volatile uint32_t count; /* [a] */
};

static struct fired fired[NTO];
static volatile uint32_t nfired; /* [a] */
static volatile uint64_t last_due; /* [hart 0, interrupt] */
static volatile uint32_t misordered; /* [a] */

static void
note(void *arg)
{
	struct fired *f = arg;

	f->at = nsecuptime();
	if (f->due < last_due)
		atomic_add(&misordered, 1);
	last_due = f->due;
	atomic_add(&f->count, 1);
	atomic_add(&nfired, 1);
}

static void
fired_reset(void)
{
	memset((void *)fired, 0, sizeof(fired));
	nfired = misordered = 0;
	last_due = 0;
	for (int i = 0; i < NTO; i++)
		timeout_set(&fired[i].to, note, &fired[i]);
}

KTEST(timeout_order)
{
	unsigned long s;
	uint64_t now;

	kt_pin(0);
	fired_reset();
	/* None fires before all are there, however slow the host is. */
	s = intr_disable();
	now = nsecuptime() + 5000000;
	for (int i = 0; i < NTO; i++) {
		fired[i].due = now + kt_random() % 20000000;
		KT_CHECK(!timeout_add_abs(&fired[i].to, fired[i].due));
	}
	intr_restore(s);
	for (int i = 0; i < 200 && nfired < NTO; i++)
		kt_sleep_ms(5);
	KT_EQ(nfired, NTO);
	KT_EQ(misordered, 0);
	for (int i = 0; i < NTO; i++) {
		KT_EQ(fired[i].count, 1);
		KT_CHECK(fired[i].at >= fired[i].due);
	}
	kt_unpin();
}

KTEST(timeout_delete)
{
	uint32_t expect = 0;

	fired_reset();
	for (int i = 0; i < NTO; i++)
		timeout_add_nsec(
		    &fired[i].to, 30000000 + kt_random() % 10000000);
	for (int i = 0; i < NTO; i += 2)
		KT_CHECK(timeout_del(&fired[i].to));
	for (int i = 0; i < NTO; i += 4) {
		KT_CHECK(!timeout_del(&fired[i].to));
		KT_CHECK(!timeout_add_nsec(&fired[i].to, 40000000));
		KT_CHECK(timeout_add_nsec(&fired[i].to, 20000000));
	}
	kt_sleep_ms(100);
	for (int i = 0; i < NTO; i++)
		timeout_del_barrier(&fired[i].to);
	for (int i = 0; i < NTO; i++) {
		expect += i % 4 != 2;
		KT_EQ(fired[i].count, i % 4 != 2);
	}
	KT_EQ(nfired, expect);
}

static volatile bool race_over;

static void
timeout_racer(void *arg)
{
	uint64_t state = kt_seed() ^ (uintptr_t)curproc;
	struct fired *f;

	for (int i = 0; i < 5000; i++) {
		f = &fired[kt_random_r(&state) % 8];
		switch (kt_random_r(&state) % 3) {
		case 0:
			timeout_add_nsec(&f->to, kt_random_r(&state) % 50000);
			break;
		case 1:
			timeout_del(&f->to);
			break;
		case 2:
			timeout_del_barrier(&f->to);
			break;
		}
		if (i % 64 == 0)
			yield();
	}
}

/* The same few timeouts armed and disarmed from all harts. */
KTEST(timeout_race)
{
	uint32_t before;

	fired_reset();
	race_over = false;
	kt_parallel(8, timeout_racer, NULL, 0);
	for (int i = 0; i < 8; i++)
		timeout_del_barrier(&fired[i].to);
	before = nfired;
	kt_sleep_ms(5);
	KT_EQ(nfired, before);
	for (int i = 0; i < 8; i++)
		KT_CHECK(!timeout_del(&fired[i].to));
}

static volatile uint32_t rearmed; /* [a] */

static void
rearm(void *arg)
{
	if (atomic_add(&rearmed, 1) + 1 < 10)
		timeout_add_nsec(arg, 100000);
}

KTEST(timeout_rearm)
{
	static struct timeout to;

	rearmed = 0;
	timeout_set(&to, rearm, &to);
	timeout_add_nsec(&to, 100000);
	for (int i = 0; i < 200 && rearmed < 10; i++)
		kt_sleep_ms(1);
	KT_EQ(rearmed, 10);
	timeout_del_barrier(&to);
}

KTEST(time_monotonic)
{
	uint64_t last = 0, now, wall = nsecwall(), up = nsecuptime();

	for (int i = 0; i < 2000; i++) {
		if (i % 100 == 0)
			kt_pin((u_int)i / 100 % ncpus);
		now = nsecuptime();
		KT_CHECK(now >= last);
		last = now;
	}
	kt_unpin();
	set_wall(1000000000UL * 1000000);
	KT_RANGE(nsecwall() / 1000000000, 1000000, 1000060);
	set_wall(wall + (nsecuptime() - up));
}

/* -- Soft interrupts ------------------------------------------------------------------ */

static volatile uint32_t soft_runs; /* [a] */
static volatile uint32_t soft_bad; /* [a] ran where it must not */

static void
soft_fn(void *arg)
{
	struct cpu_info *ci = curcpu();

	if (ci->ci_mtxdepth != 0 || ci->ci_intrdepth == 0)
		atomic_add(&soft_bad, 1);
	atomic_add(&soft_runs, 1);
}

static void
soft_wait(uint32_t n)
{
	for (int i = 0; i < 1000 && soft_runs < n; i++)
		kt_sleep_ms(1);
	KT_EQ(soft_runs, n);
}

KTEST(softintr)
{
	struct mutex m = MUTEX_INITIALIZER(LR_MISC, "soft");
	static struct softintr si;
	struct uvmexp s;

	softintr_establish(&si, soft_fn, NULL);
	soft_runs = soft_bad = 0;
	KT_SNAP(&s);
	for (uint32_t i = 1; i <= 5; i++) {
		softintr_schedule(&si);
		soft_wait(i);
	}
	KT_EQ(KT_DELTA(&s, softs), 5);
	mtx_enter(&m);
	softintr_schedule(&si);
	softintr_schedule(&si); /* pending already: one run */
	KT_EQ(soft_runs, 5);
	mtx_leave(&m);
	soft_wait(6);
	KT_EQ(soft_bad, 0);
}

/* -- The log ---------------------------------------------------------------------------- */

static void
chatter(void *arg)
{
	char mark = *(char *)arg;

	for (int i = 0; i < 5; i++)
		printf("# chatter %c%c%c%c%c%c%c%c\n", mark, mark, mark, mark,
		    mark, mark, mark, mark);
}

/* => the line at *pos of text, of length *len; false at the end */
static bool
next_line(const char *text, size_t n, size_t *pos, size_t *start, size_t *len)
{
	*start = *pos;
	while (*pos < n && text[*pos] != '\n')
		(*pos)++;
	*len = *pos - *start;
	return (*pos)++ < n;
}

static bool
chatter_line_ok(const char *line, size_t len)
{
	static const char head[] = "# chatter ";
	size_t i = 0;

	while (i < len && line[i] != ']')
		i++;
	i += 2;
	if (line[0] != '[' || i + sizeof(head) - 1 + 8 != len ||
	    strncmp(line + i, head, sizeof(head) - 1) != 0)
		return false;
	line += i + sizeof(head) - 1;
	for (i = 1; i < 8; i++)
		if (line[i] != line[0])
			return false;
	return true;
}

/* Lines of several harts do not mix, and the ring keeps them all. */
KTEST(printf_lines)
{
	static char marks[4] = "abcd", text[16384];
	size_t n, pos = 0, start, len;
	uint64_t seq, oldest;
	int lines = 0;

	log_bounds(&oldest, &seq);
	KT_CHECK(oldest <= seq);
	kt_parallel(4, chatter, marks, 1);
	n = log_read(text, sizeof(text), &seq);
	while (next_line(text, n, &pos, &start, &len)) {
		KT_CHECK(chatter_line_ok(text + start, len));
		lines++;
	}
	KT_EQ(lines, 20);
	KT_EQ(log_read(text, sizeof(text), &seq), 0);
}

KTEST(printf_stamp)
{
	uint64_t seq, oldest;
	char text[256];
	size_t n;

	log_bounds(&oldest, &seq);
	printf("# one");
	printf(" line\n# %s\n", "another");
	n = log_read(text, sizeof(text) - 1, &seq);
	text[n] = '\0';
	KT_EQ(text[0], '[');
	KT_CHECK(strchr(text, '\n') != NULL);
	KT_CHECK(strncmp(strchr(text, ']'), "] # one line\n[", 14) == 0);
}

/* -- Random numbers ------------------------------------------------------------------------ */

KTEST(random_numbers)
{
	static uint8_t buf[4096], again[4096];
	int ones = 0, seen[256] = { 0 };
	uint64_t before;

	arc4random_buf(buf, sizeof(buf));
	arc4random_buf(again, sizeof(again));
	KT_CHECK(memcmp(buf, again, sizeof(buf)) != 0);
	for (size_t i = 0; i < sizeof(buf); i++) {
		seen[buf[i]]++;
		for (int b = 0; b < 8; b++)
			ones += buf[i] >> b & 1;
	}
	/* 32768 fair bits: six standard deviations either way */
	KT_RANGE(ones, 16384 - 543, 16384 + 543);
	for (int i = 0; i < 256; i++)
		KT_RANGE(seen[i], 0, 64);
	random_add("entropy", 7);
	before = arc4random64();
	KT_CHECK(arc4random64() != before);
}

/* -- The trace ring -------------------------------------------------------------------------- */

KTEST(ktrace)
{
	uint64_t seq, oldest;
	char text[2048];
	size_t n;

	kt_pin(0);
	log_bounds(&oldest, &seq);
	ktrace_event("kt_mark_one", 0x1234, 0x5678);
	ktrace_event("kt_mark_two", 1, 2);
	ktrace_dump(8);
	n = log_read(text, sizeof(text) - 1, &seq);
	text[n] = '\0';
	kt_unpin();
	for (const char *c = text; *c != '\0'; c++)
		if (strncmp(c, "kt_mark_one 0x1234 0x5678", 25) == 0)
			return;
	KT_CHECK(!"the event is in the dump");
}
