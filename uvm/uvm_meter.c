/* Counters of all harts, and load averages. */
#include <uvm/uvm_pgcache.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm_bsd.h>

/* Runnable threads over 1, 5, 15 minutes.  Written by uvm_meter() alone. */
struct loadavg averunnable = { { 0, 0, 0 }, FSCALE };

/* -- Counters ----------------------------------------------------------------------- */

/*
 * What the harts' shares added up to when they were last folded into uvmexp;
 * so changes made to uvmexp itself are kept too.
 */
static struct mutex collect_mtx = MUTEX_INITIALIZER(LR_MISC, "uvmexp");
static u_int folded[UVMEXP_NMEMBERS]; /* collect_mtx */

static u_int
sum_member(size_t i)
{
	struct cpu_info *ci, *end = cpu_info_store + MAX(ncpus, 1);
	u_int sum = 0;

	for (ci = cpu_info_store; ci < end; ci++)
		sum += atomic_load(&((u_int *)&ci->ci_uvmexp)[i]);
	return sum;
}

/*
 * Bring the global uvmexp up to date.
 * => any context but under a lock of rank LR_MISC or later
 */
void
uvmexp_collect(void)
{
	u_int *global = (u_int *)&uvmexp, sum;

	mtx_enter(&collect_mtx);
	for (size_t i = 0; i < UVMEXP_NMEMBERS; i++) {
		sum = sum_member(i);
		if (sum != folded[i]) {
			atomic_add(&global[i], sum - folded[i]);
			folded[i] = sum;
		}
	}
	uvmexp.free = (int)uvm_free_count();
	uvmexp.zeropages = (int)uvm_zero_count();
	uvmexp.active = uvm_pageq_active();
	uvmexp.inactive = uvm_pageq_inactive();
	uvmexp.wired = uvm_pageq_wired();
	mtx_leave(&collect_mtx);
}

/* -- Load ------------------------------------------------------------------------------ */

#define LOAD_PERIOD 5 /* seconds between samples */

/* FSCALE * exp(-LOAD_PERIOD / (60 * minutes)), rounded, for 1, 5, 15 minutes */
static const uint32_t load_decay[3] = { 1884, 2014, 2037 };

/*
 * Once a second: load averages; wakes process zero if it slept for long.
 * => thread or soft clock context, no locks
 */
void
uvm_meter(void)
{
	static u_int seconds; /* only here: one caller */
	uint32_t n, d;

	if (++seconds % LOAD_PERIOD == 0) {
		n = (uint32_t)sched_nrunnable();
		for (int i = 0; i < 3; i++) {
			d = load_decay[i];
			averunnable.ldavg[i] =
			    (uint32_t)(((uint64_t)d * averunnable.ldavg[i] +
					   (uint64_t)(FSCALE - d) * n *
					       FSCALE) >>
				FSHIFT);
		}
	}
	if (proc0.p_slptime > maxslp / 2)
		wakeup(&proc0);
}
