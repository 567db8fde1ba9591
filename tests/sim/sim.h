/*
 * The simulated machine under UVM: harts, threads, time, memory and user
 * accesses, all driven by one seed.  tests/sim/README.md is the guide.
 *
 * Every kernel thread is a fiber.  A hart runs one thread until that sleeps or
 * yields, as the kernel is not preemptive; the harts themselves interleave: at
 * every lock, unlock, atomic operation, fence and user access SIM_POINT() may go
 * on with another hart.  Nothing else switches, so code between two
 * such points is atomic, and the same seed gives the same run.
 */
#ifndef _TESTS_SIM_SIM_H_
#define _TESTS_SIM_SIM_H_

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/proc.h>
#include <uvm/uvm_extern.h>

/* How reference and modify bits are set, per hart. */
enum sim_ad { SIM_AD_HARD, SIM_AD_FAULT, SIM_AD_MIXED, SIM_AD_SOFT };

/* Immutable after sim_boot(). */
struct sim_config {
	uint64_t seed;
	u_int harts; /* 1 to MAXCPUS */
	u_int npages; /* of physical memory, in two segments */
	u_int asid_bits; /* 0, or 6 to 16 */
	enum sim_ad ad;
	u_int preempt; /* mean number of points between switches; 0: never */
	u_int fail; /* one in so many allocations fails; 0: none */
	u_int
	    stall; /* one in so many switches leaves a hart for long; 0: none */
	u_int
	    speculate; /* one in so many points fills a translation; 0: none */
	bool verbose; /* the kernel's log goes to stderr */
};
extern struct sim_config sim_config;

/*
 * Build the machine, initialise UVM, start the daemons, and run fn(arg) as the
 * first kernel thread on hart 0.
 * => once per host process; returns when fn has returned
 */
void sim_boot(const struct sim_config *cfg, void (*fn)(void *), void *arg);

/* -- Chance; every draw is part of the replay ------------------------------- */
uint64_t sim_random(void);
/* => 0 <= result < n */
uint64_t sim_below(uint64_t n);
/* => TRUE once in n on average; n 0: never */
bool sim_chance(u_int n);
/* => hash over every point, switch and access so far */
uint64_t sim_trace_hash(void);
/* mix into the hash (results of operations) */
void sim_trace_mix(uint64_t v);

/* -- Scheduling --------------------------------------------------------------- */
/* Another hart runs nothing between these; they nest. */
void sim_atomic_enter(void);
void sim_atomic_leave(void);
/* => fn(arg) while the other harts are idle, none in the middle of anything */
void sim_at_rest(void (*fn)(void *), void *arg);
/* => simulated uptime in ns; advances when all harts idle and a little always */
uint64_t sim_now(void);

/* -- Processes ------------------------------------------------------------------ */
/* => new process over vm (reference taken over); in allprocess with its first
 *    thread */
struct process *sim_process(struct vmspace *vm);
/*
 * A thread of pr that runs fn(arg) with its pmap active, as a user program in
 * the kernel would be.  When fn returns, the thread exits; the last thread of
 * a process frees its address space.
 * => NULL: no memory, and the caller is being killed
 */
struct proc *sim_thread(struct process *pr, void (*fn)(void *), void *arg);
/* => a process that got no thread is gone, and its address space */
void sim_process_unborn(struct process *pr);
/* => sleeps until the process is gone */
void sim_process_wait(struct process *pr);
/* => the daemon chose this process to die: its program should end soon */
bool sim_killed(struct process *pr);

/* -- User accesses of curproc: aligned 64-bit words ------------------------------ */
/*
 * Translate through the machine, faulting as hardware does (pmap_fault, then
 * uvm_fault), until the access is done.  With the MMU model every outcome the
 * privileged specification allows is computed; check(arg, value) is called for
 * each of them, with nothing between it and the access, and says whether the
 * value is right; if not, the simulation ends with the history of va.
 * => 0, or the errno of uvm_fault (EFAULT, EACCES, EIO, ENOMEM)
 */
typedef bool sim_check_fn(void *arg, uint64_t value);
/*
 * As a value fetched: the hart may still have what was at the page before it
 * was last written.  Wrong, unless the program itself wrote through a mapping
 * and made no fence.
 */
#define SIM_STALE UINT64_MAX
int sim_load(vaddr_t va, sim_check_fn *check, void *arg);
int sim_fetch(vaddr_t va, sim_check_fn *check, void *arg);
/* => stored(arg) is called in the same instant as the store */
int sim_store(vaddr_t va, uint64_t value, void (*stored)(void *), void *arg);

struct vm_page;
/* => nobody had accessed the page's memory at the last look: it is zero */
bool sim_untouched(const struct vm_page *pg);
/* => looks at all pages for that */
void sim_untouched_look(void);
/*
 * The kernel's own words outside the direct map: translated at each access,
 * where a plain load goes on with what the host once mapped there.
 */
u_long sim_kload(vaddr_t va);
void sim_kstore(vaddr_t va, u_long value);

/* -- Defects on purpose -------------------------------------------------------------- */
/* => before sim_boot(): switch that mutant on; FALSE: there is none */
bool sim_mutant(const char *name);

/* -- Failing ------------------------------------------------------------------------ */
/*
 * End the simulation as failed: prints the message, seed, operation, trace
 * ring, and the command that replays it; exit status 1.
 */
void sim_fail(const char *fmt, ...) __printflike(1, 2) __dead;
/* => called first by sim_fail(): the program prints where it was */
extern void (*sim_fail_hook)(void);
/* => FALSE mostly; TRUE: the allocation just asked for should fail */
bool sim_alloc_fails(void);

#endif
