/*
 * Harts of the simulated machine: which one executes, interrupts, time,
 * contexts of threads; and chance.
 */
#include <tests/sim/host/machine.h>
#include <sys/cons.h>
#include <sys/timeout.h>
#include <pmap/sv39/pmap_boot.h>
#include <pmap/sv39/pmap_hw.h>

#define POINT_NSEC 20 /* a stretch between two decisions takes this much */
#define SPIN_NSEC  50
#define STALL_MAX  400 /* decisions about the others */
#define SPIN_COUNTS \
	16 /* a spin counts as so many: it may wait for a stalled one */
#define SPIN_MAX 50000000UL /* in a row: nobody will end it */
#define TIME_MAX (4000 * 1000000000UL)

struct cpu_info cpu_info_store[MAXCPUS];
u_int ncpus;
struct proc *sim_curproc;
bool *sim_sie;
volatile uint32_t sim_pending;
int32_t sim_countdown = INT32_MAX;
uint64_t sim_places;

struct sim_config sim_config;
struct sim_hart sim_harts[MAXCPUS];
u_int sim_cur;
void (*sim_fail_hook)(void);

static uint64_t now; /* uptime, ns */
static uint64_t timer_next = INFSLP; /* when the first timer is due */
static uint64_t random_state, trace_hash;
static u_int atomic_depth;
static uint64_t spins; /* since something else happened */
static uint64_t decisions; /* which hart goes on, so far */
static struct host_fiber *cur_fiber;

/* -- Chance ------------------------------------------------------------------ */

void
sim_trace_mix(uint64_t v)
{
	trace_hash = (trace_hash ^ v) * 0x100000001b3UL;
	trace_hash ^= trace_hash >> 29;
}

uint64_t
sim_trace_hash(void)
{
	sim_trace_mix(sim_places);
	return trace_hash;
}

uint64_t
sim_random(void)
{
	uint64_t x = (random_state += 0x9e3779b97f4a7c15UL);

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebUL;
	return x ^ x >> 31;
}

uint64_t
sim_below(uint64_t n)
{
	return (sim_random() >> 32) * n >> 32;
}

bool
sim_chance(u_int n)
{
	return n != 0 && sim_below(n) == 0;
}

bool
sim_alloc_fails(void)
{
	return sim_chance(sim_config.fail);
}

/* -- Which hart executes ------------------------------------------------------ */

static void
fiber_switch(struct host_fiber *to)
{
	struct host_fiber *from = cur_fiber;

	cur_fiber = to;
	host_fiber_switch(from, to);
}

static void
countdown_start(void)
{
	sim_countdown = sim_config.preempt == 0
	    ? INT32_MAX
	    : (int32_t)sim_below(2UL * sim_config.preempt) + 1;
}

/* Interrupts of timers that are due become pending. */
static void
timers_check(void)
{
	struct sim_hart *h;

	timer_next = INFSLP;
	for (h = sim_harts; h < sim_harts + ncpus; h++) {
		if (h->h_timer <= now) {
			h->h_timer = INFSLP;
			h->h_due = true;
			sim_pending |= 1U << h->h_cpu->ci_index;
		}
		timer_next = MIN(timer_next, h->h_timer);
	}
}

static void
time_passes(uint64_t ns)
{
	now += ns;
	if (now >= timer_next)
		timers_check();
	if (__predict_false(now > TIME_MAX))
		sim_fail("nothing has come to an end after %lu seconds",
		    now / 1000000000UL);
}

static bool
hart_runs(u_int i)
{
	return !sim_harts[i].h_idle || (sim_pending >> i & 1) != 0;
}

/*
 * Others than the one that executes, which have something to do.
 * => bit per hart; stalled ones only if this one waits and there is no other
 */
static uint32_t
harts_ready(bool waits)
{
	uint32_t all = 0, ready = 0;

	for (u_int i = 0; i < ncpus; i++)
		if (i != sim_cur && hart_runs(i)) {
			all |= 1U << i;
			if (sim_harts[i].h_stalled <= decisions)
				ready |= 1U << i;
		}
	return ready != 0 || !waits ? ready : all;
}

/* => another hart that has something to do, by chance; MAXCPUS: none */
static u_int
hart_other(bool waits)
{
	uint32_t ready = harts_ready(waits);
	u_int k;

	if (ready == 0)
		return MAXCPUS;
	k = (u_int)sim_below((u_int)__builtin_popcount(ready));
	while (k-- > 0)
		ready &= ready - 1;
	return (u_int)__builtin_ctz(ready);
}

static void
hart_switch(u_int to)
{
	struct sim_hart *h = &sim_harts[sim_cur];

	h->h_fiber = cur_fiber;
	h->h_proc = sim_curproc;
	if (sim_chance(sim_config.stall))
		h->h_stalled = decisions + sim_below(STALL_MAX);
	h = &sim_harts[to];
	sim_trace_mix(to + 1);
	sim_cur = to;
	sim_curproc = h->h_proc;
	sim_sie = &h->h_sie;
	fiber_switch(h->h_fiber);
}

/*
 * => fiber context: time passes, interrupts come, maybe another hart goes on
 */
void
sim_preempt_now(void)
{
	u_int to;

	countdown_start();
	if (atomic_depth > 0)
		return;
	spins = 0;
	decisions++;
	time_passes(POINT_NSEC);
	if (sim_pending >> sim_cur & 1)
		sim_interrupts();
	if (ncpus > 1 && (to = hart_other(false)) != MAXCPUS)
		hart_switch(to);
}

#ifdef SIM_COVERAGE
void
sim_point(void)
{
	if (--sim_countdown < 0)
		sim_preempt_now();
}
#endif

void
sim_spin(void)
{
	u_int to;

	KASSERT(atomic_depth == 0);
	if (++spins > SPIN_MAX)
		sim_fail("thread %d spins for ever", curproc->p_tid);
	decisions += SPIN_COUNTS;
	time_passes(SPIN_NSEC);
	if (sim_pending >> sim_cur & 1)
		sim_interrupts();
	if ((to = hart_other(true)) != MAXCPUS)
		hart_switch(to);
}

void
sim_atomic_enter(void)
{
	atomic_depth++;
}

void
sim_atomic_leave(void)
{
	KASSERT(atomic_depth > 0);
	atomic_depth--;
}

uint64_t
sim_now(void)
{
	return now;
}

uint64_t
nsecuptime(void)
{
	return now;
}

/* -- Interrupts ----------------------------------------------------------------- */

static void
ipi_interrupt(struct cpu_info *ci)
{
	uint32_t reasons = atomic_swap_acq_rel(&ci->ci_ipi, 0);

	while (reasons & IPI_HALT)
		sim_spin();
	if (reasons & IPI_FENCEI)
		pmap_hw_fencei();
	if (reasons & IPI_PMAP)
		pmap_ipi();
	if (reasons & IPI_TIMER)
		clock_ipi();
	if ((reasons & IPI_RESCHED) && ci->ci_curproc != ci->ci_idleproc)
		ci->ci_resched = 1;
}

/* => TRUE: one was pending and has been served; interrupts are on */
static bool
interrupt(struct sim_hart *h)
{
	struct cpu_info *ci = h->h_cpu;
	uint32_t bit = 1U << ci->ci_index;

	if (!h->h_sie || (sim_pending & bit) == 0)
		return false;
	sim_pending &= ~bit;
	h->h_sie = false;
	ci->ci_intrdepth++;
	UVMCNT_INC(intrs);
	if (h->h_due) {
		h->h_due = false;
		clock_intr(&curproc->p_tf, false);
	}
	if (ci->ci_ipi != 0)
		ipi_interrupt(ci);
	if (--ci->ci_intrdepth == 0 && ci->ci_softq != NULL)
		softintr_run();
	h->h_sie = true;
	return true;
}

void
sim_interrupts(void)
{
	if (atomic_depth == 0)
		while (interrupt(&sim_harts[sim_cur]))
			;
}

void
cpu_ipi(struct cpu_info *ci, uint32_t reason)
{
	atomic_or_acq_rel(&ci->ci_ipi, reason);
	sim_pending |= 1U << ci->ci_index;
}

void
cpu_timer_arm(uint64_t uptime)
{
	sim_harts[sim_cur].h_timer = uptime;
	timers_check();
}

/* Nobody has anything to do: on to the next timer. */
static void
time_jump(void)
{
	if (timer_next == INFSLP)
		sim_fail("every hart is idle and no timer is set");
	time_passes(timer_next - now);
}

void
cpu_idle(void)
{
	struct sim_hart *h = &sim_harts[sim_cur];
	uint32_t bit = 1U << sim_cur;
	u_int to;

	KASSERT(!h->h_sie && atomic_depth == 0);
	h->h_idle = true;
	spins = 0;
	while ((sim_pending & bit) == 0)
		if ((to = hart_other(true)) != MAXCPUS)
			hart_switch(to);
		else
			time_jump();
	h->h_idle = false;
	intr_enable();
	intr_disable();
}

#define REST_TRIES 1000000

static bool
others_idle(void)
{
	for (u_int i = 0; i < ncpus; i++)
		if (i != sim_cur && hart_runs(i))
			return false;
	return true;
}

void
sim_at_rest(void (*fn)(void *), void *arg)
{
	u_int tries = 0;

	for (yield(); !others_idle(); yield()) {
		if (++tries > REST_TRIES)
			sim_fail("the harts do not come to rest");
		sim_spin();
	}
	sim_atomic_enter();
	fn(arg);
	sim_atomic_leave();
}

/* -- What threads wait for ---------------------------------------------------------- */

#define NWCHAN 4096 /* power of two; variables of the program */

static struct {
	const volatile void *wc_ident;
	uintptr_t wc_number;
} wchans[NWCHAN];

/*
 * Which variables share an address after one another on a stack is the
 * compiler's choice: all of a stack have one number.
 * => an address of the machine, or a number that depends on how many others
 *    were slept on before
 */
uintptr_t
sim_wchan(const volatile void *ident)
{
	static uintptr_t last;
	uintptr_t stack, i = (uintptr_t)ident;
	u_int n = 0;

	if (i >= KDMAP_BASE && i < KVA_BASE + KVA_SIZE)
		return i;
	if ((stack = host_stack_of(ident)) != 0)
		ident = (void *)stack;
	for (i = (uintptr_t)ident >> 3; wchans[i % NWCHAN].wc_ident != ident;
	     i++) {
		if (wchans[i % NWCHAN].wc_ident == NULL) {
			wchans[i % NWCHAN].wc_ident = ident;
			wchans[i % NWCHAN].wc_number = last += 32;
			break;
		}
		if (++n == NWCHAN)
			sim_fail("more than %d wait channels", NWCHAN);
	}
	i = wchans[i % NWCHAN].wc_number;
	sim_trace_mix(i);
	return i;
}

/* -- Contexts of threads ---------------------------------------------------------- */

#define NFIBER 4096 /* power of two; threads' structures ever used */

/* Structures come from a pool and come back: so do their fibers. */
static struct thread_fiber {
	const struct proc *tf_proc;
	struct host_fiber *tf_fiber;
	void (*tf_fn)(void *);
	void *tf_arg;
} fibers[NFIBER];

/* => entry of p, made if need be */
static struct thread_fiber *
fiber_of(const struct proc *p)
{
	u_int i = (u_int)((uintptr_t)p / CACHE_LINE * 0x9e3779b1U >> 8);

	for (u_int n = 0; n < NFIBER; n++, i++)
		if (fibers[i % NFIBER].tf_proc == p ||
		    fibers[i % NFIBER].tf_proc == NULL) {
			fibers[i % NFIBER].tf_proc = p;
			return &fibers[i % NFIBER];
		}
	sim_fail("more than %d threads", NFIBER);
}

static void
thread_trampoline(void *arg)
{
	struct thread_fiber *tf = arg;

	tf->tf_fn(tf->tf_arg);
	panic("thread returns");
}

void
cpu_thread_setup(struct proc *p, void (*func)(void *), void *arg)
{
	struct thread_fiber *tf = fiber_of(p);

	tf->tf_fn = func;
	tf->tf_arg = arg;
	if (tf->tf_fiber == NULL)
		tf->tf_fiber = host_fiber_create(thread_trampoline, tf);
	else
		host_fiber_reset(tf->tf_fiber, thread_trampoline, tf);
}

void
cpu_switchto(struct proc *old, struct proc *new)
{
	sim_trace_mix((uint64_t) new->p_tid << 8);
	sim_curproc = new;
	fiber_switch(fiber_of(new)->tf_fiber);
}

/* The machine has no user registers and no floating-point unit. */
void
cpu_fork_user(struct proc *p1, struct proc *p2, vaddr_t stack)
{
	p2->p_tf = p1->p_tf;
	if (stack != 0)
		p2->p_tf.tf_sp = stack;
}

void
cpu_setregs(struct proc *p, vaddr_t entry, vaddr_t sp)
{
	memset(&p->p_tf, 0, sizeof(p->p_tf));
	p->p_tf.tf_sepc = entry;
	p->p_tf.tf_sp = sp;
}

void
cpu_fp_save(struct proc *p)
{
}

void
cpu_fp_discard(struct proc *p)
{
}

void
cpu_fp_set(struct proc *p, const struct fpregs *fp)
{
	p->p_pcb.pcb_fp = *fp;
}

void
cpu_return_to_user(void)
{
	panic("the simulated machine runs no instructions");
}

void
cpu_fencei_all(void)
{
	pmap_fencei_all();
}

void
cpu_print_backtrace(void)
{
	host_backtrace();
}

/* -- Start and stop ------------------------------------------------------------------ */

static void
hart_init(u_int i, struct proc *p)
{
	struct cpu_info *ci = &cpu_info_store[i];
	struct sim_hart *h = &sim_harts[i];

	ci->ci_index = i;
	ci->ci_hartid = i;
	ci->ci_online = 1;
	ci->ci_curproc = p;
	h->h_cpu = ci;
	h->h_proc = p;
	h->h_timer = INFSLP;
}

void
sim_machine_init(void)
{
	static struct host_fiber boot;

	random_state = sim_config.seed * 0x9e3779b97f4a7c15UL + 1;
	trace_hash = sim_config.seed;
	hart_init(0, &proc0);
	ncpus = 1;
	sim_curproc = &proc0;
	sim_sie = &sim_harts[0].h_sie;
	cur_fiber = &boot;
	fiber_of(&proc0)->tf_fiber = &boot;
}

static void
hart_hatch(void *arg)
{
	struct cpu_info *ci = arg;

	sim_paging_on(ci);
	sched_cpu_start(ci);
}

void
cpu_start_all(void)
{
	struct cpu_info *ci;

	while (ncpus < sim_config.harts) {
		ci = &cpu_info_store[ncpus];
		hart_init(ncpus, NULL);
		sched_cpu_prepare(ci);
		uvm_cpu_prepare(ci);
		sim_harts[ncpus].h_proc = ci->ci_curproc = ci->ci_idleproc;
		cpu_thread_setup(ci->ci_idleproc, hart_hatch, ci);
		sim_harts[ncpus].h_fiber = fiber_of(ci->ci_idleproc)->tf_fiber;
		ncpus++;
	}
	countdown_start();
}

void
cpu_reset(int howto)
{
	if (howto == RB_PANIC)
		sim_fail("panic: %s", panicstr);
	host_exit(sim_exit_status());
}

/* There are no devices. */
bool
cpu_paddr_mappable(paddr_t pa)
{
	return false;
}
